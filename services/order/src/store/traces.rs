//! Where the traces of orders began, for whoever goes on with them later. Telemetry only: nothing depends on it.

use super::Store;

impl Store {
    /// Keeps where an order was made. Not worth waiting for the disk.
    pub(crate) async fn keep_trace(&self, order_id: i64, traceparent: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO order_traces (order_id, traceparent)
             SELECT $1, $2 FROM set_config('synchronous_commit', 'off', true)
             ON CONFLICT DO NOTHING",
        )
        .bind(order_id)
        .bind(traceparent)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// What [`Store::keep_trace`] has kept.
    pub(crate) async fn trace(&self, order_id: i64) -> Result<Option<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT traceparent FROM order_traces WHERE order_id = $1")
            .bind(order_id)
            .fetch_optional(&self.pool)
            .await
    }
}
