//! The call limits that the engine keeps: Azure Resource Manager's token buckets per subscription and principal (Azure,
//! "Understand how Azure Resource Manager throttles requests"), and Key Vault's own ("Key Vault service limits").

use infra_model::schema::ApiFamily;

/// Calls of Resource Manager that read.
pub(crate) const READ: &str = "arm.read";
/// Calls of Resource Manager that change.
pub(crate) const WRITE: &str = "arm.write";
/// Calls of Resource Manager that delete.
pub(crate) const DELETE: &str = "arm.delete";
/// Calls of the vaults themselves.
pub(crate) const VAULT: &str = "vault";

/// The limits as the engine takes them.
pub(crate) fn limits() -> Vec<ApiFamily> {
    [
        (READ, 64, 250.0, 25.0),
        (WRITE, 48, 200.0, 10.0),
        (DELETE, 48, 200.0, 10.0),
        (VAULT, 32, 200.0, 100.0),
    ]
    .into_iter()
    .map(|(name, concurrent, burst, per_second)| ApiFamily {
        name,
        concurrent,
        burst,
        per_second,
    })
    .collect()
}
