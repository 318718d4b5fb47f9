//! Service Usage: which APIs of a project are enabled. All that are served here are, until a client disables them.

use serde_json::{Value, json};

use super::context::{Ctx, Input, project_number, text};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use super::{agents, lro};
use crate::http::HttpReply;
use crate::latency::Work;

/// States that clients have set, by the full name of the service in the project.
const STATES: &str = "serviceusage.services";

/// APIs that are enabled from the beginning.
const ENABLED: [&str; 14] = [
    "artifactregistry.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "serviceusage.googleapis.com",
    "sqladmin.googleapis.com",
    "storage-api.googleapis.com",
    "storage.googleapis.com",
];

fn id(project: &str, service: &str) -> String {
    format!("projects/{project}/services/{service}")
}

fn state(ctx: &Ctx<'_>, project: &str, service: &str) -> String {
    match ctx.get(STATES, &id(project, service)) {
        Some(item) => text(item.at(ctx.now), "/state").to_owned(),
        None if ENABLED.contains(&service) => "ENABLED".to_owned(),
        None => "DISABLED".to_owned(),
    }
}

/// Whether a service has heard by now that a project uses it. Nothing but late access asks: all that are served are used otherwise.
pub(crate) fn reached(ctx: &Ctx<'_>, project: &str, service: &str) -> bool {
    let Some(item) = ctx.get(STATES, &id(project, service)) else {
        return true;
    };
    let since = item.hidden["since"].as_i64().unwrap_or_default();
    !ctx.frame.pace.is_late()
        || state(ctx, project, service) == "ENABLED" && ctx.frame.pace.knows(since, ctx.now)
}

/// Whether a project uses a service.
pub(crate) fn is_enabled(ctx: &Ctx<'_>, project: &str, service: &str) -> bool {
    state(ctx, project, service) == "ENABLED"
}

fn show(ctx: &Ctx<'_>, project: &str, service: &str) -> Value {
    let parent = format!("projects/{}", project_number(project));
    json!({
        "name": format!("{parent}/services/{service}"), "parent": parent,
        "config": { "name": service, "title": service },
        "state": state(ctx, project, service),
    })
}

fn check_name(service: &str) -> GoogleResult<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if service.ends_with(".googleapis.com") && service.chars().all(good) {
        return Ok(());
    }
    let message = format!("Not found or permission denied for service(s): {service}.");
    Err(GoogleError::new(
        403,
        "forbidden",
        "PERMISSION_DENIED",
        message,
    ))
}

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if input.method.resource == "operations" {
        return lro::get(ctx, &format!("operations/{}", input.name()));
    }
    let project = input.project().to_owned();
    let service = input.name().to_owned();
    match input.method.verb {
        "get" => {
            check_name(&service)?;
            Ok(HttpReply::json(200, &show(ctx, &project, &service)))
        }
        "batchGet" => {
            let names = input
                .request
                .query
                .iter()
                .filter(|(name, _)| name == "names");
            let rows: Vec<_> = names
                .map(|(_, name)| show(ctx, &project, super::item::short(name)))
                .collect();
            Ok(HttpReply::json(200, &json!({ "services": rows })))
        }
        "list" => list(ctx, input, &project),
        "enable" => switch(ctx, &project, vec![service], "ENABLED"),
        "disable" => switch(ctx, &project, vec![service], "DISABLED"),
        "batchEnable" => {
            let names = input.body["serviceIds"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let names: Vec<_> = names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect();
            if names.is_empty() || names.len() > 20 {
                return Err(GoogleError::bad(
                    "Between 1 and 20 services can be enabled at once.",
                ));
            }
            switch(ctx, &project, names, "ENABLED")
        }
        _ => {
            check_name(&service)?;
            let response = agents::generate(ctx, &project, &service)?;
            let name = format!("operations/finished.{}", ctx.uuid());
            // It is done when it is answered.
            lro::begin(ctx, &name, "serviceusage", Value::Null, response, ctx.now);
            lro::get(ctx, &name)
        }
    }
}

fn list(ctx: &Ctx<'_>, input: &Input<'_>, project: &str) -> GoogleResult<HttpReply> {
    let mut names: Vec<String> = ENABLED.iter().map(|name| (*name).to_owned()).collect();
    let set = ctx.list(STATES, &format!("projects/{project}/services/"));
    names.extend(set.iter().map(|item| item.short().to_owned()));
    names.sort();
    names.dedup();
    let wanted = match input.query("filter") {
        None => None,
        Some("state:ENABLED") => Some("ENABLED"),
        Some("state:DISABLED") => Some("DISABLED"),
        Some(filter) => return Err(GoogleError::bad(format!("Invalid filter: {filter}"))),
    };
    let rows = names
        .iter()
        .map(|name| show(ctx, project, name))
        .filter(|row| wanted.is_none_or(|wanted| row["state"] == wanted))
        .collect();
    let answer = json!({ "services": [] });
    let answer = input.paged(answer, "services", rows, input.size("pageSize", 50))?;
    Ok(HttpReply::json(200, &answer))
}

fn switch(
    ctx: &mut Ctx<'_>,
    project: &str,
    names: Vec<String>,
    to: &str,
) -> GoogleResult<HttpReply> {
    let done = ctx.due(Work::ServiceEnable);
    for service in &names {
        check_name(service)?;
        let id = id(project, service);
        let before = state(ctx, project, service);
        let mut item = ctx.get(STATES, &id).map_or_else(
            || Item::new(id.clone(), json!({ "state": before })),
            |item| item.edit(),
        );
        let after = (!ctx.fails()).then(|| (json!({ "state": to }), Vec::new()));
        item.become_at(after, done, ctx.now);
        item.hidden = json!({ "since": done });
        // What was disabled counts as what it was at the beginning.
        item.listed = None;
        if to == "ENABLED" && !ENABLED.contains(&service.as_str()) {
            item.list_as("google_project_service", "", None);
        }
        ctx.put(STATES, item, None);
    }
    let rows: Vec<_> = names
        .iter()
        .map(|service| {
            let mut row = show(ctx, project, service);
            row["state"] = to.into();
            if let Some(members) = row.as_object_mut() {
                members.remove("config");
            }
            row
        })
        .collect();
    let verb = if to == "ENABLED" { "Enable" } else { "Disable" };
    let kind =
        |name: &str| format!("type.googleapis.com/google.api.serviceusage.v1.{name}Response");
    let response = match rows.as_slice() {
        [row] => json!({ "@type": kind(&format!("{verb}Service")), "service": row }),
        rows => json!({ "@type": kind("BatchEnableServices"), "services": rows }),
    };
    let name = format!(
        "operations/acf.p2-{}-{}",
        project_number(project),
        ctx.uuid()
    );
    let metadata = json!({
        "@type": "type.googleapis.com/google.api.serviceusage.v1.OperationMetadata",
        "resourceNames": names.iter().map(|name| id(&project_number(project), name)).collect::<Vec<_>>(),
    });
    Ok(lro::begin(
        ctx,
        &name,
        "serviceusage",
        metadata,
        response,
        done,
    ))
}
