//! Cloud Armor's policies: rules by priority, which decide who reaches the backend services that a policy stands before.
//! <https://cloud.google.com/armor/docs/security-policy-overview>

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, default, merge, merge_masked, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::engine;
use super::kind::{Default, Guard, Kind, Subject, table};
use super::reference::PREFIX;
use crate::http::HttpReply;

pub(crate) const KIND: Kind = Kind {
    resource: "securityPolicies",
    collection: "securityPolicies",
    word: "securityPolicy",
    terraform: |_| "google_compute_security_policy",
    fixed: &["type"],
    guard: Guard::Required,
    labels: true,
    quota: Some(("SECURITY_POLICIES", 10)),
    defaults: &[("type", Default::Text("CLOUD_ARMOR"))],
    prepare,
    ..Kind::BASE
};

/// The priority of the rule for what no other matches, which every policy has.
const LAST: i64 = 2_147_483_647;
/// How many ranges a rule has at most (`SecurityPolicyRuleMatcherConfig` in Compute's reference).
const RANGES: usize = 10;

fn prepare(_: &mut Ctx<'_>, _: &Subject<'_>, doc: &mut Map<String, Value>) -> GoogleResult<()> {
    let mut rules = match doc.remove("rules") {
        Some(Value::Array(rules)) => rules,
        _ => Vec::new(),
    };
    if rules.is_empty() {
        rules.push(json!({
            "priority": LAST, "action": "allow", "description": "default rule",
            "match": { "versionedExpr": "SRC_IPS_V1", "config": { "srcIpRanges": ["*"] } },
        }));
    }
    for (at, rule) in rules.iter_mut().enumerate() {
        check(rule, &format!("resource.rules[{at}]"))?;
        if let Some(rule) = rule.as_object_mut() {
            rule.insert("kind".into(), "compute#securityPolicyRule".into());
            default(rule, "preview", false);
        }
    }
    rules.sort_by_key(priority);
    let twice = rules
        .windows(2)
        .find(|two| priority(&two[0]) == priority(&two[1]));
    if let Some(two) = twice {
        let why = "Cannot have rules with the same priorities.";
        let value = two[0]["priority"].to_string();
        return Err(GoogleError::field("resource.rules", &value, why));
    }
    if rules.last().is_none_or(|rule| priority(rule) != LAST) {
        let why = format!("A default rule with priority {LAST} is required.");
        return Err(GoogleError::field("resource.rules", "", &why));
    }
    doc.insert("rules".into(), rules.into());
    Ok(())
}

fn priority(rule: &Value) -> i64 {
    rule["priority"].as_i64().unwrap_or(-1)
}

/// What the reference says of a rule (`SecurityPolicyRule`).
fn check(rule: &Value, field: &str) -> GoogleResult<()> {
    let refuse = |name: &str, why: &str| {
        let value = rule.pointer(&format!("/{}", name.replace('.', "/")));
        let value = value.map(ToString::to_string).unwrap_or_default();
        Err(GoogleError::field(
            &format!("{field}.{name}"),
            value.trim_matches('"'),
            why,
        ))
    };
    if !(0..=LAST).contains(&priority(rule)) {
        return refuse("priority", "Must be between 0 and 2147483647.");
    }
    let action = text(rule, "/action");
    if action.is_empty() {
        return Err(GoogleError::required(&format!("{field}.action")));
    }
    if !["allow", "deny(403)", "deny(404)", "deny(502)"].contains(&action) {
        return refuse(
            "action",
            "Must be allow, or deny with status 403, 404 or 502.",
        );
    }
    let versioned = !text(rule, "/match/versionedExpr").is_empty();
    let config = rule["match"]["config"].is_object();
    let expression = !text(rule, "/match/expr/expression").is_empty();
    if versioned != config {
        return refuse(
            "match",
            "versionedExpr and config must be specified together.",
        );
    }
    if versioned == expression {
        return refuse(
            "match",
            "Exactly one of versionedExpr and expr must be specified.",
        );
    }
    let ranges = rule["match"]["config"]["srcIpRanges"].as_array();
    let ranges: Vec<&str> = ranges
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if versioned && ranges.is_empty() {
        let name = format!("{field}.match.config.srcIpRanges");
        return Err(GoogleError::required(&name));
    }
    if ranges.len() > RANGES {
        return refuse("match.config.srcIpRanges", "At most 10 ranges are allowed.");
    }
    let is_range = |range: &&str| {
        let address = range.parse::<std::net::IpAddr>().is_ok();
        *range == "*" || address || range.parse::<ipnet::IpNet>().is_ok()
    };
    if !ranges.iter().all(is_range) {
        return refuse("match.config.srcIpRanges", "Must be CIDR ranges.");
    }
    if priority(rule) == LAST && ranges != ["*"] {
        return refuse("match", "The default rule must match all traffic.");
    }
    Ok(())
}

/// `patch`, which does not touch the rules. What the mask names and the body lacks is cleared.
pub(crate) fn patch(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if let Some(reply) = engine::seen(ctx, input)? {
        return Ok(reply);
    }
    if input
        .body
        .get("rules")
        .is_some_and(|rules| !rules.is_null())
    {
        let why = "Rules are changed by addRule, patchRule and removeRule.";
        return Err(GoogleError::field("resource.rules", "", why));
    }
    let item = engine::find_idle(ctx, kind, input)?;
    let mut doc = item.at(ctx.now).clone();
    let sent = input.body["fingerprint"].as_str();
    merge(&mut doc, &input.body);
    clear(&mut doc, &input.body, input.query("updateMask"), &FIELDS)?;
    engine::change(ctx, kind, input, item, doc, sent, "patch")
}

/// What a mask may name of a policy.
const FIELDS: [&str; 5] = [
    "description",
    "adaptiveProtectionConfig",
    "advancedOptionsConfig",
    "ddosProtectionConfig",
    "recaptchaOptionsConfig",
];

/// What a mask may name of a rule.
const RULE_FIELDS: [&str; 4] = ["description", "preview", "match", "preconfiguredWafConfig"];

fn clear(doc: &mut Value, body: &Value, mask: Option<&str>, allowed: &[&str]) -> GoogleResult<()> {
    match mask.filter(|mask| !mask.is_empty()) {
        Some(mask) => merge_masked(doc, body, Some(mask), allowed),
        None => Ok(()),
    }
}

/// The policy of a call on a rule, when nothing is being done to it, with its rules.
fn opened(
    ctx: &Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<(Item, Value, Vec<Value>)> {
    let item = engine::find_idle(ctx, kind, input)?;
    let doc = item.at(ctx.now).clone();
    let rules = doc["rules"].as_array().cloned().unwrap_or_default();
    Ok((item, doc, rules))
}

/// Where the rule is that `priority` names.
fn named(input: &Input<'_>, rules: &[Value]) -> GoogleResult<usize> {
    let given = input.query("priority").unwrap_or("0");
    let wanted = given.parse::<i64>().unwrap_or(-1);
    let place = rules.iter().position(|rule| priority(rule) == wanted);
    place.ok_or_else(|| {
        let why = "There is no rule with the given priority.";
        GoogleError::field("priority", given, why)
    })
}

fn replaced(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
    (item, mut doc, rules): (Item, Value, Vec<Value>),
    verb: &str,
) -> GoogleResult<HttpReply> {
    let print = doc["fingerprint"].as_str().map(str::to_owned);
    doc["rules"] = rules.into();
    engine::change(ctx, kind, input, item, doc, print.as_deref(), verb)
}

/// `addRule`.
pub(crate) fn add_rule(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let (item, doc, mut rules) = opened(ctx, kind, input)?;
    rules.push(input.body.clone());
    replaced(ctx, kind, input, (item, doc, rules), "addRule")
}

/// `patchRule`.
pub(crate) fn patch_rule(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let (item, doc, mut rules) = opened(ctx, kind, input)?;
    let at = named(input, &rules)?;
    merge(&mut rules[at], &input.body);
    let mask = input.query("updateMask");
    clear(&mut rules[at], &input.body, mask, &RULE_FIELDS)?;
    replaced(ctx, kind, input, (item, doc, rules), "patchRule")
}

/// `removeRule`.
pub(crate) fn remove_rule(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let (item, doc, mut rules) = opened(ctx, kind, input)?;
    let at = named(input, &rules)?;
    rules.remove(at);
    replaced(ctx, kind, input, (item, doc, rules), "removeRule")
}

/// `getRule`.
pub(crate) fn get_rule(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let item = engine::find(ctx, kind, input)?;
    let rules = item.at(ctx.now)["rules"].as_array().cloned();
    let mut rules = rules.unwrap_or_default();
    let at = named(input, &rules)?;
    Ok(HttpReply::json(200, &rules.swap_remove(at)))
}

/// Whether the policy of a backend service can stand before it: global ones do before what the internet reaches.
pub(crate) fn fits(ctx: &Ctx<'_>, doc: &Map<String, Value>, scheme: &str) -> GoogleResult<()> {
    let url = doc.get("securityPolicy").and_then(Value::as_str);
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return Ok(());
    };
    let refuse = |why: &str| Err(GoogleError::field("resource.securityPolicy", url, why));
    let policy = ctx.get(&table(KIND.collection), url.trim_start_matches(PREFIX));
    if policy.is_some_and(|policy| policy.at(ctx.now)["type"] != "CLOUD_ARMOR") {
        return refuse("The policy's type must be CLOUD_ARMOR.");
    }
    if !matches!(scheme, "EXTERNAL" | "EXTERNAL_MANAGED") {
        return refuse("Security policies are not supported for this load balancing scheme.");
    }
    Ok(())
}
