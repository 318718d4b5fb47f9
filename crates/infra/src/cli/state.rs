//! The commands over the state alone: none of them touches a cloud.

use clap::{Args, Subcommand, ValueHint};

/// Which state.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Copy {
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// List what is managed
    List(StateList),
    /// Show one resource
    Show(StateShow),
    /// Give resources another address: an instance, a block, or all of a module or component
    #[command(after_help = "Examples:
  infra state mv aws_vpc.main aws_vpc.core
  infra state mv aws_subnet.a 'aws_subnet.all[\"a\"]'
  infra state mv module.queue module.jobs.module.queue
  infra state mv network.main network.core

A [[moved]] block in the stack file does the same for everybody, and is shown by the plan.")]
    Mv(StateMv),
    /// Forget resources; they go on living in the cloud
    #[command(after_help = "Examples:
  infra state rm aws_s3_bucket.logs
  infra state rm -dry-run module.queue network.main

A [[removed]] block in the stack file does the same for everybody, and is shown by the plan.")]
    Rm(StateRm),
    /// Print the state as it is, what the journal says included
    #[command(after_help = "Examples:
  infra state pull > copy.json")]
    Pull(StatePull),
    /// Put a state in the place of the present one, which becomes the backup
    #[command(after_help = "Examples:
  infra state push copy.json
  infra state push - < copy.json

Refused without -force: another lineage, a serial that is not higher, and a file that was edited.")]
    Push(StatePush),
    /// Give all resources of one provider configuration to another one of the same provider
    #[command(after_help = "Examples:
  infra state replace-provider aws aws.us")]
    ReplaceProvider(StateReplaceProvider),
}

#[derive(Debug, Args)]
pub(crate) struct StateList {
    /// Addresses to list (all by default), and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "ADDRESS|STACK")]
    pub(crate) words: Vec<String>,
    /// Only the resource with this id
    #[arg(long)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct StateShow {
    /// The address, and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "ADDRESS|STACK", required = true)]
    pub(crate) words: Vec<String>,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct StateMv {
    /// The old and the new address, and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "FROM TO STACK", num_args = 2..=3, required = true)]
    pub(crate) words: Vec<String>,
    /// Only say what would move
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct StateRm {
    /// What to forget, and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "ADDRESS|STACK", required = true)]
    pub(crate) words: Vec<String>,
    /// Only say what would be forgotten
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct StatePull {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<std::path::PathBuf>,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct StatePush {
    /// The file (`-` is standard input), and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "FILE STACK", num_args = 1..=2, required = true)]
    pub(crate) words: Vec<String>,
    /// Also an older state, an edited one, or one of another lineage
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct StateReplaceProvider {
    /// The present and the new configuration, and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "FROM TO STACK", num_args = 2..=3, required = true)]
    pub(crate) words: Vec<String>,
    /// Only say which resources it would be
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct Taint {
    /// The address, and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "ADDRESS STACK", num_args = 1..=2, required = true)]
    pub(crate) words: Vec<String>,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct ForceUnlock {
    /// The number of the process that holds it, to be sure of the right one; and the stack file (.toml)
    #[arg(value_name = "ID|STACK", num_args = 0..=2)]
    pub(crate) words: Vec<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) copy: Copy,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<std::path::PathBuf>,
    /// Only so many runs, the last ones
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// With the addresses that each run set out to change
    #[arg(long)]
    pub(crate) changes: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) copy: Copy,
}
