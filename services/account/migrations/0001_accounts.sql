-- Ids stay below 2^31: the original's GraphQL clients hold them in a 32-bit Int.
CREATE TABLE accounts (
    id            BIGINT GENERATED ALWAYS AS IDENTITY (MAXVALUE 2147483647) PRIMARY KEY,
    name          TEXT NOT NULL,
    -- As it was given, for people; who is who is decided by email_key.
    email         TEXT NOT NULL,
    email_key     TEXT NOT NULL,
    -- A PHC string: algorithm, parameters and salt stand in it.
    password_hash TEXT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT accounts_email_key UNIQUE (email_key)
);
