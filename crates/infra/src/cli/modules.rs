//! The flags of `infra modules`.

use super::Variables;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Modules {
    /// Print the modules of a stack, where they come from and what is locked
    List(ModulesList),
    /// Lock modules in git repositories at the newest commit of their ref
    Update(ModulesUpdate),
}

#[derive(Debug, Args)]
pub(crate) struct ModulesList {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct ModulesUpdate {
    /// The stack file (.toml) if it is not the only one in stacks/, and the modules to update; by default all
    #[arg(value_name = "STACK|NAME")]
    pub(crate) words: Vec<String>,
    #[command(flatten)]
    pub(crate) variables: Variables,
}
