//! The flags of `infra ci`.

use super::Variables;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Ci {
    /// Write the pipelines of the apps of a stack: lint, test, scan, build without a daemon, push, sign, release
    #[command(after_help = "Examples:
  infra ci render --github                       into the repository that one stands in
  infra ci render --gitlab -o ../shop stacks/prod.toml
  infra ci render --github --check               exit 2 when something would be written

Files that a person has changed are written over only with --overwrite.")]
    Render(CiRender),
}

#[derive(Debug, Args)]
pub(crate) struct CiRender {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// For GitHub Actions; by default as [hardening.….ci] says
    #[arg(long, conflicts_with = "gitlab")]
    pub(crate) github: bool,
    /// For GitLab CI
    #[arg(long)]
    pub(crate) gitlab: bool,
    /// The root of the repository; where apps are in several, each is a folder in it
    #[arg(long, short, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Say what would be written, and write nothing; exit 2 when something would
    #[arg(long)]
    pub(crate) check: bool,
    /// Write over what people have changed, too
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// The hardening, where the stack has several
    #[arg(long, value_name = "NAME")]
    pub(crate) hardening: Option<String>,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) variables: Variables,
}
