//! Repositories.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::image::Image;
use super::lifecycle::LifecyclePolicy;
use super::{PAGES, about, broken, invalid, require, tagging};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, flag, items, text, texts};
use crate::aws::references;
use crate::clock::Millis;
use crate::world::{Document, Listed, Stored};

/// Repositories a region.
const QUOTA: usize = 100_000;

/// A repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Repository {
    pub(super) name: String,
    created: Millis,
    mutability: String,
    /// Patterns of the tags of which the opposite is true.
    exclusions: Vec<String>,
    scan_on_push: bool,
    encryption: String,
    key: Option<String>,
    pub(super) images: Vec<Image>,
}

impl Document for Repository {
    const KIND: &'static str = "ecr/repository";

    fn id(&self) -> &str {
        &self.name
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_ecr_repository")
    }
}

impl Repository {
    fn view(&self, ctx: &Ctx<'_>) -> Value {
        let mut value = json!({
            "repositoryArn": arn(ctx, &self.name),
            "registryId": ACCOUNT,
            "repositoryName": self.name,
            "repositoryUri": format!("{ACCOUNT}.dkr.ecr.{}.amazonaws.com/{}", ctx.region, self.name),
            "createdAt": self.created as f64 / 1000.0,
            "imageTagMutability": self.mutability,
            "imageScanningConfiguration": {"scanOnPush": self.scan_on_push},
            "encryptionConfiguration": {"encryptionType": self.encryption},
        });
        if !self.exclusions.is_empty() {
            value["imageTagMutabilityExclusionFilters"] = filters(&self.exclusions);
        }
        if let Some(key) = &self.key {
            value["encryptionConfiguration"]["kmsKey"] = key.clone().into();
        }
        value
    }

    /// Whether a tag of it stays with the image that has it.
    pub(super) fn fixes(&self, tag: &str) -> bool {
        let immutable = self.mutability.starts_with("IMMUTABLE");
        let excluded = self.exclusions.iter().any(|pattern| matches(pattern, tag));
        immutable != excluded
    }
}

/// Whether a tag is of a pattern, in which `*` is any text.
fn matches(pattern: &str, tag: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == tag,
        Some((start, rest)) => tag.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len())
                .filter(|at| tail.is_char_boundary(*at))
                .any(|at| matches(rest, &tail[at..]))
        }),
    }
}

fn filters(patterns: &[String]) -> Value {
    patterns
        .iter()
        .map(|pattern| json!({"filterType": "WILDCARD", "filter": pattern}))
        .collect()
}

/// `arn:aws:ecr:REGION:ACCOUNT:repository/NAME`
pub(super) fn arn(ctx: &Ctx<'_>, name: &str) -> String {
    ctx.arn("ecr", &format!("repository/{name}"))
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "CreateRepository",
        accepts: &[
            "registryId",
            "repositoryName",
            "tags",
            "imageTagMutability",
            "imageTagMutabilityExclusionFilters",
            "imageScanningConfiguration",
            "encryptionConfiguration",
        ],
        handler: create,
    },
    JsonOperation {
        name: "DescribeRepositories",
        accepts: &["registryId", "repositoryNames", "nextToken", "maxResults"],
        handler: describe,
    },
    JsonOperation {
        name: "PutImageTagMutability",
        accepts: &[
            "registryId",
            "repositoryName",
            "imageTagMutability",
            "imageTagMutabilityExclusionFilters",
        ],
        handler: put_mutability,
    },
    JsonOperation {
        name: "PutImageScanningConfiguration",
        accepts: &["registryId", "repositoryName", "imageScanningConfiguration"],
        handler: put_scanning,
    },
    JsonOperation {
        name: "DeleteRepository",
        accepts: &["registryId", "repositoryName", "force"],
        handler: delete,
    },
];

/// The repository of a name.
pub(super) fn get(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<Repository>> {
    ctx.get::<Repository>(name)
        .ok_or_else(|| about("RepositoryNotFoundException", name, "does not exist"))
}

/// The repository that a request names, in this account's registry.
pub(super) fn find(ctx: &Ctx<'_>, body: &Value) -> AwsResult<Stored<Repository>> {
    let name = require(body, "repositoryName")?;
    if text(body, "registryId")?.is_some_and(|registry| registry != ACCOUNT) {
        return Err(about("RepositoryNotFoundException", name, "does not exist"));
    }
    get(ctx, name)
}

fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        let ends = part.starts_with(word) && part.ends_with(word);
        let mut joints = part.split(word).filter(|joint| !joint.is_empty());
        ends && joints
            .all(|joint| [".", "_", "__"].contains(&joint) || joint.trim_matches('-').is_empty())
    };
    (2..=256).contains(&name.len()) && name.split('/').all(part)
}

/// Mutability and exclusions of a request.
fn mutability(body: &Value) -> AwsResult<(String, Vec<String>)> {
    let kind = text(body, "imageTagMutability")?.unwrap_or("MUTABLE");
    let kinds = [
        "MUTABLE",
        "IMMUTABLE",
        "MUTABLE_WITH_EXCLUSION",
        "IMMUTABLE_WITH_EXCLUSION",
    ];
    if !kinds.contains(&kind) {
        let rule = format!("must be one of {kinds:?}");
        return Err(broken("imageTagMutability", &rule));
    }
    let member = "imageTagMutabilityExclusionFilters";
    let filters = items(body, member)?;
    if filters.len() > 5 || (body.get(member).is_some() && filters.is_empty()) {
        return Err(broken(member, "must have 1 to 5 items"));
    }
    if kind.ends_with("_WITH_EXCLUSION") == filters.is_empty() {
        let message = format!(
            "Invalid parameter at '{member}': filters and a mutability with exclusion are used together"
        );
        return Err(invalid(message));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "._*-".contains(c);
    let mut patterns = Vec::new();
    for filter in filters {
        let pattern = require(filter, "filter")?;
        if require(filter, "filterType")? != "WILDCARD"
            || pattern.is_empty()
            || pattern.len() > 128
            || !pattern.chars().all(legal)
        {
            return Err(broken(member, "must satisfy '^[0-9a-zA-Z._*-]{1,128}$'"));
        }
        patterns.push(pattern.to_owned());
    }
    Ok((kind.to_owned(), patterns))
}

fn scanning(body: &Value) -> AwsResult<Option<bool>> {
    let settings = body.get("imageScanningConfiguration");
    settings.map(|s| flag(s, "scanOnPush")).transpose()
}

/// How images are encrypted, and the key's ARN.
fn encryption(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<(String, Option<String>)> {
    let Some(settings) = body.get("encryptionConfiguration").filter(|s| !s.is_null()) else {
        return Ok(("AES256".to_owned(), None));
    };
    let kind = require(settings, "encryptionType")?;
    let key = text(settings, "kmsKey")?;
    match (kind, key) {
        ("AES256", None) => Ok((kind.to_owned(), None)),
        ("AES256", Some(_)) => Err(broken("kmsKey", "must be left out with AES256")),
        ("KMS" | "KMS_DSSE", Some(key)) => {
            let found = references::enabled_key(ctx, key);
            let arn = found.ok_or_else(|| {
                let message = format!("The KMS key '{key}' does not exist or is not enabled");
                AwsError::new("KmsException", message).member("kmsError", "NotFoundException")
            })?;
            Ok((kind.to_owned(), Some(arn)))
        }
        // AWS' own key for ECR, which is made when it is first needed.
        ("KMS" | "KMS_DSSE", None) => {
            let id = ctx.new_uuid();
            Ok((kind.to_owned(), Some(ctx.arn("kms", &format!("key/{id}")))))
        }
        _ => Err(broken(
            "encryptionType",
            "must be one of AES256, KMS, KMS_DSSE",
        )),
    }
}

fn create(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = require(body, "repositoryName")?;
    if !is_name(name) {
        let rule = "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'";
        return Err(broken("repositoryName", rule));
    }
    let (mutability, exclusions) = mutability(body)?;
    let scan_on_push = scanning(body)?.unwrap_or(false);
    let tags = tagging::read(body)?;
    if ctx.exists::<Repository>(name) {
        let code = "RepositoryAlreadyExistsException";
        return Err(about(code, name, "already exists"));
    }
    if ctx.count::<Repository>() >= QUOTA {
        let message = format!("The maximum of {QUOTA} repositories is reached");
        return Err(AwsError::new("LimitExceededException", message));
    }
    let (encryption, key) = encryption(ctx, body)?;
    let repository = Repository {
        name: name.to_owned(),
        created: ctx.now,
        mutability,
        exclusions,
        scan_on_push,
        encryption,
        key,
        images: Vec::new(),
    };
    let answer = json!({"repository": repository.view(ctx)});
    ctx.put_tagged(repository, tags);
    Ok(answer)
}

fn describe(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let names = texts(body, "repositoryNames")?;
    if names.len() > 100 {
        return Err(broken("repositoryNames", "must have at most 100 items"));
    }
    if !names.is_empty() {
        // One that is missing fails the whole call.
        let found: AwsResult<Vec<_>> = names.iter().map(|name| get(ctx, name)).collect();
        let views: Vec<Value> = found?.iter().map(|found| found.view(ctx)).collect();
        return Ok(json!({"repositories": views}));
    }
    PAGES.answer(
        body,
        "repositories",
        ctx.list::<Repository>(),
        |repository| &repository.name,
        |repository| repository.view(ctx),
    )
}

fn put_mutability(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    require(body, "imageTagMutability")?;
    let (mutability, exclusions) = mutability(body)?;
    let mut repository = find(ctx, body)?.edit();
    repository.mutability = mutability;
    repository.exclusions = exclusions;
    let mut answer = json!({
        "registryId": ACCOUNT,
        "repositoryName": repository.name,
        "imageTagMutability": repository.mutability,
    });
    if !repository.exclusions.is_empty() {
        answer["imageTagMutabilityExclusionFilters"] = filters(&repository.exclusions);
    }
    ctx.put(repository);
    Ok(answer)
}

fn put_scanning(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let scan =
        scanning(body)?.ok_or_else(|| broken("imageScanningConfiguration", "must not be null"))?;
    let mut repository = find(ctx, body)?.edit();
    repository.scan_on_push = scan;
    let answer = json!({
        "registryId": ACCOUNT,
        "repositoryName": repository.name,
        "imageScanningConfiguration": {"scanOnPush": scan},
    });
    ctx.put(repository);
    Ok(answer)
}

fn delete(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let repository = find(ctx, body)?;
    let name = repository.name.clone();
    if !repository.images.is_empty() && !flag(body, "force")? {
        let message = format!(
            "The repository with name '{name}' in registry with id '{ACCOUNT}' cannot be deleted because it still contains images"
        );
        return Err(AwsError::new("RepositoryNotEmptyException", message));
    }
    let view = repository.view(ctx);
    ctx.delete::<LifecyclePolicy>(&name);
    ctx.delete::<Repository>(&name);
    Ok(json!({"repository": view}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_tags() {
        for (pattern, tag, expected) in [
            ("latest", "latest", true),
            ("latest", "latest1", false),
            ("dev-*", "dev-1", true),
            ("*-rc*", "v1-rc2", true),
            ("*-rc*", "v1", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, tag), expected, "{pattern} {tag}");
        }
    }

    #[test]
    fn names_have_rules() {
        for (name, expected) in [
            ("shop/web", true),
            ("a.b__c---d/e9", true),
            ("a", false),
            ("Shop", false),
            ("a..b", false),
            ("shop/", false),
            ("-a1", false),
        ] {
            assert_eq!(is_name(name), expected, "{name}");
        }
    }
}
