//! Microsoft.ContainerRegistry: registries, whose names are those of the whole cloud.

use serde_json::{Value, json};

use super::context::{Ctx, Input, default, set, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::{Kind, Write};
use super::{engine, found, identity, keyvault, page, places};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;

const NAME: &str = "Microsoft.ContainerRegistry/registries";

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        prepare,
        ..Kind::new(NAME, "azurerm_container_registry")
    },
    Kind {
        prepare: prepare_replication,
        ..Kind::new("Microsoft.ContainerRegistry/registries/replications", "")
    },
];

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    match input.operation.name {
        "Registries_CheckNameAvailability" => {
            let name = text(&input.body, "/name");
            let answer = match refusal(ctx, name, "") {
                Some((reason, message)) => {
                    json!({ "nameAvailable": false, "reason": reason, "message": message })
                }
                None => json!({ "nameAvailable": true }),
            };
            found(&answer)
        }
        "Registries_ListUsages" => {
            engine::find(ctx, &KINDS[0], &input.id)?;
            let row = |name: &str, limit: u64, unit: &str| json!({ "name": name, "limit": limit, "currentValue": 0, "unit": unit });
            found(
                &json!({ "value": [row("Size", 10_737_418_240, "Bytes"), row("Webhooks", 2, "Count")] }),
            )
        }
        "Registries_ListCredentials" | "Registries_RegenerateCredential" => {
            let mut item = engine::find(ctx, &KINDS[0], &input.id)?;
            if item.at(ctx.now)["properties"]["adminUserEnabled"] != true {
                return Err(ArmError::bad(
                    "UnAuthorizedForCredentialOperations",
                    format!(
                        "Cannot perform credential operations for {} as admin user is disabled. Kindly enable admin user as per docs: https://docs.microsoft.com/en-us/azure/container-registry/container-registry-authentication#admin-account",
                        item.id
                    ),
                ));
            }
            let which = text(&input.body, "/name").to_owned();
            for name in ["password", "password2"] {
                if item.hidden[name].is_null() || which == name {
                    item.hidden[name] = ctx.hex(32).into();
                }
            }
            ctx.put(item.clone());
            found(&json!({
                "username": text(&item.doc, "/name"),
                "passwords": [
                    { "name": "password", "value": item.hidden["password"] },
                    { "name": "password2", "value": item.hidden["password2"] },
                ],
            }))
        }
        "Replications_List" => {
            let registry = engine::find(ctx, &KINDS[0], &input.id)?;
            let mut rows: Vec<Value> = home(&registry).into_iter().collect();
            let below = format!("{}/", registry.id);
            for item in ctx.of_kind(&below, KINDS[1].name) {
                rows.push(engine::show(ctx, &KINDS[1], &item));
            }
            page::reply(ctx, input, rows).map(Some)
        }
        "Replications_Get" | "Replications_Delete" => {
            let registry = ctx.get(&input.id.parent().text).map(|item| item.edit());
            let home = registry.as_ref().and_then(home);
            let home = home.filter(|home| input.id.is(text(home, "/id")));
            match home {
                Some(home) if input.operation.http == "GET" => found(&home),
                Some(_) => Err(ArmError::bad(
                    "CannotDeleteHomeReplication",
                    "The replication of the registry's own region cannot be deleted.",
                )),
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// The replication that the largest registries have in their own region.
fn home(registry: &Item) -> Option<Value> {
    if text(&registry.doc, "/sku/name") != "Premium" {
        return None;
    }
    let region = text(&registry.doc, "/location");
    let id = Id::new(text(&registry.doc, "/id")).child("replications", region);
    let mut doc = engine::document(
        &id,
        json!({
            "provisioningState": "Succeeded", "regionEndpointEnabled": true, "status": { "displayStatus": "Ready" },
            "zoneRedundancy": registry.doc["properties"]["zoneRedundancy"],
        }),
    );
    doc["location"] = region.into();
    Some(doc)
}

/// Another region of a registry (<https://learn.microsoft.com/azure/container-registry/container-registry-geo-replication>).
fn prepare_replication(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let refuse = |code: &str, message: String| Err(ArmError::bad(code, message));
    let registry = engine::find(ctx, &KINDS[0], &write.id.parent())?;
    if text(&registry.doc, "/sku/name") != "Premium" {
        return refuse(
            "ReplicationNotAllowed",
            format!(
                "Replications are of registries of the sku Premium only: {} is of {}.",
                registry.id,
                text(&registry.doc, "/sku/name")
            ),
        );
    }
    let name = write.id.name();
    if !(5..=50).contains(&name.len()) || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return refuse(
            "InvalidResourceName",
            format!("The replication name {name} is not of 5 to 50 letters and digits."),
        );
    }
    let region = text(&write.doc, "/location").to_owned();
    let others = ctx.of_kind(&format!("{}/", registry.id), KINDS[1].name);
    let taken = text(&registry.doc, "/location") == region
        || others
            .iter()
            .any(|other| other.id != write.id.key() && text(&other.doc, "/location") == region);
    if taken {
        return refuse(
            "ReplicationLocationInUse",
            format!("The registry has a replication in {region} already."),
        );
    }
    default(&mut write.doc, "/properties/regionEndpointEnabled", true);
    default(&mut write.doc, "/properties/zoneRedundancy", "Disabled");
    if write.changed("/properties/zoneRedundancy") {
        return refuse(
            "ZoneRedundancyCannotBeChanged",
            format!("Whether {name} spans zones cannot be changed."),
        );
    }
    let zoned = text(&write.doc, "/properties/zoneRedundancy") == "Enabled";
    if zoned && places::zones(&region) == 0 {
        return refuse(
            "ZoneRedundancyNotSupported",
            format!("{region} has no availability zones."),
        );
    }
    let ready = json!({ "displayStatus": "Ready", "timestamp": iso8601_millis(ctx.now) });
    set(&mut write.doc, "/properties/status", ready);
    Ok(())
}

fn refusal(ctx: &Ctx<'_>, name: &str, own: &str) -> Option<(&'static str, String)> {
    if !(5..=50).contains(&name.len()) || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        let message = format!(
            "The specified registry name {name} is invalid: it is of 5 to 50 letters and digits."
        );
        return Some(("Invalid", message));
    }
    let taken = ctx.named(NAME, name);
    let taken = taken.iter().any(|item| item.id != own);
    taken.then(|| {
        (
            "AlreadyExists",
            format!("The registry {name} is already in use."),
        )
    })
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name().to_lowercase();
    let host = places::named(text(&write.doc, "/location"), &format!("{name}.azurecr.io"));
    match refusal(ctx, write.id.name(), &write.id.key()) {
        Some(("AlreadyExists", _)) => {
            return Err(ArmError::conflict(
                "AlreadyInUse",
                format!(
                    "The registry DNS name {host} is already in use. You can check if the name is already claimed using following API: https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/checknameavailability"
                ),
            ));
        }
        Some((_, message)) => return Err(ArmError::bad("InvalidResourceName", message)),
        None => {}
    }
    write.carry(&[
        "/sku",
        "/identity",
        "/properties/creationDate",
        "/properties/encryption",
    ]);
    identity::assign(ctx, write)?;
    let tier = text(&write.doc, "/sku/name").to_owned();
    set(&mut write.doc, "/sku/tier", tier.as_str());
    let now = iso8601_millis(ctx.now);
    for (member, value) in [
        ("adminUserEnabled", json!(false)),
        ("anonymousPullEnabled", json!(false)),
        ("dataEndpointEnabled", json!(false)),
        ("dataEndpointHostNames", json!([])),
        ("publicNetworkAccess", json!("Enabled")),
        ("networkRuleBypassOptions", json!("AzureServices")),
        ("zoneRedundancy", json!("Disabled")),
        ("creationDate", json!(now)),
    ] {
        default(&mut write.doc, &format!("/properties/{member}"), value);
    }
    if tier == "Premium" {
        for (member, value) in [
            ("policies/quarantinePolicy", json!({ "status": "disabled" })),
            (
                "policies/trustPolicy",
                json!({ "type": "Notary", "status": "disabled" }),
            ),
            (
                "policies/retentionPolicy",
                json!({ "days": 7, "status": "disabled" }),
            ),
            ("policies/exportPolicy", json!({ "status": "enabled" })),
            ("encryption", json!({ "status": "disabled" })),
        ] {
            default(&mut write.doc, &format!("/properties/{member}"), value);
        }
    }
    let properties = &write.doc["properties"];
    let premium: [(&str, bool); 7] = [
        (
            "networkRuleSet",
            properties["networkRuleSet"].is_object()
                && text(properties, "/networkRuleSet/defaultAction") == "Deny",
        ),
        (
            "zoneRedundancy",
            text(properties, "/zoneRedundancy") == "Enabled",
        ),
        (
            "encryption",
            text(properties, "/encryption/status") == "enabled",
        ),
        (
            "dataEndpointEnabled",
            properties["dataEndpointEnabled"] == true,
        ),
        (
            "publicNetworkAccess",
            text(properties, "/publicNetworkAccess") == "Disabled",
        ),
        (
            "policies.retentionPolicy",
            text(properties, "/policies/retentionPolicy/status") == "enabled",
        ),
        (
            "policies.trustPolicy",
            text(properties, "/policies/trustPolicy/status") == "enabled",
        ),
    ];
    if let Some((feature, _)) = premium
        .iter()
        .find(|(_, asked)| *asked && tier != "Premium")
    {
        return Err(ArmError::bad(
            "SkuNotSupported",
            format!(
                "The feature '{feature}' is only supported on the Premium SKU: the registry {name} is of {tier}."
            ),
        ));
    }
    if write.changed("/properties/zoneRedundancy") {
        return Err(ArmError::bad(
            "PropertyChangeNotAllowed",
            "The property 'zoneRedundancy' of a registry cannot be changed.",
        ));
    }
    if text(&write.doc, "/properties/encryption/status") == "enabled" {
        let url = text(
            &write.doc,
            "/properties/encryption/keyVaultProperties/keyIdentifier",
        )
        .to_owned();
        let Some(found) = keyvault::key_at(ctx, &url) else {
            return Err(ArmError::bad(
                "KeyVaultKeyNotFound",
                format!("The key '{url}' was not found."),
            ));
        };
        // As reported in https://github.com/MicrosoftDocs/azure-docs/issues/61015.
        if !keyvault::usable(ctx, &found, &write.doc) {
            let client = text(
                &write.doc,
                "/properties/encryption/keyVaultProperties/identity",
            );
            return Err(ArmError::bad(
                "BadRequest",
                format!(
                    "Failed to access KeyId '{url}'. Verify that identity '{client}' has 'Get, Wrap Key, Unwrap Key' permission on key '{url}'. For more information on bring your own key, please visit 'https://aka.ms/acr/cmk'."
                ),
            ));
        }
        write.link(&found);
    }
    set(&mut write.doc, "/properties/loginServer", host);
    default(
        &mut write.doc,
        "/properties/privateEndpointConnections",
        json!([]),
    );
    Ok(())
}
