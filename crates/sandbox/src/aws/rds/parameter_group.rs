//! Parameter groups, and the parameters that they set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::instance::Instance;
use super::parameters::{self, Parameter};
use super::{engine, identifier, invalid, pages, tagging};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::{Document, Listed, Stored};

/// A parameter group that a client made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ParameterGroup {
    pub(super) name: String,
    pub(super) family: String,
    description: String,
    /// Values set, and how each is applied.
    values: BTreeMap<String, (String, String)>,
}

impl Document for ParameterGroup {
    const KIND: &'static str = "rds/parameter-group";

    fn id(&self) -> &str {
        &self.name
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_db_parameter_group")
    }
}

/// The link of instances to their parameter group.
pub(super) fn link(name: &str) -> String {
    format!("parameter-group:{name}")
}

const GROUP: &[&str] = &[
    "DBParameterGroupName",
    "Parameters.Parameter.ParameterName",
    "Parameters.Parameter.ParameterValue",
    "Parameters.Parameter.ApplyMethod",
    "ResetAllParameters",
];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDBParameterGroup",
        accepts: &[
            "DBParameterGroupName",
            "DBParameterGroupFamily",
            "Description",
            "Tags.Tag.Key",
            "Tags.Tag.Value",
        ],
        handler: create,
    },
    Operation {
        name: "DescribeDBParameterGroups",
        accepts: &[
            "DBParameterGroupName",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
            "MaxRecords",
            "Marker",
        ],
        handler: describe,
    },
    Operation {
        name: "ModifyDBParameterGroup",
        accepts: GROUP,
        handler: modify,
    },
    Operation {
        name: "ResetDBParameterGroup",
        accepts: GROUP,
        handler: reset,
    },
    Operation {
        name: "DeleteDBParameterGroup",
        accepts: &["DBParameterGroupName"],
        handler: delete,
    },
    Operation {
        name: "DescribeDBParameters",
        accepts: &[
            "DBParameterGroupName",
            "Source",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
            "MaxRecords",
            "Marker",
        ],
        handler: describe_parameters,
    },
    Operation {
        name: "DescribeEngineDefaultParameters",
        accepts: &[
            "DBParameterGroupFamily",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
            "MaxRecords",
            "Marker",
        ],
        handler: describe_defaults,
    },
];

/// The group of a name: one that a client made, or the default of a family, which is not kept.
pub(super) fn find(ctx: &Ctx<'_>, name: &str) -> AwsResult<ParameterGroup> {
    let name = name.to_lowercase();
    if let Some(family) = name
        .strip_prefix("default.")
        .filter(|family| engine::family_exists(family))
    {
        return Ok(ParameterGroup {
            family: family.to_owned(),
            description: format!("Default parameter group for {family}"),
            name,
            values: BTreeMap::new(),
        });
    }
    Ok(find_own(ctx, &name)?.edit())
}

fn find_own(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<ParameterGroup>> {
    ctx.get::<ParameterGroup>(&name.to_lowercase())
        .ok_or_else(|| {
            let message = format!("DBParameterGroup not found: {name}");
            AwsError::with_status(404, "DBParameterGroupNotFound", message)
        })
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = identifier(params, "DBParameterGroupName")?;
    let family = params.require("DBParameterGroupFamily")?;
    if !engine::family_exists(family) {
        return Err(invalid(format!(
            "ParameterGroupFamily {family} is not a valid parameter group family"
        )));
    }
    let description = params.require("Description")?;
    let tags = tagging::read(params)?;
    if ctx.exists::<ParameterGroup>(&name) {
        let message = format!("Parameter group {name} already exists");
        return Err(AwsError::new("DBParameterGroupAlreadyExists", message));
    }
    let group = ParameterGroup {
        name: name.clone(),
        family: family.to_owned(),
        description: description.to_owned(),
        values: BTreeMap::new(),
    };
    let mut xml = Xml::new();
    xml.node("DBParameterGroup", |xml| write(xml, ctx, &group));
    ctx.put_tagged(group, tags);
    Ok(xml)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let groups = match params.str("DBParameterGroupName") {
        Some(name) => vec![find(ctx, name)?],
        None => {
            let mut groups: Vec<ParameterGroup> = ctx
                .list::<ParameterGroup>()
                .iter()
                .map(crate::world::Stored::edit)
                .collect();
            // Defaults are there once an instance has used them.
            for instance in ctx.list::<Instance>() {
                let name = instance.parameter_group();
                if name.starts_with("default.") && !groups.iter().any(|group| group.name == name) {
                    groups.push(find(ctx, name)?);
                }
            }
            groups.sort_by(|a, b| a.name.cmp(&b.name));
            groups
        }
    };
    let page = pages(groups, |group| group.name.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list(
        "DBParameterGroups",
        "DBParameterGroup",
        &page.items,
        |xml, group| write(xml, ctx, group),
    )
    .opt("Marker", page.next);
    Ok(xml)
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, group: &ParameterGroup) {
    xml.text("DBParameterGroupName", &group.name)
        .text("DBParameterGroupFamily", &group.family)
        .text("Description", &group.description)
        .text(
            "DBParameterGroupArn",
            ctx.arn("rds", &format!("pg:{}", group.name)),
        );
}

/// The group, which must be a client's own.
fn changeable(ctx: &Ctx<'_>, params: &Params) -> AwsResult<ParameterGroup> {
    let name = params.require("DBParameterGroupName")?;
    if name.to_lowercase().starts_with("default.") {
        let message = format!("Cannot modify a default parameter group: {name}");
        return Err(AwsError::new("InvalidDBParameterGroupState", message));
    }
    Ok(find_own(ctx, name)?.edit())
}

fn known(group: &ParameterGroup, name: &str) -> AwsResult<&'static Parameter> {
    parameters::of_family(&group.family)
        .iter()
        .find(|parameter| parameter.name == name)
        .ok_or_else(|| invalid(format!("Could not find parameter with name: {name}")))
}

fn method<'a>(parameter: &Parameter, item: &'a Params) -> AwsResult<&'a str> {
    match item.str("ApplyMethod").unwrap_or("pending-reboot") {
        "immediate" if parameter.apply == "static" => Err(AwsError::new(
            "InvalidParameterCombination",
            format!(
                "cannot use immediate apply method for static parameter {}",
                parameter.name
            ),
        )),
        method @ ("immediate" | "pending-reboot") => Ok(method),
        other => Err(invalid(format!("Invalid apply method: {other}"))),
    }
}

fn items(params: &Params) -> AwsResult<Vec<&Params>> {
    let items = params.items("Parameters");
    if items.len() > 20 {
        return Err(invalid(
            "A maximum of 20 parameters can be modified in a single request.",
        ));
    }
    Ok(items)
}

fn answer(name: &str) -> Xml {
    let mut xml = Xml::new();
    xml.text("DBParameterGroupName", name);
    xml
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut group = changeable(ctx, params)?;
    let items = items(params)?;
    if items.is_empty() {
        return Err(AwsError::new(
            "MissingParameter",
            "The request must contain the parameter Parameters",
        ));
    }
    for item in items {
        let parameter = known(&group, item.require("ParameterName")?)?;
        let value = item.str("ParameterValue").unwrap_or_default();
        if !parameter.modifiable {
            return Err(invalid(format!(
                "The parameter {} cannot be modified.",
                parameter.name
            )));
        }
        if !parameter.allows(value) {
            return Err(invalid(format!(
                "Invalid parameter value: {value} for: {} allowed values are: {}",
                parameter.name,
                parameter.allowed.unwrap_or(parameter.kind)
            )));
        }
        let method = method(parameter, item)?;
        group.values.insert(
            parameter.name.to_owned(),
            (value.to_owned(), method.to_owned()),
        );
    }
    let name = group.name.clone();
    ctx.put(group);
    Ok(answer(&name))
}

fn reset(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut group = changeable(ctx, params)?;
    let items = items(params)?;
    if params
        .bool("ResetAllParameters")?
        .unwrap_or(items.is_empty())
    {
        group.values.clear();
    }
    for item in items {
        let parameter = known(&group, item.require("ParameterName")?)?;
        method(parameter, item)?;
        group.values.remove(parameter.name);
    }
    let name = group.name.clone();
    ctx.put(group);
    Ok(answer(&name))
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = changeable(ctx, params)?;
    if ctx.referred::<Instance>(&link(&group.name)) {
        let message = "One or more database instances are still members of this parameter group, so the group cannot be deleted";
        return Err(AwsError::new("InvalidDBParameterGroupState", message));
    }
    ctx.delete::<ParameterGroup>(&group.name);
    Ok(Xml::new())
}

fn describe_parameters(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = find(ctx, params.require("DBParameterGroupName")?)?;
    let mut xml = Xml::new();
    write_parameters(&mut xml, params, &group)?;
    Ok(xml)
}

fn describe_defaults(_: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let family = params.require("DBParameterGroupFamily")?;
    if !engine::family_exists(family) {
        return Err(invalid(format!(
            "ParameterGroupFamily {family} is not a valid parameter group family"
        )));
    }
    let group = ParameterGroup {
        name: String::new(),
        family: family.to_owned(),
        description: String::new(),
        values: BTreeMap::new(),
    };
    let mut written = Ok(());
    let mut xml = Xml::new();
    xml.node("EngineDefaults", |xml| {
        xml.text("DBParameterGroupFamily", family);
        written = write_parameters(xml, params, &group);
    });
    written.map(|()| xml)
}

fn write_parameters(xml: &mut Xml, params: &Params, group: &ParameterGroup) -> AwsResult<()> {
    let source = |parameter: &Parameter| {
        if group.values.contains_key(parameter.name) {
            "user"
        } else if parameter.default_in(&group.family).is_some() {
            "system"
        } else {
            "engine-default"
        }
    };
    let mut all: Vec<&Parameter> = parameters::of_family(&group.family).iter().collect();
    if let Some(wanted) = params.str("Source") {
        if !matches!(wanted, "user" | "system" | "engine-default") {
            return Err(invalid(format!("Invalid value for Source: {wanted}")));
        }
        all.retain(|parameter| source(parameter) == wanted);
    }
    for (name, values) in super::filters(params)? {
        if name != "parameter-name" {
            return Err(invalid(format!("Unrecognized filter name: {name}")));
        }
        all.retain(|parameter| values.contains(&parameter.name));
    }
    all.sort_by_key(|parameter| parameter.name);
    let page = pages(all, |parameter| parameter.name, params)?;
    xml.list("Parameters", "Parameter", &page.items, |xml, parameter| {
        let set = group.values.get(parameter.name);
        let value = set
            .map(|(value, _)| value.as_str())
            .or(parameter.default_in(&group.family));
        xml.text("ParameterName", parameter.name)
            .opt("ParameterValue", value)
            .text("Description", format!("Sets {}.", parameter.name))
            .text("Source", source(parameter))
            .text("ApplyType", parameter.apply)
            .text("DataType", parameter.kind)
            .opt("AllowedValues", parameter.allowed)
            .text("IsModifiable", parameter.modifiable)
            .text(
                "ApplyMethod",
                set.map_or("pending-reboot", |(_, method)| method),
            );
    })
    .opt("Marker", page.next);
    Ok(())
}
