//! An account's orders, page by page.

use tonic::Code;

use crate::shop::{Shop, code, lines};

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_each_order_once_newest_first_also_while_orders_are_made() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    let mut made = Vec::new();
    for _ in 0..7 {
        made.insert(0, shop.create(&token, &[("mug", 1), ("bag", 2)]).await.expect("an order").id);
        shop.create(&shop.user(8), &[("bag", 1)]).await.expect("another's order");
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.list(&token, 0, 3, &cursor).await.expect("a page");
        assert!(page.orders.len() <= 3);
        assert!(page.orders.iter().all(|order| lines(order) == [("mug", 1), ("bag", 2)]));
        seen.extend(page.orders.iter().map(|order| order.id));
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
        shop.create(&token, &[("mug", 1)]).await.expect("an order made meanwhile");
    }
    assert_eq!(seen, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_20_orders_unless_told_and_never_more_than_100() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    sqlx::query(
        "INSERT INTO orders (account_id, status, total_cents, version)
         SELECT 7, 'PENDING', 100, 1 FROM generate_series(1, 101)",
    )
    .execute(&shop.pool)
    .await
    .expect("rows can be written");
    for (limit, expected) in [(0, 20), (1, 1), (100, 100), (101, 100), (u32::MAX, 100)] {
        let page = shop.list(&token, 0, limit, "").await.expect("a page");
        assert_eq!(page.orders.len(), expected, "limit {limit}");
        assert!(!page.next_cursor.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_nobody_was_given_is_an_invalid_argument() {
    let shop = Shop::start().await;
    for cursor in ["1", "order:1", "🛒", "b3JkZXI6LTE"] {
        assert_eq!(code(shop.list(&shop.user(7), 0, 0, cursor).await), Code::InvalidArgument, "{cursor}");
    }
}
