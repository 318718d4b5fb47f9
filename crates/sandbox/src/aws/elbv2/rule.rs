//! Rules of listeners: conditions, actions and a priority that no other rule of the listener has.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::listener::{self, Listener};
use super::{action, pages, require, tagging, validation, write_value};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::{Document, Listed, Stored};

/// Rules per load balancer, the default ones not counted.
const QUOTA: usize = 100;

/// A rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(super) arn: String,
    pub(super) listener: String,
    /// None for the default rule, whose actions are the listener's.
    priority: Option<u32>,
    conditions: Vec<Value>,
    actions: Vec<Value>,
}

impl Document for Rule {
    const KIND: &'static str = "elbv2/rule";

    fn id(&self) -> &str {
        &self.arn
    }

    fn links(&self) -> Vec<String> {
        let mut links = action::groups(&self.actions);
        links.push(self.listener.clone());
        links
    }

    fn listed(&self) -> Option<Listed> {
        self.priority?;
        Listed::aws("aws_lb_listener_rule")
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRule",
        accepts: &[
            "ListenerArn",
            "Conditions.*",
            "Priority",
            "Actions.*",
            "Tags.Key",
            "Tags.Value",
        ],
        handler: create,
    },
    Operation {
        name: "ModifyRule",
        accepts: &["RuleArn", "Conditions.*", "Actions.*"],
        handler: modify,
    },
    Operation {
        name: "DescribeRules",
        accepts: &["ListenerArn", "RuleArns", "Marker", "PageSize"],
        handler: describe,
    },
    Operation {
        name: "DeleteRule",
        accepts: &["RuleArn"],
        handler: delete,
    },
    Operation {
        name: "SetRulePriorities",
        accepts: &["RulePriorities.RuleArn", "RulePriorities.Priority"],
        handler: set_priorities,
    },
];

fn new_arn(ctx: &mut Ctx<'_>, listener: &str) -> String {
    let id = ctx.new_hex(16);
    format!(
        "{}/{id}",
        listener.replacen(":listener/", ":listener-rule/", 1)
    )
}

/// Makes the rule that every listener has.
pub(super) fn make_default(ctx: &mut Ctx<'_>, listener: &str) {
    let arn = new_arn(ctx, listener);
    ctx.put(Rule {
        arn,
        listener: listener.to_owned(),
        priority: None,
        conditions: Vec::new(),
        actions: Vec::new(),
    });
}

/// The rule of an ARN.
pub(super) fn find_arn(ctx: &Ctx<'_>, arn: &str) -> AwsResult<Stored<Rule>> {
    if !arn.starts_with("arn:") || !arn.contains(":listener-rule/") {
        return Err(validation(format!(
            "'{arn}' is not a valid listener rule ARN"
        )));
    }
    ctx.get::<Rule>(arn)
        .ok_or_else(|| AwsError::new("RuleNotFound", "One or more rules not found"))
}

const FIELDS: [(&str, &str); 6] = [
    ("host-header", "HostHeaderConfig"),
    ("path-pattern", "PathPatternConfig"),
    ("http-header", "HttpHeaderConfig"),
    ("http-request-method", "HttpRequestMethodConfig"),
    ("query-string", "QueryStringConfig"),
    ("source-ip", "SourceIpConfig"),
];

fn conditions(params: &Params) -> AwsResult<Vec<Value>> {
    let items = params.items("Conditions");
    if items.is_empty() {
        return Err(validation("A condition must be specified"));
    }
    let mut conditions = Vec::new();
    let mut values = 0;
    for item in items {
        let field = require(item, "Field")?;
        let Some((_, member)) = FIELDS.iter().find(|(name, _)| *name == field) else {
            let known: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
            return Err(validation(format!(
                "Condition field '{field}' must be one of '[{}]'",
                known.join(", ")
            )));
        };
        let old = item.strings("Values");
        let config = item.node(member);
        let count = config.map_or(old.len(), |config| config.items("Values").len());
        if count == 0 {
            return Err(validation(format!(
                "A value must be specified for the condition field '{field}'"
            )));
        }
        if field == "http-header"
            && config.is_none_or(|config| config.str("HttpHeaderName").is_none())
        {
            return Err(validation("An HTTP header name must be specified"));
        }
        values += count;
        let mut condition = item.to_json();
        // Whichever way it was sent, it is shown both ways.
        let texts: Vec<String> = match config {
            Some(config) => config
                .strings("Values")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            None => old.into_iter().map(str::to_owned).collect(),
        };
        if matches!(field, "host-header" | "path-pattern") {
            condition["Values"] = texts.clone().into();
            condition[*member] = serde_json::json!({"Values": texts});
        }
        conditions.push(condition);
    }
    if values > 5 {
        return Err(validation("A rule can have at most '5' condition values"));
    }
    Ok(conditions)
}

fn priority(params: &Params) -> AwsResult<u32> {
    match params.int("Priority")? {
        Some(priority @ 1..=50000) => Ok(priority as u32),
        Some(priority) => Err(validation(format!(
            "Priority '{priority}' must be between 1 and 50000"
        ))),
        None => Err(validation("A priority must be specified")),
    }
}

fn in_use(priority: u32) -> AwsError {
    AwsError::new(
        "PriorityInUse",
        format!("Priority '{priority}' is currently in use"),
    )
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let listener = listener::find(ctx, params)?;
    let balancer = action::balancer_of(ctx, &listener)?;
    if !balancer.is_application() {
        return Err(AwsError::new(
            "UnsupportedProtocol",
            "Rules are supported by Application Load Balancers only",
        ));
    }
    let priority = priority(params)?;
    let tags = tagging::read(params)?;
    let siblings = ctx.referrers::<Rule>(&listener.arn);
    if siblings.iter().any(|rule| rule.priority == Some(priority)) {
        return Err(in_use(priority));
    }
    if siblings.len() > QUOTA {
        return Err(AwsError::new(
            "TooManyRules",
            "The maximum number of rules has been reached",
        ));
    }
    let conditions = conditions(params)?;
    let actions = action::read(ctx, &balancer, params, "Actions")?;
    let arn = new_arn(ctx, &listener.arn);
    let rule = Rule {
        arn: arn.clone(),
        listener: listener.arn.clone(),
        priority: Some(priority),
        conditions,
        actions,
    };
    ctx.put_tagged(rule, tags);
    let rule = find_arn(ctx, &arn)?;
    Ok(answer(ctx, &[rule]))
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut rule = find_arn(ctx, require(params, "RuleArn")?)?.edit();
    if rule.priority.is_none() {
        let message = "Default rules cannot be modified. Modify the listener instead";
        return Err(AwsError::new("OperationNotPermitted", message));
    }
    let listener = listener::find_arn(ctx, &rule.listener)?;
    let balancer = action::balancer_of(ctx, &listener)?;
    if params.has("Conditions") {
        rule.conditions = conditions(params)?;
    }
    if params.has("Actions") {
        rule.actions = action::read(ctx, &balancer, params, "Actions")?;
    }
    let arn = rule.arn.clone();
    ctx.put(rule);
    let rule = find_arn(ctx, &arn)?;
    Ok(answer(ctx, &[rule]))
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arns = params.strings("RuleArns");
    let mut found = Vec::new();
    match params.str("ListenerArn") {
        Some(_) if !arns.is_empty() => {
            return Err(validation(
                "A listener ARN and rule ARNs cannot be specified at the same time",
            ));
        }
        Some(arn) => {
            let listener = listener::find_arn(ctx, arn)?;
            found = ctx.referrers::<Rule>(&listener.arn);
        }
        None if arns.is_empty() => {
            return Err(validation(
                "You must specify either listener rule ARNs or a listener ARN",
            ));
        }
        None => {}
    }
    for arn in arns {
        found.push(find_arn(ctx, arn)?);
    }
    found.sort_by(|a, b| a.arn.cmp(&b.arn));
    found.dedup_by(|a, b| a.arn == b.arn);
    let mut page = pages(found, |rule| rule.arn.as_str(), params)?;
    page.items
        .sort_by_key(|rule| rule.priority.unwrap_or(u32::MAX));
    let mut xml = answer(ctx, &page.items);
    xml.opt("NextMarker", page.next);
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let rule = find_arn(ctx, require(params, "RuleArn")?)?;
    if rule.priority.is_none() {
        let message = format!("Default rule '{}' cannot be deleted", rule.arn);
        return Err(AwsError::new("OperationNotPermitted", message));
    }
    ctx.delete::<Rule>(&rule.arn);
    Ok(Xml::new())
}

fn set_priorities(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut changed = Vec::new();
    for item in params.items("RulePriorities") {
        let mut rule = find_arn(ctx, require(item, "RuleArn")?)?.edit();
        if rule.priority.is_none() {
            return Err(AwsError::new(
                "OperationNotPermitted",
                "The priority of a default rule cannot be set",
            ));
        }
        rule.priority = Some(priority(item)?);
        changed.push(rule.arn.clone());
        ctx.put(rule);
    }
    let mut rules = Vec::new();
    for arn in &changed {
        let rule = find_arn(ctx, arn)?;
        let clash = ctx
            .referrers::<Rule>(&rule.listener)
            .iter()
            .any(|other| other.arn != rule.arn && other.priority == rule.priority);
        if clash {
            return Err(in_use(rule.priority.unwrap_or(0)));
        }
        rules.push(rule);
    }
    Ok(answer(ctx, &rules))
}

fn answer(ctx: &Ctx<'_>, rules: &[Stored<Rule>]) -> Xml {
    let mut xml = Xml::new();
    xml.list("Rules", "member", rules, |xml, rule| {
        xml.text("RuleArn", &rule.arn);
        match rule.priority {
            Some(priority) => xml.text("Priority", priority),
            None => xml.text("Priority", "default"),
        };
        write_value(xml, "Conditions", &Value::Array(rule.conditions.clone()));
        let actions = match rule.priority {
            Some(_) => rule.actions.clone(),
            None => ctx
                .get::<Listener>(&rule.listener)
                .map(|owner| listener::actions(&owner).to_vec())
                .unwrap_or_default(),
        };
        write_value(xml, "Actions", &Value::Array(actions));
        xml.text("IsDefault", rule.priority.is_none());
    });
    xml
}
