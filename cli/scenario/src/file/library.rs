use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Error, Scenario, read, read::suggestion};

/// Of scenario files.
pub const EXTENSION: &str = "yaml";

/// A folder of scenarios, each called by its file's name.
#[derive(Debug, Clone)]
pub struct Library(PathBuf);

/// Why there is no such scenario.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    #[error("the scenarios in {path} cannot be listed: {source}")]
    Folder { path: String, source: io::Error },
    #[error("there is no scenario {name}{suggestion}")]
    Unknown { name: String, suggestion: String },
    #[error(transparent)]
    Wrong(#[from] Error),
}

/// A scenario with its name and file.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: String,
    pub path: PathBuf,
    pub scenario: Scenario,
}

impl Library {
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The names of all of them, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Missing> {
        let failed = |source| Missing::Folder { path: self.0.display().to_string(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
            }
        }
        names.sort();
        Ok(names)
    }

    /// One by its name, or by the path of its file, which may be anywhere.
    ///
    /// # Errors
    /// When there is none, or its file is wrong.
    pub fn get(&self, name: &str) -> Result<Named, Missing> {
        let is_path = name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml");
        let path = if is_path { PathBuf::from(name) } else { self.0.join(name).with_extension(EXTENSION) };
        if !is_path && !path.exists() {
            let suggestion = suggestion(name, &self.names()?);
            return Err(Missing::Unknown { name: name.to_owned(), suggestion });
        }
        let name = path.file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(Named { name, scenario: read(&path)?, path })
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// When one is wrong, or the folder cannot be read.
    pub fn all(&self) -> Result<Vec<Named>, Missing> {
        self.names()?.iter().map(|name| self.get(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Library {
        Library::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios"))
    }

    #[test]
    fn every_shipped_scenario_can_be_read_and_fits_a_page() {
        let all = shipped().all().unwrap_or_else(|error| panic!("{error}"));
        assert!(all.len() >= 15, "{}", all.len());
        for Named { name, path, scenario } in all {
            assert!(!scenario.description.trim().is_empty(), "{name}");
            let lines = fs::read_to_string(path).expect("it was read before").lines().count();
            assert!(lines <= 60, "{name} has {lines} lines");
        }
    }

    #[test]
    fn every_shipped_scenario_fits_the_schema_that_editors_complete_it_by() {
        let validator = jsonschema::validator_for(&crate::file::schema()).expect("it is a schema");
        for Named { name, path, .. } in shipped().all().expect("they can be read") {
            let text = fs::read_to_string(path).expect("it was read before");
            let mut value: serde_json::Value = serde_saphyr::from_str(&text).expect("it is YAML");
            let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{name}");
            value["stepps"] = serde_json::json!([]);
            assert!(!validator.is_valid(&value), "{name}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_told_with_what_was_probably_meant() {
        let error = shipped().get("hapy-path").expect_err("there is none").to_string();
        assert_eq!(error, "there is no scenario hapy-path; did you mean happy-path?");
    }
}
