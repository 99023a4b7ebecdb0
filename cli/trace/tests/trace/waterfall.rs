use shopctl_trace::{
    Kind,
    text::{Style, waterfall},
    traces,
};

use super::sample::{CREATION, creation, payment, span, style, text};

#[test]
fn a_waterfall_shows_what_ran_beside_what_the_path_and_the_queue() {
    let trace = traces(creation()).remove(0);
    insta::assert_snapshot!(text(&waterfall(&trace, style(110))));
}

#[test]
fn a_minute_in_which_nobody_paid_takes_little_room() {
    let mut spans = [creation(), payment()].concat();
    spans.iter_mut().for_each(|span| span.trace = CREATION.to_owned());
    let trace = traces(spans).remove(0);
    insta::assert_snapshot!(text(&waterfall(&trace, style(120))));
}

#[test]
fn errors_and_retries_say_why() {
    let trace = traces(payment()).remove(0);
    insta::assert_snapshot!(text(&waterfall(&trace, Style { ascii: true, ..style(100) })));
}

#[test]
fn equal_statements_are_one_row_unless_all_is_asked_for() {
    let trace = traces(creation()).remove(0);
    let short = text(&waterfall(&trace, style(110)));
    let long = text(&waterfall(&trace, Style { verbose: true, ..style(110) }));
    assert!(short.contains("INSERT order_lines ×6") && short.matches("INSERT order_lines").count() == 1, "{short}");
    assert_eq!(long.matches("INSERT order_lines").count(), 6, "{long}");
}

#[test]
fn every_width_is_kept_and_no_word_of_a_span_is_obeyed() {
    let mut spans = creation();
    spans[3].name = "日本語の長い名前 \u{1b}[2J\n".repeat(9);
    spans[4].service = "a\tservice with a name that is far too long".to_owned();
    spans[5].error = Some(String::new());
    let trace = traces(spans).remove(0);
    for width in [40, 61, 80, 200] {
        for line in waterfall(&trace, style(width)) {
            let line = line.to_string();
            assert!(unicode_width::UnicodeWidthStr::width(line.as_str()) <= width, "{width}: {line}");
            assert!(!line.contains(['\u{1b}', '\n']), "{line:?}");
        }
    }
}

#[test]
fn a_trace_of_one_moment_is_drawn_too() {
    let one = traces(vec![span(CREATION, 1, 9, "order", "x", Kind::Server, (5.0, 5.0))]).remove(0);
    let text = text(&waterfall(&one, style(120)));
    assert!(text.contains("1 span") && text.contains("below a span that is not here") && text.contains('━'), "{text}");
}
