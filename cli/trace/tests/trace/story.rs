use shopctl_trace::{
    Facts, Kind, Missing, Parts, Story, html,
    text::{self, Style},
};

use super::sample::{self, CREATION, at, order, whole};

#[test]
fn one_screen_tells_all_that_happened_to_an_order() {
    insta::assert_snapshot!(sample::text(&text::story(&Story::new(whole()), sample::style(120))));
}

#[test]
fn a_narrow_terminal_gets_lines_that_fit_it_and_the_waits_whole() {
    let mut parts = whole();
    parts.facts.order = Some(order("PENDING", 1));
    parts.facts.tellings = vec![sample::telling(7, Some("order's service can't be reached: connection refused"))];
    let lines = text::story(&Story::new(parts), sample::style(60));
    insta::assert_snapshot!(sample::text(&lines));
    let widest = lines.iter().map(|line| line.to_string().chars().count()).max();
    assert!(widest <= Some(60), "{widest:?}");
}

#[test]
fn programs_get_every_part_under_names_that_stay() {
    let mut parts = whole();
    parts.spans.retain(|span| span.trace == CREATION && span.parent.is_none());
    insta::assert_json_snapshot!(Story::new(parts));
}

#[test]
fn whoever_only_asked_for_the_order_is_named_in_a_line() {
    let mut parts = whole();
    for asked in 1..=9 {
        let times = (70_000.0 + f64::from(asked), 70_000.5 + f64::from(asked));
        let trace = format!("{asked:032x}");
        parts.spans.push(sample::span(&trace, 1, 0, "order", "pb.OrderService/GetOrder", Kind::Server, times));
    }
    let story = Story::new(parts);
    let short = sample::text(&text::story(&story, sample::style(120)));
    assert_eq!(short.matches("GetOrder").count(), 6, "{short}");
    assert!(short.contains("and 3 more") && short.contains("UpdateOrderStatus"), "{short}");
    let long = sample::text(&text::story(&story, Style { verbose: true, ..sample::style(120) }));
    assert_eq!(long.matches("━ critical path").count() + long.matches("trace 0000").count(), 11, "{long}");
}

#[test]
fn without_spans_everything_else_is_told() {
    let missing = vec![Missing { what: "spans".to_owned(), why: "telemetry is off".to_owned() }];
    let story = Story::new(Parts { spans: vec![], missing, ..whole() });
    let text = sample::text(&text::story(&story, sample::style(120)));
    assert!(text.contains("no spans: telemetry is off") && !text.contains("trace "), "{text}");
    assert_eq!(story.milestones.paid.expect("it was paid").to_string(), "60.1 s");
}

#[test]
fn without_events_the_rows_tell_its_course() {
    let mut parts = whole();
    parts.events.clear();
    let changes = Story::new(parts).changes;
    let course: Vec<(&str, _)> = changes.iter().map(|change| (change.status.as_str(), change.at)).collect();
    assert_eq!(course, [("PENDING", at(20.0)), ("PAID", at(60_141.0))]);
}

#[test]
fn a_redelivery_is_an_event_and_no_change() {
    let mut parts = whole();
    let mut again = parts.events[0].clone();
    again.offset += 5;
    parts.events.push(again);
    let story = Story::new(parts);
    assert_eq!((story.events.len(), story.changes.len()), (3, 2));
}

#[test]
fn an_order_is_over_once_it_is_final_and_everyone_knows_it() {
    assert!(Story::new(whole()).is_over());
    let mut parts = whole();
    parts.readings[0].committed = Some(18);
    parts.facts.taken.pop();
    assert!(!Story::new(parts).is_over(), "recommender has not heard that it is paid");
    let facts = Facts { order: Some(order("PENDING", 1)), ..Facts::default() };
    assert!(!Story::new(Parts { facts, ..Parts::default() }).is_over());
}

#[test]
fn the_page_needs_nothing_but_itself_and_nobodys_words_are_markup() {
    let mut parts = whole();
    parts.spans[0].name = "<img src=x onerror=\"alert(1)\">".to_owned();
    parts.spans[1].attributes.insert("</title><script>".to_owned(), "\"><script>".to_owned());
    parts.lines[0].text = "</td><script>alert(1)</script>".to_owned();
    let page = html(&Story::new(parts));
    for part in ["<svg", "Content-Security-Policy", "order_paid", "transaction 3f9a1c…", "&lt;img src=x", "recommended"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    for part in ["<script", "<img", "http:", "https:", "url(", "src=\"", "href=", "NaN"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    assert_eq!(page.matches("<title>").count(), page.matches("</title>").count(), "{page}");
}
