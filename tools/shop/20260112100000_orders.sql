CREATE TYPE order_state AS ENUM ('open', 'paid', 'sent', 'returned');

CREATE TABLE orders (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_id UUID NOT NULL REFERENCES customers (id),
    state order_state NOT NULL DEFAULT 'open',
    placed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
COMMENT ON TABLE orders IS 'What a customer ordered, from basket to parcel.';
CREATE INDEX orders_customer ON orders (customer_id, placed_at);

CREATE TABLE order_items (
    order_id UUID NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    sku TEXT NOT NULL REFERENCES products (sku),
    quantity INT NOT NULL CHECK (quantity > 0),
    price NUMERIC(12, 2) NOT NULL,
    PRIMARY KEY (order_id, sku)
);
COMMENT ON COLUMN order_items.price IS 'At the time of the order; products.price moves on.';

-- @UNDO

DROP TABLE order_items;
DROP TABLE orders;
DROP TYPE order_state;
