//! What can be asked for, and what it becomes on each cloud. The defaults are those of infra's own components: private, encrypted,
//! versioned, backed up.

mod azure;

use super::around::{self, Around};
use crate::inside::Inside;
use crate::objects::object;
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

const GROUP: &str = "platform.infra";

/// A kind by the name of its resource.
fn kind(resource: &str) -> (&'static str, &'static str) {
    match resource {
        "database" => ("Database", "databases"),
        _ => ("Bucket", "buckets"),
    }
}

/// What of a database's size a cloud offers: GiB of storage, and whether it can be without a standby. Azure sells steps of storage, and a
/// standby is a block that a composition cannot leave out.
/// <https://learn.microsoft.com/azure/postgresql/compute-storage/concepts-storage>
fn offers(cloud: &Cloud) -> [Json; 2] {
    match cloud {
        Cloud::Aws(_) | Cloud::Google(_) => [
            json!({ "type": "integer", "minimum": 20, "maximum": 4096, "default": 20 }),
            json!({ "type": "boolean", "default": true }),
        ],
        Cloud::Azure(_) => [
            json!({ "type": "integer", "enum": [32, 64, 128, 256, 512, 1024, 2048, 4096], "default": 32 }),
            json!({ "type": "boolean", "enum": [true], "default": true }),
        ],
    }
}

/// The definition of what is asked for.
pub(super) fn definition(resource: &str, cloud: &Cloud) -> Json {
    let (kind, plural) = kind(resource);
    let [storage, standby] = offers(cloud);
    let properties = if resource == "database" {
        json!({
            "size": { "type": "string", "enum": ["small", "medium", "large"], "default": "small" },
            "storageGB": storage,
            "version": { "type": "string", "enum": ["15", "16", "17"], "default": "17" },
            "highAvailability": standby,
            // Nobody's database goes by a mistake; who wants it gone says so first.
            "deletionProtection": { "type": "boolean", "default": true },
        })
    } else {
        json!({ "versioning": { "type": "boolean", "default": true } })
    };
    let text = || json!({ "type": "string" });
    let status = if resource == "database" {
        json!({ "host": text(), "database": text(), "username": text(), "secret": text() })
    } else {
        json!({ "name": text() })
    };
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": { "type": "object", "default": {}, "properties": properties },
            "status": { "type": "object", "properties": status },
        },
    });
    let spec = json!({
        "group": GROUP,
        "scope": "Namespaced",
        "names": { "kind": kind, "plural": plural },
        "versions": [{
            "name": "v1",
            "served": true,
            "referenceable": true,
            "schema": { "openAPIV3Schema": schema },
        }],
    });
    let name = format!("{plural}.{GROUP}");
    object(
        "apiextensions.crossplane.io/v2",
        "CompositeResourceDefinition",
        "",
        &name,
        json!({ "spec": spec }),
    )
}

/// What it becomes.
pub(super) fn composition(resource: &str, around: &Around, inside: &Inside<'_>) -> Option<Json> {
    let (kind, plural) = kind(resource);
    let region = region(inside);
    let made = match (&inside.site.cloud, resource) {
        (Cloud::Aws(_), "database") => aws_database(&region, around)?,
        (Cloud::Aws(_), _) => aws_bucket(&region, around),
        (Cloud::Google(_), "database") => google_database(&region, around, inside)?,
        (Cloud::Google(_), _) => google_bucket(&region, around),
        (Cloud::Azure(_), "database") => azure::database(around)?,
        (Cloud::Azure(_), _) => azure::bucket(around)?,
    };
    let input = json!({
        "apiVersion": "pt.fn.crossplane.io/v1beta1",
        "kind": "Resources",
        "resources": made,
    });
    let spec = json!({
        "compositeTypeRef": { "apiVersion": format!("{GROUP}/v1"), "kind": kind },
        "mode": "Pipeline",
        "pipeline": [{
            "step": "resources",
            "functionRef": { "name": "function-patch-and-transform" },
            "input": input,
        }],
    });
    let name = format!("{plural}.{GROUP}");
    Some(object(
        "apiextensions.crossplane.io/v1",
        "Composition",
        "",
        &name,
        json!({ "spec": spec }),
    ))
}

/// The cluster's region: what its cloud's provider says, or what stands in its id.
fn region(inside: &Inside<'_>) -> String {
    let cluster = &inside.site.reference;
    match inside.site.cloud {
        Cloud::Aws(_) => "${data.aws_region.this.region}".to_owned(),
        Cloud::Google(_) | Cloud::Azure(_) => format!("${{split(\"/\", {cluster}.id)[3]}}"),
    }
}

/// A managed resource, with what is copied from what was asked for.
fn part(name: &str, api: &str, kind: &str, settings: Json, patches: &[Json]) -> Json {
    json!({
        "name": name,
        "base": { "apiVersion": api, "kind": kind, "spec": { "forProvider": settings } },
        "patches": patches,
    })
}

fn copy(from: &str, to: &str) -> Json {
    json!({ "type": "FromCompositeFieldPath", "fromFieldPath": from, "toFieldPath": to })
}

fn map(from: &str, to: &str, map: Json) -> Json {
    let mut patch = copy(from, to);
    patch["transforms"] = json!([{ "type": "map", "map": map }]);
    patch
}

/// A yes or no as one of two words.
fn choose(from: &str, to: &str, words: Json) -> Json {
    let mut patch = copy(from, to);
    // A map wants text.
    patch["transforms"] = json!([
        { "type": "convert", "convert": { "toType": "string" } },
        { "type": "map", "map": words },
    ]);
    patch
}

/// A text within another one.
fn format(from: &str, to: &str, format: &str) -> Json {
    let mut patch = copy(from, to);
    patch["transforms"] =
        json!([{ "type": "string", "string": { "type": "Format", "fmt": format } }]);
    patch
}

/// The name in the cloud: under the one that Crossplane may use, and nobody else's.
fn named(around: &Around) -> Json {
    format("metadata.uid", EXTERNAL, &format!("{}-%s", around.prefix))
}

/// Where a managed resource has its name in the cloud.
const EXTERNAL: &str = "metadata.annotations[crossplane.io/external-name]";

/// What is told about it to who has asked for it.
fn told(from: &str, to: &str) -> Json {
    json!({ "type": "ToCompositeFieldPath", "fromFieldPath": from, "toFieldPath": format!("status.{to}") })
}

/// The same whatever it is.
fn always(from: &str, to: &str, word: &str) -> Json {
    let mut patch = told(from, to);
    patch["transforms"] =
        json!([{ "type": "match", "match": { "patterns": [], "fallbackValue": word } }]);
    patch
}

/// Secrets beside the database: one with the password that was made for it, and one with all that it takes to connect.
fn secrets(password: &str) -> [Json; 3] {
    let connection = "spec.writeConnectionSecretToRef.name";
    [
        format("metadata.name", password, "%s-password"),
        format("metadata.name", connection, "%s-connection"),
        told(connection, "secret"),
    ]
}

/// A rule, a block or a versioning is one of the bucket beside it.
fn beside() -> Json {
    json!({ "matchControllerRef": true })
}

fn aws_bucket(region: &str, around: &Around) -> Vec<Json> {
    let api = "s3.aws.m.upbound.io/v1beta1";
    let versioning = choose(
        "spec.versioning",
        "spec.forProvider.versioningConfiguration.status",
        json!({ "true": "Enabled", "false": "Suspended" }),
    );
    vec![
        part(
            "bucket",
            api,
            "Bucket",
            json!({ "region": region, "forceDestroy": false }),
            &[named(around), told(EXTERNAL, "name")],
        ),
        part(
            "private",
            api,
            "BucketPublicAccessBlock",
            json!({
                "region": region,
                "bucketSelector": beside(),
                "blockPublicAcls": true,
                "blockPublicPolicy": true,
                "ignorePublicAcls": true,
                "restrictPublicBuckets": true,
            }),
            &[],
        ),
        part(
            "versioning",
            api,
            "BucketVersioning",
            json!({ "region": region, "bucketSelector": beside(), "versioningConfiguration": { "status": "Enabled" } }),
            &[versioning],
        ),
        part(
            "encryption",
            api,
            "BucketServerSideEncryptionConfiguration",
            json!({
                "region": region,
                "bucketSelector": beside(),
                "rule": [{ "applyServerSideEncryptionByDefault": { "sseAlgorithm": "aws:kms" }, "bucketKeyEnabled": true }],
            }),
            &[],
        ),
    ]
}

fn aws_database(region: &str, around: &Around) -> Option<Vec<Json>> {
    let api = "rds.aws.m.upbound.io/v1beta1";
    let classes =
        json!({ "small": "db.t4g.medium", "medium": "db.m7g.large", "large": "db.m7g.xlarge" });
    let settings = json!({
        "region": region,
        "engine": "postgres",
        "engineVersion": "17",
        "instanceClass": "db.t4g.medium",
        "allocatedStorage": 20,
        "dbName": "app",
        "username": "app",
        // The provider makes it. RDS would keep one where only the platform can read it.
        "autoGeneratePassword": true,
        "passwordSecretRef": { "key": "password" },
        "storageEncrypted": true,
        "multiAz": true,
        "publiclyAccessible": false,
        "deletionProtection": true,
        "backupRetentionPeriod": 14,
        "skipFinalSnapshot": false,
        "dbSubnetGroupName": around.subnet_group()?,
        "vpcSecurityGroupIds": [around.firewall.as_ref()?],
    });
    let mut patches = vec![
        named(around),
        map("spec.size", "spec.forProvider.instanceClass", classes),
        copy("spec.storageGB", "spec.forProvider.allocatedStorage"),
        copy("spec.version", "spec.forProvider.engineVersion"),
        copy("spec.highAvailability", "spec.forProvider.multiAz"),
        copy(
            "spec.deletionProtection",
            "spec.forProvider.deletionProtection",
        ),
        format(
            "metadata.uid",
            "spec.forProvider.finalSnapshotIdentifier",
            &format!("{}-final-%s", around.prefix),
        ),
        told("status.atProvider.address", "host"),
        told("spec.forProvider.dbName", "database"),
        told("spec.forProvider.username", "username"),
    ];
    patches.extend(secrets("spec.forProvider.passwordSecretRef.name"));
    Some(vec![part("instance", api, "Instance", settings, &patches)])
}

fn google_bucket(region: &str, around: &Around) -> Vec<Json> {
    let settings = json!({
        "location": region,
        "uniformBucketLevelAccess": true,
        "publicAccessPrevention": "enforced",
        "forceDestroy": false,
        "versioning": { "enabled": true },
    });
    let patches = [
        named(around),
        told(EXTERNAL, "name"),
        copy("spec.versioning", "spec.forProvider.versioning.enabled"),
    ];
    vec![part(
        "bucket",
        "storage.gcp.m.upbound.io/v1beta2",
        "Bucket",
        settings,
        &patches,
    )]
}

/// Its administrator's password is made by External Secrets. Cloud SQL's own database is used: conditions of rights know instances, and
/// not the databases in them.
fn google_database(region: &str, around: &Around, inside: &Inside<'_>) -> Option<Vec<Json>> {
    let network = inside.site.network.as_ref()?;
    let api = "sql.gcp.m.upbound.io/v1beta1";
    let tiers = json!({ "small": "db-custom-1-3840", "medium": "db-custom-2-8192", "large": "db-custom-4-16384" });
    let settings = json!({
        "region": region,
        "databaseVersion": "POSTGRES_17",
        "rootPasswordSecretRef": { "key": "password" },
        "deletionProtection": true,
        "settings": {
            "tier": "db-custom-1-3840",
            "edition": "ENTERPRISE",
            "availabilityType": "REGIONAL",
            "diskSize": 20,
            "diskAutoresize": true,
            "deletionProtectionEnabled": true,
            "ipConfiguration": {
                "ipv4Enabled": false,
                "privateNetwork": format!("${{{network}.id}}"),
                "sslMode": "ENCRYPTED_ONLY",
            },
            "backupConfiguration": { "enabled": true, "pointInTimeRecoveryEnabled": true },
        },
    });
    let version = "spec.forProvider.databaseVersion";
    let mut patches = vec![
        named(around),
        map("spec.size", "spec.forProvider.settings.tier", tiers),
        copy("spec.storageGB", "spec.forProvider.settings.diskSize"),
        format("spec.version", version, "POSTGRES_%s"),
        choose(
            "spec.highAvailability",
            "spec.forProvider.settings.availabilityType",
            json!({ "true": "REGIONAL", "false": "ZONAL" }),
        ),
        told("status.atProvider.privateIpAddress", "host"),
        always(version, "database", "postgres"),
        always(version, "username", "postgres"),
    ];
    let protected = ["deletionProtection", "settings.deletionProtectionEnabled"];
    patches.extend(
        protected.map(|f| copy("spec.deletionProtection", &format!("spec.forProvider.{f}"))),
    );
    patches.extend(secrets("spec.forProvider.rootPasswordSecretRef.name"));
    let asked = json!({
        "name": "password",
        "base": { "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "spec": around::password() },
        "patches": [format("metadata.name", "spec.target.name", "%s-password")],
    });
    Some(vec![
        asked,
        part("instance", api, "DatabaseInstance", settings, &patches),
    ])
}
