//! The payment page, made on the server: no script, nothing loaded, every text from outside escaped.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::Cents;
use kit::text::{escape_control, escape_html};
use sha2::{Digest, Sha256};

use super::checkout::{action, message};
use crate::domain::{Line, Outcome, Status};
use crate::store::{Bill, View};

const STYLE: &str = include_str!("page.css");

/// Nothing but our own style, named by its hash, and forms to ourselves.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// The page of one transaction.
pub(super) fn payment(status: StatusCode, view: &View, bill: &Bill) -> Response {
    let mut body = format!(
        "<h1>Payment of order {}</h1>\n<p class=\"simulated\">A simulated provider: no real money moves.</p>\n",
        view.order_id
    );
    let (class, waits) = match (view.status, view.decided) {
        (Status::Pending, None) => ("", false),
        (Status::Pending, Some(_)) => ("wait", true),
        (Status::Success, _) => ("good", false),
        (Status::Failed | Status::Voided, _) => ("bad", false),
        (Status::Refunded, _) => ("wait", false),
    };
    if !class.is_empty() {
        part(&mut body, format_args!("<p class=\"state {class}\" role=\"status\">{}</p>\n", message(view)));
    }
    part(&mut body, format_args!("<p class=\"amount\">{}</p>\n", cents(view.amount_cents)));
    // Above what is bought: a basket may be long and a screen small.
    if view.status == Status::Pending && view.decided.is_none() {
        part(
            &mut body,
            format_args!(
                "<div class=\"actions\">\n\
                 <form method=\"post\" action=\"{}\"><button class=\"pay\">Pay {}</button></form>\n\
                 <form method=\"post\" action=\"{}\"><button>Cancel</button></form>\n</div>\n",
                action(view, Outcome::Success),
                cents(view.amount_cents),
                action(view, Outcome::Failed),
            ),
        );
    }
    body.push_str("<table>\n<caption>What is bought</caption>\n<tbody>\n");
    for line in &bill.lines {
        row(&mut body, bill, line);
    }
    part(
        &mut body,
        format_args!(
            "</tbody>\n<tfoot><tr><th scope=\"row\">Total</th><td>{}</td></tr></tfoot>\n</table>\n",
            cents(view.amount_cents)
        ),
    );
    document(status, waits, &format!("Payment of order {}", view.order_id), &body)
}

/// A page with one sentence.
pub(super) fn note(status: StatusCode, message: &str) -> Response {
    let message = shown(message);
    document(
        status,
        false,
        "Payment",
        &format!("<h1>Payment</h1>\n<p class=\"state bad\" role=\"status\">{message}</p>\n"),
    )
}

fn row(body: &mut String, bill: &Bill, line: &Line) {
    let listed = bill.listed.iter().find(|listed| listed.product_id == line.product_id);
    let name = shown(listed.map_or(&line.product_id, |listed| &listed.name));
    let sum = line.price_cents.saturating_mul(line.quantity.into());
    part(
        body,
        format_args!("<tr><th scope=\"row\">{name}<small>{} × {}</small>", line.quantity, cents(line.price_cents)),
    );
    // A person who just saw another price in the shop may wonder.
    if let Some(listed) = listed.filter(|listed| listed.price_cents != line.price_cents) {
        part(body, format_args!("<small>Ordered at this price; it is {} now.</small>", cents(listed.price_cents)));
    }
    part(body, format_args!("</th><td>{}</td></tr>\n", cents(sum)));
}

/// Names from the catalog may hold anything.
fn shown(text: &str) -> String {
    escape_html(&escape_control(text)).into_owned()
}

fn cents(cents: i64) -> String {
    Cents::new(cents).map_or_else(|| "—".to_owned(), |cents| cents.to_string())
}

fn part(body: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = body.write_fmt(text);
}

fn document(status: StatusCode, waits: bool, title: &str, body: &str) -> Response {
    let refresh = if waits { "<meta http-equiv=\"refresh\" content=\"2\">\n" } else { "" };
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         {refresh}<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    );
    let headers: [(HeaderName, &str); 1] = [(CONTENT_SECURITY_POLICY, &POLICY)];
    (status, headers, Html(page)).into_response()
}
