//! The copy: which part of the stack it is, and what a plan of it must not do. Whatever is the real stack's is only read.

use crate::commands::harden::restore::is_database;
use crate::error::CommandError;
use infra_engine::{Change, ChangeAction, Plan};
use infra_model::Value;
use infra_model::address::{Address, ScopePath};
use infra_model::codes::Code;
use infra_model::json::to_json;
use infra_model::program::Program;
use infra_state::State;
use std::collections::BTreeSet;

/// The program of a copy: what the stack file says about what is there already is about the real one, and its outputs and checks may
/// look at what a copy is without.
pub(super) fn of(mut program: Program) -> Program {
    program.imports.clear();
    program.moved.clear();
    program.removed.clear();
    program.handed_over.clear();
    program.outputs.clear();
    program.checks.clear();
    program
}

/// What stands in the stack file, as components or resources, and has no part in a plan.
pub(super) fn left_out(program: &Program, plan: &Plan) -> Vec<String> {
    let made: BTreeSet<String> = plan.changes.iter().map(|c| top(&c.address)).collect();
    let components = program
        .components
        .iter()
        .filter(|c| c.parent.is_root())
        .map(|c| c.scope().to_string());
    let own = program
        .blocks
        .iter()
        .filter(|b| b.address.scope.is_root() && b.address.mode == infra_model::Mode::Managed)
        .map(|b| b.address.to_string());
    let all: BTreeSet<String> = components.chain(own).collect();
    all.into_iter()
        .filter(|name| !made.contains(name))
        .collect()
}

/// The component or module of the stack file that an address is in; else the block itself.
fn top(address: &Address) -> String {
    match address.block.scope.steps().first() {
        Some(step) => ScopePath::root().join(step.clone()).to_string(),
        None => address.block.to_string(),
    }
}

/// Refuses a plan that would do more than make what is the copy's own. `begun`: an earlier drill was interrupted, and what it has made
/// may be put right.
pub(super) fn check(plan: &Plan, real: &State, begun: bool) -> Result<(), CommandError> {
    let wrong: Vec<String> = plan
        .changes
        .iter()
        .filter(|c| !c.untouched)
        .filter_map(|change| offence(change, real, begun))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(CommandError::hint(
        Code::Usage,
        format!(
            "this drill is not safe, and nothing was done:\n  {}",
            wrong.join("\n  ")
        ),
        "name what is the copy's own by ${stack.instance}, or leave what the cluster does not need out of its tables; what an earlier drill left goes by `infra destroy --instance drill`",
    ))
}

fn offence(change: &Change, real: &State, begun: bool) -> Option<String> {
    let address = &change.address;
    let type_name = &*change.address.block.type_name;
    match change.action {
        ChangeAction::NoOp | ChangeAction::Read if change.importing.is_none() => return None,
        ChangeAction::Create if change.importing.is_none() => {}
        ChangeAction::Update | ChangeAction::DeleteThenCreate | ChangeAction::CreateThenDelete
            if begun && change.importing.is_none() => {}
        _ => return Some(format!("{address} is not made by it")),
    }
    if is_record(type_name) {
        return Some(format!(
            "{address} is a DNS record, which would lead people to the copy"
        ));
    }
    if type_name == "kubernetes_config_repository" {
        return Some(format!("{address} writes to a repository"));
    }
    let after = change.after.as_ref()?;
    if change.action == ChangeAction::Update && begins(after) {
        return Some(format!("{address} was recovered otherwise"));
    }
    let taken = taken(type_name, after, real)?;
    Some(format!("{address} has the name of the real {taken}"))
}

/// Whether a resource is a database: what it begins as is decided when it is made.
fn begins(after: &Value) -> bool {
    let manifest = after.get("manifest").map(|m| to_json(&m.unmark_deep()));
    manifest.is_some_and(|manifest| is_database(&manifest))
}

/// Whether a type is a record of DNS.
fn is_record(type_name: &str) -> bool {
    let azure = |head: &str| type_name.starts_with(head) && type_name.ends_with("_record");
    ["aws_route53_record", "google_dns_record_set"].contains(&type_name)
        || azure("azurerm_dns_")
        || azure("azurerm_private_dns_")
}

/// Attributes that may be what a cloud knows an object by.
const NAMES: [&str; 5] = ["id", "bucket", "name", "identifier", "filename"];

/// What a project has once, for all that is in it: making it again takes what is there, and it stays when it is taken away.
const SHARED: [&str; 1] = ["google_project_service_identity"];

/// What of the real stack's has the same name. Inside of clusters the same names are others.
fn taken<'s>(type_name: &str, after: &Value, real: &'s State) -> Option<&'s Address> {
    let inside = type_name.starts_with("kubernetes_") || type_name.starts_with("helm_");
    if inside || SHARED.contains(&type_name) {
        return None;
    }
    let known = |name: &str| after.get(name).and_then(|v| v.as_str().map(str::to_owned));
    let names: Vec<(&str, String)> = NAMES
        .into_iter()
        .filter_map(|name| Some((name, known(name)?)))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let mut all = real.resources.iter();
    let found = all.find(|(address, resource)| {
        let same = |(name, text): &(&str, String)| {
            resource.id == *text
                || *name == "filename" && resource.attributes[name] == text.as_str()
        };
        *address.block.type_name == *type_name && names.iter().any(same)
    });
    found.map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::address::ProviderAddress;
    use infra_state::{ResourceState, World};
    use serde_json::{Value as Json, json};
    use std::sync::Arc;

    fn change(address: &str, action: ChangeAction, after: &Json) -> Change {
        let after = infra_model::json::implied(after);
        crate::render::tests::change(address, action, None, Some(after))
    }

    fn real() -> State {
        let mut state = State::empty("lineage", "stacks/prod.toml", World::Cloud);
        for (address, id, attributes) in [
            (
                "bucket.backups.aws_s3_bucket.this",
                "acme-backups",
                json!({}),
            ),
            (
                "cluster.main.google_project_service_identity.this",
                "projects/acme/services/container.googleapis.com",
                json!({}),
            ),
            (
                "local_file.readme",
                "sum",
                json!({ "filename": "./README" }),
            ),
            (
                "hardening.main.kubernetes_namespace.shop",
                "shop",
                json!({}),
            ),
        ] {
            let address: Address = address.parse().expect("an address");
            let resource = ResourceState {
                provider: ProviderAddress::of_type(&address.block.type_name).expect("a provider"),
                provider_config: Arc::new(json!({})),
                schema_version: 0,
                attributes,
                sensitive_paths: Vec::new(),
                dependencies: Vec::new(),
                create_before_destroy: false,
                tainted: false,
                deposed: std::collections::BTreeMap::new(),
                private: None,
                id: id.to_owned(),
            };
            state.resources.insert(address, Arc::new(resource));
        }
        state
    }

    #[test]
    fn a_copy_makes_only_what_is_its_own() {
        use ChangeAction::{Create, Delete, Forget, NoOp, Update};
        let real = real();
        let bucket = "bucket.backups.aws_s3_bucket.this";
        for (address, action, after, begun, words) in [
            (
                bucket,
                Create,
                json!({ "bucket": "acme-backups" }),
                false,
                "has the name of the real",
            ),
            (
                bucket,
                Create,
                json!({ "bucket": "prod-drill-backups" }),
                false,
                "",
            ),
            (bucket, NoOp, json!({ "bucket": "acme-backups" }), true, ""),
            (
                bucket,
                Update,
                json!({ "bucket": "prod-drill" }),
                false,
                "is not made by it",
            ),
            (bucket, Update, json!({ "bucket": "prod-drill" }), true, ""),
            (bucket, Delete, json!({}), true, "is not made by it"),
            (bucket, Forget, json!({}), true, "is not made by it"),
            (
                "local_file.other",
                Create,
                json!({ "filename": "./README" }),
                false,
                "has the name",
            ),
            (
                "hardening.main.kubernetes_namespace.shop",
                Create,
                json!({ "id": "shop" }),
                false,
                "",
            ),
            (
                "hardening.main.kubernetes_manifest.cluster_shop_postgres",
                Update,
                json!({ "manifest": { "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster" } }),
                true,
                "was recovered otherwise",
            ),
            (
                "cluster.main.google_project_service_identity.this",
                Create,
                json!({ "id": "projects/acme/services/container.googleapis.com" }),
                false,
                "",
            ),
            (
                "aws_route53_record.www",
                Create,
                json!({}),
                false,
                "is a DNS record",
            ),
            (
                "hardening.main.google_dns_record_set.host",
                Create,
                json!({}),
                false,
                "is a DNS record",
            ),
            (
                "hardening.main.azurerm_dns_a_record.host",
                Create,
                json!({}),
                false,
                "is a DNS record",
            ),
            (
                "hardening.main.kubernetes_config_repository.platform",
                Create,
                json!({}),
                false,
                "writes to a repository",
            ),
        ] {
            let told = offence(&change(address, action, &after), &real, begun).unwrap_or_default();
            assert_eq!(told.is_empty(), words.is_empty(), "{address}: {told}");
            assert!(told.contains(words), "{address}: {told}");
        }
        let mut imported = change(bucket, NoOp, &json!({}));
        imported.importing = Some("acme-backups".to_owned());
        assert!(offence(&imported, &real, true).is_some());
    }

    #[test]
    fn what_is_in_a_component_is_told_by_it() {
        for (address, told) in [
            ("bucket.backups.aws_s3_bucket.this", "bucket.backups"),
            ("module.q.bucket.backups.aws_s3_bucket.this", "module.q"),
            ("aws_vpc.main", "aws_vpc.main"),
        ] {
            let address: Address = address.parse().expect("an address");
            assert_eq!(top(&address), told);
        }
    }
}
