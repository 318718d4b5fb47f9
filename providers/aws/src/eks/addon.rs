//! `aws_eks_addon`.

use super::{Change, each, failed, now, parts, reasons, tagging, there, time};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EKS;
use crate::late::About;
use crate::tags::Tags;
use crate::trust::Trust;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_eks::types::{
    Addon as Found, AddonInfo, AddonPodIdentityAssociations, AddonStatus, AddonVersionInfo,
    ResolveConflicts,
};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::versions::minor_of;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};

/// Something that runs in a cluster and that EKS installs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AddonRecord {
    /// The cluster.
    #[record(required, force_new)]
    pub(crate) cluster_name: String,
    /// `vpc-cni`, `coredns`, …
    #[record(required, force_new)]
    pub(crate) addon_name: String,
    /// The version; left out, the one that EKS recommends at creation.
    #[record(optional, computed)]
    pub(crate) addon_version: Option<String>,
    /// The cluster's version of Kubernetes: with another one the add-on goes to the version that EKS recommends for it, unless
    /// `addon_version` says one, or it has a newer one that fits.
    #[record(optional)]
    pub(crate) cluster_version: Option<String>,
    /// Settings, in JSON.
    #[record(optional, computed, compare = json)]
    pub(crate) configuration_values: Option<String>,
    /// The roles of its service accounts.
    #[record(block, set)]
    pub(crate) pod_identity_association: Vec<Association>,
    /// Whether it goes on running in the cluster when it is deleted here.
    #[record(optional)]
    pub(crate) preserve: Option<bool>,
    /// `NONE` or `OVERWRITE`: what becomes of settings made by hand before.
    #[record(optional)]
    pub(crate) resolve_conflicts_on_create: Option<String>,
    /// `NONE`, `OVERWRITE` or `PRESERVE`: what becomes of settings made by hand since.
    #[record(optional)]
    pub(crate) resolve_conflicts_on_update: Option<String>,
    /// The role of its service account, through the cluster's identity provider.
    #[record(optional)]
    pub(crate) service_account_role_arn: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `cluster:name`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) created_at: Option<String>,
    /// When it was last changed.
    #[record(computed)]
    pub(crate) modified_at: Option<String>,
}

/// A service account's role.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Record)]
pub(crate) struct Association {
    /// The service account.
    #[record(required)]
    pub(crate) service_account: String,
    /// The role.
    #[record(required)]
    pub(crate) role_arn: String,
}

pub(crate) struct Addon;

#[async_trait]
impl Resource<Client> for Addon {
    type Record = AddonRecord;
    const TYPE: &'static str = "aws_eks_addon";

    fn traits() -> Traits {
        Traits::default()
            .seconds(45, 45, 20)
            .family(EKS.name)
            .unique(&["cluster_name", "addon_name"])
            .extending("kubernetes")
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            return Ok(());
        };
        let said = request.config.get("addon_version");
        let of = |value: &Value| value.get("cluster_version").cloned();
        let was = of(prior).filter(|version| !version.is_null());
        // One that did not say it before does not begin with an upgrade.
        if said.is_none_or(Value::is_null) && was.is_some() && was != of(&planned.value) {
            planning::mark_unknown(planned, &AddonRecord::block(), &["addon_version"]);
        }
        if *prior != planned.value {
            planning::mark_unknown(planned, &AddonRecord::block(), &["modified_at"]);
        }
        Ok(())
    }

    fn id(record: &AddonRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<AddonRecord>, ProviderError> {
        super::import(id)
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<AddonRecord>],
    ) -> Vec<Result<Option<AddonRecord>, ProviderError>> {
        each(items, |item| async move {
            match one(client, context, &item.id).await? {
                None => Ok(None),
                Some(found) => {
                    let prior = item.prior.as_ref();
                    Ok(Some(record(client, context, found, prior).await?))
                }
            }
        })
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AddonRecord,
    ) -> Result<AddonRecord, ProviderError> {
        let conflicts = desired.resolve_conflicts_on_create.as_deref();
        let associations = associations(&desired)?;
        let request = client
            .eks()
            .create_addon()
            .client_request_token(operation.token.as_str())
            .cluster_name(&desired.cluster_name)
            .addon_name(&desired.addon_name)
            .set_addon_version(desired.addon_version.clone())
            .set_configuration_values(desired.configuration_values.clone())
            .set_pod_identity_associations((!associations.is_empty()).then_some(associations))
            .set_resolve_conflicts(conflicts.map(ResolveConflicts::from))
            .set_service_account_role_arn(desired.service_account_role_arn.clone())
            .set_tags(tagging::for_create(client, operation, &desired.tags));
        let key = key(&desired);
        let id = super::begin(
            client,
            context,
            operation,
            "CreateAddon",
            About::Named(&arns(&desired), &trusts(&desired)),
            || find(client, context, operation, &key),
            || request.clone().send(),
            |_| Some(key.clone()),
        )
        .await?;
        active(client, context, operation, &id).await?;
        wait::settled::<Addon>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: AddonRecord,
        mut desired: AddonRecord,
    ) -> Result<AddonRecord, ProviderError> {
        let id = Addon::id(&prior);
        if desired.addon_version.is_none() {
            desired.addon_version = following(client, context, &prior, &desired).await?;
        }
        if differs(&prior, &desired) {
            let roles = roles(&prior) != roles(&desired);
            let conflicts = desired.resolve_conflicts_on_update.as_deref();
            let associations = associations(&desired)?;
            let request = client
                .eks()
                .update_addon()
                .client_request_token(operation.token.as_str())
                .cluster_name(&desired.cluster_name)
                .addon_name(&desired.addon_name)
                .set_addon_version(desired.addon_version.clone())
                .set_configuration_values(desired.configuration_values.clone())
                // An empty list takes them away, none leaves them.
                .set_pod_identity_associations(roles.then_some(associations))
                .set_resolve_conflicts(conflicts.map(ResolveConflicts::from))
                .set_service_account_role_arn(desired.service_account_role_arn.clone());
            let (arns, trusts) = (arns(&desired), trusts(&desired));
            let what = Change {
                about: About::Named(&arns, &trusts),
                call: "UpdateAddon",
                cluster: &desired.cluster_name,
                node_group: None,
                addon: Some(&desired.addon_name),
            };
            let send = || request.clone().send();
            let made = || async {
                let now = now::<Addon>(client, context, &prior).await?;
                Ok(!differs(&now, &desired))
            };
            super::change(client, context, operation, what, send, |a| a.update, made).await?;
        }
        let (before, own) = (&prior.tags_all, &desired.tags);
        let arn = prior.arn.as_deref();
        tagging::update(client, context, operation, arn, before, own).await?;
        wait::settled::<Addon>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: AddonRecord,
    ) -> Result<(), ProviderError> {
        let id = Addon::id(&prior);
        let (cluster, name) = parts(&id)?;
        let Some(found) = one(client, context, &id).await? else {
            return Ok(());
        };
        if found.status != Some(AddonStatus::Deleting) {
            let busy = |e: &ProviderError| e.kind == ErrorKind::Conflict;
            let sent = wait::while_refused(context, operation, wait::MINUTES, busy, || {
                client.call(context, EKS, "DeleteAddon", || {
                    client
                        .eks()
                        .delete_addon()
                        .cluster_name(cluster)
                        .addon_name(name)
                        .preserve(prior.preserve == Some(true))
                        .send()
                })
            });
            absent_is_done(sent.await)?;
        }
        wait::until(context, operation, wait::MINUTES, || {
            let id = &id;
            async move {
                Ok(match one(client, context, id).await? {
                    None => Progress::Done(()),
                    Some(found) => Progress::Pending(status(&found)),
                })
            }
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AddonRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &key(&desired)).await
    }
}

/// What its associations need of their roles. The one that the add-on itself has trusts the cluster's identity provider, and no service.
fn trusts(record: &AddonRecord) -> Vec<Trust<'_>> {
    let associations = record.pod_identity_association.iter();
    associations
        .map(|association| Trust {
            role: &association.role_arn,
            service: "pods.eks.amazonaws.com",
            attribute: "pod_identity_association",
        })
        .collect()
}

/// The roles that it names.
fn arns(record: &AddonRecord) -> String {
    let own = record.service_account_role_arn.as_deref();
    let pods = record.pod_identity_association.iter().map(|a| &*a.role_arn);
    own.into_iter().chain(pods).collect::<Vec<_>>().join(" ")
}

/// Its associations, in an order of their own.
fn roles(record: &AddonRecord) -> Vec<Association> {
    let mut all = record.pod_identity_association.clone();
    all.sort();
    all
}

/// Whether the add-on itself has to change.
fn differs(prior: &AddonRecord, desired: &AddonRecord) -> bool {
    roles(prior) != roles(desired)
        || prior.addon_version != desired.addon_version
        || prior.configuration_values != desired.configuration_values
        || prior.service_account_role_arn != desired.service_account_role_arn
}

/// The version that it has when the cluster has become of another one: what EKS recommends for that, or what is there where that
/// fits and is newer.
async fn following(
    client: &Client,
    context: &CallContext,
    prior: &AddonRecord,
    desired: &AddonRecord,
) -> Result<Option<String>, ProviderError> {
    let there = prior.addon_version.clone();
    let Some((major, minor)) = desired.cluster_version.as_deref().and_then(minor_of) else {
        return Ok(there);
    };
    let kubernetes = format!("{major}.{minor}");
    let answer = client.call(context, EKS, "DescribeAddonVersions", || {
        client
            .eks()
            .describe_addon_versions()
            .addon_name(&desired.addon_name)
            .kubernetes_version(&kubernetes)
            .send()
    });
    let answer = answer.await?;
    let offers = answer.addons().iter().flat_map(AddonInfo::addon_versions);
    Ok(chosen(there.as_deref(), &kubernetes, offers).or(there))
}

/// Of the versions that EKS offers for a version of Kubernetes, the one to have; none where it offers none.
fn chosen<'o>(
    there: Option<&str>,
    kubernetes: &str,
    offers: impl Iterator<Item = &'o AddonVersionInfo>,
) -> Option<String> {
    let mut fits = false;
    let mut recommended = None;
    for offer in offers {
        let mut all = offer.compatibilities().iter();
        let Some(here) = all.find(|c| c.cluster_version() == Some(kubernetes)) else {
            continue;
        };
        fits |= offer.addon_version() == there;
        if here.default_version() {
            recommended = offer.addon_version();
        }
    }
    let newer = |there: &&str| fits && recommended.is_none_or(|r| numbers(there) > numbers(r));
    there.filter(newer).or(recommended).map(str::to_owned)
}

/// The numbers of a version such as `v1.20.4-eksbuild.2`.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

fn key(record: &AddonRecord) -> String {
    format!("{}:{}", record.cluster_name, record.addon_name)
}

fn status(found: &Found) -> String {
    let status = found.status.as_ref();
    status.map_or("unknown", AddonStatus::as_str).to_owned()
}

fn associations(record: &AddonRecord) -> Result<Vec<AddonPodIdentityAssociations>, ProviderError> {
    let all = record.pod_identity_association.iter();
    all.map(|a| {
        AddonPodIdentityAssociations::builder()
            .service_account(&a.service_account)
            .role_arn(&a.role_arn)
            .build()
            .map_err(|e| ProviderError::invalid("pod_identity_association", e.to_string()))
    })
    .collect()
}

async fn one(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Found>, ProviderError> {
    let (cluster, name) = parts(id)?;
    let answer = client.call(context, EKS, "DescribeAddon", || {
        client
            .eks()
            .describe_addon()
            .cluster_name(cluster)
            .addon_name(name)
            .send()
    });
    Ok(there(answer.await)?.and_then(|a| a.addon))
}

async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Recovered, ProviderError> {
    Ok(match one(client, context, id).await? {
        None => Recovered::Absent,
        Some(found) => tagging::whose(operation, id.to_owned(), &found.tags),
    })
}

/// Its associations are known by their ARNs only, `…/cluster/id`; each is asked for.
async fn record(
    client: &Client,
    context: &CallContext,
    found: Found,
    prior: Option<&AddonRecord>,
) -> Result<AddonRecord, ProviderError> {
    let cluster = found.cluster_name.clone().unwrap_or_default();
    let mut roles = Vec::new();
    for arn in found.pod_identity_associations() {
        let id = arn.rsplit('/').next().unwrap_or(arn);
        let association =
            super::pod_identity_association::one(client, context, &cluster, id).await?;
        if let Some(association) = association {
            roles.push(Association {
                service_account: association.service_account.unwrap_or_default(),
                role_arn: association.role_arn.unwrap_or_default(),
            });
        }
    }
    let (tags, tags_all) = tagging::split(client, found.tags, prior.map(|p| &p.tags));
    let name = found.addon_name.unwrap_or_default();
    Ok(AddonRecord {
        id: Some(format!("{cluster}:{name}")),
        cluster_name: cluster,
        addon_name: name,
        addon_version: found.addon_version,
        cluster_version: prior.and_then(|p| p.cluster_version.clone()),
        configuration_values: found.configuration_values,
        pod_identity_association: roles,
        preserve: prior.and_then(|p| p.preserve),
        resolve_conflicts_on_create: prior.and_then(|p| p.resolve_conflicts_on_create.clone()),
        resolve_conflicts_on_update: prior.and_then(|p| p.resolve_conflicts_on_update.clone()),
        service_account_role_arn: found.service_account_role_arn,
        tags,
        tags_all,
        arn: found.addon_arn,
        created_at: time(found.created_at.as_ref()),
        modified_at: time(found.modified_at.as_ref()),
    })
}

async fn active(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    wait::until(context, operation, wait::MINUTES, || async move {
        let Some(found) = one(client, context, id).await? else {
            return Ok(Progress::Pending("appearing".to_owned()));
        };
        match found.status {
            Some(AddonStatus::Active) => Ok(Progress::Done(())),
            Some(AddonStatus::CreateFailed | AddonStatus::UpdateFailed) => {
                let issues = found
                    .health()
                    .map(aws_sdk_eks::types::AddonHealth::issues)
                    .unwrap_or_default();
                let why = reasons(issues.iter().map(|i| {
                    (
                        i.code().map(aws_sdk_eks::types::AddonIssueCode::as_str),
                        i.message(),
                    )
                }));
                Err(failed(format!("the add-on `{id}` failed: {why}")))
            }
            // Degraded is what an add-on is until there are nodes for it.
            _ => Ok(Progress::Pending(status(&found))),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_eks::types::Compatibility;

    fn offer(version: &str, fits: &[(&str, bool)]) -> AddonVersionInfo {
        let all = fits.iter().map(|(kubernetes, default)| {
            Compatibility::builder()
                .cluster_version(*kubernetes)
                .default_version(*default)
                .build()
        });
        AddonVersionInfo::builder()
            .addon_version(version)
            .set_compatibilities(Some(all.collect()))
            .build()
    }

    #[test]
    fn an_add_on_follows_its_cluster() {
        let offers = [
            offer("v1.34.1-eksbuild.10", &[("1.34", false)]),
            offer("v1.34.1-eksbuild.2", &[("1.34", true)]),
            offer("v1.33.5-eksbuild.2", &[("1.33", true)]),
        ];
        let version = |there: &str| chosen(Some(there), "1.34", offers.iter());
        let recommended = Some("v1.34.1-eksbuild.2".to_owned());
        assert_eq!(version("v1.33.5-eksbuild.2"), recommended);
        assert_eq!(version("v1.34.1-eksbuild.2"), recommended);
        // Newer than what is recommended, and for this version of Kubernetes: it stays.
        let newer = "v1.34.1-eksbuild.10";
        assert_eq!(version(newer).as_deref(), Some(newer));
        assert_eq!(version("v1.35.0-eksbuild.1"), recommended);
        assert_eq!(chosen(Some("v1"), "1.36", offers.iter()), None);
    }
}
