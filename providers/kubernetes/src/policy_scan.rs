//! `kubernetes_policy_scan`: nothing of its own in the cluster, but a wait for what the policy engine there says of what runs.

use crate::client::Client;
use crate::object::Reference;
use crate::options::{self, Timeouts};
use crate::{apply, discovery, family, read};
use async_trait::async_trait;
use infra_cloud::wait::{Progress, until};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Duration;

mod found;

/// A scan of what runs in some namespaces, by policies of Kyverno (`ValidatingPolicy`) or constraints of Gatekeeper that are there and only
/// look. It is made when every pod was judged by each of them as they are now, and no rule is broken; else it fails with the list of
/// what breaks which. So what comes after it can enforce the same rules and stops nothing that runs. It is made again when the policies
/// become others.
#[derive(Clone, Debug, Record)]
pub(crate) struct ScanRecord {
    /// The names of the policies.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The policies that judge.
    #[record(block, min = 1)]
    pub(crate) policy: Vec<Policy>,
    /// The namespaces that are looked at.
    #[record(required)]
    pub(crate) namespaces: Vec<String>,
    /// The PolicyExceptions of Kyverno's that count, by name. What another one excepts is judged when that is gone.
    #[record(optional)]
    pub(crate) excepted: Vec<String>,
    /// Where exceptions are written, such as `hardening.main.policy.exceptions`, for whoever reads the list.
    #[record(optional)]
    pub(crate) exceptions: Option<String>,
    /// Whatever makes it be made again when it changes: a digest of the policies.
    #[record(optional)]
    pub(crate) changes: Option<String>,
    /// How long is waited for the policy engine.
    #[record(block, max = 1)]
    pub(crate) timeouts: Vec<Timeouts>,
}

/// A policy, and the name of the rule that it is for.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Policy {
    /// `policies.kyverno.io/v1` or `constraints.gatekeeper.sh/v1beta1`.
    #[record(required)]
    pub(crate) api_version: String,
    /// `ValidatingPolicy`, or a kind of constraints.
    #[record(required)]
    pub(crate) kind: String,
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The rule, as exceptions name it.
    #[record(required)]
    pub(crate) rule: String,
}

impl Policy {
    fn reference(&self) -> Reference {
        Reference::new(&self.api_version, &self.kind, None, &self.name)
    }
}

/// The groups whose objects it knows how to read.
const KYVERNO: &str = "policies.kyverno.io";
const GATEKEEPER: &str = "constraints.gatekeeper.sh";
/// Kyverno's reports, one for each object that it has judged.
const REPORT: (&str, &str) = ("wgpolicyk8s.io/v1alpha2", "PolicyReport");

/// The type.
pub(crate) struct Scan;

#[async_trait]
impl Resource<Client> for Scan {
    type Record = ScanRecord;
    const TYPE: &'static str = "kubernetes_policy_scan";

    fn traits() -> Traits {
        Traits {
            settle: Duration::ZERO,
            ..Traits::default()
        }
        .seconds(90, 90, 1)
        .family(family::READ)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let of = |value: &Value| value.get("policy").map(Value::unmark_deep);
        if request
            .prior
            .is_some_and(|prior| of(prior) != of(&planned.value))
        {
            infra_model::planning::mark_unknown(planned, &ScanRecord::block(), &["id"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = options::validate(config);
        let policies = config.get("policy").and_then(Value::elements);
        for policy in policies.into_iter().flatten() {
            let version = policy.get("api_version").and_then(Value::as_str);
            let group = version.map(|v| v.split('/').next().unwrap_or_default());
            if let Some(other) = group.filter(|g| ![KYVERNO, GATEKEEPER].contains(g)) {
                errors.push(ProviderError::invalid(
                    "policy",
                    format!("what `{other}` says is not known; write {KYVERNO}/v1 or {GATEKEEPER}/v1beta1"),
                ));
            }
        }
        errors
    }

    fn id(record: &ScanRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    /// What was found is found; nothing is looked at again before the policies are others.
    async fn read(
        _: &Client,
        _: &CallContext,
        items: &[Item<ScanRecord>],
    ) -> Vec<Result<Option<ScanRecord>, ProviderError>> {
        items.iter().map(|item| Ok(item.prior.clone())).collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ScanRecord,
    ) -> Result<ScanRecord, ProviderError> {
        let limit = options::settings(None, None, desired.timeouts.first())?.create;
        clean(client, context, operation, desired, limit).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: ScanRecord,
        desired: ScanRecord,
    ) -> Result<ScanRecord, ProviderError> {
        let limit = options::settings(None, None, desired.timeouts.first())?.update;
        clean(client, context, operation, desired, limit).await
    }

    async fn delete(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: ScanRecord,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// A scan that was interrupted has left nothing.
    async fn recover(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: ScanRecord,
    ) -> Result<Recovered, ProviderError> {
        Ok(Recovered::Absent)
    }

    fn import(id: &str) -> Result<Imported<ScanRecord>, ProviderError> {
        let _ = id;
        Err(ProviderError::new(
            ErrorKind::Invalid,
            "kubernetes_policy_scan cannot be imported: it is no object of the cluster's, and an apply makes it",
        ))
    }
}

/// Waits until all was judged, and refuses when something breaks a rule.
async fn clean(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: ScanRecord,
    limit: Duration,
) -> Result<ScanRecord, ProviderError> {
    let scanned = until(context, operation, apply::pace(limit), || {
        look(client, context, &desired)
    });
    let broken = scanned.await?;
    if !broken.is_empty() {
        let told = found::told(&broken, desired.exceptions.as_deref());
        return Err(ProviderError::new(ErrorKind::Invalid, told));
    }
    let names: Vec<&str> = desired.policy.iter().map(|p| p.name.as_str()).collect();
    Ok(ScanRecord {
        id: Some(names.join(",")),
        ..desired
    })
}

/// What breaks a rule, once everything was judged.
async fn look(
    client: &Client,
    context: &CallContext,
    wanted: &ScanRecord,
) -> Result<Progress<Vec<found::Broken>>, ProviderError> {
    let mut policies = Vec::new();
    for policy in &wanted.policy {
        match apply::find(client, context, &policy.reference()).await? {
            Some(live) => policies.push((policy, live)),
            None => return Ok(Progress::Pending(format!("no {} yet", policy.name))),
        }
    }
    let mut pods = Vec::new();
    let mut reports = BTreeMap::new();
    for namespace in &wanted.namespaces {
        pods.extend(all(client, context, ("v1", "Pod"), namespace).await?);
        if wanted
            .policy
            .iter()
            .any(|p| p.reference().group() == KYVERNO)
        {
            let told = all(client, context, REPORT, namespace).await?;
            reports.extend(told.into_iter().filter_map(|report| {
                let uid = report["scope"]["uid"].as_str()?.to_owned();
                Some((uid, report))
            }));
        }
    }
    let pods: Vec<&Json> = pods.iter().filter(|pod| !apply::is_leaving(pod)).collect();
    let mut broken = Vec::new();
    for (policy, live) in &policies {
        let looked = match policy.reference().group() {
            KYVERNO => found::by_kyverno(policy, live, &pods, &reports, &wanted.excepted),
            _ => found::by_gatekeeper(policy, live, &pods, &wanted.namespaces),
        };
        match looked {
            Ok(more) => broken.extend(more),
            Err(missing) => return Ok(Progress::Pending(missing)),
        }
    }
    broken.sort();
    broken.dedup();
    Ok(Progress::Done(broken))
}

/// The objects of a kind in a namespace; none of a kind that the cluster does not have yet.
async fn all(
    client: &Client,
    context: &CallContext,
    (api_version, kind): (&str, &str),
    namespace: &str,
) -> Result<Vec<Json>, ProviderError> {
    match discovery::place(client, context, api_version, kind).await? {
        Some(place) => read::list(client, context, &place, kind, Some(namespace), "").await,
        None => Ok(Vec::new()),
    }
}
