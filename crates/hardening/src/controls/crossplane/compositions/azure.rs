//! What is asked for, on Azure.

use super::super::around::Around;
use super::{EXTERNAL, always, beside, choose, copy, map, named, part, secrets, told};
use serde_json::{Value as Json, json};

/// The database that everybody finds in a server, and the login of its administrator.
const NAME: &str = "app";
/// What is done for a server that must not be deleted: Azure has no word for that, but what Crossplane does not do stays undone.
/// <https://docs.crossplane.io/latest/managed-resources/managed-resources/#managementpolicies>
const KEPT: [&str; 4] = ["Observe", "Create", "Update", "LateInitialize"];

pub(super) fn bucket(around: &Around) -> Option<Vec<Json>> {
    let api = "storage.azure.m.upbound.io/v1beta1";
    let account = json!({
        "resourceGroupName": around.resource_group()?,
        // Read for the providers' identity.
        "location": "${data.azurerm_client_config.this.location}",
        "accountTier": "Standard",
        "accountReplicationType": "ZRS",
        "minTlsVersion": "TLS1_2",
        "httpsTrafficOnlyEnabled": true,
        "allowNestedItemsToBePublic": false,
        "sharedAccessKeyEnabled": false,
        "blobProperties": { "versioningEnabled": true },
    });
    // Up to 24 letters and digits, which nobody else in the world has.
    let mut name = copy("metadata.uid", EXTERNAL);
    name["transforms"] = json!([
        { "type": "string", "string": { "type": "Convert", "convert": "ToSha256" } },
        { "type": "string", "string": { "type": "Regexp", "regexp": { "match": "^[0-9a-f]{20}" } } },
        { "type": "string", "string": { "type": "Format", "fmt": "xp%s" } },
    ]);
    let patches = [
        name,
        told(EXTERNAL, "name"),
        copy(
            "spec.versioning",
            "spec.forProvider.blobProperties.versioningEnabled",
        ),
    ];
    // By its id it is made without a key of the account, of which there is none.
    let container =
        json!({ "storageAccountIdSelector": beside(), "containerAccessType": "private" });
    Some(vec![
        part("account", api, "Account", account, &patches),
        part("container", api, "Container", container, &[]),
    ])
}

/// A flexible server without a public address, with its standby in another zone. Names of servers belong to the whole world: with the
/// composite's id nobody else has it.
pub(super) fn database(around: &Around) -> Option<Vec<Json>> {
    let api = "dbforpostgresql.azure.m.upbound.io/v1beta1";
    let joins = around.joins("database")?;
    let machines = json!({
        "small": "GP_Standard_D2ds_v5", "medium": "GP_Standard_D4ds_v5", "large": "GP_Standard_D8ds_v5",
    });
    let settings = json!({
        "resourceGroupName": around.server_group()?,
        "location": "${data.azurerm_client_config.this.location}",
        "version": "17",
        "skuName": "GP_Standard_D2ds_v5",
        "storageMb": 32768,
        // What grew by itself would be shrunk again.
        "autoGrowEnabled": false,
        "administratorLogin": NAME,
        "autoGeneratePassword": true,
        "administratorPasswordSecretRef": { "key": "password" },
        "authentication": { "passwordAuthEnabled": true, "activeDirectoryAuthEnabled": false },
        "delegatedSubnetId": joins.subnet,
        "privateDnsZoneId": joins.zone,
        "publicNetworkAccessEnabled": false,
        "backupRetentionDays": 14,
        "geoRedundantBackupEnabled": false,
        "highAvailability": { "mode": "ZoneRedundant" },
    });
    let mut storage = copy("spec.storageGB", "spec.forProvider.storageMb");
    storage["transforms"] =
        json!([{ "type": "math", "math": { "type": "Multiply", "multiply": 1024 } }]);
    let mut patches = vec![
        named(around),
        map("spec.size", "spec.forProvider.skuName", machines),
        storage,
        copy("spec.version", "spec.forProvider.version"),
        told("status.atProvider.fqdn", "host"),
        told("spec.forProvider.administratorLogin", "username"),
        always("spec.forProvider.version", "database", NAME),
    ];
    patches.extend(protected());
    patches.extend(secrets(
        "spec.forProvider.administratorPasswordSecretRef.name",
    ));
    let mut within =
        json!({ "serverIdSelector": beside(), "charset": "UTF8", "collation": "en_US.utf8" });
    within = part("database", api, "FlexibleServerDatabase", within, &[]);
    // It goes with its server: by itself only its name would be left for nobody.
    within["base"]["spec"]["managementPolicies"] = json!(KEPT);
    within["base"]["metadata"] = json!({ "annotations": { "crossplane.io/external-name": NAME } });
    Some(vec![
        part("server", api, "FlexibleServer", settings, &patches),
        within,
    ])
}

/// Whether the server is deleted with its object; told also where whoever lifts that can see it.
fn protected() -> [Json; 2] {
    let from = "spec.deletionProtection";
    let mut policies = copy(from, "spec.managementPolicies");
    let lifted = json!({ "type": "literal", "literal": "false", "result": ["*"] });
    policies["transforms"] = json!([
        { "type": "convert", "convert": { "toType": "string" } },
        { "type": "match", "match": { "patterns": [lifted], "fallbackValue": KEPT } },
    ]);
    let mark = format!("metadata.annotations[{PROTECTED}]");
    let words = json!({ "true": "true", "false": "false" });
    [policies, choose(from, &mark, words)]
}

/// Where a managed resource says that what it stands for is not deleted with it.
const PROTECTED: &str = "platform.infra/deletion-protection";
