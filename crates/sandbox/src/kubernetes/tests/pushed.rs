//! What External Secrets pushes to the clouds' secret managers.

use super::*;
use crate::azure::context::{SUBSCRIPTION, TENANT};
use crate::azure::tests::version;

const STORES: &str = "/apis/external-secrets.io/v1/namespaces/default/secretstores";
const PUSHES: &str = "/apis/external-secrets.io/v1alpha1/namespaces/default/pushsecrets";

impl Cluster {
    /// Asks a cloud; status and answer.
    fn cloud(
        &self,
        cloud: Cloud,
        method: &str,
        url: &str,
        headers: &[(&'static str, &str)],
        body: &Value,
    ) -> (u16, Value) {
        let mut request = asking(method, url, body);
        for (name, value) in [("host", "sandbox"), ("content-type", "application/json")]
            .iter()
            .chain(headers)
        {
            let value = value.parse().expect("a header");
            request.headers.insert(*name, value);
        }
        match self.core.answer(cloud, &request) {
            Outcome::Answer(reply, _) => {
                let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
                self.clock.advance(60_000);
                (reply.status, body)
            }
            Outcome::Drop => panic!("dropped"),
        }
    }

    fn aws(&self, operation: &str, body: &Value) -> (u16, Value) {
        let credential = "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/secretsmanager/aws4_request, Signature=x";
        let target = format!("secretsmanager.{operation}");
        let headers = [
            ("authorization", credential),
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        self.cloud(Cloud::Aws, "POST", "/", &headers, body)
    }

    fn google(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers = [("authorization", "Bearer sandbox")];
        self.cloud(Cloud::Google, method, path, &headers, body)
    }

    fn azure(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let version = version(&asking(method, path, body));
        let url = format!("{path}?api-version={version}");
        self.cloud(
            Cloud::Azure,
            method,
            &url,
            &[("authorization", "Bearer x")],
            body,
        )
    }

    /// External Secrets, as far as the sandbox knows it: its definitions, and a workload of its name.
    fn with_external_secrets(&self) {
        let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        for (kind, plural, version) in [
            ("SecretStore", "secretstores", "v1"),
            ("PushSecret", "pushsecrets", "v1alpha1"),
        ] {
            let schema = json!({ "type": "object", "properties": { "spec": any, "status": any } });
            let definition = json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": { "name": format!("{plural}.external-secrets.io") },
                "spec": {
                    "group": "external-secrets.io", "scope": "Namespaced",
                    "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List") },
                    "versions": [{
                        "name": version, "served": true, "storage": true,
                        "subresources": { "status": {} },
                        "schema": { "openAPIV3Schema": schema },
                    }],
                },
            });
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
            self.make(path, &definition);
        }
        let mut workload = web(1);
        workload["metadata"]["name"] = "external-secrets".into();
        self.make(DEPLOYMENTS, &workload);
        self.clock.advance(60_000);
    }

    /// Stores of all clouds, and one push to each.
    fn push(&self, cloud: &str, provider: &Value, key: &str, metadata: Value) -> Value {
        let store = json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": { "name": cloud }, "spec": { "provider": provider },
        });
        self.make(STORES, &store);
        let mut data =
            json!({ "match": { "secretKey": "keys", "remoteRef": { "remoteKey": key } } });
        data["metadata"] = metadata;
        let push = json!({
            "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
            "metadata": { "name": cloud },
            "spec": {
                "secretStoreRefs": [{ "kind": "SecretStore", "name": cloud }],
                "selector": { "secret": { "name": "held" } },
                "data": [data],
            },
        });
        self.make(PUSHES, &push);
        self.said(cloud)
    }

    /// The condition of a push, after a while.
    fn said(&self, name: &str) -> Value {
        let path = format!("{PUSHES}/{name}");
        for _ in 0..5 {
            self.clock.advance(60_000);
            self.get(&path);
        }
        self.get(&path)["status"]["conditions"][0].clone()
    }

    fn hold(&self, value: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "held" }, "stringData": { "keys": value },
        });
        self.make("/api/v1/namespaces/default/secrets", &secret);
    }
}

fn is(condition: &Value, status: &str, reason: &str) {
    let told = (&condition["status"], &condition["reason"]);
    assert_eq!(told, (&json!(status), &json!(reason)), "{condition}");
}

/// Into what the stack has made empty and tagged for it, each by its cloud's own calls; what is not tagged is not touched.
#[test]
fn pushed_secrets_stand_in_the_secret_manager_of_each_cloud() {
    let cluster = Cluster::new(Options::default());
    cluster.with_external_secrets();
    on_aws(&cluster);
    on_google(&cluster);
    on_azure(&cluster);
}

fn on_aws(cluster: &Cluster) {
    let provider = json!({ "aws": { "service": "SecretsManager", "region": "eu-west-1" } });
    let text = json!({ "spec": { "secretPushFormat": "string" } });
    let held = |id: &str| {
        let (_, held) = cluster.aws("GetSecretValue", &json!({ "SecretId": id }));
        held["SecretString"].clone()
    };
    let tags = json!([{ "Key": "managed-by", "Value": "external-secrets" }]);
    let (_, made) = cluster.aws("CreateSecret", &json!({ "Name": "keys", "Tags": tags }));
    let arn = made["ARN"].as_str().expect("an ARN");
    // Its source is not there yet.
    is(
        &cluster.push("aws", &provider, arn, text.clone()),
        "False",
        "Errored",
    );
    cluster.hold("sealed");
    is(&cluster.said("aws"), "True", "Synced");
    assert_eq!(held(arn), "sealed");
    let (_, versions) = cluster.aws("ListSecretVersionIds", &json!({ "SecretId": arn }));
    let count = versions["Versions"].as_array().map(Vec::len);
    assert_eq!(count, Some(1), "{versions}");

    let other = json!({ "Name": "other", "SecretString": "theirs" });
    cluster.aws("CreateSecret", &other);
    let said = cluster.push("other", &provider, "other", text);
    is(&said, "False", "Errored");
    let told = said["message"].as_str().expect("a message");
    assert!(told.contains("not managed by external-secrets"), "{told}");
    assert_eq!(held("other"), "theirs");
}

fn on_google(cluster: &Cluster) {
    let secrets = "/v1/projects/p/secrets";
    let labels = json!({ "managed-by": "external-secrets", "team": "shop" });
    let secret = json!({ "replication": { "automatic": {} }, "labels": labels });
    let made = format!("{secrets}?secretId=keys");
    assert_eq!(cluster.google("POST", &made, &secret).0, 200);
    let merge = json!({ "spec": { "mergePolicy": "Merge" } });
    let provider = json!({ "gcpsm": { "projectID": "p" } });
    is(
        &cluster.push("google", &provider, "keys", merge),
        "True",
        "Synced",
    );
    let get = |path: &str| {
        cluster
            .google("GET", &format!("{secrets}/{path}"), &Value::Null)
            .1
    };
    let held = get("keys/versions/latest:access");
    assert_eq!(held["payload"]["data"], "c2VhbGVk");
    assert_eq!(get("keys")["labels"], labels);
}

fn on_azure(cluster: &Cluster) {
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/g");
    let place = json!({ "location": "westeurope" });
    assert!(cluster.azure("PUT", &group, &place).0 < 300);
    let sku = json!({ "family": "A", "name": "standard" });
    let vault =
        json!({ "location": "westeurope", "properties": { "tenantId": TENANT, "sku": sku } });
    let path = format!("{group}/providers/Microsoft.KeyVault/vaults/keys");
    assert!(cluster.azure("PUT", &path, &vault).0 < 300);
    let url = "http://sandbox/_vault/keys";
    let provider = json!({ "azurekv": { "authType": "WorkloadIdentity", "vaultUrl": url } });
    is(
        &cluster.push("azure", &provider, "recovery", Value::Null),
        "True",
        "Synced",
    );
    let (_, held) = cluster.azure("GET", "/_vault/keys/secrets/recovery", &Value::Null);
    assert_eq!(held["value"], "sealed");
    assert_eq!(held["tags"]["managed-by"], "external-secrets");
}
