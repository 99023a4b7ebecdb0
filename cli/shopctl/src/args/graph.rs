//! What can be typed after `graph`.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// Also what was used, from spans and topics, and where that differs from what is declared
    #[arg(long)]
    pub(crate) observed: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Draw with ASCII only, as where the locale is not UTF-8
    #[arg(long)]
    pub(crate) ascii: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    /// For Markdown pages and issues
    Mermaid,
    /// For Graphviz
    Dot,
    Json,
}
