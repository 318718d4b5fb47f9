//! `aws_ecr_repository`.

use super::tagging;
use crate::batch::{self, Page};
use crate::client::{Client, Place};
use crate::error::there;
use crate::family::ECR;
use crate::tagged::{self, Asked};
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter as Filter,
    ImageTagMutabilityExclusionFilterType as FilterType, Repository as Found,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource, Value,
};

/// A place for the images of one application, in the account's registry.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RepositoryRecord {
    /// Its name, such as `shop/web`.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Whether tags can be moved to other images: `MUTABLE`, `IMMUTABLE`, or either with `_WITH_EXCLUSION`.
    #[record(optional, default = "MUTABLE")]
    pub(crate) image_tag_mutability: String,
    /// Tags of which the opposite is true, with `_WITH_EXCLUSION`: up to five.
    #[record(block, max = 5)]
    pub(crate) image_tag_mutability_exclusion_filter: Vec<ExclusionFilter>,
    /// How images are scanned for vulnerabilities.
    #[record(block, computed, max = 1)]
    pub(crate) image_scanning_configuration: Vec<Scanning>,
    /// How images are encrypted.
    #[record(block, computed, max = 1, force_new)]
    pub(crate) encryption_configuration: Vec<Encryption>,
    /// Whether destroying it deletes the images in it too.
    #[record(optional, default = false)]
    pub(crate) force_delete: bool,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// Its name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The account whose registry it is in.
    #[record(computed)]
    pub(crate) registry_id: Option<String>,
    /// What images are named by: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web`.
    #[record(computed)]
    pub(crate) repository_url: Option<String>,
}

/// Tags that are treated otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Record)]
pub(crate) struct ExclusionFilter {
    /// The tags, with `*` for any text.
    #[record(required)]
    pub(crate) filter: String,
    /// `WILDCARD`
    #[record(required)]
    pub(crate) filter_type: String,
}

/// How images are scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Record)]
pub(crate) struct Scanning {
    /// Whether each image is scanned when it is pushed.
    #[record(required)]
    pub(crate) scan_on_push: bool,
}

/// How images are encrypted.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Encryption {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    #[record(optional, force_new, default = "AES256")]
    pub(crate) encryption_type: String,
    /// ARN of the key, for `KMS`. Left out, it is AWS' own key for ECR.
    #[record(optional, computed, force_new)]
    pub(crate) kms_key: Option<String>,
}

pub(crate) struct Repository;

#[async_trait]
impl Resource<Client> for Repository {
    type Record = RepositoryRecord;
    const TYPE: &'static str = "aws_ecr_repository";

    fn traits() -> Traits {
        Traits::default()
            .seconds(1, 1, 1)
            .family(ECR.name)
            .unique(&["name"])
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut wrong = Vec::new();
        let name = config.get("name").and_then(Value::as_str);
        if name.is_some_and(|n| !is_name(n)) {
            wrong.push(ProviderError::invalid(
                "name",
                "use 2 to 256 lower-case letters and digits, in parts between `/`, with single `.`, `_`, `__` or hyphens inside",
            ));
        }
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        let filters = config
            .get("image_tag_mutability_exclusion_filter")
            .and_then(Value::elements);
        if let (Some(mutability), Some(filters)) = (text("image_tag_mutability"), filters)
            && mutability.ends_with("_WITH_EXCLUSION") == filters.is_empty()
        {
            wrong.push(ProviderError::invalid(
                "image_tag_mutability_exclusion_filter",
                "exclusion filters and a mutability that ends in `_WITH_EXCLUSION` belong together",
            ));
        }
        wrong
    }

    fn id(record: &RepositoryRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RepositoryRecord>],
    ) -> Vec<Result<Option<RepositoryRecord>, ProviderError>> {
        let names: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = batch::by_listing(
            &names,
            |r: &Found| r.repository_name.clone(),
            |name| repositories(client, context, name),
        )
        .await;
        let asked = items.iter().zip(&found).map(|(item, found)| Asked {
            arn: found
                .as_ref()
                .ok()
                .and_then(|f| f.as_ref()?.repository_arn.clone()),
            last: item.prior.as_ref().map(|p| &p.tags_all),
        });
        let own = |arn: String| async move { tagging::read(client, context, &arn).await };
        let tagged = tagged::read(client, context, Place::Region, asked.collect(), own).await;
        let both = found.into_iter().zip(tagged).zip(items);
        both.map(|((found, tagged), item)| {
            let (Some(found), Some(tagged)) = (found?, tagged?) else {
                return Ok(None);
            };
            Ok(Some(record(client, found, tagged, item.prior.as_ref())))
        })
        .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RepositoryRecord,
    ) -> Result<RepositoryRecord, ProviderError> {
        let request = client
            .ecr()
            .create_repository()
            .repository_name(&desired.name)
            .image_tag_mutability(ImageTagMutability::from(&*desired.image_tag_mutability))
            .set_image_tag_mutability_exclusion_filters(filters(&desired)?)
            .set_image_scanning_configuration(
                desired.image_scanning_configuration.first().map(scanning),
            )
            .set_encryption_configuration(encryption(&desired)?)
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)?));
        let unheard = |error: &ProviderError| error.code == "KmsException";
        let id = wait::while_refused(context, operation, wait::BRIEF, unheard, || {
            client.begin_named(
                context,
                operation,
                ECR,
                "CreateRepository",
                || find(client, context, operation, &desired.name),
                || request.clone().send(),
                |made| made.repository()?.repository_name(),
            )
        })
        .await?;
        wait::settled::<Repository>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RepositoryRecord,
        desired: RepositoryRecord,
    ) -> Result<RepositoryRecord, ProviderError> {
        let ecr = client.ecr();
        let mutability = |r: &RepositoryRecord| {
            let filters = r.image_tag_mutability_exclusion_filter.clone();
            (r.image_tag_mutability.clone(), filters)
        };
        if mutability(&prior) != mutability(&desired) {
            let kind = ImageTagMutability::from(&*desired.image_tag_mutability);
            let request = ecr
                .put_image_tag_mutability()
                .repository_name(&desired.name)
                .image_tag_mutability(kind)
                .set_image_tag_mutability_exclusion_filters(filters(&desired)?);
            let call = "PutImageTagMutability";
            client
                .call(context, ECR, call, || request.clone().send())
                .await?;
        }
        let scans = desired.image_scanning_configuration.first();
        if let Some(scans) = scans
            && prior.image_scanning_configuration.first() != Some(scans)
        {
            let request = ecr
                .put_image_scanning_configuration()
                .repository_name(&desired.name)
                .image_scanning_configuration(scanning(scans));
            let call = "PutImageScanningConfiguration";
            client
                .call(context, ECR, call, || request.clone().send())
                .await?;
        }
        let (arn, before) = (prior.arn.as_deref(), &prior.tags_all);
        tagging::update(client, context, operation, arn, before, &desired.tags).await?;
        let id = Repository::id(&prior);
        wait::settled::<Repository>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: RepositoryRecord,
    ) -> Result<(), ProviderError> {
        let request = client
            .ecr()
            .delete_repository()
            .repository_name(&prior.name)
            .force(prior.force_delete);
        let answer = client
            .call(context, ECR, "DeleteRepository", || request.clone().send())
            .await;
        match answer {
            Err(error) if error.code == "RepositoryNotEmptyException" => Err(ProviderError {
                message: format!(
                    "`{}` still holds images: delete them, or apply `force_delete = true` first",
                    prior.name
                ),
                ..error
            }),
            answer => there(answer).map(|_| ()),
        }
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RepositoryRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &desired.name).await
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes, 2 to 256 characters.
fn is_name(name: &str) -> bool {
    let joined = |part: &str| {
        let words = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let edge =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next())
            && edge(part.chars().next_back())
            && words
                .filter(|w| !w.is_empty())
                .all(|w| matches!(w, "." | "_" | "__") || w.chars().all(|c| c == '-'))
    };
    (2..=256).contains(&name.len()) && name.split('/').all(joined)
}

fn record(
    client: &Client,
    found: Found,
    tagged: Tags,
    prior: Option<&RepositoryRecord>,
) -> RepositoryRecord {
    let (tags, tags_all) = tags::split(tagged, &client.config().tags, prior.map(|p| &p.tags));
    let filters = found.image_tag_mutability_exclusion_filters();
    let scans = found.image_scanning_configuration();
    let name = found.repository_name.clone().unwrap_or_default();
    RepositoryRecord {
        image_tag_mutability: found
            .image_tag_mutability()
            .map_or("MUTABLE", ImageTagMutability::as_str)
            .to_owned(),
        image_tag_mutability_exclusion_filter: filters
            .iter()
            .map(|f| ExclusionFilter {
                filter: f.filter.clone(),
                filter_type: f.filter_type.as_str().to_owned(),
            })
            .collect(),
        image_scanning_configuration: vec![Scanning {
            scan_on_push: scans.is_some_and(|s| s.scan_on_push),
        }],
        encryption_configuration: vec![found.encryption_configuration.map_or_else(
            || Encryption {
                encryption_type: "AES256".to_owned(),
                kms_key: None,
            },
            |e| Encryption {
                encryption_type: e.encryption_type.as_str().to_owned(),
                kms_key: e.kms_key,
            },
        )],
        force_delete: prior.is_some_and(|p| p.force_delete),
        tags,
        tags_all,
        id: Some(name.clone()),
        name,
        arn: found.repository_arn,
        registry_id: found.registry_id,
        repository_url: found.repository_uri,
    }
}

fn scanning(said: &Scanning) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder()
        .scan_on_push(said.scan_on_push)
        .build()
}

fn encryption(
    desired: &RepositoryRecord,
) -> Result<Option<EncryptionConfiguration>, ProviderError> {
    let built = desired.encryption_configuration.first().map(|said| {
        EncryptionConfiguration::builder()
            .encryption_type(EncryptionType::from(&*said.encryption_type))
            .set_kms_key(said.kms_key.clone())
            .build()
    });
    built.transpose().map_err(|e| incomplete(&e))
}

/// None where there are none: an empty list is refused.
fn filters(desired: &RepositoryRecord) -> Result<Option<Vec<Filter>>, ProviderError> {
    let said = &desired.image_tag_mutability_exclusion_filter;
    let built = said.iter().map(|f| {
        Filter::builder()
            .filter(&f.filter)
            .filter_type(FilterType::from(&*f.filter_type))
            .build()
            .map_err(|e| incomplete(&e))
    });
    let built: Vec<Filter> = built.collect::<Result<_, _>>()?;
    Ok(Some(built).filter(|f| !f.is_empty()))
}

fn incomplete(error: &aws_smithy_types::error::operation::BuildError) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, error.to_string())
}

/// All repositories, or the one of a name.
async fn repositories(
    client: &Client,
    context: &CallContext,
    name: Option<String>,
) -> Result<Vec<Found>, ProviderError> {
    let request = client
        .ecr()
        .describe_repositories()
        .set_repository_names(name.map(|n| vec![n]));
    batch::all_pages(|token| {
        let request = request.clone().set_next_token(token);
        async move {
            let answer = client
                .call(context, ECR, "DescribeRepositories", || {
                    request.clone().send()
                })
                .await?;
            Ok(Page {
                items: answer.repositories.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let found = there(repositories(client, context, Some(name.to_owned())).await)?;
    let arn = found
        .and_then(|mut f| f.pop())
        .and_then(|r| r.repository_arn);
    let tagged = match arn {
        Some(arn) => tagging::read(client, context, &arn).await?,
        None => None,
    };
    Ok(tags::whose(operation, name.to_owned(), tagged.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_what_ecr_refuses() {
        for name in ["ab", "shop/web", "a.b_c__d--e/f1", &"x".repeat(256)] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "a", "", "Shop", "shop/", "/shop", "a..b", "a___b", "a._b", "-a", "a-", "a b",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
