//! The bodies that the API takes, checked field by field.

use kit::Cents;
use serde_json::Value;

use super::error::ApiError;
use super::fields::Fields;
use super::issue::{Issue, Problem, Step};
use super::lax;
use crate::domain::Details;

pub(super) const MOST_ITEMS: usize = 10_000;
pub(super) const MOST_IDS: usize = 1000;
/// Issues that are told of one body: 30 kB of empty items would else be answered with megabytes.
const MOST_ISSUES: usize = 100;
const LONGEST_NAME: usize = 500;
const LONGEST_DESCRIPTION: usize = 20_000;
const LONGEST_SKU: usize = 64;
/// Clients hold an account's id in GraphQL's 32-bit Int.
const LARGEST_ACCOUNT_ID: i64 = i32::MAX as i64;

/// A product as somebody sends it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProductInput {
    /// `None` if absent, null or 0: the caller's own.
    pub(super) account_id: Option<i64>,
    pub(super) details: Details,
}

pub(super) fn product(body: &Value) -> Result<ProductInput, ApiError> {
    checked(|issues| product_at(body, vec![Step::Name("body")], issues))
}

/// The `items` of a bulk request: all of them are right, or what is wrong is told of each, up to a hundred times.
pub(super) fn items(body: &Value) -> Result<Vec<ProductInput>, ApiError> {
    checked(|issues| Fields::of(body, vec![Step::Name("body")], issues)?.list("items", MOST_ITEMS, product_at))
}

/// The `ids` of a batch request, of whatever shape: one that can't be an id is simply unknown.
pub(super) fn ids(body: &Value) -> Result<Vec<String>, ApiError> {
    checked(|issues| {
        Fields::of(body, vec![Step::Name("body")], issues)?.list("ids", MOST_IDS, |value, location, issues| {
            lax::string(value).map_err(|problem| issues.push(problem.at(&location, value.clone()))).ok()
        })
    })
}

fn checked<T>(read: impl FnOnce(&mut Vec<Issue>) -> Option<T>) -> Result<T, ApiError> {
    let mut issues = Vec::new();
    match read(&mut issues) {
        Some(value) if issues.is_empty() => Ok(value),
        Some(_) | None => {
            issues.truncate(MOST_ISSUES);
            Err(ApiError::Invalid(issues))
        }
    }
}

fn product_at(value: &Value, location: Vec<Step>, issues: &mut Vec<Issue>) -> Option<ProductInput> {
    let mut fields = Fields::of(value, location, issues)?;
    // Each is read before one that is wrong ends it, so that all are told.
    let name = fields.required("name", name);
    let description = fields.required("description", |value| lax::text(value, 0, LONGEST_DESCRIPTION));
    let price = fields.required("price", price);
    let account_id = fields.optional("account_id", account_id);
    let sku = fields.optional("sku", |value| lax::text(value, 1, LONGEST_SKU));
    let details = Details { name: name?, description: description?, price: price?, sku: sku? };
    Some(ProductInput { account_id: account_id?.filter(|account_id| *account_id != 0), details })
}

fn name(value: &Value) -> Result<String, Problem> {
    let name = lax::text(value, 1, LONGEST_NAME)?;
    if name.trim().is_empty() {
        return Err(Problem::custom("a name must not be blank"));
    }
    Ok(name)
}

fn account_id(value: &Value) -> Result<i64, Problem> {
    match lax::integer(value)? {
        ..0 => Err(lax::at_least(0)),
        account_id @ 0..=LARGEST_ACCOUNT_ID => Ok(account_id),
        _ => Err(lax::at_most(LARGEST_ACCOUNT_ID)),
    }
}

fn price(value: &Value) -> Result<Cents, Problem> {
    let price = lax::float(value)?;
    if !price.is_finite() {
        return Err(Problem::new("finite_number", "Input should be a finite number"));
    }
    if price < 0.0 {
        return Err(lax::at_least(0));
    }
    if price > Cents::MAX_PRICE.to_wire() {
        return Err(lax::at_most(Cents::MAX_PRICE.to_wire()));
    }
    Cents::from_wire(price).ok_or_else(|| {
        Problem::new("decimal_max_places", "Decimal input should have no more than 2 decimal places")
            .with(serde_json::json!({"decimal_places": 2}))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn issues<T: std::fmt::Debug>(result: Result<T, ApiError>) -> Value {
        match result {
            Err(ApiError::Invalid(issues)) => json!(issues),
            other => panic!("expected issues, not {other:?}"),
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let body = json!({"name": 5, "price": "dear", "account_id": "x"});
        assert_eq!(
            issues(product(&body)),
            json!([
                {"type": "string_type", "loc": ["body", "name"], "msg": "Input should be a valid string", "input": 5},
                {"type": "missing", "loc": ["body", "description"], "msg": "Field required", "input": body},
                {"type": "float_parsing", "loc": ["body", "price"],
                    "msg": "Input should be a valid number, unable to parse string as a number", "input": "dear"},
                {"type": "int_parsing", "loc": ["body", "account_id"],
                    "msg": "Input should be a valid integer, unable to parse string as an integer", "input": "x"},
            ])
        );
    }

    #[test]
    fn a_price_is_exact_cents_within_the_bounds() {
        for (value, cents) in [(json!(0), 0), (json!(-0.0), 0), (json!("19.99"), 1999), (json!(999_999.99), 99_999_999)]
        {
            assert_eq!(price(&value).map(Cents::get), Ok(cents), "{value}");
        }
        for (value, kind) in [
            (json!(-0.01), "greater_than_equal"),
            (json!(1_000_000), "less_than_equal"),
            (json!(0.001), "decimal_max_places"),
            (json!(0.1 + 0.2), "decimal_max_places"),
            (json!("nan"), "finite_number"),
            (json!("inf"), "finite_number"),
        ] {
            let problem = price(&value).expect_err("it is refused");
            assert_eq!(problem.kind(), kind, "{value}");
        }
    }

    #[test]
    fn an_item_that_is_wrong_is_told_with_its_place() {
        let right = json!({"name": "a", "description": "", "price": 1});
        let body = json!({"items": [right, {"name": "b", "description": "", "price": -1}, 7]});
        let issues = issues(items(&body));
        assert_eq!(issues[0]["loc"], json!(["body", "items", 1, "price"]));
        assert_eq!(issues[1]["loc"], json!(["body", "items", 2]));
        assert_eq!(issues[1]["type"], "model_attributes_type");
    }

    #[test]
    fn an_account_id_fits_the_int_that_clients_hold_it_in() {
        for (value, id) in [(json!(0), 0), (json!("7"), 7), (json!(2_147_483_647), 2_147_483_647)] {
            assert_eq!(account_id(&value), Ok(id), "{value}");
        }
        for (value, kind) in [(json!(-1), "greater_than_equal"), (json!(2_147_483_648_u32), "less_than_equal")] {
            assert_eq!(account_id(&value).expect_err("refused").kind(), kind, "{value}");
        }
    }

    #[test]
    fn any_text_may_be_asked_for_as_an_id() {
        let odd = vec![String::new(), "a\0b".to_owned(), "x".repeat(100_000)];
        assert_eq!(ids(&json!({"ids": odd})).ok(), Some(odd));
        assert_eq!(issues(ids(&json!({"ids": ["x", 5]})))[0]["loc"], json!(["body", "ids", 1]));
    }

    #[test]
    fn lists_that_are_too_long_are_refused_whole() {
        let body = json!({"ids": vec!["x"; MOST_IDS + 1]});
        assert_eq!(issues(ids(&body))[0]["type"], "too_long");
        assert_eq!(ids(&json!({"ids": vec!["x"; MOST_IDS]})).map(|ids| ids.len()).ok(), Some(MOST_IDS));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "[0-9.eE+-]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            let key = prop_oneof![
                Just("name".to_owned()),
                Just("description".to_owned()),
                Just("price".to_owned()),
                Just("account_id".to_owned()),
                Just("sku".to_owned()),
                Just("items".to_owned()),
                Just("ids".to_owned()),
                ".{0,4}",
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::hash_map(key, inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_either_taken_within_the_rules_or_refused_with_a_reason(body in any_json()) {
            match product(&body) {
                Ok(input) => {
                    prop_assert!((0..=99_999_999).contains(&input.details.price.get()));
                    prop_assert!(!input.details.name.trim().is_empty());
                    prop_assert!(input.account_id.is_none_or(|account_id| (1..=LARGEST_ACCOUNT_ID).contains(&account_id)));
                }
                Err(ApiError::Invalid(issues)) => prop_assert!(!issues.is_empty()),
                Err(other) => prop_assert!(false, "{other:?}"),
            }
            for refused in [items(&body).err(), ids(&body).err()].into_iter().flatten() {
                prop_assert!(matches!(refused, ApiError::Invalid(issues) if !issues.is_empty()));
            }
        }
    }
}
