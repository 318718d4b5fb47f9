//! The flags of `infra secrets`.

use super::Variables;
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Encrypt a Secret so that only the cluster can open it
    Seal(SecretsSeal),
    /// Back the sealing keys up, and give the stack a new one
    RotateBackup(SecretsRotateBackup),
    /// Open a SealedSecret with a backup of the key; what comes out is secret
    Open(SecretsOpen),
}

/// Where a sealed secret may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SealScope {
    /// Under its name in its namespace alone
    Strict,
    /// Under any name in its namespace
    NamespaceWide,
    /// Everywhere in the cluster
    ClusterWide,
}

#[derive(Debug, Args)]
pub(crate) struct SecretsSeal {
    /// A manifest of Secrets, YAML or JSON; - is the standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The sealing certificate, PEM; by default that of the stack, from its state
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) cert: Option<PathBuf>,
    /// The stack whose certificate is used
    #[arg(long, value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// Where it may be opened; by default as the Secret's annotations say, or strict
    #[arg(long)]
    pub(crate) scope: Option<SealScope>,
    /// The name of a Secret that is made from -from-file and -from-env
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its namespace
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// An entry whose value is a file's content
    #[arg(long, value_name = "KEY=FILE")]
    pub(crate) from_file: Vec<String>,
    /// An entry whose value is a variable of the environment
    #[arg(long, value_name = "KEY=VARIABLE")]
    pub(crate) from_env: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SecretsRotateBackup {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// The hardening whose keys are meant, where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) hardening: Option<String>,
    /// A new file that gets all sealing keys of the state, for the day on which cluster and state are lost
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// The name of the new key; by default this month, as in 2026-11
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only back up: the keys stay as they are
    #[arg(long, requires = "out", conflicts_with = "name")]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct SecretsOpen {
    /// A manifest of SealedSecrets, YAML or JSON; - is the standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// A private key, PEM, or a Secret of the controller's with one; may be given several times
    #[arg(long, value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) key: Vec<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
