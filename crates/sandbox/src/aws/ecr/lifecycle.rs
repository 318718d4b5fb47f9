//! Lifecycle policies: kept and checked; nothing expires by them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{broken, repository, require};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::JsonOperation;
use crate::clock::Millis;
use crate::world::{Document, Listed, Stored};

/// A repository's policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LifecyclePolicy {
    repository: String,
    text: String,
    written: Millis,
}

impl Document for LifecyclePolicy {
    const KIND: &'static str = "ecr/lifecycle-policy";

    fn id(&self) -> &str {
        &self.repository
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_ecr_lifecycle_policy")
    }
}

impl LifecyclePolicy {
    fn view(&self) -> Value {
        json!({
            "registryId": ACCOUNT,
            "repositoryName": self.repository,
            "lifecyclePolicyText": self.text,
        })
    }
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "PutLifecyclePolicy",
        accepts: &["registryId", "repositoryName", "lifecyclePolicyText"],
        handler: put,
    },
    JsonOperation {
        name: "GetLifecyclePolicy",
        accepts: &["registryId", "repositoryName"],
        handler: get,
    },
    JsonOperation {
        name: "DeleteLifecyclePolicy",
        accepts: &["registryId", "repositoryName"],
        handler: delete,
    },
];

fn put(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let repository = repository::find(ctx, body)?.name.clone();
    let said = require(body, "lifecyclePolicyText")?;
    if !(100..=30_720).contains(&said.len()) {
        let rule = "must have length between 100 and 30720";
        return Err(broken("lifecyclePolicyText", rule));
    }
    let policy = check(said).map_err(|why| {
        let rule = format!("Lifecycle policy validation failure: {why}");
        broken("LifecyclePolicyText", &rule)
    })?;
    let policy = LifecyclePolicy {
        repository,
        text: policy.to_string(),
        written: ctx.now,
    };
    let answer = policy.view();
    ctx.put(policy);
    Ok(answer)
}

fn find(ctx: &Ctx<'_>, body: &Value) -> AwsResult<Stored<LifecyclePolicy>> {
    let name = repository::find(ctx, body)?.name.clone();
    let found = ctx.get::<LifecyclePolicy>(&name);
    found.ok_or_else(|| {
        let message = format!(
            "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{ACCOUNT}'"
        );
        AwsError::new("LifecyclePolicyNotFoundException", message)
    })
}

fn get(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let policy = find(ctx, body)?;
    let mut answer = policy.view();
    answer["lastEvaluatedAt"] = json!(policy.written as f64 / 1000.0);
    Ok(answer)
}

fn delete(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let answer = get(ctx, body)?;
    let name = find(ctx, body)?.repository.clone();
    ctx.delete::<LifecyclePolicy>(&name);
    Ok(answer)
}

/// The policy of a text that follows the rules:
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>.
fn check(text: &str) -> Result<Value, String> {
    let policy: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let rules = policy["rules"].as_array().filter(|rules| !rules.is_empty());
    let rules = rules.ok_or("rules must have at least one item")?;
    let mut priorities = BTreeSet::new();
    let mut any = None;
    for rule in rules {
        let priority = rule["rulePriority"]
            .as_u64()
            .filter(|priority| *priority > 0);
        let priority = priority.ok_or("rulePriority must be a positive number")?;
        if !priorities.insert(priority) {
            return Err(format!("rulePriority {priority} is used twice"));
        }
        if rule["action"]["type"] != "expire" {
            return Err("action type must be expire".to_owned());
        }
        let selection = &rule["selection"];
        if check_selection(selection)? == "any" && any.replace(priority).is_some() {
            return Err("only one rule may have the tag status any".to_owned());
        }
    }
    if any.is_some() && any != priorities.last().copied() {
        return Err("the rule with tag status any must have the highest rulePriority".to_owned());
    }
    Ok(policy)
}

/// The tag status of a selection.
fn check_selection(selection: &Value) -> Result<&str, String> {
    let status = selection["tagStatus"].as_str().unwrap_or_default();
    let lists = ["tagPrefixList", "tagPatternList"]
        .iter()
        .filter(|name| {
            selection[**name]
                .as_array()
                .is_some_and(|list| !list.is_empty())
        })
        .count();
    match (status, lists) {
        ("tagged", 1) | ("untagged" | "any", 0) => {}
        ("tagged", _) => {
            return Err("tagStatus tagged needs tagPrefixList or tagPatternList".to_owned());
        }
        ("untagged" | "any", _) => {
            return Err(format!("tag lists cannot be used with tagStatus {status}"));
        }
        _ => return Err("tagStatus must be tagged, untagged or any".to_owned()),
    }
    if selection["countNumber"]
        .as_u64()
        .is_none_or(|count| count == 0)
    {
        return Err("countNumber must be a positive number".to_owned());
    }
    match (selection["countType"].as_str(), selection.get("countUnit")) {
        (Some("imageCountMoreThan"), None) => Ok(status),
        (Some("sinceImagePushed"), Some(unit)) if unit == "days" => Ok(status),
        (Some("imageCountMoreThan"), _) => {
            Err("countUnit cannot be used with imageCountMoreThan".to_owned())
        }
        (Some("sinceImagePushed"), _) => Err("sinceImagePushed needs countUnit days".to_owned()),
        _ => Err("countType must be imageCountMoreThan or sinceImagePushed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(priority: u64, selection: Value) -> Value {
        json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
    }

    #[test]
    fn rules_are_checked() {
        let untagged = json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14});
        let any = json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30});
        let good = json!({"rules": [rule(1, untagged.clone()), rule(2, any.clone())]});
        assert!(check(&good.to_string()).is_ok());
        for (bad, why) in [
            (json!({"rules": []}), "at least one"),
            (
                json!({"rules": [rule(1, untagged.clone()), rule(1, any.clone())]}),
                "twice",
            ),
            (
                json!({"rules": [rule(2, untagged), rule(1, any)]}),
                "highest",
            ),
            (
                json!({"rules": [rule(1, json!({"tagStatus": "tagged"}))]}),
                "tagPrefixList",
            ),
        ] {
            let told = check(&bad.to_string()).expect_err("is refused");
            assert!(told.contains(why), "{told}");
        }
    }
}
