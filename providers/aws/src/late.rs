//! Access that comes late (IAM, "Changes that I make are not always immediately visible"): a role that services do not know yet, a
//! bucket whose policy has not reached them, a key that they may not use yet. IAM, S3 and KMS tell how old each is.

use crate::client::Client;
use crate::error::there;
use crate::family::{IAM, KMS, S3};
use aws_sdk_iam::types::Role;
use aws_smithy_types::DateTime;
use futures::future::join_all;
use infra_cloud::late::{Standing, asked, until_known};
use infra_model::{CallContext, Operation, ProviderError, Timestamp};
use std::future::Future;

/// Makes a call again while it is refused because roles are not known yet. `named` is a text in which their ARNs stand, such as a
/// policy, and may hold anything else.
///
/// # Errors
/// As [`until_known`]'s: at once, where IAM has no such role.
pub(crate) async fn once_roles_known<T, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    named: &str,
    refused: impl Fn(&ProviderError) -> bool + Send + Sync,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let names = &roles(named, client.account());
    let about = |error: &ProviderError| {
        refused(error).then(|| match names.as_slice() {
            [] => "the identity".to_owned(),
            [one] => format!("the role {one}"),
            more => format!("each of the roles {}", more.join(", ")),
        })
    };
    let standing = |_| async move {
        let all = join_all(names.iter().map(|name| of_role(client, context, name))).await;
        together(&all)
    };
    until_known(context, operation, about, standing, call).await
}

/// Makes a call again while a bucket does not let in what its policy may have let in a moment ago.
///
/// # Errors
/// As [`until_known`]'s.
pub(crate) async fn once_let_in<T, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    bucket: &str,
    refused: impl Fn(&ProviderError) -> bool + Send + Sync,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let about = |error: &ProviderError| {
        refused(error).then(|| format!("the policy of the bucket {bucket}"))
    };
    let standing = |_| of_bucket(client, context, bucket);
    until_known(context, operation, about, standing, call).await
}

/// Makes a call again while a service may not use a key yet, or does not know it.
///
/// # Errors
/// As [`until_known`]'s.
pub(crate) async fn once_key_known<T, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    key: &str,
    refused: impl Fn(&ProviderError) -> bool + Send + Sync,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let about = |error: &ProviderError| refused(error).then(|| format!("the key {key}"));
    let standing = |_| of_key(client, context, key);
    until_known(context, operation, about, standing, call).await
}

/// The names of an account's roles whose ARNs stand in a text, each once.
fn roles(text: &str, account: &str) -> Vec<String> {
    let marker = format!(":iam::{account}:role/");
    let mut names: Vec<String> = Vec::new();
    for rest in text.split(&marker).skip(1) {
        // Names and paths of roles are of these (IAM, `Role`).
        let path = rest
            .split(|c: char| !c.is_ascii_alphanumeric() && !"+=,.@-_/".contains(c))
            .next();
        let name = path.and_then(|path| path.rsplit('/').next());
        if let Some(name) = name.filter(|n| !n.is_empty() && !names.iter().any(|known| known == n))
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// How it stands with several: one that is not there is reason enough for a refusal, one that is new for waiting.
fn together(all: &[Standing]) -> Standing {
    if all.contains(&Standing::Missing) {
        return Standing::Missing;
    }
    all.iter().copied().max().unwrap_or(Standing::Old)
}

fn since(context: &CallContext, made: Option<&DateTime>) -> Standing {
    let millis = made.and_then(|made| made.to_millis().ok());
    millis.map_or(Standing::Old, |millis| {
        Standing::since(context, Timestamp(millis))
    })
}

async fn of_role(client: &Client, context: &CallContext, name: &str) -> Standing {
    let found = asked(context, || async {
        let answer = client.call(context, IAM, "GetRole", || {
            client.iam().get_role().role_name(name).send()
        });
        there(answer.await)
    });
    match found.await {
        Ok(Some(answer)) => since(context, answer.role().map(Role::create_date)),
        Ok(None) => Standing::Missing,
        // Who may not ask cannot tell.
        Err(_) => Standing::Old,
    }
}

/// Buckets tell when they were made, or when their policy was changed ("This date can change when making changes to your bucket, such
/// as editing its bucket policy": S3, `Bucket`).
async fn of_bucket(client: &Client, context: &CallContext, bucket: &str) -> Standing {
    let answer = client
        .call(context, S3, "ListBuckets", || {
            client.s3().list_buckets().prefix(bucket).send()
        })
        .await;
    let Ok(answer) = answer else {
        return Standing::Old;
    };
    let found = answer.buckets().iter().find(|b| b.name() == Some(bucket));
    // What is not of this account is not seen.
    found.map_or(Standing::Old, |found| since(context, found.creation_date()))
}

async fn of_key(client: &Client, context: &CallContext, key: &str) -> Standing {
    let found = asked(context, || async {
        let answer = client.call(context, KMS, "DescribeKey", || {
            client.kms().describe_key().key_id(key).send()
        });
        there(answer.await)
    });
    match found.await {
        Ok(Some(answer)) => {
            let made = answer.key_metadata().and_then(|key| key.creation_date());
            since(context, made)
        }
        Ok(None) => Standing::Missing,
        Err(_) => Standing::Old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_in_whatever_names_them() {
        let account = "123456789012";
        for (text, expected) in [
            ("arn:aws:iam::123456789012:role/main", &["main"][..]),
            (
                r#"{"Statement":[{"Principal":{"AWS":["arn:aws:iam::123456789012:role/team/a.b","arn:aws-cn:iam::123456789012:role/c","arn:aws:iam::123456789012:role/c"]}}]}"#,
                &["a.b", "c"],
            ),
            // Of others nothing can be told.
            ("arn:aws:iam::999999999999:role/main", &[]),
            ("arn:aws:iam::123456789012:user/main", &[]),
            ("arn:aws:iam::123456789012:role/", &[]),
            ("", &[]),
        ] {
            assert_eq!(roles(text, account), expected, "{text}");
        }
    }

    #[test]
    fn one_role_that_is_not_there_decides() {
        use Standing::{Missing, New, Old};
        for (all, expected) in [
            (&[New, Old][..], New),
            (&[Old, Old], Old),
            (&[New, Missing], Missing),
            (&[], Old),
        ] {
            assert_eq!(together(all), expected, "{all:?}");
        }
    }
}
