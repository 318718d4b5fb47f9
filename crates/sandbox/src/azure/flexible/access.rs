//! Who administers a server, and the key that encrypts it.

use super::{Engine, refuse};
use crate::azure::context::{Ctx, default, text, unset};
use crate::azure::error::ArmResult;
use crate::azure::keyvault;
use crate::azure::kind::Write;

/// Names that no administrator may have.
const RESERVED: [&str; 9] = [
    "azure_superuser",
    "azure_pg_admin",
    "admin",
    "administrator",
    "root",
    "guest",
    "public",
    "sa",
    "azuresu",
];

/// Checks the administrator, who must be given with a password where it is `needed`. The password is kept where no reader sees it.
pub(in crate::azure) fn login(write: &mut Write<'_>, of: &Engine, needed: bool) -> ArmResult<()> {
    let user = text(&write.doc, "/properties/administratorLogin").to_owned();
    let password = text(&write.doc, "/properties/administratorLoginPassword").to_owned();
    unset(&mut write.doc, "/properties/administratorLoginPassword");
    if needed {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let good = (1..=of.login).contains(&user.len())
            && user.chars().all(word)
            && !user.starts_with(|c: char| c.is_ascii_digit())
            && (of.prefix.is_empty() || !user.starts_with(of.prefix))
            && !RESERVED.contains(&user.to_lowercase().as_str());
        if !good {
            return refuse(
                "InvalidAdministratorLogin",
                format!("Specified administrator login '{user}' is invalid or reserved."),
            );
        }
        if password.is_empty() {
            return refuse(
                "MissingRequiredParameter",
                "The parameter 'administratorLoginPassword' is missing.".to_owned(),
            );
        }
    }
    if write.changed("/properties/administratorLogin") {
        return refuse(
            "PropertyCannotBeChanged",
            "The administrator login of a server cannot be changed.".to_owned(),
        );
    }
    if !password.is_empty() {
        let classes = [
            password.chars().any(|c| c.is_ascii_lowercase()),
            password.chars().any(|c| c.is_ascii_uppercase()),
            password.chars().any(|c| c.is_ascii_digit()),
            password.chars().any(|c| !c.is_ascii_alphanumeric()),
        ];
        let enough = classes.iter().filter(|one| **one).count() >= 3;
        let named = !user.is_empty() && password.to_lowercase().contains(&user.to_lowercase());
        if !(8..=128).contains(&password.len()) || !enough || named {
            return refuse("PasswordNotComplex", "Password validation failed. The password does not meet policy requirements because it is not complex enough.".to_owned());
        }
        write.hidden["password"] = password.into();
    }
    Ok(())
}

/// Checks the key that encrypts a server; whether it is one of a vault.
pub(in crate::azure) fn encryption(
    ctx: &Ctx<'_>,
    write: &mut Write<'_>,
) -> ArmResult<Option<String>> {
    default(
        &mut write.doc,
        "/properties/dataEncryption/type",
        "SystemManaged",
    );
    if text(&write.doc, "/properties/dataEncryption/type") != "AzureKeyVault" {
        return Ok(None);
    }
    let url = text(&write.doc, "/properties/dataEncryption/primaryKeyURI").to_owned();
    let user = write.refer(
        ctx,
        "/properties/dataEncryption/primaryUserAssignedIdentityId",
    )?;
    let Some(found) = keyvault::key_at(ctx, &url) else {
        return refuse(
            "AzureKeyVaultKeyNameNotFound",
            format!("The key '{url}' was not found."),
        );
    };
    if user.is_none() {
        return refuse(
            "MissingUserAssignedIdentity",
            "A key of a vault is used with a user-assigned identity.".to_owned(),
        );
    }
    // Documented of the databases that came before it: "401 AzureKeyVaultMissingPermissions"
    // (https://learn.microsoft.com/azure/azure-sql/database/transparent-data-encryption-byok-troubleshoot).
    if !keyvault::usable(ctx, &found, &write.doc) {
        return refuse(
            "AzureKeyVaultMissingPermissions",
            "The server is missing required permissions on the Azure Key Vault.".to_owned(),
        );
    }
    write.link(&found);
    Ok(Some(found))
}
