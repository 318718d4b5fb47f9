//! Launch templates and their versions. The data of a version is kept as it was sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::{Describe, page_xml, pages, remember, replay, tag_set, tag_specification};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601};
use crate::world::{Document, Listed, Stored};

/// A launch template with all its versions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LaunchTemplate {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) default_version: u64,
    versions: Vec<Version>,
    created_at: Millis,
}

/// One version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: u64,
    description: Option<String>,
    /// Names as in requests: `InstanceType`, `BlockDeviceMapping`, ….
    pub(crate) data: Value,
    created_at: Millis,
}

impl Document for LaunchTemplate {
    const KIND: &'static str = "ec2/launch-template";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![by_name(&self.name)]
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_launch_template")
    }
}

fn by_name(name: &str) -> String {
    format!("name:{name}")
}

impl LaunchTemplate {
    fn latest(&self) -> u64 {
        self.versions.last().map_or(0, |version| version.number)
    }

    /// A version by number, `$Latest` or `$Default`.
    pub(crate) fn version(&self, name: &str) -> AwsResult<&Version> {
        let number = match name {
            "$Latest" => Some(self.latest()),
            "$Default" => Some(self.default_version),
            number => number.parse().ok(),
        };
        self.versions
            .iter()
            .find(|version| Some(version.number) == number)
            .ok_or_else(|| {
                let message = format!(
                    "Could not find launch template version {name} of {}",
                    self.id
                );
                AwsError::new("InvalidLaunchTemplateId.VersionNotFound", message)
            })
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateLaunchTemplate",
        accepts: &[
            "LaunchTemplateName",
            "VersionDescription",
            "LaunchTemplateData.*",
            "ClientToken",
            "TagSpecification.*",
        ],
        handler: create,
    },
    Operation {
        name: "CreateLaunchTemplateVersion",
        accepts: &[
            "LaunchTemplateId",
            "LaunchTemplateName",
            "SourceVersion",
            "VersionDescription",
            "LaunchTemplateData.*",
            "ClientToken",
        ],
        handler: create_version,
    },
    Operation {
        name: "ModifyLaunchTemplate",
        accepts: &[
            "LaunchTemplateId",
            "LaunchTemplateName",
            "SetDefaultVersion",
            "ClientToken",
        ],
        handler: modify,
    },
    Operation {
        name: "DeleteLaunchTemplate",
        accepts: &["LaunchTemplateId", "LaunchTemplateName"],
        handler: delete,
    },
    Operation {
        name: "DescribeLaunchTemplates",
        accepts: &[
            "LaunchTemplateId",
            "LaunchTemplateName",
            "Filter.*",
            "MaxResults",
            "NextToken",
        ],
        handler: describe,
    },
    Operation {
        name: "DescribeLaunchTemplateVersions",
        accepts: &[
            "LaunchTemplateId",
            "LaunchTemplateName",
            "LaunchTemplateVersion",
            "MinVersion",
            "MaxVersion",
            "MaxResults",
            "NextToken",
        ],
        handler: describe_versions,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    let message = format!("The specified launch template, with template ID {id}, does not exist.");
    AwsError::new("InvalidLaunchTemplateId.NotFound", message)
}

/// The template that an id or a name means.
pub(crate) fn find(
    ctx: &Ctx<'_>,
    id: Option<&str>,
    name: Option<&str>,
) -> AwsResult<Stored<LaunchTemplate>> {
    match (id, name) {
        (Some(id), None) => ctx.get::<LaunchTemplate>(id).ok_or_else(|| not_found(id)),
        (None, Some(name)) => ctx
            .referrers::<LaunchTemplate>(&by_name(name))
            .into_iter()
            .next()
            .ok_or_else(|| {
                let message = format!(
                    "The specified launch template, with template name {name}, does not exist."
                );
                AwsError::new("InvalidLaunchTemplateName.NotFoundException", message)
            }),
        _ => Err(AwsError::new(
            "InvalidParameterCombination",
            "Exactly one of launchTemplateId and launchTemplateName must be given",
        )),
    }
}

fn named(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<LaunchTemplate>> {
    find(
        ctx,
        params.str("LaunchTemplateId"),
        params.str("LaunchTemplateName"),
    )
}

fn data(params: &Params) -> AwsResult<Value> {
    let Some(node) = params
        .node("LaunchTemplateData")
        .filter(|node| !node.is_empty())
    else {
        return Err(AwsError::new(
            "MissingParameter",
            "The request must contain the parameter LaunchTemplateData",
        ));
    };
    if let Some(kind) = node.str("InstanceType")
        && !super::instance_type::exists(kind)
    {
        let message = format!("The instance type '{kind}' does not exist");
        return Err(AwsError::new("InvalidInstanceType", message));
    }
    let data = node.to_json();
    check_options(&data)?;
    Ok(data)
}

/// Checks the options of instances that are one of a few words, and those that do not go together.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RequestLaunchTemplateData.html>
fn check_options(data: &Value) -> AwsResult<()> {
    const WORDS: [(&str, &[&str]); 8] = [
        (
            "/CapacityReservationSpecification/CapacityReservationPreference",
            &["open", "none", "capacity-reservations-only"],
        ),
        ("/CpuOptions/AmdSevSnp", &["enabled", "disabled"]),
        (
            "/InstanceMarketOptions/MarketType",
            &[
                "spot",
                "capacity-block",
                "interruptible-capacity-reservation",
            ],
        ),
        (
            "/InstanceMarketOptions/SpotOptions/SpotInstanceType",
            &["one-time", "persistent"],
        ),
        (
            "/InstanceMarketOptions/SpotOptions/InstanceInterruptionBehavior",
            &["hibernate", "stop", "terminate"],
        ),
        ("/MaintenanceOptions/AutoRecovery", &["default", "disabled"]),
        (
            "/PrivateDnsNameOptions/HostnameType",
            &["ip-name", "resource-name"],
        ),
        ("/Placement/Tenancy", &["default", "dedicated", "host"]),
    ];
    let text = |pointer: &str| data.pointer(pointer).and_then(Value::as_str);
    let invalid = |message: String| Err(AwsError::new("InvalidParameterValue", message));
    for (pointer, words) in WORDS {
        let Some(word) = text(pointer).filter(|word| !words.contains(word)) else {
            continue;
        };
        let name = pointer.trim_start_matches('/').replace('/', ".");
        return invalid(format!("Value ({word}) for parameter {name} is invalid."));
    }
    let number = |pointer: &str| text(pointer).and_then(|text| text.parse::<i64>().ok());
    let cores = number("/CpuOptions/CoreCount");
    let threads = number("/CpuOptions/ThreadsPerCore");
    if cores.is_some_and(|cores| cores < 1) || threads.is_some_and(|t| !(1..=2).contains(&t)) {
        return invalid(
            "The CpuOptions are not supported: cores are 1 and more, threads of each 1 or 2."
                .to_owned(),
        );
    }
    if cores.is_some() != threads.is_some() {
        return Err(AwsError::new(
            "InvalidParameterCombination",
            "CoreCount and ThreadsPerCore must be specified together in CpuOptions.",
        ));
    }
    let spot = text("/InstanceMarketOptions/MarketType") == Some("spot");
    if !spot && data.pointer("/InstanceMarketOptions/SpotOptions").is_some() {
        return Err(AwsError::new(
            "InvalidParameterCombination",
            "SpotOptions need the market type spot.",
        ));
    }
    let on = |pointer: &str| text(pointer) == Some("true");
    if on("/HibernationOptions/Configured") && on("/EnclaveOptions/Enabled") {
        return Err(AwsError::new(
            "InvalidParameterCombination",
            "You can't enable AWS Nitro Enclaves and hibernation on the same instance.",
        ));
    }
    Ok(())
}

fn version(ctx: &Ctx<'_>, params: &Params, number: u64, data: Value) -> Version {
    let description = params.str("VersionDescription").map(str::to_owned);
    Version {
        number,
        description,
        data,
        created_at: ctx.now,
    }
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const OPERATION: &str = "CreateLaunchTemplate";
    let id = match replay(ctx, OPERATION, params)? {
        Some(id) => id,
        None => {
            let name = params.require("LaunchTemplateName")?;
            let allowed = |c: char| c.is_ascii_alphanumeric() || "()./_-".contains(c);
            if !(3..=128).contains(&name.len()) || !name.chars().all(allowed) {
                let message = "Launch template names are 3 to 128 letters, digits and ()./_-";
                return Err(AwsError::new(
                    "InvalidLaunchTemplateName.MalformedException",
                    message,
                ));
            }
            if ctx.referred::<LaunchTemplate>(&by_name(name)) {
                let message = "Launch template name already in use.";
                return Err(AwsError::new(
                    "InvalidLaunchTemplateName.AlreadyExistsException",
                    message,
                ));
            }
            let tags = tag_specification(params, "launch-template")?;
            let template = LaunchTemplate {
                id: ctx.new_id("lt"),
                name: name.to_owned(),
                default_version: 1,
                versions: vec![version(ctx, params, 1, data(params)?)],
                created_at: ctx.now,
            };
            let id = template.id.clone();
            ctx.put_tagged(template, tags);
            remember(ctx, OPERATION, params, &id);
            id
        }
    };
    let template = find(ctx, Some(&id), None)?;
    let mut xml = Xml::new();
    xml.node("launchTemplate", |xml| write(xml, &template));
    Ok(xml)
}

fn create_version(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const OPERATION: &str = "CreateLaunchTemplateVersion";
    let template = named(ctx, params)?;
    let number = match replay(ctx, OPERATION, params)? {
        Some(number) => number,
        None => {
            let mut data = data(params)?;
            if let Some(source) = params.str("SourceVersion")
                && let (Value::Object(base), Value::Object(given)) =
                    (template.version(source)?.data.clone(), &data)
            {
                let mut merged = base;
                merged.extend(given.clone());
                data = Value::Object(merged);
            }
            let number = template.latest() + 1;
            let mut edited = template.edit();
            edited.versions.push(version(ctx, params, number, data));
            ctx.put(edited);
            remember(ctx, OPERATION, params, &number.to_string());
            number.to_string()
        }
    };
    let template = find(ctx, Some(&template.id), None)?;
    let made = template.version(&number)?;
    let mut xml = Xml::new();
    xml.node("launchTemplateVersion", |xml| {
        write_version(xml, &template, made);
    });
    Ok(xml)
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let template = named(ctx, params)?;
    let mut edited = template.edit();
    if let Some(wanted) = params.str("SetDefaultVersion") {
        edited.default_version = template.version(wanted)?.number;
    }
    ctx.put(edited);
    let template = find(ctx, Some(&template.id), None)?;
    let mut xml = Xml::new();
    xml.node("launchTemplate", |xml| write(xml, &template));
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let template = named(ctx, params)?;
    ctx.delete::<LaunchTemplate>(&template.id);
    let mut xml = Xml::new();
    xml.node("launchTemplate", |xml| write(xml, &template));
    Ok(xml)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut select = params.clone();
    let names = params.strings("LaunchTemplateName");
    if !names.is_empty() {
        let mut found = Vec::new();
        for name in names {
            found.push(find(ctx, None, Some(name))?);
        }
        select = params.without(&["LaunchTemplateName"]);
        found.sort_by(|a, b| a.id.cmp(&b.id));
        let page = pages(found, |template| &template.id, &select)?;
        return Ok(page_xml("launchTemplates", page, write));
    }
    let page = Describe::<LaunchTemplate> {
        ids: "LaunchTemplateId",
        not_found,
        filters: &["launch-template-name"],
        indexed: &[],
        field: |_, template, _| vec![template.name.clone()],
    }
    .select(ctx, &select)?;
    Ok(page_xml("launchTemplates", page, write))
}

fn describe_versions(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let wanted = params.strings("LaunchTemplateVersion");
    let one = ["LaunchTemplateId", "LaunchTemplateName"];
    if one.iter().all(|name| params.str(name).is_none()) {
        return describe_versions_of_all(ctx, params, &wanted);
    }
    let template = named(ctx, params)?;
    let mut versions = Vec::new();
    for name in &wanted {
        versions.push(template.version(name)?);
    }
    if wanted.is_empty() {
        let bound = |name: &str| {
            params
                .int(name)
                .map(|bound| bound.and_then(|bound| u64::try_from(bound).ok()))
        };
        let (least, most) = (
            bound("MinVersion")?.unwrap_or(0),
            bound("MaxVersion")?.unwrap_or(u64::MAX),
        );
        versions = template
            .versions
            .iter()
            .filter(|version| (least..=most).contains(&version.number))
            .collect();
    }
    versions.sort_by_key(|version| std::cmp::Reverse(version.number));
    let mut keyed: Vec<(String, &Version)> = versions
        .into_iter()
        .map(|version| (format!("{:020}", u64::MAX - version.number), version))
        .collect();
    keyed.dedup_by(|a, b| a.0 == b.0);
    let page = pages(keyed, |(key, _)| key, params)?;
    let mut xml = Xml::new();
    xml.list(
        "launchTemplateVersionSet",
        "item",
        page.items,
        |xml, (_, version)| {
            write_version(xml, &template, version);
        },
    );
    xml.opt("nextToken", page.next);
    Ok(xml)
}

/// Without a template, `$Latest` and `$Default` mean those of every template (API reference, `DescribeLaunchTemplateVersions`).
fn describe_versions_of_all(ctx: &Ctx<'_>, params: &Params, wanted: &[&str]) -> AwsResult<Xml> {
    if wanted.is_empty()
        || wanted
            .iter()
            .any(|name| !["$Latest", "$Default"].contains(name))
    {
        return Err(AwsError::new(
            "MissingParameter",
            "Without a launch template, the versions must be $Latest, $Default, or both",
        ));
    }
    let templates = ctx.list::<LaunchTemplate>();
    let mut keyed: Vec<(String, &Stored<LaunchTemplate>, &Version)> = Vec::new();
    for template in &templates {
        for name in wanted {
            let version = template.version(name)?;
            let key = format!("{} {:020}", template.id, u64::MAX - version.number);
            keyed.push((key, template, version));
        }
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed.dedup_by(|a, b| a.0 == b.0);
    let page = pages(keyed, |(key, ..)| key, params)?;
    let mut xml = Xml::new();
    xml.list(
        "launchTemplateVersionSet",
        "item",
        page.items,
        |xml, (_, template, version)| write_version(xml, template, version),
    );
    xml.opt("nextToken", page.next);
    Ok(xml)
}

/// Who makes everything: the account's administrator.
const CREATOR: &str = "arn:aws:iam::123456789012:user/sandbox";

fn write(xml: &mut Xml, template: &Stored<LaunchTemplate>) {
    xml.text("launchTemplateId", &template.id)
        .text("launchTemplateName", &template.name)
        .text("createTime", iso8601(template.created_at))
        .text("createdBy", CREATOR)
        .text("defaultVersionNumber", template.default_version)
        .text("latestVersionNumber", template.latest());
    tag_set(xml, template.tags());
}

fn write_version(xml: &mut Xml, template: &LaunchTemplate, version: &Version) {
    xml.text("launchTemplateId", &template.id)
        .text("launchTemplateName", &template.name)
        .text("versionNumber", version.number)
        .opt("versionDescription", version.description.as_ref())
        .text("createTime", iso8601(version.created_at))
        .text("createdBy", CREATOR)
        .text("defaultVersion", version.number == template.default_version)
        .node("launchTemplateData", |xml| {
            write_members(xml, &version.data);
        });
}

/// Answers name lists `…Set`, and members like requests but with a small first letter.
fn write_members(xml: &mut Xml, data: &Value) {
    let Value::Object(members) = data else { return };
    for (name, value) in members {
        let small = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        match value {
            Value::Array(items) => {
                // Groups of an interface are `groupSet` of `groupId`; those of the instance are plain.
                let (set, item) = match (name.as_str(), members.contains_key("DeviceIndex")) {
                    ("SecurityGroupId", true) => ("groupSet".to_owned(), "groupId"),
                    ("LicenseSpecification", _) => ("licenseSet".to_owned(), "item"),
                    _ => (format!("{small}Set"), "item"),
                };
                xml.node(&set, |xml| {
                    for value in items {
                        match value {
                            Value::String(text) => xml.text(item, text),
                            value => xml.node(item, |xml| write_members(xml, value)),
                        };
                    }
                });
            }
            Value::Object(_) => {
                xml.node(&small, |xml| write_members(xml, value));
            }
            value => {
                xml.text(&small, value.as_str().unwrap_or_default());
            }
        }
    }
}
