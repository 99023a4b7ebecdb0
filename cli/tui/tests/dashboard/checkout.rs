use shopctl_tui::{
    Command, Msg,
    checkout::{Moment, News, Outcome, Report, Step, Story, Wish},
    log::Request,
    subject::Subject,
};

use super::{desk::Desk, sample};

/// The view of checkouts, with what there is to be played.
fn opened(columns: u16, rows: u16) -> Desk {
    let mut desk = sample::up(Desk::new(columns, rows));
    desk.done();
    desk.press("5");
    assert_eq!(desk.done(), [Command::Stories]);
    let story = |name: &str, about: &str| Story { name: name.to_owned(), about: about.to_owned() };
    let stories = vec![
        story("declined-then-paid", "a card is declined, another one is not"),
        story("order-killed", "order dies while a shopper pays."),
        story("price-change", "an order keeps the prices it was made at"),
    ];
    desk.feed(Msg::Checkout(News::Stories(Ok(stories))));
    desk
}

fn play(story: Option<&str>, seed: Option<u64>) -> Command {
    Command::Play(Wish { story: story.map(str::to_owned), seed })
}

#[test]
fn any_scenario_is_chosen_and_started_also_with_a_seed_and_from_a_file() {
    let mut desk = opened(120, 30);
    desk.press("<enter>");
    assert_eq!(desk.done(), [play(None, None)], "the happy path comes first");
    desk.press("c");
    assert_eq!(desk.done(), [], "one at a time");
    assert!(desk.text().contains("under way"));
    let end =
        |held| News::Ended(Ok(Report { held, seconds: 1.0, order: None, moments: Vec::new(), again: String::new() }));
    desk.feed(Msg::Checkout(end(true)));
    desk.press("jji7<enter><enter>");
    assert_eq!(desk.done(), [play(Some("order-killed"), Some(7))]);
    desk.feed(Msg::Checkout(end(true)));
    desk.press("p./mine.yaml<enter>");
    assert_eq!(desk.done(), [play(Some("./mine.yaml"), Some(7))]);
    desk.feed(Msg::Checkout(end(true)));
    desk.press("ix<enter>");
    assert!(desk.text().contains("a seed is a whole number"), "{}", desk.text());
    desk.press("i<backspace><enter>1:play pri<enter>");
    assert_eq!(desk.done(), [play(Some("price-change"), None)]);
}

#[test]
fn steps_tick_and_what_failed_is_told_with_expected_and_observed_and_where_it_stands() {
    for (columns, rows) in [(40, 10), (80, 24), (160, 48)] {
        let mut desk = opened(columns, rows);
        desk.press("jj<enter>");
        desk.done();
        desk.feed(Msg::Checkout(News::Began { story: "order-killed".to_owned(), seed: 4711 }));
        let step =
            |name: &str, seconds, outcome| Msg::Checkout(News::Step(Step { name: name.to_owned(), seconds, outcome }));
        desk.feed(step("register ann", 0.031, Outcome::Held { detail: "account 7".to_owned() }));
        desk.feed(step("order first", 0.014, Outcome::Held { detail: "order 1, 507.88".to_owned() }));
        assert!(desk.text().contains("under way"), "{}", desk.text());
        let difference =
            [(' ', "{"), ('-', "  \"status\": \"PAID\""), ('+', "  \"status\": \"PENDING\u{1b}[2J\""), (' ', "}")];
        let failed = Outcome::Failed {
            expected: "{\n  \"status\": \"PAID\"\n}".to_owned(),
            observed: "{\n  \"status\": \"PENDING\"\n}".to_owned(),
            difference: difference.map(|(sign, line)| (sign, line.to_owned())).to_vec(),
            seen: vec![(0.2, "no order".to_owned()), (0.4, "PENDING".to_owned())],
            place: Some("fixtures/scenarios/order-killed.yaml:27".to_owned()),
        };
        desk.feed(step("eventually first is PAID", 20.0, failed));
        let moment =
            Moment { order: 1, seconds: 0.4, source: "payment_db".to_owned(), what: "webhook SUCCESS".to_owned() };
        desk.feed(Msg::Checkout(News::Ended(Ok(Report {
            held: false,
            seconds: 20.2,
            order: Some(1),
            moments: vec![moment],
            again: "shopctl checkout run order-killed --seed 4711 --instance default".to_owned(),
        }))));
        insta::assert_snapshot!(format!("checkout-{columns}x{rows}"), desk.picture());
        desk.press("o");
        assert!(
            desk.done()
                .iter()
                .any(|done| matches!(done, Command::Log(Request::Mentions { about: Subject::Order(1), .. })))
        );
    }
}

#[test]
fn where_there_is_no_room_for_both_list_and_steps_take_turns() {
    let mut desk = opened(40, 10);
    assert!(desk.text().contains("order-killed"));
    desk.press("<enter>");
    desk.feed(Msg::Checkout(News::Began { story: "checkout".to_owned(), seed: 1 }));
    assert!(!desk.text().contains("order-killed") && desk.text().contains("seed 1"), "{}", desk.text());
    desk.press("<esc>");
    assert!(desk.text().contains("order-killed"), "{}", desk.text());
}

#[test]
fn a_workspace_whose_scenarios_cannot_be_listed_says_why() {
    let mut desk = opened(80, 24);
    desk.feed(Msg::Checkout(News::Stories(Err("x.yaml:3: no step has the name `oder`".to_owned()))));
    assert!(desk.text().contains("no step has the"), "{}", desk.text());
}
