//! What flexible servers have in common, whether they run PostgreSQL or MySQL: sizes, keys, standbys, windows, passwords, backups, and
//! parameters that are always there.

use crate::api::{self, Api};
use crate::client::{Client, Method, Request};
use crate::kind::Kind;
use crate::{found, operation};
use infra_cloud::fields::moment;
use infra_model::kept::Backups;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Type, Value,
};
use serde_json::{Value as Json, json};

/// The key that encrypts a server.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct ManagedKey {
    /// The key's address in its vault.
    #[record(required)]
    pub(crate) key_vault_key_id: String,
    /// The identity it is used with.
    #[record(optional, compare = case_insensitive)]
    pub(crate) primary_user_assigned_identity_id: Option<String>,
    /// The address of the key of the backups in another region.
    #[record(optional)]
    pub(crate) geo_backup_key_vault_key_id: Option<String>,
    /// The identity that one is used with.
    #[record(optional, compare = case_insensitive)]
    pub(crate) geo_backup_user_assigned_identity_id: Option<String>,
}

/// A standby.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct HighAvailability {
    /// `ZoneRedundant` or `SameZone`.
    #[record(required)]
    pub(crate) mode: String,
    /// The standby's zone.
    #[record(optional, computed)]
    pub(crate) standby_availability_zone: Option<String>,
}

/// When a server is maintained.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Window {
    /// The day of the week; 0 is Sunday.
    #[record(optional, default = 0)]
    pub(crate) day_of_week: i64,
    /// The hour, in UTC.
    #[record(optional, default = 0)]
    pub(crate) start_hour: i64,
    /// The minute.
    #[record(optional, default = 0)]
    pub(crate) start_minute: i64,
}

/// The letters before a machine's name, and the tier that they stand for.
const TIERS: [(&str, &str); 3] = [
    ("B_", "Burstable"),
    ("GP_", "GeneralPurpose"),
    ("MO_", "MemoryOptimized"),
];

/// Machine and tier of `GP_Standard_D2ds_v5`.
pub(crate) fn machine(name: &str) -> Option<(&str, &'static str)> {
    TIERS
        .iter()
        .find_map(|(letters, tier)| Some((name.strip_prefix(letters)?, *tier)))
}

pub(crate) fn sku(name: &str) -> Result<Json, ProviderError> {
    let Some((machine, tier)) = machine(name) else {
        return Err(ProviderError::invalid(
            "sku_name",
            format!("`{name}` starts with none of B_, GP_, MO_"),
        ));
    };
    Ok(json!({ "name": machine, "tier": tier }))
}

/// `GP_Standard_D2ds_v5`
pub(crate) fn sku_name(found: &Json) -> Option<String> {
    let (name, tier) = (
        found["sku"]["name"].as_str()?,
        found["sku"]["tier"].as_str()?,
    );
    let letters = TIERS
        .iter()
        .find(|(_, t)| *t == tier)
        .map_or("", |(l, _)| l);
    Some(format!("{letters}{name}"))
}

/// Gibibytes of mebibytes; the largest storage is a little less than a power of two.
pub(crate) fn gibibytes(mebibytes: i64) -> i64 {
    mebibytes / 1024
}

/// Whether a number, or a version such as `8.0.21`, is lower than it was; what is not known is not.
pub(crate) fn goes_down(old: Option<&Value>, new: Option<&Value>) -> bool {
    let parts = |value: Option<&Value>| -> Option<Vec<i64>> {
        let value = value?;
        match value.as_i64() {
            Some(number) => Some(vec![number]),
            None => value.as_str()?.split('.').map(|p| p.parse().ok()).collect(),
        }
    };
    matches!((parts(old), parts(new)), (Some(old), Some(new)) if new < old)
}

/// The one block of a name.
pub(crate) fn block<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.get(name).and_then(Value::elements)?.first()
}

/// Plans that the service decides about an attribute of the one block of a name, where the stack does not.
pub(crate) fn open<B: Record>(
    request: &PlanRequest<'_>,
    planned: &mut Planned,
    (name, attribute): (&str, &str),
    ty: Type,
) {
    let said = block(request.config, name).and_then(|b| b.get(attribute));
    let Some(there) = block(&planned.value, name).filter(|_| said.is_none_or(Value::is_null))
    else {
        return;
    };
    let open = there.clone().with_attribute(attribute, Value::Unknown(ty));
    let list = Value::list(B::block().implied_type(), vec![open]);
    let value = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = value.with_attribute(name, list);
}

/// The mode of a server's standby.
pub(crate) fn mode(value: &Value) -> Option<&str> {
    block(value, "high_availability")?.get("mode")?.as_str()
}

/// A standby of another mode is another one, whose zone is not known yet.
pub(crate) fn plan_standby(request: &PlanRequest<'_>, planned: &mut Planned) {
    if request
        .prior
        .is_some_and(|prior| mode(prior) != mode(&planned.value))
    {
        let at = ("high_availability", "standby_availability_zone");
        open::<HighAvailability>(request, planned, at, Type::String);
    }
}

/// What is wrong with the attributes that both have.
pub(crate) fn validate(config: &Value) -> Vec<ProviderError> {
    let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
    let mut errors = Vec::new();
    if said("administrator_password") && said("administrator_password_wo") {
        errors.push(ProviderError::invalid(
            "administrator_password",
            "the password is given either by `administrator_password` or by `administrator_password_wo`",
        ));
    }
    if let Some(name) = config.get("sku_name").and_then(Value::as_str)
        && let Err(error) = sku(name)
    {
        errors.push(error);
    }
    errors
}

/// What is told of the backups of a server that was found: the listing `backups` below it has those that were made.
pub(crate) async fn backups(
    client: &Client,
    context: &CallContext,
    api: &Api,
    id: &str,
    found: &Json,
) -> Result<Backups, ProviderError> {
    let backup = &found["properties"]["backup"];
    let of = format!("{}/backups", api.name);
    let request = Request::get(&of, api.version, format!("{id}/backups"));
    let made = client.list(context, request).await?;
    let made = made
        .iter()
        .map(|b| moment(&b["properties"]["completedTime"]));
    Ok(Backups {
        automatic: backup["backupRetentionDays"]
            .as_i64()
            .is_some_and(|days| days > 0),
        first: moment(&backup["earliestRestoreDate"]),
        last: made.flatten().max(),
    })
}

/// Who says that a parameter has its value.
pub(crate) const OURS: &str = "user-override";

/// A parameter of a server, which is always there.
pub(crate) trait Parameter: Kind {
    /// The type of the server.
    const SERVER: &'static str;

    /// What a restart is asked with.
    fn restart() -> Option<Json>;
}

/// Gives a parameter the server's own value back.
pub(crate) async fn reset<P: Parameter>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    let api = P::API;
    {
        let _turn = client.turn(api::parent(id)).await;
        // With its server it is gone.
        let Some(found) = found::fetch(client, context, &api, id).await? else {
            return Ok(());
        };
        let own = &found["properties"]["defaultValue"];
        if own.is_null() || *own == found["properties"]["value"] {
            return Ok(());
        }
        let body = json!({ "properties": { "value": own, "source": OURS } });
        let request = Request::new(Method::Patch, api.name, api.version, id).body(body);
        operation::run(client, context, operation, P::PACE, request).await?;
    }
    restart_if_pending::<P>(client, context, operation, id).await
}

/// Restarts the server of a parameter that takes effect only then.
pub(crate) async fn restart_if_pending<P: Parameter>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    let server = api::parent(id);
    let _turn = client.turn(server).await;
    let found = found::fetch(client, context, &P::API, id).await?;
    // MySQL says it in a word.
    let pending = found.is_some_and(|f| {
        let told = &f["properties"]["isConfigPendingRestart"];
        *told == true || *told == "True"
    });
    if !pending {
        return Ok(());
    }
    let path = format!("{server}/restart");
    let mut request = Request::new(Method::Post, P::SERVER, P::API.version, path);
    if let Some(body) = P::restart() {
        request = request.body(body);
    }
    let pace = infra_cloud::wait::MINUTES;
    operation::run(client, context, operation, pace, request)
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_named_with_their_tier() {
        for (name, tier) in [
            ("B_Standard_B2s", "Burstable"),
            ("MO_Standard_E4ds_v5", "MemoryOptimized"),
        ] {
            let sku = sku(name).expect("a size");
            assert_eq!(sku["tier"], tier);
            assert_eq!(sku_name(&json!({ "sku": sku })).as_deref(), Some(name));
        }
        assert!(sku("Standard_B2s").is_err());
    }

    #[test]
    fn versions_and_numbers_go_down() {
        let down = |old: &str, new: &str| goes_down(Some(&old.into()), Some(&new.into()));
        for (old, new) in [("17", "9"), ("8.4", "8.0.21"), ("8.0.21", "5.7")] {
            assert!(down(old, new) && !down(new, old) && !down(old, old));
        }
        assert!(goes_down(Some(&64.into()), Some(&32.into())));
        assert!(!goes_down(None, Some(&32.into())));
    }
}
