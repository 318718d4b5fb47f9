//! `google_compute_security_policy`.

use crate::api::{Api, Update};
use crate::client::{Client, Request};
use crate::error;
use crate::family::COMPUTE;
use crate::found::find;
use crate::kind::Kind;
use crate::managed::{run, text, verb, with_token};
use crate::part;
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Value};
use reqwest::Method;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// A Cloud Armor policy: who reaches the backend services that name it. Of its rules the one with the lowest number that matches decides.
/// <https://cloud.google.com/armor/docs/security-policy-overview>
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecurityPolicyRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// `CLOUD_ARMOR` for backend services, or `CLOUD_ARMOR_EDGE` for what is answered from a cache.
    #[record(optional, force_new, default = "CLOUD_ARMOR")]
    pub(crate) r#type: String,
    /// Its rules. One of them has the priority 2147483647 and matches `*`; where none is said, Google makes that one, and it allows.
    #[record(block, set, computed)]
    pub(crate) rule: Vec<PolicyRule>,
    /// Whether attacks are looked for.
    #[record(block, max = 1)]
    pub(crate) adaptive_protection_config: Vec<Adaptive>,
    /// How requests are read and logged.
    #[record(block, max = 1, computed)]
    pub(crate) advanced_options_config: Vec<Advanced>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// Changes with every change: one made by others in between is refused.
    #[record(computed)]
    pub(crate) fingerprint: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/securityPolicies/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// A rule.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PolicyRule {
    /// 0, which goes before all, to 2147483647, which is the rule for everything else.
    #[record(required)]
    pub(crate) priority: i64,
    /// `allow`, `deny(403)`, `deny(404)` or `deny(502)`.
    #[record(required)]
    pub(crate) action: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Whether it only logs what it would do.
    #[record(optional, default = false)]
    pub(crate) preview: bool,
    /// What it is about.
    #[record(block, min = 1, max = 1)]
    pub(crate) r#match: Vec<Matcher>,
}

/// What a rule is about: ranges of addresses, or an expression.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Matcher {
    /// `SRC_IPS_V1`, with the ranges in `config`.
    #[record(optional)]
    pub(crate) versioned_expr: Option<String>,
    /// The ranges.
    #[record(block, max = 1)]
    pub(crate) config: Vec<Ranges>,
    /// The expression.
    #[record(block, max = 1)]
    pub(crate) expr: Vec<Expression>,
}

/// Ranges of addresses.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Ranges {
    /// Up to ten, such as `203.0.113.0/24`; `*` for all.
    #[record(required)]
    pub(crate) src_ip_ranges: BTreeSet<String>,
}

/// An expression of Cloud Armor's language.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Expression {
    /// Such as `origin.region_code == 'AU'`.
    #[record(required)]
    pub(crate) expression: String,
}

/// Whether attacks are looked for.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Adaptive {
    /// Floods of requests.
    #[record(block, max = 1)]
    pub(crate) layer_7_ddos_defense_config: Vec<Floods>,
}

/// Floods of requests.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Floods {
    /// Whether they are looked for.
    #[record(optional)]
    pub(crate) enable: Option<bool>,
    /// `STANDARD`, or `PREMIUM` to see the rules that are proposed.
    #[record(optional, computed)]
    pub(crate) rule_visibility: Option<String>,
}

/// How requests are read and logged.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Advanced {
    /// `DISABLED`, `STANDARD` or `STANDARD_WITH_GRAPHQL`.
    #[record(optional, computed)]
    pub(crate) json_parsing: Option<String>,
    /// `NORMAL` or `VERBOSE`.
    #[record(optional, computed)]
    pub(crate) log_level: Option<String>,
}

pub(crate) struct SecurityPolicy;

/// The priority of the rule for what no other matches.
const LAST: i64 = 2_147_483_647;
/// How many ranges a rule has at most (`SecurityPolicyRuleMatcherConfig` in Compute's reference).
const RANGES: usize = 10;

#[async_trait]
impl Kind for SecurityPolicy {
    type Record = SecurityPolicyRecord;
    const TYPE: &'static str = "google_compute_security_policy";
    const API: Api = super::labelled(super::api(
        "compute.securityPolicies",
        "projects/{project}/global/securityPolicies",
        Update::Patch,
    ));
    const RULES: Rules = &[("rule", Rule::Named("rules"))];

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 10)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let rules = config.get("rule").and_then(Value::elements);
        let rules = rules.unwrap_or_default();
        let mut wrong: Vec<ProviderError> = rules
            .iter()
            .flat_map(check)
            .map(|message| ProviderError::invalid("rule", message))
            .collect();
        let priorities: Vec<Option<i64>> = rules.iter().map(priority).collect();
        let known: BTreeSet<i64> = priorities.iter().copied().flatten().collect();
        if known.len() < priorities.iter().flatten().count() {
            let message = "two rules have the same priority";
            wrong.push(ProviderError::invalid("rule", message));
        }
        let all_known = !priorities.is_empty() && priorities.iter().all(Option::is_some);
        if all_known && !known.contains(&LAST) {
            let message = format!(
                "no rule says what becomes of everything else: add one with `priority = {LAST}` that matches `*`"
            );
            wrong.push(ProviderError::invalid("rule", message));
        }
        wrong
    }

    /// Rules have calls of their own: `patch` does not touch them.
    fn patch(_: &SecurityPolicyRecord, _: &SecurityPolicyRecord, patch: &mut Map<String, Json>) {
        patch.remove("rules");
    }

    /// What is taken away is named in `updateMask`, and not in the body.
    async fn send_patch(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &SecurityPolicyRecord,
        _: &SecurityPolicyRecord,
        mut patch: Map<String, Json>,
    ) -> Result<(), ProviderError> {
        let is_gone = |(name, json): (&String, &Json)| json.is_null().then(|| name.clone());
        let gone: Vec<String> = patch.iter().filter_map(is_gone).collect();
        patch.retain(|_, json| !json.is_null());
        let fields = patch.keys().filter(|name| *name != "fingerprint").count();
        if fields == 0 && gone.is_empty() {
            return Ok(());
        }
        if let Some(fingerprint) = text(&prior.to_value(), "fingerprint") {
            patch.insert("fingerprint".to_owned(), Json::String(fingerprint));
        }
        let purpose = format!("patch{}", patch.get("fingerprint").unwrap_or(&Json::Null));
        let body = Json::Object(patch);
        let call = verb(&Self::API, "patch");
        let mut request = Request::send(COMPUTE, call, Method::PATCH, id, body);
        if !gone.is_empty() {
            request = request.query("updateMask", gone.join(","));
        }
        let request = with_token(request, &Self::API, operation, &purpose);
        run::<Self>(client, context, operation, id, request)
            .await
            .map(|_| ())
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &SecurityPolicyRecord,
        desired: &SecurityPolicyRecord,
    ) -> Result<(), ProviderError> {
        if prior.to_value().get("rule") == desired.to_value().get("rule") {
            return Ok(());
        }
        let body = wire::body(
            &SecurityPolicyRecord::block(),
            &desired.to_value(),
            Self::RULES,
        );
        let wanted = by_priority(body.get("rules"));
        let wanted = &wanted;
        part::change(client, context, operation, id, || async move {
            let there = rules(client, context, id).await?;
            for step in steps(&there, wanted) {
                let sent = run::<Self>(client, context, operation, id, step.request(id)).await;
                // These calls take no token: one whose answer was lost was perhaps carried out already.
                if let Err(error) = sent
                    && step.is_open(&rules(client, context, id).await?)
                {
                    return Err(error);
                }
            }
            Ok(())
        })
        .await
    }
}

/// The rules that a policy has.
async fn rules(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<BTreeMap<i64, Json>, ProviderError> {
    let found = find::<SecurityPolicy>(client, context, id).await?;
    let found = found.ok_or_else(|| error::gone(id))?;
    Ok(by_priority(found.get("rules")))
}

fn by_priority(rules: Option<&Json>) -> BTreeMap<i64, Json> {
    let rules = rules.and_then(Json::as_array).into_iter().flatten();
    rules
        .filter_map(|rule| Some((rule["priority"].as_i64()?, rule.clone())))
        .collect()
}

/// One call on a policy's rules.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    verb: &'static str,
    priority: i64,
    /// None of a rule that goes.
    rule: Option<Json>,
    /// Fields of the rule that it has no more.
    gone: Vec<&'static str>,
}

/// What makes the wanted rules of those that are there. What goes does so last, and until then decides as before.
fn steps(there: &BTreeMap<i64, Json>, wanted: &BTreeMap<i64, Json>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (priority, rule) in wanted {
        let verb = match there.get(priority) {
            None => "addRule",
            Some(old) if same(old, rule) => continue,
            Some(_) => "patchRule",
        };
        let old = there.get(priority).unwrap_or(&Json::Null);
        let gone = CLEARED.iter().filter(|pointer| {
            let said = |rule: &Json| rule.pointer(pointer).is_some_and(|v| !v.is_null());
            said(old) && !said(rule)
        });
        steps.push(Step {
            verb,
            priority: *priority,
            rule: Some(rule.clone()),
            gone: gone.copied().collect(),
        });
    }
    for priority in there.keys().filter(|p| !wanted.contains_key(p)) {
        // Without a rule for the rest there is no policy.
        if *priority != LAST {
            steps.push(Step {
                verb: "removeRule",
                priority: *priority,
                rule: None,
                gone: Vec::new(),
            });
        }
    }
    steps
}

/// Fields that a rule can lose.
const CLEARED: [&str; 4] = [
    "/description",
    "/match/versionedExpr",
    "/match/config",
    "/match/expr",
];

/// Whether two rules say the same, whatever else the service tells of one.
fn same(found: &Json, wanted: &Json) -> bool {
    let text = |rule: &Json, at: &str| {
        let value = rule.pointer(at).and_then(Json::as_str);
        value.unwrap_or_default().to_owned()
    };
    let ranges = |rule: &Json| {
        let ranges = rule.pointer("/match/config/srcIpRanges");
        let ranges = ranges.and_then(Json::as_array).into_iter().flatten();
        let ranges = ranges.filter_map(|r| r.as_str().map(str::to_owned));
        ranges.collect::<BTreeSet<_>>()
    };
    let texts = [
        "/action",
        "/description",
        "/match/versionedExpr",
        "/match/expr/expression",
    ];
    texts.iter().all(|at| text(found, at) == text(wanted, at))
        && (found["preview"] == true) == (wanted["preview"] == true)
        && ranges(found) == ranges(wanted)
}

impl Step {
    fn request(&self, id: &str) -> Request {
        let verb = self.verb;
        let body = self.rule.clone().unwrap_or(Json::Null);
        let request = Request::send(
            COMPUTE,
            format!("{}.{verb}", SecurityPolicy::API.name),
            Method::POST,
            format!("{id}/{verb}"),
            body,
        );
        if verb == "addRule" {
            return request;
        }
        let request = request.query("priority", self.priority.to_string());
        if self.gone.is_empty() {
            return request;
        }
        let gone = self.gone.iter().map(|at| at[1..].replace('/', "."));
        request.query("updateMask", gone.collect::<Vec<_>>().join(","))
    }

    /// Whether it is still to be done.
    fn is_open(&self, there: &BTreeMap<i64, Json>) -> bool {
        match (&self.rule, there.get(&self.priority)) {
            (None, found) => found.is_some(),
            (Some(wanted), Some(found)) => !same(found, wanted),
            (Some(_), None) => true,
        }
    }
}

fn priority(rule: &Value) -> Option<i64> {
    let value = rule.get("priority").filter(|v| !v.is_unknown())?;
    infra_model::json::to_json(value).as_i64()
}

/// What is wrong with a rule, as far as it is known.
fn check(rule: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let known = |value: &Value, name: &str| {
        let found = value.get(name).cloned();
        found.filter(|v| !v.is_unknown() && !v.is_null())
    };
    let priority = priority(rule);
    if let Some(given) = priority.filter(|p| !(0..=LAST).contains(p)) {
        wrong.push(format!("a rule's priority is 0 to {LAST}, not {given}"));
    }
    let action = known(rule, "action");
    if let Some(action) = action.as_ref().and_then(Value::as_str)
        && !["allow", "deny(403)", "deny(404)", "deny(502)"].contains(&action)
    {
        wrong.push(format!(
            "`{action}` is no action: write `allow`, `deny(403)`, `deny(404)` or `deny(502)`"
        ));
    }
    let matcher = known(rule, "match");
    let Some(matcher) = matcher
        .as_ref()
        .and_then(Value::elements)
        .and_then(<[Value]>::first)
    else {
        return wrong;
    };
    let first = |name: &str| {
        let blocks = matcher.get(name).and_then(Value::elements);
        blocks.and_then(<[Value]>::first).cloned()
    };
    let (config, expression) = (first("config"), first("expr"));
    let unknown = matcher.get("versioned_expr").is_some_and(Value::is_unknown);
    let versioned = unknown || known(matcher, "versioned_expr").is_some();
    if versioned != config.is_some() || config.is_some() == expression.is_some() {
        wrong.push(
            "a rule matches either `versioned_expr = \"SRC_IPS_V1\"` with `config`, or `expr`"
                .to_owned(),
        );
    }
    let ranges = config.and_then(|config| known(&config, "src_ip_ranges"));
    let ranges = ranges.as_ref().and_then(Value::elements);
    if let Some(ranges) = ranges {
        if ranges.len() > RANGES {
            wrong.push(format!(
                "a rule has at most {RANGES} ranges, not {}: spread them over several rules",
                ranges.len()
            ));
        }
        let all = ranges.iter().any(Value::is_unknown)
            || matches!(ranges, [one] if one.as_str() == Some("*"));
        if priority == Some(LAST) && !all {
            wrong.push(format!("the rule with priority {LAST} matches `*` alone"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(priority: i64, action: &str, ranges: &[&str]) -> Value {
        let config = Value::object([("src_ip_ranges", Value::strings(ranges.iter().copied()))]);
        let matcher = Value::object([
            ("versioned_expr", "SRC_IPS_V1".into()),
            ("config", Value::tuple(vec![config])),
        ]);
        Value::object([
            ("priority", priority.into()),
            ("action", action.into()),
            ("match", Value::tuple(vec![matcher])),
        ])
    }

    fn told(rules: Vec<Value>) -> String {
        let config = Value::object([("rule", Value::tuple(rules))]);
        let wrong = SecurityPolicy::validate(&config);
        let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        all.join("\n")
    }

    #[test]
    fn rules_that_cannot_be_are_told() {
        let last = || rule(LAST, "deny(403)", &["*"]);
        assert_eq!(told(vec![]), "");
        assert_eq!(told(vec![rule(1, "allow", &["10.0.0.0/8"]), last()]), "");
        let eleven: Vec<String> = (0..11).map(|n| format!("10.{n}.0.0/16")).collect();
        let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
        for (rules, expected) in [
            (vec![rule(1, "allow", &["10.0.0.0/8"])], "everything else"),
            (vec![rule(1, "allow", &eleven), last()], "at most 10 ranges"),
            (
                vec![rule(1, "permit", &["10.0.0.0/8"]), last()],
                "no action",
            ),
            (vec![rule(-1, "allow", &["10.0.0.0/8"]), last()], "not -1"),
            (vec![last(), last()], "same priority"),
            (vec![rule(LAST, "allow", &["10.0.0.0/8"])], "`*` alone"),
        ] {
            let told = told(rules);
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }

    #[test]
    fn only_what_differs_is_sent_and_what_goes_goes_last() {
        let rule = |priority: i64, action: &str, description: Option<&str>| {
            let mut rule = json!({
                "priority": priority, "action": action,
                "match": { "versionedExpr": "SRC_IPS_V1", "config": { "srcIpRanges": ["*"] } },
            });
            if let Some(description) = description {
                rule["description"] = description.into();
            }
            (priority, rule)
        };
        let there = BTreeMap::from([
            rule(1, "allow", None),
            rule(2, "allow", Some("office")),
            rule(3, "allow", None),
            rule(LAST, "allow", Some("default rule")),
        ]);
        let wanted = BTreeMap::from([
            rule(2, "allow", None),
            rule(3, "allow", None),
            rule(4, "deny(404)", None),
            rule(LAST, "deny(403)", Some("default rule")),
        ]);
        let steps = steps(&there, &wanted);
        let verbs: Vec<_> = steps.iter().map(|s| (s.verb, s.priority)).collect();
        assert_eq!(
            verbs,
            [
                ("patchRule", 2),
                ("addRule", 4),
                ("patchRule", LAST),
                ("removeRule", 1)
            ]
        );
        assert_eq!(steps[0].gone, ["/description"]);
        assert!(steps.iter().all(|step| step.is_open(&there)));
        assert!(steps.iter().all(|step| !step.is_open(&wanted)));
    }
}
