CREATE TABLE customers (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
COMMENT ON TABLE customers IS 'Who buys. Never deleted: orders must keep their owner.';
COMMENT ON COLUMN customers.email IS 'Where receipts go; also the login.';

CREATE TABLE products (
    sku TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    price NUMERIC(12, 2) NOT NULL CHECK (price >= 0),
    stock INT NOT NULL DEFAULT 0 CHECK (stock >= 0)
);
COMMENT ON TABLE products IS 'What can be bought, and how much of it is left.';

-- @UNDO

DROP TABLE products;
DROP TABLE customers;
