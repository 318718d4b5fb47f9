//! One object's life: applied on the server, read, deleted.

use crate::client::{Call, Client};
use crate::deletion::{leaving, makers};
use crate::discovery::{self, Place};
use crate::error::{self, OWNED, TERMINATING};
use crate::family;
use crate::object::Reference;
use crate::options::Wait;
use crate::{takeover, wait};
use infra_cloud::absence::there;
use infra_cloud::late::{Standing, until_known};
use infra_cloud::wait::{Pace, Progress, until};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// What says whose an object is.
const OPERATION: &str = "infra/operation";
/// How all annotations of ours begin.
const MARK: &str = "infra/";
/// How long a refusal that passes by itself is waited out.
pub(crate) const PASSING: Duration = Duration::from_mins(5);
/// The same for a namespace or a kind that somebody may just be making, and for a login that is not known everywhere yet.
const APPEARING: Duration = Duration::from_mins(1);

/// How an object is applied.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) manager: String,
    pub(crate) force: bool,
    pub(crate) propagation: String,
    pub(crate) wait: Option<Wait>,
    /// Another object that must be there.
    pub(crate) companion: Option<Reference>,
    pub(crate) create: Duration,
    pub(crate) update: Duration,
    pub(crate) delete: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            manager: "infra".to_owned(),
            force: false,
            propagation: "Foreground".to_owned(),
            wait: None,
            companion: None,
            create: Duration::from_mins(10),
            update: Duration::from_mins(10),
            delete: Duration::from_mins(10),
        }
    }
}

/// The pace of waits that end after so long.
pub(crate) fn pace(limit: Duration) -> Pace {
    Pace {
        first: Duration::from_millis(100),
        longest: Duration::from_secs(5),
        limit,
    }
}

/// Makes an object that must not be there yet, or goes on with one that this operation made. The id is that of its type, by which
/// an interrupted run is taken up.
pub(crate) async fn create(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    body: &Json,
    settings: &Settings,
) -> Result<Json, ProviderError> {
    let object = reference(body)?;
    let patience = settings.create.min(PASSING);
    // Nobody tells how old a cluster is to whom it does not let in.
    let new = Standing::New;
    admitted(
        context,
        operation,
        new,
        || client.was_let_in(),
        || async {
            let place = discovery::must(client, context, &object).await?;
            get(client, context, &place, &object).await.map(drop)
        },
    )
    .await?;
    let place = appearing_place(client, context, operation, &object).await?;
    if operation.known_id.is_none() {
        free(client, context, operation, &place, &object, settings).await?;
    }
    let marked = marked(body, operation, &operation.id.0);
    let with = taking(operation, settings);
    if operation.hands_over {
        takeover::unsealed(client, context, operation, &object).await?;
    }
    let live = patiently(context, operation, patience, || {
        patch(client, context, &place, &object, &marked, &with, false)
    })
    .await?;
    let live = taken(client, context, operation, &place, &object, live).await?;
    context.events.id_known(operation, id).await?;
    finished(
        client,
        context,
        operation,
        &place,
        &object,
        live,
        settings,
        settings.create,
    )
    .await
}

/// Changes an object, or makes it again when it is gone.
pub(crate) async fn update(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    body: &Json,
    before: &Settings,
    settings: &Settings,
) -> Result<Json, ProviderError> {
    let object = reference(body)?;
    let place = appearing_place(client, context, operation, &object).await?;
    let there = get(client, context, &place, &object).await?;
    let maker = there
        .as_ref()
        .and_then(|live| live["metadata"]["annotations"][OPERATION].as_str())
        .unwrap_or(&operation.id.0);
    let marked = marked(body, operation, maker);
    let renamed = before.manager != settings.manager;
    let with = Settings {
        force: settings.force || renamed || operation.hands_over,
        ..settings.clone()
    };
    let patience = settings.update.min(PASSING);
    let live = patiently(context, operation, patience, || {
        patch(client, context, &place, &object, &marked, &with, false)
    })
    .await?;
    if renamed {
        given_up(client, context, &place, &object, before).await?;
    }
    let live = taken(client, context, operation, &place, &object, live).await?;
    finished(
        client,
        context,
        operation,
        &place,
        &object,
        live,
        settings,
        settings.update,
    )
    .await
}

/// How an object is applied that may be another's until then.
fn taking(operation: &Operation, settings: &Settings) -> Settings {
    Settings {
        force: settings.force || operation.hands_over,
        ..settings.clone()
    }
}

/// What a name owns of an object it gives up.
async fn given_up(
    client: &Client,
    context: &CallContext,
    place: &Place,
    object: &Reference,
    before: &Settings,
) -> Result<Json, ProviderError> {
    let nothing = json!({ "apiVersion": object.api_version, "kind": object.kind, "metadata": { "name": object.name } });
    patch(client, context, place, object, &nothing, before, false).await
}

/// What was applied just now, with nothing left on it of the engine that it is taken over from. All that the manifest says is ours
/// by then: what the engine's names own alone goes with them.
async fn taken(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    place: &Place,
    object: &Reference,
    live: Json,
) -> Result<Json, ProviderError> {
    if !operation.hands_over {
        return Ok(live);
    }
    let mut now = live.clone();
    for name in takeover::appliers(&live) {
        let before = Settings {
            manager: name.to_owned(),
            ..Settings::default()
        };
        now = given_up(client, context, place, object, &before).await?;
    }
    takeover::disowned(client, context, object, now, None).await?;
    let found = get(client, context, place, object).await?;
    Ok(found.unwrap_or(live))
}

/// What applying would make of it; none where that cannot be told yet.
pub(crate) async fn dry_run(
    client: &Client,
    context: &CallContext,
    body: &Json,
    settings: &Settings,
) -> Result<Option<Json>, ProviderError> {
    let object = reference(body)?;
    let Some(place) = discovery::place(client, context, &object.api_version, &object.kind).await?
    else {
        return Ok(None);
    };
    match patch(client, context, &place, &object, body, settings, true).await {
        Ok(live) => Ok(Some(live)),
        // Its namespace comes with the same apply, or it is on its way out, or a webhook is.
        Err(e) if e.kind == ErrorKind::NotFound || e.code == TERMINATING || e.is_passing() => {
            Ok(None)
        }
        // A webhook that does not say that it is without side effects is not asked.
        Err(e) if e.message.contains("does not support dry run") => Ok(None),
        Err(e) => Err(e),
    }
}

/// Waits until the place is free: what is being deleted is waited for, anything else is somebody's.
async fn free(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    place: &Place,
    object: &Reference,
    settings: &Settings,
) -> Result<(), ProviderError> {
    until(context, operation, pace(settings.create), || async {
        let Some(live) = get(client, context, place, object).await? else {
            return Ok(Progress::Done(()));
        };
        if is_leaving(&live) {
            return Ok(Progress::Pending(format!(
                "the one before {}",
                leaving(&live)
            )));
        }
        if operation.hands_over || is_own(&live, operation) {
            return Ok(Progress::Done(()));
        }
        Err(error::of(
            ErrorKind::Conflict,
            &format!("apply {}", object.kind),
            format!(
                "there is such an object already, and this stack did not make it{}; to manage it, import it: infra import {} '{object}'",
                match makers(&live).as_slice() {
                    [] => String::new(),
                    makers => format!(" (its fields are written by {})", makers.join(", ")),
                },
                operation.address
            ),
        ))
    })
    .await
}

/// What the object must have come to, and how it is then.
#[expect(
    clippy::too_many_arguments,
    reason = "where it is, what it is, how it is waited for"
)]
async fn finished(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    place: &Place,
    object: &Reference,
    live: Json,
    settings: &Settings,
    limit: Duration,
) -> Result<Json, ProviderError> {
    let nothing = Wait::default();
    let wanted = match (&settings.wait, &settings.companion) {
        (Some(wanted), _) => wanted,
        (None, Some(_)) => &nothing,
        (None, None) => return Ok(live),
    };
    until(context, operation, pace(limit), || async {
        let Some(live) = get(client, context, place, object).await? else {
            return Ok(Progress::Pending("gone again".to_owned()));
        };
        if let Some(companion) = &settings.companion
            && find(client, context, companion).await?.is_none()
        {
            return Ok(Progress::Pending(format!(
                "no {} {} yet",
                companion.kind, companion.name
            )));
        }
        wait::progress(client, context, live, wanted).await
    })
    .await
}

/// An object that an operation of an interrupted run may have made. Such a run may have been waiting to be let into a new cluster: what
/// was begun a moment ago goes on waiting.
pub(crate) async fn begun(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    object: &Reference,
) -> Result<Option<Json>, ProviderError> {
    let standing = match Standing::since(context, operation.started) {
        Standing::New => Standing::New,
        _ => Standing::Missing,
    };
    admitted(
        context,
        operation,
        standing,
        || client.was_let_in(),
        || async { find(client, context, object).await.map(drop) },
    )
    .await?;
    find(client, context, object).await
}

/// Asks until whoever makes a cluster may do something in it: what grants that reaches a new cluster late. A cluster that has let
/// somebody in means what it says. Other refusals are of those who call next.
async fn admitted<F>(
    context: &CallContext,
    operation: &Operation,
    standing: Standing,
    was_let_in: impl Fn() -> bool + Send + Sync,
    ask: impl Fn() -> F + Send + Sync,
) -> Result<(), ProviderError>
where
    F: Future<Output = Result<(), ProviderError>> + Send,
{
    if was_let_in() {
        return Ok(());
    }
    let about = |error: &ProviderError| {
        let early = error.kind == ErrorKind::Denied && !was_let_in();
        early.then(|| "your access to the cluster".to_owned())
    };
    let standing = |_| std::future::ready(standing);
    match until_known(context, operation, about, standing, ask).await {
        Err(error) if error.kind == ErrorKind::Denied => Err(error),
        _ => Ok(()),
    }
}

/// Where a kind is, which may just be coming.
async fn appearing_place(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    object: &Reference,
) -> Result<Place, ProviderError> {
    patiently(context, operation, PASSING, || {
        discovery::must(client, context, object)
    })
    .await
}

/// Calls until what passes by itself has passed, but no longer than this.
async fn patiently<T, F>(
    context: &CallContext,
    operation: &Operation,
    limit: Duration,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    infra_cloud::wait::while_refused(context, operation, pace(limit), passing(context), call).await
}

/// Whether an error passes by itself: a cluster that was made just now does not answer yet or does not know its users, a
/// webhook's server starts, a namespace goes or comes, a kind is being defined.
fn passing(context: &CallContext) -> impl Fn(&ProviderError) -> bool + Send + Sync + use<> {
    let (clock, start) = (context.clock.clone(), context.clock.now());
    move |error| {
        let early = clock.now().since(start) < APPEARING;
        match error.kind {
            ErrorKind::Transient => true,
            ErrorKind::Conflict => error.code == TERMINATING,
            ErrorKind::Denied => early && error.code == "Unauthorized",
            ErrorKind::NotFound => early,
            _ => false,
        }
    }
}

async fn patch(
    client: &Client,
    context: &CallContext,
    place: &Place,
    object: &Reference,
    body: &Json,
    settings: &Settings,
    dry: bool,
) -> Result<Json, ProviderError> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("fieldManager", &settings.manager)
        .append_pair("force", if settings.force { "true" } else { "false" })
        .append_pair("fieldValidation", "Strict")
        .finish();
    let dry = if dry { "&dryRun=All" } else { "" };
    let call = Call {
        family: family::WRITE,
        name: format!("apply {}", object.kind),
        method: http::Method::PATCH,
        path: format!("{}?{query}{dry}", place.of(object)),
        content: "application/apply-patch+yaml",
        body: body.to_string().into_bytes(),
    };
    client.call(context, &call).await.map_err(|e| {
        if e.code == OWNED {
            ProviderError {
                kind: ErrorKind::Conflict,
                ..e
            }
        } else {
            e
        }
    })
}

/// An object; none when there is none.
pub(crate) async fn get(
    client: &Client,
    context: &CallContext,
    place: &Place,
    object: &Reference,
) -> Result<Option<Json>, ProviderError> {
    let call = Call::get(format!("get {}", object.kind), place.of(object));
    there(client.call(context, &call).await)
}

/// The same of an object whose kind may not be known.
pub(crate) async fn find(
    client: &Client,
    context: &CallContext,
    object: &Reference,
) -> Result<Option<Json>, ProviderError> {
    match discovery::place(client, context, &object.api_version, &object.kind).await? {
        Some(place) => get(client, context, &place, object).await,
        None => Ok(None),
    }
}

/// Whether it is being deleted.
pub(crate) fn is_leaving(live: &Json) -> bool {
    live["metadata"]["deletionTimestamp"].is_string()
}

/// Which object a body is.
pub(crate) fn reference(body: &Json) -> Result<Reference, ProviderError> {
    Reference::of(body).ok_or_else(|| {
        ProviderError::invalid(
            "manifest",
            "a manifest has `apiVersion`, `kind` and `metadata.name`",
        )
    })
}

/// With annotations that say whose it is.
fn marked(body: &Json, operation: &Operation, maker: &str) -> Json {
    let mut body = body.clone();
    if !body["metadata"]["annotations"].is_object() {
        body["metadata"]["annotations"] = json!({});
    }
    let annotations = &mut body["metadata"]["annotations"];
    annotations[OPERATION] = json!(maker);
    annotations["infra/address"] = json!(operation.address.to_string());
    for (name, text) in infra_cloud::defaults::marks(operation) {
        annotations[format!("{MARK}{name}")] = json!(text);
    }
    body
}

/// Without them.
pub(crate) fn without_marks(mut object: Json) -> Json {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        let empty = metadata
            .get_mut("annotations")
            .and_then(Json::as_object_mut)
            .is_some_and(|annotations| {
                annotations.retain(|name, _| !name.starts_with(MARK));
                annotations.is_empty()
            });
        if empty {
            metadata.remove("annotations");
        }
    }
    object
}

/// Whether this operation made it.
pub(crate) fn is_own(live: &Json, operation: &Operation) -> bool {
    live["metadata"]["annotations"][OPERATION].as_str() == Some(&*operation.id.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::late::BOUND;
    use infra_cloud::testing::{World, operation};
    use infra_model::Clock;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Asks a cluster that refuses so many times; whether it let in, how often it was asked, and how long that took.
    async fn knock(refusals: usize, let_in: bool, standing: Standing) -> (bool, usize, Duration) {
        let world = Arc::new(World::default());
        let operation = operation("kubernetes_namespace.a");
        let asked = AtomicUsize::new(0);
        let start = world.now();
        let answer = admitted(
            &world.context(),
            &operation,
            standing,
            || let_in,
            || async {
                if asked.fetch_add(1, Ordering::Relaxed) < refusals {
                    return Err(ProviderError {
                        code: "Forbidden".into(),
                        ..ProviderError::new(ErrorKind::Denied, "forbidden")
                    });
                }
                Ok(())
            },
        )
        .await;
        let statuses = world.statuses.lock().expect("not poisoned").clone();
        let waits = "waits until your access to the cluster is known everywhere: Forbidden";
        assert!(statuses.iter().all(|s| s == waits), "{statuses:?}");
        let asked = asked.load(Ordering::Relaxed);
        (answer.is_ok(), asked, world.now().since(start))
    }

    #[tokio::test]
    async fn a_new_cluster_may_refuse_for_ten_minutes_and_one_that_let_in_not_at_all() {
        let new = Standing::New;
        let (passed, asked, took) = knock(5, false, new).await;
        assert!(passed && asked == 6 && took < BOUND, "{asked} {took:?}");
        let (passed, asked, took) = knock(usize::MAX, false, new).await;
        assert!(!passed && asked > 10 && took == BOUND, "{asked} {took:?}");
        // What it refuses now is told by the call itself.
        assert_eq!(
            knock(usize::MAX, true, new).await,
            (true, 0, Duration::ZERO)
        );
        // What an interrupted run has begun long ago was not refused for being early.
        assert_eq!(
            knock(usize::MAX, false, Standing::Missing).await,
            (false, 1, Duration::ZERO)
        );
    }

    #[test]
    fn marks_come_and_go() {
        let operation = operation("kubernetes_manifest.a");
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}});
        let ours = marked(&body, &operation, &operation.id.0);
        assert!(is_own(&ours, &operation) && !is_own(&body, &operation));
        assert_eq!(ours["metadata"]["annotations"]["infra/stack"], "demo");
        assert_eq!(without_marks(ours), body);
    }
}
