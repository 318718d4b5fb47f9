//! Route 53: hosted zones and their records. One file a type.

pub(crate) mod record;
mod record_set;
pub(crate) mod zone;
pub(crate) mod zone_view;

use crate::batch::{self, Page};
use crate::client::Client;
use crate::family::ROUTE53;
use crate::wait::{self, Pace, Progress};
use aws_sdk_route53::types::{ChangeStatus, HostedZone, ResourceRecordSet, RrType};
use infra_model::{CallContext, Operation, ProviderError};
use std::time::Duration;

/// Name servers have a change "generally within 60 seconds" (`GetChange`).
const SPREAD: Pace = Pace {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(10),
    limit: Duration::from_mins(30),
};

/// `Z1` of `/hostedzone/Z1`.
pub(crate) fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// A name without the root's dot, in lower case, with Route 53's octal escapes resolved: `*` comes as `\052`.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>
pub(crate) fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name.trim_end_matches('.');
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        match after
            .get(..3)
            .and_then(|code| u8::from_str_radix(code, 8).ok())
        {
            Some(code) => {
                out.push(char::from(code));
                rest = &after[3..];
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.to_ascii_lowercase()
}

/// Waits until a change is with all name servers.
async fn in_sync(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    change: &str,
) -> Result<(), ProviderError> {
    let request = client.route53().get_change().id(bare(change));
    wait::until(context, operation, SPREAD, || async {
        let answer = client
            .call(context, ROUTE53, "GetChange", || request.clone().send())
            .await?;
        Ok(match answer.change_info {
            Some(info) if info.status == ChangeStatus::Pending => {
                Progress::Pending("PENDING".to_owned())
            }
            _ => Progress::Done(()),
        })
    })
    .await
}

/// Record sets of a zone: from a name and type on, one page; or all.
async fn record_sets(
    client: &Client,
    context: &CallContext,
    zone: &str,
    from: Option<(&str, &str, Option<&str>)>,
) -> Result<Vec<ResourceRecordSet>, ProviderError> {
    type Next = (Option<String>, Option<RrType>, Option<String>);
    let list = |(name, kind, set): Next, most: Option<i32>| {
        let request = client
            .route53()
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .set_start_record_name(name)
            .set_start_record_type(kind)
            .set_start_record_identifier(set)
            .set_max_items(most);
        async move {
            client
                .call(context, ROUTE53, "ListResourceRecordSets", || {
                    request.clone().send()
                })
                .await
        }
    };
    if let Some((name, kind, set)) = from {
        let start = (
            Some(name.to_owned()),
            Some(RrType::from(kind)),
            set.map(str::to_owned),
        );
        return Ok(list(start, Some(1)).await?.resource_record_sets);
    }
    let (mut found, mut next) = (Vec::new(), Next::default());
    loop {
        let page = list(next, None).await?;
        found.extend(page.resource_record_sets);
        if !page.is_truncated {
            return Ok(found);
        }
        next = (
            page.next_record_name,
            page.next_record_type,
            page.next_record_identifier,
        );
    }
}

/// Every hosted zone of the account.
pub(crate) async fn zones(
    client: &Client,
    context: &CallContext,
) -> Result<Vec<HostedZone>, ProviderError> {
    batch::all_pages(|marker| {
        let request = client.route53().list_hosted_zones().set_marker(marker);
        async move {
            let answer = client
                .call(context, ROUTE53, "ListHostedZones", || {
                    request.clone().send()
                })
                .await?;
            Ok(Page {
                items: answer.hosted_zones,
                next: answer.next_marker.filter(|_| answer.is_truncated),
            })
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_plain() {
        for (found, expected) in [
            ("Example.com.", "example.com"),
            ("\\052.example.com.", "*.example.com"),
            ("a\\b.", "a\\b"),
        ] {
            assert_eq!(plain(found), expected);
        }
        assert_eq!(bare("/hostedzone/Z1"), "Z1");
        assert_eq!(bare("Z1"), "Z1");
    }
}
