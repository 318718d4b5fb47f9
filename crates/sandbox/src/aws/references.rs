//! Whether what one service's request names exists in another service: roles, keys, certificates. Each service
//! words the refusal in its own way.

use super::acm::certificate::is_issued;
use super::context::{ACCOUNT, Ctx};
use super::iam::role::Role;
use super::kms::key::{self, Key};

use serde_json::Value;

/// The name in the ARN of a role of this account.
pub(crate) fn role_name(arn: &str) -> Option<&str> {
    let path = arn
        .strip_prefix("arn:aws:iam::")?
        .strip_prefix(ACCOUNT)?
        .strip_prefix(":role/")?;
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

/// Whether a service knows the role of an ARN: it exists, and not only since a moment where access comes late.
pub(crate) fn knows_role(ctx: &Ctx<'_>, arn: &str) -> bool {
    let role = role_name(arn).and_then(|name| ctx.get::<Role>(name));
    role.is_some_and(|role| ctx.pace.knows(role.created_at, ctx.now))
}

/// Whether a service may take on the role of an ARN: it knows it, and the role's trust policy names it. Services say of both that
/// the role is none.
pub(crate) fn may_assume(ctx: &Ctx<'_>, arn: &str, service: &str) -> bool {
    let role = role_name(arn).and_then(|name| ctx.get::<Role>(name));
    knows_role(ctx, arn) && role.is_some_and(|role| role.lets_in(service))
}

/// The first role of this account among the principals of a policy that is not known: services refuse the whole policy then.
pub(crate) fn unknown_principal(ctx: &Ctx<'_>, policy: &str) -> Option<String> {
    let document: Value = serde_json::from_str(policy).ok()?;
    let each = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let statements = each(&document["Statement"]);
    let principals = statements
        .iter()
        .flat_map(|statement| ["Principal", "NotPrincipal"].map(|name| &statement[name]["AWS"]))
        .flat_map(each);
    let mut arns = principals.filter_map(|arn| arn.as_str().map(str::to_owned));
    arns.find(|arn| role_name(arn).is_some() && !knows_role(ctx, arn))
}

/// Whether text could name a key of KMS: an id, an ARN or an alias. Services that encrypt later do not look it up.
pub(crate) fn may_be_key(ctx: &Ctx<'_>, text: &str) -> bool {
    let rest = text.strip_prefix("arn:aws:kms:").and_then(|rest| {
        let (region, rest) = rest.split_once(':')?;
        (region == ctx.region).then(|| rest.split_once(':').map_or("", |(_, name)| name))
    });
    let name = rest.unwrap_or(text);
    let id = name.strip_prefix("key/").unwrap_or(name);
    name.starts_with("alias/") || uuid::Uuid::try_parse(id.trim_start_matches("mrk-")).is_ok()
}

/// The ARN of an enabled key that text names; `None` when there is none.
pub(crate) fn enabled_key(ctx: &Ctx<'_>, text: &str) -> Option<String> {
    let key = key::resolve(ctx, text)?;
    key.is_enabled().then(|| Key::arn(&key, ctx))
}

/// What text is to a listener that wants a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateRef {
    /// A certificate that it can have.
    Ready,
    /// One that is not issued.
    NotReady,
    /// None of this region.
    None,
}

/// Looks up a certificate of Certificate Manager. Server certificates of IAM, which the sandbox does not keep, are believed.
pub(crate) fn certificate(ctx: &Ctx<'_>, arn: &str) -> CertificateRef {
    let iam = format!("arn:aws:iam::{ACCOUNT}:server-certificate/");
    if arn.strip_prefix(&iam).is_some_and(|name| !name.is_empty()) {
        return CertificateRef::Ready;
    }
    match is_issued(ctx, arn) {
        Some(true) => CertificateRef::Ready,
        Some(false) => CertificateRef::NotReady,
        None => CertificateRef::None,
    }
}
