//! The `helm` program: found, its version checked, run with what it needs and nothing else on its command line.

use super::chart::{self, Chart};
use super::files::Bench;
use crate::client::Client;
use crate::error::explained;
use crate::family;
use infra_cloud::config::variable;
use infra_model::{CallContext, ErrorKind, ProviderError, Value, json};
use serde_json::Value as Json;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The oldest version that knows what is asked of it: labels on releases, lookups while rendering.
const OLDEST: (u64, u64) = (3, 14);
/// The oldest that takes over objects that no release of its own has made.
const TAKES_OVER: (u64, u64) = (3, 17);

/// A `helm` that can be used.
#[derive(Clone, Debug)]
pub(crate) struct Helm {
    program: String,
    version: (u64, u64),
}

/// One run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    arguments: Vec<String>,
    kubeconfig: Option<(PathBuf, Option<String>)>,
    input: Vec<u8>,
}

impl Run {
    /// With these words.
    pub(crate) fn new<const N: usize>(words: [&str; N]) -> Run {
        Run {
            arguments: words.map(str::to_owned).to_vec(),
            ..Run::default()
        }
    }

    /// With another argument.
    pub(crate) fn arg(&mut self, argument: impl Display) -> &mut Run {
        self.arguments.push(argument.to_string());
        self
    }

    /// With an argument where something is so.
    pub(crate) fn flag(&mut self, given: bool, argument: &str) -> &mut Run {
        if given {
            self.arg(argument);
        }
        self
    }

    /// With values on its standard input, of which later ones go before.
    pub(crate) fn values(&mut self, values: &Json) -> &mut Run {
        self.input = values.to_string().into_bytes();
        self.arg("--values").arg("-")
    }

    /// Against a cluster: its login stands in a file of the bench.
    pub(crate) async fn against(
        &mut self,
        client: &Client,
        context: &CallContext,
        bench: &Bench,
    ) -> Result<&mut Run, ProviderError> {
        let config = client.config();
        let path = match &config.config_path {
            Some(path) => client.environment().directory.join(path),
            None => {
                let text = match &config.kubeconfig {
                    Some(text) => text.clone(),
                    None => {
                        let token = client.token(context).await?;
                        config
                            .as_kubeconfig(token.as_ref().map(|t| &*t.token))
                            .to_string()
                    }
                };
                let name = format!("kubeconfig-{}", self.arguments.len());
                bench.write(&name, text.as_bytes())?
            }
        };
        self.kubeconfig = Some((path, config.config_context.clone()));
        Ok(self)
    }
}

impl Helm {
    /// The one that `INFRA_HELM` names, or the first on the PATH.
    ///
    /// # Errors
    /// None, or one that is too old, with the remedy.
    pub(crate) async fn find(
        client: &Client,
        context: &CallContext,
    ) -> Result<Helm, ProviderError> {
        let found = client
            .helm
            .get_or_try_init(|| Helm::look(client, context))
            .await?;
        Ok(found.clone())
    }

    async fn look(client: &Client, context: &CallContext) -> Result<Helm, ProviderError> {
        let program =
            variable(client.environment(), &["INFRA_HELM"]).unwrap_or_else(|| "helm".to_owned());
        let mut helm = Helm {
            program,
            version: OLDEST,
        };
        let said = helm
            .run(
                context,
                &Run::new(["version", "--template", "{{.Version}}"]),
            )
            .await?;
        let version = parse(&said).filter(|version| *version >= OLDEST);
        let Some(version) = version else {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!(
                    "the program `{}` says that it is version {}; helm_release needs {}.{} or newer: https://helm.sh/docs/intro/install. INFRA_HELM names another one",
                    helm.program,
                    said.trim(),
                    OLDEST.0,
                    OLDEST.1
                ),
            ));
        };
        helm.version = version;
        Ok(helm)
    }

    /// Whether it can take over objects.
    ///
    /// # Errors
    /// One that is too old for that, with the remedy.
    pub(crate) fn takes_over(&self) -> Result<(), ProviderError> {
        if self.version >= TAKES_OVER {
            return Ok(());
        }
        let (oldest, this) = (TAKES_OVER, self.version);
        Err(ProviderError::new(
            ErrorKind::Invalid,
            format!(
                "the program `{}` is version {}.{}; taking over what a GitOps engine has brought needs {}.{} or newer: https://helm.sh/docs/intro/install. INFRA_HELM names another one",
                self.program, this.0, this.1, oldest.0, oldest.1
            ),
        ))
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// What it says when it fails.
    pub(crate) async fn run(
        &self,
        context: &CallContext,
        run: &Run,
    ) -> Result<String, ProviderError> {
        let permit = context.enter(family::HELM).await?;
        let mut command = Command::new(&self.program);
        command
            .args(&run.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C is for infra, which lets what it has begun come to its end.
        #[cfg(unix)]
        command.process_group(0);
        if let Some((path, named)) = &run.kubeconfig {
            command.env("KUBECONFIG", path);
            if let Some(named) = named {
                command.env("HELM_KUBECONTEXT", named);
            }
        }
        let name = run.arguments.first().cloned().unwrap_or_default();
        let failed = |kind: ErrorKind, why: String| ProviderError {
            service: "helm".to_owned(),
            operation: name.clone(),
            ..ProviderError::new(kind, why)
        };
        let mut child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => failed(
                ErrorKind::Invalid,
                format!(
                    "there is no program `{}`; helm_release needs helm {}.{} or newer on the PATH (https://helm.sh/docs/intro/install), or INFRA_HELM naming it",
                    self.program, OLDEST.0, OLDEST.1
                ),
            ),
            _ => failed(ErrorKind::Other, format!("`{}` cannot be run: {e}", self.program)),
        })?;
        if let Some(mut input) = child.stdin.take() {
            // A program that fails at once does not read to the end.
            let _ = input.write_all(&run.input).await;
        }
        let output = child
            .wait_with_output()
            .await
            .map_err(|e| failed(ErrorKind::Other, e.to_string()))?;
        drop(permit);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            // Which digest was pulled is said in one version here and in another there.
            return Ok(if name == "pull" {
                format!("{said}{errors}")
            } else {
                said
            });
        }
        let why = reason(&errors);
        Err(failed(kind_of(&why), explained(&why)))
    }

    /// The definitions of a chart as YAML: those of its folder, and those that it renders.
    pub(crate) async fn definitions(
        &self,
        client: &Client,
        context: &CallContext,
        wanted: &Chart,
        values: &Value,
    ) -> Result<String, ProviderError> {
        let bench = Bench::new()?;
        let at = chart::fetched(self, client, context, wanted, &bench, false).await?;
        let mut run = Run::new(["template", "crds"]);
        run.arg(at.display())
            .arg("--include-crds")
            .arg("--namespace")
            .arg("default");
        if !values.is_null() {
            run.values(&json::to_json(values));
        }
        self.run(context, &run).await
    }
}

/// Major and minor of `v3.22.0+g1234`.
fn parse(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.trim().trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What it says went wrong: its last errors, without warnings.
fn reason(errors: &str) -> String {
    let lines: Vec<&str> = errors
        .lines()
        .filter(|line| {
            !line.trim().is_empty() && !line.starts_with("WARNING") && !line.starts_with("W1")
        })
        .collect();
    let from = lines
        .iter()
        .rposition(|l| l.starts_with("Error:"))
        .unwrap_or(lines.len().saturating_sub(5));
    let text = lines.get(from..).unwrap_or_default().join("\n");
    let text = text.trim_start_matches("Error:").trim();
    if text.is_empty() {
        "it fails without a word".to_owned()
    } else {
        text.to_owned()
    }
}

fn kind_of(why: &str) -> ErrorKind {
    let says = |texts: &[&str]| texts.iter().any(|text| why.contains(text));
    if says(&[
        "failed calling webhook",
        "connection refused",
        "no such host",
        "i/o timeout",
        "EOF",
        "TLS handshake timeout",
        "the server is currently unable",
        "connection reset",
    ]) {
        ErrorKind::Transient
    } else if says(&["timed out waiting", "context deadline exceeded"]) {
        ErrorKind::Failed
    } else if says(&["release: not found"]) {
        ErrorKind::NotFound
    } else if says(&[
        "another operation (install/upgrade/rollback) is in progress",
        "cannot re-use a name",
        "exists and cannot be imported",
        "conflict",
    ]) {
        ErrorKind::Conflict
    } else if says(&["Unauthorized", "forbidden", "401", "403"]) {
        ErrorKind::Denied
    } else if says(&[
        "not found",
        "no chart version found",
        "values don't meet the specifications",
        "execution error",
        "parse error",
        "cannot unmarshal",
        "INSTALLATION FAILED",
    ]) {
        ErrorKind::Invalid
    } else {
        ErrorKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared() {
        assert_eq!(parse("v3.22.0"), Some((3, 22)));
        assert!(parse("v3.9.4+g1").is_some_and(|v| v < OLDEST));
        assert!(parse("v4.0.0").is_some_and(|v| v > OLDEST));
        assert_eq!(parse("Client: tiller"), None);
    }

    #[test]
    fn what_went_wrong_is_told_without_noise() {
        let said = "WARNING: Kubernetes configuration file is group-readable\nError: UPGRADE FAILED: a\nb\n";
        assert_eq!(reason(said), "UPGRADE FAILED: a\nb");
        assert_eq!(reason(""), "it fails without a word");
        assert_eq!(
            kind_of("failed calling webhook \"x\""),
            ErrorKind::Transient
        );
        assert_eq!(
            kind_of("uninstall: Release not loaded: a: release: not found"),
            ErrorKind::NotFound
        );
    }
}
