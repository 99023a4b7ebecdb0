-- An order in one row, its lines column by column in their order. The lines are looked up by their order, one after the
-- other, whatever the planner thinks of the tables' sizes while they are still young.
CREATE VIEW whole_orders AS
SELECT orders.*, lines.*
FROM orders,
    LATERAL (
        SELECT
            COALESCE(array_agg(product_id), '{}') AS product_ids,
            COALESCE(array_agg(quantity), '{}') AS quantities,
            COALESCE(array_agg(price_cents), '{}') AS prices
        FROM (SELECT * FROM order_lines WHERE order_id = orders.id ORDER BY position) AS line
    ) AS lines;
