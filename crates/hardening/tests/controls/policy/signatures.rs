//! Signed and unsigned images before Kyverno: a registry on this machine has one of each, signed as cosign signs with a key.

use super::judges::{kyverno_judges, namespace, write, write_values};
use crate::alternatives::on;
use crate::fixture::{object, shop, with};
use crate::kube::tool;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>
const SIGNED: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// What a registry answers, by the path behind `/v2/`.
#[derive(Default)]
struct Registry(HashMap<String, Vec<u8>>);

impl Registry {
    fn blob(&mut self, repository: &str, kind: &str, bytes: Vec<u8>) -> Json {
        let digest = digest(&bytes);
        let described = json!({ "mediaType": kind, "digest": digest, "size": bytes.len() });
        self.0.insert(format!("{repository}/blobs/{digest}"), bytes);
        described
    }

    /// A manifest under a tag and its digest, which comes back.
    fn manifest(&mut self, repository: &str, tag: &str, layers: &[Json]) -> String {
        let image = json!({
            "architecture": "amd64", "os": "linux", "config": {}, "rootfs": { "type": "layers", "diff_ids": [] },
            "author": repository,
        });
        let config = self.blob(repository, CONFIG, image.to_string().into_bytes());
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let bytes = manifest.to_string().into_bytes();
        let digest = digest(&bytes);
        for name in [tag, &digest] {
            let path = format!("{repository}/manifests/{name}");
            self.0.insert(path, bytes.clone());
        }
        digest
    }

    /// Signs an image.
    fn sign(&mut self, repository: &str, image: &str, key: &SigningKey) {
        let payload = json!({ "critical": {
            "identity": { "docker-reference": repository },
            "image": { "docker-manifest-digest": image },
            "type": "cosign container image signature",
        }, "optional": null });
        let payload = payload.to_string().into_bytes();
        let signature: Signature = key.sign(&payload);
        let mut layer = self.blob(repository, SIGNED, payload);
        let text = STANDARD.encode(signature.to_der());
        layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": text });
        let tag = format!("{}.sig", image.replace(':', "-"));
        self.manifest(repository, &tag, &[layer]);
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        // Nothing of the headers matters, but they are read to their end.
        for line in lines {
            if line?.is_empty() {
                break;
            }
        }
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let path = path.trim_start_matches("/v2/");
        let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [] });
        let (status, body) = match self.0.get(path) {
            Some(found) => ("200 OK", found.clone()),
            None if path.is_empty() => ("200 OK", b"{}".to_vec()),
            None if path.contains("/referrers/") => ("200 OK", index.to_string().into_bytes()),
            None => (
                "404 Not Found",
                br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#.to_vec(),
            ),
        };
        let kind = if path.contains("/manifests/") {
            MANIFEST
        } else {
            "application/json"
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\ndocker-content-digest: {}\r\nconnection: close\r\n\r\n",
            body.len(),
            digest(&body)
        )?;
        if method == "GET" {
            stream.write_all(&body)?;
        }
        Ok(())
    }

    /// Serves as long as the process lives; where.
    fn serve(self, listener: TcpListener) {
        let registry = Arc::new(self);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let registry = Arc::clone(&registry);
                std::thread::spawn(move || registry.answer(stream));
            }
        });
    }
}

/// The policy of a stack with this key. The public log of signatures is not within a test's reach.
fn policy(registry: &str, key: &SigningKey) -> Json {
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF);
    let inputs = json!({
        "supply_chain": { "keys": [public.expect("a key")] },
        "policy": { "registries": [registry] },
    });
    let expansion = on("aws").harden(&["supply_chain", "policy"], with(shop(), inputs));
    let mut policy = object(&expansion, "imagevalidatingpolicy_signed_images");
    policy["spec"]["attestors"][0]["cosign"]["ctlog"] = json!({ "insecureIgnoreTlog": true });
    policy
}

#[test]
fn kyverno_lets_in_what_is_signed_by_the_right_key() {
    let Some(kyverno) = tool("kyverno", "kyverno_lets_in_what_is_signed_by_the_right_key") else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    let key = |n: u8| SigningKey::from_slice(&[n; 32]).expect("a key");
    let mut registry = Registry::default();
    let mut pods = Vec::new();
    for name in ["signed", "unsigned", "signed-by-somebody"] {
        let repository = format!("acme/{name}");
        let image = registry.manifest(&repository, "1.0", &[]);
        match name {
            "signed" => registry.sign(&repository, &image, &key(7)),
            "signed-by-somebody" => registry.sign(&repository, &image, &key(9)),
            _ => {}
        }
        // In a cluster the policy itself writes the digest.
        let container =
            json!({ "name": "main", "image": format!("{host}/{repository}:1.0@{image}") });
        pods.push(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": "shop" },
            "spec": { "containers": [container] },
        }));
    }
    registry.serve(listener);
    let dir = tempfile::tempdir().expect("a scratch folder");
    write(
        dir.path(),
        "policies.yaml",
        &[policy(&format!("{host}/acme/"), &key(7))],
    );
    write(dir.path(), "pods.yaml", &pods);
    write_values(dir.path(), &[namespace("shop")]);
    let results = kyverno_judges(&kyverno, dir.path());
    let verdict = |pod: &str| {
        let found = results.iter().find(|r| r["resources"][0]["name"] == pod);
        let found = found.unwrap_or_else(|| panic!("{pod} was not judged: {results:#?}"));
        (found["result"].clone(), found["message"].clone())
    };
    let refused = "images must be signed by one of the identities that the stack names";
    assert_eq!(verdict("signed"), (json!("pass"), json!("success")));
    assert_eq!(verdict("unsigned"), (json!("fail"), json!(refused)));
    assert_eq!(
        verdict("signed-by-somebody"),
        (json!("fail"), json!(refused))
    );
}
