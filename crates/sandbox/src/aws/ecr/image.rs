//! Images, as far as a manifest goes: there are no layers, so that those it names are taken to be there.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::repository::{self, Repository};
use super::{PAGES, about, broken, require};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, items, text};

/// An image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Image {
    digest: String,
    tags: Vec<String>,
    manifest: String,
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "PutImage",
        accepts: &[
            "registryId",
            "repositoryName",
            "imageManifest",
            "imageManifestMediaType",
            "imageTag",
            "imageDigest",
        ],
        handler: put,
    },
    JsonOperation {
        name: "ListImages",
        accepts: &[
            "registryId",
            "repositoryName",
            "nextToken",
            "maxResults",
            "filter",
        ],
        handler: list,
    },
    JsonOperation {
        name: "BatchDeleteImage",
        accepts: &["registryId", "repositoryName", "imageIds"],
        handler: delete,
    },
];

fn put(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut repository = repository::find(ctx, body)?.edit();
    let manifest = require(body, "imageManifest")?;
    if !matches!(serde_json::from_str(manifest), Ok(Value::Object(_))) {
        return Err(broken("imageManifest", "Invalid image manifest provided"));
    }
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(manifest)));
    if text(body, "imageDigest")?.is_some_and(|said| said != digest) {
        let message = "The calculated digest of the image manifest does not match the provided one";
        return Err(AwsError::new("ImageDigestDoesNotMatchException", message));
    }
    let tag = text(body, "imageTag")?;
    if let Some(tag) = tag {
        move_tag(&mut repository, tag, &digest)?;
    }
    let mut images = repository.images.iter_mut();
    match images.find(|image| image.digest == digest) {
        Some(image) => image.tags.extend(tag.map(str::to_owned)),
        None => repository.images.push(Image {
            digest: digest.clone(),
            tags: tag.map(str::to_owned).into_iter().collect(),
            manifest: manifest.to_owned(),
        }),
    }
    let answer = json!({"image": {
        "registryId": ACCOUNT,
        "repositoryName": repository.name,
        "imageId": id(&digest, tag),
        "imageManifest": manifest,
    }});
    ctx.put(repository);
    Ok(answer)
}

/// Takes a tag from the image that has it, where it may move.
fn move_tag(repository: &mut Repository, tag: &str, digest: &str) -> AwsResult<()> {
    let fixed = repository.fixes(tag);
    let name = repository.name.clone();
    for image in &mut repository.images {
        if !image.tags.iter().any(|known| known == tag) {
            continue;
        }
        if image.digest == digest {
            let what = format!("already has the image with tag '{tag}' and digest '{digest}'");
            return Err(about("ImageAlreadyExistsException", &name, &what));
        }
        if fixed {
            let message = format!(
                "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable."
            );
            return Err(AwsError::new("ImageTagAlreadyExistsException", message));
        }
        image.tags.retain(|known| known != tag);
    }
    Ok(())
}

fn id(digest: &str, tag: Option<&str>) -> Value {
    match tag {
        Some(tag) => json!({"imageDigest": digest, "imageTag": tag}),
        None => json!({"imageDigest": digest}),
    }
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let repository = repository::find(ctx, body)?;
    let wanted = body["filter"]["tagStatus"].as_str().unwrap_or("ANY");
    let mut found = Vec::new();
    for image in &repository.images {
        if image.tags.is_empty() && wanted != "TAGGED" {
            found.push((image.digest.clone(), id(&image.digest, None)));
        }
        for tag in image.tags.iter().filter(|_| wanted != "UNTAGGED") {
            found.push((
                format!("{}{tag}", image.digest),
                id(&image.digest, Some(tag)),
            ));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    PAGES.answer(
        body,
        "imageIds",
        found,
        |(key, _)| key,
        |(_, id)| id.clone(),
    )
}

fn delete(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut repository = repository::find(ctx, body)?.edit();
    let wanted = items(body, "imageIds")?;
    if wanted.is_empty() || wanted.len() > 100 {
        return Err(broken("imageIds", "must have 1 to 100 items"));
    }
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for wanted in wanted {
        let (digest, tag) = (text(wanted, "imageDigest")?, text(wanted, "imageTag")?);
        let means = |image: &Image| {
            digest.is_none_or(|digest| image.digest == digest)
                && tag.is_none_or(|tag| image.tags.iter().any(|known| known == tag))
        };
        let place = (digest.is_some() || tag.is_some())
            .then(|| repository.images.iter().position(means))
            .flatten();
        let Some(place) = place else {
            failures.push(json!({
                "imageId": wanted,
                "failureCode": "ImageNotFound",
                "failureReason": "Requested image not found",
            }));
            continue;
        };
        let image = &mut repository.images[place];
        gone.push(id(&image.digest, tag));
        // By a tag only the tag goes, and the image with its last one.
        image
            .tags
            .retain(|known| digest.is_none() && Some(known.as_str()) != tag);
        if image.tags.is_empty() {
            repository.images.remove(place);
        }
    }
    ctx.put(repository);
    Ok(json!({"imageIds": gone, "failures": failures}))
}
