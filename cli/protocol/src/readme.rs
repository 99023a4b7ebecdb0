//! The examples of README.md, held against the types.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Reply, Request, Update, VERSION};

/// The examples that are marked as this kind.
fn examples(kind: &str) -> Vec<&'static str> {
    let fence = format!("```json {kind}\n");
    let begun = include_str!("../README.md").split(&fence).skip(1);
    begun.map(|rest| rest.split_once("```").expect("an example ends").0).collect()
}

/// Every example is such a message, and has no field that the message does not have.
fn assert_true<T: DeserializeOwned + Serialize>(kind: &str) {
    assert!(!examples(kind).is_empty());
    for example in examples(kind) {
        let message: T = serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        let shown: Value = serde_json::from_str(example).expect("it is JSON");
        assert_eq!(serde_json::to_value(message).expect("it has a JSON form"), shown);
    }
}

#[test]
fn every_example_is_a_message_that_there_is() {
    assert_true::<Request>("request");
    assert_true::<Reply>("reply");
    assert_true::<Update>("update");
}

#[test]
fn the_page_is_about_this_version() {
    let hello: Request = serde_json::from_str(examples("request")[0]).expect("the first example is a request");
    assert!(matches!(hello, Request::Hello { protocol: VERSION, .. }), "{hello:?}");
    assert!(include_str!("../README.md").contains(&format!("version {VERSION}.")));
}
