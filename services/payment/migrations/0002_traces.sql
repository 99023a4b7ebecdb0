-- Where the trace of the order goes on when somebody comes to pay, for the traces that somebody collects.
ALTER TABLE transactions ADD COLUMN traceparent TEXT;
