//! A resource with a bit of everything, exported.

use super::*;
use infra_model::Record;
use std::collections::BTreeMap;

/// A thing.
#[derive(Record)]
struct Thing {
    /// Its name.
    #[record(optional, computed)]
    name: Option<String>,
    /// What its name begins with.
    #[record(optional)]
    name_prefix: Option<String>,
    /// Its password.
    #[record(optional, sensitive)]
    password: Option<String>,
    /// A text.
    #[record(optional)]
    user_data: Option<String>,
    /// Once.
    #[record(block, max = 1)]
    apply_by_default: Vec<Inner>,
    /// Often.
    #[record(block)]
    rule: Vec<Inner>,
    /// The cloud's.
    #[record(block)]
    filled: Vec<Filled>,
    /// Tags.
    #[record(optional)]
    tags: BTreeMap<String, String>,
    /// All of them.
    #[record(computed)]
    tags_all: BTreeMap<String, String>,
    /// Its id.
    #[record(computed)]
    id: Option<String>,
}

/// Inside.
#[derive(Record)]
struct Inner {
    /// A number.
    #[record(required)]
    rule_number: i64,
}

/// What only the cloud fills.
#[derive(Record)]
struct Filled {
    /// A text.
    #[record(computed)]
    state: Option<String>,
}

fn attributes() -> Json {
    json!({
        "name": "it", "name_prefix": "i", "password": "hush", "user_data": "also-hush",
        "apply_by_default": [{ "rule_number": 1 }], "rule": [{ "rule_number": 2 }], "filled": [{ "state": "ready" }],
        "tags": { "own": "1" }, "tags_all": { "own": "1", "given_by_all": "2" }, "id": "it", "arn": null,
    })
}

fn exported(type_name: &str, secret: &[&str], rights: Rights) -> Export {
    let schema = Thing::block();
    let attributes = attributes();
    let secret: BTreeSet<String> = secret.iter().map(|s| (*s).to_owned()).collect();
    let resource = Resource {
        address: &format!("module.a[\"x\"].{type_name}.it"),
        type_name,
        alias: None,
        id: "id-1",
        attributes: &attributes,
        secret: &secret,
        schema: &schema,
        region: Some("eu-west-1"),
    };
    let options = Options {
        namespace: "shop".to_owned(),
        config: "default".to_owned(),
        rights,
    };
    export(&[resource], &options)
}

#[test]
fn a_name_stands_in_one_place_and_a_secret_in_none() {
    let made = exported("aws_iam_role", &["user_data"], Rights::Observe);
    let object = &made.manifests[1].object;
    assert_eq!(object["metadata"]["annotations"][EXTERNAL_NAME], "it");
    assert_eq!(
        object["spec"]["forProvider"],
        json!({
            "passwordSecretRef": { "name": "role-module-a-x-it", "key": "password" },
            "applyByDefault": { "ruleNumber": 1 },
            "rule": [{ "ruleNumber": 2 }],
            "tags": { "own": "1", "given_by_all": "2" },
        })
    );
    assert!(!format!("{made:?}").contains("hush"));
    assert_eq!(made.secrets[0].key, "password");
    assert_eq!(made.withheld[0].1, "user_data");
}

#[test]
fn an_id_names_what_has_no_other_name_and_regions_are_said() {
    let made = exported("aws_vpc", &[], Rights::Own);
    let object = &made.manifests[1].object;
    assert_eq!(object["metadata"]["annotations"][EXTERNAL_NAME], "id-1");
    let fields = &object["spec"]["forProvider"];
    assert_eq!(fields["name"], "it");
    assert_eq!(fields["region"], "eu-west-1");
    // The whole name is known.
    assert!(fields.get("namePrefix").is_none(), "{fields}");
    assert_eq!(object["spec"]["managementPolicies"], json!(["*"]));
    assert_eq!(
        made.manifests[0].object["spec"]["activate"],
        json!(["vpcs.ec2.aws.m.upbound.io"])
    );
}

#[test]
fn what_is_not_known_is_named_and_what_is_no_clouds_is_left() {
    assert_eq!(
        exported("aws_secretsmanager_secret_version", &[], Rights::Observe).unmanaged,
        [(
            "module.a[\"x\"].aws_secretsmanager_secret_version.it".to_owned(),
            "it is nothing but a secret, which is written nowhere"
        )]
    );
    let random = exported("random_id", &[], Rights::Observe);
    assert!(random.unmanaged.is_empty() && random.manifests.is_empty());
    assert_eq!(random.elsewhere.len(), 1);
    // A name that is secret names nothing.
    let secret = exported("aws_iam_role", &["name"], Rights::Observe);
    assert!(
        secret.unmanaged[0].1.contains("is secret"),
        "{:?}",
        secret.unmanaged
    );
}

#[test]
fn nothing_that_only_changes_deletes() {
    let made = exported("aws_vpc", &[], Rights::Change);
    let policies = made.manifests[1].object["spec"]["managementPolicies"].to_string();
    assert!(
        !policies.contains("Delete") && !policies.contains('*'),
        "{policies}"
    );
}
