//! Add-ons of clusters, out of the catalogue.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::addon_catalogue::{self, OFFERS, Offer};
use super::cluster::{self, Cluster};
use super::cluster_config::Config;
use super::update::{self, NewUpdate};
use super::{
    in_use, invalid, not_found, paged, pod_identity, read, remember, replay, seconds, tags,
};
use crate::aws::context::Ctx;
use crate::aws::error::AwsResult;
use crate::aws::references;
use crate::aws::rest::{RestOperation, RestRequest};
use crate::clock::Millis;
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// An add-on of a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Addon {
    /// `CLUSTER/NAME`.
    id: String,
    cluster: String,
    name: String,
    version: String,
    uuid: String,
    service_account_role: Option<String>,
    configuration: Option<String>,
    namespace: String,
    created: Millis,
    modified: Millis,
    active_at: Millis,
    /// Whether making it ends in failure.
    #[serde(default)]
    failed: bool,
    busy_until: Millis,
    gone_at: Option<Millis>,
}

impl Document for Addon {
    const KIND: &'static str = "eks/addon";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.cluster.clone()]
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        let id = format!("{}:{}", self.cluster, self.name);
        Listed::aws("aws_eks_addon").map(|listed| Listed {
            id: Some(id),
            ..listed
        })
    }
}

impl Addon {
    pub(super) fn arn(&self, ctx: &Ctx<'_>) -> String {
        ctx.arn(
            "eks",
            &format!("addon/{}/{}/{}", self.cluster, self.name, self.uuid),
        )
    }

    fn status(&self, ctx: &Ctx<'_>) -> &'static str {
        if self.gone_at.is_some() {
            "DELETING"
        } else if !ctx.past(self.active_at) {
            "CREATING"
        } else if self.failed {
            "CREATE_FAILED"
        } else if !ctx.past(self.busy_until) {
            "UPDATING"
        } else {
            "ACTIVE"
        }
    }

    fn issues(&self, ctx: &Ctx<'_>) -> Value {
        if self.status(ctx) != "CREATE_FAILED" {
            return json!([]);
        }
        json!([{
            "code": "InsufficientNumberOfReplicas",
            "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
            "resourceIds": [],
        }])
    }

    fn view(&self, ctx: &Ctx<'_>, tags: &Tags) -> Value {
        let publisher = addon_catalogue::find(&self.name).map_or("eks", |offer| offer.publisher);
        let mut view = json!({
            "addonName": self.name,
            "clusterName": self.cluster,
            "status": self.status(ctx),
            "addonVersion": self.version,
            "health": {"issues": self.issues(ctx)},
            "addonArn": self.arn(ctx),
            "createdAt": seconds(self.created),
            "modifiedAt": seconds(self.modified),
            "tags": tags.to_map(),
            "publisher": publisher,
            "owner": if publisher == "eks" { "aws" } else { "community" },
            "namespaceConfig": {"namespace": self.namespace},
        });
        if let Some(role) = &self.service_account_role {
            view["serviceAccountRoleArn"] = role.clone().into();
        }
        if let Some(configuration) = &self.configuration {
            view["configurationValues"] = configuration.clone().into();
        }
        let associations = pod_identity::owned(ctx, &self.arn(ctx));
        if !associations.is_empty() {
            view["podIdentityAssociations"] = json!(associations);
        }
        view
    }
}

/// Whether a cluster may have the add-ons that it runs without being asked.
pub(super) fn check_self_managed(config: &Config) -> AwsResult<()> {
    let auto = config
        .compute_config
        .as_ref()
        .and_then(|compute| compute.get("enabled"))
        .and_then(Value::as_bool);
    if auto == Some(true) {
        return Err(invalid(
            "bootstrapSelfManagedAddons must be false for a cluster with EKS Auto Mode",
        ));
    }
    Ok(())
}

const ONE: &str = "/clusters/{name}/addons/{addonName}";

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "DescribeAddonVersions",
        method: Method::GET,
        path: "/addons/supported-versions",
        accepts: &[],
        query: &[
            "kubernetesVersion",
            "maxResults",
            "nextToken",
            "addonName",
            "types",
            "publishers",
            "owners",
        ],
        handler: describe_versions,
    },
    RestOperation {
        name: "CreateAddon",
        method: Method::POST,
        path: "/clusters/{name}/addons",
        accepts: &[
            "addonName",
            "addonVersion",
            "serviceAccountRoleArn",
            "resolveConflicts",
            "clientRequestToken",
            "tags",
            "configurationValues",
            "podIdentityAssociations",
            "namespaceConfig",
        ],
        query: &[],
        handler: create,
    },
    RestOperation {
        name: "ListAddons",
        method: Method::GET,
        path: "/clusters/{name}/addons",
        accepts: &[],
        query: &["maxResults", "nextToken"],
        handler: list,
    },
    RestOperation {
        name: "DescribeAddon",
        method: Method::GET,
        path: ONE,
        accepts: &[],
        query: &[],
        handler: describe,
    },
    RestOperation {
        name: "UpdateAddon",
        method: Method::POST,
        path: "/clusters/{name}/addons/{addonName}/update",
        accepts: &[
            "addonVersion",
            "serviceAccountRoleArn",
            "resolveConflicts",
            "clientRequestToken",
            "configurationValues",
            "podIdentityAssociations",
        ],
        query: &[],
        handler: change,
    },
    RestOperation {
        name: "DeleteAddon",
        method: Method::DELETE,
        path: ONE,
        accepts: &[],
        query: &["preserve"],
        handler: delete,
    },
];

fn describe_versions(_: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let kubernetes = request.query("kubernetesVersion");
    let kinds = request.queries("types");
    let publishers = request.queries("publishers");
    let mut offers: Vec<&Offer> = OFFERS.iter().collect();
    if let Some(name) = request.query("addonName") {
        offers.retain(|offer| offer.name == name);
        if offers.is_empty() {
            return Err(invalid(format!("Addon {name} is not supported")).member("addonName", name));
        }
    }
    offers.retain(|offer| {
        (kinds.is_empty() || kinds.contains(&offer.kind))
            && (publishers.is_empty() || publishers.contains(&offer.publisher))
    });
    let versions = |offer: &Offer| -> Vec<Value> {
        let wanted = |(_, fits): &(&str, Vec<&str>)| {
            kubernetes.is_none_or(|version| fits.contains(&version))
        };
        offer
            .versions()
            .into_iter()
            .filter(wanted)
            .map(|(version, fits)| {
                let compatibilities: Vec<Value> = fits
                    .iter()
                    .filter(|fit| kubernetes.is_none_or(|version| version == **fit))
                    .map(|fit| {
                        let default = offer.default_version(fit) == Some(version);
                        json!({"clusterVersion": fit, "platformVersions": ["*"], "defaultVersion": default})
                    })
                    .collect();
                json!({
                    "addonVersion": version,
                    "architecture": ["amd64", "arm64"],
                    "computeTypes": ["ec2", "auto", "hybrid"],
                    "compatibilities": compatibilities,
                    "requiresConfiguration": false,
                    "requiresIamPermissions": offer.needs_role,
                })
            })
            .collect()
    };
    offers.retain(|offer| !versions(offer).is_empty());
    let answer = paged(
        request,
        "addons",
        offers,
        |offer| offer.name,
        |offer| {
            json!({
                "addonName": offer.name,
                "type": offer.kind,
                "addonVersions": versions(offer),
                "publisher": offer.publisher,
                "owner": if offer.publisher == "eks" { "aws" } else { "community" },
                "defaultNamespace": offer.namespace,
            })
        },
    )?;
    Ok(Value::Object(answer))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAssociation {
    service_account: String,
    role_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Namespace {
    namespace: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    addon_name: String,
    addon_version: Option<String>,
    service_account_role_arn: Option<String>,
    resolve_conflicts: Option<String>,
    configuration_values: Option<String>,
    #[serde(default)]
    pod_identity_associations: Vec<NewAssociation>,
    namespace_config: Option<Namespace>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    addon_version: Option<String>,
    service_account_role_arn: Option<String>,
    resolve_conflicts: Option<String>,
    configuration_values: Option<String>,
    pod_identity_associations: Option<Vec<NewAssociation>>,
}

fn check_version<'a>(
    offer: &Offer,
    cluster: &Cluster,
    ctx: &Ctx<'_>,
    wanted: &'a str,
) -> AwsResult<&'a str> {
    let kubernetes = cluster.running_version(ctx);
    if offer.fitting(kubernetes).contains(&wanted) {
        return Ok(wanted);
    }
    let message = format!(
        "Addon version specified is not supported: {wanted} of {} for Kubernetes {kubernetes}",
        offer.name
    );
    Err(invalid(message).member("addonName", offer.name))
}

fn check_settings(
    ctx: &Ctx<'_>,
    role: Option<&str>,
    conflicts: Option<&str>,
    configuration: Option<&str>,
) -> AwsResult<()> {
    if let Some(role) = role.filter(|role| !role.is_empty())
        && !references::knows_role(ctx, role)
    {
        return Err(invalid(format!(
            "The role {role} does not exist or cannot be assumed"
        )));
    }
    if conflicts.is_some_and(|value| !matches!(value, "OVERWRITE" | "NONE" | "PRESERVE")) {
        return Err(invalid(
            "resolveConflicts must be OVERWRITE, NONE or PRESERVE",
        ));
    }
    if let Some(text) = configuration.filter(|text| text.trim_start().starts_with('{'))
        && serde_json::from_str::<Value>(text).is_err()
    {
        return Err(invalid(
            "ConfigurationValue is not in valid JSON or YAML format",
        ));
    }
    Ok(())
}

fn associate(ctx: &mut Ctx<'_>, addon: &Addon, associations: Vec<NewAssociation>) -> AwsResult<()> {
    let owner = addon.arn(ctx);
    for new in associations {
        let new = pod_identity::New {
            namespace: addon.namespace.clone(),
            service_account: new.service_account,
            role_arn: new.role_arn,
            disable_session_tags: false,
            target_role_arn: None,
        };
        pod_identity::make(ctx, &addon.cluster, new, Some(&owner), Tags::default())?;
    }
    Ok(())
}

fn create(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "CreateAddon")? {
        let found = ctx
            .get::<Addon>(&id)
            .ok_or_else(|| not_found("No addon found"))?;
        return Ok(json!({"addon": found.view(ctx, found.tags())}));
    }
    let cluster = cluster::find_active(ctx, request.label("name"))?;
    let new: New = read(request)?;
    let tags = tags(request)?;
    let name = new.addon_name.as_str();
    let offer = addon_catalogue::find(name).ok_or_else(|| {
        invalid(format!("Addon {name} specified is not supported")).member("addonName", name)
    })?;
    let id = format!("{}/{name}", cluster.name);
    if ctx.exists::<Addon>(&id) {
        return Err(in_use("Addon already exists.")
            .member("clusterName", cluster.name.as_str())
            .member("addonName", name));
    }
    let version = match &new.addon_version {
        Some(version) => check_version(offer, &cluster, ctx, version)?.to_owned(),
        None => offer
            .default_version(cluster.running_version(ctx))
            .expect("every offer has a version for every version of Kubernetes")
            .to_owned(),
    };
    let role = new.service_account_role_arn.as_deref();
    check_settings(
        ctx,
        role,
        new.resolve_conflicts.as_deref(),
        new.configuration_values.as_deref(),
    )?;
    let addon = Addon {
        id: id.clone(),
        cluster: cluster.name.clone(),
        name: name.to_owned(),
        version,
        uuid: ctx.new_uuid(),
        service_account_role: new.service_account_role_arn.filter(|role| !role.is_empty()),
        configuration: new.configuration_values,
        namespace: new
            .namespace_config
            .map_or_else(|| offer.namespace.to_owned(), |config| config.namespace),
        created: ctx.now,
        modified: ctx.now,
        active_at: ctx.due(Work::AddonCreate),
        failed: ctx.pace.fails,
        busy_until: ctx.now,
        gone_at: None,
    };
    associate(ctx, &addon, new.pod_identity_associations)?;
    let view = addon.view(ctx, &tags);
    ctx.put_tagged(addon, tags);
    remember(ctx, request, "CreateAddon", &id);
    Ok(json!({"addon": view}))
}

fn find(ctx: &Ctx<'_>, request: &RestRequest) -> AwsResult<Stored<Addon>> {
    let cluster = request.label("name");
    let name = request.label("addonName");
    cluster::find(ctx, cluster)?;
    ctx.get::<Addon>(&format!("{cluster}/{name}"))
        .ok_or_else(|| {
            not_found(format!("No addon: {name} found in cluster: {cluster}"))
                .member("clusterName", cluster)
                .member("addonName", name)
        })
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let cluster = cluster::find(ctx, request.label("name"))?;
    let mut addons = ctx.referrers::<Addon>(&cluster.name);
    addons.sort_by(|a, b| a.id.cmp(&b.id));
    let answer = paged(
        request,
        "addons",
        addons,
        |addon| addon.id.as_str(),
        |addon| addon.name.clone().into(),
    )?;
    Ok(Value::Object(answer))
}

fn describe(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let addon = find(ctx, request)?;
    Ok(json!({"addon": addon.view(ctx, addon.tags())}))
}

fn idle(ctx: &Ctx<'_>, addon: &Addon) -> AwsResult<()> {
    match addon.status(ctx) {
        "ACTIVE" => Ok(()),
        status => Err(in_use(format!(
            "Addon {} cannot be changed as it is currently in {status} state",
            addon.name
        ))
        .member("clusterName", addon.cluster.as_str())
        .member("addonName", addon.name.as_str())),
    }
}

fn change(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let operation = format!("UpdateAddon/{}", request.label("addonName"));
    if let Some(id) = replay(ctx, request, &operation)? {
        return update::again(ctx, &id);
    }
    let mut addon = find(ctx, request)?.edit();
    idle(ctx, &addon)?;
    let cluster = cluster::find_active(ctx, request.label("name"))?;
    let change: Change = read(request)?;
    let role = change.service_account_role_arn.as_deref();
    check_settings(
        ctx,
        role,
        change.resolve_conflicts.as_deref(),
        change.configuration_values.as_deref(),
    )?;
    let mut params = Vec::new();
    if let Some(version) = &change.addon_version {
        let offer = addon_catalogue::find(&addon.name).expect("add-ons come from the catalogue");
        addon.version = check_version(offer, &cluster, ctx, version)?.to_owned();
        params.push(("AddonVersion", version.clone()));
    }
    if let Some(role) = change.service_account_role_arn {
        params.push(("ServiceAccountRoleArn", role.clone()));
        addon.service_account_role = Some(role).filter(|role| !role.is_empty());
    }
    if let Some(conflicts) = change.resolve_conflicts {
        params.push(("ResolveConflicts", conflicts));
    }
    if let Some(configuration) = change.configuration_values {
        params.push(("ConfigurationValues", configuration.clone()));
        addon.configuration = Some(configuration).filter(|text| !text.is_empty());
    }
    if let Some(associations) = change.pod_identity_associations {
        let arn = addon.arn(ctx);
        pod_identity::remove_owned(ctx, &arn);
        params.push(("PodIdentityAssociations", associations.len().to_string()));
        associate(ctx, &addon, associations)?;
    }
    let done_at = ctx.due(Work::AddonUpdate);
    if ctx.pace.fails {
        addon = find(ctx, request)?.edit();
    }
    addon.busy_until = done_at;
    addon.modified = ctx.now;
    let part = Some(update::addon_part(&addon.name));
    ctx.put(addon);
    let new = NewUpdate {
        cluster: &cluster.name,
        part,
        kind: "AddonUpdate",
        params,
        done_at,
    };
    let update = update::begin(ctx, new);
    remember(ctx, request, &operation, update.id());
    Ok(update.answer(ctx))
}

fn delete(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let stored = find(ctx, request)?;
    if stored.gone_at.is_some() {
        return Ok(json!({"addon": stored.view(ctx, stored.tags())}));
    }
    let arn = stored.arn(ctx);
    pod_identity::remove_owned(ctx, &arn);
    let gone_at = ctx.due(Work::AddonDelete);
    let addon = Addon {
        gone_at: Some(gone_at),
        ..stored.edit()
    };
    let view = addon.view(ctx, stored.tags());
    if ctx.past(gone_at) {
        ctx.delete::<Addon>(&stored.id);
    } else {
        ctx.put(addon);
    }
    Ok(json!({"addon": view}))
}
