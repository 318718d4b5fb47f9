//! Access that comes late (IAM, "Changes that I make are not always immediately visible"): a role that services do not know yet, a
//! bucket whose policy has not reached them, a key that they may not use yet. IAM, S3 and KMS tell how old each is.

use crate::client::Client;
use crate::error::there;
use crate::family::{IAM, KMS};
use crate::s3::bucket::listed;
use crate::trust::Trust;
use aws_sdk_iam::types::Role;
use aws_smithy_types::DateTime;
use futures::future::join_all;
use infra_cloud::late::{Standing, asked, until_known};
use infra_model::{CallContext, Operation, ProviderError, Timestamp};
use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a call is refused for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About<'a> {
    /// Roles that are not known yet, by a text in which their ARNs stand, such as a policy, and anything else may.
    Roles(&'a str),
    /// A role that is not known yet, or does not let in the service that is to take it on, which services say alike.
    Assumed(Trust<'a>),
    /// Roles, by a text in which their ARNs stand, of which these must let in a service each.
    Named(&'a str, &'a [Trust<'a>]),
    /// A bucket that does not let in what its policy may have let in a moment ago.
    Bucket(&'a str),
    /// A key that a service may not use yet, or does not know.
    Key(&'a str),
}

/// Makes a call again while it is refused for what is not known everywhere yet.
///
/// # Errors
/// As [`until_known`]'s: at once, where IAM has no such role or one that does not let the service in, or KMS no such key.
pub(crate) async fn once_known<T, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    about: About<'_>,
    refused: impl Fn(&ProviderError) -> bool + Send + Sync,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let account = client.account();
    let (named, trusts) = match &about {
        About::Roles(named) => (*named, &[][..]),
        About::Assumed(trust) => (trust.role, std::slice::from_ref(trust)),
        About::Named(named, trusts) => (*named, *trusts),
        About::Bucket(_) | About::Key(_) => ("", &[][..]),
    };
    let names = &roles(named, account);
    let trust_of = |name: &str| {
        let is = |trust: &&Trust<'_>| roles(trust.role, account).iter().any(|n| n == name);
        trusts.iter().find(is).copied()
    };
    let shut: &Mutex<Option<Trust<'_>>> = &Mutex::new(None);
    let words = |error: &ProviderError| {
        refused(error).then(|| match (about, names.as_slice()) {
            (About::Bucket(bucket), _) => format!("the policy of the bucket {bucket}"),
            (About::Key(key), _) => format!("the key {key}"),
            (_, []) => "the identity".to_owned(),
            (_, [one]) => format!("the role {one}"),
            (_, more) => format!("each of the roles {}", more.join(", ")),
        })
    };
    let standing = |_| async move {
        match about {
            About::Bucket(bucket) => of_bucket(client, context, bucket).await,
            About::Key(key) => of_key(client, context, key).await,
            About::Roles(_) | About::Assumed(_) | About::Named(..) => {
                let all = names.iter();
                let all = all.map(|name| of_role(client, context, name, trust_of(name)));
                let all = join_all(all).await;
                let lacking = all.iter().find_map(|(_, lacking)| *lacking);
                if let Ok(mut shut) = shut.lock() {
                    *shut = lacking;
                }
                together(
                    &all.iter()
                        .map(|(standing, _)| *standing)
                        .collect::<Vec<_>>(),
                )
            }
        }
    };
    let done = until_known(context, operation, words, standing, call).await;
    let shut = shut.lock().ok().and_then(|shut| *shut);
    match shut {
        Some(trust) => done.map_err(|error| trust.refused(error)),
        None => done,
    }
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

/// How it stands with a role, and whom it does not let in that is to take it on. It is as good as missing then; it too is asked for again,
/// because a trust policy that was just changed may be told late.
async fn of_role<'a>(
    client: &Client,
    context: &CallContext,
    name: &str,
    trust: Option<Trust<'a>>,
) -> (Standing, Option<Trust<'a>>) {
    let shut = AtomicBool::new(false);
    let shut = &shut;
    let found = asked(context, || async {
        let answer = client.call(context, IAM, "GetRole", || {
            client.iam().get_role().role_name(name).send()
        });
        let found = there(answer.await)?.and_then(|answer| answer.role);
        let policy = found.as_ref().and_then(Role::assume_role_policy_document);
        let lacks = trust.is_some_and(|trust| policy.is_some_and(|p| trust.is_missing_in(p)));
        shut.store(lacks, Ordering::Relaxed);
        Ok(found.filter(|_| !lacks))
    });
    let standing = match found.await {
        Ok(Some(role)) => since(context, Some(role.create_date())),
        Ok(None) => Standing::Missing,
        // Who may not ask cannot tell.
        Err(_) => Standing::Old,
    };
    (standing, trust.filter(|_| shut.load(Ordering::Relaxed)))
}

/// Buckets tell when they were made, or when their policy was changed ("This date can change when making changes to your bucket, such
/// as editing its bucket policy": S3, `Bucket`).
async fn of_bucket(client: &Client, context: &CallContext, bucket: &str) -> Standing {
    let Ok(listed) = listed(client, context, Some(bucket)).await else {
        return Standing::Old;
    };
    let found = listed.iter().find(|b| b.name() == Some(bucket));
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
