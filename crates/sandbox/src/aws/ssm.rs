//! Systems Manager: the public parameters in which AWS publishes its newest machine images. Accounts have none of their own.

use serde_json::{Value, json};

use super::context::Ctx;
use super::error::{AwsError, AwsResult};
use super::images::{self, Image};
use super::json::{JsonOperation, JsonService, flag, text};

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "AmazonSSM",
    operations: &[&[JsonOperation {
        name: "GetParameter",
        accepts: &["Name", "WithDecryption"],
        handler: get,
    }]],
};

/// What an image's parameters say, by name.
fn parameters(image: &Image) -> Vec<(String, String)> {
    let own = &image.parameter;
    match &image.release {
        None => vec![(own.clone(), image.id.clone())],
        Some(release) => {
            let all = json!({
                "image_id": image.id,
                "image_name": image.name,
                "release_version": release,
            });
            vec![
                (own.clone(), all.to_string()),
                (format!("{own}/image_id"), image.id.clone()),
                (format!("{own}/image_name"), image.name.clone()),
                (format!("{own}/release_version"), release.clone()),
            ]
        }
    }
}

fn get(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let Some(said) = text(body, "Name")?.filter(|name| !name.is_empty()) else {
        return Err(AwsError::new(
            "ValidationException",
            "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null",
        ));
    };
    // None of them is encrypted.
    flag(body, "WithDecryption")?;
    let own = format!("arn:aws:ssm:{}::parameter", ctx.region);
    let said = said.strip_prefix(own.as_str()).unwrap_or(said);
    let (name, selector) = match said.split_once(':') {
        Some((name, selector)) => (name, Some(selector)),
        None => (said, None),
    };
    let found = images::all(&ctx.region)
        .into_iter()
        .filter(|image| image.newest)
        .find_map(|image| {
            let mut all = parameters(&image).into_iter();
            let value = all.find(|(known, _)| known == name)?.1;
            Some((image, value))
        });
    let Some((image, value)) = found else {
        return Err(AwsError::new("ParameterNotFound", String::new()));
    };
    if selector.is_some_and(|selector| selector != "1") {
        let message = format!(
            "Systems Manager could not find version {} of {name}. Verify the version and try again.",
            selector.unwrap_or_default()
        );
        return Err(AwsError::new("ParameterVersionNotFound", message));
    }
    let mut parameter = json!({
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": published(&image),
        "ARN": format!("{own}{name}"),
        "DataType": if value == image.id { "aws:ec2:image" } else { "text" },
    });
    if let Some(selector) = selector {
        parameter["Selector"] = format!(":{selector}").into();
    }
    Ok(json!({"Parameter": parameter}))
}

/// Seconds since 1970 of the day on which an image was published.
fn published(image: &Image) -> Value {
    let moment = format!("{}T00:00:00Z", image.date);
    let moment = moment.parse::<jiff::Timestamp>();
    json!(moment.map_or(0.0, |at| at.as_second() as f64))
}
