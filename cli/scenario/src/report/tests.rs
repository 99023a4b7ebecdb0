use super::*;

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_story_holds_only_if_every_step_did() {
    let mut shown = Vec::new();
    let mut show = |step: &Step| shown.push(step.name.clone());
    let mut recorder = Recorder::new("a story", &mut show);
    assert_eq!(recorder.step("one", SOON, async { Ok((1, "fine".into())) }).await, Ok(1));
    let wrong = async { same("a status of", &"PAID", &"PENDING").map(|()| ((), String::new())) };
    assert_eq!(recorder.step("two", SOON, wrong).await, Err(Stopped));
    let report = recorder.report(None);
    assert!(!report.held);
    let json = serde_json::to_value(&report.steps[1]).expect("it has a JSON form");
    assert_eq!(json["outcome"], "failed");
    assert_eq!(json["expected"], "a status of \"PAID\"");
    assert_eq!(json["observed"], "\"PENDING\"");
    assert_eq!(shown, ["one", "two"]);
}

#[tokio::test]
async fn a_step_that_never_ends_fails_at_its_deadline() {
    let mut show = |_: &Step| {};
    let mut recorder = Recorder::new("a story", &mut show);
    let never = std::future::pending::<Result<((), String), Failure>>();
    assert_eq!(recorder.step("never", Duration::from_millis(10), never).await, Err(Stopped));
    assert!(!recorder.report(None).held);
}
