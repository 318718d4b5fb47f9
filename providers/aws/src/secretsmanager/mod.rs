//! Secrets Manager: secrets, and the versions of what they hold. One file a type.

pub(crate) mod secret;
pub(crate) mod version;

use crate::client::Client;
use crate::error::there;
use crate::family::SECRETS;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use infra_model::{CallContext, ProviderError};

/// The secret of a name or ARN, also one that is scheduled for deletion.
async fn described(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<DescribeSecretOutput>, ProviderError> {
    let request = client.secretsmanager().describe_secret().secret_id(id);
    let answer = client
        .call(context, SECRETS, "DescribeSecret", || {
            request.clone().send()
        })
        .await;
    there(answer)
}
