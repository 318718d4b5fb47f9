//! Instances.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, fingerprint, merge, project_number, text, without_nulls};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::super::{agents, kms, peering, places};
use super::{
    INSTANCES, backup, base, database, find, find_idle, invalid, operation, settings, user,
};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;
use crate::latency::Work;

/// What a client may send of an instance that is there; the rest of what it read is not looked at.
const CHANGEABLE: [&str; 7] = [
    "settings",
    "databaseVersion",
    "maintenanceVersion",
    "region",
    "name",
    "project",
    "instanceType",
];

/// Answers a request.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    match input.method.verb {
        "insert" => insert(ctx, input),
        "get" => {
            let item = find(ctx, input)?;
            Ok(HttpReply::json(200, &show(ctx, input, &item)))
        }
        "list" => list(ctx, input),
        "patch" => {
            let item = find_idle(ctx, input)?;
            let mut doc = item.doc.clone();
            let mut body = input.body.clone();
            if let Some(members) = body.as_object_mut() {
                members.retain(|name, _| CHANGEABLE.contains(&name.as_str()));
            }
            merge(&mut doc, &body);
            change(ctx, input, item, doc)
        }
        "update" => {
            let item = find_idle(ctx, input)?;
            let mut doc = item.doc.clone();
            let mut body = input.body.clone();
            without_nulls(&mut body);
            if body["settings"].is_object() {
                doc["settings"] = body["settings"].clone();
            }
            for field in ["databaseVersion", "region", "maintenanceVersion", "name"] {
                if !body[field].is_null() {
                    doc[field] = body[field].clone();
                }
            }
            change(ctx, input, item, doc)
        }
        "delete" => delete(ctx, input),
        "getLatestRecoveryTime" => backup::times(ctx, input),
        _ => {
            let item = find_idle(ctx, input)?;
            let done = ctx.due(Work::CloudSqlUpdate);
            Ok(operation::begin(
                ctx,
                input,
                item.short(),
                "RESTART",
                "",
                done,
            ))
        }
    }
}

fn check_name(name: &str, project: &str) -> GoogleResult<()> {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && project.len() + name.len() <= 98;
    if good {
        return Ok(());
    }
    Err(GoogleError::new(
        400,
        "invalidInstanceName",
        "INVALID_ARGUMENT",
        format!("Invalid instance name ({name})."),
    ))
}

fn insert(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let mut body = input.body.clone();
    without_nulls(&mut body);
    let project = input.project().to_owned();
    let name = text(&body, "/name").to_owned();
    if name.is_empty() {
        return Err(GoogleError::required("name"));
    }
    check_name(&name, &project)?;
    let id = format!("projects/{project}/instances/{name}");
    if ctx.get(INSTANCES, &id).is_some() {
        return Err(GoogleError::new(
            409,
            "instanceAlreadyExists",
            "ALREADY_EXISTS",
            "The Cloud SQL instance already exists.",
        ));
    }
    if ctx
        .list(INSTANCES, &format!("projects/{project}/instances/"))
        .len()
        >= 100
    {
        let message = "Quota 'INSTANCES' exceeded. Limit: 100.";
        return Err(GoogleError::new(
            403,
            "quotaExceeded",
            "RESOURCE_EXHAUSTED",
            message,
        ));
    }
    let version = match text(&body, "/databaseVersion") {
        "" => "MYSQL_8_0",
        version => version,
    }
    .to_owned();
    let installed = settings::installed(&version)
        .ok_or_else(|| invalid(format!("Invalid databaseVersion \"{version}\"")))?;
    let region = match text(&body, "/region") {
        "" => "us-central1",
        region => region,
    }
    .to_owned();
    if !places::is_region(&region) {
        return Err(GoogleError::new(
            400,
            "invalidRegion",
            "INVALID_ARGUMENT",
            format!("Invalid region ({region})."),
        ));
    }
    if !body["settings"].is_object() {
        return Err(GoogleError::required("settings"));
    }
    let mut options = body["settings"].as_object().cloned().unwrap_or_default();
    let mut links = settings::settle(ctx, &project, &name, &version, &region, &mut options)?;
    options.insert("settingsVersion".into(), "1".into());
    let key = text(&body, "/diskEncryptionConfiguration/kmsKeyName");
    if !key.is_empty() {
        if ctx.get(kms::KEYS, key).is_none() {
            return Err(invalid(format!("KMS key \"{key}\" does not exist")));
        }
        // In the words of Cloud KMS itself, as reported in https://github.com/hashicorp/terraform-provider-google/issues/15415.
        if !kms::usable(ctx, key, "gcp-sa-cloud-sql") {
            return Err(GoogleError::forbidden(format!(
                "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '{key}' (or it may not exist)."
            )));
        }
        links.push(key.to_owned());
    }
    let mut doc = body.as_object().cloned().unwrap_or_default();
    doc.insert("settings".into(), Value::Object(options));
    doc.insert("databaseVersion".into(), version.clone().into());
    doc.insert("region".into(), region.clone().into());
    fill(ctx, &mut doc, &project, &name, installed);
    let done = ctx.due(Work::CloudSqlCreate);
    let mut item = Item::new(id.clone(), Value::Object(doc));
    item.links = links;
    item.ready_at = done;
    item.hidden = json!({ "failed": ctx.fails() });
    item.list_as("google_sql_database_instance", &region, None);
    let labels = item.doc["settings"]["userLabels"].clone();
    ctx.put(INSTANCES, item, Some(&labels));
    agents::make(ctx, &project, "sqladmin");
    database::initial(ctx, &id, &version);
    user::initial(ctx, &id, &version);
    Ok(operation::begin(ctx, input, &name, "CREATE", "", done))
}

/// What the server decides.
fn fill(
    ctx: &mut Ctx<'_>,
    doc: &mut Map<String, Value>,
    project: &str,
    name: &str,
    installed: &str,
) {
    let hex = ctx.hex(32);
    let public = super::super::compute::address_of(&hex);
    let postgres = installed.starts_with("POSTGRES");
    let options = doc["settings"].clone();
    let mut addresses = Vec::new();
    if options["ipConfiguration"]["ipv4Enabled"] == true {
        addresses.push(json!({ "type": "PRIMARY", "ipAddress": public }));
        if postgres {
            addresses.push(json!({ "type": "OUTGOING", "ipAddress": super::super::compute::address_of(&hex[6..]) }));
        }
    }
    let network = text(&options, "/ipConfiguration/privateNetwork");
    if let Some(address) = private_address(ctx, network, &hex) {
        addresses.push(json!({ "type": "PRIVATE", "ipAddress": address }));
    }
    let region = doc["region"].as_str().unwrap_or_default().to_owned();
    let gemini = if postgres {
        json!({ "entitled": false, "activeQueryEnabled": false, "googleVacuumMgmtEnabled": false, "indexAdvisorEnabled": false, "oomSessionCancelEnabled": false })
    } else {
        json!({ "entitled": false, "activeQueryEnabled": false, "flagRecommenderEnabled": true, "indexAdvisorEnabled": false })
    };
    let year = 365 * 24 * 3_600_000;
    let certificate = crate::certificate::pem(&hex);
    doc.remove("rootPassword");
    for (field, value) in [
        ("kind", json!("sql#instance")),
        ("backendType", json!("SECOND_GEN")),
        ("instanceType", json!("CLOUD_SQL_INSTANCE")),
        ("project", json!(project)),
        (
            "connectionName",
            json!(format!("{project}:{region}:{name}")),
        ),
        ("createTime", json!(iso8601_millis(ctx.now))),
        ("databaseInstalledVersion", json!(installed)),
        (
            "maintenanceVersion",
            json!(format!("{installed}.R20251004.01_03")),
        ),
        ("gceZone", options["locationPreference"]["zone"].clone()),
        ("geminiConfig", gemini),
        ("ipAddresses", json!(addresses)),
        ("satisfiesPzi", json!(true)),
        (
            "serviceAccountEmailAddress",
            json!(format!(
                "p{}-{}@gcp-sa-cloud-sql.iam.gserviceaccount.com",
                project_number(project),
                &hex[..6]
            )),
        ),
        ("sqlNetworkArchitecture", json!("NEW_NETWORK_ARCHITECTURE")),
        (
            "serverCaCert",
            json!({
                "kind": "sql#sslCert", "cert": certificate, "certSerialNumber": "0", "instance": name,
                "commonName": "C=US,O=Google\\, Inc,CN=Google Cloud SQL Server CA", "sha1Fingerprint": hex,
                "createTime": iso8601_millis(ctx.now), "expirationTime": iso8601_millis(ctx.now + 10 * year),
            }),
        ),
    ] {
        doc.insert(field.into(), value);
    }
}

/// An address out of the ranges of the network's private connection.
fn private_address(ctx: &Ctx<'_>, network: &str, hex: &str) -> Option<String> {
    let connection = peering::connection(ctx, network)?;
    let range = peering::ranges(ctx, &connection).into_iter().next()?;
    let net: ipnet::Ipv4Net = range.parse().ok()?;
    let at = usize::from_str_radix(&hex[..4], 16).unwrap_or(0) % 1000;
    let count = 1usize << (32 - net.prefix_len()).min(16);
    net.hosts()
        .nth(at % (count.saturating_sub(4)).max(1) + 2)
        .map(|address| address.to_string())
}

fn show(ctx: &Ctx<'_>, input: &Input<'_>, item: &Item) -> Value {
    let mut doc = item.at(ctx.now).clone();
    let state = if item.ready_at > ctx.now {
        "PENDING_CREATE"
    } else if item.hidden["failed"] == true {
        "FAILED"
    } else {
        "RUNNABLE"
    };
    doc["state"] = state.into();
    doc["selfLink"] = format!("{}/instances/{}", base(input), item.short()).into();
    let upgrades = settings::upgrades(text(&doc, "/databaseVersion"));
    if !upgrades.is_empty() {
        doc["upgradableDatabaseVersions"] = upgrades.into();
    }
    if state == "PENDING_CREATE"
        && let Some(members) = doc.as_object_mut()
    {
        members.remove("ipAddresses");
        members.remove("serverCaCert");
    }
    doc["etag"] = fingerprint(&doc).into();
    doc
}

fn list(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let prefix = format!("projects/{}/instances/", input.project());
    let mut rows: Vec<_> = ctx
        .list(INSTANCES, &prefix)
        .iter()
        .map(|item| show(ctx, input, item))
        .collect();
    for test in input.query("filter").unwrap_or_default().split(" AND ") {
        if let Some((path, value)) = test.split_once(':').or(test.split_once('=')) {
            let pointer = format!("/{}", path.trim().replace('.', "/"));
            rows.retain(|row| text(row, &pointer) == value.trim().trim_matches('"'));
        }
    }
    let answer = json!({ "kind": "sql#instancesList" });
    let answer = input.paged(answer, "items", rows, input.size("maxResults", 500))?;
    Ok(HttpReply::json(200, &answer))
}

/// Puts another document in place, once the rules allow it.
fn change(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    mut item: Item,
    mut doc: Value,
) -> GoogleResult<HttpReply> {
    let before = item.doc.clone();
    for field in ["region", "name", "project", "instanceType"] {
        if doc[field] != before[field] {
            return Err(invalid(format!("The field \"{field}\" cannot be changed")));
        }
    }
    let current = text(&before, "/settings/settingsVersion").to_owned();
    if let Some(sent) = input.body["settings"]["settingsVersion"].as_str()
        && sent != current
    {
        return Err(GoogleError::new(
            412,
            "staleData",
            "FAILED_PRECONDITION",
            format!("The settings version is {current}, not {sent}."),
        ));
    }
    let version = text(&doc, "/databaseVersion").to_owned();
    if version != text(&before, "/databaseVersion") {
        let newer = settings::upgrades(text(&before, "/databaseVersion"));
        if !newer.iter().any(|one| one["name"] == version) {
            return Err(invalid(format!(
                "The database version cannot be changed to {version}"
            )));
        }
        doc["databaseInstalledVersion"] = settings::installed(&version).into();
    }
    let size = |doc: &Value| {
        text(doc, "/settings/dataDiskSizeGb")
            .parse::<i64>()
            .unwrap_or(10)
    };
    if size(&doc) < size(&before) && !doc["settings"]["dataDiskSizeGb"].is_null() {
        return Err(invalid("Disk size cannot be decreased"));
    }
    if doc["settings"]["dataDiskSizeGb"].is_null() {
        doc["settings"]["dataDiskSizeGb"] = before["settings"]["dataDiskSizeGb"].clone();
    }
    let private = text(&before, "/settings/ipConfiguration/privateNetwork");
    if !private.is_empty() && text(&doc, "/settings/ipConfiguration/privateNetwork").is_empty() {
        return Err(invalid(
            "Private network cannot be disabled once it is enabled",
        ));
    }
    let mut options = doc["settings"].as_object().cloned().unwrap_or_default();
    let region = text(&before, "/region").to_owned();
    let mut links = settings::settle(
        ctx,
        input.project(),
        item.short(),
        &version,
        &region,
        &mut options,
    )?;
    links.extend(
        item.links
            .iter()
            .filter(|link| link.contains("/cryptoKeys/"))
            .cloned(),
    );
    let number: u64 = current.parse().unwrap_or(1);
    options.insert("settingsVersion".into(), (number + 1).to_string().into());
    let network = options["ipConfiguration"]["privateNetwork"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if private.is_empty() && !network.is_empty() {
        let hex = ctx.hex(8);
        let address = private_address(ctx, &network, &hex);
        if let (Some(list), Some(address)) = (doc["ipAddresses"].as_array_mut(), address) {
            list.push(json!({ "type": "PRIVATE", "ipAddress": address }));
        }
    }
    doc["settings"] = Value::Object(options);
    let done = ctx.due(Work::CloudSqlUpdate);
    let labels = doc["settings"]["userLabels"].clone();
    let name = item.short().to_owned();
    let after = (!ctx.fails()).then_some((doc, links));
    item.become_at(after, done, ctx.now);
    ctx.put(INSTANCES, item, Some(&labels));
    Ok(operation::begin(ctx, input, &name, "UPDATE", "", done))
}

fn delete(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let mut item = find_idle(ctx, input)?;
    if item.doc["settings"]["deletionProtectionEnabled"] == true {
        return Err(GoogleError::invalid(
            "The instance is protected. Please disable the deletion protection and try again.",
        ));
    }
    let done = ctx.due(Work::CloudSqlDelete);
    let name = item.short().to_owned();
    if !ctx.fails() {
        database::remove_all(ctx, &item.id, done);
        user::remove_all(ctx, &item.id, done);
        item.gone_at = Some(done);
        item.deleting = true;
        ctx.keep(INSTANCES, item);
    }
    Ok(operation::begin(ctx, input, &name, "DELETE", "", done))
}
