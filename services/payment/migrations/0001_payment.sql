-- One row for each order that a session was asked for or that was cancelled: it is locked while either happens, so that
-- no session opens for an order whose cancellation has been heard.
CREATE TABLE orders (
    id           BIGINT PRIMARY KEY,
    cancelled_at TIMESTAMPTZ
);

CREATE TABLE transactions (
    -- Who knows it may pay: random, opaque, never logged whole.
    id           TEXT PRIMARY KEY,
    order_id     BIGINT NOT NULL REFERENCES orders (id),
    account_id   BIGINT NOT NULL,
    amount_cents BIGINT NOT NULL CHECK (amount_cents >= 0),
    -- What is bought, as order gave it: [{"product_id", "quantity", "price_cents"}].
    lines        JSONB NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('PENDING', 'SUCCESS', 'FAILED', 'VOIDED', 'REFUNDED')),
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- When order had answered about this transaction's outcome, or nothing was left to tell.
    settled_at   TIMESTAMPTZ
);

-- An order is never paid twice, nor has it two open sessions.
CREATE UNIQUE INDEX transactions_one_open_or_paid ON transactions (order_id) WHERE status IN ('PENDING', 'SUCCESS');
CREATE INDEX transactions_order ON transactions (order_id, created_at);

-- Outcomes that order must still hear of. Claimed by moving `due_at` past the time a claim may take.
CREATE TABLE tellings (
    transaction_id TEXT PRIMARY KEY REFERENCES transactions (id),
    attempts       INTEGER NOT NULL DEFAULT 0,
    due_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_error     TEXT,
    traceparent    TEXT
);
CREATE INDEX tellings_due ON tellings (due_at);

-- Money that the provider gave back, once for each transaction.
CREATE TABLE refunds (
    transaction_id TEXT PRIMARY KEY REFERENCES transactions (id),
    amount_cents   BIGINT NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Every webhook that was signed, understood and about one of our transactions; a replay only counts up.
CREATE TABLE webhooks (
    webhook_id         TEXT NOT NULL,
    transaction_id     TEXT NOT NULL REFERENCES transactions (id),
    outcome            TEXT NOT NULL CHECK (outcome IN ('SUCCESS', 'FAILED')),
    payment_gateway_id TEXT NOT NULL,
    -- The transaction's status before and after it came for the first time.
    status_before      TEXT NOT NULL,
    status_after       TEXT NOT NULL,
    deliveries         INTEGER NOT NULL DEFAULT 1,
    first_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_at            TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (webhook_id, transaction_id, outcome)
);

-- The simulated provider's side: what a person decided on the payment page, and whether the webhook has arrived.
CREATE TABLE provider_deliveries (
    transaction_id     TEXT PRIMARY KEY REFERENCES transactions (id),
    outcome            TEXT NOT NULL CHECK (outcome IN ('SUCCESS', 'FAILED')),
    webhook_id         TEXT NOT NULL UNIQUE,
    payment_gateway_id TEXT NOT NULL UNIQUE,
    attempts           INTEGER NOT NULL DEFAULT 0,
    -- NULL once the webhook was answered for good.
    due_at             TIMESTAMPTZ,
    last_answer        TEXT,
    traceparent        TEXT,
    created_at         TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX provider_deliveries_due ON provider_deliveries (due_at) WHERE due_at IS NOT NULL;

-- Names and prices as product tells them, for people to read; nothing is charged from here.
CREATE TABLE price_list (
    product_id  TEXT PRIMARY KEY,
    -- 0 when the producer gives none.
    version     BIGINT NOT NULL,
    name        TEXT NOT NULL,
    price_cents BIGINT NOT NULL,
    -- A deleted product's row stays: an id is never used again, and what comes late must not bring it back.
    deleted     BOOLEAN NOT NULL
);

CREATE TABLE inbox (
    consumer    TEXT NOT NULL,
    event_id    UUID NOT NULL,
    received_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
