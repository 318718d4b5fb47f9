//! The flags of `infra export`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Write what a stack has made as managed resources of Crossplane's, which find it by its names and make nothing anew
    #[command(after_help = "Examples:
  infra export crossplane                          Crossplane looks, and changes nothing
  infra export crossplane -o manifests/ stacks/prod.toml
  infra export crossplane -own -keep -o manifests/     it puts right what differs, and deletes nothing

Look first, and let it own when every managed resource is Synced and nothing would change; then take the stack's
resources out of the state: infra state rm.")]
    Crossplane(ExportCrossplane),
}

#[derive(Debug, Args)]
pub(crate) struct ExportCrossplane {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// Write into a folder, one file a resource, and not to the standard output
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Crossplane may change and delete what it finds; without this it only looks
    #[arg(long)]
    pub(crate) own: bool,
    /// With -own: what a manifest stood for stays when the manifest goes
    #[arg(long, requires = "own")]
    pub(crate) keep: bool,
    /// Write what can be written, although some of the stack has no managed kind
    #[arg(long)]
    pub(crate) partial: bool,
    /// The namespace of the managed resources; by default the stack's name
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The ClusterProviderConfig by which Crossplane logs in; a provider with an alias has one of that name
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) provider_config: String,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
}
