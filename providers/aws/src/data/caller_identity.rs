//! `aws_caller_identity`: whose credentials are in use.

use crate::client::Client;
use crate::family::STS;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};

/// Whose credentials are in use.
#[derive(Clone, Debug, Record)]
pub(crate) struct CallerIdentityRecord {
    /// The account.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The account.
    #[record(computed)]
    pub(crate) account_id: Option<String>,
    /// The ARN of the user or role session.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The unique id of the user or role.
    #[record(computed)]
    pub(crate) user_id: Option<String>,
}

pub(crate) struct CallerIdentity;

#[async_trait]
impl DataSource<Client> for CallerIdentity {
    type Record = CallerIdentityRecord;
    const TYPE: &'static str = "aws_caller_identity";

    async fn read(
        client: &Client,
        context: &CallContext,
        _: CallerIdentityRecord,
    ) -> Result<CallerIdentityRecord, ProviderError> {
        let who = client
            .call(context, STS, "GetCallerIdentity", || {
                client.sts().get_caller_identity().send()
            })
            .await?;
        Ok(CallerIdentityRecord {
            id: who.account,
            account_id: Some(client.account().to_owned()),
            arn: who.arn,
            user_id: who.user_id,
        })
    }
}
