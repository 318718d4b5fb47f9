//! Sessions of roles: the keys that STS gives for a while, and what they are good for.

use serde::{Deserialize, Serialize};

use crate::aws::context::{Ctx, global_arn};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::iam::role::Role;
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601};
use crate::world::{Document, Scope, Stored};

/// How all keys begin that are given here. Those of temporary credentials begin with `ASIA`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>).
const KEYS: &str = "ASIASANDBOX";
/// For how long a session that is over is told from one that never was.
const REMEMBERED: Millis = 24 * 60 * 60 * 1000;

/// A session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    access_key: String,
    token: String,
    /// `arn:aws:sts::123456789012:assumed-role/NAME/SESSION`
    pub(super) arn: String,
    /// `AROA…:SESSION`
    pub(super) user_id: String,
    /// The role's ARN.
    pub(super) role: String,
    expires_at: Millis,
}

impl Document for Session {
    const KIND: &'static str = "sts/session";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.access_key
    }

    fn gone_at(&self) -> Option<Millis> {
        Some(self.expires_at + REMEMBERED)
    }
}

/// The session whose keys signed the request.
pub(super) fn of(ctx: &Ctx<'_>) -> Option<Stored<Session>> {
    ctx.get::<Session>(&ctx.access_key)
}

/// What is wrong with the keys of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::aws) enum Unfit {
    /// They are nobody's, or their session token is not theirs.
    Unknown,
    /// Their session is over.
    Expired,
}

/// Checks keys that were given here; all others are the only user's.
pub(in crate::aws) fn check(ctx: &Ctx<'_>, token: Option<&str>) -> Result<(), Unfit> {
    if !ctx.access_key.starts_with(KEYS) {
        return Ok(());
    }
    match of(ctx) {
        Some(session) if Some(session.token.as_str()) != token => Err(Unfit::Unknown),
        Some(session) if ctx.past(session.expires_at) => Err(Unfit::Expired),
        Some(_) => Ok(()),
        None => Err(Unfit::Unknown),
    }
}

/// Begins a session of a role and writes its keys, and who is meant by it.
pub(super) fn begin(ctx: &mut Ctx<'_>, role: &Role, name: &str, seconds: i64, xml: &mut Xml) {
    let key = format!("{KEYS}{}", ctx.new_hex(9).to_uppercase());
    let session = Session {
        access_key: key,
        token: format!("sandbox-session-{}", ctx.new_hex(48)),
        arn: global_arn("sts", &format!("assumed-role/{}/{name}", role.name)),
        user_id: format!("{}:{name}", role.role_id),
        role: role.arn(),
        expires_at: ctx.now + seconds * 1000,
    };
    let secret = ctx.new_hex(40);
    xml.node("Credentials", |xml| {
        xml.text("AccessKeyId", &session.access_key)
            .text("SecretAccessKey", secret)
            .text("SessionToken", &session.token)
            .text("Expiration", iso8601(session.expires_at));
    });
    xml.node("AssumedRoleUser", |xml| {
        xml.text("AssumedRoleId", &session.user_id)
            .text("Arn", &session.arn);
    });
    ctx.put(session);
}

/// `a-z`, digits and `+=,.@_-`, 2 to 64 of them.
pub(super) fn name(text: &str) -> AwsResult<()> {
    let right = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&text.len()) && text.chars().all(right) {
        return Ok(());
    }
    Err(AwsError::new(
        "ValidationError",
        format!(
            "1 validation error detected: Value '{text}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        ),
    ))
}
