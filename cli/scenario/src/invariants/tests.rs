//! 200 clean histories of which nothing is said, and planted bugs of which each is named.

mod bugs;
mod model;

use proptest::prelude::*;

use super::{Expected, rules::judge, violation::Violation};
use model::{Model, Step};

fn violations(model: &Model) -> Vec<Violation> {
    judge(&model.history, &model.expected()).violations
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn of_a_clean_history_nothing_is_said(steps in proptest::collection::vec(Step::any(), 0..120)) {
        let model = Model::after(&steps);
        prop_assert_eq!(violations(&model), []);
    }
}

#[test]
fn a_shop_in_which_nothing_happened_has_no_violation() {
    assert_eq!(violations(&Model::default()), []);
    assert_eq!(judge(&model::rich().history, &Expected::default()).counts.len(), 1, "only what is expected is dead");
}
