/// What is wrong with a Compose file: `infra.yaml line 12: service kafka: "privileged" is not supported here`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} line {line}: {problem}")]
pub struct Error {
    pub file: String,
    /// From 1 on.
    pub line: usize,
    pub problem: String,
    pub(super) hint: Option<String>,
}

impl Error {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}
