//! Logging in to the Kubernetes clusters of clouds. Providers do not know each other: the binary, which knows them all, lends
//! this to the one that talks to clusters.

use crate::provider::Environment;
use crate::provider_error::ProviderError;
use crate::time::Timestamp;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// Which cluster, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterLogin {
    /// Amazon's.
    Eks {
        /// The cluster's name.
        cluster: String,
        /// Its region.
        region: String,
        /// A profile of the shared configuration files.
        profile: Option<String>,
        /// A role to take on.
        role_arn: Option<String>,
    },
    /// Google's.
    Gke {
        /// A service account to act as.
        impersonate_service_account: Option<String>,
    },
    /// Azure's.
    Aks {
        /// The tenant, if it is not that of the credentials.
        tenant: Option<String>,
        /// Which Azure, if it is not the one that the environment names: `public`, `usgovernment` or `china`.
        environment: Option<String>,
        /// The server application that the token is for, if it is not the one that AKS has everywhere.
        server_id: Option<String>,
    },
}

/// A bearer token of a cluster's API server. Never shown.
#[derive(Clone)]
pub struct ClusterToken {
    /// What is sent.
    pub token: String,
    /// When it ends.
    pub expires: Timestamp,
}

impl fmt::Debug for ClusterToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterToken(until {})", self.expires.0)
    }
}

/// Makes tokens.
#[async_trait]
pub trait ClusterLogins: Send + Sync {
    /// A token that is good from now on, by the credentials that the environment has.
    ///
    /// # Errors
    /// No credentials, or a cloud that does not give a token for them.
    async fn token(
        &self,
        login: &ClusterLogin,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<ClusterToken, ProviderError>;
}

/// [`ClusterLogins`], where there are any.
#[derive(Clone, Default)]
pub struct Logins(pub Option<Arc<dyn ClusterLogins>>);

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Logins" } else { "None" })
    }
}
