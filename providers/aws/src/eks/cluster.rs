//! `aws_eks_cluster`.

use super::cluster_auto::{self, ComputeConfig, StorageConfig, Switch};
use super::{cluster_call as call, each, tagging, there};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EKS;
use crate::late::About;
use crate::tags::Tags;
use crate::trust::Trust;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_eks::types::ClusterStatus;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, Path, PlanRequest, Planned, ProviderError, Record,
    Recovered, Resource, Schema, Type, Value, planning,
};
use std::collections::BTreeSet;

/// A Kubernetes control plane.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ClusterRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The role that the control plane takes.
    #[record(required, force_new)]
    pub(crate) role_arn: String,
    /// The Kubernetes version, as `1.34`; left out, the newest at creation.
    #[record(optional, computed)]
    pub(crate) version: Option<String>,
    /// Whether an upgrade goes on though checks say that it may break something.
    #[record(optional)]
    pub(crate) force_update_version: Option<bool>,
    /// Where it stands and who reaches it.
    #[record(block, min = 1, max = 1)]
    pub(crate) vpc_config: Vec<VpcConfig>,
    /// Who may use it.
    #[record(block, computed, max = 1)]
    pub(crate) access_config: Vec<AccessConfig>,
    /// What is encrypted with a key of one's own.
    #[record(block, max = 1)]
    pub(crate) encryption_config: Vec<EncryptionConfig>,
    /// Whether EKS makes machines, which is one part of Auto Mode.
    #[record(block, max = 1)]
    pub(crate) compute_config: Vec<ComputeConfig>,
    /// Whether EKS makes disks, which is another part.
    #[record(block, max = 1)]
    pub(crate) storage_config: Vec<StorageConfig>,
    /// The addresses of services.
    #[record(block, computed, max = 1)]
    pub(crate) kubernetes_network_config: Vec<NetworkConfig>,
    /// What happens when the version's standard support ends.
    #[record(block, computed, max = 1)]
    pub(crate) upgrade_policy: Vec<UpgradePolicy>,
    /// Whether traffic may be moved away from a zone.
    #[record(block, max = 1)]
    pub(crate) zonal_shift_config: Vec<ZonalShift>,
    /// Logs that go to CloudWatch: `api`, `audit`, `authenticator`, `controllerManager`, `scheduler`.
    #[record(optional)]
    pub(crate) enabled_cluster_log_types: BTreeSet<String>,
    /// Whether networking, DNS and proxy are put in without being asked for as add-ons.
    #[record(optional, force_new, default = true)]
    pub(crate) bootstrap_self_managed_addons: Option<bool>,
    /// Whether it refuses to be deleted.
    #[record(optional, computed, protects)]
    pub(crate) deletion_protection: Option<bool>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// The name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The id of a local cluster on an Outpost.
    #[record(computed)]
    pub(crate) cluster_id: Option<String>,
    /// The URL of the API.
    #[record(computed)]
    pub(crate) endpoint: Option<String>,
    /// What the API's certificate is checked against.
    #[record(block, computed)]
    pub(crate) certificate_authority: Vec<CertificateAuthority>,
    /// What vouches for the cluster's service accounts.
    #[record(block, computed)]
    pub(crate) identity: Vec<Identity>,
    /// When it was made.
    #[record(computed)]
    pub(crate) created_at: Option<String>,
    /// EKS' own version.
    #[record(computed, compare = version)]
    pub(crate) platform_version: Option<String>,
    /// `ACTIVE`, …
    #[record(computed)]
    pub(crate) status: Option<String>,
}

/// Where a control plane stands and who reaches it.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct VpcConfig {
    /// Subnets of at least two zones.
    #[record(required)]
    pub(crate) subnet_ids: BTreeSet<String>,
    /// Further security groups of the control plane.
    #[record(optional)]
    pub(crate) security_group_ids: BTreeSet<String>,
    /// Whether the API is reached from inside.
    #[record(optional, default = false)]
    pub(crate) endpoint_private_access: bool,
    /// Whether the API is reached from outside.
    #[record(optional, default = true)]
    pub(crate) endpoint_public_access: bool,
    /// From where outside.
    #[record(optional, computed)]
    pub(crate) public_access_cidrs: Option<BTreeSet<String>>,
    /// The security group that EKS made for control plane and nodes.
    #[record(computed)]
    pub(crate) cluster_security_group_id: Option<String>,
    /// The VPC of the subnets.
    #[record(computed)]
    pub(crate) vpc_id: Option<String>,
}

/// Who may use a cluster.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct AccessConfig {
    /// `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`.
    #[record(optional, computed)]
    pub(crate) authentication_mode: Option<String>,
    /// Whether who makes the cluster administers it.
    #[record(optional, computed, force_new)]
    pub(crate) bootstrap_cluster_creator_admin_permissions: Option<bool>,
}

/// What is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct EncryptionConfig {
    /// `secrets`
    #[record(required)]
    pub(crate) resources: BTreeSet<String>,
    /// With what.
    #[record(block, min = 1, max = 1)]
    pub(crate) provider: Vec<KeyProvider>,
}

/// The key of an encryption.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct KeyProvider {
    /// The key.
    #[record(required)]
    pub(crate) key_arn: String,
}

/// The addresses of services.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NetworkConfig {
    /// `ipv4` or `ipv6`.
    #[record(optional, computed, force_new)]
    pub(crate) ip_family: Option<String>,
    /// The range of services' addresses.
    #[record(optional, computed, force_new)]
    pub(crate) service_ipv4_cidr: Option<String>,
    /// The range of services' IPv6 addresses.
    #[record(computed)]
    pub(crate) service_ipv6_cidr: Option<String>,
    /// Whether EKS makes load balancers, which is the last part of Auto Mode.
    #[record(block, computed, max = 1)]
    pub(crate) elastic_load_balancing: Vec<Switch>,
}

/// What happens when a version's standard support ends.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct UpgradePolicy {
    /// `STANDARD` or `EXTENDED`.
    #[record(optional, computed)]
    pub(crate) support_type: Option<String>,
}

/// Whether traffic may be moved away from a zone.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct ZonalShift {
    /// Whether it may.
    #[record(optional)]
    pub(crate) enabled: Option<bool>,
}

/// A certificate authority.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CertificateAuthority {
    /// The certificate, in Base64.
    #[record(computed)]
    pub(crate) data: Option<String>,
}

/// What vouches for service accounts.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Identity {
    /// OpenID Connect.
    #[record(block, computed)]
    pub(crate) oidc: Vec<Oidc>,
}

/// An issuer of tokens.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Oidc {
    /// Its URL.
    #[record(computed)]
    pub(crate) issuer: Option<String>,
}

pub(crate) struct Cluster;

#[async_trait]
impl Resource<Client> for Cluster {
    type Record = ClusterRecord;
    const TYPE: &'static str = "aws_eks_cluster";

    fn traits() -> Traits {
        Traits::default()
            .seconds(540, 300, 240)
            .family(EKS.name)
            .unique(&["name"])
            .hosting("kubernetes")
            .versioned("version")
            .referring(&["vpc_config.subnet_ids"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        forget_unread(request, planned);
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            return Ok(());
        };
        cluster_auto::plan(prior, planned);
        // A key can be added, but neither changed nor taken away.
        let name = "encryption_config";
        let had = prior
            .get(name)
            .and_then(Value::elements)
            .unwrap_or_default();
        if !had.is_empty() && prior.get(name) != planned.value.get(name) {
            planned.replace.push(Path::attribute(name));
            return Ok(());
        }
        infra_cloud::minors::one_at_a_time(prior, "version", &planned.value, "version")?;
        if planned.value.get("version") != prior.get("version") {
            planning::mark_unknown(planned, &ClusterRecord::block(), &["platform_version"]);
        }
        let public = |value: &Value| inside(value, VPC, "endpoint_public_access");
        let said = inside(request.config, VPC, CIDRS);
        if public(prior) != public(&planned.value) && said.is_none_or(|v| v.is_null()) {
            // From where it is reached follows from its being reached at all.
            let unknown = Value::Unknown(Type::set(Type::String));
            planned.value = with_inside(&planned.value, VPC, CIDRS, unknown);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = cluster_auto::validate(config);
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let right = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.len() <= 100
                && name.chars().all(legal)
        };
        let name = config.get("name").and_then(Value::as_str);
        if let Some(name) = name.filter(|name| !right(name)) {
            let message = format!(
                "`{name}` must be up to 100 letters, digits, hyphens and underscores, a letter or digit first"
            );
            errors.push(ProviderError::invalid("name", message));
        }
        errors
    }

    fn id(record: &ClusterRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ClusterRecord>],
    ) -> Vec<Result<Option<ClusterRecord>, ProviderError>> {
        each(items, |item| async move {
            let found = there(call::one(client, context, &item.id).await)?;
            Ok(found.map(|found| call::record(client, found, item.prior.as_ref())))
        })
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ClusterRecord,
    ) -> Result<ClusterRecord, ProviderError> {
        let request = call::create(client, operation, &desired);
        let id = super::begin(
            client,
            context,
            operation,
            "CreateCluster",
            About::Assumed(Trust {
                role: &desired.role_arn,
                service: "eks.amazonaws.com",
                attribute: "role_arn",
            }),
            || find(client, context, operation, &desired.name),
            || request.clone().send(),
            |made| made.cluster.and_then(|c| c.name),
        )
        .await?;
        call::active(client, context, operation, &id).await?;
        wait::settled::<Cluster>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ClusterRecord,
        desired: ClusterRecord,
    ) -> Result<ClusterRecord, ProviderError> {
        let id = Cluster::id(&prior);
        call::update(client, context, operation, &prior, &desired).await?;
        let (before, own) = (&prior.tags_all, &desired.tags);
        let arn = prior.arn.as_deref();
        tagging::update(client, context, operation, arn, before, own).await?;
        wait::settled::<Cluster>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ClusterRecord,
    ) -> Result<(), ProviderError> {
        let id = Cluster::id(&prior);
        let Some(found) = there(call::one(client, context, &id).await)? else {
            return Ok(());
        };
        if found.status != Some(ClusterStatus::Deleting) {
            // Node groups that are going hold it.
            let busy = |e: &ProviderError| e.kind == ErrorKind::Conflict;
            let sent = wait::while_refused(context, operation, wait::MINUTES, busy, || {
                client.call(context, EKS, "DeleteCluster", || {
                    client.eks().delete_cluster().name(&id).send()
                })
            });
            absent_is_done(sent.await)?;
        }
        wait::until(context, operation, wait::LONG, || {
            let id = &id;
            async move {
                Ok(match there(call::one(client, context, id).await)? {
                    None => Progress::Done(()),
                    Some(found) => Progress::Pending(call::status(&found)),
                })
            }
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ClusterRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &desired.name).await
    }
}

const VPC: &str = "vpc_config";
const CIDRS: &str = "public_access_cidrs";
const ADDONS: &str = "bootstrap_self_managed_addons";
const ACCESS: &str = "access_config";
const ADMIN: &str = "bootstrap_cluster_creator_admin_permissions";

/// An attribute of the first of a cluster's blocks of a name.
fn inside(cluster: &Value, block: &str, attribute: &str) -> Option<Value> {
    let first = cluster.get(block)?.elements()?.first()?;
    first.get(attribute).cloned()
}

fn with_inside(cluster: &Value, block: &str, attribute: &str, value: Value) -> Value {
    let found = cluster.get(block).and_then(Value::elements);
    let Some(first) = found.and_then(<[_]>::first) else {
        return cluster.clone();
    };
    let first = first.clone().with_attribute(attribute, value);
    let list = Value::list(first.ty(), vec![first]);
    cluster.clone().with_attribute(block, list)
}

/// EKS does not tell how a cluster was made. What was never read, as after an import, is taken to be as it is said: it is no
/// reason to replace a cluster.
fn forget_unread(request: &PlanRequest<'_>, planned: &mut Planned) {
    let Some(prior) = request.prior.filter(|_| !planned.replace.is_empty()) else {
        return;
    };
    let mut taken = prior.clone();
    if prior.get(ADDONS).is_some_and(Value::is_null)
        && let Some(wanted) = planned.value.get(ADDONS)
    {
        taken = taken.with_attribute(ADDONS, wanted.clone());
    }
    if inside(prior, ACCESS, ADMIN).is_some_and(|v| v.is_null())
        && let Some(wanted) = inside(&planned.value, ACCESS, ADMIN)
    {
        taken = with_inside(&taken, ACCESS, ADMIN, wanted);
    }
    if taken != *prior {
        let schema = Schema::new(
            Cluster::TYPE,
            Cluster::VERSION,
            ClusterRecord::doc(),
            ClusterRecord::block(),
            Cluster::traits(),
        );
        let request = PlanRequest {
            prior: Some(&taken),
            ..*request
        };
        *planned = planning::by_schema(&schema, &request);
    }
}

async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    Ok(match there(call::one(client, context, name).await)? {
        None => Recovered::Absent,
        Some(found) => tagging::whose(operation, name.to_owned(), &found.tags),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster as it is read, and what a stack file says of it.
    fn cluster(addons: Option<bool>, admin: Option<bool>, public: bool) -> ClusterRecord {
        ClusterRecord {
            name: "shop".to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/shop".to_owned(),
            vpc_config: vec![VpcConfig {
                endpoint_public_access: public,
                public_access_cidrs: Some(BTreeSet::new()),
                ..VpcConfig::default()
            }],
            access_config: vec![AccessConfig {
                authentication_mode: Some("API".to_owned()),
                bootstrap_cluster_creator_admin_permissions: admin,
            }],
            bootstrap_self_managed_addons: addons,
            id: Some("shop".to_owned()),
            arn: Some("arn:aws:eks:eu-west-1:123456789012:cluster/shop".to_owned()),
            ..ClusterRecord::default()
        }
    }

    fn plan(prior: &ClusterRecord, addons: bool, public: bool) -> Planned {
        let vpc = Value::object([
            ("subnet_ids", Value::set(Type::String, Vec::new())),
            ("endpoint_public_access", Value::from(public)),
        ]);
        let access = Value::object([
            ("authentication_mode", Value::from("API")),
            (ADMIN, Value::from(true)),
        ]);
        let said = Value::object([
            ("name", Value::from(prior.name.as_str())),
            ("role_arn", Value::from(prior.role_arn.as_str())),
            (VPC, vpc),
            (ACCESS, access),
            (ADDONS, Value::from(addons)),
        ]);
        let config = ClusterRecord::block().coerce(&said).expect("is accepted");
        let schema = Schema::new("", 0, "", ClusterRecord::block(), Cluster::traits());
        let prior = prior.to_value();
        let request = PlanRequest {
            type_name: Cluster::TYPE,
            prior: Some(&prior),
            config: &config,
            private: None,
            provider: None,
        };
        let mut planned = planning::by_schema(&schema, &request);
        Cluster::plan(&request, &mut planned).expect("plans");
        planned
    }

    #[test]
    fn what_was_never_read_replaces_no_cluster() {
        for (addons, admin, replaced) in [
            (None, None, false),
            (None, Some(true), false),
            (Some(false), None, false),
            (Some(false), Some(true), false),
            (Some(true), Some(true), true),
            (None, Some(false), true),
        ] {
            let planned = plan(&cluster(addons, admin, false), false, false);
            assert_eq!(
                !planned.replace.is_empty(),
                replaced,
                "{addons:?} {admin:?}"
            );
            let arn = planned.value.get("arn").expect("is an attribute");
            assert_eq!(arn.is_unknown(), replaced, "{addons:?} {admin:?}");
            assert_eq!(planned.value.get(ADDONS), Some(&Value::from(false)));
        }
    }

    #[test]
    fn ranges_are_unknown_only_while_public_access_changes() {
        for (before, after, unknown) in [
            (false, true, true),
            (true, false, true),
            (true, true, false),
        ] {
            let planned = plan(&cluster(Some(false), Some(true), before), false, after);
            assert!(planned.replace.is_empty());
            let ranges = inside(&planned.value, VPC, CIDRS).expect("is an attribute");
            assert_eq!(ranges.is_unknown(), unknown, "{before} {after}");
        }
    }
}
