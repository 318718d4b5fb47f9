//! What Crossplane has made in a cloud: managed resources, each of which stands for something there, and composite ones, which people
//! ask for and managed ones are made of. It is looked after while Crossplane runs, and goes, or is let go, before that does.
//! <https://docs.crossplane.io/latest/managed-resources/managed-resources/>

use crate::apply::{self, Settings};
use crate::client::Client;
use crate::deletion;
use crate::discovery::{self, Categorised};
use crate::leave::{in_words, patch};
use crate::read;
use futures::future::try_join_all;
use infra_cloud::wait::{Progress, until};
use infra_model::outside::{Ending, Fate, Made};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Value};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// How long the cloud may take to delete something: a database is backed up first.
const LIMIT: Duration = Duration::from_mins(60);
/// Where a managed resource has the name of what it stands for.
const EXTERNAL: &str = "crossplane.io/external-name";
/// What Crossplane writes before it makes something in a cloud, and after.
const BEGUN: [&str; 2] = [
    "crossplane.io/external-create-pending",
    "crossplane.io/external-create-succeeded",
];
/// What is done for a managed resource whose deletion leaves alone what it stands for.
const ALL_BUT_DELETE: [&str; 4] = ["Observe", "Create", "Update", "LateInitialize"];
/// Where it is said that something in a cloud must not be deleted.
const PROTECTIONS: [&str; 2] = ["/deletionProtection", "/settings/deletionProtectionEnabled"];
/// Where a managed resource says so itself, of whose kind the cloud has no protection: it is then not deleted with its object
/// (`crates/hardening`, compositions on Azure).
const HELD: &str = "platform.infra/deletion-protection";

/// What is concerned when a part of Crossplane goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    All,
    /// The managed resources of groups that end so: `.s3.aws.m.upbound.io` and `.s3.aws.upbound.io`.
    Groups(Vec<String>),
    /// Composite resources of a group and kind, with what they are made of.
    Composites(String, String),
    /// What is in a namespace, which takes all of it along.
    Namespace(String),
}

/// What of Crossplane's ends with a resource; none with one that is not a part of it.
pub(crate) fn scope(type_name: &str, value: &Value) -> Option<Scope> {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    if type_name == "helm_release" {
        return (text(value, "chart")? == "crossplane").then_some(Scope::All);
    }
    if type_name == "kubernetes_namespace" {
        let metadata = value.get("metadata")?.elements()?.first()?;
        return Some(Scope::Namespace(text(metadata, "name")?));
    }
    let manifest = value
        .get("manifest")
        .filter(|_| type_name == "kubernetes_manifest")?;
    let (version, kind) = (text(manifest, "apiVersion")?, text(manifest, "kind")?);
    let (group, _) = version.split_once('/')?;
    match (group, kind.as_str()) {
        ("pkg.crossplane.io", "Provider") => {
            Some(of_provider(&text(manifest.get("metadata")?, "name")?))
        }
        ("apiextensions.crossplane.io", "CompositeResourceDefinition") => {
            let spec = manifest.get("spec")?;
            Some(Scope::Composites(
                text(spec, "group")?,
                text(spec.get("names")?, "kind")?,
            ))
        }
        // Nothing that is asked for reaches the cloud without it: not that something may be deleted, either.
        ("apiextensions.crossplane.io", "Composition") => {
            let of = manifest.get("spec")?.get("compositeTypeRef")?;
            let version = text(of, "apiVersion")?;
            let (group, _) = version.split_once('/')?;
            Some(Scope::Composites(group.to_owned(), text(of, "kind")?))
        }
        ("pkg.crossplane.io", "Function") => Some(Scope::All),
        // How the cloud is reached.
        (_, "ClusterProviderConfig" | "ProviderConfig") if group.ends_with(".upbound.io") => {
            Some(Scope::All)
        }
        _ => None,
    }
}

/// A provider of a family is called after its groups: `provider-aws-s3` has `s3.aws.m.upbound.io`.
fn of_provider(name: &str) -> Scope {
    let parts = name
        .strip_prefix("provider-")
        .and_then(|n| n.split_once('-'));
    match parts {
        Some((cloud @ ("aws" | "gcp" | "azure"), service)) if service != "family" => {
            Scope::Groups(vec![
                format!("{service}.{cloud}.m.upbound.io"),
                format!("{service}.{cloud}.upbound.io"),
            ])
        }
        _ => Scope::All,
    }
}

/// What the cluster has of Crossplane's.
struct Found {
    composites: Vec<Json>,
    managed: Vec<Json>,
}

/// What managed resources stand for that would be left behind.
pub(crate) async fn made(
    client: &Client,
    context: &CallContext,
    endings: &[Ending<'_>],
) -> Result<Vec<Made>, ProviderError> {
    let scopes: Vec<Scope> = endings.iter().filter_map(scope_of).collect();
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let found = find(client, context).await?;
    let left = found.managed.iter().filter(|m| stands_for_something(m));
    let concerned = left.filter(|m| scopes.iter().any(|scope| concerns(scope, m)));
    Ok(concerned.map(told).collect())
}

fn scope_of(ending: &Ending<'_>) -> Option<Scope> {
    match ending {
        Ending::Host => Some(Scope::All),
        Ending::Resource { type_name, value } => scope(type_name, value),
    }
}

/// Does with it what was decided.
pub(crate) async fn settle(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    ending: Ending<'_>,
    fate: Fate,
) -> Result<(), ProviderError> {
    let Some(scope) = scope_of(&ending) else {
        return Ok(());
    };
    let settling = Settling {
        client,
        context,
        operation,
        scope,
    };
    let found = settling.find().await?;
    // What nothing stands behind cannot be asked for in the cloud: perhaps nobody there lets Crossplane in.
    let (real, empty): (Vec<&Json>, Vec<&Json>) =
        found.managed.iter().partition(|m| stands_for_something(m));
    settling.let_go(&empty).await?;
    match fate {
        Fate::Orphan => settling.let_go(&real).await?,
        Fate::Delete => settling.unprotect(&found).await?,
    }
    // With the cluster they go by themselves, and nobody does anything for them any more.
    if fate == Fate::Orphan && matches!(ending, Ending::Host) {
        return Ok(());
    }
    settling.delete(&found.composites).await?;
    settling.delete(&settling.find().await?.managed).await
}

async fn find(client: &Client, context: &CallContext) -> Result<Found, ProviderError> {
    let kinds = discovery::categorised(client, context).await?;
    let lists = |which: fn(&Categorised) -> bool| {
        let each = kinds.iter().filter(move |k| which(k));
        try_join_all(each.map(|k| async {
            let listed = read::everywhere(client, context, &k.api_version, &k.kind).await;
            match listed {
                // Its definition went just now, and it with that.
                Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
                other => other,
            }
        }))
    };
    let (composites, managed) = futures::try_join!(lists(is_composite), lists(is_managed))?;
    Ok(Found {
        composites: composites.concat(),
        managed: managed.concat(),
    })
}

fn is_composite(kind: &Categorised) -> bool {
    kind.categories.iter().any(|c| c == "composite")
}

/// As they say themselves, and whatever is of the groups of the large providers, but for how their clouds are reached.
fn is_managed(kind: &Categorised) -> bool {
    let group = kind.api_version.split('/').next().unwrap_or_default();
    let configures = ["ProviderConfig", "ProviderConfigUsage"]
        .iter()
        .any(|end| kind.kind.ends_with(end));
    kind.categories.iter().any(|c| c == "managed") || group.ends_with(".upbound.io") && !configures
}

/// One settling.
struct Settling<'a> {
    client: &'a Client,
    context: &'a CallContext,
    operation: &'a Operation,
    scope: Scope,
}

impl Settling<'_> {
    /// What it is about.
    async fn find(&self) -> Result<Found, ProviderError> {
        let mut found = find(self.client, self.context).await?;
        found.managed.retain(|m| concerns(&self.scope, m));
        // Asked for by people, and not by another composite; with a provider those go that have something of its kinds.
        let managed = &found.managed;
        found.composites.retain(|c| match &self.scope {
            Scope::All => true,
            Scope::Groups(_) => managed
                .iter()
                .any(|m| owner(m).is_some_and(|o| o["uid"] == c["metadata"]["uid"])),
            Scope::Composites(group, kind) => is_of(c, group, kind),
            Scope::Namespace(name) => c["metadata"]["namespace"] == name.as_str(),
        });
        Ok(found)
    }

    /// What they stand for stays when they go.
    async fn let_go(&self, managed: &[&Json]) -> Result<(), ProviderError> {
        let change = json!({ "spec": { "managementPolicies": ALL_BUT_DELETE } });
        let all = managed
            .iter()
            .map(|m| patch(self.client, self.context, m, &change));
        try_join_all(all).await.map(|_| ())
    }

    /// Lifts the protection of what is to go: where somebody has asked for it, there; else it would be put back. Waits until the cloud has
    /// heard of it.
    async fn unprotect(&self, found: &Found) -> Result<(), ProviderError> {
        let asked = found
            .composites
            .iter()
            .filter(|c| c["spec"]["deletionProtection"] == true);
        let change = json!({ "spec": { "deletionProtection": false } });
        try_join_all(asked.map(|c| patch(self.client, self.context, c, &change))).await?;
        let alone = found.managed.iter().filter(|m| owner(m).is_none());
        let lifted = alone.filter_map(|m| Some((m, lifted(m)?)));
        let lifted: Vec<(&Json, Json)> = lifted.collect();
        try_join_all(
            lifted
                .iter()
                .map(|(m, change)| patch(self.client, self.context, m, change)),
        )
        .await?;
        self.wait(|managed| {
            let protected = managed.iter().find(|m| {
                let protected = is_protected(&m["status"]["atProvider"]) || is_held(m);
                protected && !apply::is_leaving(m)
            })?;
            Some(format!(
                "waiting until {} may be deleted{}",
                in_words(protected),
                trouble(protected)
            ))
        })
        .await
    }

    async fn delete(&self, objects: &[Json]) -> Result<(), ProviderError> {
        let settings = Settings {
            propagation: "Background".to_owned(),
            delete: LIMIT,
            ..Settings::default()
        };
        let all = objects.iter().map(|object| async {
            let reference = apply::reference(object)?;
            let uid = object["metadata"]["uid"].as_str();
            let (client, context, operation) = (self.client, self.context, self.operation);
            deletion::delete(client, context, operation, &reference, uid, &settings).await
        });
        try_join_all(all).await.map(|_| ())
    }

    /// Waits as long as something of the managed resources says so.
    async fn wait(
        &self,
        holds: impl Fn(&[Json]) -> Option<String> + Send + Sync,
    ) -> Result<(), ProviderError> {
        until(self.context, self.operation, apply::pace(LIMIT), || async {
            Ok(match holds(&self.find().await?.managed) {
                Some(why) => Progress::Pending(why),
                None => Progress::Done(()),
            })
        })
        .await
    }
}

/// Whether a managed resource goes with a part of Crossplane.
fn concerns(scope: &Scope, managed: &Json) -> bool {
    match scope {
        Scope::All => true,
        Scope::Namespace(name) => managed["metadata"]["namespace"] == name.as_str(),
        Scope::Groups(groups) => groups.iter().any(|g| group_of(managed) == g),
        Scope::Composites(group, kind) => owner(managed).is_some_and(|o| is_of(o, group, kind)),
    }
}

fn group_of(object: &Json) -> &str {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    version.split_once('/').map_or("", |(group, _)| group)
}

fn is_of(object: &Json, group: &str, kind: &str) -> bool {
    group_of(object) == group && object["kind"] == kind
}

/// The composite that a managed resource was made for.
fn owner(managed: &Json) -> Option<&Json> {
    let owners = managed["metadata"]["ownerReferences"].as_array()?;
    owners.iter().find(|o| o["controller"] == true)
}

/// Whether there is something in the cloud that it stands for, or may be.
fn stands_for_something(managed: &Json) -> bool {
    let annotations = &managed["metadata"]["annotations"];
    let seen = managed["status"]["atProvider"]["id"].is_string();
    seen || BEGUN.iter().any(|name| annotations[*name].is_string())
}

/// Whether what it stands for would stay when it goes, until its composite says otherwise.
fn is_held(managed: &Json) -> bool {
    owner(managed).is_some() && managed["metadata"]["annotations"][HELD] == "true"
}

fn is_protected(settings: &Json) -> bool {
    PROTECTIONS
        .iter()
        .any(|p| settings.pointer(p) == Some(&Json::Bool(true)))
}

/// The change that lifts the protection of what is protected.
fn lifted(managed: &Json) -> Option<Json> {
    let settings = &managed["spec"]["forProvider"];
    if !is_protected(settings) {
        return None;
    }
    let mut change = json!({});
    if settings.pointer(PROTECTIONS[0]) == Some(&Json::Bool(true)) {
        change["deletionProtection"] = json!(false);
    }
    if settings.pointer(PROTECTIONS[1]) == Some(&Json::Bool(true)) {
        change["settings"] = json!({ "deletionProtectionEnabled": false });
    }
    Some(json!({ "spec": { "forProvider": change } }))
}

/// What a managed resource says that is wrong.
fn trouble(managed: &Json) -> String {
    let conditions = managed["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    let mut wrong = conditions
        .filter(|c| c["status"] == "False")
        .filter_map(|c| c["message"].as_str());
    wrong
        .find(|m| !m.is_empty())
        .map_or_else(String::new, |m| format!(": {m}"))
}

/// `Bucket shop/assets-bucket of s3.aws.m.upbound.io (shop-main-crossplane-…)`
fn told(managed: &Json) -> Made {
    let name = managed["metadata"]["annotations"][EXTERNAL].as_str();
    let name = name.map_or_else(String::new, |n| format!(" ({n})"));
    let id = managed["status"]["atProvider"]["id"].as_str();
    Made {
        told: format!("{} of {}{name}", in_words(managed), group_of(managed)),
        id: id.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::implied;

    fn of(manifest: Json) -> Option<Scope> {
        scope(
            "kubernetes_manifest",
            &implied(&json!({ "manifest": manifest })),
        )
    }

    #[test]
    fn it_is_known_what_goes_with_a_part_of_crossplane() {
        let provider = |name: &str| json!({ "apiVersion": "pkg.crossplane.io/v1", "kind": "Provider", "metadata": { "name": name } });
        let s3 = Scope::Groups(vec![
            "s3.aws.m.upbound.io".into(),
            "s3.aws.upbound.io".into(),
        ]);
        assert_eq!(of(provider("provider-aws-s3")), Some(s3.clone()));
        for all in [
            "provider-aws",
            "provider-family-aws",
            "provider-kubernetes",
            "somebodys",
        ] {
            assert_eq!(of(provider(all)), Some(Scope::All), "{all}");
        }
        let definition = json!({
            "apiVersion": "apiextensions.crossplane.io/v2", "kind": "CompositeResourceDefinition",
            "spec": { "group": "platform.infra", "names": { "kind": "Bucket", "plural": "buckets" } },
        });
        let buckets = Scope::Composites("platform.infra".into(), "Bucket".into());
        assert_eq!(of(definition), Some(buckets.clone()));
        assert_eq!(
            of(
                json!({ "apiVersion": "pkg.crossplane.io/v1", "kind": "Function", "metadata": { "name": "f" } })
            ),
            Some(Scope::All)
        );
        let composition = json!({
            "apiVersion": "apiextensions.crossplane.io/v1", "kind": "Composition",
            "spec": { "compositeTypeRef": { "apiVersion": "platform.infra/v1", "kind": "Bucket" } },
        });
        assert_eq!(of(composition), Some(buckets.clone()));
        let namespace = implied(&json!({ "metadata": [{ "name": "shop" }] }));
        let shop = Some(Scope::Namespace("shop".to_owned()));
        assert_eq!(scope("kubernetes_namespace", &namespace), shop);
        assert_eq!(
            scope("helm_release", &implied(&json!({ "chart": "crossplane" }))),
            Some(Scope::All)
        );
        assert_eq!(
            scope("helm_release", &implied(&json!({ "chart": "loki" }))),
            None
        );

        let managed = json!({
            "apiVersion": "s3.aws.m.upbound.io/v1beta1", "kind": "Bucket",
            "metadata": { "name": "a", "namespace": "shop", "ownerReferences": [
                { "apiVersion": "platform.infra/v1", "kind": "Bucket", "controller": true },
            ] },
        });
        let of_another = Scope::Composites("platform.infra".into(), "Database".into());
        assert!(
            concerns(&s3, &managed)
                && concerns(&buckets, &managed)
                && concerns(&Scope::All, &managed)
        );
        assert!(!concerns(&of_another, &managed) && !concerns(&of_provider_of_rds(), &managed));
    }

    fn of_provider_of_rds() -> Scope {
        of_provider("provider-aws-rds")
    }

    #[test]
    fn what_was_never_made_is_not_left_behind() {
        let managed = |annotation: &str, id: Json| {
            let annotations = json!({ annotation: "2026-01-01T00:00:00Z" });
            json!({ "metadata": { "annotations": annotations }, "status": { "atProvider": { "id": id } } })
        };
        assert!(!stands_for_something(&managed(EXTERNAL, Json::Null)));
        assert!(stands_for_something(&managed(BEGUN[0], Json::Null)));
        assert!(stands_for_something(&managed(EXTERNAL, json!("bucket"))));
    }

    #[test]
    fn protections_are_lifted_where_they_are() {
        let managed = |settings: Json| json!({ "spec": { "forProvider": settings } });
        assert_eq!(
            lifted(&managed(json!({ "deletionProtection": false }))),
            None
        );
        let both = json!({ "deletionProtection": true, "settings": { "deletionProtectionEnabled": true, "tier": "x" } });
        let change = json!({ "deletionProtection": false, "settings": { "deletionProtectionEnabled": false } });
        assert_eq!(lifted(&managed(both)), Some(managed(change)));
    }

    /// Where the cloud has no protection, the object says that what it stands for stays: a deletion waits until its composite lifts that.
    #[test]
    fn what_is_not_deleted_with_its_object_is_waited_for() {
        let owned = |mark: &str| {
            json!({ "metadata": {
                "annotations": { "platform.infra/deletion-protection": mark },
                "ownerReferences": [{ "kind": "Database", "controller": true }],
            } })
        };
        assert!(is_held(&owned("true")) && !is_held(&owned("false")));
        // What nobody has asked for is nobody's to lift.
        let mut alone = owned("true");
        alone["metadata"]["ownerReferences"] = json!([]);
        assert!(!is_held(&alone) && !is_held(&json!({ "metadata": {} })));
    }
}
