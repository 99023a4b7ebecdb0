-- One row, taken first by every transaction that changes what recommendations are made of, and held until it commits:
-- revisions therefore become visible in their own order, and whoever knows revision n misses nothing by asking for
-- what is newer than n.
CREATE TABLE revision (
    one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    n   BIGINT NOT NULL
);

INSERT INTO revision (n) VALUES (0);

-- The catalog as product's events told it. A deleted product stays as a tombstone, so that an older event that comes
-- again does not bring it back. Version 0 is that of events that carry none.
CREATE TABLE products (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    price_cents BIGINT NOT NULL CHECK (price_cents BETWEEN 0 AND 99999999),
    version     BIGINT NOT NULL CHECK (version >= 0),
    deleted     BOOLEAN NOT NULL,
    revision    BIGINT NOT NULL
);

CREATE INDEX products_by_revision ON products (revision);

-- The shop's orders as of the newest version seen. A cancelled one keeps its lines: they are no interaction any more,
-- but its owner ordered them.
CREATE TABLE orders (
    id          BIGINT PRIMARY KEY,
    account_id  BIGINT NOT NULL,
    product_ids TEXT[] NOT NULL,
    quantities  BIGINT[] NOT NULL,
    cancelled   BOOLEAN NOT NULL,
    version     BIGINT NOT NULL CHECK (version >= 0),
    revision    BIGINT NOT NULL
);

CREATE INDEX orders_by_revision ON orders (revision);

-- Past baskets of another system. Its customers are nobody here.
CREATE TABLE imported_baskets (
    id          TEXT PRIMARY KEY,
    customer    TEXT NOT NULL,
    ordered_at  TIMESTAMPTZ NOT NULL,
    product_ids TEXT[] NOT NULL,
    quantities  BIGINT[] NOT NULL,
    revision    BIGINT NOT NULL
);

CREATE INDEX imported_baskets_by_revision ON imported_baskets (revision);

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
