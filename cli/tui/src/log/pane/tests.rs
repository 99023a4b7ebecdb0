use proptest::prelude::*;

use super::*;

fn lines(stamps: std::ops::Range<u64>) -> Vec<Line> {
    stamps.map(|stamp| Line { stamp, resource: "order".into(), level: None, text: format!("line {stamp}") }).collect()
}

fn opened(lines: Vec<Line>, begins: bool) -> Pane {
    let mut pane = Pane::new();
    let Request::Open { epoch, at, .. } = pane.reopen() else { panic!("it is opened") };
    pane.take(Answer::Opened { epoch, at, lines, begins, ends: true });
    pane.settle(&|_| 1, 10);
    pane
}

fn shown(pane: &Pane) -> Vec<u64> {
    pane.from(pane.top).take(10).map(|(_, line)| line.stamp).collect()
}

#[test]
fn it_follows_until_somebody_goes_up_and_again_from_the_end_on() {
    let mut pane = opened(lines(0..50), true);
    assert_eq!(shown(&pane), (40..50).collect::<Vec<_>>());
    pane.take(Answer::Written { epoch: 1, lines: lines(50..53), count: 3, skipped: false });
    pane.settle(&|_| 1, 10);
    assert_eq!(shown(&pane), (43..53).collect::<Vec<_>>());
    pane.step(-1);
    pane.take(Answer::Written { epoch: 1, lines: lines(53..60), count: 7, skipped: false });
    pane.settle(&|_| 1, 10);
    assert_eq!((shown(&pane), pane.fresh, pane.follow), ((43..53).collect::<Vec<_>>(), 7, false));
    (0..8).for_each(|_| pane.step(1));
    pane.settle(&|_| 1, 10);
    assert_eq!((shown(&pane), pane.fresh, pane.follow), ((50..60).collect::<Vec<_>>(), 0, true));
}

#[test]
fn a_million_lines_take_no_more_memory_than_the_window() {
    let mut pane = opened(lines(0..10), true);
    for batch in 0..500 {
        let from = 10 + batch * 2000;
        pane.take(Answer::Written { epoch: 1, lines: lines(from..from + 2000), count: 2000, skipped: false });
    }
    assert!(pane.memory() < BYTES + 2 * LINES * size_of::<Line>(), "{}", pane.memory());
    pane.settle(&|_| 1, 10);
    assert_eq!(shown(&pane).last(), Some(&1_000_009));
    // What was dropped is read again when it is needed.
    pane.step(-(LINES.cast_signed() as i64));
    pane.settle(&|_| 1, 10);
    let before = 1_000_010 - LINES as u64;
    assert_eq!(pane.missing(), Some(Request::Older { epoch: 1, before }));
    pane.take(Answer::Older { epoch: 1, lines: lines(before - 2000..before), begins: false });
    pane.step(-100);
    pane.settle(&|_| 1, 10);
    assert_eq!(shown(&pane)[0], before - 100);
    assert!(!pane.ends, "the newest made room");
}

#[test]
fn a_flood_that_skips_lines_does_not_move_what_somebody_reads() {
    let mut pane = opened(lines(0..50), true);
    pane.step(-5);
    pane.settle(&|_| 1, 10);
    let before = shown(&pane);
    pane.take(Answer::Written { epoch: 1, lines: lines(90_000..92_000), count: 91_950, skipped: true });
    pane.settle(&|_| 1, 10);
    assert_eq!((shown(&pane), pane.fresh), (before, 91_950));
    assert_eq!(pane.missing(), Some(Request::Newer { epoch: 1, after: 49 }));
    assert!(matches!(pane.go_to_end(), Some(Request::Open { at: At::End, .. })));
}

#[test]
fn answers_to_what_was_asked_before_another_log_was_opened_change_nothing() {
    let mut pane = opened(lines(0..5), true);
    pane.source = Source::One("order".into());
    pane.reopen();
    pane.take(Answer::Written { epoch: 1, lines: lines(5..9), count: 4, skipped: false });
    assert!(pane.is_empty());
}

#[test]
fn a_match_in_the_window_moves_the_cursor_and_one_elsewhere_opens_that_place() {
    let mut pane = opened(lines(100..150), false);
    pane.search = Some(Search { pattern: "7".into(), regex: Regex::new("7").expect("a pattern"), count: None });
    assert_eq!(
        pane.find(Wanted::Pattern("7".into()), Direction::Older, false),
        Request::Find { epoch: 1, wanted: Wanted::Pattern("7".into()), from: 149, direction: Direction::Older }
    );
    let found = |stamp| Answer::Found { epoch: 1, stamp, direction: Direction::Older };
    assert_eq!(pane.take(found(Some(147))), Some(Request::Count { epoch: 1, pattern: "7".into(), before: 147 }));
    assert_eq!(pane.get(pane.cursor).map(|line| line.stamp), Some(147));
    assert!(matches!(pane.take(found(Some(7))), Some(Request::Open { at: At::Around(7), .. })));
    assert_eq!(pane.take(found(None)), None);
}

proptest! {
    #[test]
    fn the_cursor_is_always_seen_and_no_row_stays_empty_that_could_be_filled(
        count in 1..60_u64, steps in proptest::collection::vec(-30..30_i64, 1..20), height in 1..20_usize, tall in 1..4_usize,
    ) {
        let mut pane = opened(lines(0..count), true);
        let rows = |line: &Line| if line.stamp.is_multiple_of(3) { tall } else { 1 };
        for by in steps {
            pane.step(by);
            pane.settle(&rows, height);
            prop_assert!(pane.top <= pane.cursor);
            let up_to: usize = pane.from(pane.top).take((pane.cursor - pane.top + 1) as usize).map(|(_, line)| rows(line)).sum();
            prop_assert!(up_to <= height || pane.top == pane.cursor, "{} rows of {}", up_to, height);
            let all: usize = pane.from(pane.top).map(|(_, line)| rows(line)).sum();
            let above = pane.top.checked_sub(1).and_then(|above| pane.get(above)).map(rows);
            prop_assert!(above.is_none_or(|above| all + above > height || up_to + above > height), "{} and {:?} of {}", all, above, height);
        }
    }
}
