use shopctl_tui::{
    Command, Msg,
    kafka::News,
    log::{Answer, At, Filter, Line, Request, Source},
    subject::{Subject, TraceId},
    traces::{Look, Told},
};

use super::{
    desk::Desk,
    kafka::looked_at,
    sample::{self, up},
};

const ID: &str = "15efc6a02e5040aa4776ee6f8c823b35";

fn trace() -> Subject {
    Subject::Trace(TraceId::parse(ID).expect("an id"))
}

fn told(about: Subject, orders: &[i64]) -> Msg {
    let lines = vec!["  gateway  POST /graphql".to_owned()];
    Msg::Spans(Told { about, lines, traces: TraceId::parse(ID).into_iter().collect(), orders: orders.to_vec() })
}

/// The logs that were opened: whose, what of them, and where.
fn opened(desk: &mut Desk) -> Vec<(Source, Filter, At)> {
    let open = |command| match command {
        Command::Log(Request::Open { source, filter, at, .. }) => Some((source, filter, at)),
        _ => None,
    };
    desk.done().into_iter().filter_map(open).collect()
}

/// A log whose last line but one has only a trace's id.
fn with_trace() -> (Desk, Line) {
    let mut desk = up(Desk::new(120, 30));
    let text = format!("INFO grpc{{method=\"pb.OrderService/CreateOrder\" trace_id={ID}}}: kit::request: answered");
    let lines = vec![sample::line(20_000_000, "order", None, &text), sample::line(21_000_000, "order", None, "last")];
    let line = lines[0].clone();
    desk.feed(Msg::Log(Answer::Written { epoch: 1, lines, count: 2, skipped: false }));
    desk.press("<tab>k");
    desk.done();
    (desk, line)
}

#[test]
fn a_jump_from_a_line_to_its_order_and_back_keeps_the_selection() {
    for back in ["<esc>", "<backspace>"] {
        let mut desk = up(Desk::new(120, 30));
        desk.press("<tab>k");
        desk.done();
        desk.press("o");
        assert!(desk.text().contains(" order 7"), "{}", desk.text());
        let done = desk.done();
        let asks =
            |command: &Command| matches!(command, Command::Log(Request::Mentions { about: Subject::Order(7), .. }));
        assert!(done.iter().any(asks), "{done:?}");
        let look = |command: &Command| {
            matches!(command, Command::Traces(Look::Subject { about: Subject::Order(7), columns: 120, .. }))
        };
        assert!(done.iter().any(look), "{done:?}");
        // Whatever is written meanwhile.
        let fresh = vec![sample::line(9_000_000, "order", None, "fresh")];
        desk.feed(Msg::Log(Answer::Written { epoch: 1, lines: fresh, count: 1, skipped: false }));
        desk.press(back);
        assert!(desk.text().contains("1 new lines"), "{}", desk.text());
        assert_eq!(opened(&mut desk), [], "what was shown is still there");
        desk.press("y");
        assert_eq!(desk.done(), [Command::Copy(sample::lines()[5].text.clone())]);
    }
}

#[test]
fn a_line_that_follows_the_log_is_held_while_its_order_is_looked_at() {
    let mut desk = up(Desk::new(120, 30));
    let last = sample::line(10_000_000, "payment", None, "tell order{order=3}: order is unreachable");
    desk.feed(Msg::Log(Answer::Written { epoch: 1, lines: vec![last.clone()], count: 1, skipped: false }));
    desk.press("<tab>o");
    assert!(desk.text().contains(" order 3"), "{}", desk.text());
    let fresh = vec![sample::line(11_000_000, "payment", None, "fresh")];
    desk.feed(Msg::Log(Answer::Written { epoch: 1, lines: fresh, count: 1, skipped: false }));
    desk.press("<esc>y");
    assert!(desk.done().contains(&Command::Copy(last.text)));
}

#[test]
fn a_line_of_a_trace_opens_the_trace_which_becomes_the_order_once_its_spans_tell() {
    let (mut desk, line) = with_trace();
    desk.press("o");
    let text = desk.text();
    assert!(text.contains(&format!("trace {ID}  of no order that is known")), "{text}");
    desk.feed(told(trace(), &[]));
    assert!(desk.text().contains("POST /graphql"), "{}", desk.text());
    desk.feed(told(trace(), &[4, 5]));
    assert!(desk.text().contains("of no order"), "of several none is the one: {}", desk.text());
    desk.done();
    desk.feed(told(trace(), &[4]));
    assert!(desk.text().contains(" order 4"), "{}", desk.text());
    let look = |command: &Command| matches!(command, Command::Traces(Look::Subject { about: Subject::Order(4), .. }));
    assert!(desk.done().iter().any(look));
    desk.press("<esc>y");
    assert!(desk.done().contains(&Command::Copy(line.text)));
}

#[test]
fn an_order_is_known_by_the_trace_of_its_events_also_where_no_spans_are() {
    let (mut desk, _) = with_trace();
    let mut event = super::kafka::message(3, 4, "order_created", "PENDING", 500);
    event.headers = vec![("traceparent".to_owned(), format!("00-{ID}-b6400354c3d02137-01"))];
    desk.feed(Msg::Kafka(News::Messages(vec![event])));
    desk.press("o");
    assert!(desk.text().contains(" order 4  PENDING"), "{}", desk.text());
}

#[test]
fn an_order_shows_its_log_lines_and_esc_leads_back_step_by_step() {
    let (mut desk, line) = with_trace();
    desk.press("&o<enter>");
    let before = opened(&mut desk).pop().expect("a filter opens the log anew").1;
    let lines = vec![line.clone(), sample::line(22_000_000, "order", None, "order=4")];
    desk.feed(Msg::Log(Answer::Opened { epoch: 2, at: At::End, lines, begins: true, ends: true }));
    desk.press("ko");
    desk.feed(told(trace(), &[4]));
    desk.feed(told(Subject::Order(4), &[4]));
    desk.done();
    desk.press("L");
    let [(Source::All, Filter { only: Some(only), level: None }, At::End)] = &opened(&mut desk)[..] else {
        panic!("the lines of all resources are opened")
    };
    let regex = regex::Regex::new(only).expect("a pattern");
    assert!(
        regex.is_match("tell order{order=4}") && regex.is_match(&line.text) && !regex.is_match("order=44"),
        "{only}"
    );
    let text = desk.text();
    assert!(text.contains("&order 4") && text.contains("Esc back"), "{text}");
    desk.press("<esc>");
    assert!(desk.text().contains(" order 4"), "{}", desk.text());
    // The log is taken up again at once, where it was.
    assert_eq!(opened(&mut desk), [(Source::All, before, At::Around(line.stamp))]);
    desk.press("<esc>");
    assert!(desk.text().contains("&o "), "{}", desk.text());
    desk.press("<esc>");
    assert_eq!(opened(&mut desk).pop().map(|(_, filter, _)| filter), Some(Filter::default()));
}

#[test]
fn a_jump_from_a_message_to_its_order_and_its_messages_and_back_keeps_the_selection() {
    for jump in ["<enter>", "o"] {
        let mut desk = looked_at(120, 30);
        desk.press("kk");
        assert!(desk.text().contains("offset 2 key 1"), "{}", desk.text());
        desk.press(jump);
        let text = desk.text();
        assert!(text.contains(" order 1  PAID") && text.contains("order_created  1/0"), "{text}");
        desk.press("M");
        let text = desk.text();
        assert!(text.contains("2 messages  filter: order:1") && text.contains("Esc back"), "{text}");
        desk.press("<esc>");
        assert!(desk.text().contains(" order 1  PAID"), "{}", desk.text());
        desk.press("<esc>");
        let text = desk.text();
        assert!(text.contains("5 messages  ") && text.contains("offset 2 key 1"), "{text}");
    }
}

#[test]
fn the_newest_message_is_still_selected_when_others_have_come_meanwhile() {
    let mut desk = looked_at(120, 30);
    desk.press("<enter>");
    desk.feed(Msg::Kafka(News::Messages(vec![super::kafka::message(5, 2, "order_paid", "PAID", 595)])));
    desk.press("<esc>");
    let text = desk.text();
    assert!(text.contains("6 messages  ") && text.contains("offset 4 key 3"), "{text}");
}

#[test]
fn a_message_of_no_order_opens_its_trace() {
    let mut desk = looked_at(120, 30);
    let product = shopctl_tui::kafka::Message {
        topic: "product_events".to_owned(),
        order: None,
        headers: vec![("traceparent".to_owned(), format!("00-{ID}-b6400354c3d02137-01"))],
        ..super::kafka::message(6, 9, "product_created", "", 599)
    };
    desk.feed(Msg::Kafka(News::Messages(vec![product])));
    desk.press("<enter>");
    assert!(desk.text().contains(&format!("trace {ID}")), "{}", desk.text());
    desk.press("M");
    assert!(desk.text().contains(&format!("1 messages  filter: {ID}")), "{}", desk.text());
}

#[test]
fn an_id_that_is_typed_opens_an_order_or_a_trace() {
    let mut desk = up(Desk::new(120, 30));
    desk.press("o12<enter>");
    assert!(desk.text().contains(" order 12"), "{}", desk.text());
    desk.press(&format!("o{ID}<enter>"));
    assert!(desk.text().contains(&format!("trace {ID}")), "{}", desk.text());
    desk.press("<esc>");
    assert!(desk.text().contains(" order 12"), "{}", desk.text());
    desk.press("oabc<enter>");
    assert!(desk.text().contains("a trace 32 hexadecimal digits"), "{}", desk.text());
    // Who goes elsewhere of his own has no way back.
    desk.press("31<esc>");
    assert!(desk.text().contains("all resources"), "{}", desk.text());
    desk.press("L");
    assert!(desk.text().contains("nothing here names an order"), "{}", desk.text());
}

#[test]
fn log_lines_of_an_order_are_asked_for_again_when_more_of_its_traces_are_known_and_while_it_goes_on() {
    let mut desk = looked_at(120, 30);
    let asked = |desk: &mut Desk| {
        let mention = |command| match command {
            Command::Log(Request::Mentions { pattern, since, .. }) => Some((pattern, since)),
            _ => None,
        };
        desk.done().into_iter().filter_map(mention).collect::<Vec<_>>()
    };
    desk.done();
    desk.press("o");
    let [(first, since)] = &asked(&mut desk)[..] else { panic!("it is asked for once") };
    assert!(!first.contains(ID) && *since > 0, "{first}");
    let line = sample::line(0, "payment", None, "order=3");
    desk.feed(Msg::Log(Answer::Mentioned { about: Subject::Order(3), lines: vec![line] }));
    assert_eq!(asked(&mut desk), []);
    desk.feed(told(Subject::Order(3), &[3]));
    let [(second, _)] = &asked(&mut desk)[..] else { panic!("a trace is new") };
    assert!(second.contains(ID), "{second}");
    assert!(desk.text().contains("payment     order=3"), "what is known stays: {}", desk.text());
    desk.wait(1);
    assert_eq!(asked(&mut desk), []);
    desk.wait(2);
    assert_eq!(asked(&mut desk).len(), 1, "recommender has not applied it yet");
}
