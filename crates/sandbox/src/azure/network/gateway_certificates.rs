//! Certificates of application gateways: files that are sent, and secrets of vaults, which are read by the identities of the gateway.
//! They are PKCS#12 in every case, with a password only where it is sent too
//! (<https://learn.microsoft.com/azure/application-gateway/key-vault-certs>).

use crate::azure::context::{Ctx, items, items_mut, set, text, unset};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::identity;
use crate::azure::keyvault::{self, Secret, Unread};
use crate::azure::kind::Write;

/// Most characters of a file in base 64 (<https://github.com/hashicorp/terraform-provider-azurerm/issues/31172>).
const LONGEST: usize = 16_384;

/// Refuses a file that cannot be read. What cannot be had from a vault shows only when the gateway is being made, as reported in
/// <https://github.com/MicrosoftDocs/azure-docs/issues/33157>.
pub(super) fn check(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    for certificate in items(&write.doc, "/properties/sslCertificates") {
        sent(write, certificate)?;
    }
    write.failure = in_vaults(ctx, write);
    // Keys and passwords are taken, and never shown.
    for certificate in items_mut(&mut write.doc, "/properties/sslCertificates") {
        if !text(certificate, "/properties/data").is_empty() {
            set(certificate, "/properties/publicCertData", public_part());
        }
        unset(certificate, "/properties/data");
        unset(certificate, "/properties/password");
    }
    Ok(())
}

/// The id of a certificate of a gateway.
fn id_of(write: &Write<'_>, certificate: &serde_json::Value) -> String {
    let name = text(certificate, "/name");
    format!("{}/sslCertificates/{name}", write.id.text)
}

fn sent(write: &Write<'_>, certificate: &serde_json::Value) -> ArmResult<()> {
    let data = text(certificate, "/properties/data");
    if data.is_empty() {
        return Ok(());
    }
    let id = id_of(write, certificate);
    if data.len() > LONGEST {
        return Err(ArmError::network(
            "ApplicationGatewaySslCertificateDataTooBig",
            format!("Data too big for certificate {id}. Max data length supported is {LONGEST}."),
        ));
    }
    keyvault::readable(data, text(certificate, "/properties/password"))
        .map_err(|why| ArmError::network(code(why), words(why, &id)))
}

/// The code of a file that is not read: as in <https://github.com/mspnp/aks-baseline/issues/385>,
/// <https://github.com/mspnp/aks-baseline-multi-region/issues/20>.
fn code(why: Unread) -> &'static str {
    match why {
        Unread::Password => "ApplicationGatewaySslCertificatePasswordIncorrect",
        Unread::Format | Unread::Key => "ApplicationGatewaySslCertificateInvalidData",
    }
}

/// What is said of a file that is not read; without a key, as in <https://github.com/MSOpenTech/azure-xplat-cli/issues/501>.
fn words(why: Unread, id: &str) -> String {
    match why {
        Unread::Password => format!("Password specified for certificate {id} is incorrect."),
        Unread::Format => format!("Data or Password for certificate {id} is invalid."),
        Unread::Key => format!("Certificate {id} does not have Private Key."),
    }
}

/// What is wrong with the first certificate in a vault that cannot be had.
fn in_vaults(ctx: &Ctx<'_>, write: &Write<'_>) -> Option<ArmError> {
    let gateway = &write.id.text;
    let principals = identity::principals(&write.doc);
    let lists = ["sslCertificates", "trustedRootCertificates"];
    let mut all = lists.iter().flat_map(|list| {
        let rows = items(&write.doc, &format!("/properties/{list}"));
        rows.map(move |row| (*list == "sslCertificates", row))
    });
    let wrong = all.find_map(|(keyed, certificate)| {
        let url = text(certificate, "/properties/keyVaultSecretId");
        if url.is_empty() {
            return None;
        }
        let id = id_of(write, certificate);
        match keyvault::secret_for(ctx, url, &principals) {
            Secret::Elsewhere if !principals.is_empty() => None,
            Secret::Elsewhere | Secret::Denied => Some((
                "ApplicationGatewayKeyVaultSecretAccessDenied",
                format!(
                    "Access denied for KeyVault Secret '{url}' for Application Gateway '{gateway}'. Make sure that Identity assigned to Application Gateway has access to the KeyVault associated with secret."
                ),
            )),
            Secret::Missing => Some((
                "SecretDeletedFromKeyVault",
                format!("There is no KeyVault Secret '{url}' for Application Gateway '{gateway}'."),
            )),
            Secret::Disabled => Some((
                "SecretDisabled",
                format!("The KeyVault Secret '{url}' for Application Gateway '{gateway}' is disabled."),
            )),
            Secret::Value(_) if !keyed => None,
            Secret::Value(value) => {
                let why = keyvault::readable(&value, "").err()?;
                Some((code(why), words(why, &id)))
            }
        }
    });
    let (code, message) = wrong?;
    Some(
        ArmError::network(
            "ApplicationGatewayKeyVaultSecretException",
            format!(
                "Problem occured while accessing and validating KeyVault Secrets associated with Application Gateway '{gateway}'. See details below:"
            ),
        )
        .detail(code, message),
    )
}

/// The certificate that is shown in the place of what a client has sent: any will do, nobody checks it.
fn public_part() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(crate::certificate::pem("00000000000001"))
}
