CREATE TABLE payments (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id),
    amount NUMERIC(12, 2) NOT NULL,
    paid_at TIMESTAMPTZ
);
CREATE INDEX payments_order ON payments (order_id);

CREATE TABLE parcels (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id),
    tracking TEXT UNIQUE,
    sent_at TIMESTAMPTZ
);
CREATE INDEX parcels_order ON parcels (order_id);

-- @UNDO

DROP TABLE parcels;
DROP TABLE payments;
