//! The clouds' APIs on loopback: real protocols, real validation, states that take time, faults on purpose, and a
//! world that a file keeps. It shares no code with the providers that it tests.

mod aws;
mod azure;
mod certificate;
mod clock;
mod compact;
mod control;
mod core;
mod faults;
mod google;
mod http;
mod journal;
mod json;
mod json_patch;
mod kubernetes;
mod latency;
mod recording;
mod requests;
mod server;
mod stream;
mod tags;
mod token;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

pub use crate::clock::{Clock, ManualClock, Millis, SystemClock};
pub use crate::faults::{BadFault, FaultSpec};
pub use crate::journal::JournalError;
pub use crate::latency::{Latency, UnknownLatency};
pub use crate::world::Resource;

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen: the AWS port; Google, Azure and Kubernetes take the three after it. Port 0 takes a free
    /// port for each.
    pub listen: SocketAddr,
    /// The world file; without one the world ends with the process.
    pub world: Option<PathBuf>,
    /// The id of a world that is made now; one that the file holds keeps its own.
    pub world_id: Uuid,
    /// Decides ids and faults.
    pub seed: u64,
    /// The pace of background work.
    pub latency: Latency,
    /// Faults on purpose.
    pub faults: FaultSpec,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            world: None,
            world_id: Uuid::new_v4(),
            seed: 0,
            latency: Latency::default(),
            faults: FaultSpec::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is not on loopback: there is no real authentication.
    #[error("the sandbox listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// A port cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The world file cannot be used.
    #[error(transparent)]
    World(#[from] JournalError),
}

/// Where the clouds are.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Endpoints {
    /// `http://127.0.0.1:PORT` of AWS.
    pub aws: String,
    /// `http://127.0.0.1:PORT` of Google Cloud.
    pub google: String,
    /// `http://127.0.0.1:PORT` of Azure Resource Manager, and of the data planes under it.
    #[serde(default)]
    pub azure: String,
    /// `http://127.0.0.1:PORT` of the clusters' APIs, each at `/clusters/NAME`; it speaks TLS too.
    pub kubernetes: String,
}

impl Endpoints {
    /// The environment under which SDKs and command-line tools of the clouds use the sandbox at them.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.aws.as_str()),
            // Accepted, not checked: any signature will do, but there must be one.
            ("AWS_ACCESS_KEY_ID", "AKIASANDBOXSANDBOX00"),
            ("AWS_SECRET_ACCESS_KEY", "sandbox"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("INFRA_GOOGLE_ENDPOINT", self.google.as_str()),
            ("GOOGLE_CLOUD_PROJECT", "sandbox-project"),
            ("GOOGLE_CLOUD_REGION", "europe-west1"),
            ("INFRA_AZURE_ENDPOINT", self.azure.as_str()),
            // The one subscription of the sandbox, in its one tenant, and an application whose token nobody checks.
            ("ARM_SUBSCRIPTION_ID", azure::SUBSCRIPTION),
            ("ARM_TENANT_ID", azure::TENANT),
            ("ARM_CLIENT_ID", azure::CLIENT),
            ("ARM_LOCATION", "westeurope"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// A running sandbox; it ends when it is dropped or shut down.
#[derive(Debug)]
pub struct Sandbox {
    core: Arc<core::Core>,
    aws: server::Listener,
    google: server::Listener,
    azure: server::Listener,
    kubernetes: server::Listener,
    stop: watch::Sender<bool>,
}

impl Sandbox {
    /// Opens the world, binds the ports and begins to serve on the current tokio runtime.
    ///
    /// # Errors
    /// When the address is not on loopback or taken, or the world file is in use or damaged.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        if !options.listen.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(options.listen));
        }
        let core = Arc::new(core::Core::open(&options)?);
        let (stop, stopped) = watch::channel(false);
        // Clusters and vaults tell their addresses, and states keep them: a port stays from run to run where it is free.
        let bind = async |offset: u16, cloud| {
            let mut address = options.listen;
            if address.port() == 0 {
                let usual = core::lock(&core.world).usual_port(cloud);
                address.set_port(usual.unwrap_or_default());
            } else {
                // Past the last port there is none: the system says so of a free one too.
                address.set_port(address.port().saturating_add(offset));
            }
            let bind =
                async |at| server::Listener::bind(at, cloud, core.clone(), stopped.clone()).await;
            let mut bound = bind(address).await;
            if bound.is_err() && options.listen.port() == 0 {
                bound = bind(options.listen).await;
            }
            let bound = bound.map_err(|source| SandboxError::Bind { address, source })?;
            core::lock(&core.world).served(options.clock.now(), cloud, bound.address)?;
            Ok::<_, SandboxError>(bound)
        };
        let aws = bind(0, core::Cloud::Aws).await?;
        let google = bind(1, core::Cloud::Google).await?;
        let azure = bind(2, core::Cloud::Azure).await?;
        let kubernetes = bind(3, core::Cloud::Kubernetes).await?;
        let sandbox = Self {
            core,
            aws,
            google,
            azure,
            kubernetes,
            stop,
        };
        // Nobody has set them before.
        let _ = sandbox.core.endpoints.set(sandbox.endpoints());
        Ok(sandbox)
    }

    /// The URLs of the clouds.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        Endpoints {
            aws: format!("http://{}", self.aws.address),
            google: format!("http://{}", self.google.address),
            azure: format!("http://{}", self.azure.address),
            kubernetes: format!("http://{}", self.kubernetes.address),
        }
    }

    /// The environment under which SDKs and command-line tools of the clouds use this sandbox.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.endpoints().environment()
    }

    /// The world's id: a state made in it names it.
    #[must_use]
    pub fn world_id(&self) -> Uuid {
        core::lock(&self.core.world).id()
    }

    /// Every live resource.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource> {
        self.core.resources()
    }

    /// Stops listening and lets requests under way finish.
    pub async fn shutdown(self) {
        let _ = self.stop.send(true);
        self.aws.finish().await;
        self.google.finish().await;
        self.azure.finish().await;
        self.kubernetes.finish().await;
    }
}
