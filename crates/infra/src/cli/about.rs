//! The commands that tell about stacks and about the program itself.

use super::Variables;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// The stack file, by default the only one in stacks/; or a saved plan, whose steps are drawn
    #[arg(value_name = "STACK|PLAN", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// What to draw it as
    #[arg(long, value_enum, default_value_t = GraphFormat::Dot)]
    pub(crate) format: GraphFormat,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

/// What graphs are drawn as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid, as Markdown renders it
    Mermaid,
    /// A drawing
    Svg,
    /// A page of its own: search, and what needs what under the pointer
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder, which is made if it is not there
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath, required_unless_present = "list")]
    pub(crate) folder: Option<PathBuf>,
    /// What the stack is about
    #[arg(long, value_name = "NAME", default_value = "shop-aws")]
    pub(crate) template: String,
    /// List the templates
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// A resource type, data source (`data.TYPE`), component, or provider; by default all of them are listed
    #[arg(value_name = "TYPE")]
    pub(crate) name: Option<String>,
    /// For a terminal, or as Markdown
    #[arg(long, value_enum, default_value_t = DocsFormat::Text)]
    pub(crate) format: DocsFormat,
}

/// How documentation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocsFormat {
    /// For a terminal
    Text,
    /// For a page
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// A resource type, data source (`data.TYPE`), component or provider; by default whole stack files
    #[arg(value_name = "TYPE")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Codes as errors show them; by default all are listed
    #[arg(value_name = "CODE")]
    pub(crate) codes: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Version {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
