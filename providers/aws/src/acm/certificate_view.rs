//! What Certificate Manager says of a certificate, and how an interrupted creation's one is found.

use super::certificate::{CertificateRecord, DomainValidation, Options};
use crate::batch::{self, Page};
use crate::client::{Client, Place};
use crate::error::there;
use crate::family::ACM;
use crate::tagged::{self, Asked};
use crate::tags::{self, Tags};
use aws_sdk_acm::types::{
    CertificateDetail, CertificateSummary, CertificateType, DomainValidation as SdkValidation,
    Filters, KeyAlgorithm, Tag,
};
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use std::collections::BTreeSet;

pub(super) fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    let tag = |(key, value): (&String, &String)| {
        let tag = Tag::builder().key(key).value(value).build();
        tag.map_err(|e| ProviderError::new(ErrorKind::Invalid, e.to_string()))
    };
    tags.iter().map(tag).collect()
}

/// Adds tags and takes others away.
pub(super) async fn retag(
    client: &Client,
    context: &CallContext,
    arn: &str,
    set: &Tags,
    gone: &[String],
) -> Result<(), ProviderError> {
    if !gone.is_empty() {
        let keys = gone.iter().map(|key| {
            let tag = Tag::builder().key(key).build();
            tag.map_err(|e| ProviderError::new(ErrorKind::Invalid, e.to_string()))
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let request = client
            .acm()
            .remove_tags_from_certificate()
            .certificate_arn(arn)
            .set_tags(Some(keys));
        client
            .call(context, ACM, "RemoveTagsFromCertificate", || {
                request.clone().send()
            })
            .await?;
    }
    let request = client
        .acm()
        .add_tags_to_certificate()
        .certificate_arn(arn)
        .set_tags(Some(to_sdk(set)?));
    client
        .call(context, ACM, "AddTagsToCertificate", || {
            request.clone().send()
        })
        .await?;
    Ok(())
}

/// The certificate of an ARN.
pub(super) async fn describe(
    client: &Client,
    context: &CallContext,
    arn: &str,
) -> Result<Option<CertificateDetail>, ProviderError> {
    let request = client.acm().describe_certificate().certificate_arn(arn);
    let answer = client
        .call(context, ACM, "DescribeCertificate", || {
            request.clone().send()
        })
        .await;
    Ok(there(answer)?.and_then(|answer| answer.certificate))
}

async fn certificate_tags(
    client: &Client,
    context: &CallContext,
    arn: &str,
) -> Result<Tags, ProviderError> {
    let request = client
        .acm()
        .list_tags_for_certificate()
        .certificate_arn(arn);
    let answer = client
        .call(context, ACM, "ListTagsForCertificate", || {
            request.clone().send()
        })
        .await?;
    let tags = answer.tags.unwrap_or_default().into_iter();
    Ok(tags
        .map(|tag| (tag.key, tag.value.unwrap_or_default()))
        .collect())
}

/// Whether it was requested rather than imported.
pub(super) fn is_requested(found: &CertificateDetail) -> bool {
    found.r#type() != Some(&CertificateType::Imported)
}

/// Reads each; a certificate's id is its ARN.
pub(super) async fn read(
    client: &Client,
    context: &CallContext,
    items: &[Item<CertificateRecord>],
) -> Vec<Result<Option<CertificateRecord>, ProviderError>> {
    let asked = items.iter().map(|item| Asked {
        arn: Some(item.id.clone()),
        last: item.prior.as_ref().map(|p| &p.tags_all),
    });
    let own = |arn: String| async move { there(certificate_tags(client, context, &arn).await) };
    let (found, tagged) = futures::join!(
        join_all(items.iter().map(|item| describe(client, context, &item.id))),
        tagged::read(client, context, Place::Region, asked.collect(), own),
    );
    let both = found.into_iter().zip(tagged).zip(items);
    both.map(|((found, tags), item)| {
        let Some(found) = found? else {
            return Ok(None);
        };
        let tags = tags?.unwrap_or_default();
        Ok(Some(record(client, found, tags, item.prior.as_ref())))
    })
    .collect()
}

fn record(
    client: &Client,
    found: CertificateDetail,
    found_tags: Tags,
    prior: Option<&CertificateRecord>,
) -> CertificateRecord {
    let (tags, tags_all) = tags::split(found_tags, &client.config().tags, prior.map(|p| &p.tags));
    let requested = is_requested(&found);
    let options = found.domain_validation_options();
    let mails: BTreeSet<String> = options
        .iter()
        .flat_map(|option| option.validation_emails().iter().cloned())
        .collect();
    let method = options.first().and_then(SdkValidation::validation_method);
    let given =
        |take: fn(&CertificateRecord) -> &Option<String>| prior.and_then(|p| take(p).clone());
    CertificateRecord {
        validation_method: method.map(|method| method.as_str().to_owned()),
        domain_validation_options: validations(&found),
        subject_alternative_names: Some(names(&found, prior)),
        key_algorithm: found.key_algorithm().map(|found| algorithm(found.as_str())),
        options: found
            .options()
            .filter(|_| requested)
            .map(|options| Options {
                export: options.export().map(|export| export.as_str().to_owned()),
            })
            .into_iter()
            .collect(),
        validation_option: prior
            .map(|p| p.validation_option.clone())
            .unwrap_or_default(),
        private_key: given(|p| &p.private_key),
        certificate_body: given(|p| &p.certificate_body),
        certificate_chain: given(|p| &p.certificate_chain),
        validation_emails: mails.into_iter().collect(),
        kind: found.r#type().map(|kind| kind.as_str().to_owned()),
        domain_name: found.domain_name,
        id: found.certificate_arn.clone(),
        arn: found.certificate_arn,
        tags,
        tags_all,
    }
}

/// `RSA_2048`: answers have been seen to write `RSA-2048`.
fn algorithm(found: &str) -> String {
    found.replace('-', "_")
}

/// The names besides the first; that too where it was said.
fn names(found: &CertificateDetail, prior: Option<&CertificateRecord>) -> BTreeSet<String> {
    let said = prior.and_then(|p| p.subject_alternative_names.as_ref());
    let first = found.domain_name().unwrap_or_default();
    let keep = said.is_none_or(|said| said.contains(first));
    let names = found.subject_alternative_names().iter();
    names
        .filter(|name| keep || *name != first)
        .cloned()
        .collect()
}

/// The records for the domains, in order, once they are known.
fn validations(found: &CertificateDetail) -> Vec<DomainValidation> {
    let first = found.domain_name().unwrap_or_default();
    let records = found
        .domain_validation_options()
        .iter()
        .filter_map(|option| {
            let record = option.resource_record()?;
            Some(DomainValidation {
                domain_name: Some(option.domain_name.clone()),
                resource_record_name: Some(record.name.clone()),
                resource_record_type: Some(record.r#type.as_str().to_owned()),
                resource_record_value: Some(record.value.clone()),
            })
        });
    let mut records: Vec<DomainValidation> = records.collect();
    records.sort_by_key(|record| {
        let name = record.domain_name.clone();
        (name.as_deref() != Some(first), name)
    });
    records
}

/// The certificate that carries the operation's tag. Lists tell no tags: every certificate of the name is asked.
pub(super) async fn of_operation(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: Option<&str>,
) -> Result<Option<String>, ProviderError> {
    let candidates = all(client, context).await?.into_iter().filter(|found| {
        name.is_none_or(|name| {
            let found = found.domain_name().unwrap_or_default();
            found.eq_ignore_ascii_case(name)
        })
    });
    for arn in candidates.filter_map(|found| found.certificate_arn) {
        let tags = there(certificate_tags(client, context, &arn).await)?.unwrap_or_default();
        if tags.get(tags::OPERATION).map(String::as_str) == Some(&*operation.id.0) {
            return Ok(Some(arn));
        }
    }
    Ok(None)
}

/// Every certificate of the region: without a filter lists have those with RSA keys of 1024 and 2048 bits only.
async fn all(
    client: &Client,
    context: &CallContext,
) -> Result<Vec<CertificateSummary>, ProviderError> {
    let kinds = KeyAlgorithm::values()
        .iter()
        .map(|name| KeyAlgorithm::from(*name));
    let filters = Filters::builder()
        .set_key_types(Some(kinds.collect()))
        .build();
    batch::all_pages(|token| {
        let request = client
            .acm()
            .list_certificates()
            .includes(filters.clone())
            .set_next_token(token);
        async move {
            let answer = client
                .call(context, ACM, "ListCertificates", || request.clone().send())
                .await?;
            Ok(Page {
                items: answer.certificate_summary_list.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await
}
