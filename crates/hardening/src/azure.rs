//! Which of Microsoft's clouds a cluster is in, in the words of those who must know it inside: the provider says which it is
//! (`azurerm_client_config`, from `environment` of `[clouds.azure]` or `ARM_ENVIRONMENT`), and so it is asked for when all is planned.
//! Pods that AKS hands a token to are told by AKS where to log in (`AZURE_AUTHORITY_HOST`).

use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use serde_json::json;

/// For whom the tokens of pods and accounts are. Not the cloud says it but who asks for the token, and in all clouds that is this: AKS' webhook
/// (<https://github.com/Azure/azure-workload-identity/blob/main/pkg/webhook/consts.go>, and no setting of its changes it) and External Secrets
/// (`AzureDefaultAudience` of its provider).
pub(crate) const POD_AUDIENCE: &str = "api://AzureADTokenExchange";

/// A word for each of them: public Azure, the government's, China's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words([&'static str; 3]);

/// As the SDKs and Vault's seal say it.
/// <https://github.com/Azure/go-autorest/blob/main/autorest/azure/environments.go>,
/// <https://developer.hashicorp.com/vault/docs/configuration/seal/azurekeyvault>
pub(crate) const SDK: Words = Words([
    "AzurePublicCloud",
    "AzureUSGovernmentCloud",
    "AzureChinaCloud",
]);

/// As Loki says it. <https://grafana.com/docs/loki/latest/configure/#azure_storage_config>
pub(crate) const LOKI: Words = Words(["AzureGlobal", "AzureUSGovernment", "AzureChinaCloud"]);

/// As External Secrets says it. <https://external-secrets.io/latest/provider/azure-key-vault/>
pub(crate) const EXTERNAL_SECRETS: Words =
    Words(["PublicCloud", "USGovernmentCloud", "ChinaCloud"]);

/// For whom tokens of pipelines are, which whoever writes the pipeline chooses.
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>
pub(crate) const PIPELINES: Words = Words([
    "api://AzureADTokenExchange",
    "api://AzureADTokenExchangeUSGov",
    "api://AzureADTokenExchangeChina",
]);

/// Which it is, as the provider says it; needs its data source.
pub(crate) const ENVIRONMENT: &str = "${data.azurerm_client_config.this.environment}";

/// Domains of registries, in the order of [`Words`].
/// <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>,
/// <https://learn.microsoft.com/azure/china/resources-developer-guide>
const REGISTRIES: [&str; 3] = [".azurecr.io", ".azurecr.us", ".azurecr.cn"];

/// Whether a host is a container registry of Azure's.
pub(crate) fn is_registry(host: &str) -> bool {
    REGISTRIES.iter().any(|domain| host.ends_with(domain))
}

impl Words {
    /// A template of the word for the cluster's cloud.
    pub(crate) fn here(self, inside: &mut Inside<'_>) -> String {
        config(inside);
        let [public, government, china] = self.0;
        format!(
            "${{lookup({{ public = \"{public}\", usgovernment = \"{government}\", china = \"{china}\" }}, data.azurerm_client_config.this.environment)}}"
        )
    }
}

/// Declares the data source that says which it is.
pub(crate) fn config(inside: &mut Inside<'_>) {
    inside
        .draft
        .data("azurerm_client_config", "this", json!({}));
}

/// Warns, once it is known, where something can only do its work in public Azure.
pub(crate) fn public_only(name: &str, message: &str, inside: &mut Inside<'_>) {
    let Cloud::Azure(provider) = inside.site.cloud.clone() else {
        return;
    };
    let condition = format!("${{data.azurerm_client_config.{name}.environment == \"public\"}}");
    inside.draft.check(
        name,
        vec![[condition, message.to_owned()]],
        &provider,
        ("azurerm_client_config", json!({})),
    );
}
