//! Changing what is there, unless somebody else has changed it since that was planned: fields, labels and marks.

use crate::api::{Api, Labelled, Operations, Update};
use crate::client::{Client, Request};
use crate::error;
use crate::found::{find, record};
use crate::kind::Kind;
use crate::labels::{self, Labels, MARKS};
use crate::managed::{labels_of, run, text, verb, with_token};
use crate::wire;
use infra_cloud::overtaken::overtaken;
use infra_cloud::wait::{self, Pace};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Value};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long somebody else may be faster.
pub(crate) const STALE: Pace = Pace {
    limit: Duration::from_secs(30),
    ..wait::QUICK
};

/// Whether a change was refused since what it changes is not what it was sent for.
pub(crate) fn is_stale(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Conflict
        && match error.code.as_str() {
            "conditionNotMet" | "CONDITION_NOT_MET" | "staleData" | "aborted" | "ABORTED" => true,
            "failedPrecondition" | "FAILED_PRECONDITION" => error.message.contains("etag"),
            _ => false,
        }
}

/// The field by which a change says what it was sent for.
fn guard(api: &Api) -> Option<&'static str> {
    match (api.operations, api.update) {
        (Operations::Compute, _) => Some("fingerprint"),
        (_, Update::Masked) => Some("etag"),
        _ => None,
    }
}

/// Sends what changes, only while it is what was planned with: under the fingerprint that was seen then, or after another look. What
/// was there, for the calls that follow.
pub(crate) async fn change<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: &K::Record,
    desired: &K::Record,
) -> Result<K::Record, ProviderError> {
    let block = K::Record::block();
    let (old, new) = (prior.to_value(), desired.to_value());
    let mut patch = wire::patch(&block, &old, &new, K::RULES);
    for name in K::API.path_attributes().chain([K::API.key]) {
        patch.remove(&wire::camel(name));
    }
    let labels = Relabel::<K>::of(&old, &new, &mut patch);
    let mut sent = patch.clone();
    K::patch(prior, desired, &mut sent);
    let trusted = AtomicBool::new(labels.is_none() && K::guards(prior, &sent));
    let (block, old, new, patch, labels) = (&block, &old, &new, &patch, &labels);
    let trusted = &trusted;
    // While somebody is faster, what they made of it is looked at again.
    wait::while_refused(context, operation, STALE, is_stale, || async move {
        let mut patch = patch.clone();
        if trusted.swap(false, Ordering::Relaxed) {
            K::patch(prior, desired, &mut patch);
            K::send_patch(client, context, operation, id, prior, desired, patch).await?;
            return Ok(prior.clone());
        }
        let Some(found) = find::<K>(client, context, id).await? else {
            return Err(error::gone(id));
        };
        let seen = record::<K>(client, id, found.clone(), Some(prior))?;
        if let Some(conflict) = overtaken(block, id, old, new, &seen.to_value()) {
            return Err(conflict);
        }
        let relabel = labels.as_ref();
        let relabel =
            relabel.and_then(|labels| labels.write(client, operation, id, &found, &mut patch));
        K::patch(&seen, desired, &mut patch);
        if let Some(name) = guard(&K::API).filter(|_| !patch.is_empty())
            && let Some(value) = found.get(name).filter(|value| value.is_string())
        {
            patch.insert(name.to_owned(), value.clone());
        }
        K::send_patch(client, context, operation, id, &seen, desired, patch).await?;
        if let Some(request) = relabel {
            run::<K>(client, context, operation, id, request).await?;
        }
        Ok(seen)
    })
    .await
}

/// What a resource will be like: as it was seen where it does not change, since that is others' affair.
pub(crate) fn awaited<K: Kind>(
    seen: &K::Record,
    prior: &K::Record,
    desired: &K::Record,
) -> Result<K::Record, ProviderError> {
    let [seen, old, new] = [seen, prior, desired].map(Record::to_value);
    let mut all = new.clone();
    for name in K::Record::block().names() {
        if let (Some(old), Some(new), Some(seen)) = (old.get(name), new.get(name), seen.get(name))
            && old == new
        {
            all = all.with_attribute(name, seen.clone());
        }
    }
    Ok(K::Record::from_value(&all)?)
}

/// The fields that change, in one call.
pub(crate) async fn send_patch<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: &K::Record,
    mut patch: Map<String, Json>,
) -> Result<(), ProviderError> {
    let api = K::API;
    if patch.is_empty() || api.update == Update::None {
        return Ok(());
    }
    let fields = patch.keys().filter(|k| Some(k.as_str()) != guard(&api));
    let mask = fields.cloned().collect::<Vec<_>>().join(",");
    if let Some(fingerprint) = text(&prior.to_value(), "fingerprint") {
        patch.insert("fingerprint".to_owned(), Json::String(fingerprint));
    }
    // One that was refused is not the same request with another fingerprint.
    let purpose = format!("patch{}", patch.get("fingerprint").unwrap_or(&Json::Null));
    let mut request = Request::send(
        api.service,
        verb(&api, "patch"),
        Method::PATCH,
        id,
        Json::Object(patch),
    );
    if api.update == Update::Masked {
        request = request.query("updateMask", mask);
    }
    let request = with_token(request, &api, operation, &purpose);
    run::<K>(client, context, operation, id, request)
        .await
        .map(|_| ())
}

/// Labels and marks that are brought up to date: in the patch, or by Compute's `setLabels`.
struct Relabel<K> {
    /// The resource's own.
    labels: Labels,
    /// Where they are, as a JSON pointer.
    pointer: &'static str,
    /// What changes of the block that they are in, which goes along with them.
    block: Option<Json>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Relabel<K> {
    /// What there is to do about them, taken out of the patch.
    fn of(prior: &Value, desired: &Value, patch: &mut Map<String, Json>) -> Option<Self> {
        let (attribute, pointer) = K::API.labels.place()?;
        let field = pointer.trim_start_matches('/').split('/').next();
        let block = patch.remove(field.unwrap_or_default());
        let block = block.filter(|_| attribute.contains('.'));
        let (old, new) = (labels_of(prior, attribute), labels_of(desired, attribute));
        // `effective_labels` tell a change of the defaults.
        let all = |value: &Value| labels_of(value, "effective_labels");
        let stay = old == new && block.is_none() && all(prior) == all(desired);
        (!stay).then_some(Relabel {
            labels: new,
            pointer,
            block,
            kind: PhantomData,
        })
    }

    /// Puts them into the patch; or the call that changes them.
    fn write(
        &self,
        client: &Client,
        operation: &Operation,
        id: &str,
        found: &Json,
        patch: &mut Map<String, Json>,
    ) -> Option<Request> {
        let there = labels::of(found.pointer(self.pointer));
        let defaults = &client.config().labels;
        let all = MARKS.for_update(defaults, &self.labels, operation, &there);
        let place = self.pointer.trim_start_matches('/');
        if K::API.labels != Labelled::BySetLabels {
            if let Some(block @ Json::Object(_)) = &self.block {
                let field = place.split('/').next().unwrap_or_default();
                patch.insert(field.to_owned(), block.clone());
            }
            wire::put(patch, place, labels::json(&all));
            return None;
        }
        let seen = &found["labelFingerprint"];
        let request = Request::send(
            K::API.service,
            verb(&K::API, "setLabels"),
            Method::POST,
            format!("{id}/setLabels"),
            json!({ "labels": labels::json(&all), "labelFingerprint": seen }),
        );
        // Global ones take no token.
        Some(if id.contains("/global/") {
            request
        } else {
            with_token(request, &K::API, operation, &format!("labels{seen}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stale_is_told_from_what_is_in_the_way() {
        for (code, message, stale) in [
            ("conditionNotMet", "Invalid fingerprint.", true),
            ("staleData", "The settings version is 2, not 1.", true),
            ("ABORTED", "There were concurrent changes.", true),
            (
                "FAILED_PRECONDITION",
                "The etag provided in the request does not match the resource's current etag.",
                true,
            ),
            ("FAILED_PRECONDITION", "The version is destroyed.", false),
            ("alreadyExists", "The resource exists already.", false),
            (
                ProviderError::CHANGED_MEANWHILE,
                "somebody else has changed it",
                false,
            ),
        ] {
            let error = ProviderError {
                code: code.to_owned(),
                ..ProviderError::new(ErrorKind::Conflict, message)
            };
            assert_eq!(is_stale(&error), stale, "{code}: {message}");
        }
    }
}
