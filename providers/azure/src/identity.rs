//! The identities that a resource acts with, the same block in many types.

use crate::wire;
use infra_model::{PlanRequest, Planned, Record, Type, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// The identities that a resource acts with.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Identity {
    /// `SystemAssigned`, `UserAssigned` or `SystemAssigned, UserAssigned`.
    #[record(required, rename = "type", compare = blanks)]
    pub(crate) kind: String,
    /// The user-assigned identities.
    #[record(optional, compare = case_insensitive)]
    pub(crate) identity_ids: BTreeSet<String>,
    /// The system-assigned identity, as the directory knows it.
    #[record(computed)]
    pub(crate) principal_id: Option<String>,
    /// The tenant of the system-assigned identity.
    #[record(computed)]
    pub(crate) tenant_id: Option<String>,
}

/// Puts the block into a body as it shall be, where it is not so already. Identities that go are named with null, which a `PATCH` needs.
pub(crate) fn put(body: &mut Json, prior: &[Identity], desired: &[Identity]) {
    if prior == desired {
        return;
    }
    let Some(identity) = desired.first() else {
        wire::put(body, "identity", json!({ "type": "None" }));
        return;
    };
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let kept = |id: &str| identity.identity_ids.iter().any(|kept| same(kept, id));
    let gone = prior
        .first()
        .into_iter()
        .flat_map(|p| &p.identity_ids)
        .filter(|id| !kept(id))
        .map(|id| (id.clone(), Json::Null));
    let named = identity.identity_ids.iter();
    let all: Map<String, Json> = named
        .map(|id| (id.clone(), json!({})))
        .chain(gone)
        .collect();
    let mut out = json!({ "type": identity.kind });
    if !all.is_empty() {
        out["userAssignedIdentities"] = Json::Object(all);
    }
    wire::put(body, "identity", out);
}

/// Another kind of identity is another one: what the directory knows of it is not known yet.
pub(crate) fn plan(request: &PlanRequest<'_>, planned: &mut Planned) {
    let of = |value: &Value| -> Vec<Value> {
        let items = value.get("identity").and_then(Value::elements);
        items.unwrap_or_default().to_vec()
    };
    let Some(prior) = request.prior.map(of) else {
        return;
    };
    let new = of(&planned.value);
    let kind = |items: &[Value]| items.first().and_then(|i| i.get("type")).cloned();
    if new.is_empty() || kind(&prior) == kind(&new) {
        return;
    }
    let open = |item: Value| {
        ["principal_id", "tenant_id"]
            .into_iter()
            .fold(item, |item, name| {
                item.with_attribute(name, Value::Unknown(Type::String))
            })
    };
    let items = new.into_iter().map(open).collect();
    let list = Value::list(Identity::block().implied_type(), items);
    let value = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = value.with_attribute("identity", list);
}

/// The block as it was found; letter case and blanks as they were said.
pub(crate) fn found(found: &Json, said: &[Identity]) -> Vec<Identity> {
    let found = &found["identity"];
    let Some(kind) = found["type"].as_str().filter(|kind| *kind != "None") else {
        return Vec::new();
    };
    let said = said.first();
    let bare = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    let kind = match said {
        Some(said) if bare(&said.kind) == bare(kind) => said.kind.clone(),
        _ => kind
            .split(',')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let ids = found["userAssignedIdentities"].as_object();
    let as_said = |id: &String| {
        let mut known = said.into_iter().flat_map(|s| &s.identity_ids);
        let same = known.find(|known| known.eq_ignore_ascii_case(id));
        same.unwrap_or(id).clone()
    };
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    vec![Identity {
        kind,
        identity_ids: ids
            .into_iter()
            .flat_map(|ids| ids.keys())
            .map(as_said)
            .collect(),
        principal_id: text("principalId"),
        tenant_id: text("tenantId"),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, ids: &[&str]) -> Vec<Identity> {
        vec![Identity {
            kind: kind.to_owned(),
            identity_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            ..Identity::default()
        }]
    }

    #[test]
    fn identities_that_go_are_named() {
        let mut body = json!({});
        put(
            &mut body,
            &of("UserAssigned", &["/a", "/b"]),
            &of("UserAssigned", &["/B"]),
        );
        assert_eq!(
            body["identity"],
            json!({ "type": "UserAssigned", "userAssignedIdentities": { "/B": {}, "/a": null } })
        );
        put(&mut body, &of("UserAssigned", &["/a"]), &[]);
        assert_eq!(body["identity"], json!({ "type": "None" }));
        let mut none = json!({});
        put(&mut none, &[], &[]);
        assert_eq!(none, json!({}));
    }

    #[test]
    fn what_is_found_is_told_as_it_was_said() {
        let answer = json!({ "identity": {
            "type": "SystemAssigned,UserAssigned", "principalId": "p", "tenantId": "t",
            "userAssignedIdentities": { "/subscriptions/s/A": { "clientId": "c" } },
        } });
        let told = found(
            &answer,
            &of("SystemAssigned, UserAssigned", &["/subscriptions/s/a"]),
        );
        assert_eq!(told[0].kind, "SystemAssigned, UserAssigned");
        assert!(told[0].identity_ids.contains("/subscriptions/s/a"));
        assert_eq!(told[0].principal_id.as_deref(), Some("p"));
        assert_eq!(found(&answer, &[])[0].kind, "SystemAssigned, UserAssigned");
        assert_eq!(found(&json!({ "identity": { "type": "None" } }), &[]), []);
    }
}
