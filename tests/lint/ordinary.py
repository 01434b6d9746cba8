"""Ordinary migrations as people write them: nothing at level error or warning may be said of them.

The first group is from the guide. `BOTH` holds for both engines, the others for one. Each entry is
the text of a file; a tuple is several files of one directory, oldest first.
"""

from __future__ import annotations

GUIDE = (
    """-- Forward migration
CREATE TABLE users (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name TEXT NOT NULL,
    email TEXT UNIQUE NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now()
);

-- @UNDO

-- Undo migration
DROP TABLE users;
""",
    """ALTER TABLE users ADD COLUMN age INTEGER;

-- @UNDO

ALTER TABLE users DROP COLUMN age;
""",
    """
    CREATE TABLE async_users (
        id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        name TEXT NOT NULL,
        email TEXT UNIQUE NOT NULL,
        created_at TIMESTAMPTZ DEFAULT now()
    );

-- @UNDO

    DROP TABLE async_users;
""",
    """ALTER TABLE async_users ADD COLUMN email_verified BOOLEAN DEFAULT FALSE;

-- @UNDO

ALTER TABLE async_users DROP COLUMN email_verified;
""",
    """INSERT INTO users (name, email) VALUES
('Test User 1', 'test1@example.com'),
('Test User 2', 'test2@example.com');

-- @UNDO

DELETE FROM users WHERE email IN ('test1@example.com', 'test2@example.com');
""",
    # The guide asks for this one instead of a single ADD COLUMN … NOT NULL DEFAULT.
    "ALTER TABLE users ADD COLUMN email_verified BOOLEAN NOT NULL DEFAULT FALSE;",
    "ALTER TABLE test_users ADD COLUMN email TEXT",
)

BOTH: tuple[str | tuple[str, ...], ...] = (
    "ALTER TABLE users ADD COLUMN IF NOT EXISTS nickname VARCHAR(40);",
    "ALTER TABLE users ADD COLUMN balance DECIMAL(12, 2) NOT NULL DEFAULT 0;",
    "ALTER TABLE users ADD COLUMN last_seen TIMESTAMPTZ;",
    "ALTER TABLE users ADD COLUMN tags TEXT[] NOT NULL DEFAULT '{}';",
    "ALTER TABLE users ADD COLUMN settings JSONB NOT NULL DEFAULT '{}'::JSONB;",
    "ALTER TABLE users ADD COLUMN updated_at TIMESTAMPTZ NOT NULL DEFAULT now();",
    "ALTER TABLE orders ADD COLUMN user_id UUID REFERENCES users (id);",
    "ALTER TABLE orders ADD COLUMN user_id UUID REFERENCES users (id) ON DELETE SET NULL;",
    "ALTER TABLE users ALTER COLUMN plan SET DEFAULT 'free';",
    "ALTER TABLE users ALTER COLUMN plan DROP DEFAULT;",
    "ALTER TABLE users ALTER COLUMN phone DROP NOT NULL;",
    """CREATE TABLE orders (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent')),
    total DECIMAL(12, 2) NOT NULL CHECK (total >= 0),
    placed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX orders_user_id_idx ON orders (user_id);
CREATE INDEX orders_status_idx ON orders (status) WHERE status <> 'sent';

-- @UNDO

DROP TABLE orders;
""",
    """CREATE TABLE memberships (
    user_id UUID NOT NULL REFERENCES users (id),
    team_id UUID NOT NULL REFERENCES teams (id),
    role TEXT NOT NULL,
    PRIMARY KEY (user_id, team_id)
);
-- @UNDO
DROP TABLE memberships;
""",
    """CREATE TABLE IF NOT EXISTS sessions (
    token TEXT PRIMARY KEY,
    user_id UUID NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
-- @UNDO
DROP TABLE IF EXISTS sessions;
""",
    """CREATE TABLE prices (
    product_id UUID NOT NULL,
    currency TEXT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    amount DECIMAL NOT NULL,
    CONSTRAINT prices_pkey PRIMARY KEY (product_id, currency, valid_from),
    CONSTRAINT prices_amount_check CHECK (amount > 0)
);
""",
    """CREATE TYPE order_status AS ENUM ('new', 'paid', 'sent');
CREATE TABLE shipments (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    status order_status NOT NULL DEFAULT 'new'
);
-- @UNDO
DROP TABLE shipments;
DROP TYPE order_status;
""",
    "ALTER TYPE order_status ADD VALUE 'returned';",
    "ALTER TYPE order_status ADD VALUE IF NOT EXISTS 'returned' AFTER 'sent';",
    "ALTER TYPE order_status RENAME VALUE 'sent' TO 'shipped';",
    """CREATE VIEW active_users AS SELECT id, name, email FROM users WHERE deleted_at IS NULL;
-- @UNDO
DROP VIEW active_users;
""",
    "CREATE OR REPLACE VIEW order_totals AS"
    " SELECT user_id, count(*) AS orders, sum(total) AS total FROM orders GROUP BY user_id;",
    "DROP VIEW IF EXISTS order_totals;",
    "CREATE MATERIALIZED VIEW sales AS SELECT day, sum(total) AS total FROM orders GROUP BY day;",
    "COMMENT ON TABLE users IS 'People who may log in';",
    "COMMENT ON COLUMN users.email IS 'Lower case; unique';",
    "GRANT SELECT, INSERT, UPDATE ON users TO app;",
    "REVOKE INSERT ON audit FROM app;",
    """CREATE SCHEMA IF NOT EXISTS billing;
CREATE TABLE billing.invoices (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    number TEXT NOT NULL UNIQUE
);
-- @UNDO
DROP TABLE billing.invoices;
DROP SCHEMA billing;
""",
    "UPDATE users SET email = lower(email) WHERE email <> lower(email);",
    "DELETE FROM sessions WHERE expires_at < now();",
    """INSERT INTO plans (id, name) VALUES (1, 'free'), (2, 'paid') ON CONFLICT (id) DO NOTHING;
-- @UNDO
DELETE FROM plans WHERE id IN (1, 2);
""",
    "INSERT INTO memberships (user_id, team_id, role)\n"
    "SELECT id, team_id, 'member' FROM users WHERE team_id IS NOT NULL;",
    """CREATE TABLE plans (id INT8 PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO plans (id, name) VALUES (1, 'free'), (2, 'paid');
-- @UNDO
DROP TABLE plans;
""",
    """-- Names are kept in one column from now on.
ALTER TABLE users ADD COLUMN full_name TEXT;
UPDATE users SET full_name = first_name || ' ' || last_name WHERE full_name IS NULL;
-- @UNDO
ALTER TABLE users DROP COLUMN full_name;
""",
    """ALTER TABLE orders ADD CONSTRAINT orders_total_check CHECK (total >= 0) NOT VALID;
-- @UNDO
ALTER TABLE orders DROP CONSTRAINT orders_total_check;
""",
    "ALTER TABLE orders VALIDATE CONSTRAINT orders_total_check;",
    """ALTER TABLE orders ADD CONSTRAINT orders_user_id_fkey
    FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
-- @UNDO
ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey;
""",
    "ALTER TABLE users DROP CONSTRAINT users_age_check;",
    "ALTER TABLE users RENAME CONSTRAINT users_age_check TO users_age_positive;",
    "ALTER INDEX users_name_idx RENAME TO users_by_name;",
    """CREATE TABLE documents (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id UUID NOT NULL,
    body JSONB NOT NULL DEFAULT '{}',
    size INT8 GENERATED ALWAYS AS (length(body::TEXT)) STORED
);
-- @UNDO
DROP TABLE documents;
""",
    """CREATE TABLE users_backup AS SELECT * FROM users WHERE created_at < '2020-01-01';
-- @UNDO
DROP TABLE users_backup;
""",
    """-- @environments development, testing
INSERT INTO users (name, email) VALUES ('Test', 'test@example.com');
-- @UNDO
DELETE FROM users WHERE email = 'test@example.com';
""",
    """-- @transaction off
UPDATE users SET plan = 'free' WHERE plan IS NULL;
UPDATE users SET quota = 10 WHERE plan = 'free' AND quota IS NULL;
""",
    """-- @allow drop-table: unused since release 41, copy in the archive
DROP TABLE faxes;
-- @UNDO
CREATE TABLE faxes (id UUID PRIMARY KEY);
""",
    """CREATE FUNCTION full_name(first TEXT, last TEXT) RETURNS TEXT
LANGUAGE SQL IMMUTABLE AS $$ SELECT first || ' ' || last $$;
-- @UNDO
DROP FUNCTION full_name;
""",
    "SET LOCAL statement_timeout = '30s'; UPDATE users SET a = 1 WHERE b = 2;",
    "SELECT 1;",
    (
        "CREATE TABLE accounts (id UUID PRIMARY KEY, name VARCHAR(20) NOT NULL);",
        "ALTER TABLE accounts ALTER COLUMN name TYPE VARCHAR(60);",
    ),
    (
        "CREATE TABLE a (id UUID PRIMARY KEY); CREATE TABLE b (id UUID PRIMARY KEY,"
        " a_id UUID REFERENCES a);",
        "ALTER TABLE b ADD COLUMN note TEXT; ALTER TABLE a ADD COLUMN note TEXT;",
    ),
    # A first migration that makes a whole schema.
    "".join(
        f"CREATE TABLE thing_{i} (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), n TEXT);\n"
        f"CREATE INDEX thing_{i}_n ON thing_{i} (n);\n"
        for i in range(12)
    )
    + "-- @UNDO\n"
    + "".join(f"DROP TABLE thing_{i};\n" for i in reversed(range(12))),
    """-- Trees: the parent is in the same table.
CREATE TABLE "Category Tree" (
    id UUID NOT NULL DEFAULT gen_random_uuid(),
    "parentId" UUID REFERENCES "Category Tree" (id),
    "Name" TEXT NOT NULL /* as shown */,
    PRIMARY KEY (id)
);
-- @UNDO
DROP TABLE "Category Tree";
""",
)

COCKROACHDB: tuple[str | tuple[str, ...], ...] = (
    # The guide: "Do this (less blocking)".
    """ALTER TABLE users ADD COLUMN email_verified BOOLEAN;
UPDATE users SET email_verified = FALSE;
ALTER TABLE users ALTER COLUMN email_verified SET NOT NULL;
""",
    "CREATE INDEX idx_users_email ON users (email);",
    "CREATE INDEX IF NOT EXISTS users_by_plan ON users (plan, created_at) STORING (name);",
    "CREATE INDEX CONCURRENTLY users_by_plan ON users (plan);",
    "CREATE INVERTED INDEX ON documents (body);",
    "CREATE INDEX events_at ON events (at) USING HASH;",
    "DROP INDEX users@users_by_plan;",
    "DROP INDEX IF EXISTS users@users_email_key CASCADE;",
    "ALTER INDEX users@users_by_plan NOT VISIBLE;",
    """CREATE TABLE events (
    id UUID DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    payload JSONB,
    name STRING NOT NULL,
    data BYTES,
    PRIMARY KEY (tenant_id, id),
    INDEX (tenant_id, at) STORING (name),
    INVERTED INDEX (payload),
    FAMILY f1 (id, tenant_id, at, name),
    FAMILY f2 (payload, data)
) WITH (ttl_expiration_expression = $$(at + INTERVAL '90 days')$$);
-- @UNDO
DROP TABLE events;
""",
    "CREATE TABLE logs (at TIMESTAMPTZ NOT NULL, line TEXT, PRIMARY KEY (at) USING HASH);",
    "UPSERT INTO plans (id, name) VALUES (1, 'free');",
    "DELETE FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 1000;",
    "UPDATE users SET plan = 'free' WHERE plan IS NULL LIMIT 1000;",
    "ALTER TABLE users ADD COLUMN city TEXT AS (address->>'city') VIRTUAL;",
    "ALTER TABLE users CONFIGURE ZONE USING gc.ttlseconds = 600;",
    "CREATE TABLE codes (code TEXT PRIMARY KEY) LOCALITY GLOBAL;",
    "ALTER TABLE users ALTER COLUMN country SET NOT NULL;",
    "ALTER TABLE events SET (ttl_expiration_expression = 'expires_at');",
    "ALTER TABLE users ADD COLUMN first TEXT, ADD COLUMN last TEXT;",
    "CREATE TABLE big (id INT8 NOT NULL PRIMARY KEY, parent INT8);",
    """ALTER TABLE orders ADD CONSTRAINT c CHECK (total >= 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT c;
-- @UNDO
ALTER TABLE orders DROP CONSTRAINT c;
""",
)

POSTGRESQL: tuple[str | tuple[str, ...], ...] = (
    # The guide: different indexes by environment.
    """-- Create different indexes based on environment
DO $$
BEGIN
    IF current_setting('app.environment') = 'production' THEN
        CREATE INDEX idx_users_email ON users (email);
    ELSE
        -- More aggressive indexing for development/testing
        CREATE INDEX idx_users_email ON users (email);
        CREATE INDEX idx_users_name ON users (name);
    END IF;
END $$;
""",
    "CREATE INDEX CONCURRENTLY users_email_idx ON users (email);",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users USING gin (tags) WHERE active;",
    "CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (lower(email)) INCLUDE (name);",
    "DROP INDEX CONCURRENTLY IF EXISTS users_email_idx;",
    "ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_key;",
    "CREATE TABLE t (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL);",
    "CREATE TABLE t (id BIGSERIAL PRIMARY KEY, name VARCHAR(255));",
    "CREATE TABLE t (id SERIAL PRIMARY KEY, name VARCHAR(255), at TIMESTAMP DEFAULT now());",
    "CREATE EXTENSION IF NOT EXISTS pgcrypto;",
    "CREATE SEQUENCE invoice_numbers;",
    "SET LOCAL lock_timeout = '5s'; ALTER TABLE users ADD COLUMN age INTEGER;",
    """CREATE FUNCTION touch() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
-- @UNDO
DROP TRIGGER users_touch ON users;
DROP FUNCTION touch();
""",
    """CREATE TABLE measurements (at TIMESTAMPTZ NOT NULL, v FLOAT8) PARTITION BY RANGE (at);
CREATE TABLE measurements_2025 PARTITION OF measurements
    FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- @UNDO
DROP TABLE measurements;
""",
    "CREATE DOMAIN email AS TEXT CHECK (VALUE LIKE '%@%');",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY sales;",
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY;",
    "CREATE POLICY own ON users USING (id = current_setting('app.user')::UUID);",
    "ALTER TABLE m DETACH PARTITION m_2019 CONCURRENTLY;",
    "SELECT pg_advisory_xact_lock(42);",
    "MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id);",
    "VACUUM (ANALYZE) events;",
    (
        "ALTER TABLE users ADD CONSTRAINT c CHECK (country IS NOT NULL) NOT VALID;",
        "ALTER TABLE users VALIDATE CONSTRAINT c;\n"
        "ALTER TABLE users ALTER COLUMN country SET NOT NULL;\n"
        "ALTER TABLE users DROP CONSTRAINT c;",
    ),
)
