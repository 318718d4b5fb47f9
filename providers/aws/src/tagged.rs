//! Tags of many resources at once. Where a service has one call for the tags of each of its resources, the Resource Groups Tagging API
//! answers for a hundred. It leaves out what never had tags and is eventually consistent, so it is believed only where it says what was
//! last seen: then nothing has changed, and no change can be made up. The service itself is asked about everything else.

use crate::client::{Client, Place};
use crate::family::TAGGING;
use crate::tags::{self, Tags};
use futures::future::join_all;
use infra_cloud::retry::Resend;
use infra_model::{CallContext, ProviderError};
use std::collections::BTreeMap;
use std::future::Future;
use tokio::sync::OnceCell;

/// The most ARNs that one call takes (`ResourceARNList` of `GetResources`).
const ARNS: usize = 100;

/// A resource whose tags are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// Its ARN; none of what is not there.
    pub(crate) arn: Option<String>,
    /// The tags that it was last seen with, without the marks; none on import.
    pub(crate) last: Option<&'a Tags>,
}

/// Whether the API answers these credentials: what the first call found out. A role that may not call it is not told so twice.
#[derive(Debug, Default)]
pub(crate) struct Answers(OnceCell<bool>);

/// The tags of each; none of what is not there. `own` asks the service itself, by the ARN.
pub(crate) async fn read<F>(
    client: &Client,
    context: &CallContext,
    place: Place,
    asked: Vec<Asked<'_>>,
    own: impl Fn(String) -> F,
) -> Vec<Result<Option<Tags>, ProviderError>>
where
    F: Future<Output = Result<Option<Tags>, ProviderError>>,
{
    let list = |arns: Vec<String>| listed(client, context, place, arns);
    several(client.tagging_answers(place), asked, list, own).await
}

async fn several<L, F>(
    answers: &Answers,
    asked: Vec<Asked<'_>>,
    list: impl Fn(Vec<String>) -> L,
    own: impl Fn(String) -> F,
) -> Vec<Result<Option<Tags>, ProviderError>>
where
    L: Future<Output = Result<BTreeMap<String, Tags>, ProviderError>>,
    F: Future<Output = Result<Option<Tags>, ProviderError>>,
{
    let seen = asked.iter().filter(|one| one.last.is_some());
    let arns: Vec<&String> = seen.filter_map(|one| one.arn.as_ref()).collect();
    // One alone is asked for by itself, at the same price.
    let found = match arns.len() {
        0 | 1 => BTreeMap::new(),
        _ => in_chunks(answers, &arns, list).await,
    };
    join_all(asked.into_iter().map(|one| {
        let told = one.arn.as_ref().and_then(|arn| found.get(arn));
        let same = told.filter(|told| one.last.is_some_and(|last| tags::are(told, last)));
        let (same, own) = (same.cloned(), &own);
        async move {
            match (same, one.arn) {
                (Some(tags), _) => Ok(Some(tags)),
                (None, Some(arn)) => own(arn).await,
                (None, None) => Ok(None),
            }
        }
    }))
    .await
}

/// What the API says, which is nothing where it does not answer.
async fn in_chunks<L>(
    answers: &Answers,
    arns: &[&String],
    list: impl Fn(Vec<String>) -> L,
) -> BTreeMap<String, Tags>
where
    L: Future<Output = Result<BTreeMap<String, Tags>, ProviderError>>,
{
    let chunk = |arns: &[&String]| list(arns.iter().copied().cloned().collect());
    let mut chunks = arns.chunks(ARNS);
    let mut first = None;
    // Others who come at the same time wait for what the first one hears.
    let answer = answers.0.get_or_init(|| async {
        let Some(arns) = chunks.next() else {
            return false;
        };
        let told = chunk(arns).await;
        if let Err(error) = &told {
            tracing::debug!(%error, "tags are asked for one by one");
        }
        let answered = told.is_ok();
        first = told.ok();
        answered
    });
    if !*answer.await {
        return BTreeMap::new();
    }
    let rest = join_all(chunks.map(chunk)).await;
    let told = rest.into_iter().filter_map(Result::ok);
    first.into_iter().chain(told).flatten().collect()
}

async fn listed(
    client: &Client,
    context: &CallContext,
    place: Place,
    arns: Vec<String>,
) -> Result<BTreeMap<String, Tags>, ProviderError> {
    let tagging = client.tagging_in(place);
    let request = tagging.get_resources().set_resource_arn_list(Some(arns));
    // Where it cannot be reached, as from a network with endpoints of some services only, that is found out once and not waited for.
    let answer = client
        .call_as(context, TAGGING, "GetResources", Resend::Never, || {
            request.clone().send()
        })
        .await?;
    let all = answer.resource_tag_mapping_list.unwrap_or_default();
    let each = all.into_iter().filter_map(|one| {
        let tags = one.tags.unwrap_or_default().into_iter();
        Some((one.resource_arn?, tags.map(|t| (t.key, t.value)).collect()))
    });
    Ok(each.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::ErrorKind;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn of(pairs: &[(&str, &str)]) -> Tags {
        let text = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(text).collect()
    }

    /// Asks for so many, of which all were last seen with `team = shop`: the answers, and how often each was asked.
    async fn asked(
        answers: &Answers,
        count: usize,
        list: impl Fn(usize) -> Result<Option<Tags>, ProviderError>,
    ) -> (Vec<Option<Tags>>, usize, usize) {
        let last = of(&[("team", "shop")]);
        let (lists, owns) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let all = (0..count).map(|i| Asked {
            arn: Some(format!("arn:{i}")),
            last: Some(&last),
        });
        let (list, lists_ref, owns_ref) = (&list, &lists, &owns);
        let found = several(
            answers,
            all.collect(),
            |arns| async move {
                lists_ref.fetch_add(1, Ordering::Relaxed);
                assert!(arns.len() <= ARNS);
                let number = |arn: &String| arn[4..].parse().expect("a number");
                let each = arns.iter().map(|arn| Ok((arn.clone(), list(number(arn))?)));
                let each: Vec<_> = each.collect::<Result<_, ProviderError>>()?;
                Ok(each
                    .into_iter()
                    .filter_map(|(arn, t)| Some((arn, t?)))
                    .collect())
            },
            |_| async move {
                owns_ref.fetch_add(1, Ordering::Relaxed);
                Ok(Some(of(&[("team", "own")])))
            },
        )
        .await;
        let found = found.into_iter().map(|one| one.expect("is read")).collect();
        (found, lists.into_inner(), owns.into_inner())
    }

    #[tokio::test]
    async fn a_hundred_are_one_call_and_one_is_its_own() {
        let told = of(&[("infra:stack", "demo"), ("team", "shop")]);
        for (count, lists, owns) in [(0, 0, 0), (1, 0, 1), (2, 1, 0), (100, 1, 0), (250, 3, 0)] {
            let answers = Answers::default();
            let (found, listed, owned) = asked(&answers, count, |_| Ok(Some(told.clone()))).await;
            assert_eq!(
                (found.len(), listed, owned),
                (count, lists, owns),
                "{count}"
            );
        }
    }

    /// The API is behind: it has not heard of what is new, or has tags as they were.
    #[tokio::test]
    async fn what_differs_or_is_left_out_is_confirmed_by_the_service() {
        let stale = of(&[("team", "before")]);
        let list = |i: usize| match i {
            3 => Ok(Some(stale.clone())),
            4 => Ok(None),
            5 => Ok(Some(Tags::new())),
            _ => Ok(Some(of(&[("team", "shop"), ("infra:address", "x")]))),
        };
        let (found, lists, owns) = asked(&Answers::default(), 10, list).await;
        assert_eq!((lists, owns), (1, 3));
        for (i, tags) in found.iter().enumerate() {
            let team = tags
                .as_ref()
                .and_then(|tags| tags.get("team"))
                .map(String::as_str);
            let expected = if (3..=5).contains(&i) { "own" } else { "shop" };
            assert_eq!(team, Some(expected), "{i}");
        }
    }

    #[tokio::test]
    async fn what_was_never_seen_or_is_not_there_is_not_asked_for_together() {
        let last = of(&[("team", "shop")]);
        let asked = vec![
            Asked {
                arn: Some("arn:0".into()),
                last: None,
            },
            Asked {
                arn: None,
                last: Some(&last),
            },
            Asked {
                arn: Some("arn:2".into()),
                last: Some(&last),
            },
        ];
        let list = |arns: Vec<String>| async move { panic!("asked for {arns:?}") };
        let own = |arn: String| async move { Ok(Some(of(&[("arn", &arn)]))) };
        let found = several(&Answers::default(), asked, list, own).await;
        let own = |arn: &str| Ok(Some(of(&[("arn", arn)])));
        assert_eq!(found, [own("arn:0"), Ok(None), own("arn:2")]);
    }

    #[tokio::test]
    async fn a_role_that_may_not_ask_asks_once() {
        let answers = Answers::default();
        let denied = |_| Err(ProviderError::new(ErrorKind::Denied, "tag:GetResources"));
        let (_, lists, owns) = asked(&answers, 250, denied).await;
        assert_eq!((lists, owns), (1, 250));
        let (_, lists, owns) = asked(&answers, 20, denied).await;
        assert_eq!((lists, owns), (0, 20));
        // Those who come together hear it together.
        let answers = Answers::default();
        let both = futures::join!(asked(&answers, 5, denied), asked(&answers, 5, denied));
        assert_eq!((both.0.1 + both.1.1, both.0.2 + both.1.2), (1, 10));
        // A chunk that fails later is asked for one by one.
        let answers = Answers::default();
        let told = of(&[("team", "shop")]);
        let flaky = |i: usize| match i {
            150 => Err(ProviderError::new(ErrorKind::Throttled, "slower")),
            _ => Ok(Some(told.clone())),
        };
        let (_, lists, owns) = asked(&answers, 250, flaky).await;
        assert_eq!((lists, owns), (3, 100));
    }
}
