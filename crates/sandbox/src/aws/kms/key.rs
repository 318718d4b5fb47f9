//! Keys: made, described, enabled and disabled, scheduled for deletion. Policies, rotation and tags are in
//! `key_settings`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::alias::Alias;
use super::{key_settings, paged, require, text, validation};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::JsonOperation;
use crate::aws::tagging::Tagged;
use crate::clock::Millis;
use crate::world::{Document, Listed, Stored};

const DAY: Millis = 24 * 60 * 60 * 1000;

/// A key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    id: String,
    created: Millis,
    pub(super) description: String,
    usage: String,
    pub(super) spec: String,
    multi_region: bool,
    enabled: bool,
    pub(super) policy: String,
    /// The period in days, when rotation is on, and since when.
    pub(super) rotation: Option<(u32, Millis)>,
    /// The window in days and the date, once deletion is scheduled.
    deletion: Option<(u32, Millis)>,
    /// When the deletion was scheduled: since then it is no live resource.
    scheduled_at: Option<Millis>,
}

impl Document for Key {
    const KIND: &'static str = "kms/key";

    fn id(&self) -> &str {
        &self.id
    }

    fn gone_at(&self) -> Option<Millis> {
        self.deletion.map(|(_, date)| date)
    }

    fn live_until(&self) -> Option<Millis> {
        self.scheduled_at
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_kms_key")
    }
}

impl Key {
    /// Its ARN.
    pub(crate) fn arn(&self, ctx: &Ctx<'_>) -> String {
        ctx.arn("kms", &format!("key/{}", self.id))
    }

    /// Whether it can be used.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled && self.deletion.is_none()
    }

    /// Whether its policy lets a service of AWS encrypt and decrypt with it.
    pub(crate) fn admits(&self, service: &str) -> bool {
        key_settings::admits(&self.policy, service)
    }

    fn state(&self) -> &'static str {
        match (self.deletion, self.enabled) {
            (Some(_), _) => "PendingDeletion",
            (None, true) => "Enabled",
            (None, false) => "Disabled",
        }
    }

    /// Refuses what a key that is about to be deleted does not do.
    pub(super) fn not_pending(&self, ctx: &Ctx<'_>) -> AwsResult<()> {
        if self.deletion.is_none() {
            return Ok(());
        }
        let message = format!("{} is pending deletion.", self.arn(ctx));
        Err(AwsError::new("KMSInvalidStateException", message))
    }

    fn metadata(&self, ctx: &Ctx<'_>) -> Value {
        let mut value = json!({
            "AWSAccountId": ACCOUNT,
            "KeyId": self.id,
            "Arn": self.arn(ctx),
            "CreationDate": seconds(self.created),
            "Enabled": self.is_enabled(),
            "Description": self.description,
            "KeyUsage": self.usage,
            "KeyState": self.state(),
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "CustomerMasterKeySpec": self.spec,
            "KeySpec": self.spec,
            "MultiRegion": self.multi_region,
        });
        let (algorithms, list) = algorithms(&self.spec, &self.usage);
        value[algorithms] = list.into();
        if self.multi_region {
            let primary = json!({"Arn": self.arn(ctx), "Region": ctx.region});
            value["MultiRegionConfiguration"] =
                json!({"MultiRegionKeyType": "PRIMARY", "PrimaryKey": primary, "ReplicaKeys": []});
        }
        if let Some((_, date)) = self.deletion {
            value["DeletionDate"] = seconds(date);
        }
        value
    }
}

/// Seconds since 1970, as the JSON protocols write times.
pub(super) fn seconds(at: Millis) -> Value {
    json!(at as f64 / 1000.0)
}

fn algorithms(spec: &str, usage: &str) -> (&'static str, Vec<&'static str>) {
    match (spec, usage) {
        ("SYMMETRIC_DEFAULT", _) => ("EncryptionAlgorithms", vec!["SYMMETRIC_DEFAULT"]),
        (spec, "GENERATE_VERIFY_MAC") => (
            "MacAlgorithms",
            match spec {
                "HMAC_224" => vec!["HMAC_SHA_224"],
                "HMAC_256" => vec!["HMAC_SHA_256"],
                "HMAC_384" => vec!["HMAC_SHA_384"],
                _ => vec!["HMAC_SHA_512"],
            },
        ),
        (_, "ENCRYPT_DECRYPT") => (
            "EncryptionAlgorithms",
            vec!["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],
        ),
        (_, "KEY_AGREEMENT") => ("KeyAgreementAlgorithms", vec!["ECDH"]),
        ("ECC_NIST_P384", _) => ("SigningAlgorithms", vec!["ECDSA_SHA_384"]),
        ("ECC_NIST_P521", _) => ("SigningAlgorithms", vec!["ECDSA_SHA_512"]),
        ("ECC_NIST_P256" | "ECC_SECG_P256K1", _) => ("SigningAlgorithms", vec!["ECDSA_SHA_256"]),
        _ => (
            "SigningAlgorithms",
            vec![
                "RSASSA_PKCS1_V1_5_SHA_256",
                "RSASSA_PKCS1_V1_5_SHA_384",
                "RSASSA_PKCS1_V1_5_SHA_512",
                "RSASSA_PSS_SHA_256",
                "RSASSA_PSS_SHA_384",
                "RSASSA_PSS_SHA_512",
            ],
        ),
    }
}

/// Usages that a kind of key may have; the first is the default, where there is one.
fn usages(spec: &str) -> Option<(&'static [&'static str], bool)> {
    Some(match spec {
        "SYMMETRIC_DEFAULT" => (&["ENCRYPT_DECRYPT"], true),
        "RSA_2048" | "RSA_3072" | "RSA_4096" => (&["ENCRYPT_DECRYPT", "SIGN_VERIFY"], false),
        "ECC_NIST_P256" | "ECC_NIST_P384" | "ECC_NIST_P521" => {
            (&["SIGN_VERIFY", "KEY_AGREEMENT"], false)
        }
        "ECC_SECG_P256K1" => (&["SIGN_VERIFY"], false),
        "HMAC_224" | "HMAC_256" | "HMAC_384" | "HMAC_512" => (&["GENERATE_VERIFY_MAC"], false),
        _ => return None,
    })
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "CreateKey",
        accepts: &[
            "Policy",
            "Description",
            "KeyUsage",
            "CustomerMasterKeySpec",
            "KeySpec",
            "Origin",
            "BypassPolicyLockoutSafetyCheck",
            "Tags",
            "MultiRegion",
        ],
        handler: create,
    },
    JsonOperation {
        name: "DescribeKey",
        accepts: &["KeyId", "GrantTokens"],
        handler: describe,
    },
    JsonOperation {
        name: "ListKeys",
        accepts: &["Limit", "Marker"],
        handler: list,
    },
    JsonOperation {
        name: "EnableKey",
        accepts: &["KeyId"],
        handler: enable,
    },
    JsonOperation {
        name: "DisableKey",
        accepts: &["KeyId"],
        handler: disable,
    },
    JsonOperation {
        name: "UpdateKeyDescription",
        accepts: &["KeyId", "Description"],
        handler: redescribe,
    },
    JsonOperation {
        name: "ScheduleKeyDeletion",
        accepts: &["KeyId", "PendingWindowInDays"],
        handler: schedule_deletion,
    },
    JsonOperation {
        name: "CancelKeyDeletion",
        accepts: &["KeyId"],
        handler: cancel_deletion,
    },
];

/// The key that text names: an id, an ARN, an alias or an alias's ARN.
pub(crate) fn resolve(ctx: &Ctx<'_>, text: &str) -> Option<Stored<Key>> {
    let own = ctx.arn("kms", "");
    let name = text.strip_prefix(own.as_str()).unwrap_or(text);
    if name.starts_with("alias/") {
        let alias = ctx.get::<Alias>(name)?;
        return ctx.get::<Key>(alias.target());
    }
    ctx.get::<Key>(name.strip_prefix("key/").unwrap_or(name))
}

/// The key of `KeyId`, which must be an id or ARN of a key, not an alias.
pub(super) fn find(ctx: &Ctx<'_>, body: &Value) -> AwsResult<Stored<Key>> {
    let text = require(body, "KeyId")?;
    if text.contains("alias/") {
        return Err(AwsError::new(
            "NotFoundException",
            format!("Invalid keyId '{text}'"),
        ));
    }
    find_any(ctx, text)
}

/// The key that text names in any way.
pub(super) fn find_any(ctx: &Ctx<'_>, text: &str) -> AwsResult<Stored<Key>> {
    if text.starts_with("arn:") && !text.starts_with("arn:aws:kms:") {
        return Err(AwsError::new(
            "InvalidArnException",
            format!("Invalid arn {text}"),
        ));
    }
    resolve(ctx, text).ok_or_else(|| {
        let message = if text.contains("alias/") {
            format!("Alias {text} is not found.")
        } else if text.starts_with("arn:") {
            format!("Key '{text}' does not exist")
        } else {
            format!(
                "Key '{}' does not exist",
                ctx.arn("kms", &format!("key/{text}"))
            )
        };
        AwsError::new("NotFoundException", message)
    })
}

fn create(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let spec = text(body, "KeySpec")?
        .or(text(body, "CustomerMasterKeySpec")?)
        .unwrap_or("SYMMETRIC_DEFAULT");
    let Some((allowed, default)) = usages(spec) else {
        return Err(validation(format!(
            "Value '{spec}' at 'keySpec' failed to satisfy constraint"
        )));
    };
    let usage = match text(body, "KeyUsage")? {
        Some(usage) => usage,
        None if default => allowed[0],
        None => {
            return Err(validation(
                "You must specify a KeyUsage value for an asymmetric or HMAC key.",
            ));
        }
    };
    if !allowed.contains(&usage) {
        let message = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
        return Err(validation(message));
    }
    if text(body, "Origin")?.is_some_and(|origin| origin != "AWS_KMS") {
        let message = "Only the origin AWS_KMS is supported by the sandbox.";
        return Err(AwsError::new("UnsupportedOperationException", message));
    }
    let description = text(body, "Description")?.unwrap_or_default();
    check_description(description)?;
    let policy = match text(body, "Policy")? {
        Some(policy) => key_settings::check_policy(ctx, policy)?.to_owned(),
        None => key_settings::default_policy(),
    };
    let tags = key_settings::read_tags(body)?;
    let multi_region = body
        .get("MultiRegion")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let id = if multi_region {
        format!("mrk-{}", ctx.new_hex(32))
    } else {
        ctx.new_uuid()
    };
    let key = Key {
        id,
        created: ctx.now,
        description: description.to_owned(),
        usage: usage.to_owned(),
        spec: spec.to_owned(),
        multi_region,
        enabled: true,
        policy,
        rotation: None,
        deletion: None,
        scheduled_at: None,
    };
    let answer = json!({"KeyMetadata": key.metadata(ctx)});
    ctx.put_tagged(key, tags);
    Ok(answer)
}

fn check_description(description: &str) -> AwsResult<()> {
    if description.chars().count() > 8192 {
        return Err(validation(
            "Description must have length less than or equal to 8192",
        ));
    }
    Ok(())
}

fn describe(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let key = find_any(ctx, require(body, "KeyId")?)?;
    Ok(json!({"KeyMetadata": key.metadata(ctx)}))
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let keys = ctx.list::<Key>();
    paged(
        body,
        "Keys",
        100,
        1000,
        keys,
        |key| key.id.as_str(),
        |key| json!({"KeyId": key.id, "KeyArn": key.arn(ctx)}),
    )
}

fn set_enabled(ctx: &mut Ctx<'_>, body: &Value, enabled: bool) -> AwsResult<Value> {
    let mut key = find(ctx, body)?.edit();
    key.not_pending(ctx)?;
    key.enabled = enabled;
    ctx.put(key);
    Ok(Value::Null)
}

fn enable(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    set_enabled(ctx, body, true)
}

fn disable(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    set_enabled(ctx, body, false)
}

fn redescribe(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut key = find(ctx, body)?.edit();
    key.not_pending(ctx)?;
    let description = text(body, "Description")?.unwrap_or_default();
    check_description(description)?;
    key.description = description.to_owned();
    ctx.put(key);
    Ok(Value::Null)
}

fn schedule_deletion(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut key = find(ctx, body)?.edit();
    key.not_pending(ctx)?;
    let days = match body.get("PendingWindowInDays").map(Value::as_u64) {
        None => 30,
        Some(Some(days @ 7..=30)) => days as u32,
        Some(_) => return Err(validation("PendingWindowInDays must be between 7 and 30")),
    };
    let date = ctx.now + DAY * Millis::from(days);
    key.deletion = Some((days, date));
    key.scheduled_at = Some(ctx.now);
    let arn = key.arn(ctx);
    ctx.put(key);
    Ok(
        json!({"KeyId": arn, "DeletionDate": seconds(date), "KeyState": "PendingDeletion", "PendingWindowInDays": days}),
    )
}

fn cancel_deletion(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut key = find(ctx, body)?.edit();
    let arn = key.arn(ctx);
    if key.deletion.take().is_none() {
        return Err(AwsError::new(
            "KMSInvalidStateException",
            format!("{arn} is not pending deletion."),
        ));
    }
    key.scheduled_at = None;
    // It comes back disabled, so that nothing uses it unawares.
    key.enabled = false;
    ctx.put(key);
    Ok(json!({"KeyId": arn}))
}

/// What has tags in the region: keys.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    Tagged::all(ctx, |key: &Key| key.arn(ctx))
}
