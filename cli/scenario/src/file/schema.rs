use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Scenario;

/// The JSON Schema of scenario files.
#[must_use]
pub fn schema() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Scenario>();
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_that_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/scenarios/schema.json");
        let wanted = format!("{:#}\n", schema());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(path, &wanted).expect("the fixtures can be written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == wanted, "{path} drifted: UPDATE_SCHEMAS=1 cargo test -p shopctl-scenario writes it anew");
    }
}
