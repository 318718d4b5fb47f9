//! The newest version of a chart that a repository or registry has, and its digest. Repositories have an `index.yaml`
//! (<https://helm.sh/docs/topics/chart_repository/>), registries the API of the OCI distribution specification.

use infra_model::cause::innermost;
use infra_model::{ErrorKind, ProviderError};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, LINK, WWW_AUTHENTICATE};
use serde_json::Value as Json;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pages of tags; more are another mistake.
const PAGES: usize = 50;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DIGEST: &str = "docker-content-digest";

/// A version and what pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The version, as the repository writes it.
    pub version: String,
    /// `sha256:…`: of the archive in a repository, of the manifest in a registry.
    pub digest: String,
}

/// The newest version of a chart on the line that a version is on: the same major, below 1 the same minor. Versions before a
/// release (`-rc.1`) are left out.
///
/// # Errors
/// A repository that cannot be reached, or has no such chart; a version that is none.
pub async fn newest(repository: &str, chart: &str, version: &str) -> Result<Found, ProviderError> {
    let line = Version::parse(version).ok_or_else(|| {
        ProviderError::invalid("version", format!("`{version}` is no version of a chart"))
    })?;
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .map_err(|e| ProviderError::new(ErrorKind::Other, e.to_string()))?;
    match repository.strip_prefix("oci://") {
        Some(place) => {
            let registry = Registry::new(client, place, chart);
            let tags = registry.tags().await?;
            let tag = latest(tags.iter().map(String::as_str), &line)
                .ok_or_else(|| none(repository, chart, version))?;
            let digest = registry.digest(tag).await?;
            Ok(Found {
                version: tag.replace('_', "+"),
                digest,
            })
        }
        None => in_index(&client, repository, chart, version, &line).await,
    }
}

fn none(repository: &str, chart: &str, version: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::NotFound,
        format!("{repository} has no version of `{chart}` on the line of {version}"),
    )
}

/// By the index of a repository.
async fn in_index(
    client: &reqwest::Client,
    repository: &str,
    chart: &str,
    version: &str,
    line: &Version,
) -> Result<Found, ProviderError> {
    let url = format!("{}/index.yaml", repository.trim_end_matches('/'));
    let answer = client
        .get(&url)
        .send()
        .await
        .map_err(|e| unreached(&url, &e))?;
    let text = read(&url, answer).await?;
    let index: Json = serde_saphyr::from_str(&text).map_err(|e| {
        ProviderError::new(
            ErrorKind::Invalid,
            format!("{url} is no index of charts: {e}"),
        )
    })?;
    let entries = index["entries"][chart].as_array();
    let versions = entries
        .into_iter()
        .flatten()
        .filter(|e| e["deprecated"] != true);
    let of = |e: &Json| e["version"].as_str().map(str::to_owned);
    let versions: Vec<(String, &Json)> = versions.filter_map(|e| Some((of(e)?, e))).collect();
    let newest = latest(versions.iter().map(|(v, _)| v.as_str()), line)
        .ok_or_else(|| none(repository, chart, version))?;
    let entry = versions.iter().find(|(v, _)| v == newest).map(|(_, e)| *e);
    let digest = entry.and_then(|e| e["digest"].as_str()).unwrap_or_default();
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
    if digest.len() != 64 {
        return Err(ProviderError::new(
            ErrorKind::Invalid,
            format!("{url} has no digest for {chart} {newest}"),
        ));
    }
    Ok(Found {
        version: newest.to_owned(),
        digest: format!("sha256:{}", digest.to_lowercase()),
    })
}

fn unreached(url: &str, error: &reqwest::Error) -> ProviderError {
    ProviderError::new(
        ErrorKind::Transient,
        format!("{url} cannot be reached: {}", innermost(error)),
    )
}

async fn read(url: &str, answer: reqwest::Response) -> Result<String, ProviderError> {
    let status = answer.status();
    if !status.is_success() {
        let kind = match status.as_u16() {
            401 | 403 => ErrorKind::Denied,
            404 => ErrorKind::NotFound,
            _ => ErrorKind::Other,
        };
        return Err(ProviderError::new(kind, format!("{url} answers {status}")));
    }
    answer.text().await.map_err(|e| unreached(url, &e))
}

/// A chart in a registry.
struct Registry {
    client: reqwest::Client,
    /// `https://HOST/v2/PATH/CHART`
    base: String,
    origin: String,
}

impl Registry {
    fn new(client: reqwest::Client, place: &str, chart: &str) -> Registry {
        let (host, path) = place.split_once('/').unwrap_or((place, ""));
        let name = host.split(':').next().unwrap_or_default();
        // Those of this machine speak plain HTTP, as for other clients of registries.
        let scheme = if ["localhost", "127.0.0.1"].contains(&name) {
            "http"
        } else {
            "https"
        };
        let host = if host == "docker.io" {
            "registry-1.docker.io"
        } else {
            host
        };
        let path = path.trim_matches('/');
        let path = if path.is_empty() {
            chart.to_owned()
        } else {
            format!("{path}/{chart}")
        };
        let origin = format!("{scheme}://{host}");
        Registry {
            client,
            base: format!("{origin}/v2/{path}"),
            origin,
        }
    }

    async fn tags(&self) -> Result<Vec<String>, ProviderError> {
        let mut url = format!("{}/tags/list?n=1000", self.base);
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let answer = self.get(&url, "application/json").await?;
            let next = answer.headers().get(LINK).and_then(|l| l.to_str().ok());
            let next = next
                .and_then(|l| l.split('<').nth(1)?.split('>').next())
                .map(str::to_owned);
            let page: Json = serde_json::from_str(&read(&url, answer).await?).map_err(|_| {
                ProviderError::new(ErrorKind::Invalid, format!("{url} answers no list of tags"))
            })?;
            let tags = page["tags"].as_array().into_iter().flatten();
            all.extend(tags.filter_map(|t| t.as_str().map(str::to_owned)));
            match next {
                Some(next) if next.starts_with('/') => url = format!("{}{next}", self.origin),
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(all)
    }

    async fn digest(&self, tag: &str) -> Result<String, ProviderError> {
        let url = format!("{}/manifests/{tag}", self.base);
        let answer = self.get(&url, MANIFEST).await?;
        let said = answer.headers().get(DIGEST).and_then(|d| d.to_str().ok());
        let said = said.map(str::to_owned);
        read(&url, answer).await?;
        said.filter(|d| d.starts_with("sha256:"))
            .ok_or_else(|| ProviderError::new(ErrorKind::Invalid, format!("{url} says no digest")))
    }

    /// Asks; with a token for everybody, where the registry wants one.
    async fn get(&self, url: &str, accept: &str) -> Result<reqwest::Response, ProviderError> {
        let ask = |token: Option<String>| {
            let mut request = self.client.get(url).header(ACCEPT, accept);
            if let Some(token) = token {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            request.send()
        };
        let answer = ask(None).await.map_err(|e| unreached(url, &e))?;
        if answer.status().as_u16() != 401 {
            return Ok(answer);
        }
        let token = self.token(answer.headers()).await?;
        ask(Some(token)).await.map_err(|e| unreached(url, &e))
    }

    async fn token(&self, headers: &HeaderMap) -> Result<String, ProviderError> {
        let said = headers.get(WWW_AUTHENTICATE).and_then(|h| h.to_str().ok());
        let said = said.unwrap_or_default();
        let part = |name: &str| -> Option<&str> {
            let at = said.find(&format!("{name}=\""))? + name.len() + 2;
            said.get(at..)?.split('"').next()
        };
        let denied = || {
            ProviderError::new(
                ErrorKind::Denied,
                format!("{} lets nobody in without a login", self.origin),
            )
        };
        let realm = part("realm").ok_or_else(denied)?;
        let mut url = realm.to_owned();
        for (i, name) in ["service", "scope"].into_iter().enumerate() {
            if let Some(value) = part(name) {
                let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
                url.push_str(&format!("{}{name}={value}", if i == 0 { '?' } else { '&' }));
            }
        }
        let answer = self
            .client
            .get(&url)
            .send()
            .await
            .map_err(|e| unreached(&url, &e))?;
        let text = read(&url, answer).await?;
        let found: Json = serde_json::from_str(&text).map_err(|_| denied())?;
        let token = found["token"]
            .as_str()
            .or_else(|| found["access_token"].as_str());
        token.map(str::to_owned).ok_or_else(denied)
    }
}

/// A version of three numbers (<https://semver.org/>), with or without a `v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u64, u64, u64);

impl Version {
    /// None for what is no release.
    fn parse(text: &str) -> Option<Version> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split(['+', '_']).next().unwrap_or_default();
        let mut parts = text.split('.').map(|p| p.parse::<u64>().ok());
        let version = Version(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }

    fn is_on_line_of(&self, other: &Version) -> bool {
        self.0 == other.0 && (self.0 > 0 || self.1 == other.1)
    }
}

/// The newest on a line, not older than it.
fn latest<'v>(all: impl Iterator<Item = &'v str>, line: &Version) -> Option<&'v str> {
    let parsed = all.filter_map(|text| Some((Version::parse(text)?, text)));
    let fitting = parsed.filter(|(v, _)| v.is_on_line_of(line) && v >= line);
    fitting.max_by_key(|(v, _)| *v).map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_on_the_line_and_a_release() {
        let all = [
            "v1.2.3",
            "v1.10.0",
            "v2.0.0",
            "v1.11.0-rc.1",
            "latest",
            "1.4",
        ];
        let line = Version::parse("v1.2.3").expect("is one");
        assert_eq!(latest(all.into_iter(), &line), Some("v1.10.0"));
        let early = Version::parse("0.10.1").expect("is one");
        assert_eq!(
            latest(["0.10.0", "0.10.2", "0.11.0"].into_iter(), &early),
            Some("0.10.2")
        );
        assert_eq!(latest(["0.9.0"].into_iter(), &early), None);
        assert_eq!(Version::parse("1.2.3_build"), Some(Version(1, 2, 3)));
    }

    #[test]
    fn charts_of_registries_have_their_place() {
        let of = |place: &str| Registry::new(reqwest::Client::new(), place, "loki").base;
        assert_eq!(of("ghcr.io/a/charts"), "https://ghcr.io/v2/a/charts/loki");
        assert_eq!(of("docker.io/a"), "https://registry-1.docker.io/v2/a/loki");
        assert_eq!(of("127.0.0.1:5000"), "http://127.0.0.1:5000/v2/loki");
    }
}
