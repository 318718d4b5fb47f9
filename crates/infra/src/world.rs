//! Which world a run talks to: the real clouds, a sandbox started inside, or a running one.

use crate::error::CommandError;
use crate::place::Place;
use infra_model::codes::Code;
use infra_sandbox::{Endpoints, Options, Sandbox};
use infra_state::World;
use serde::Deserialize;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a running sandbox may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The world of one run. A sandbox started inside ends with it.
pub(crate) struct Surroundings {
    /// For the state.
    pub(crate) world: World,
    /// For the providers; empty for the real clouds.
    pub(crate) variables: Vec<(String, String)>,
    sandbox: Option<Sandbox>,
}

impl Surroundings {
    /// As `--sandbox` says: not at all, inside (empty), or at a URL.
    pub(crate) async fn open(
        place: &Place,
        sandbox: Option<&str>,
    ) -> Result<Surroundings, CommandError> {
        match sandbox {
            None => Ok(Surroundings {
                world: World::Cloud,
                variables: of_clouds(),
                sandbox: None,
            }),
            Some("") => Surroundings::start(place).await,
            Some(url) => Surroundings::join(url).await,
        }
    }

    async fn start(place: &Place) -> Result<Surroundings, CommandError> {
        let file = place.world_file();
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|e| CommandError::io("make", folder, &e))?;
        }
        let sandbox = Sandbox::start(Options {
            world: Some(file),
            ..Options::default()
        })
        .await?;
        Ok(Surroundings {
            world: World::Sandbox(sandbox.world_id().to_string().into()),
            variables: in_sandbox(&sandbox.endpoints()),
            sandbox: Some(sandbox),
        })
    }

    async fn join(url: &str) -> Result<Surroundings, CommandError> {
        let failed = |why: String| {
            CommandError::hint(
                Code::SandboxFails,
                format!("no sandbox answers at {url}: {why}"),
                "start one with `infra sandbox`; it prints its URL",
            )
        };
        let url = url.trim_end_matches('/');
        let authority = url
            .strip_prefix("http://")
            .filter(|a| !a.contains('/'))
            .ok_or_else(|| failed("the URL has the form http://127.0.0.1:4700".to_owned()))?;
        let body = tokio::time::timeout(PATIENCE, get(authority, "/_sandbox/world"))
            .await
            .map_err(|_| failed("it does not answer in time".to_owned()))?
            .map_err(|e| failed(e.to_string()))?;
        #[derive(Deserialize)]
        struct Answer {
            id: String,
            endpoints: Endpoints,
        }
        let answer: Answer = serde_json::from_str(&body)
            .map_err(|_| failed("something else answers there".to_owned()))?;
        Ok(Surroundings {
            variables: in_sandbox(&answer.endpoints),
            world: World::Sandbox(answer.id.into()),
            sandbox: None,
        })
    }

    /// Lets a sandbox that was started inside finish what it is answering.
    pub(crate) async fn close(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.shutdown().await;
        }
    }
}

/// What the process's environment says to providers that do not ask it themselves.
pub(crate) fn of_clouds() -> Vec<(String, String)> {
    const BEGINNINGS: [&str; 13] = [
        // The SDK of AWS asks for all else itself.
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "GOOGLE_",
        "GCLOUD_",
        "CLOUDSDK_",
        "INFRA_GOOGLE_",
        "ARM_",
        "AZURE_",
        "ACTIONS_ID_TOKEN_",
        "INFRA_AZURE_",
        "INFRA_HELM",
        "INFRA_CALLER_ADDRESS",
        "KUBECONFIG",
        "KUBE_CONFIG_PATH",
    ];
    std::env::vars()
        .filter(|(name, _)| BEGINNINGS.iter().any(|b| name.starts_with(b)))
        .collect()
}

/// What a sandbox says to providers: that it is one, where it is, and which programs of this machine may be used in it.
fn in_sandbox(endpoints: &Endpoints) -> Vec<(String, String)> {
    let mut variables = endpoints.environment();
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    variables.push(set("INFRA_SANDBOX", "1"));
    // Clusters move with the sandbox: it has other ports in every run.
    variables.push(set("INFRA_KUBERNETES_ENDPOINT", &endpoints.kubernetes));
    // A sandbox is called from this machine; its clouds take that for one in the range for documentation (RFC 5737).
    variables.push(set("INFRA_CALLER_ADDRESS", "203.0.113.1"));
    variables.extend(
        std::env::var("INFRA_HELM")
            .ok()
            .map(|helm| set("INFRA_HELM", &helm)),
    );
    variables
}

/// The body of a plain HTTP answer; a client library would be too much for one question on loopback.
async fn get(authority: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer has no body"))
}
