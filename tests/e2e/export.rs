//! `infra export crossplane`, by the real binary: what the sandbox's clouds have, as managed resources, held against the providers' own
//! definitions where those are there.

use crate::kube::upstream_crds;
use crate::support::{Folder, Server, Stack, root, say};
use boon::{Compiler, Schemas};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const STACK: &str = r#"
[stack]
name = "shop"

[clouds.aws]
region = "eu-west-1"
tags   = { product = "shop" }

[network.main]
cloud = "aws"

[bucket.assets]
cloud = "aws"

[database.orders]
network = "main"
engine  = "postgres"
version = "17"
size    = "small"

[resource.random_id.salt]
byte_length = 4
"#;

/// What production ends TLS with.
const CERTIFICATE: &str = r#"
[stack]
name = "certificate"
[clouds.aws]
region = "eu-west-1"
[resource.tls_private_key.it]
algorithm = "RSA"
[resource.tls_self_signed_cert.it]
private_key_pem       = "${tls_private_key.it.private_key_pem}"
subject               = { common_name = "shop.example.com" }
validity_period_hours = 24
allowed_uses          = ["server_auth"]
[resource.aws_acm_certificate.it]
certificate_body = "${tls_self_signed_cert.it.cert_pem}"
private_key      = "${tls_private_key.it.private_key_pem}"
[outputs.arn]
value = "${aws_acm_certificate.it.arn}"
"#;
const SLACK: &str = "slack_webhook=https://hooks.slack.com/hush-hush";

/// What each managed resource of a folder is.
fn manifests(folder: &Path) -> BTreeMap<String, Json> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).expect("a manifest");
        let json: Json =
            serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned(),
            json,
        )
    };
    files.flatten().map(|f| read(&f.path())).collect()
}

/// What is wrong with managed resources by the definitions that are there; how many were looked at.
fn judged(all: &BTreeMap<String, Json>, test: &str) -> usize {
    let Some(crds) = upstream_crds(test) else {
        return 0;
    };
    let mut definitions = BTreeMap::new();
    for folder in [
        "crossplane",
        "crossplane-provider-aws",
        "crossplane-provider-azure",
        "crossplane-provider-gcp",
    ] {
        for file in std::fs::read_dir(crds.join(folder))
            .expect("definitions")
            .flatten()
        {
            let text = std::fs::read_to_string(file.path()).expect("a definition");
            let crd: Json = serde_saphyr::from_str(&text).expect("YAML");
            for version in crd["spec"]["versions"].as_array().into_iter().flatten() {
                let key = format!(
                    "{}/{} {}",
                    crd["spec"]["group"].as_str().unwrap_or_default(),
                    version["name"].as_str().unwrap_or_default(),
                    crd["spec"]["names"]["kind"].as_str().unwrap_or_default()
                );
                definitions.insert(key, version["schema"]["openAPIV3Schema"].clone());
            }
        }
    }
    let mut looked = 0;
    for (name, object) in all {
        let key = format!(
            "{} {}",
            object["apiVersion"].as_str().unwrap_or_default(),
            object["kind"].as_str().unwrap_or_default()
        );
        let Some(schema) = definitions.get(&key) else {
            continue;
        };
        looked += 1;
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler
            .add_resource("crd.json", strict(schema))
            .expect("a schema");
        let index = compiler
            .compile("crd.json", &mut schemas)
            .expect("a schema");
        if let Err(error) = schemas.validate(object, index) {
            panic!("{name}: {error:#}\n{object:#}");
        }
    }
    looked
}

/// A definition as JSON Schema, in which what it does not name is an error, as the API server says it is.
fn strict(schema: &Json) -> Json {
    match schema {
        Json::Object(fields) => {
            let mut out: Map<String, Json> = fields
                .iter()
                .filter(|(name, _)| {
                    !name.starts_with("x-kubernetes") && *name != "default" && *name != "format"
                })
                .map(|(name, value)| match name.as_str() {
                    "properties" => {
                        let all = value.as_object().into_iter().flatten();
                        let all = all.map(|(n, v)| (n.clone(), strict(v)));
                        (name.clone(), Json::Object(all.collect()))
                    }
                    _ => (name.clone(), strict(value)),
                })
                .collect();
            // What stands in an object's `metadata` is the API server's.
            if out.contains_key("properties") && !out.contains_key("additionalProperties") {
                out.insert("additionalProperties".to_owned(), json!(false));
            }
            Json::Object(out)
        }
        Json::Array(items) => items.iter().map(strict).collect(),
        other => other.clone(),
    }
}

/// Everything that is there is found by its own name, and nothing secret is written.
#[test]
fn a_stack_becomes_managed_resources_that_find_what_is_there() {
    let test = "a_stack_becomes_managed_resources_that_find_what_is_there";
    let stack = Stack::sandboxed();
    stack.write(STACK);
    let export = |more: &[&str]| {
        stack
            .folder
            .run(&[&["export", "crossplane"], more].concat())
    };
    export(&[]).expect(1).says(&["has no state yet"]);
    stack.run(&["apply", "-auto-approve"]).expect(0);

    let ran = export(&["-o", "out"]).expect(0);
    ran.says(&[
        "provider-aws-ec2",
        "ClusterProviderConfig default of aws.m.upbound.io",
    ]);
    let all = manifests(&stack.folder.path().join("out"));
    let shown = stack.folder.run(&["show", "-json"]).expect(0).json();
    let mut found = 0;
    for (name, object) in &all {
        if object["kind"] == "ManagedResourceActivationPolicy" {
            let activated = object["spec"]["activate"].to_string();
            assert!(
                activated.contains("\"vpcs.ec2.aws.m.upbound.io\""),
                "{activated}"
            );
            continue;
        }
        found += 1;
        assert_eq!(
            object["spec"]["managementPolicies"],
            json!(["Observe"]),
            "{name}"
        );
        assert_eq!(object["metadata"]["namespace"], "shop");
        let external = &object["metadata"]["annotations"]["crossplane.io/external-name"];
        let external = external
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {object:#}"));
        assert!(
            shown.to_string().contains(external),
            "{name} is {external}, which is nowhere"
        );
    }
    assert!(found > 20, "{found}");
    let vpc = all.values().find(|o| o["kind"] == "VPC").expect("a VPC");
    assert_eq!(vpc["apiVersion"], "ec2.aws.m.upbound.io/v1beta1");
    assert_eq!(vpc["spec"]["forProvider"]["region"], "eu-west-1");
    // With the tags that the provider gives to everything: they would be taken away otherwise.
    assert_eq!(vpc["spec"]["forProvider"]["tags"]["product"], "shop");
    let bucket = all
        .values()
        .find(|o| o["kind"] == "Bucket")
        .expect("a bucket");
    assert!(
        bucket["spec"]["forProvider"].get("bucket").is_none(),
        "{bucket:#}"
    );
    let looked = judged(&all, test);
    say(&format!(
        "{looked} of {found} managed resources are held against their definitions"
    ));

    // The same in every run; and what it may do is said.
    export(&["-o", "again"]).expect(0);
    assert_eq!(manifests(&stack.folder.path().join("again")), all);
    export(&["-own", "-keep", "-o", "own"]).expect(0);
    for (name, object) in manifests(&stack.folder.path().join("own")) {
        let policies = &object["spec"]["managementPolicies"];
        assert!(
            !policies.to_string().contains("Delete") && *policies != json!(["*"]),
            "{name}"
        );
    }
    let printed = export(&["-own"]).expect(0).stdout;
    assert!(
        printed.contains("managementPolicies:\n    - \"*\""),
        "{printed}"
    );
}

/// The fields that `crates/crossplane/src/fields.tsv` has, by `apiVersion kind`.
fn known_fields() -> BTreeMap<String, BTreeSet<String>> {
    let path = root().join("crates/crossplane/src/fields.tsv");
    let text = std::fs::read_to_string(path).expect("a table");
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    let read = |line: &str| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [kind, _, fields] = parts[..] else {
            panic!("{line}")
        };
        let fields = fields.split(' ').map(str::to_owned);
        (kind.to_owned(), fields.collect())
    };
    lines.map(read).collect()
}

/// Fields that are in a value and not in the table; what the table has itself is not looked into.
fn unknown_fields(value: &Json, at: &str, known: &BTreeSet<String>, out: &mut BTreeSet<String>) {
    if known.contains(at) {
        return;
    }
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                let at = match at {
                    "" => name.clone(),
                    _ => format!("{at}.{name}"),
                };
                unknown_fields(value, &at, known, out);
            }
        }
        Json::Array(items) if items.iter().any(Json::is_object) => {
            for item in items {
                unknown_fields(item, at, known, out);
            }
        }
        _ => {
            out.insert(at.to_owned());
        }
    }
}

/// The example stacks, as a user would export them: each kind and each field that is written stands in the table of what the providers
/// have, and is right by their own definitions where these are there.
#[test]
fn the_example_stacks_become_managed_resources() {
    let test = "the_example_stacks_become_managed_resources";
    let known = known_fields();
    let (mut written, mut looked) = (0, 0);
    for name in ["quickstart", "google", "azure", "three-clouds", "prod"] {
        let server = Server::sandbox(&["--latency", "none"]);
        let folder = Folder::new();
        let file = format!("stacks/{name}.toml");
        folder.example(&format!("{name}.toml"));
        let flag = server.flag();
        let mut apply = vec!["apply", "-auto-approve", flag.as_str(), file.as_str()];
        let certificate;
        if name == "prod" {
            folder.write("stacks/certificate.toml", CERTIFICATE);
            folder
                .run(&["apply", "-auto-approve", &flag, "stacks/certificate.toml"])
                .expect(0);
            let told = folder.run(&["output", "-json", "stacks/certificate.toml"]);
            let arn = told.expect(0).json()["arn"]["value"].clone();
            certificate = format!("certificate_arn={}", arn.as_str().expect("an ARN"));
            apply.extend(["-var", &certificate, "-var", SLACK]);
        }
        folder.run(&apply).expect(0);
        let ran = folder.run(&["export", "crossplane", "-partial", "-o", "out", &file]);
        let told = ran.expect(0).told();
        assert!(!told.contains("hush-hush"), "{told}");
        let all = manifests(&folder.path().join("out"));
        let mut wrong = BTreeSet::new();
        for object in all.values() {
            if object["kind"] == "ManagedResourceActivationPolicy" {
                continue;
            }
            written += 1;
            let text = |field: &str| object[field].as_str().unwrap_or_default();
            let kind = format!("{} {}", text("apiVersion"), text("kind"));
            let Some(fields) = known.get(&kind) else {
                wrong.insert(kind);
                continue;
            };
            let mut unknown = BTreeSet::new();
            unknown_fields(&object["spec"]["forProvider"], "", fields, &mut unknown);
            wrong.extend(unknown.into_iter().map(|field| format!("{kind}: {field}")));
        }
        assert!(wrong.is_empty(), "{name}: not in fields.tsv: {wrong:#?}");
        looked += judged(&all, test);
    }
    assert!(written > 300, "{written}");
    say(&format!(
        "{looked} of {written} managed resources of the examples are held against their definitions"
    ));
}

/// What has no managed kind is named, and stops all of it until somebody says that it may stay behind.
#[test]
fn what_has_no_managed_kind_is_named() {
    let stack = Stack::sandboxed();
    stack.write(
        r#"
[stack]
name = "shop"
[clouds.aws]
region = "eu-west-1"
[resource.aws_kms_key.it]
[resource.aws_secretsmanager_secret.it]
name = "it"
[resource.aws_secretsmanager_secret_version.it]
secret_id     = "${aws_secretsmanager_secret.it.id}"
secret_string = "hush-hush-hush"
"#,
    );
    stack.run(&["apply", "-auto-approve"]).expect(0);
    let export = |more: &[&str]| {
        stack
            .folder
            .run(&[&["export", "crossplane"], more].concat())
    };
    let refused = export(&["-o", "out"]).expect(1);
    refused.says(&[
        "1 of 3 resources have no managed kind",
        "aws_secretsmanager_secret_version.it",
    ]);
    assert!(!stack.folder.path().join("out").exists());
    let partial = export(&["-partial"]).expect(0);
    partial.says(&["kind: Key", "still infra's", "nothing but a secret"]);
    assert!(!partial.told().contains("hush-hush-hush"));
}

/// A password that the state has is asked for, and stands in no manifest.
#[test]
fn nothing_secret_is_written() {
    let stack = Stack::against(Server::sandbox(&["--latency", "none"]));
    stack.write(
        r#"
[stack]
name = "shop"
[clouds.aws]
region = "eu-west-1"
[network.main]
cloud = "aws"
[resource.aws_db_subnet_group.it]
name       = "it"
subnet_ids = "${network.main.private_subnet_ids}"
[resource.aws_db_instance.it]
identifier          = "it"
db_subnet_group_name = "${aws_db_subnet_group.it.name}"
engine              = "postgres"
instance_class      = "db.t3.micro"
allocated_storage   = 20
username            = "it"
password            = "hush-hush-hush"
skip_final_snapshot = true
"#,
    );
    stack.run(&["apply", "-auto-approve"]).expect(0);
    let ran = stack
        .folder
        .run(&["export", "crossplane", "-o", "out"])
        .expect(0);
    ran.says(&[
        "Nothing secret is written",
        "key password: of aws_db_instance.it",
    ]);
    let all = manifests(&stack.folder.path().join("out"));
    assert!(!format!("{all:?}").contains("hush-hush-hush"));
    let instance = all
        .values()
        .find(|o| o["kind"] == "Instance")
        .expect("a database");
    let reference = &instance["spec"]["forProvider"]["passwordSecretRef"];
    assert_eq!(reference["key"], "password", "{instance:#}");
    judged(&all, "nothing_secret_is_written");
}
