use sqlx::PgConnection;

use crate::invariants::history::Column;

/// The columns that are named like money, or that have a type in which money must not be.
pub(super) async fn read(database: &str, connection: &mut PgConnection) -> Result<Vec<Column>, sqlx::Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT relname::text, attname::text, kind
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, format_type(atttypid, NULL) AS kind
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND attnum > 0
             AND NOT attisdropped AND (attname ~ '(_cents|price|prices|amount|total)$'
                 OR kind ~ '^(real|double precision|numeric|money)')
         ORDER BY 1, 2",
    )
    .fetch_all(connection)
    .await?;
    let column = |(table, column, kind)| Column { name: format!("{database}.{table}.{column}"), kind };
    Ok(rows.into_iter().map(column).collect())
}
