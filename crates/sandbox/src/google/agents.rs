//! Service agents: the accounts by which Google's services act in a project (<https://cloud.google.com/iam/docs/service-agents>). Some are
//! there since their API was enabled; the others come when they are asked for or when the service first needs them, and until then
//! policies refuse them (<https://cloud.google.com/iam/docs/create-service-agents>). None ever goes.

use serde_json::{Value, json};

use super::context::{Ctx, project_number, text};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use super::{services, sql};

/// The agents that were made, by address.
const AGENTS: &str = "iam.serviceAgents";

/// Agents whose domain is not `gcp-sa-` and the service's name.
const DOMAINS: [(&str, &str); 9] = [
    ("compute", "compute-system"),
    ("container", "container-engine-robot"),
    ("containerregistry", "containerregistry"),
    ("dataproc", "dataproc-accounts"),
    ("redis", "cloud-redis"),
    ("run", "serverless-robot-prod"),
    ("servicenetworking", "service-networking"),
    ("sqladmin", "gcp-sa-cloud-sql"),
    ("storage", "gs-project-accounts"),
];

/// Services whose agents are made when the API is enabled.
const AT_ONCE: [&str; 2] = ["compute", "container"];

/// Services that can be asked for an agent, and tell no address.
const SILENT: [&str; 2] = ["logging", "storage"];

fn short(service: &str) -> &str {
    service.trim_end_matches(".googleapis.com")
}

/// The address of a service's agent.
pub(crate) fn address(project: &str, service: &str) -> String {
    let service = short(service);
    let number = project_number(project);
    match DOMAINS.iter().find(|(name, _)| *name == service) {
        Some((_, domain)) => format!("service-{number}@{domain}.iam.gserviceaccount.com"),
        None => format!("service-{number}@gcp-sa-{service}.iam.gserviceaccount.com"),
    }
}

/// A service's agent, which is made if it is not there.
pub(crate) fn make(ctx: &mut Ctx<'_>, project: &str, service: &str) -> Item {
    let email = address(project, service);
    if let Some(item) = ctx.get(AGENTS, &email) {
        return item.edit();
    }
    let doc = json!({ "email": email, "uniqueId": format!("10{}", ctx.number()) });
    let item = Item::new(email, doc);
    ctx.put(AGENTS, item.clone(), None);
    item
}

/// What `generateServiceIdentity` answers.
pub(crate) fn generate(ctx: &mut Ctx<'_>, project: &str, service: &str) -> GoogleResult<Value> {
    if !services::is_enabled(ctx, project, service) {
        return Err(GoogleError::precondition(format!(
            "Failed precondition when calling the ServiceConsumerManager: Consumer {} should enable service:{service} before generating a service account.",
            project_number(project)
        )));
    }
    if short(service) == "compute" {
        return Err(GoogleError::bad(format!(
            "Service {service} has not been configured for service identities."
        )));
    }
    let mut answer =
        json!({ "@type": "type.googleapis.com/google.api.serviceusage.v1beta1.ServiceIdentity" });
    if !SILENT.contains(&short(service)) {
        let agent = make(ctx, project, service);
        answer["email"] = agent.doc["email"].clone();
        answer["uniqueId"] = agent.doc["uniqueId"].clone();
    }
    Ok(answer)
}

/// Whether an address is that of an account of Google's own which is there; none when it is not of that kind.
pub(crate) fn exists(ctx: &Ctx<'_>, email: &str) -> Option<bool> {
    let (name, domain) = email.split_once('@')?;
    if domain.ends_with(".gserviceaccount.com") && !domain.ends_with(".iam.gserviceaccount.com") {
        return Some(true);
    }
    let domain = domain.strip_suffix(".iam.gserviceaccount.com")?;
    let of_service = DOMAINS.iter().find(|(_, agents)| *agents == domain);
    if of_service.is_none() && !domain.starts_with("gcp-sa-") {
        return None;
    }
    if ctx.get(AGENTS, email).is_some() {
        return Some(true);
    }
    if let Some((number, _)) = name.strip_prefix('p').and_then(|rest| rest.split_once('-')) {
        // An instance of Cloud SQL has an account of its own.
        let instances = ctx.list(
            sql::INSTANCES,
            &format!("projects/{}/instances/", ctx.project_id(number)),
        );
        let has = |item: &Item| text(&item.doc, "/serviceAccountEmailAddress") == email;
        return Some(instances.iter().any(|item| has(item)));
    }
    let number = name.strip_prefix("service-").unwrap_or_default();
    let at_once = of_service.filter(|(service, _)| AT_ONCE.contains(service));
    Some(at_once.is_some_and(|(service, _)| {
        let service = format!("{service}.googleapis.com");
        services::is_enabled(ctx, &ctx.project_id(number), &service)
    }))
}
