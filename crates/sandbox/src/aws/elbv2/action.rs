//! Actions of listeners and rules: checked, completed as the service does, kept as they were sent.

use serde_json::{Value, json};

use super::listener::Listener;
use super::load_balancer::LoadBalancer;
use super::target_group::{self, TargetGroup};
use super::{configuration, require, validation};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::Params;

/// Members of an action.
const MEMBERS: [&str; 7] = [
    "Type",
    "TargetGroupArn",
    "Order",
    "ForwardConfig",
    "RedirectConfig",
    "FixedResponseConfig",
    "AuthenticateOidcConfig",
];

/// Reads the actions of a request.
pub(super) fn read(
    ctx: &Ctx<'_>,
    balancer: &LoadBalancer,
    params: &Params,
    name: &str,
) -> AwsResult<Vec<Value>> {
    let items = params.items(name);
    if items.is_empty() {
        return Err(validation("At least one action must be specified"));
    }
    let mut actions = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(unknown) = item.names().find(|name| !MEMBERS.contains(name)) {
            return Err(validation(format!(
                "The action member {unknown} is not supported by the sandbox"
            )));
        }
        let kind = require(item, "Type")?;
        let mut action = item.to_json();
        match kind {
            "forward" => forward(ctx, balancer, item, &mut action)?,
            "redirect" if balancer.is_application() => redirect(item, &mut action)?,
            "fixed-response" if balancer.is_application() => fixed(item)?,
            "authenticate-oidc" if balancer.is_application() => {
                if item.node("AuthenticateOidcConfig").is_none() {
                    return Err(validation("AuthenticateOidcConfig must be specified"));
                }
                // The secret is never shown again.
                if let Some(config) = action["AuthenticateOidcConfig"].as_object_mut() {
                    config.remove("ClientSecret");
                }
            }
            _ => {
                let message = format!(
                    "Action type '{kind}' is not supported by a load balancer of type '{}'",
                    balancer.kind
                );
                return Err(AwsError::new("InvalidLoadBalancerAction", message));
            }
        }
        if items.len() > 1 && action.get("Order").is_none() {
            action["Order"] = (index + 1).to_string().into();
        }
        actions.push(action);
    }
    let last = actions.last().and_then(|action| action["Type"].as_str());
    let routing = |action: &Value| {
        matches!(
            action["Type"].as_str(),
            Some("forward" | "redirect" | "fixed-response")
        )
    };
    if !matches!(last, Some("forward" | "redirect" | "fixed-response"))
        || actions.iter().filter(|a| routing(a)).count() != 1
    {
        let message = "The actions must contain exactly one of forward, fixed-response or redirect, as the last action";
        return Err(AwsError::new("InvalidLoadBalancerAction", message));
    }
    Ok(actions)
}

fn forward(
    ctx: &Ctx<'_>,
    balancer: &LoadBalancer,
    item: &Params,
    action: &mut Value,
) -> AwsResult<()> {
    let mut groups: Vec<(String, String)> = Vec::new();
    if let Some(config) = item.node("ForwardConfig") {
        for tuple in config.items("TargetGroups") {
            let weight = tuple.int("Weight")?.unwrap_or(1);
            if !(0..=999).contains(&weight) {
                return Err(validation(format!(
                    "Weight '{weight}' must be between 0 and 999"
                )));
            }
            groups.push((
                require(tuple, "TargetGroupArn")?.to_owned(),
                weight.to_string(),
            ));
        }
    }
    match (item.str("TargetGroupArn"), groups.is_empty()) {
        (Some(arn), true) => groups.push((arn.to_owned(), "1".to_owned())),
        (Some(arn), false) if groups.len() != 1 || groups[0].0 != arn => {
            let message = "You can specify both a target group ARN and a forward configuration only if they name the same single target group";
            return Err(configuration(message));
        }
        (None, true) => return Err(validation("A target group ARN must be specified")),
        _ => {}
    }
    if groups.len() > 5 {
        return Err(AwsError::new(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            "At most 5 target groups may be given in an action",
        ));
    }
    for (arn, _) in &groups {
        let group = target_group::find_arn(ctx, arn)?;
        check_group(ctx, balancer, &group)?;
    }
    let stickiness = item
        .node("ForwardConfig")
        .and_then(|config| config.node("TargetGroupStickinessConfig"));
    let mut config = json!({
        "TargetGroups": groups.iter()
            .map(|(arn, weight)| json!({"TargetGroupArn": arn, "Weight": weight}))
            .collect::<Vec<_>>(),
    });
    if balancer.is_application() {
        config["TargetGroupStickinessConfig"] =
            stickiness.map_or_else(|| json!({"Enabled": "false"}), Params::to_json);
    }
    if let [(arn, _)] = &groups[..] {
        action["TargetGroupArn"] = arn.clone().into();
    }
    action["ForwardConfig"] = config;
    Ok(())
}

fn check_group(ctx: &Ctx<'_>, balancer: &LoadBalancer, group: &TargetGroup) -> AwsResult<()> {
    let http = matches!(group.protocol.as_str(), "HTTP" | "HTTPS" | "");
    if http != balancer.is_application() {
        let message = format!(
            "Target group protocol '{}' is not supported by a load balancer of type '{}'",
            group.protocol, balancer.kind
        );
        return Err(AwsError::new("IncompatibleProtocols", message));
    }
    if target_group::balancers(ctx, &group.arn)
        .iter()
        .any(|other| *other != balancer.arn)
    {
        let message = format!(
            "The following target groups cannot be associated with more than one load balancer: {}",
            group.arn
        );
        return Err(AwsError::new("TargetGroupAssociationLimit", message));
    }
    Ok(())
}

fn redirect(item: &Params, action: &mut Value) -> AwsResult<()> {
    let config = item
        .node("RedirectConfig")
        .ok_or_else(|| validation("RedirectConfig must be specified"))?;
    let status = require(config, "StatusCode")?;
    if !matches!(status, "HTTP_301" | "HTTP_302") {
        return Err(validation(format!(
            "Value '{status}' at 'redirectConfig.statusCode' failed to satisfy constraint"
        )));
    }
    let parts = [
        ("Protocol", "#{protocol}"),
        ("Port", "#{port}"),
        ("Host", "#{host}"),
        ("Path", "/#{path}"),
        ("Query", "#{query}"),
    ];
    let mut changed = false;
    let mut complete = json!({});
    for (name, default) in parts {
        let value = config.str(name).unwrap_or(default);
        changed |= value != default && name != "Query";
        complete[name] = value.into();
    }
    if !changed {
        let message = "The redirect configuration is not valid because it creates a loop";
        return Err(AwsError::new("InvalidLoadBalancerAction", message));
    }
    complete["StatusCode"] = status.into();
    action["RedirectConfig"] = complete;
    Ok(())
}

fn fixed(item: &Params) -> AwsResult<()> {
    let config = item
        .node("FixedResponseConfig")
        .ok_or_else(|| validation("FixedResponseConfig must be specified"))?;
    let status = require(config, "StatusCode")?;
    let valid =
        status.len() == 3 && status.starts_with(['2', '4', '5']) && status.parse::<u16>().is_ok();
    if !valid {
        return Err(validation(format!(
            "The status code '{status}' must be 2XX, 4XX or 5XX"
        )));
    }
    let kinds = [
        "text/plain",
        "text/css",
        "text/html",
        "application/javascript",
        "application/json",
    ];
    if config
        .str("ContentType")
        .is_some_and(|kind| !kinds.contains(&kind))
    {
        return Err(validation(
            "The content type of a fixed response is not supported",
        ));
    }
    Ok(())
}

/// ARNs of all target groups that actions forward to.
pub(super) fn groups(actions: &[Value]) -> Vec<String> {
    let tuples = actions
        .iter()
        .filter_map(|action| action["ForwardConfig"]["TargetGroups"].as_array())
        .flatten();
    tuples
        .filter_map(|tuple| tuple["TargetGroupArn"].as_str().map(str::to_owned))
        .collect()
}

/// The load balancer of a listener.
pub(super) fn balancer_of(
    ctx: &Ctx<'_>,
    listener: &Listener,
) -> AwsResult<crate::world::Stored<LoadBalancer>> {
    super::load_balancer::find_arn(ctx, &listener.balancer)
}
