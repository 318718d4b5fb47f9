//! Certificates of a `load_balancer` on Azure: one in a vault, one that an authority gives to a vault, or one's own, which is put into a
//! vault, where an application gateway reads it by an identity. A gateway takes certificates that are uploaded, or referred to in a vault,
//! and has none of its own making (<https://learn.microsoft.com/azure/application-gateway/key-vault-certs>).

use super::azure::front;
use super::{Certificate, Inputs, Issuer, Listen};
use crate::azure;
use crate::draft::Draft;
use crate::input::{literal, table};
use infra_model::Value;
use serde_json::{Value as Json, json};

/// The certificates of a gateway, and the grants without which it cannot read them.
pub(super) struct Certificates {
    pub(super) all: Vec<Json>,
    pub(super) grants: Vec<String>,
}

/// The certificates, by their listeners' names; the identity that reads them, and what it may.
pub(super) fn make(inputs: &Inputs, group: &str, draft: &mut Draft<'_>) -> Certificates {
    let mut all = Vec::new();
    let mut vaults: Vec<String> = Vec::new();
    let mut own_vault = false;
    let mut grants = Vec::new();
    for (index, listen) in inputs.listen.iter().enumerate() {
        if listen.protocol != "https" {
            continue;
        }
        let secret = if let Some((vault, secret)) = in_a_vault(listen) {
            if !vaults.contains(&vault) {
                vaults.push(vault);
            }
            json!(secret)
        } else {
            match super::certificate(index, &listen.certificate, draft) {
                None => Json::Null,
                Some(Certificate::There(_)) => elsewhere(index, &listen.certificate, draft),
                Some(Certificate::ForDomain { issuer: None, .. }) => no_issuer(index, draft),
                Some(Certificate::ForDomain {
                    domain,
                    issuer: Some(issuer),
                    ..
                }) => {
                    let (secret, grant) = issued(index, listen, &domain, &issuer, draft);
                    grants.push(grant);
                    secret
                }
                Some(Certificate::Own { .. }) => {
                    if !own_vault {
                        azure::vault(draft, group);
                    }
                    own_vault = true;
                    own(index, listen, draft)
                }
            }
        };
        all.push(json!({ "name": front(listen), "key_vault_secret_id": secret }));
    }
    if !all.is_empty() {
        azure::identity(draft, "this", "", group);
    }
    if !vaults.is_empty() {
        grant(&vaults, draft);
        grants.push("azurerm_role_assignment.certificates".to_owned());
    }
    if own_vault {
        let scope = "${azurerm_key_vault.this.id}";
        azure::grant(draft, "certificate", "this", READER, scope);
        grants.push("azurerm_role_assignment.certificate".to_owned());
    }
    Certificates { all, grants }
}

/// The role that reads secrets, which certificates with their keys are.
const READER: &str = "Key Vault Secrets User";

/// The right to read what is in vaults that are there.
fn grant(vaults: &[String], draft: &mut Draft<'_>) {
    let scopes: serde_json::Map<String, Json> = vaults
        .iter()
        .map(|vault| {
            let name = vault.rsplit('/').next().unwrap_or_default();
            (name.to_owned(), json!(vault))
        })
        .collect();
    draft.resource(
        "azurerm_role_assignment",
        "certificates",
        json!({
            "for_each": scopes,
            "scope": "${each.value}",
            "role_definition_name": READER,
            "principal_id": "${azurerm_user_assigned_identity.this.principal_id}",
            "principal_type": "ServicePrincipal",
        }),
    );
}

/// One's own certificate, in the component's vault: the address of its secret. It is that of the version, so that the gateway has
/// another one as soon as that is applied, and not when it next looks.
fn own(index: usize, listen: &Listen, draft: &mut Draft<'_>) -> Json {
    let given = format!("{}.certificate", table("listen", index));
    let block = format!("port_{}", listen.port);
    let body = json!({
        "name": front(listen),
        "key_vault_id": "${azurerm_key_vault.this.id}",
        "certificate": {
            "contents": format!("${{trimspace({given}.pem)}}\n${{trimspace({given}.key)}}\n"),
        },
        // A gateway reads nothing else.
        "certificate_policy": { "secret_properties": { "content_type": "application/x-pkcs12" } },
        "tags": draft.plain_tags(),
        "depends_on": ["azurerm_role_assignment.operator"],
    });
    draft.resource("azurerm_key_vault_certificate", &block, body);
    json!(format!(
        "${{azurerm_key_vault_certificate.{block}.secret_id}}"
    ))
}

/// For how many months a certificate is asked for: public authorities give none for more than 200 days (CA/Browser Forum, "Baseline
/// Requirements", 6.3.2, from March 2026).
const MONTHS: i64 = 6;

/// A certificate for a domain, by an authority that a vault knows, and renewed by it: the address of its secret, and the grant without
/// which it cannot be read. The gateway follows to the next one by itself, as it looks every four hours.
fn issued(
    index: usize,
    listen: &Listen,
    domain: &Json,
    issuer: &Issuer,
    draft: &mut Draft<'_>,
) -> (Json, String) {
    let block = front(listen).replace('-', "_");
    let name = draft.name(&front(listen), 127);
    let vault = issuer.vault.as_str().unwrap_or_default();
    let body = json!({
        "name": name,
        "key_vault_id": vault,
        "certificate_policy": {
            "issuer_parameters": { "name": issuer.name },
            "key_properties": { "exportable": true, "reuse_key": false, "key_type": "RSA", "key_size": 2048 },
            "secret_properties": { "content_type": "application/x-pkcs12" },
            "lifetime_action": {
                "action": { "action_type": "AutoRenew" },
                "trigger": { "lifetime_percentage": 80 },
            },
            "x509_certificate_properties": {
                "subject": format!("CN={}", domain.as_str().unwrap_or_default()),
                "validity_in_months": MONTHS,
                "key_usage": ["digitalSignature", "keyEncipherment"],
                "extended_key_usage": [FOR_SERVERS],
                "subject_alternative_names": { "dns_names": [domain] },
            },
        },
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_key_vault_certificate", &block, body);
    // The vault is somebody's: what is granted in it is this one secret.
    let grant = format!("certificate_{}", listen.port);
    let body = json!({
        "scope": format!("{vault}/secrets/{name}"),
        "role_definition_name": READER,
        "principal_id": "${azurerm_user_assigned_identity.this.principal_id}",
        "principal_type": "ServicePrincipal",
        "depends_on": [format!("azurerm_key_vault_certificate.{block}")],
    });
    draft.resource("azurerm_role_assignment", &grant, body);
    draft.remark(
        &format!("listen[{index}].certificate.issuer"),
        format!("the certificate for port {} is ordered at the authority's, on its account there, and renewed every few months", listen.port),
        "let the vault decide by roles, and give whoever applies \"Key Vault Certificates Officer\" in it; the authority must have seen that the domain is yours",
    );
    let secret = format!("${{azurerm_key_vault_certificate.{block}.versionless_secret_id}}");
    (json!(secret), format!("azurerm_role_assignment.{grant}"))
}

/// The purpose of servers' certificates (RFC 5280).
const FOR_SERVERS: &str = "1.3.6.1.5.5.7.3.1";

fn no_issuer(index: usize, draft: &mut Draft<'_>) -> Json {
    draft.refuse(
        &format!("listen[{index}].certificate"),
        "nobody on Azure makes an application gateway a certificate for a domain: it takes those that are in a vault, that an authority gives to one, or your own",
        "name an authority whose account stands in a vault, `issuer = { vault = \"/subscriptions/…/vaults/NAME\", name = \"digicert\" }` beside `domain`; give your own, `certificate = { pem = \"…\", key = \"…\" }`, or the id of one in a vault, `{ id = \"/subscriptions/…/vaults/NAME/certificates/NAME\" }`; or leave the load balancer out and let the hardening's `tls` have cert-manager get certificates for the domain",
    );
    Json::Null
}

/// A certificate's id, where it is known to be one in a vault.
fn in_a_vault(listen: &Listen) -> Option<(String, String)> {
    let given = &listen.certificate;
    let id = given.get("id").unwrap_or(given);
    let parts: Vec<&str> = id.as_str()?.split('/').collect();
    match parts[..] {
        [
            "",
            "subscriptions",
            _,
            _,
            _,
            "providers",
            "Microsoft.KeyVault",
            "vaults",
            vault,
            "secrets" | "certificates",
            name,
        ] => {
            let scope = parts[..9].join("/");
            // A certificate with its key is a secret of the same name.
            let secret = format!("https://{vault}.{}/secrets/{name}", azure::VAULT_DOMAIN);
            Some((scope, secret))
        }
        _ => None,
    }
}

/// A certificate by the address of its secret: whose vault it is in is not known, so that reading it must be granted elsewhere.
fn elsewhere(index: usize, given: &Value, draft: &mut Draft<'_>) -> Json {
    let path = format!("listen[{index}].certificate");
    let expression = format!("{}.certificate", table("listen", index));
    let (id, expression) = match given.entries() {
        Some(fields) => (&fields["id"], format!("{expression}.id")),
        None => (given, expression),
    };
    if let Some(text) = id.as_str()
        && !text.starts_with("https://")
    {
        draft.refuse(
            &path,
            format!("`{text}` is not a certificate in a vault"),
            "write its id, \"/subscriptions/…/vaults/NAME/certificates/NAME\", or the address of its secret, \"https://NAME.vault.azure.net/secrets/NAME\"",
        );
    }
    let name = draft.name("", 128);
    draft.remark(
        &path,
        format!("the identity {name} must be allowed to read this certificate before it can be used"),
        "give it the role \"Key Vault Secrets User\" on the vault, or write the certificate's id, \"/subscriptions/…/vaults/NAME/certificates/NAME\", and it is given",
    );
    literal(id, &expression)
}
