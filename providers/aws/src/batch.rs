//! Reading many with few calls: ids go in chunks into a filter, pages are followed, and each id gets its own answer. Filters,
//! not id lists: an id list with one missing id fails whole.

use crate::error::there;
use futures::future::join_all;
use infra_model::ProviderError;
use infra_model::resource::Item;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

/// The most values that one EC2 filter takes.
pub const FILTER_VALUES: usize = 200;

/// One page: what was found and where the next page starts.
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// The next page's token; none, or an empty one, on the last.
    pub next: Option<String>,
}

/// All pages of one listing.
///
/// # Errors
/// The first page that fails.
pub async fn all_pages<T, F>(page: impl Fn(Option<String>) -> F) -> Result<Vec<T>, ProviderError>
where
    F: Future<Output = Result<Page<T>, ProviderError>>,
{
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let mut answer = page(token).await?;
        found.append(&mut answer.items);
        match answer.next.filter(|t| !t.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(found),
        }
    }
}

/// Everything found under the keys, grouped by key, one answer per key in order. Each chunk of keys is one listing; when a
/// listing fails, its keys have the error and the others their answers.
pub async fn by_key<T: Clone, F>(
    keys: &[String],
    chunk: usize,
    key_of: impl Fn(&T) -> Option<String>,
    list: impl Fn(Vec<String>) -> F,
) -> Vec<Result<Vec<T>, ProviderError>>
where
    F: Future<Output = Result<Vec<T>, ProviderError>>,
{
    let unique: Vec<String> = keys
        .iter()
        .filter(|k| !k.is_empty())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .cloned()
        .collect();
    let chunks: Vec<&[String]> = unique.chunks(chunk.max(1)).collect();
    let listings = join_all(chunks.iter().map(|ids| list(ids.to_vec()))).await;
    let mut answers: BTreeMap<&String, Result<Vec<T>, ProviderError>> = BTreeMap::new();
    for (ids, listing) in chunks.into_iter().zip(listings) {
        match listing {
            Ok(items) => {
                answers.extend(ids.iter().map(|id| (id, Ok(Vec::new()))));
                for item in items {
                    if let Some(Ok(found)) = key_of(&item).and_then(|k| answers.get_mut(&k)) {
                        found.push(item);
                    }
                }
            }
            Err(error) => answers.extend(ids.iter().map(|id| (id, Err(error.clone())))),
        }
    }
    keys.iter()
        .map(|k| answers.get(k).cloned().unwrap_or_else(|| Ok(Vec::new())))
        .collect()
}

/// The one thing found under each id.
pub async fn by_id<T: Clone, F>(
    ids: &[String],
    id_of: impl Fn(&T) -> Option<String>,
    list: impl Fn(Vec<String>) -> F,
) -> Vec<Result<Option<T>, ProviderError>>
where
    F: Future<Output = Result<Vec<T>, ProviderError>>,
{
    by_key(ids, FILTER_VALUES, id_of, list)
        .await
        .into_iter()
        .map(|found| found.map(|items| items.into_iter().next()))
        .collect()
}

/// Reads items by id: what most types' `read` is. `record` answers none for what is there but counts as deleted.
pub async fn read<T: Clone, R, F>(
    items: &[Item<R>],
    id_of: impl Fn(&T) -> Option<String>,
    list: impl Fn(Vec<String>) -> F,
    record: impl Fn(T, Option<&R>) -> Option<R>,
) -> Vec<Result<Option<R>, ProviderError>>
where
    F: Future<Output = Result<Vec<T>, ProviderError>>,
{
    let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
    by_id(&ids, id_of, list)
        .await
        .into_iter()
        .zip(items)
        .map(|(found, item)| Ok(found?.and_then(|f| record(f, item.prior.as_ref()))))
        .collect()
}

/// The one thing found under each id, of an API without filters whose id lists fail whole: one id is asked for by itself,
/// several are looked for in the listing of everything, and those that it lacks by themselves. `list` lists one or all.
pub async fn by_listing<T: Clone, F>(
    ids: &[String],
    id_of: impl Fn(&T) -> Option<String>,
    list: impl Fn(Option<String>) -> F,
) -> Vec<Result<Option<T>, ProviderError>>
where
    F: Future<Output = Result<Vec<T>, ProviderError>>,
{
    if let [id] = ids {
        return vec![one(id, &list).await];
    }
    if ids.is_empty() {
        return Vec::new();
    }
    match list(None).await {
        Ok(items) => {
            let found: BTreeMap<String, T> = items
                .into_iter()
                .filter_map(|item| Some((id_of(&item)?, item)))
                .collect();
            // What is new may be missing from listings for a while.
            join_all(ids.iter().map(|id| async {
                match found.get(id) {
                    Some(item) => Ok(Some(item.clone())),
                    None => one(id, &list).await,
                }
            }))
            .await
        }
        Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// What is under one id.
async fn one<T, F>(id: &str, list: impl Fn(Option<String>) -> F) -> Result<Option<T>, ProviderError>
where
    F: Future<Output = Result<Vec<T>, ProviderError>>,
{
    let found = there(list(Some(id.to_owned())).await)?;
    Ok(found.unwrap_or_default().into_iter().next())
}

/// Every page of a listing by a service that goes on from markers; what a listing is limited to is cloned for each page.
macro_rules! pages_by_marker {
    ($client:expr, $context:expr, $service:ident, $family:expr, $call:literal: $method:ident $(. $set:ident($value:expr))* => $items:ident, $next:ident) => {{
        let (client, context) = ($client, $context);
        $crate::batch::all_pages(move |marker| {
            let request = client
                .$service()
                .$method()
                $(.$set($value.clone()))*
                .set_marker(marker);
            async move {
                let answer = client
                    .call(context, $family, $call, || request.clone().send())
                    .await?;
                Ok::<_, infra_model::ProviderError>($crate::batch::Page {
                    items: answer.$items.unwrap_or_default(),
                    next: answer.$next,
                })
            }
        })
    }};
}
pub(crate) use pages_by_marker;

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::ErrorKind;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn three_hundred_ids_take_two_listings_and_a_failure_stays_with_its_chunk() {
        let ids: Vec<String> = (0..300).map(|i| format!("id-{i:03}")).collect();
        let calls = AtomicUsize::new(0);
        let answers = by_id(
            &ids,
            |id: &String| Some(id.clone()),
            |chunk| {
                calls.fetch_add(1, Ordering::Relaxed);
                async move {
                    if chunk.len() < FILTER_VALUES {
                        return Err(ProviderError::new(ErrorKind::Transient, "no"));
                    }
                    // The last is absent.
                    Ok(chunk[..FILTER_VALUES - 1].to_vec())
                }
            },
        )
        .await;
        assert_eq!(calls.into_inner(), 2);
        assert_eq!(
            answers[0].as_ref().expect("read").as_deref(),
            Some("id-000")
        );
        assert_eq!(answers[199], Ok(None));
        assert!(answers[200].is_err() && answers[299].is_err());
    }

    #[tokio::test]
    async fn pages_are_followed_to_the_last() {
        let pages = all_pages(|token| async move {
            let next = match token.as_deref() {
                None => Some("b".to_owned()),
                Some("b") => Some("c".to_owned()),
                _ => Some(String::new()),
            };
            Ok(Page {
                items: vec![token],
                next,
            })
        });
        assert_eq!(pages.await.expect("reads").len(), 3);
    }
}
