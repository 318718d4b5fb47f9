//! Record sets between attributes and Route 53's types, and changes of them.

use super::record::{Alias, Failover, Geolocation, Latency, RecordRecord, Weighted};
use super::{in_sync, plain};
use crate::client::Client;
use crate::family::ROUTE53;
use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, GeoLocation, ResourceRecord, ResourceRecordSet,
    ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};

pub(super) fn incomplete(error: &BuildError) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, error.to_string())
}

/// The record set of a record.
pub(super) fn to_sdk(
    name: &str,
    record: &RecordRecord,
) -> Result<ResourceRecordSet, ProviderError> {
    let values = record.records.iter().flatten().map(|value| {
        ResourceRecord::builder()
            .value(sent(&record.kind, value))
            .build()
            .map_err(|e| incomplete(&e))
    });
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let alias = record.alias.first().map(|alias| {
        AliasTarget::builder()
            .hosted_zone_id(&alias.zone_id)
            .dns_name(&alias.name)
            .evaluate_target_health(alias.evaluate_target_health)
            .build()
            .map_err(|e| incomplete(&e))
    });
    let geolocation = record.geolocation_routing_policy.first().map(|place| {
        GeoLocation::builder()
            .set_continent_code(place.continent.clone())
            .set_country_code(place.country.clone())
            .set_subdivision_code(place.subdivision.clone())
            .build()
    });
    ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::from(&*record.kind))
        .set_set_identifier(record.set_identifier.clone())
        .set_ttl(record.ttl)
        .set_resource_records((!values.is_empty()).then_some(values))
        .set_alias_target(alias.transpose()?)
        .set_health_check_id(record.health_check_id.clone())
        .set_weight(record.weighted_routing_policy.first().map(|p| p.weight))
        .set_failover(
            record
                .failover_routing_policy
                .first()
                .map(|p| ResourceRecordSetFailover::from(&*p.kind)),
        )
        .set_region(
            record
                .latency_routing_policy
                .first()
                .map(|p| ResourceRecordSetRegion::from(&*p.region)),
        )
        .set_geo_location(geolocation)
        .set_multi_value_answer(record.multivalue_answer_routing_policy)
        .build()
        .map_err(|e| incomplete(&e))
}

/// A value as Route 53 takes it: texts in quotation marks. A text that is too long for one is to be given as several,
/// `first" "second`, as Terraform's provider has it.
fn sent(kind: &str, value: &str) -> String {
    let text = matches!(kind, "TXT" | "SPF");
    if text && !value.starts_with('"') {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    }
}

/// A value as it is said in stack files.
fn said(kind: &str, value: &str) -> String {
    let text = matches!(kind, "TXT" | "SPF");
    let inside = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    inside.filter(|_| text).unwrap_or(value).to_owned()
}

/// The record of a record set.
pub(super) fn from_sdk(
    zone: &str,
    found: ResourceRecordSet,
    prior: Option<&RecordRecord>,
) -> RecordRecord {
    let kind = found.r#type.as_str().to_owned();
    let name = plain(&found.name);
    let values = found.resource_records.unwrap_or_default().into_iter();
    let values = values.map(|value| {
        // Names may be said with or without the root's dot, texts with or without quotation marks.
        let same = |given: &&String| sent(&kind, given) == value.value;
        let given = prior.and_then(|p| p.records.iter().flatten().find(same));
        given.cloned().unwrap_or_else(|| said(&kind, &value.value))
    });
    let values: std::collections::BTreeSet<String> = values.collect();
    let given = |name: &str| {
        let given = prior.and_then(|p| p.alias.first()).map(|alias| &alias.name);
        given
            .filter(|given| alias_name(given) == alias_name(name))
            .cloned()
    };
    let alias = found.alias_target.map(|target| Alias {
        name: given(&target.dns_name).unwrap_or_else(|| plain(&target.dns_name)),
        zone_id: target.hosted_zone_id,
        evaluate_target_health: target.evaluate_target_health,
    });
    let set = found.set_identifier;
    let known = prior.filter(|p| super::record::in_zone_of(&p.name, &name));
    RecordRecord {
        id: Some(super::record::id_of(zone, &name, &kind, set.as_deref())),
        zone_id: zone.to_owned(),
        name: known.map_or_else(|| name.clone(), |p| p.name.clone()),
        fqdn: Some(name),
        ttl: found.ttl,
        records: (!values.is_empty()).then_some(values),
        alias: alias.into_iter().collect(),
        set_identifier: set,
        health_check_id: found.health_check_id,
        weighted_routing_policy: found
            .weight
            .map(|weight| Weighted { weight })
            .into_iter()
            .collect(),
        failover_routing_policy: found
            .failover
            .map(|f| Failover {
                kind: f.as_str().to_owned(),
            })
            .into_iter()
            .collect(),
        latency_routing_policy: found
            .region
            .map(|r| Latency {
                region: r.as_str().to_owned(),
            })
            .into_iter()
            .collect(),
        geolocation_routing_policy: found
            .geo_location
            .map(|place| Geolocation {
                continent: place.continent_code,
                country: place.country_code,
                subdivision: place.subdivision_code,
            })
            .into_iter()
            .collect(),
        multivalue_answer_routing_policy: found.multi_value_answer.filter(|m| *m),
        allow_overwrite: prior.is_some_and(|p| p.allow_overwrite),
        kind,
    }
}

/// Aliases to load balancers come with or without `dualstack.`, which the console puts before them.
fn alias_name(name: &str) -> String {
    let name = plain(name);
    name.strip_prefix("dualstack.")
        .map(str::to_owned)
        .unwrap_or(name)
}

/// Whether a zone must have it: its own NS and SOA records.
pub(super) fn is_required(set: &ResourceRecordSet, apex: &str) -> bool {
    matches!(set.r#type, RrType::Ns | RrType::Soa) && plain(&set.name) == apex
}

/// One batch, without waiting for the name servers; the change's id.
pub(super) fn batch(
    changes: Vec<(ChangeAction, ResourceRecordSet)>,
) -> Result<ChangeBatch, ProviderError> {
    let changes = changes.into_iter().map(|(action, set)| {
        let change = Change::builder().action(action).resource_record_set(set);
        change.build().map_err(|e| incomplete(&e))
    });
    let changes = changes.collect::<Result<Vec<_>, _>>()?;
    let batch = ChangeBatch::builder().set_changes(Some(changes));
    batch.build().map_err(|e| incomplete(&e))
}

/// Changes record sets, and waits until the name servers have them.
pub(super) async fn change(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    zone: &str,
    changes: Vec<(ChangeAction, ResourceRecordSet)>,
) -> Result<(), ProviderError> {
    let request = client
        .route53()
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(batch(changes)?);
    let answer = client
        .call(context, ROUTE53, "ChangeResourceRecordSets", || {
            request.clone().send()
        })
        .await?;
    match answer.change_info {
        Some(info) => in_sync(client, context, operation, &info.id).await,
        None => Ok(()),
    }
}
