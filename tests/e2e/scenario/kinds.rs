use super::{Case, played};
use crate::stack::Stack;

const fn holds(name: &'static str, story: &'static str) -> Case {
    Case { name, story, fails: None }
}

const fn fails(name: &'static str, story: &'static str, step: &'static str, why: &'static str) -> Case {
    Case { name, story, fails: Some((step, why)) }
}

pub(super) const STEPS: &[Case] = &[
    holds("log-in", "  - log_in: {actor: ann}\n  - log_in: {actor: bob, to: ann}\n  - cancel: {order: first, by: bob}\n"),
    fails(
        "log-in-to-the-wrong-account",
        "  - sql: {database: account_db, query: \"UPDATE accounts SET password_hash = 'x' WHERE id = $1\", args: ['${ann.id}']}
  - log_in: {actor: ann}\n",
        "log in ann",
        "an answer to login",
    ),
    holds(
        "products",
        "  - register: sue
  - add_product: {by: sue, name: Lamp, price_cents: 1999, as: lamp}
  - change_product: {by: sue, product: lamp, name: Light, price_cents: 5}
  - change_product: {by: ann, product: lamp, price_cents: 1, refused: PERMISSION_DENIED}
  - http: {to: product, path: '/products/${lamp.id}', answer: {body: {name: Light, price: 0.05}}}
  - delete_product: {by: ann, product: lamp, refused: PERMISSION_DENIED}
  - delete_product: {by: sue, product: lamp}\n",
    ),
    fails("add-product", "  - add_product: {by: ann, name: '', price_cents: 1, as: lamp}\n", "add product", "INVALID_ARGUMENT"),
    fails("change-product", "  - change_product: {by: ann, product: mug, price_cents: 1}\n", "change product", "PERMISSION_DENIED"),
    fails("delete-product", "  - delete_product: {by: ann, product: nothing}\n", "delete product", "NOT_FOUND"),
    holds("recommend", "  - recommend: {to: ann, as: liked}\n  - recommend: {to: ann, viewed: [mug]}\n"),
    fails("order", "  - order: {by: ann, lines: [{product: nothing}]}\n", "order by ann", "NOT_FOUND"),
    fails("order-not-refused", "  - order: {by: ann, lines: [{product: mug}], refused: NOT_FOUND}\n", "order by ann", "refused with NOT_FOUND"),
    fails("order-without-a-line", "  - order: {by: ann}\n", "order by ann", "INVALID_ARGUMENT"),
    holds("cancel", "  - cancel: {order: first}\n  - checkout: {order: first, refused: FAILED_PRECONDITION}\n"),
    fails("cancel-of-somebody-else", "  - register: bob\n  - cancel: {order: first, by: bob}\n", "cancel first", "NOT_FOUND"),
    fails("checkout", "  - cancel: {order: first}\n  - checkout: {order: first}\n", "checkout first", "FAILED_PRECONDITION"),
    fails("pay-without-a-page", "  - pay: {order: first}\n", "pay first", "no checkout was opened"),
    fails(
        "pay-what-was-declined",
        "  - checkout: {order: first}\n  - decline: {order: first}\n  - pay: {order: first}\n",
        "pay first",
        "409",
    ),
    holds(
        "declined",
        "  - checkout: {order: first}\n  - decline: {order: first}
  - eventually: {within: 20s, that: {order: {of: first, status: PAYMENT_FAILED, transactions: [FAILED]}}}\n",
    ),
    fails("decline", "  - checkout: {order: first}\n  - decline: {order: first, status: 404}\n", "decline first", "200"),
    holds("walk-away", "  - checkout: {order: first}\n  - walk_away: {order: first}\n  - now: {order: {of: first, status: PENDING}}\n"),
    fails("walk-away-from-nothing", "  - checkout: {order: first}\n  - walk_away: {order: first, status: 410}\n", "walk away", "200"),
    holds("webhook", "  - checkout: {order: first}\n  - webhook: {order: first, times: 3}\n  - webhook: {order: first, signed: not, status: 401}\n"),
    fails("webhook-forged", "  - checkout: {order: first}\n  - webhook: {order: first, signed: forged}\n", "webhook SUCCESS", "401"),
    fails("webhook-tampered", "  - checkout: {order: first}\n  - webhook: {order: first, signed: tampered}\n", "webhook", "401"),
    fails("webhook-stale", "  - checkout: {order: first}\n  - webhook: {order: first, age: 1h}\n", "webhook", "401"),
    fails("webhook-of-no-transaction", "  - webhook: {order: first}\n", "webhook", "first with transaction"),
    holds(
        "graphql",
        "  - graphql: {by: ann, query: '{ me { id } }', answer: {body: {me: {id: '${ann.id}'}}}, as: who}
  - graphql: {query: '{ me { id } }', answer: {code: UNAUTHENTICATED}}\n",
    ),
    fails("graphql-refused", "  - graphql: {query: '{ me { id } }'}\n", "graphql", "UNAUTHENTICATED"),
    fails("graphql-other", "  - graphql: {query: '{ hello }', answer: {body: {hello: goodbye}}}\n", "graphql", "goodbye"),
    holds(
        "grpc",
        "  - grpc: {by: ann, call: pb.OrderService/GetOrder, message: '${first.id}', answer: {body: {order: {status: PENDING}}}}
  - grpc: {call: pb.OrderService/GetOrder, message: '${first.id}', answer: {code: UNAUTHENTICATED}}
  - grpc: {by: ann, call: pb.OrderService/CreateOrder, metadata: {idempotency-key: '${run}'},
      message: {products: [{product_id: '${mug.id}', quantity: 2}]}, as: made}
  - now: {rows: {database: order_db, query: 'SELECT total_cents FROM orders WHERE id = $1', args: ['${made.order.id}'], count: 1}}\n",
    ),
    fails("grpc-refused", "  - grpc: {by: ann, call: pb.OrderService/GetOrder, message: 2147483647}\n", "grpc", "NOT_FOUND"),
    fails("grpc-unknown", "  - grpc: {call: pb.OrderService/GetOrders}\n", "grpc", "GetOrder"),
    fails("grpc-message", "  - grpc: {call: pb.OrderService/CreateOrder, message: {produce: []}}\n", "grpc", "produce"),
    holds(
        "http",
        "  - http: {to: product, method: POST, path: /products/batch, body: {json: {ids: ['${mug.id}']}}, as: found}
  - now: {rows: {database: payment_db, query: 'SELECT $1 AS name', args: ['${found.body.items.0.name}'], are: [{name: '${mug.name}'}]}}\n",
    ),
    fails("http-status", "  - http: {to: product, path: /products/none}\n", "http GET", "404"),
    fails("http-body", "  - http: {to: payment, path: /health/live, answer: {body: {status: unwell}}}\n", "http GET", "unwell"),
    fails("sql-count", "  - sql: {database: order_db, query: SELECT 1, count: 2}\n", "sql in order_db", "2 rows"),
    fails("sql-nonsense", "  - sql: {database: order_db, query: SELECT FROM WHERE}\n", "sql in order_db", "syntax"),
    holds(
        "sql",
        "  - sql: {database: order_db, query: 'UPDATE orders SET status = status WHERE id = $1', args: ['${first.id}'], count: 1}
  - sql: {database: order_db, query: 'SELECT status FROM orders WHERE id = $1', args: ['${first.id}'], as: rows}
  - now: {order: {of: first, status: '${rows.0.status}'}}\n",
    ),
    holds(
        "parallel-and-repeat",
        "  - parallel:
      - [repeat: {times: 2, steps: [order: {by: ann, lines: [{product: mug}], key: 'a-${run}-${round}'}]}]
      - [order: {by: ann, lines: [{product: mug}], key: '${run}'}, wait: {for: 1ms}]
  - now: {rows: {database: order_db, query: 'SELECT id FROM orders WHERE account_id = $1', args: ['${ann.id}'], count: 4}}\n",
    ),
    fails("parallel", "  - parallel: [[wait: {for: 1ms}], [pay: {order: first}]]\n", "branch 2: pay first", "no checkout"),
    fails("repeat", "  - checkout: {order: first}\n  - repeat: {times: 2, steps: [decline: {order: first}, now: {order: {of: first, transactions: [FAILED, FAILED]}}]}\n", "round 1: now", "FAILED"),
    fails("unknown-value", "  - http: {to: product, path: '/products/${mug.ib}'}\n", "http GET", "mug.ib"),
    fails("retry", "  - http: {to: product, path: /products/none, within: 2s}\n", "http GET", "404"),
];

/// What is looked at by `now`, `eventually` and `never`.
pub(super) const EXPECTATIONS: &[Case] = &[
    holds(
        "everything-at-once",
        "  - subscribe: {order: first}
  - checkout: {order: first}
  - pay: {order: first}
expect:
  - eventually:
      that:
        order: {of: first, status: PAID, total_cents: '${first.total_cents}', transactions: [SUCCESS]}
        rows: {database: payment_db, query: 'SELECT status FROM transactions WHERE order_id = $1', args: ['${first.id}'], are: [{status: SUCCESS}]}
        events: {topic: order_events, key: '${first.id}', are: [order_created, order_paid], data: {status: PAID}}
        live: {of: first, saw: [PENDING, PAID]}
        recommended: {to: ann, without: ['${first.lines.0.product_id}']}
        recommender: {order: {of: first}}
        logs: {of: order, match: PAID|paid|status}
        dead_letters: {of: order_events, key: '${first.id}', count: 0}
        ready: [order, payment]
  - never: {for: 100ms, that: {order: {of: first, status: CANCELLED}}}
  - eventually: {that: {recommender: {product: {of: mug, price_cents: '${mug.price_cents}'}}}}\n",
    ),
    fails("order-status", "  - eventually: {within: 200ms, that: {order: {of: first, status: PAID}}}\n", "eventually first is PAID", "PENDING"),
    fails("order-total", "  - now: {order: {of: first, total_cents: 0}}\n", "now order first", "total_cents"),
    fails("rows", "  - eventually: {within: 200ms, that: {rows: {database: order_db, query: 'SELECT status FROM orders WHERE id = $1', args: ['${first.id}'], are: []}}}\n", "rows in order_db", "PENDING"),
    fails("rows-count", "  - now: {rows: {database: order_db, query: SELECT 1, count: 0}}\n", "rows in order_db", "1"),
    fails("rows-nonsense", "  - now: {rows: {database: order_db, query: SELECT nothing, count: 0}}\n", "rows in order_db", "nothing"),
    fails("events-more", "  - eventually: {within: 500ms, that: {events: {topic: order_events, key: '${first.id}', are: [order_created, order_paid]}}}\n", "eventually order_created, order_paid", "order_created"),
    fails("events-fewer", "  - eventually: {within: 5s, that: {events: {topic: order_events, key: '${first.id}', are: [order_created]}}}\n  - now: {events: {topic: order_events, key: '${first.id}', are: []}}\n", "now", "order_created"),
    fails("events-data", "  - eventually: {within: 500ms, that: {events: {topic: order_events, key: '${first.id}', are: [order_created], data: {total_cents: -1}}}}\n", "eventually order_created", "total_cents"),
    fails("live", "  - subscribe: {order: first}\n  - eventually: {within: 500ms, that: {live: {of: first, saw: [PENDING, PAID]}}}\n", "live first", "PENDING"),
    fails("live-without-subscription", "  - now: {live: {of: first, saw: []}}\n", "live first", "nobody has subscribed"),
    fails("recommended-with", "  - now: {recommended: {to: ann, with: [nothing]}}\n", "recommended to ann", "among_them"),
    fails("recommender-product", "  - eventually: {within: 200ms, that: {recommender: {product: {of: mug, deleted: true}}}}\n", "recommender", "deleted"),
    fails("recommender-order", "  - eventually: {within: 500ms, that: {recommender: {order: {of: first, cancelled: true}}}}\n", "recommender", "cancelled"),
    fails("logs", "  - now: {logs: {of: order, match: no such line}}\n", "logs of order", "a_line_matches"),
    fails("logs-pattern", "  - now: {logs: {of: order, match: '('}}\n", "logs of order", "regex"),
    fails("dead-letters", "  - eventually: {within: 200ms, that: {dead_letters: {of: order_events, key: '${first.id}', count: 1}}}\n", "1 dead letters", "letters"),
    fails("ready", "  - now: {ready: [nothing]}\n", "nothing ready", "[]"),
    fails("never", "  - never: {for: 1s, that: {order: {of: first, status: PENDING}}}\n", "never first is PENDING", "never"),
    fails("never-seen", "  - never: {for: 100ms, that: {rows: {database: order_db, query: SELECT nothing}}}\n", "never rows", "none that saw anything"),
    fails("limit", "  - wait: {for: 1m}\nlimit: 2s\n", "wait for 1m", "the story's 2s"),
];

#[test]
fn every_kind_of_step_does_what_it_says_and_fails_for_the_reason_that_it_tells() {
    played(Stack::shared(), STEPS);
}

#[test]
fn every_kind_of_expectation_holds_where_it_should_and_fails_for_the_reason_that_it_tells() {
    played(Stack::shared(), EXPECTATIONS);
}
