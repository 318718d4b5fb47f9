//! The flags of `infra harden`.

use super::Variables;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Harden {
    /// Print the objects that a stack brings into its clusters
    Render(HardenRender),
    /// Hold a cluster against the roadmap to production, row by row; exit 2 when a row is open
    Audit(HardenAudit),
    /// Print what brings a database back as it was at a moment, beside the one that is
    Restore(HardenRestore),
    /// Make a copy from keys, repository and archives, look at it, and take it away; exit 2 when something cannot be made again
    #[command(after_help = "Examples:
  infra harden drill stacks/prod.toml
  infra harden drill -auto-approve -to 2026-01-31T12:00:00Z
  infra harden drill -key sealing-keys.yaml -keep
  infra harden drill -without-state               the real disaster: the state file is gone too
  infra harden drill --sandbox

The real stack is only read. What a drill that was killed has left is gone on with by the next one,
or goes by `infra destroy --instance drill`.")]
    Drill(HardenDrill),
    /// Pin the charts that a stack installs to their newest versions, by digest
    Lock(HardenLock),
    /// Let everything into a cluster whose policy engine is broken and refuses all; for emergencies
    Unlock(HardenUnlock),
}

#[derive(Debug, Args)]
pub(crate) struct HardenRender {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// Write into a folder, one file an object, and not to the standard output
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct HardenAudit {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// Look at manifests in a folder, and not at a stack
    #[arg(long, value_name = "DIR", conflicts_with = "stack", value_hint = ValueHint::DirPath)]
    pub(crate) manifests: Option<PathBuf>,
    /// Look at a live cluster by a kubeconfig, and not at a stack
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["stack", "manifests"],
        value_hint = ValueHint::FilePath
    )]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct HardenRestore {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// The moment, as 2026-01-31T12:00:00Z; by default the last change that was archived
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// The namespace of the database, where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// What the restored one is called
    #[arg(long, value_name = "NAME", default_value = "postgres-restored")]
    pub(crate) name: String,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct HardenDrill {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// The moment that databases are recovered to, as 2026-01-31T12:00:00Z; by default the last change that was archived
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Sealing keys from a backup of `infra secrets rotate-backup`, and not those in the cloud's secret manager
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Vec<PathBuf>,
    /// As if the state were lost too: what the stack has made is found in the clouds by its marks
    #[arg(long)]
    pub(crate) without_state: bool,
    /// Leave the copy standing
    #[arg(long)]
    pub(crate) keep: bool,
    /// Do it without asking
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Machine-readable events, one JSON object a line; the last, `drill_report`, is what was found
    #[arg(long)]
    pub(crate) json: bool,
    /// Against the local sandbox instead of the clouds: one started inside, or a running one by its URL
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) sandbox: Option<String>,
    /// At most so many operations at once; by default only the clouds' own limits count
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallelism: Option<u16>,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct HardenLock {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// Only charts of these names, such as cert-manager
    #[arg(long, value_name = "NAME")]
    pub(crate) chart: Vec<String>,
    /// Say what would change, and change nothing; exit 2 when something would
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct HardenUnlock {
    /// The cluster
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) kubeconfig: PathBuf,
    /// Do it without asking
    #[arg(long)]
    pub(crate) auto_approve: bool,
}
