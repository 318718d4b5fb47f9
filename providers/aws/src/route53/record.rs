//! `aws_route53_record`.

use super::{bare, in_sync, plain, record_set, record_sets};
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::ROUTE53;
use crate::recover::{Lost, taken};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_route53::types::{ChangeAction, ResourceRecordSet};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use futures::future::{BoxFuture, join_all};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource, Value,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

/// A record set of a hosted zone.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RecordRecord {
    /// The zone.
    #[record(required, force_new)]
    pub(crate) zone_id: String,
    /// The name, with or without the zone's behind it.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// `A`, `AAAA`, `CAA`, `CNAME`, `DS`, `HTTPS`, `MX`, `NAPTR`, `NS`, `PTR`, `SOA`, `SPF`, `SRV`, `SSHFP`, `SVCB` or `TXT`.
    #[record(required, force_new, rename = "type")]
    pub(crate) kind: String,
    /// How many seconds resolvers keep it.
    #[record(optional)]
    pub(crate) ttl: Option<i64>,
    /// Its values; texts of `TXT` without quotation marks around them.
    #[record(optional)]
    pub(crate) records: Option<BTreeSet<String>>,
    /// What of AWS it points to, in place of values.
    #[record(block, max = 1)]
    pub(crate) alias: Vec<Alias>,
    /// Tells record sets of the same name and type apart, one of which is chosen by a routing policy.
    #[record(optional, force_new)]
    pub(crate) set_identifier: Option<String>,
    /// The health check by which it is chosen.
    #[record(optional)]
    pub(crate) health_check_id: Option<String>,
    /// Chosen as often as its weight says.
    #[record(block, max = 1)]
    pub(crate) weighted_routing_policy: Vec<Weighted>,
    /// Chosen while the primary one is well, or when it is not.
    #[record(block, max = 1)]
    pub(crate) failover_routing_policy: Vec<Failover>,
    /// Chosen where its region is the nearest.
    #[record(block, max = 1)]
    pub(crate) latency_routing_policy: Vec<Latency>,
    /// Chosen by where the asker is.
    #[record(block, max = 1)]
    pub(crate) geolocation_routing_policy: Vec<Geolocation>,
    /// Whether it is one of up to eight that are answered at random.
    #[record(optional)]
    pub(crate) multivalue_answer_routing_policy: Option<bool>,
    /// Whether what stands there already is overwritten when it is made.
    #[record(optional, default = false)]
    pub(crate) allow_overwrite: bool,
    /// `ZONE_NAME_TYPE`, and `_SET` behind it where there is an identifier.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its whole name.
    #[record(computed)]
    pub(crate) fqdn: Option<String>,
}

/// What of AWS a record points to.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Alias {
    /// Its name in DNS.
    #[record(required)]
    pub(crate) name: String,
    /// The zone of that name: of a load balancer its `zone_id`.
    #[record(required)]
    pub(crate) zone_id: String,
    /// Whether the record is well only while its target is.
    #[record(required)]
    pub(crate) evaluate_target_health: bool,
}

/// A share of the answers.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Weighted {
    /// 0 to 255.
    #[record(required)]
    pub(crate) weight: i64,
}

/// The part in a failover.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Failover {
    /// `PRIMARY` or `SECONDARY`.
    #[record(required, rename = "type")]
    pub(crate) kind: String,
}

/// A region that may be the nearest.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Latency {
    /// The region.
    #[record(required)]
    pub(crate) region: String,
}

/// Where askers are.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Geolocation {
    /// `AF`, `AN`, `AS`, `EU`, `OC`, `NA` or `SA`.
    #[record(optional)]
    pub(crate) continent: Option<String>,
    /// A country's two letters, or `*` for everybody else.
    #[record(optional)]
    pub(crate) country: Option<String>,
    /// A part of a country.
    #[record(optional)]
    pub(crate) subdivision: Option<String>,
}

pub(crate) struct Record53;

const TYPES: [&str; 16] = [
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV",
    "SSHFP", "SVCB", "TXT",
];

#[async_trait]
impl Resource<Client> for Record53 {
    type Record = RecordRecord;
    const TYPE: &'static str = "aws_route53_record";

    fn traits() -> Traits {
        Traits::default()
            .seconds(40, 40, 40)
            .family(ROUTE53.name)
            .unique(&["zone_id", "name", "type", "set_identifier"])
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        check(config)
    }

    fn id(record: &RecordRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<RecordRecord>, ProviderError> {
        match Place::of(id) {
            Some(_) => Ok(Imported {
                id: id.to_owned(),
                prior: None,
            }),
            None => Err(ProviderError::invalid(
                "id",
                format!(
                    "`{id}` is not `ZONE_NAME_TYPE` or `ZONE_NAME_TYPE_SET`, such as `Z4KAPRWWNC7JR_dev.example.com_NS`"
                ),
            )),
        }
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RecordRecord>],
    ) -> Vec<Result<Option<RecordRecord>, ProviderError>> {
        read(client, context, items).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RecordRecord,
    ) -> Result<RecordRecord, ProviderError> {
        let place = Place::for_record(client, context, &desired).await?;
        let wanted = record_set::to_sdk(&place.name, &desired)?;
        let action = match desired.allow_overwrite {
            true => ChangeAction::Upsert,
            false => ChangeAction::Create,
        };
        let batch = record_set::batch(vec![(action, wanted.clone())])?;
        let request = client
            .route53()
            .change_resource_record_sets()
            .hosted_zone_id(&place.zone)
            .change_batch(batch);
        // Records have no tags: one that says what was asked for, where nothing stood before, is what was made.
        let ours = || -> BoxFuture<'_, Result<Option<String>, ProviderError>> {
            Box::pin(async {
                match find(client, context, &place, &wanted).await? {
                    Recovered::Found(id) => Ok(Some(id)),
                    _ => Ok(None),
                }
            })
        };
        let (id, change) = (place.id(), Mutex::new(None::<String>));
        // The answer says which change it is, and not of what.
        let send = || async {
            let made = request.clone().send().await?;
            Ok::<_, SdkError<_, HttpResponse>>((id.clone(), made.change_info.map(|c| c.id)))
        };
        let sent = client.begin(
            context,
            operation,
            ROUTE53,
            "ChangeResourceRecordSets",
            Lost::LookUp(Duration::from_secs(2), &ours),
            send,
            |(id, made): &(String, Option<String>)| {
                change.lock().ok()?.clone_from(made);
                Some(&**id)
            },
        );
        sent.await.map_err(|error| standing(error, &id))?;
        let change = change.into_inner().ok().flatten();
        match change {
            Some(change) => in_sync(client, context, operation, &change).await?,
            // What an earlier run sent may still be on its way: the same once more tells when it has arrived.
            None => {
                let again = vec![(ChangeAction::Upsert, wanted)];
                record_set::change(client, context, operation, &place.zone, again).await?;
            }
        }
        wait::settled::<Record53>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RecordRecord,
        desired: RecordRecord,
    ) -> Result<RecordRecord, ProviderError> {
        let id = Record53::id(&prior);
        let place = known(&id)?;
        let wanted = record_set::to_sdk(&place.name, &desired)?;
        let changes = vec![(ChangeAction::Upsert, wanted)];
        record_set::change(client, context, operation, &place.zone, changes).await?;
        wait::settled::<Record53>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RecordRecord,
    ) -> Result<(), ProviderError> {
        let place = known(&Record53::id(&prior))?;
        // It is deleted by saying all that it is.
        let Some(found) = there(one(client, context, &place).await)?.flatten() else {
            return Ok(());
        };
        let changes = vec![(ChangeAction::Delete, found)];
        let gone = record_set::change(client, context, operation, &place.zone, changes).await;
        match gone {
            Err(error) if error.message.contains("not found") => Ok(()),
            gone => absent_is_done(gone),
        }
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: RecordRecord,
    ) -> Result<Recovered, ProviderError> {
        let place = match Place::for_record(client, context, &desired).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Recovered::Absent),
            place => place?,
        };
        let wanted = record_set::to_sdk(&place.name, &desired)?;
        find(client, context, &place, &wanted).await
    }
}

/// Where a record set stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    zone: String,
    /// Without the root's dot.
    name: String,
    kind: String,
    set: Option<String>,
}

impl Place {
    /// Of an id. Names are in lower case and types are not, so that underscores of either tell no lies.
    fn of(id: &str) -> Option<Place> {
        let (zone, rest) = id.split_once('_')?;
        let parts: Vec<&str> = rest.split('_').collect();
        let at = (1..parts.len()).find(|at| TYPES.contains(&parts[*at]))?;
        let set = parts[at + 1..].join("_");
        Some(Place {
            zone: bare(zone).to_owned(),
            name: plain(&parts[..at].join("_")),
            kind: parts[at].to_owned(),
            set: (!set.is_empty()).then_some(set),
        })
    }

    /// Of a record that is to be made: its zone's name is put behind its own.
    async fn for_record(
        client: &Client,
        context: &CallContext,
        record: &RecordRecord,
    ) -> Result<Place, ProviderError> {
        let request = client.route53().get_hosted_zone().id(&record.zone_id);
        let answer = client
            .call(context, ROUTE53, "GetHostedZone", || request.clone().send())
            .await?;
        let zone = answer.hosted_zone.map(|zone| zone.name).unwrap_or_default();
        Ok(Place {
            zone: bare(&record.zone_id).to_owned(),
            name: whole(&record.name, &zone),
            kind: record.kind.clone(),
            set: record.set_identifier.clone(),
        })
    }

    fn id(&self) -> String {
        id_of(&self.zone, &self.name, &self.kind, self.set.as_deref())
    }

    fn is_of(&self, set: &ResourceRecordSet) -> bool {
        plain(&set.name) == self.name
            && set.r#type.as_str() == self.kind
            && set.set_identifier == self.set
    }
}

/// The id of a record set.
pub(super) fn id_of(zone: &str, name: &str, kind: &str, set: Option<&str>) -> String {
    let id = format!("{zone}_{name}_{kind}");
    set.map_or_else(|| id.clone(), |set| format!("{id}_{set}"))
}

/// A name with its zone's behind it.
fn whole(name: &str, zone: &str) -> String {
    let (name, zone) = (plain(name), plain(zone));
    if name.is_empty() {
        zone
    } else if name == zone || name.ends_with(&format!(".{zone}")) {
        name
    } else {
        format!("{name}.{zone}")
    }
}

/// Whether a name that was said, with or without its zone's, means a whole name.
pub(super) fn in_zone_of(said: &str, name: &str) -> bool {
    let said = plain(said);
    said.is_empty() || name == said || name.starts_with(&format!("{said}."))
}

fn known(id: &str) -> Result<Place, ProviderError> {
    let wrong = || ProviderError::new(ErrorKind::Invalid, format!("`{id}` names no record"));
    Place::of(id).ok_or_else(wrong)
}

/// The record set of a place.
async fn one(
    client: &Client,
    context: &CallContext,
    place: &Place,
) -> Result<Option<ResourceRecordSet>, ProviderError> {
    let from = Some((&*place.name, &*place.kind, place.set.as_deref()));
    let found = record_sets(client, context, &place.zone, from).await?;
    Ok(found.into_iter().find(|set| place.is_of(set)))
}

/// Reads records: one by itself, several of a zone by listing it.
async fn read(
    client: &Client,
    context: &CallContext,
    items: &[Item<RecordRecord>],
) -> Vec<Result<Option<RecordRecord>, ProviderError>> {
    let places: Vec<Option<Place>> = items.iter().map(|item| Place::of(&item.id)).collect();
    let mut zones: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
    for place in places.iter().flatten() {
        zones.entry(&place.zone).or_default().push(place);
    }
    let listings = zones.iter().map(|(zone, places)| async move {
        let found = match places[..] {
            [place] => one(client, context, place)
                .await
                .map(|found| found.into_iter().collect()),
            _ => record_sets(client, context, zone, None).await,
        };
        // Without its zone a record is gone.
        let found: Result<Vec<ResourceRecordSet>, _> = there(found).map(Option::unwrap_or_default);
        (*zone, found)
    });
    let found: BTreeMap<&str, _> = join_all(listings).await.into_iter().collect();
    let answer = |(place, item): (&Option<Place>, &Item<RecordRecord>)| {
        let Some(place) = place else { return Ok(None) };
        match found.get(&*place.zone) {
            Some(Ok(sets)) => {
                let set = sets.iter().find(|set| place.is_of(set)).cloned();
                let prior = item.prior.as_ref();
                Ok(set.map(|set| record_set::from_sdk(&place.zone, set, prior)))
            }
            Some(Err(error)) => Err(error.clone()),
            None => Ok(None),
        }
    };
    places.iter().zip(items).map(answer).collect()
}

/// What stands in a place: what is wanted, or something else.
async fn find(
    client: &Client,
    context: &CallContext,
    place: &Place,
    wanted: &ResourceRecordSet,
) -> Result<Recovered, ProviderError> {
    let found = there(one(client, context, place).await)?.flatten();
    let said = |set: ResourceRecordSet| {
        let record = record_set::from_sdk(&place.zone, set, None);
        record.to_value()
    };
    Ok(match found {
        None => Recovered::Absent,
        Some(found) if said(found.clone()) == said(wanted.clone()) => Recovered::Found(place.id()),
        Some(_) => Recovered::Foreign(place.id()),
    })
}

/// A refusal because something stands there.
fn standing(error: ProviderError, id: &str) -> ProviderError {
    if error.code == "InvalidChangeBatch" && error.message.contains("already exists") {
        taken(ROUTE53, "ChangeResourceRecordSets", id)
    } else {
        error
    }
}

fn check(config: &Value) -> Vec<ProviderError> {
    let given = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
    let block = |name: &str| {
        let items = config.get(name).and_then(Value::elements);
        items.is_some_and(|items| !items.is_empty())
    };
    let mut wrong = Vec::new();
    let kind = config.get("type").and_then(Value::as_str);
    if let Some(kind) = kind.filter(|kind| !TYPES.contains(kind)) {
        let message = format!("`{kind}` is not one of {}", TYPES.join(", "));
        wrong.push(ProviderError::invalid("type", message));
    }
    if block("alias") {
        for name in ["ttl", "records"].into_iter().filter(|name| given(name)) {
            let message = format!("an alias has no `{name}` of its own: leave it out");
            wrong.push(ProviderError::invalid(name, message));
        }
    } else if config.get("alias").is_none_or(|alias| !alias.is_unknown()) {
        for name in ["ttl", "records"].into_iter().filter(|name| !given(name)) {
            let message = format!("a record without `alias` needs `{name}`");
            wrong.push(ProviderError::invalid(name, message));
        }
    }
    let policies = [
        "weighted_routing_policy",
        "failover_routing_policy",
        "latency_routing_policy",
        "geolocation_routing_policy",
    ];
    let multi = "multivalue_answer_routing_policy";
    let mut chosen: Vec<&str> = policies.into_iter().filter(|name| block(name)).collect();
    if config.get(multi).and_then(Value::as_bool) == Some(true) {
        chosen.push(multi);
    }
    if let [first, second, ..] = chosen[..] {
        let message = format!("a record is chosen in one way: leave `{first}` or `{second}` out");
        wrong.push(ProviderError::invalid(second, message));
    }
    match (chosen.first(), given("set_identifier")) {
        (Some(policy), false) => wrong.push(ProviderError::invalid(
            "set_identifier",
            format!("`{policy}` needs a `set_identifier` that tells the record from the others"),
        )),
        (None, true) if config.get(multi).is_none_or(|m| !m.is_unknown()) => {
            wrong.push(ProviderError::invalid(
                "set_identifier",
                "it says nothing without a routing policy: add one, or leave it out",
            ));
        }
        _ => {}
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_places() {
        let place = |zone: &str, name: &str, kind: &str, set: Option<&str>| Place {
            zone: zone.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            set: set.map(str::to_owned),
        };
        for (id, expected) in [
            (
                "Z1_dev.example.com_NS",
                place("Z1", "dev.example.com", "NS", None),
            ),
            (
                "Z1__a_b.example.com_TXT_x_y",
                place("Z1", "_a_b.example.com", "TXT", Some("x_y")),
            ),
        ] {
            let found = Place::of(id).expect("a place");
            assert_eq!(found, expected);
            assert_eq!(found.id(), id);
        }
        assert_eq!(Place::of("Z1_dev.example.com"), None);
        assert_eq!(Place::of("Z1"), None);
    }

    #[test]
    fn names_get_their_zones() {
        for (name, expected) in [
            ("www", "www.example.com"),
            ("", "example.com"),
            ("Example.com.", "example.com"),
            ("a.example.com", "a.example.com"),
            ("badexample.com", "badexample.com.example.com"),
        ] {
            assert_eq!(whole(name, "example.com."), expected);
            assert!(in_zone_of(name, expected), "{name}");
        }
    }
}
