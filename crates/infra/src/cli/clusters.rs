//! The flags of `infra kubeconfig` and `infra cluster-token`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Kubeconfig {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// The kubeconfig to add to; by default the first of KUBECONFIG, or ~/.kube/config
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "print")]
    pub(crate) file: Option<PathBuf>,
    /// Print one with nothing else in it instead
    #[arg(long)]
    pub(crate) print: bool,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Token {
    /// Of a cluster of Amazon's
    Eks {
        /// The cluster's name
        #[arg(long)]
        cluster: String,
        /// Its region
        #[arg(long)]
        region: String,
        /// A profile of the shared configuration files
        #[arg(long)]
        profile: Option<String>,
        /// A role to take on
        #[arg(long)]
        role_arn: Option<String>,
    },
    /// Of Google's clusters
    Gke {
        /// A service account to act as
        #[arg(long)]
        impersonate_service_account: Option<String>,
    },
    /// Of Azure's clusters
    Aks {
        /// The tenant, if it is not that of the credentials
        #[arg(long)]
        tenant: Option<String>,
        /// Which Azure: public, usgovernment or china; by default ARM_ENVIRONMENT, or public
        #[arg(long)]
        environment: Option<String>,
        /// The server application, if it is not the one that AKS has everywhere
        #[arg(long)]
        server_id: Option<String>,
    },
}
