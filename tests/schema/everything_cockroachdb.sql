CREATE SCHEMA shop;
CREATE SCHEMA "Odd ""schema";
CREATE TYPE mood AS ENUM ('sad', 'o''k', 'happy');
CREATE TYPE shop.size AS ENUM ('A', 'b.c');
CREATE SEQUENCE ids MINVALUE 10 MAXVALUE 1000 INCREMENT 5 START 100;
CREATE SEQUENCE down INCREMENT -1;
CREATE SEQUENCE shop.numbers;

CREATE TABLE customers (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    number INT8 NOT NULL DEFAULT nextval('ids'),
    name STRING NOT NULL,
    upper_name STRING AS (upper(name)) STORED,
    email VARCHAR(80) UNIQUE,
    mood mood DEFAULT 'o''k',
    balance DECIMAL(10, 2) DEFAULT 0 CHECK (balance >= 0),
    tags STRING[] DEFAULT ARRAY[]:::STRING[],
    data JSONB DEFAULT '{"a": [1, 2]}',
    born DATE,
    seen TIMESTAMPTZ(3) DEFAULT now(),
    at TIME,
    waits INTERVAL DEFAULT '1 day 02:00:00',
    code CHAR(3),
    short STRING(7),
    flags VARBIT(5),
    bytes BYTES DEFAULT b'\xde\xad',
    text STRING DEFAULT e'it''s\n\\x',
    spoken STRING COLLATE en,
    address INET,
    "select" VARCHAR(20),
    "Weird ""col" INT2,
    CONSTRAINT name_once UNIQUE (name, born),
    CHECK (name != '' AND (born IS NULL OR born > '1900-01-01')),
    INVERTED INDEX customers_data (data),
    INDEX customers_name (name DESC, born) STORING (number) WHERE balance > 0,
    UNIQUE INDEX "Odd index" ("Weird ""col") WHERE mood = 'happy'
);
COMMENT ON TABLE customers IS 'People; "who" buy

-- @UNDO is not a marker here';
COMMENT ON COLUMN customers.name IS 'the name';
COMMENT ON INDEX customers@customers_data IS 'for @>';

CREATE TABLE shop.orders (
    id INT8 PRIMARY KEY DEFAULT unique_rowid(),
    customer UUID NOT NULL REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE,
    parent INT8 REFERENCES shop.orders (id) ON DELETE SET NULL,
    amount DECIMAL,
    INDEX (customer),
    CONSTRAINT positive CHECK (amount > 0)
);
ALTER TABLE shop.orders ADD CONSTRAINT late CHECK (amount < 100) NOT VALID;
ALTER SEQUENCE shop.numbers OWNED BY shop.orders.id;
CREATE TABLE "Odd ""schema"."Table; -- 'x'" ("Column" INT8, a INT4, UNIQUE (a));
CREATE TABLE refers (
    a INT4 REFERENCES "Odd ""schema"."Table; -- 'x'" (a), b INT8, c INT8,
    UNIQUE INDEX refers_index (b, c)
);
CREATE TABLE refers_to_index (
    b INT8, c INT8, FOREIGN KEY (b, c) REFERENCES refers (b, c) MATCH FULL
);
CREATE TABLE families (a INT8 PRIMARY KEY, b INT8, c INT8, FAMILY one (a, b), FAMILY two (c));
CREATE TABLE compound (
    a INT8, b INT8, size shop.size DEFAULT 'b.c', sizes shop.size[], PRIMARY KEY (b DESC, a)
);

CREATE VIEW shop.zz_first AS SELECT id, name FROM customers WHERE mood = 'happy';
CREATE VIEW aa_second (id, "The Name") AS SELECT id, name FROM shop.zz_first;
CREATE MATERIALIZED VIEW counts AS
    SELECT customer, count(*) AS n FROM shop.orders GROUP BY customer;
