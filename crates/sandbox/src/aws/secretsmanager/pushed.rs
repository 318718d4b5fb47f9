//! What External Secrets puts into a secret: the calls that its provider makes, in their order
//! (`providers/v1/aws/secretsmanager/secretsmanager.go`, `PushSecret`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{secret, settings, value};
use crate::aws::context::Ctx;
use crate::aws::error::AwsError;
use crate::kubernetes::clusters::{PUSHED_BY, Pushed};

/// Writes a secret, unless it holds that already or is somebody else's; what is not there is made.
pub(crate) fn push(ctx: &mut Ctx<'_>, pushed: &Pushed) -> Result<(), String> {
    let (key, by) = PUSHED_BY;
    let said = |error: AwsError| format!("api error {}: {}", error.code, error.message);
    let mut body = if pushed.text {
        json!({ "SecretString": String::from_utf8_lossy(&pushed.value) })
    } else {
        json!({ "SecretBinary": STANDARD.encode(&pushed.value) })
    };
    let asked = json!({ "SecretId": pushed.key });
    match secret::describe(ctx, &asked) {
        Err(error) if error.code == "ResourceNotFoundException" => {
            body["Name"] = pushed.key.clone().into();
            body["Tags"] = json!([{ "Key": key, "Value": by }]);
            return secret::create(ctx, &body).map(drop).map_err(said);
        }
        Err(error) => return Err(said(error)),
        Ok(found) => {
            let tags = found["Tags"].as_array().into_iter().flatten();
            if !tags
                .into_iter()
                .any(|t| t["Key"] == key && t["Value"] == by)
            {
                return Err("secret not managed by external-secrets".to_owned());
            }
            // It has none to set.
            settings::delete_policy(ctx, &asked).map_err(said)?;
            if found["VersionIdsToStages"].is_object() {
                let held = value::get(ctx, &asked).map_err(said)?;
                if held_by(&held).as_deref() == Some(&pushed.value[..]) {
                    return Ok(());
                }
            }
        }
    }
    body["SecretId"] = pushed.key.clone().into();
    value::put(ctx, &body).map(drop).map_err(said)
}

/// The bytes of an answer.
fn held_by(answer: &Value) -> Option<Vec<u8>> {
    match (&answer["SecretString"], &answer["SecretBinary"]) {
        (Value::String(text), _) => Some(text.as_bytes().to_vec()),
        (_, Value::String(bytes)) => STANDARD.decode(bytes).ok(),
        _ => None,
    }
}
