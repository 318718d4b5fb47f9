//! Clusters: what is checked of one, and what the service adds to it.

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{managed, network, pool, version};
use crate::azure::context::{Ctx, Input, TENANT, default, items, set, text, unset};
use crate::azure::engine;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::identity;
use crate::azure::item::Item;
use crate::azure::keyvault;
use crate::azure::kind::{Etag, Kind, Write};
use crate::azure::places;
use crate::azure::resources;
use crate::clock::Millis;
use crate::latency::Work;

pub(crate) const NAME: &str = "Microsoft.ContainerService/managedClusters";

pub(crate) const KIND: Kind = Kind {
    etag: Etag::Plain("eTag"),
    create: Work::AksClusterCreate,
    update: Work::AksClusterUpdate,
    delete: Work::AksClusterDelete,
    prepare,
    show,
    removed,
    ..Kind::new(NAME, "azurerm_kubernetes_cluster")
};

/// The cluster that a request is about.
pub(super) fn of(input: &Input<'_>) -> Id {
    input.id.beside(NAME, input.variable("resourceName"))
}

/// Properties that a cluster keeps.
const FIXED: [&str; 12] = [
    "dnsPrefix",
    "fqdnSubdomain",
    "nodeResourceGroup",
    "diskEncryptionSetID",
    "linuxProfile/adminUsername",
    "networkProfile/serviceCidr",
    "networkProfile/dnsServiceIP",
    "networkProfile/loadBalancerSku",
    "networkProfile/podCidr",
    "apiServerAccessProfile/enablePrivateCluster",
    "apiServerAccessProfile/privateDNSZone",
    "enableRBAC",
];

pub(super) fn refuse<T>(message: String, target: &str) -> ArmResult<T> {
    Err(ArmError::bad("InvalidParameter", message).target(target))
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name().to_owned();
    let word = |c: char| c.is_ascii_alphanumeric();
    let good = (1..=63).contains(&name.len())
        && name.starts_with(word)
        && name.ends_with(word)
        && name.chars().all(|c| word(c) || "-_".contains(c));
    if !good {
        return refuse(
            format!(
                "The length of the cluster's name '{name}' must be from 1 to 63. It must begin and end with a letter or digit and hold letters, digits, '-' and '_' only."
            ),
            "resourceName",
        );
    }
    if write.patch {
        // Only tags are changed so.
        return keep(write);
    }
    carry(write);
    identity(ctx, write)?;
    versions(write)?;
    basics(ctx, write)?;
    network::check(ctx, write)?;
    security(ctx, write)?;
    for member in FIXED {
        let pointer = format!("/properties/{member}");
        if write.changed(&pointer)
            && write
                .before
                .pointer(&pointer)
                .is_some_and(|old| !old.is_null())
        {
            return Err(ArmError::bad(
                "PropertyChangeNotAllowed",
                format!(
                    "Changing property 'properties.{}' is not allowed.",
                    member.replace('/', ".")
                ),
            )
            .target(format!("properties.{}", member.replace('/', "."))));
        }
    }
    let sent = write.doc["properties"]["agentPoolProfiles"].clone();
    unset(&mut write.doc, "/properties/agentPoolProfiles");
    if write.creates() {
        managed::begin(ctx, write)?;
    }
    if !sent.is_null() || write.creates() {
        pools(ctx, write, &sent)?;
    }
    Ok(())
}

/// A change of tags keeps everything else and what it refers to.
fn keep(write: &mut Write<'_>) -> ArmResult<()> {
    if let Some(old) = write.old {
        write.links.clone_from(&old.links);
    }
    Ok(())
}

/// What only the service knows stays from before, and so does what a client has left out.
fn carry(write: &mut Write<'_>) {
    write.carry(&[
        "/sku",
        "/identity",
        "/properties/dnsPrefix",
        "/properties/fqdn",
        "/properties/azurePortalFQDN",
        "/properties/privateFQDN",
        "/properties/nodeResourceGroup",
        "/properties/kubernetesVersion",
        "/properties/networkProfile",
        "/properties/servicePrincipalProfile",
        "/properties/identityProfile",
        "/properties/resourceUID",
        "/properties/powerState",
        "/properties/enableRBAC",
        "/properties/oidcIssuerProfile",
        "/properties/storageProfile",
        "/properties/windowsProfile",
    ]);
    if let Some(before) = write.before["properties"]["networkProfile"].as_object() {
        for (name, value) in before.clone() {
            default(
                &mut write.doc,
                &format!("/properties/networkProfile/{name}"),
                value,
            );
        }
    }
    for profile in ["loadBalancerProfile", "natGatewayProfile"] {
        let pointer = format!("/properties/networkProfile/{profile}");
        if write.doc.pointer(&pointer).is_some_and(Value::is_object) {
            write.carry(&[&format!("{pointer}/effectiveOutboundIPs")]);
        }
    }
}

fn identity(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let kind = text(&write.doc, "/identity/type").to_owned();
    let principal = text(&write.doc, "/properties/servicePrincipalProfile/clientId").to_owned();
    if (kind.is_empty() || kind == "None") && principal.is_empty() {
        return refuse(
            "Required parameter servicePrincipalProfile.clientId is missing: the cluster has no identity either.".to_owned(),
            "servicePrincipalProfile.clientId",
        );
    }
    unset(&mut write.doc, "/properties/servicePrincipalProfile/secret");
    if principal.is_empty() {
        set(
            &mut write.doc,
            "/properties/servicePrincipalProfile",
            json!({ "clientId": "msi" }),
        );
    }
    identity::assign(ctx, write)?;
    etcd_key(ctx, write)
}

/// The identity must be able to use the key that the cluster's secrets are encrypted with, as reported in
/// <https://github.com/Azure/AKS/issues/3575>.
fn etcd_key(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let kms = &write.doc["properties"]["securityProfile"]["azureKeyVaultKms"];
    let url = text(kms, "/keyId").to_owned();
    if kms["enabled"] != true || url.is_empty() {
        return Ok(());
    }
    let key = keyvault::key_at(ctx, &url);
    if key.is_none_or(|key| keyvault::usable(ctx, &key, &write.doc)) {
        return Ok(());
    }
    let vault = url.split("/keys/").next().unwrap_or_default();
    Err(ArmError::bad(
        "AzureKeyVaultKmsValidateIdentityPermissionCustomerError",
        format!(
            "The identity does not have keys encrypt/decrypt permission on key vault \"{vault}\""
        ),
    ))
}

fn versions(write: &mut Write<'_>) -> ArmResult<()> {
    default(
        &mut write.doc,
        "/properties/kubernetesVersion",
        version::DEFAULT,
    );
    let asked = text(&write.doc, "/properties/kubernetesVersion").to_owned();
    let Some(wanted) = version::patch(&asked) else {
        return Err(ArmError::bad(
            "K8sVersionNotSupported",
            format!(
                "Version {asked} is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region. For more information, please check https://aka.ms/supported-version-list"
            ),
        ));
    };
    let current = text(write.before, "/properties/currentKubernetesVersion").to_owned();
    let mut next = wanted;
    if !current.is_empty() && current != wanted {
        // A minor version alone keeps the patch that runs.
        if version::MINORS
            .iter()
            .any(|minor| minor.name == asked && minor.patches.contains(&current.as_str()))
        {
            next = version::patch(&current).unwrap_or(wanted);
        } else if !version::upgrades(&current).contains(&wanted) {
            let all = version::upgrades(&current);
            return Err(ArmError::bad(
                "OperationNotAllowed",
                format!(
                    "Upgrading Kubernetes version {current} to {wanted} is not allowed. Available upgrades: [{}]. Please see https://aka.ms/aks-supported-k8s-ver for version details.",
                    all.join(" ")
                ),
            ));
        }
    }
    // The old one runs until the work is done.
    if current.is_empty() || current == next {
        set(&mut write.doc, "/properties/currentKubernetesVersion", next);
    } else {
        set(
            &mut write.doc,
            "/properties/currentKubernetesVersion",
            current,
        );
        set(
            &mut write.later,
            "/properties/currentKubernetesVersion",
            next,
        );
    }
    Ok(())
}

fn basics(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let location = text(&write.doc, "/location").to_owned();
    let id = write.id.clone();
    let prefix = text(&write.doc, "/properties/dnsPrefix").to_owned();
    let subdomain = text(&write.doc, "/properties/fqdnSubdomain").to_owned();
    if prefix.is_empty() && subdomain.is_empty() {
        return refuse(
            "Required parameter dnsPrefix is missing (null or empty).".to_owned(),
            "dnsPrefix",
        );
    }
    let word = |c: char| c.is_ascii_alphanumeric();
    let good = prefix.len() <= 54
        && prefix.starts_with(word)
        && prefix.ends_with(word)
        && prefix.chars().all(|c| word(c) || c == '-');
    if !prefix.is_empty() && !good {
        return refuse(
            format!(
                "The value of parameter dnsPrefix is invalid: '{prefix}' is not 1 to 54 letters, digits and hyphens, beginning and ending with a letter or digit."
            ),
            "dnsPrefix",
        );
    }
    if write.hidden.is_null() {
        write.hidden = json!({ "uid": ctx.uuid(), "hash": ctx.hex(8) });
    }
    let (uid, hash) = (
        text(&write.hidden, "/uid").to_owned(),
        text(&write.hidden, "/hash").to_owned(),
    );
    let doc = &mut write.doc;
    default(doc, "/sku", json!({ "name": "Base", "tier": "Free" }));
    default(doc, "/sku/name", "Base");
    default(doc, "/sku/tier", "Free");
    default(
        doc,
        "/properties/nodeResourceGroup",
        format!("MC_{}_{}_{location}", id.group(), id.name()),
    );
    if text(doc, "/properties/nodeResourceGroup").len() > 80 {
        return refuse(
            format!(
                "The length of the node resource group name is too long. The maximum length is 80 and the length of the value provided is {}. Please see https://aka.ms/aks-naming-rules for more details.",
                text(doc, "/properties/nodeResourceGroup").len()
            ),
            "nodeResourceGroup",
        );
    }
    let long = text(doc, "/properties/supportPlan") == "AKSLongTermSupport";
    if long && text(doc, "/sku/tier") != "Premium" {
        return refuse(
            "Long term support is of the Premium tier only.".to_owned(),
            "supportPlan",
        );
    }
    default(doc, "/properties/supportPlan", "KubernetesOfficial");
    default(doc, "/properties/enableRBAC", true);
    default(doc, "/properties/powerState", json!({ "code": "Running" }));
    default(doc, "/properties/resourceUID", uid);
    set(doc, "/properties/maxAgentPools", 100);
    let private = doc["properties"]["apiServerAccessProfile"]["enablePrivateCluster"] == true;
    let first = if subdomain.is_empty() {
        prefix
    } else {
        subdomain
    };
    let named = |name: String| places::named(&location, &name);
    let fqdn = named(format!("{first}-{hash}.hcp.{location}.azmk8s.io"));
    if private {
        default(
            doc,
            "/properties/privateFQDN",
            named(format!(
                "{first}-{hash}.{}.privatelink.{location}.azmk8s.io",
                &hash[..4]
            )),
        );
        default(
            doc,
            "/properties/apiServerAccessProfile/privateDNSZone",
            "system",
        );
        if doc["properties"]["apiServerAccessProfile"]["authorizedIPRanges"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
        {
            return refuse(
                "Authorized IP ranges are not for private clusters.".to_owned(),
                "apiServerAccessProfile.authorizedIPRanges",
            );
        }
    }
    if !private
        || doc["properties"]["apiServerAccessProfile"]["enablePrivateClusterPublicFQDN"] != false
    {
        default(doc, "/properties/fqdn", fqdn);
    }
    default(
        doc,
        "/properties/azurePortalFQDN",
        named(format!("{first}-{hash}.portal.hcp.{location}.azmk8s.io")),
    );
    for range in items(doc, "/properties/apiServerAccessProfile/authorizedIPRanges") {
        let range = range.as_str().unwrap_or_default();
        if range.parse::<IpNet>().is_err() && range.parse::<std::net::IpAddr>().is_err() {
            return refuse(
                format!("The authorized IP range '{range}' is neither an address nor a CIDR."),
                "apiServerAccessProfile.authorizedIPRanges",
            );
        }
    }
    for name in ["diskCSIDriver", "fileCSIDriver", "snapshotController"] {
        default(
            doc,
            &format!("/properties/storageProfile/{name}/enabled"),
            true,
        );
    }
    let zone = text(
        &write.doc,
        "/properties/apiServerAccessProfile/privateDNSZone",
    )
    .to_owned();
    if zone.starts_with('/') {
        write.refer(ctx, "/properties/apiServerAccessProfile/privateDNSZone")?;
    }
    write.refer(ctx, "/properties/apiServerAccessProfile/subnetId")?;
    write.refer(ctx, "/properties/diskEncryptionSetID")?;
    Ok(())
}

fn security(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let issues = write.doc["properties"]["oidcIssuerProfile"]["enabled"] == true;
    let issued = write.before["properties"]["oidcIssuerProfile"]["enabled"] == true;
    if issued && !issues {
        return Err(ArmError::bad(
            "OIDCIssuerFeatureCannotBeDisabled",
            "The OIDC issuer feature cannot be disabled once it is enabled.",
        ));
    }
    if issues {
        let location = text(&write.doc, "/location").to_owned();
        let uid = text(&write.hidden, "/uid").to_owned();
        let url = format!("https://{location}.oic.prod-aks.azure.com/{TENANT}/{uid}/");
        set(
            &mut write.doc,
            "/properties/oidcIssuerProfile/issuerURL",
            url,
        );
    }
    let workload =
        write.doc["properties"]["securityProfile"]["workloadIdentity"]["enabled"] == true;
    if workload && !issues {
        return refuse(
            "Workload identity needs the OIDC issuer.".to_owned(),
            "securityProfile.workloadIdentity",
        );
    }
    let directory = write.doc["properties"]["aadProfile"].is_object();
    if directory {
        default(&mut write.doc, "/properties/aadProfile/managed", true);
        default(&mut write.doc, "/properties/aadProfile/tenantID", TENANT);
        default(
            &mut write.doc,
            "/properties/aadProfile/enableAzureRBAC",
            false,
        );
        unset(&mut write.doc, "/properties/aadProfile/serverAppSecret");
    }
    default(&mut write.doc, "/properties/disableLocalAccounts", false);
    if write.doc["properties"]["disableLocalAccounts"] == true && !directory {
        return refuse(
            "Local accounts can be disabled only where the cluster uses Microsoft Entra ID."
                .to_owned(),
            "disableLocalAccounts",
        );
    }
    let addons: Vec<String> = write.doc["properties"]["addonProfiles"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    for name in addons {
        const KNOWN: [&str; 7] = [
            "omsagent",
            "azurepolicy",
            "azureKeyvaultSecretsProvider",
            "httpApplicationRouting",
            "ingressApplicationGateway",
            "ACCSGXDevicePlugin",
            "aciConnectorLinux",
        ];
        if !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            return refuse(
                format!("The addon '{name}' is not supported."),
                "addonProfiles",
            );
        }
        let base = format!("/properties/addonProfiles/{name}");
        if write.doc.pointer(&format!("{base}/enabled")) != Some(&true.into()) {
            continue;
        }
        for member in ["logAnalyticsWorkspaceResourceID", "applicationGatewayId"] {
            write.refer(ctx, &format!("{base}/config/{member}"))?;
        }
        let own = write.before.pointer(&format!("{base}/identity")).cloned();
        let own = own.unwrap_or_else(|| json!({ "clientId": ctx.uuid(), "objectId": ctx.uuid(), "resourceId": format!(
            "/subscriptions/{}/resourceGroups/{}/providers/{}/{}-{}",
            write.id.subscription(), text(&write.doc, "/properties/nodeResourceGroup"), identity::NAME, name.to_lowercase(), write.id.name(),
        ) }));
        set(&mut write.doc, &format!("{base}/identity"), own);
    }
    write.refer(
        ctx,
        "/properties/securityProfile/defender/logAnalyticsWorkspaceResourceId",
    )?;
    Ok(())
}

/// Makes, changes and takes away pools as the list of the cluster says.
fn pools(ctx: &mut Ctx<'_>, write: &mut Write<'_>, sent: &Value) -> ArmResult<()> {
    let profiles: Vec<Value> = sent.as_array().cloned().unwrap_or_default();
    let system = profiles.iter().any(|pool| text(pool, "/mode") == "System");
    if !system {
        return refuse(
            "Must define at least one system agent pool.".to_owned(),
            "agentPoolProfiles",
        );
    }
    let work = if write.creates() {
        KIND.create
    } else {
        KIND.update
    };
    let until = ctx.due(work);
    let owner = pool::Owner {
        id: write.id.clone(),
        doc: write.doc.clone(),
    };
    let there = ctx.of_kind(&format!("{}/", write.id.text), pool::KIND.name);
    let mut named: Vec<String> = Vec::new();
    for profile in &profiles {
        let name = text(profile, "/name").to_owned();
        if named.contains(&name) {
            return refuse(
                format!("Two agent pools have the name '{name}'."),
                "agentPoolProfiles.name",
            );
        }
        let mut properties = profile.clone();
        unset(&mut properties, "/name");
        pool::put(ctx, &owner, &name, properties, until)?;
        named.push(name);
    }
    for pool in there {
        if !named
            .iter()
            .any(|name| name.eq_ignore_ascii_case(text(&pool.doc, "/name")))
        {
            pool::take(ctx, &pool.edit(), until)?;
        }
    }
    Ok(())
}

/// Pools are shown as they are now.
fn show(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    let pools = ctx.of_kind(&format!("{}/", item.id), pool::KIND.name);
    let mut busy = false;
    let rows: Vec<Value> = pools
        .iter()
        .map(|pool| {
            busy |= pool.busy(ctx.now).is_some();
            let shown = engine::show(ctx, &pool::KIND, pool);
            let mut row = shown["properties"].clone();
            row["name"] = shown["name"].clone();
            row
        })
        .collect();
    set(doc, "/properties/agentPoolProfiles", rows);
    if busy && item.busy(ctx.now).is_none() {
        set(doc, "/properties/provisioningState", "Updating");
    }
}

fn removed(ctx: &mut Ctx<'_>, item: &Item, until: Millis) -> ArmResult<()> {
    match ctx.get(&managed::group_of(&item.doc)) {
        Some(found) => resources::take_group(ctx, found.edit(), until, ""),
        None => Ok(()),
    }
}
