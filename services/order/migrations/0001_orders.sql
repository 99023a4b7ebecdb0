-- Clients of the original hold an order's id in a 32-bit Int: the sequence ends where that does.
CREATE TABLE orders (
    id          BIGINT GENERATED ALWAYS AS IDENTITY (MINVALUE 1 MAXVALUE 2147483647) PRIMARY KEY,
    account_id  BIGINT NOT NULL CHECK (account_id > 0),
    status      TEXT NOT NULL CHECK (status IN ('PENDING', 'PAID', 'PAYMENT_FAILED', 'CANCELLED')),
    total_cents BIGINT NOT NULL CHECK (total_cents BETWEEN 0 AND 2147483647),
    version     BIGINT NOT NULL CHECK (version > 0),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX orders_by_account ON orders (account_id, id DESC);

-- Written with the order and never changed: the prices are those of the moment it was made.
CREATE TABLE order_lines (
    order_id    BIGINT NOT NULL REFERENCES orders (id),
    position    BIGINT NOT NULL,
    product_id  TEXT NOT NULL,
    quantity    BIGINT NOT NULL CHECK (quantity BETWEEN 1 AND 2147483647),
    price_cents BIGINT NOT NULL CHECK (price_cents BETWEEN 0 AND 99999999),
    PRIMARY KEY (order_id, position),
    UNIQUE (order_id, product_id)
);

-- A key stands only for an order that was made; what a repeated call is compared with are that order's own lines.
CREATE TABLE idempotency_keys (
    account_id BIGINT NOT NULL,
    key        TEXT NOT NULL,
    order_id   BIGINT NOT NULL REFERENCES orders (id),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE outbox (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          UUID NOT NULL UNIQUE,
    topic       TEXT NOT NULL,
    key         TEXT NOT NULL,
    kind        TEXT NOT NULL,
    source      TEXT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    value       BYTEA NOT NULL,
    traceparent TEXT
);

CREATE TABLE inbox (
    consumer    TEXT NOT NULL,
    event_id    UUID NOT NULL,
    received_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
