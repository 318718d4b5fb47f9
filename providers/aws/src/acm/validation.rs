//! `aws_acm_certificate_validation`: no object of AWS's, but the wait until a certificate is issued. What needs an issued
//! certificate refers to it.

use super::certificate_view as view;
use crate::client::Client;
use crate::family::ACM;
use crate::wait::{self, LONG, Progress};
use async_trait::async_trait;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateStatus, DomainValidation as SdkValidation, FailureReason,
};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource};
use std::collections::BTreeSet;

/// The wait until a certificate is issued. It takes the records, or the answer to the mail, that the certificate waits for.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ValidationRecord {
    /// The certificate.
    #[record(required, force_new)]
    pub(crate) certificate_arn: String,
    /// Names of the records that were made for it: all that it waits for.
    #[record(optional, force_new)]
    pub(crate) validation_record_fqdns: Option<BTreeSet<String>>,
    /// The certificate's ARN.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Validation;

#[async_trait]
impl Resource<Client> for Validation {
    type Record = ValidationRecord;
    const TYPE: &'static str = "aws_acm_certificate_validation";

    fn traits() -> Traits {
        Traits::default().seconds(120, 1, 1).family(ACM.name)
    }

    fn id(record: &ValidationRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<ValidationRecord>, ProviderError> {
        Ok(Imported {
            id: id.to_owned(),
            prior: Some(ValidationRecord {
                certificate_arn: id.to_owned(),
                ..ValidationRecord::default()
            }),
        })
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ValidationRecord>],
    ) -> Vec<Result<Option<ValidationRecord>, ProviderError>> {
        let all = items.iter().map(|item| async {
            let found = view::describe(client, context, &item.id).await?;
            // One that has expired was issued.
            let was = |c: &CertificateDetail| {
                matches!(
                    c.status(),
                    Some(CertificateStatus::Issued | CertificateStatus::Expired)
                )
            };
            let prior = item.prior.as_ref();
            Ok(found.filter(was).map(|_| ValidationRecord {
                certificate_arn: item.id.clone(),
                validation_record_fqdns: prior.and_then(|p| p.validation_record_fqdns.clone()),
                id: Some(item.id.clone()),
            }))
        });
        futures::future::join_all(all).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ValidationRecord,
    ) -> Result<ValidationRecord, ProviderError> {
        let arn = desired.certificate_arn.clone();
        wait::until(context, operation, LONG, || async {
            let found = view::describe(client, context, &arn).await?;
            let Some(found) = found else {
                return Err(failed(
                    ErrorKind::NotFound,
                    format!("there is no certificate {arn}"),
                ));
            };
            progress(&found, desired.validation_record_fqdns.as_ref())
        })
        .await?;
        if operation.known_id.is_none() {
            context.events.id_known(operation, &arn).await?;
        }
        Ok(ValidationRecord {
            id: Some(arn),
            ..desired
        })
    }

    async fn update(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: ValidationRecord,
        desired: ValidationRecord,
    ) -> Result<ValidationRecord, ProviderError> {
        Ok(desired)
    }

    /// Nothing was made: nothing goes.
    async fn delete(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: ValidationRecord,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// A wait that was interrupted is begun again.
    async fn recover(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: ValidationRecord,
    ) -> Result<Recovered, ProviderError> {
        Ok(Recovered::Absent)
    }
}

fn failed(kind: ErrorKind, message: String) -> ProviderError {
    ProviderError {
        service: ACM.service.to_owned(),
        operation: "DescribeCertificate".to_owned(),
        ..ProviderError::new(kind, message)
    }
}

/// How far a certificate is, and whether the records that are said can take it further.
fn progress(
    found: &CertificateDetail,
    said: Option<&BTreeSet<String>>,
) -> Result<Progress<()>, ProviderError> {
    let bare = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    match found.status() {
        Some(CertificateStatus::Issued) => Ok(Progress::Done(())),
        Some(status @ CertificateStatus::PendingValidation) => {
            let said: Option<BTreeSet<String>> =
                said.map(|names| names.iter().map(|name| bare(name)).collect());
            let options = found.domain_validation_options().iter();
            let missing = options
                .filter_map(SdkValidation::resource_record)
                .map(|record| bare(&record.name))
                .find(|name| said.as_ref().is_some_and(|said| !said.contains(name)));
            if let Some(name) = missing {
                return Err(ProviderError::invalid(
                    "validation_record_fqdns",
                    format!(
                        "the certificate waits for the record {name} too, which is not among these"
                    ),
                ));
            }
            Ok(Progress::Pending(status.as_str().to_owned()))
        }
        status => {
            let status = status.map_or("unknown", CertificateStatus::as_str);
            let reason = found.failure_reason().map_or("", FailureReason::as_str);
            let message = format!("the certificate will not be issued: {status} {reason}");
            Err(failed(ErrorKind::Other, message.trim_end().to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_acm::types::{RecordType, ResourceRecord};

    fn pending(name: &str) -> CertificateDetail {
        let record = ResourceRecord::builder()
            .name(format!("_1.{name}."))
            .r#type(RecordType::Cname)
            .value("_2.acm-validations.aws.")
            .build()
            .expect("a record");
        let option = SdkValidation::builder()
            .domain_name(name)
            .resource_record(record);
        CertificateDetail::builder()
            .status(CertificateStatus::PendingValidation)
            .domain_validation_options(option.build().expect("an option"))
            .build()
    }

    #[test]
    fn a_wait_without_its_records_is_refused_and_a_failure_is_told() {
        let names = |name: &str| BTreeSet::from([name.to_owned()]);
        let found = pending("example.com");
        let right = progress(&found, Some(&names("_1.Example.com")));
        assert!(matches!(right, Ok(Progress::Pending(_))), "{right:?}");
        let other = progress(&found, Some(&names("_9.example.com"))).expect_err("another record");
        assert!(other.message.contains("_1.example.com"), "{other:?}");
        assert!(matches!(progress(&found, None), Ok(Progress::Pending(_))));
        let failed = CertificateDetail::builder()
            .status(CertificateStatus::Failed)
            .failure_reason(FailureReason::CaaError)
            .build();
        let error = progress(&failed, None).expect_err("failed");
        assert!(error.message.ends_with("FAILED CAA_ERROR"), "{error:?}");
    }
}
