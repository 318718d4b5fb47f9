//! `sealed_secret`: a secret that only the controller of Sealed Secrets in a cluster can open, so that it can stand in a
//! repository.

use crate::provider::Client;
use crate::state_only::StateOnly;
use async_trait::async_trait;
use infra_model::{CallContext, ProviderError, Record};
use infra_repository::seal::{Certificate, Scope, SealError, base64};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The entries of a Kubernetes Secret, sealed for one cluster, and for one name and namespace in it: what can stand in a
/// repository. They are sealed once, and again when something of this changes.
#[derive(Clone, Debug, Record)]
pub(crate) struct SealedSecretRecord {
    /// The cluster's sealing certificate, as PEM.
    #[record(required, force_new)]
    certificate_pem: String,
    /// The name of the Secret, under which alone it can be opened.
    #[record(required, force_new)]
    name: String,
    /// Its namespace.
    #[record(required, force_new)]
    namespace: String,
    /// Its entries, as text.
    #[record(required, sensitive, force_new)]
    data: BTreeMap<String, String>,
    /// The entries as the `encryptedData` of a SealedSecret has them.
    #[record(computed)]
    encrypted_data: Option<BTreeMap<String, String>>,
    /// `NAMESPACE/NAME`
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct SealedSecret;

#[async_trait]
impl StateOnly for SealedSecret {
    type Record = SealedSecretRecord;
    const TYPE: &'static str = "sealed_secret";

    fn id(record: &SealedSecretRecord) -> String {
        format!("{}/{}", record.namespace, record.name)
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: SealedSecretRecord,
    ) -> Result<SealedSecretRecord, ProviderError> {
        let certificate = Certificate::parse(&desired.certificate_pem)
            .map_err(|e| ProviderError::invalid("certificate_pem", e.to_string()))?;
        let data: Map<String, Json> = desired
            .data
            .iter()
            .map(|(key, text)| (key.clone(), json!(base64(text.as_bytes()))))
            .collect();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "data": data,
            "metadata": { "name": desired.name, "namespace": desired.namespace },
        });
        let sealed = certificate
            .seal(&secret, Some(Scope::Strict), &*client.random)
            .map_err(|e: SealError| ProviderError::invalid("data", e.to_string()))?;
        let entries = sealed["spec"]["encryptedData"].as_object();
        let one = |(key, value): (&String, &Json)| {
            (key.clone(), value.as_str().unwrap_or_default().to_owned())
        };
        Ok(SealedSecretRecord {
            encrypted_data: Some(entries.into_iter().flatten().map(one).collect()),
            id: Some(Self::id(&desired)),
            ..desired
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use infra_model::{Type, Value};
    use infra_repository::seal::Keys;

    const T: &str = "sealed_secret";

    fn config(certificate: &str, password: &str) -> Value {
        let text = |t: &str| Value::from(t);
        let data = Value::map(Type::String, [("password", text(password))]);
        Value::object([
            ("certificate_pem", text(certificate)),
            ("name", text("database")),
            ("namespace", text("shop")),
            ("data", data.sensitive()),
        ])
    }

    fn pair(bench: &Bench) -> (String, String) {
        let key = bench.make(
            "tls_private_key",
            Value::object([("algorithm", Value::from("RSA"))]),
        );
        let key = key.get("private_key_pem").expect("a key").unmark_deep();
        let certificate = bench.make(
            "tls_self_signed_cert",
            Value::object([
                ("private_key_pem", key.clone()),
                ("validity_period_hours", Value::from(24)),
                ("allowed_uses", Value::strings(["key_encipherment"])),
            ]),
        );
        let pem = certificate.get("cert_pem").expect("a certificate");
        let text = |v: &Value| v.as_str().expect("text").to_owned();
        (text(&key), text(pem))
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_key_alone_and_stays_as_it_is() {
        let bench = Bench::new();
        let (key, certificate) = pair(&bench);
        let made = bench.make(T, config(&certificate, "hush"));
        let sealed = made.get("encrypted_data").expect("entries");
        assert!(!sealed.deep_marks().sensitive);
        let whole = json!({
            "kind": "SealedSecret", "metadata": { "name": "database", "namespace": "shop" },
            "spec": { "encryptedData": infra_model::json::to_json(sealed) },
        });
        assert!(!whole.to_string().contains("hush"));
        let opened = Keys::parse([&*key])
            .expect("a key")
            .open(&whole)
            .expect("opens");
        assert_eq!(opened["data"]["password"], base64(b"hush"));

        let same = bench.plan(T, Some(&made), config(&certificate, "hush"));
        assert!(same.replace.is_empty() && same.value.is_wholly_known());
        let other = bench.plan(T, Some(&made), config(&certificate, "shush"));
        assert!(!other.replace.is_empty());
        assert!(other.value.get("encrypted_data").expect("one").is_unknown());
    }

    #[test]
    fn what_cannot_be_sealed_says_so_without_the_secret() {
        let bench = Bench::new();
        let error = bench
            .try_make(T, config("no certificate", "hush"))
            .expect_err("is none");
        assert!(
            error.message.contains("no certificate in PEM form"),
            "{error}"
        );
        assert!(!error.to_string().contains("hush"));
    }
}
