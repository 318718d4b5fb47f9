//! `aws_acm_certificate`.

use super::certificate_view as view;
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::ACM;
use crate::recover::Lost;
use crate::tags::{self, Tags};
use crate::wait::{self, MINUTES, Pace, Progress};
use async_trait::async_trait;
use aws_sdk_acm::operation::import_certificate::ImportCertificateOutput;
use aws_sdk_acm::operation::request_certificate::RequestCertificateOutput;
use aws_sdk_acm::primitives::Blob;
use aws_sdk_acm::types::{
    CertificateExport, CertificateOptions, DomainValidationOption, KeyAlgorithm, ValidationMethod,
};
use futures::future::BoxFuture;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Type, Value, planning,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// A certificate: requested for a domain, whose owner is asked by a DNS record or by mail, or one's own.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CertificateRecord {
    /// The domain, such as `shop.example.com` or `*.example.com`; of one's own certificate what it says.
    #[record(optional, computed, force_new)]
    pub(crate) domain_name: Option<String>,
    /// Further domains.
    #[record(optional, computed, force_new)]
    pub(crate) subject_alternative_names: Option<BTreeSet<String>>,
    /// `DNS` or `EMAIL`: how the owner of the domains is asked.
    #[record(optional, computed, force_new)]
    pub(crate) validation_method: Option<String>,
    /// `RSA_2048`, `EC_prime256v1` or `EC_secp384r1`.
    #[record(optional, computed, force_new)]
    pub(crate) key_algorithm: Option<String>,
    /// What can be chosen of a requested certificate.
    #[record(block, computed, max = 1)]
    pub(crate) options: Vec<Options>,
    /// To which domain the mail for a domain goes.
    #[record(block, set, force_new)]
    pub(crate) validation_option: Vec<ValidationOption>,
    /// The private key of one's own certificate, in PEM.
    #[record(optional, sensitive)]
    pub(crate) private_key: Option<String>,
    /// One's own certificate, in PEM.
    #[record(optional)]
    pub(crate) certificate_body: Option<String>,
    /// The certificates between it and its authority, in PEM.
    #[record(optional)]
    pub(crate) certificate_chain: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// Its ARN.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The records that prove who owns the domains, in the order of `domain_name` and the sorted others. The domains are known
    /// while planning, so that `for_each` can be made of them.
    #[record(block, computed)]
    pub(crate) domain_validation_options: Vec<DomainValidation>,
    /// Whom the mail goes to.
    #[record(computed)]
    pub(crate) validation_emails: Vec<String>,
    /// `AMAZON_ISSUED` or `IMPORTED`.
    #[record(computed, rename = "type")]
    pub(crate) kind: Option<String>,
}

/// What can be chosen of a requested certificate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Options {
    /// Whether its key can be taken out, for a price: `ENABLED` or `DISABLED`.
    #[record(optional, computed)]
    pub(crate) export: Option<String>,
}

/// To which domain the mail for a domain goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Record)]
pub(crate) struct ValidationOption {
    /// A domain of the certificate.
    #[record(required)]
    pub(crate) domain_name: String,
    /// It, or one above it.
    #[record(required)]
    pub(crate) validation_domain: String,
}

/// A record that proves who owns a domain.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct DomainValidation {
    /// The domain.
    #[record(computed)]
    pub(crate) domain_name: Option<String>,
    /// Name of the record.
    #[record(computed)]
    pub(crate) resource_record_name: Option<String>,
    /// Type of the record.
    #[record(computed)]
    pub(crate) resource_record_type: Option<String>,
    /// Value of the record.
    #[record(computed)]
    pub(crate) resource_record_value: Option<String>,
}

/// A certificate is let go some time after the listeners that used it.
const LET_GO: Pace = Pace {
    limit: Duration::from_mins(20),
    ..MINUTES
};

pub(crate) struct Certificate;

#[async_trait]
impl Resource<Client> for Certificate {
    type Record = CertificateRecord;
    const TYPE: &'static str = "aws_acm_certificate";

    fn traits() -> Traits {
        Traits::default().seconds(8, 3, 2).family(ACM.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        replace_by_kind(request, planned);
        let fresh = request.prior.is_none() || !planned.replace.is_empty();
        if fresh {
            foretell(request.config, planned);
        } else if let Some(prior) = request.prior {
            let changed = |name: &&str| prior.get(name) != planned.value.get(name);
            if OWN.iter().any(changed) {
                let told = ["domain_name", "subject_alternative_names"];
                planning::mark_unknown(planned, &CertificateRecord::block(), &told);
            }
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        check(config)
    }

    fn id(record: &CertificateRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<CertificateRecord>],
    ) -> Vec<Result<Option<CertificateRecord>, ProviderError>> {
        view::read(client, context, items).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: CertificateRecord,
    ) -> Result<CertificateRecord, ProviderError> {
        let id = match desired.certificate_body {
            Some(_) => import(client, context, operation, &desired).await?,
            None => request(client, context, operation, &desired).await?,
        };
        told(client, context, operation, &id).await?;
        wait::settled::<Certificate>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: CertificateRecord,
        desired: CertificateRecord,
    ) -> Result<CertificateRecord, ProviderError> {
        let id = Certificate::id(&prior);
        let own = |r: &CertificateRecord| {
            (
                r.certificate_body.clone(),
                r.certificate_chain.clone(),
                r.private_key.clone(),
            )
        };
        if desired.certificate_body.is_some() && own(&prior) != own(&desired) {
            let request = to_import(client, &desired).certificate_arn(&id);
            client
                .call(context, ACM, "ImportCertificate", || request.clone().send())
                .await?;
        }
        if desired.certificate_body.is_none() && prior.options != desired.options {
            let request = client
                .acm()
                .update_certificate_options()
                .certificate_arn(&id)
                .set_options(options(&desired));
            client
                .call(context, ACM, "UpdateCertificateOptions", || {
                    request.clone().send()
                })
                .await?;
        }
        let defaults = &client.config().tags;
        let (set, gone) = tags::changes(defaults, &prior.tags_all, &desired.tags, operation);
        view::retag(client, context, &id, &set, &gone).await?;
        wait::settled::<Certificate>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: CertificateRecord,
    ) -> Result<(), ProviderError> {
        let request = client
            .acm()
            .delete_certificate()
            .certificate_arn(Certificate::id(&prior));
        let in_use = |error: &ProviderError| error.code == "ResourceInUseException";
        let gone = wait::while_refused(context, operation, LET_GO, in_use, || {
            client.call(context, ACM, "DeleteCertificate", || request.clone().send())
        });
        absent_is_done(gone.await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: CertificateRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = desired.domain_name.as_deref();
        let found = view::of_operation(client, context, operation, name).await?;
        Ok(found.map_or(Recovered::Absent, Recovered::Found))
    }
}

/// What makes it one's own.
const OWN: [&str; 3] = ["certificate_body", "certificate_chain", "private_key"];

/// A requested certificate does not become one's own, nor the other way round.
fn replace_by_kind(request: &PlanRequest<'_>, planned: &mut Planned) {
    let own = |value: &Value| value.get("certificate_body").is_some_and(|v| !v.is_null());
    if let Some(prior) = request.prior
        && planned.replace.is_empty()
        && prior.get("type").is_some_and(|kind| !kind.is_null())
        && (prior.get("type").and_then(Value::as_str) == Some("IMPORTED")) != own(request.config)
    {
        let path = infra_model::Path::attribute("certificate_body");
        planned.replace.push(path);
    }
}

/// The domains that will be asked for, where all are known: what `for_each` over the records needs.
fn foretell(config: &Value, planned: &mut Planned) {
    let method = config.get("validation_method").and_then(Value::as_str);
    let first = config.get("domain_name").and_then(Value::as_str);
    let (Some("DNS"), Some(first)) = (method, first) else {
        return;
    };
    let others = match config.get("subject_alternative_names") {
        Some(names) if !names.is_wholly_known() => return,
        Some(names) => names.elements().unwrap_or_default(),
        None => &[],
    };
    let others: BTreeSet<&str> = others.iter().filter_map(Value::as_str).collect();
    let record = |domain: &str| {
        let unknown = || Value::Unknown(Type::String);
        Value::object([
            ("domain_name", Value::from(domain)),
            ("resource_record_name", unknown()),
            ("resource_record_type", unknown()),
            ("resource_record_value", unknown()),
        ])
    };
    let names = [first].into_iter();
    let names = names.chain(others.into_iter().filter(|other| *other != first));
    let records = names.map(record).collect();
    let records = Value::list(DomainValidation::block().implied_type(), records);
    let value = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = value.with_attribute("domain_validation_options", records);
}

fn check(config: &Value) -> Vec<ProviderError> {
    let given = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
    let mut wrong = Vec::new();
    let own = OWN.into_iter().any(given);
    if own {
        for name in ["certificate_body", "private_key"]
            .into_iter()
            .filter(|name| !given(name))
        {
            wrong.push(ProviderError::invalid(
                name,
                "a certificate of one's own needs `certificate_body` and `private_key`",
            ));
        }
        let asked = [
            "domain_name",
            "subject_alternative_names",
            "validation_method",
            "key_algorithm",
        ];
        for name in asked.into_iter().filter(|name| given(name)) {
            let message =
                format!("a certificate of one's own says its `{name}` itself: leave it out");
            wrong.push(ProviderError::invalid(name, message));
        }
    } else {
        for name in ["domain_name", "validation_method"]
            .into_iter()
            .filter(|name| !given(name))
        {
            let message = format!(
                "a requested certificate needs `{name}`; one's own `certificate_body` and `private_key`"
            );
            wrong.push(ProviderError::invalid(name, message));
        }
    }
    let method = config.get("validation_method").and_then(Value::as_str);
    if let Some(method) = method.filter(|m| !["DNS", "EMAIL"].contains(m)) {
        let message = format!("`{method}` is not `DNS` or `EMAIL`");
        wrong.push(ProviderError::invalid("validation_method", message));
    }
    wrong
}

fn options(record: &CertificateRecord) -> Option<CertificateOptions> {
    let export = record.options.first()?.export.as_deref();
    let export = export.map(CertificateExport::from);
    Some(CertificateOptions::builder().set_export(export).build())
}

/// Requests a certificate. The token counts for an hour.
async fn request(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &CertificateRecord,
) -> Result<String, ProviderError> {
    let all = tags::for_create(&client.config().tags, &desired.tags, operation);
    let mails = desired.validation_option.iter().map(|option| {
        DomainValidationOption::builder()
            .domain_name(&option.domain_name)
            .validation_domain(&option.validation_domain)
            .build()
            .map_err(|e| ProviderError::new(ErrorKind::Invalid, e.to_string()))
    });
    let mails = mails.collect::<Result<Vec<_>, _>>()?;
    let names: Option<Vec<String>> = desired
        .subject_alternative_names
        .as_ref()
        .map(|names| names.iter().cloned().collect());
    let method = desired.validation_method.as_deref();
    let algorithm = desired.key_algorithm.as_deref();
    let request = client
        .acm()
        .request_certificate()
        .set_domain_name(desired.domain_name.clone())
        .set_subject_alternative_names(names.filter(|names| !names.is_empty()))
        .set_validation_method(method.map(ValidationMethod::from))
        .set_key_algorithm(algorithm.map(KeyAlgorithm::from))
        .set_options(options(desired))
        .set_domain_validation_options((!mails.is_empty()).then_some(mails))
        .idempotency_token(&operation.token.as_str()[..32])
        .set_tags(Some(view::to_sdk(&all)?));
    client
        .begin(
            context,
            operation,
            ACM,
            "RequestCertificate",
            Lost::Resend,
            || request.clone().send(),
            RequestCertificateOutput::certificate_arn,
        )
        .await
}

fn to_import(
    client: &Client,
    desired: &CertificateRecord,
) -> aws_sdk_acm::operation::import_certificate::builders::ImportCertificateFluentBuilder {
    let blob = |text: &Option<String>| text.as_ref().map(|text| Blob::new(text.as_bytes()));
    client
        .acm()
        .import_certificate()
        .set_certificate(blob(&desired.certificate_body))
        .set_private_key(blob(&desired.private_key))
        .set_certificate_chain(blob(&desired.certificate_chain))
}

/// Imports one's own certificate. The call has no token.
async fn import(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &CertificateRecord,
) -> Result<String, ProviderError> {
    let all = tags::for_create(&client.config().tags, &desired.tags, operation);
    let request = to_import(client, desired).set_tags(Some(view::to_sdk(&all)?));
    let ours = || -> BoxFuture<'_, Result<Option<String>, ProviderError>> {
        Box::pin(view::of_operation(client, context, operation, None))
    };
    client
        .begin(
            context,
            operation,
            ACM,
            "ImportCertificate",
            Lost::LookUp(Duration::from_secs(5), &ours),
            || request.clone().send(),
            ImportCertificateOutput::certificate_arn,
        )
        .await
}

/// Waits until a requested certificate says which records, or whose mail, it waits for: that comes some seconds later.
async fn told(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    wait::until(context, operation, MINUTES, || async {
        let found = view::describe(client, context, id).await?;
        let waits = found.is_none_or(|certificate| {
            let options = certificate.domain_validation_options();
            let asked = options.iter().all(|option| {
                option.resource_record.is_some() || !option.validation_emails().is_empty()
            });
            view::is_requested(&certificate) && (options.is_empty() || !asked)
        });
        Ok(match waits {
            true => Progress::Pending("PENDING_VALIDATION".to_owned()),
            false => Progress::Done(()),
        })
    })
    .await
}
