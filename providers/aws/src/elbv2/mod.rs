//! Elastic Load Balancing: load balancers, target groups, listeners and rules. One file a type; what they share is in
//! `action`, `attributes` and `tagging`.

mod action;
mod attributes;
mod condition;
pub(crate) mod listener;
pub(crate) mod listener_rule;
pub(crate) mod load_balancer;
mod load_balancer_attributes;
mod load_balancer_view;
mod tagging;
pub(crate) mod target_group;
mod target_group_attributes;

use crate::error;
use infra_model::ProviderError;

/// Every page of a `Describe…`.
macro_rules! list {
    ($client:expr, $context:expr, $call:literal: $($request:tt)*) => {
        $crate::batch::pages_by_marker!($client, $context, elbv2, $crate::family::ELB_READ, $call: $($request)*, next_marker)
    };
}
use list;

/// Those that there are: asked for by what is not there, Elastic Load Balancing answers with an error.
fn there<T>(listed: Result<Vec<T>, ProviderError>) -> Result<Vec<T>, ProviderError> {
    Ok(error::there(listed)?.unwrap_or_default())
}

/// `app/web/50dc6c495c0c9188` of a load balancer's ARN, `targetgroup/web/73e2d6bc24d8a067` of a target group's: what metrics
/// call them.
fn suffix(arn: &str) -> Option<String> {
    let resource = arn.splitn(6, ':').nth(5)?;
    Some(
        resource
            .strip_prefix("loadbalancer/")
            .unwrap_or(resource)
            .to_owned(),
    )
}

/// The ARN of what this one belongs to: of a listener its load balancer, of a rule its listener.
fn parent(arn: &str) -> Option<String> {
    let (parent, _) = arn.rsplit_once('/')?;
    if parent.contains(":listener-rule/") {
        Some(parent.replacen(":listener-rule/", ":listener/", 1))
    } else if parent.contains(":listener/") {
        Some(parent.replacen(":listener/", ":loadbalancer/", 1))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_tell_what_belongs_to_what() {
        let start = "arn:aws:elasticloadbalancing:eu-west-1:123456789012";
        let rule = format!("{start}:listener-rule/app/web/50dc/f2f7/9683");
        let listener = format!("{start}:listener/app/web/50dc/f2f7");
        let balancer = format!("{start}:loadbalancer/app/web/50dc");
        assert_eq!(parent(&rule), Some(listener.clone()));
        assert_eq!(parent(&listener), Some(balancer.clone()));
        assert_eq!(parent(&balancer), None);
        assert_eq!(suffix(&balancer).as_deref(), Some("app/web/50dc"));
        let group = format!("{start}:targetgroup/web/73e2");
        assert_eq!(suffix(&group).as_deref(), Some("targetgroup/web/73e2"));
    }
}
