-- Where the trace of an order's creation can be gone on with, for the traces that somebody collects: who pays does so much
-- later, and in another request.
CREATE TABLE order_traces (
    order_id    BIGINT PRIMARY KEY,
    traceparent TEXT NOT NULL
);
