//! `aws_ssm_parameter` as a data source: a parameter of Systems Manager, such as those in which AWS publishes its newest
//! images.

use crate::client::Client;
use crate::family::SSM;
use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};

/// A parameter of Systems Manager.
#[derive(Clone, Debug, Record)]
pub(crate) struct ParameterRecord {
    /// Its name, such as `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64`; a version or label may
    /// follow, as `NAME:3`.
    #[record(required)]
    pub(crate) name: String,
    /// Whether what is encrypted is told in plain text.
    #[record(optional, default = true)]
    pub(crate) with_decryption: bool,
    /// What it says.
    #[record(computed, sensitive)]
    pub(crate) value: Option<String>,
    /// The same where it is no secret: of `String` and `StringList`.
    #[record(computed)]
    pub(crate) insecure_value: Option<String>,
    /// `String`, `StringList` or `SecureString`.
    #[record(computed, rename = "type")]
    pub(crate) kind: Option<String>,
    /// Its version.
    #[record(computed)]
    pub(crate) version: Option<i64>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// Its name.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Parameter;

#[async_trait]
impl DataSource<Client> for Parameter {
    type Record = ParameterRecord;
    const TYPE: &'static str = "aws_ssm_parameter";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: ParameterRecord,
    ) -> Result<ParameterRecord, ProviderError> {
        let request = client
            .ssm()
            .get_parameter()
            .name(&config.name)
            .with_decryption(config.with_decryption);
        let answer = client
            .call(context, SSM, "GetParameter", || request.clone().send())
            .await;
        let missing = || format!("there is no parameter `{}` in this region", config.name);
        let answer = match answer {
            // Systems Manager says no more than the code.
            Err(error) if error.kind == ErrorKind::NotFound => Err(ProviderError {
                message: missing(),
                ..error
            }),
            answer => answer,
        }?;
        let found = answer
            .parameter
            .ok_or_else(|| ProviderError::new(ErrorKind::NotFound, missing()))?;
        let secret = found.r#type == Some(ParameterType::SecureString);
        Ok(ParameterRecord {
            insecure_value: found.value.clone().filter(|_| !secret),
            value: found.value,
            kind: found.r#type.map(|t| t.as_str().to_owned()),
            version: Some(found.version),
            arn: found.arn,
            id: Some(config.name.clone()),
            ..config
        })
    }
}
