"""Pairs of schemas that a migration has to lead between, both ways.

Each case is the SQL of one schema and of the other; `BASE` comes before both. ``both`` runs on
either engine, ``postgresql`` and ``cockroachdb`` on one.
"""

from __future__ import annotations

BASE = """
CREATE TABLE users (
    id INT8 PRIMARY KEY, name TEXT, mail VARCHAR(40) NOT NULL, age INT4 DEFAULT 1,
    score DECIMAL(10, 2) DEFAULT 0
);
CREATE TABLE posts (id INT8 PRIMARY KEY, author INT8, title TEXT, at TIMESTAMPTZ);
"""

BOTH = {
    "a table": ("", "CREATE TABLE notes (id UUID PRIMARY KEY, note TEXT DEFAULT 'x');"),
    "tables that point to each other": (
        "",
        """
        CREATE TABLE one (id INT8 PRIMARY KEY, two INT8);
        CREATE TABLE two (id INT8 PRIMARY KEY, one INT8 REFERENCES one (id));
        ALTER TABLE one ADD CONSTRAINT to_two FOREIGN KEY (two) REFERENCES two (id);
        """,
    ),
    "a table in a schema of its own": (
        "",
        """CREATE SCHEMA "My shop";
        CREATE TABLE "My shop"."Odd; table" ("Select" INT8 PRIMARY KEY, "a ""b" TEXT);""",
    ),
    "a column": ("", "ALTER TABLE users ADD COLUMN bio TEXT;"),
    "a column with everything": (
        "",
        "ALTER TABLE users ADD COLUMN rank INT8 NOT NULL DEFAULT 7;",
    ),
    "a default set": ("", "ALTER TABLE users ALTER COLUMN name SET DEFAULT 'it''s';"),
    "a default changed": ("", "ALTER TABLE users ALTER COLUMN age SET DEFAULT 2;"),
    "a default dropped": ("", "ALTER TABLE users ALTER COLUMN age DROP DEFAULT;"),
    "not null": ("", "ALTER TABLE users ALTER COLUMN name SET NOT NULL;"),
    "null": ("", "ALTER TABLE users ALTER COLUMN mail DROP NOT NULL;"),
    "a check": ("", "ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 17);"),
    "a check changed": (
        "ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 17);",
        "ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 20 AND name <> '');",
    ),
    "a foreign key": (
        "",
        "ALTER TABLE posts ADD CONSTRAINT by FOREIGN KEY (author) REFERENCES users (id)"
        " ON DELETE CASCADE;",
    ),
    "a foreign key changed": (
        "ALTER TABLE posts ADD CONSTRAINT by FOREIGN KEY (author) REFERENCES users (id);",
        "ALTER TABLE posts ADD CONSTRAINT by FOREIGN KEY (author) REFERENCES users (id)"
        " ON DELETE SET NULL ON UPDATE CASCADE;",
    ),
    "a foreign key to what goes": (
        """CREATE TABLE old (id INT8 PRIMARY KEY);
        ALTER TABLE posts ADD CONSTRAINT by FOREIGN KEY (author) REFERENCES old (id);""",
        "",
    ),
    "an index": ("", "CREATE INDEX by_name ON users (name DESC, age);"),
    "a unique index": ("", "CREATE UNIQUE INDEX once ON users (mail);"),
    "an index changed": (
        "CREATE INDEX by_name ON users (name);",
        "CREATE INDEX by_name ON users (name, mail) WHERE age > 17;",
    ),
    "a unique index that a foreign key points to, changed": (
        """CREATE UNIQUE INDEX once ON users (mail);
        ALTER TABLE posts ADD CONSTRAINT by_mail FOREIGN KEY (title) REFERENCES users (mail);""",
        """CREATE UNIQUE INDEX once_more ON users (mail);
        ALTER TABLE posts ADD CONSTRAINT by_mail FOREIGN KEY (title) REFERENCES users (mail);""",
    ),
    "an enum and a column of it": (
        "",
        "CREATE TYPE mood AS ENUM ('sad', 'o''k');"
        " ALTER TABLE users ADD COLUMN mood mood DEFAULT 'o''k';",
    ),
    "a view": ("", "CREATE VIEW grown AS SELECT id, name FROM users WHERE age > 17;"),
    "views on views": (
        "",
        """CREATE VIEW zz AS SELECT id, name FROM users;
        CREATE VIEW mm AS SELECT id AS "The id" FROM zz;
        CREATE VIEW aa AS SELECT "The id" FROM mm;""",
    ),
    "a view changed under another": (
        """CREATE VIEW one AS SELECT id, name FROM users;
        CREATE VIEW two AS SELECT id FROM one;""",
        """CREATE VIEW one AS SELECT name, id FROM users WHERE age > 3;
        CREATE VIEW two AS SELECT id FROM one;""",
    ),
    "a view over a column that goes": (
        """ALTER TABLE users ADD COLUMN bio TEXT;
        CREATE VIEW v AS SELECT id, bio FROM users;""",
        "CREATE VIEW v AS SELECT id, name FROM users;",
    ),
    "a materialized view": (
        "",
        "CREATE MATERIALIZED VIEW m AS SELECT age, count(*) AS n FROM users GROUP BY age;",
    ),
    "a sequence": ("", "CREATE SEQUENCE numbers INCREMENT 5 START 10;"),
    "comments": (
        "COMMENT ON TABLE posts IS 'old'; COMMENT ON COLUMN users.name IS 'gone';",
        "COMMENT ON TABLE users IS 'it''s new'; COMMENT ON TABLE posts IS 'new';"
        " COMMENT ON COLUMN users.age IS 'years';",
    ),
    "a computed column": (
        "",
        "ALTER TABLE users ADD COLUMN twice DECIMAL GENERATED ALWAYS AS (score * 2) STORED;",
    ),
    "names that need quotes": (
        'CREATE TABLE "T ""1" ("A" INT8 PRIMARY KEY, "select" TEXT);',
        """CREATE TABLE "T ""1" ("A" INT8 PRIMARY KEY, "select" TEXT DEFAULT 'x', "B b" INT4);
        CREATE INDEX "I i" ON "T ""1" ("select", "B b");
        COMMENT ON COLUMN "T ""1"."select" IS 'a
-- @UNDO
b';""",
    ),
    "everything of a table": (
        """CREATE TABLE t (a INT8 PRIMARY KEY, b TEXT, c INT4 NOT NULL, d TEXT DEFAULT 'x');
        CREATE INDEX t_b ON t (b); CREATE INDEX t_c ON t (c);""",
        """CREATE TABLE t (a INT8 PRIMARY KEY, b TEXT NOT NULL DEFAULT 'b', c INT4, e DATE);
        CREATE INDEX t_b ON t (b, c); CREATE UNIQUE INDEX t_e ON t (e);
        ALTER TABLE t ADD CONSTRAINT t_check CHECK (c > 0);""",
    ),
}

POSTGRESQL = {
    "types": (
        "",
        """ALTER TABLE users ALTER age DROP DEFAULT, ALTER age TYPE TEXT;
        ALTER TABLE users ALTER mail TYPE VARCHAR(80), ALTER score TYPE NUMERIC(14, 4);""",
    ),
    "types that have no cast": (
        "CREATE TABLE t (a INT8 DEFAULT 1, b BOOL, c UUID, d INT4[]);",
        "CREATE TABLE t (a BOOL DEFAULT true, b DATE, c INT4, d BOOL[]);",
    ),
    "a type under indexes, checks, defaults, views and keys": (
        """CREATE INDEX by_age ON users (age); CREATE INDEX by_half ON users ((age / 2));
        CREATE UNIQUE INDEX part ON users (name) WHERE age > 3;
        ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 17);
        CREATE VIEW v AS SELECT age FROM users;
        CREATE TABLE ages (age INT4 PRIMARY KEY);
        ALTER TABLE users ADD CONSTRAINT known FOREIGN KEY (age) REFERENCES ages (age);""",
        """ALTER TABLE users ALTER age TYPE INT8;
        CREATE INDEX by_age ON users (age); CREATE INDEX by_half ON users ((age / 2));
        CREATE UNIQUE INDEX part ON users (name) WHERE age > 3;
        ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 17);
        CREATE VIEW v AS SELECT age FROM users;
        CREATE TABLE ages (age INT8 PRIMARY KEY);
        ALTER TABLE users ADD CONSTRAINT known FOREIGN KEY (age) REFERENCES ages (age);""",
    ),
    "text to an enum": (
        "ALTER TABLE users ADD CONSTRAINT c CHECK (name <> 'x');"
        "ALTER TABLE users ALTER name SET DEFAULT 'a'; CREATE INDEX i ON users (name);",
        """CREATE TYPE letter AS ENUM ('a', 'b');
        ALTER TABLE users ALTER name TYPE letter USING name::letter;
        ALTER TABLE users ADD CONSTRAINT c CHECK (name <> 'b');
        ALTER TABLE users ALTER name SET DEFAULT 'a'; CREATE INDEX i ON users (name);""",
    ),
    "labels added": (
        """CREATE TYPE mood AS ENUM ('b', 'd'); ALTER TABLE users ADD mood mood DEFAULT 'b';""",
        """CREATE TYPE mood AS ENUM ('a', 'b', 'c', 'd', 'e');
        ALTER TABLE users ADD mood mood DEFAULT 'b';""",
    ),
    "a label added and used": (
        "CREATE TYPE mood AS ENUM ('b'); ALTER TABLE users ADD mood mood DEFAULT 'b';",
        "CREATE TYPE mood AS ENUM ('b', 'c'); ALTER TABLE users ADD mood mood DEFAULT 'c';",
    ),
    "labels removed, under everything": (
        """CREATE TYPE mood AS ENUM ('a', 'b', 'c');
        ALTER TABLE users ADD mood mood NOT NULL DEFAULT 'b', ADD moods mood[] DEFAULT '{a}',
            ADD good BOOL GENERATED ALWAYS AS (mood = 'b'::mood) STORED;
        CREATE INDEX i ON users (mood) WHERE mood <> 'b';
        ALTER TABLE users ADD CONSTRAINT c CHECK (mood <> 'a');
        CREATE VIEW v AS SELECT id FROM users WHERE mood = 'b';
        CREATE FUNCTION f(m mood) RETURNS mood LANGUAGE sql AS 'SELECT m';
        COMMENT ON TYPE mood IS 'feelings';""",
        """CREATE TYPE mood AS ENUM ('b', 'a');
        ALTER TABLE users ADD mood mood NOT NULL DEFAULT 'b', ADD moods mood[] DEFAULT '{a}',
            ADD good BOOL GENERATED ALWAYS AS (mood = 'b'::mood) STORED;
        CREATE INDEX i ON users (mood) WHERE mood <> 'b';
        ALTER TABLE users ADD CONSTRAINT c CHECK (mood <> 'a');
        CREATE VIEW v AS SELECT id FROM users WHERE mood = 'b';
        CREATE FUNCTION f(m mood) RETURNS mood LANGUAGE sql AS 'SELECT m';
        COMMENT ON TYPE mood IS 'feelings';""",
    ),
    "a primary key": (
        """CREATE TABLE t (a INT8 PRIMARY KEY, b INT8 NOT NULL, c INT8);
        CREATE TABLE s (t INT8 REFERENCES t (a));
        CREATE VIEW v AS SELECT a, c, count(*) FROM t GROUP BY a;""",
        """CREATE TABLE t (a INT8 UNIQUE, b INT8, c INT8, CONSTRAINT t_pkey PRIMARY KEY (b, c));
        CREATE TABLE s (t INT8 REFERENCES t (a));""",
    ),
    "a primary key less": (
        "CREATE TABLE t (a INT8 PRIMARY KEY);",
        "CREATE TABLE t (a INT8);",
    ),
    "constraints of all kinds": (
        "CREATE TABLE t (a INT8, b INT8, r INT4RANGE);",
        """CREATE TABLE t (a INT8, b INT8, r INT4RANGE, UNIQUE (a) INCLUDE (b),
        EXCLUDE USING gist (r WITH &&));
        ALTER TABLE t ADD CONSTRAINT late CHECK (a > 0) NOT VALID;
        ALTER TABLE t ADD CONSTRAINT slow UNIQUE (b) DEFERRABLE INITIALLY DEFERRED;""",
    ),
    "a constraint validated": (
        "ALTER TABLE users ADD CONSTRAINT late CHECK (age > 0) NOT VALID;",
        "ALTER TABLE users ADD CONSTRAINT late CHECK (age > 0);",
    ),
    "computed columns": (
        """ALTER TABLE users ADD a TEXT GENERATED ALWAYS AS (upper(name)) STORED,
            ADD b TEXT GENERATED ALWAYS AS (lower(name)) STORED, ADD c TEXT,
            ADD d INT4 GENERATED ALWAYS AS (age + 1) STORED;
        CREATE INDEX i ON users (b); COMMENT ON COLUMN users.b IS 'kept';
        CREATE VIEW v AS SELECT b FROM users;""",
        """ALTER TABLE users ADD a TEXT,
            ADD b TEXT GENERATED ALWAYS AS (upper(name)) STORED,
            ADD c TEXT GENERATED ALWAYS AS (name || 'x') STORED;
        ALTER TABLE users ALTER age TYPE INT8;
        ALTER TABLE users ADD d INT4 GENERATED ALWAYS AS (age + 1) STORED;
        CREATE INDEX i ON users (b); COMMENT ON COLUMN users.b IS 'kept';
        CREATE VIEW v AS SELECT b FROM users;""",
    ),
    "identity and serial": (
        """CREATE TABLE t (a INT8 GENERATED ALWAYS AS IDENTITY, b SERIAL, c INT8, d INT8,
            e INT8 GENERATED BY DEFAULT AS IDENTITY (START WITH 5));""",
        """CREATE TABLE t (a INT8 NOT NULL, b INT4, c INT8 GENERATED ALWAYS AS IDENTITY,
            d BIGSERIAL, e INT8 GENERATED ALWAYS AS IDENTITY (START WITH 7));""",
    ),
    "sequences": (
        "CREATE SEQUENCE s; CREATE SEQUENCE o OWNED BY users.age;",
        "CREATE SEQUENCE s AS INT4 INCREMENT -2 MAXVALUE 50 CYCLE; CREATE SEQUENCE o;",
    ),
    "a sequence that loses its column": (
        "CREATE SEQUENCE s OWNED BY users.score;",
        "CREATE SEQUENCE s; ALTER TABLE users DROP COLUMN score;",
    ),
    "routines": (
        """CREATE FUNCTION f(a INT4) RETURNS INT4 LANGUAGE sql AS 'SELECT a + 1';
        CREATE FUNCTION g() RETURNS INT4 LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION h(u users) RETURNS TEXT LANGUAGE sql AS 'SELECT u.name';
        CREATE VIEW v AS SELECT g() AS g;""",
        """CREATE FUNCTION f(a INT4) RETURNS INT4 LANGUAGE sql AS 'SELECT a + 2';
        CREATE FUNCTION g() RETURNS TEXT LANGUAGE sql AS $$SELECT 'x'$$;
        CREATE VIEW v AS SELECT g() AS g;
        CREATE TABLE n (a INT8);
        CREATE FUNCTION rows() RETURNS SETOF n LANGUAGE sql AS 'SELECT a FROM n';
        CREATE FUNCTION slug(t TEXT) RETURNS TEXT IMMUTABLE LANGUAGE sql AS 'SELECT lower(t)';
        ALTER TABLE users ADD slug TEXT GENERATED ALWAYS AS (slug(name)) STORED;
        CREATE INDEX i ON users (slug(mail));
        CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';""",
    ),
    "triggers, policies and rules": (
        """CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER t BEFORE UPDATE OF age ON users FOR EACH ROW EXECUTE FUNCTION f();
        CREATE POLICY p ON users USING (age > 3);
        CREATE RULE r AS ON DELETE TO posts DO INSTEAD NOTHING;
        CREATE STATISTICS st ON name, age FROM users;""",
        """CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        ALTER TABLE users ALTER age TYPE INT8, ENABLE ROW LEVEL SECURITY;
        CREATE TRIGGER t BEFORE UPDATE OF age ON users FOR EACH ROW EXECUTE FUNCTION f();
        CREATE TRIGGER u AFTER DELETE ON posts FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE posts DISABLE TRIGGER u;
        CREATE POLICY p ON users USING (age > 4);
        CREATE STATISTICS st ON name, age FROM users;""",
    ),
    "partitions": (
        """CREATE TABLE e (at DATE NOT NULL, k TEXT) PARTITION BY RANGE (at);
        CREATE TABLE e1 PARTITION OF e FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE e0 PARTITION OF e DEFAULT;""",
        """CREATE TABLE e (at DATE NOT NULL, k TEXT DEFAULT 'k', n INT8, PRIMARY KEY (at))
            PARTITION BY RANGE (at);
        CREATE TABLE e1 PARTITION OF e FOR VALUES FROM ('2024-01-01') TO ('2025-06-01');
        CREATE TABLE e2 PARTITION OF e FOR VALUES FROM ('2025-06-01') TO ('2026-01-01');
        ALTER TABLE e2 ALTER k SET DEFAULT 'two';
        CREATE INDEX i ON e (k); CREATE INDEX own ON e2 (n);""",
    ),
    "options and schemas": (
        "CREATE SCHEMA one; CREATE TABLE one.t (a INT8) WITH (fillfactor = 70);"
        "CREATE UNLOGGED TABLE q (a INT8);",
        "CREATE SCHEMA two; CREATE TABLE two.t (a INT8);"
        "CREATE TABLE q (a INT8) WITH (fillfactor = 50, autovacuum_enabled = off);",
    ),
    "views of all kinds": (
        """CREATE VIEW v WITH (security_barrier) AS SELECT id FROM users;
        CREATE MATERIALIZED VIEW m AS SELECT id, age FROM users;
        CREATE INDEX mi ON m (age); CREATE UNIQUE INDEX mu ON m (id);
        COMMENT ON MATERIALIZED VIEW m IS 'm'; COMMENT ON COLUMN v.id IS 'v';
        CREATE VIEW x AS SELECT 1 AS a;""",
        """CREATE VIEW v AS SELECT id FROM users;
        CREATE MATERIALIZED VIEW m AS SELECT id, age FROM users;
        CREATE INDEX mi ON m (age, id); CREATE UNIQUE INDEX mu ON m (id);
        COMMENT ON MATERIALIZED VIEW m IS 'm'; COMMENT ON COLUMN v.id IS 'v';
        CREATE MATERIALIZED VIEW x AS SELECT 1 AS a;""",
    ),
    "a table that becomes a view": (
        "CREATE TABLE t (a INT8); CREATE VIEW v AS SELECT a FROM t;",
        "CREATE VIEW t AS SELECT id AS a FROM users; CREATE VIEW v AS SELECT a FROM t;",
    ),
    "types of one's own": (
        "",
        """CREATE DOMAIN mail AS TEXT CHECK (VALUE LIKE '%@%');
        CREATE TYPE pair AS (a INT8, b TEXT);
        CREATE TABLE t (m mail, p pair);""",
    ),
}

COCKROACHDB = {
    "a primary key": (
        "CREATE TABLE t (a INT8 PRIMARY KEY, b INT8 NOT NULL, c INT8 NOT NULL);",
        "CREATE TABLE t (a INT8 NOT NULL, b INT8 NOT NULL, c INT8 NOT NULL,"
        ' CONSTRAINT "primary" PRIMARY KEY (b, c DESC));',
    ),
    "indexes of all kinds": (
        "CREATE TABLE t (a INT8 PRIMARY KEY, j JSONB, b TEXT);",
        """CREATE TABLE t (a INT8 PRIMARY KEY, j JSONB, b TEXT, INVERTED INDEX ij (j),
            INDEX ib (b) STORING (j), UNIQUE INDEX iu (b DESC) WHERE a > 3);""",
    ),
    "a type": ("", "ALTER TABLE users ALTER COLUMN mail TYPE VARCHAR(80);"),
}

# Cases whose statements on CockroachDB are those of other cases.
LIKE_OTHERS = {
    "a table",
    "a column",
    "a default set",
    "a default dropped",
    "null",
    "a check",
    "a foreign key",
    "an index",
    "a unique index",
    "a view",
    "views on views",
    "a sequence",
}
