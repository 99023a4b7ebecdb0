use std::{fs, io, path::Path};

use serde_saphyr::Error as Yaml;

use super::{Place, Scenario, names};

/// Why a file is no scenario. It begins as compilers' do, with file, line and column.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be read: {source}")]
    Read { path: String, source: io::Error },
    #[error("{path}:{place}: {problem}")]
    Wrong { path: String, place: Place, problem: String },
}

/// Reads a scenario; `path` is how it is called in errors.
///
/// # Errors
/// When it cannot be read, is no YAML, or says what no scenario can say.
pub fn read(path: &Path) -> Result<Scenario, Error> {
    let shown = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map_err(|(place, problem)| Error::Wrong { path: shown, place, problem }),
        Err(source) => Err(Error::Read { path: shown, source }),
    }
}

pub(super) fn parse(text: &str) -> Result<Scenario, (Place, String)> {
    // Its own excerpt of the file is for people at a terminal; a place can be clicked.
    let options = serde_saphyr::options! { with_snippet: false };
    let scenario: Scenario =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| (place_of(&error), problem(&error)))?;
    names::check(&scenario)?;
    Ok(scenario)
}

fn place_of(error: &Yaml) -> Place {
    let place = error.location();
    place.map_or(Place { line: 1, column: 1 }, |found| Place { line: found.line(), column: found.column() })
}

/// What is wrong, without the place, and which word was probably meant.
fn problem(error: &Yaml) -> String {
    match error.without_snippet() {
        Yaml::SerdeUnknownField { field, expected, .. } => {
            format!("there is no field {field} here{}", suggestion(field, expected))
        }
        Yaml::SerdeUnknownVariant { variant, expected, .. } => {
            format!("{variant} is nothing that can stand here{}", suggestion(variant, expected))
        }
        Yaml::SerdeMissingField { field, .. } => format!("the field {field} is missing"),
        Yaml::Message { msg, .. } => msg.clone(),
        Yaml::SerdeInvalidType { unexpected, expected, .. } | Yaml::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("{unexpected} stands here instead of {expected}")
        }
        // It ends with the place, which has been told.
        other => {
            let text = other.to_string();
            let end = text.rfind(" at line ").unwrap_or(text.len());
            text[..end].to_owned()
        }
    }
}

/// The likeliest of some words, or all of them.
pub(super) fn suggestion(word: &str, known: &[impl AsRef<str>]) -> String {
    /// Less alike than this is no slip of the finger.
    const ALIKE: f64 = 0.75;
    // Two letters of a short word in the wrong order make it another one to Jaro and Winkler.
    let likeness = |other: &str| match strsim::damerau_levenshtein(word, other) {
        0 | 1 => 1.0,
        _ => strsim::jaro_winkler(word, other),
    };
    let known = known.iter().map(AsRef::as_ref);
    match known.clone().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        None => String::new(),
        Some(nearest) if likeness(nearest) > ALIKE => format!("; did you mean {nearest}?"),
        Some(_) => format!("; there is {}", known.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario with these steps.
    fn with(steps: &str) -> String {
        format!("description: A test.\nactors: {{shoppers: [ann]}}\ndata: {{mug: product}}\nsteps:\n{steps}")
    }

    fn told(text: &str) -> String {
        let (place, problem) = parse(text).expect_err("it is wrong");
        format!("{place}: {problem}")
    }

    #[test]
    fn a_wrong_word_is_told_with_its_place_and_the_right_one() {
        for (steps, expected) in [
            ("  - regster: ann\n", "5:5: regster is nothing that can stand here; did you mean register?"),
            ("  - register: anna\n", "5:5: there is no actor anna; did you mean ann?"),
            (
                "  - register: ann\n  - order: {by: ann, lins: [], as: first}\n",
                "6:22: there is no field lins here; did you mean lines?",
            ),
            (
                "  - eventually: {within: soon, that: {ready: [order]}}\n",
                "5:26: soon is no time; 500ms, 2s and 1m 30s are",
            ),
            ("  - pay: {order: first}\n", "5:5: there is no order first yet"),
            ("  - http: {to: product, path: '/products/${mgu.id}'}\n", "5:5: there is no value mgu; did you mean mug?"),
            ("  - order: {lines: []}\n", "5:13: the field by is missing"),
            (
                "  - fault: {pont: {on: order, at: create-before-commit, do: abort}}\n",
                "5:13: pont is nothing that can stand here; did you mean point?",
            ),
            (
                "  - fault: {point: {on: ordr, at: create-before-commit, do: abort}}\n",
                "5:25: there is no service with points called ordr; did you mean order?",
            ),
            (
                "  - fault: {point: {on: order, at: create-befor-commit, do: abort}}\n",
                "5:36: there is no point of order called create-befor-commit; did you mean create-before-commit?",
            ),
            (
                "  - fault: {point: {on: order, at: create-before-commit, do: 1*abrt}}\n",
                "5:62: abrt is nothing that a point does; did you mean abort?",
            ),
            (
                "  - fault: {point: {on: order, at: create-before-commit, do: delay}}\n",
                "5:62: delay is nothing that a point does; did you mean delay(MILLISECONDS)?",
            ),
            (
                "  - fault: {point: {on: order, at: create-before-commit, do: 120%abort}}\n",
                "5:62: 120% is no share from 0 to 100",
            ),
            (
                "  - wait: {for: 1ms}\nfaults: [{point: {on: gateway, at: relay-before-mark, do: abort}}]\n",
                "6:23: there is no service with points called gateway; there is account, product, recommender, order, payment",
            ),
        ] {
            assert_eq!(told(&with(steps)), expected, "{steps}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        let text = told(&with("  - register: [ann\n"));
        assert!(text.starts_with("5:") || text.starts_with("6:"), "{text}");
        assert!(!text.contains(" at line "), "{text}");
        let text = told("description: twice\ndescription: twice\nsteps: []\n");
        assert!(text.starts_with("2:1: ") && text.contains("description"), "{text}");
    }

    #[test]
    fn every_step_knows_where_it_stands() {
        let scenario =
            parse(&with("  - register: ann\n  - repeat:\n      times: 2\n      steps:\n        - wait: {for: 1ms}\n"));
        let scenario = scenario.expect("it is a scenario");
        assert_eq!(scenario.steps[1].place.line, 6);
        let super::super::Step::Repeat(repeat) = &scenario.steps[1].it else { panic!("it repeats") };
        assert_eq!(repeat.steps[0].place, Place { line: 9, column: 11 });
    }
}
