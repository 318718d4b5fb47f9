//! What listeners and rules do with a request: the blocks, and their form in the API.

use aws_sdk_elasticloadbalancingv2::types::{
    Action as Sdk, ActionTypeEnum, AuthenticateCognitoActionConditionalBehaviorEnum,
    AuthenticateCognitoActionConfig, AuthenticateOidcActionConditionalBehaviorEnum,
    AuthenticateOidcActionConfig, FixedResponseActionConfig, ForwardActionConfig,
    RedirectActionConfig, RedirectActionStatusCodeEnum, TargetGroupStickinessConfig,
    TargetGroupTuple,
};
use infra_model::Record;
use std::collections::BTreeMap;

/// What is done with a request.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Action {
    /// `forward`, `redirect`, `fixed-response`, `authenticate-cognito` or `authenticate-oidc`.
    #[record(required, rename = "type")]
    pub(crate) kind: String,
    /// Which comes first, when there are several.
    #[record(optional, computed)]
    pub(crate) order: Option<i32>,
    /// The target group that a `forward` sends to.
    #[record(optional)]
    pub(crate) target_group_arn: Option<String>,
    /// Several target groups that a `forward` sends to.
    #[record(block, max = 1)]
    pub(crate) forward: Vec<Forward>,
    /// Where a `redirect` sends the client.
    #[record(block, max = 1)]
    pub(crate) redirect: Vec<Redirect>,
    /// What a `fixed-response` answers.
    #[record(block, max = 1)]
    pub(crate) fixed_response: Vec<FixedResponse>,
    /// Whom `authenticate-cognito` asks.
    #[record(block, max = 1)]
    pub(crate) authenticate_cognito: Vec<Cognito>,
    /// Whom `authenticate-oidc` asks.
    #[record(block, max = 1)]
    pub(crate) authenticate_oidc: Vec<Oidc>,
}

/// Several target groups.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Forward {
    /// A target group and its share.
    #[record(block, set, min = 1, max = 5)]
    pub(crate) target_group: Vec<Weighted>,
    /// Whether a client stays with the target group that it came to first.
    #[record(block, max = 1)]
    pub(crate) stickiness: Vec<GroupStickiness>,
}

/// A target group and its share.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Weighted {
    /// The target group.
    #[record(required)]
    pub(crate) arn: String,
    /// Its share, 0 to 999.
    #[record(optional, default = 1)]
    pub(crate) weight: i32,
}

/// Whether a client stays with a target group.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct GroupStickiness {
    /// Whether it does.
    #[record(optional, default = false)]
    pub(crate) enabled: bool,
    /// For how many seconds.
    #[record(required)]
    pub(crate) duration: i32,
}

/// Where the client is sent.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Redirect {
    /// `HTTP_301` for always, `HTTP_302` for now.
    #[record(required)]
    pub(crate) status_code: String,
    /// `HTTP`, `HTTPS` or `#{protocol}`.
    #[record(optional, default = "#{protocol}")]
    pub(crate) protocol: String,
    /// The port.
    #[record(optional, default = "#{port}")]
    pub(crate) port: String,
    /// The host.
    #[record(optional, default = "#{host}")]
    pub(crate) host: String,
    /// The path, with its slash.
    #[record(optional, default = "/#{path}")]
    pub(crate) path: String,
    /// The query, without its question mark.
    #[record(optional, default = "#{query}")]
    pub(crate) query: String,
}

/// What is answered.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct FixedResponse {
    /// `text/plain`, `text/css`, `text/html`, `application/javascript` or `application/json`.
    #[record(required)]
    pub(crate) content_type: String,
    /// The body.
    #[record(optional)]
    pub(crate) message_body: Option<String>,
    /// The status.
    #[record(optional, computed)]
    pub(crate) status_code: Option<String>,
}

/// A Cognito user pool.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Cognito {
    /// The pool.
    #[record(required)]
    pub(crate) user_pool_arn: String,
    /// The pool's client.
    #[record(required)]
    pub(crate) user_pool_client_id: String,
    /// The pool's domain.
    #[record(required)]
    pub(crate) user_pool_domain: String,
    /// Further parameters of the authentication request.
    #[record(optional)]
    pub(crate) authentication_request_extra_params: BTreeMap<String, String>,
    /// `deny`, `allow` or `authenticate`.
    #[record(optional, computed)]
    pub(crate) on_unauthenticated_request: Option<String>,
    /// What is asked of the pool.
    #[record(optional, default = "openid")]
    pub(crate) scope: String,
    /// The cookie of the session.
    #[record(optional, default = "AWSELBAuthSessionCookie")]
    pub(crate) session_cookie_name: String,
    /// Seconds for which a session lasts.
    #[record(optional, default = 604_800)]
    pub(crate) session_timeout: i64,
}

/// An OpenID Connect provider.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Oidc {
    /// The provider.
    #[record(required)]
    pub(crate) issuer: String,
    /// Where it authorizes.
    #[record(required)]
    pub(crate) authorization_endpoint: String,
    /// Where it gives tokens.
    #[record(required)]
    pub(crate) token_endpoint: String,
    /// Where it tells who a user is.
    #[record(required)]
    pub(crate) user_info_endpoint: String,
    /// The client.
    #[record(required)]
    pub(crate) client_id: String,
    /// The client's secret.
    #[record(required, sensitive)]
    pub(crate) client_secret: String,
    /// Further parameters of the authentication request.
    #[record(optional)]
    pub(crate) authentication_request_extra_params: BTreeMap<String, String>,
    /// `deny`, `allow` or `authenticate`.
    #[record(optional, computed)]
    pub(crate) on_unauthenticated_request: Option<String>,
    /// What is asked of the provider.
    #[record(optional, default = "openid")]
    pub(crate) scope: String,
    /// The cookie of the session.
    #[record(optional, default = "AWSELBAuthSessionCookie")]
    pub(crate) session_cookie_name: String,
    /// Seconds for which a session lasts.
    #[record(optional, default = 604_800)]
    pub(crate) session_timeout: i64,
}

/// As the API takes them.
pub(super) fn to_sdk(actions: &[Action]) -> Vec<Sdk> {
    let several = actions.len() > 1;
    (1..)
        .zip(actions)
        .map(|(place, action)| {
            Sdk::builder()
                .r#type(ActionTypeEnum::from(action.kind.as_str()))
                .set_order(action.order.or(several.then_some(place)))
                .set_target_group_arn(action.target_group_arn.clone())
                .set_forward_config(action.forward.first().map(forward))
                .set_redirect_config(action.redirect.first().map(redirect))
                .set_fixed_response_config(action.fixed_response.first().map(fixed))
                .set_authenticate_cognito_config(action.authenticate_cognito.first().map(cognito))
                .set_authenticate_oidc_config(action.authenticate_oidc.first().map(oidc))
                .build()
        })
        .collect()
}

fn forward(forward: &Forward) -> ForwardActionConfig {
    let groups = forward.target_group.iter().map(|g| {
        TargetGroupTuple::builder()
            .target_group_arn(&g.arn)
            .weight(g.weight)
            .build()
    });
    let stickiness = forward.stickiness.first().map(|s| {
        TargetGroupStickinessConfig::builder()
            .enabled(s.enabled)
            .duration_seconds(s.duration)
            .build()
    });
    ForwardActionConfig::builder()
        .set_target_groups(Some(groups.collect()))
        .set_target_group_stickiness_config(stickiness)
        .build()
}

fn redirect(redirect: &Redirect) -> RedirectActionConfig {
    RedirectActionConfig::builder()
        .status_code(RedirectActionStatusCodeEnum::from(
            redirect.status_code.as_str(),
        ))
        .protocol(&redirect.protocol)
        .port(&redirect.port)
        .host(&redirect.host)
        .path(&redirect.path)
        .query(&redirect.query)
        .build()
}

fn fixed(fixed: &FixedResponse) -> FixedResponseActionConfig {
    FixedResponseActionConfig::builder()
        .content_type(&fixed.content_type)
        .set_message_body(fixed.message_body.clone())
        .set_status_code(fixed.status_code.clone())
        .build()
}

fn cognito(cognito: &Cognito) -> AuthenticateCognitoActionConfig {
    let extra = &cognito.authentication_request_extra_params;
    let extra = (!extra.is_empty()).then(|| extra.clone().into_iter().collect());
    AuthenticateCognitoActionConfig::builder()
        .user_pool_arn(&cognito.user_pool_arn)
        .user_pool_client_id(&cognito.user_pool_client_id)
        .user_pool_domain(&cognito.user_pool_domain)
        .set_authentication_request_extra_params(extra)
        .set_on_unauthenticated_request(
            cognito
                .on_unauthenticated_request
                .as_deref()
                .map(AuthenticateCognitoActionConditionalBehaviorEnum::from),
        )
        .scope(&cognito.scope)
        .session_cookie_name(&cognito.session_cookie_name)
        .session_timeout(cognito.session_timeout)
        .build()
}

fn oidc(oidc: &Oidc) -> AuthenticateOidcActionConfig {
    let extra = &oidc.authentication_request_extra_params;
    let extra = (!extra.is_empty()).then(|| extra.clone().into_iter().collect());
    AuthenticateOidcActionConfig::builder()
        .issuer(&oidc.issuer)
        .authorization_endpoint(&oidc.authorization_endpoint)
        .token_endpoint(&oidc.token_endpoint)
        .user_info_endpoint(&oidc.user_info_endpoint)
        .client_id(&oidc.client_id)
        .client_secret(&oidc.client_secret)
        .set_authentication_request_extra_params(extra)
        .set_on_unauthenticated_request(
            oidc.on_unauthenticated_request
                .as_deref()
                .map(AuthenticateOidcActionConditionalBehaviorEnum::from),
        )
        .scope(&oidc.scope)
        .session_cookie_name(&oidc.session_cookie_name)
        .session_timeout(oidc.session_timeout)
        .build()
}

/// As the API tells them, in their order; what it tells twice, or not at all, is as it was said.
pub(super) fn from_sdk(found: &[Sdk], prior: Option<&[Action]>) -> Vec<Action> {
    let mut found: Vec<&Sdk> = found.iter().collect();
    found.sort_by_key(|a| a.order);
    found
        .into_iter()
        .enumerate()
        .map(|(i, action)| one(action, prior.and_then(|p| p.get(i))))
        .collect()
}

fn one(found: &Sdk, prior: Option<&Action>) -> Action {
    let kind = found.r#type().map_or("", ActionTypeEnum::as_str).to_owned();
    let prior = prior.filter(|p| p.kind == kind);
    let (target_group_arn, forward) = if kind == "forward" {
        targets(found, prior)
    } else {
        (None, Vec::new())
    };
    Action {
        order: found.order,
        target_group_arn,
        forward,
        redirect: found
            .redirect_config()
            .map(redirected)
            .into_iter()
            .collect(),
        fixed_response: found
            .fixed_response_config()
            .map(|f| FixedResponse {
                content_type: f.content_type.clone().unwrap_or_default(),
                message_body: f.message_body.clone().filter(|b| !b.is_empty()),
                status_code: f.status_code.clone(),
            })
            .into_iter()
            .collect(),
        authenticate_cognito: found
            .authenticate_cognito_config()
            .map(from_cognito)
            .into_iter()
            .collect(),
        authenticate_oidc: found
            .authenticate_oidc_config()
            .map(|o| from_oidc(o, prior.and_then(|p| p.authenticate_oidc.first())))
            .into_iter()
            .collect(),
        kind,
    }
}

/// One target group is told both by itself and as a list; the stack says it in one of the two ways.
fn targets(found: &Sdk, prior: Option<&Action>) -> (Option<String>, Vec<Forward>) {
    let config = found.forward_config();
    let groups: Vec<Weighted> = config
        .map(aws_sdk_elasticloadbalancingv2::types::ForwardActionConfig::target_groups)
        .unwrap_or_default()
        .iter()
        .map(|g| Weighted {
            arn: g.target_group_arn.clone().unwrap_or_default(),
            weight: g.weight.unwrap_or(1),
        })
        .collect();
    let sticky = config.and_then(|c| c.target_group_stickiness_config());
    let enabled = sticky.and_then(|s| s.enabled) == Some(true);
    let single = found
        .target_group_arn
        .clone()
        .or_else(|| groups.first().map(|g| g.arn.clone()))
        .filter(|_| groups.len() <= 1 && !enabled);
    let before = prior.and_then(|p| p.forward.first());
    let by_arn = prior.is_some_and(|p| p.target_group_arn.is_some());
    let list =
        before.is_some() || single.is_none() || (!by_arn && groups.iter().any(|g| g.weight != 1));
    let forward = Forward {
        stickiness: match before.and_then(|b| b.stickiness.first()) {
            None if !enabled => Vec::new(),
            said => vec![GroupStickiness {
                enabled,
                duration: sticky
                    .and_then(|s| s.duration_seconds)
                    .or(said.map(|s| s.duration))
                    .unwrap_or_default(),
            }],
        },
        target_group: groups,
    };
    let keep_arn = !list || by_arn;
    (
        single.filter(|_| keep_arn),
        if list { vec![forward] } else { Vec::new() },
    )
}

fn redirected(found: &RedirectActionConfig) -> Redirect {
    let or =
        |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
    Redirect {
        status_code: found
            .status_code()
            .map_or("", RedirectActionStatusCodeEnum::as_str)
            .to_owned(),
        protocol: or(&found.protocol, "#{protocol}"),
        port: or(&found.port, "#{port}"),
        host: or(&found.host, "#{host}"),
        path: or(&found.path, "/#{path}"),
        query: or(&found.query, "#{query}"),
    }
}

fn from_cognito(found: &AuthenticateCognitoActionConfig) -> Cognito {
    Cognito {
        user_pool_arn: found.user_pool_arn.clone().unwrap_or_default(),
        user_pool_client_id: found.user_pool_client_id.clone().unwrap_or_default(),
        user_pool_domain: found.user_pool_domain.clone().unwrap_or_default(),
        authentication_request_extra_params: found
            .authentication_request_extra_params
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        on_unauthenticated_request: found
            .on_unauthenticated_request()
            .map(|b| b.as_str().to_owned()),
        scope: found.scope.clone().unwrap_or_else(|| "openid".to_owned()),
        session_cookie_name: found.session_cookie_name.clone().unwrap_or_default(),
        session_timeout: found.session_timeout.unwrap_or_default(),
    }
}

fn from_oidc(found: &AuthenticateOidcActionConfig, prior: Option<&Oidc>) -> Oidc {
    Oidc {
        issuer: found.issuer.clone().unwrap_or_default(),
        authorization_endpoint: found.authorization_endpoint.clone().unwrap_or_default(),
        token_endpoint: found.token_endpoint.clone().unwrap_or_default(),
        user_info_endpoint: found.user_info_endpoint.clone().unwrap_or_default(),
        client_id: found.client_id.clone().unwrap_or_default(),
        // Never told again.
        client_secret: prior.map(|p| p.client_secret.clone()).unwrap_or_default(),
        authentication_request_extra_params: found
            .authentication_request_extra_params
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        on_unauthenticated_request: found
            .on_unauthenticated_request()
            .map(|b| b.as_str().to_owned()),
        scope: found.scope.clone().unwrap_or_else(|| "openid".to_owned()),
        session_cookie_name: found.session_cookie_name.clone().unwrap_or_default(),
        session_timeout: found.session_timeout.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(arn: &str) -> Action {
        Action {
            kind: "forward".to_owned(),
            target_group_arn: Some(arn.to_owned()),
            ..Action::default()
        }
    }

    fn listed(groups: &[(&str, i32)]) -> Action {
        Action {
            kind: "forward".to_owned(),
            forward: vec![Forward {
                target_group: groups
                    .iter()
                    .map(|(arn, weight)| Weighted {
                        arn: (*arn).to_owned(),
                        weight: *weight,
                    })
                    .collect(),
                stickiness: Vec::new(),
            }],
            ..Action::default()
        }
    }

    /// As the API answers: a single target group both ways.
    fn answered(action: &Action) -> Sdk {
        let mut sdk = to_sdk(std::slice::from_ref(action)).remove(0);
        if sdk.forward_config.is_none() {
            let alone = listed(&[(sdk.target_group_arn().unwrap_or_default(), 1)]);
            sdk.forward_config = alone.forward.first().map(forward);
        } else if let [one] = sdk
            .forward_config()
            .map(aws_sdk_elasticloadbalancingv2::types::ForwardActionConfig::target_groups)
            .unwrap_or_default()
        {
            sdk.target_group_arn = one.target_group_arn.clone();
        }
        sdk
    }

    #[test]
    fn a_forward_is_read_in_the_way_that_it_was_said() {
        for said in [to("a"), listed(&[("a", 1)]), listed(&[("a", 1), ("b", 9)])] {
            let read = from_sdk(&[answered(&said)], Some(std::slice::from_ref(&said)));
            assert_eq!(read, [said]);
        }
        assert_eq!(from_sdk(&[answered(&to("a"))], None), [to("a")]);
        let both = listed(&[("a", 1), ("b", 1)]);
        let expected = both.clone();
        assert_eq!(from_sdk(&[answered(&both)], None), [expected]);
        // Someone else added a group.
        assert_eq!(from_sdk(&[answered(&both)], Some(&[to("a")])), [both]);
    }

    #[test]
    fn several_actions_get_an_order() {
        let orders: Vec<Option<i32>> = to_sdk(&[to("a"), to("b")])
            .iter()
            .map(|a| a.order)
            .collect();
        assert_eq!(orders, [Some(1), Some(2)]);
        assert_eq!(to_sdk(&[to("a")])[0].order, None);
    }
}
