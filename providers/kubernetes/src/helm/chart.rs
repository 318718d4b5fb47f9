//! Which chart: from a repository, a registry or the disk, pinned by version and digest.

use super::files::{self, Bench};
use super::program::{Helm, Run};
use crate::client::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::{CallContext, ProviderError};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// A chart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    pub(crate) name: String,
    pub(crate) repository: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) digest: Option<String>,
    /// User and password of the repository.
    pub(crate) login: Option<(String, String)>,
}

impl Chart {
    /// Whether it comes over the network.
    pub(crate) fn is_remote(&self) -> bool {
        self.repository.as_ref().is_some_and(|r| !r.is_empty()) || self.name.contains("://")
    }

    /// Its name without where it comes from.
    pub(crate) fn short_name(&self) -> &str {
        let name = self.name.trim_end_matches('/');
        let name = name.rsplit('/').next().unwrap_or(name);
        name.strip_suffix(".tgz").unwrap_or(name)
    }

    /// `oci://host/path/name`, where it is in a registry.
    fn in_registry(&self) -> Option<String> {
        if self.name.starts_with("oci://") {
            return Some(self.name.clone());
        }
        let repository = self.repository.as_deref()?;
        let base = repository.starts_with("oci://").then_some(repository)?;
        Some(format!("{}/{}", base.trim_end_matches('/'), self.name))
    }
}

/// Puts a chart where `helm` takes it from, and checks its digest: an archive of it, or its own folder.
///
/// # Errors
/// A chart that is not there, or is another one than was pinned.
pub(crate) async fn fetched(
    helm: &Helm,
    client: &Client,
    context: &CallContext,
    chart: &Chart,
    bench: &Bench,
    dependencies: bool,
) -> Result<PathBuf, ProviderError> {
    if !chart.is_remote() {
        let path = client.environment().directory.join(&chart.name);
        if !files::exists(&path) {
            return Err(ProviderError::invalid(
                "chart",
                format!(
                    "there is no chart at {}; a chart of a repository needs `repository`, and one of a registry begins with oci://",
                    path.display()
                ),
            ));
        }
        if files::is_folder(&path) {
            if chart.digest.is_some() {
                return Err(ProviderError::invalid(
                    "digest",
                    "a chart in a folder has no digest; package it, or leave `digest` out",
                ));
            }
            if dependencies {
                let mut run = Run::new(["dependency", "update"]);
                run.arg(path.display());
                helm.run(context, &run).await?;
            }
            return Ok(path);
        }
        check(chart, &files::read(&path)?, "")?;
        return Ok(path);
    }
    let mut run = Run::new(["pull"]);
    if let Some(reference) = chart.in_registry() {
        run.arg(&reference);
        if let Some((user, password)) = &chart.login {
            let host = reference.trim_start_matches("oci://").split('/').next();
            let auth = STANDARD.encode(format!("{user}:{password}"));
            let logins = json!({ "auths": { host.unwrap_or_default(): { "auth": auth } } });
            let path = bench.write("registry.json", logins.to_string().as_bytes())?;
            run.arg("--registry-config").arg(path.display());
        }
    } else if let Some((user, password)) = &chart.login {
        let repositories = json!({ "apiVersion": "v1", "repositories": [
            { "name": "pinned", "url": chart.repository, "username": user, "password": password },
        ]});
        let path = bench.write("repositories.yaml", repositories.to_string().as_bytes())?;
        let cache = bench.path().join("cache");
        let mut update = Run::new(["repo", "update"]);
        for run in [&mut update, &mut run] {
            run.arg("--repository-config").arg(path.display());
            run.arg("--repository-cache").arg(cache.display());
        }
        helm.run(context, &update).await?;
        run.arg(format!("pinned/{}", chart.name));
    } else {
        run.arg(&chart.name);
        if let Some(repository) = &chart.repository {
            run.arg("--repo").arg(repository);
        }
    }
    if let Some(version) = &chart.version {
        run.arg("--version").arg(version);
    }
    run.arg("--destination")
        .arg(bench.path().join("pulled").display());
    let said = helm.run(context, &run).await?;
    let archive = bench.only("pulled", "tgz")?;
    check(chart, &files::read(&archive)?, &said)?;
    Ok(archive)
}

/// Holds a chart against its pin: the digest of the archive or, from a registry, the one that `helm` says.
fn check(chart: &Chart, archive: &[u8], said: &str) -> Result<(), ProviderError> {
    let Some(wanted) = &chart.digest else {
        return Ok(());
    };
    let wanted = wanted.strip_prefix("sha256:").unwrap_or(wanted);
    let found = hex::encode(Sha256::digest(archive));
    let of_registry = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("Digest:"))
        .map(|text| text.trim().trim_start_matches("sha256:"));
    if wanted.eq_ignore_ascii_case(&found) || of_registry == Some(wanted) {
        return Ok(());
    }
    Err(ProviderError::invalid(
        "digest",
        format!(
            "the chart {} is another one than was pinned: its digest is sha256:{}, and not sha256:{wanted}. If the change is meant, pin the new one",
            chart.name,
            of_registry.unwrap_or(&found)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(name: &str, repository: Option<&str>) -> Chart {
        Chart {
            name: name.to_owned(),
            repository: repository.map(str::to_owned),
            ..Chart::default()
        }
    }

    #[test]
    fn charts_come_from_three_places() {
        for (name, repository, remote, short, registry) in [
            ("./charts/web", None, false, "web", None),
            ("web-1.0.0.tgz", None, false, "web-1.0.0", None),
            (
                "cert-manager",
                Some("https://charts.jetstack.io"),
                true,
                "cert-manager",
                None,
            ),
            (
                "oci://ghcr.io/a/loki",
                None,
                true,
                "loki",
                Some("oci://ghcr.io/a/loki"),
            ),
            (
                "loki",
                Some("oci://ghcr.io/a/"),
                true,
                "loki",
                Some("oci://ghcr.io/a/loki"),
            ),
        ] {
            let chart = chart(name, repository);
            assert_eq!((chart.is_remote(), chart.short_name()), (remote, short));
            assert_eq!(chart.in_registry().as_deref(), registry);
        }
    }

    #[test]
    fn another_chart_than_was_pinned_is_refused() {
        let sum = hex::encode(Sha256::digest(b"chart"));
        let pinned = |digest: &str| Chart {
            digest: Some(digest.to_owned()),
            ..chart("web", None)
        };
        assert!(check(&pinned(&format!("sha256:{sum}")), b"chart", "").is_ok());
        assert!(
            check(
                &pinned("sha256:abc"),
                b"chart",
                "Pulled: x\nDigest: sha256:abc\n"
            )
            .is_ok()
        );
        let error = check(&pinned("sha256:abc"), b"other", "").expect_err("is another");
        assert!(error.message.contains("pin the new one"), "{error}");
    }
}
