//! What Helm keeps of a release in the cluster: a Secret for each revision, with the release in JSON, packed
//! (helm.sh/docs/topics/advanced, `pkg/storage/driver/secrets.go`).

use crate::client::Client;
use crate::discovery;
use crate::object::Reference;
use crate::read;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use infra_model::{CallContext, ErrorKind, ProviderError};
use serde_json::Value as Json;
use std::io::Read;

/// A revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) revision: i64,
    /// `deployed`, `pending-upgrade`, …
    pub(crate) status: String,
    /// Which operation made the release.
    pub(crate) operation: Option<String>,
    secret: Json,
}

/// The status of a release that is being taken away.
pub(crate) const UNINSTALLING: &str = "uninstalling";
/// The label that says which operation made a release.
pub(crate) const OPERATION: &str = "infra-operation";

impl Stored {
    fn of(secret: Json) -> Option<Stored> {
        let labels = &secret["metadata"]["labels"];
        let text = |json: &Json| json.as_str().map(str::to_owned);
        Some(Stored {
            name: text(&labels["name"])?,
            namespace: text(&secret["metadata"]["namespace"])?,
            revision: labels["version"].as_str()?.parse().ok()?,
            status: text(&labels["status"])?,
            operation: text(&labels[OPERATION]),
            secret,
        })
    }

    /// Whether an installation or upgrade was cut off.
    pub(crate) fn is_pending(&self) -> bool {
        self.status.starts_with("pending-")
    }

    /// Whether it was cut off while it was taken away.
    pub(crate) fn is_half_gone(&self) -> bool {
        self.status == UNINSTALLING
    }

    /// The release itself: `chart`, `config`, `manifest`, `info`, …
    ///
    /// # Errors
    /// A Secret that Helm did not write.
    pub(crate) fn release(&self) -> Result<Json, ProviderError> {
        let text = self.secret["data"]["release"].as_str().unwrap_or_default();
        unpack(text).ok_or_else(|| {
            ProviderError::new(
                ErrorKind::Other,
                format!(
                    "revision {} of the release {}/{} is not in the form that Helm keeps",
                    self.revision, self.namespace, self.name
                ),
            )
        })
    }
}

/// Every revision of the releases of a namespace, or of one of them, in order.
pub(crate) async fn revisions(
    client: &Client,
    context: &CallContext,
    namespace: &str,
    name: Option<&str>,
) -> Result<Vec<Stored>, ProviderError> {
    let secret = Reference::new("v1", "Secret", Some(namespace), "x");
    let place = discovery::must(client, context, &secret).await?;
    let selector = match name {
        Some(name) => format!("owner=helm,name={name}"),
        // Superseded ones are of no interest where the newest are looked for.
        None => "owner=helm,status!=superseded".to_owned(),
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("labelSelector", &selector)
        .finish();
    let found = read::list(client, context, &place, "Secret", Some(namespace), &query).await?;
    let mut all: Vec<Stored> = found.into_iter().filter_map(Stored::of).collect();
    all.sort_by(|a, b| (&a.name, a.revision).cmp(&(&b.name, b.revision)));
    Ok(all)
}

/// Base64 of base64 of gzip, as Helm and then Kubernetes have it.
fn unpack(text: &str) -> Option<Json> {
    let inner = STANDARD.decode(text).ok()?;
    let packed = STANDARD.decode(&inner).ok()?;
    let mut json = String::new();
    if packed.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(&packed[..]).read_to_string(&mut json).ok()?;
    } else {
        json = String::from_utf8(packed).ok()?;
    }
    serde_json::from_str(&json).ok()
}

/// The same, the other way round.
pub(crate) fn pack(release: &Json) -> String {
    let text = release.to_string();
    let mut packed = Vec::new();
    // Reading from memory cannot fail.
    let _ = GzEncoder::new(text.as_bytes(), Compression::default()).read_to_end(&mut packed);
    STANDARD.encode(STANDARD.encode(packed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn releases_read_back_as_they_are_kept() {
        let release = json!({"name": "web", "manifest": "---\na: 1\n", "version": 3});
        let secret = json!({"metadata": {"namespace": "shop", "labels": {"name": "web", "version": "3", "status": "pending-upgrade", "owner": "helm"}},
            "data": {"release": pack(&release)}});
        let stored = Stored::of(secret).expect("is one");
        assert_eq!((stored.revision, stored.is_pending()), (3, true));
        assert_eq!(stored.release().expect("is one"), release);
        let other = json!({"metadata": {"namespace": "shop", "labels": {"name": "web", "version": "3", "status": "deployed"}}, "data": {"release": "bm8="}});
        assert!(Stored::of(other).expect("is one").release().is_err());
    }
}
