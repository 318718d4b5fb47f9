//! Microsoft.ContainerRegistry: registries, whose names are those of the whole cloud.

use serde_json::json;

use super::context::{Ctx, Input, default, set, text};
use super::error::{ArmError, ArmResult};
use super::kind::{Kind, Write};
use super::{engine, found, identity, keyvault};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;

const NAME: &str = "Microsoft.ContainerRegistry/registries";

pub(crate) const KINDS: &[Kind] = &[Kind {
    prepare,
    ..Kind::new(NAME, "azurerm_container_registry")
}];

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
        _ => Ok(None),
    }
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
    match refusal(ctx, write.id.name(), &write.id.key()) {
        Some(("AlreadyExists", _)) => {
            return Err(ArmError::conflict(
                "AlreadyInUse",
                format!(
                    "The registry DNS name {name}.azurecr.io is already in use. You can check if the name is already claimed using following API: https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/checknameavailability"
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
    set(
        &mut write.doc,
        "/properties/loginServer",
        format!("{name}.azurecr.io"),
    );
    default(
        &mut write.doc,
        "/properties/privateEndpointConnections",
        json!([]),
    );
    Ok(())
}
