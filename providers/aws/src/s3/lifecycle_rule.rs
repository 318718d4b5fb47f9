//! The rules of a bucket's lifecycle: the blocks, and their form in the API.

use super::malformed;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleExpiration,
    LifecycleRule as SdkRule, LifecycleRuleAndOperator, LifecycleRuleFilter,
    NoncurrentVersionExpiration, NoncurrentVersionTransition, Tag as SdkTag,
    Transition as SdkTransition, TransitionStorageClass,
};
use infra_model::{ProviderError, Record};
use std::collections::BTreeMap;

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Rule {
    /// What the rule is called.
    #[record(required)]
    pub(crate) id: String,
    /// `Enabled` or `Disabled`.
    #[record(required)]
    pub(crate) status: String,
    /// What the objects' names start with.
    #[record(optional, deprecated = "use `filter`")]
    pub(crate) prefix: Option<String>,
    /// Which objects; all when it is empty.
    #[record(block, max = 1)]
    pub(crate) filter: Vec<Filter>,
    /// When objects are deleted.
    #[record(block, max = 1)]
    pub(crate) expiration: Vec<Expiration>,
    /// When objects move to another class.
    #[record(block, set)]
    pub(crate) transition: Vec<Transition>,
    /// When old versions are deleted.
    #[record(block, max = 1)]
    pub(crate) noncurrent_version_expiration: Vec<OldExpiration>,
    /// When old versions move to another class.
    #[record(block, set)]
    pub(crate) noncurrent_version_transition: Vec<OldTransition>,
    /// When uploads that nobody finished are deleted.
    #[record(block, max = 1)]
    pub(crate) abort_incomplete_multipart_upload: Vec<Abort>,
}

/// Which objects: one of these, or several under `and`.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Filter {
    /// What their names start with.
    #[record(optional)]
    pub(crate) prefix: Option<String>,
    /// Bytes that they are larger than.
    #[record(optional)]
    pub(crate) object_size_greater_than: Option<i64>,
    /// Bytes that they are smaller than.
    #[record(optional)]
    pub(crate) object_size_less_than: Option<i64>,
    /// A tag that they have.
    #[record(block, max = 1)]
    pub(crate) tag: Vec<Tag>,
    /// All of these.
    #[record(block, max = 1)]
    pub(crate) and: Vec<And>,
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Tag {
    /// Its key.
    #[record(required)]
    pub(crate) key: String,
    /// Its value.
    #[record(required)]
    pub(crate) value: String,
}

/// All of these.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct And {
    /// What their names start with.
    #[record(optional)]
    pub(crate) prefix: Option<String>,
    /// Bytes that they are larger than.
    #[record(optional)]
    pub(crate) object_size_greater_than: Option<i64>,
    /// Bytes that they are smaller than.
    #[record(optional)]
    pub(crate) object_size_less_than: Option<i64>,
    /// Tags that they have.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// When objects are deleted.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Expiration {
    /// At midnight UTC of a day, as `2030-01-01T00:00:00Z`.
    #[record(optional)]
    pub(crate) date: Option<String>,
    /// At this age.
    #[record(optional)]
    pub(crate) days: Option<i32>,
    /// Whether marks of deleted objects go when no version is left.
    #[record(optional)]
    pub(crate) expired_object_delete_marker: Option<bool>,
}

/// When objects move.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Transition {
    /// To `STANDARD_IA`, `ONEZONE_IA`, `INTELLIGENT_TIERING`, `GLACIER_IR`, `GLACIER` or `DEEP_ARCHIVE`.
    #[record(required)]
    pub(crate) storage_class: String,
    /// At midnight UTC of a day, as `2030-01-01T00:00:00Z`.
    #[record(optional)]
    pub(crate) date: Option<String>,
    /// At this age.
    #[record(optional)]
    pub(crate) days: Option<i32>,
}

/// When old versions are deleted.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct OldExpiration {
    /// So long after they were replaced.
    #[record(optional)]
    pub(crate) noncurrent_days: Option<i32>,
    /// So many are kept.
    #[record(optional)]
    pub(crate) newer_noncurrent_versions: Option<i32>,
}

/// When old versions move.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct OldTransition {
    /// Where to.
    #[record(required)]
    pub(crate) storage_class: String,
    /// So long after they were replaced.
    #[record(optional)]
    pub(crate) noncurrent_days: Option<i32>,
    /// So many are kept.
    #[record(optional)]
    pub(crate) newer_noncurrent_versions: Option<i32>,
}

/// When unfinished uploads are deleted.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Abort {
    /// So long after they were begun.
    #[record(optional)]
    pub(crate) days_after_initiation: Option<i32>,
}

/// As the API takes them.
///
/// # Errors
/// A date that is none.
pub(super) fn to_sdk(rules: &[Rule]) -> Result<Vec<SdkRule>, ProviderError> {
    rules.iter().map(one).collect()
}

#[allow(deprecated, reason = "old rules have a prefix of their own")]
fn one(rule: &Rule) -> Result<SdkRule, ProviderError> {
    let filter = match (rule.filter.first(), &rule.prefix) {
        (Some(filter), _) => Some(filter_to_sdk(filter)?),
        (None, Some(_)) => None,
        // A rule needs one of the two: this is all objects.
        (None, None) => Some(filter_to_sdk(&Filter::default())?),
    };
    let expiration = rule
        .expiration
        .first()
        .map(|e| {
            Ok::<_, ProviderError>(
                LifecycleExpiration::builder()
                    .set_date(e.date.as_deref().map(date).transpose()?)
                    .set_days(e.days)
                    .set_expired_object_delete_marker(e.expired_object_delete_marker)
                    .build(),
            )
        })
        .transpose()?;
    let transitions = rule
        .transition
        .iter()
        .map(|t| {
            Ok(SdkTransition::builder()
                .storage_class(TransitionStorageClass::from(t.storage_class.as_str()))
                .set_date(t.date.as_deref().map(date).transpose()?)
                .set_days(t.days)
                .build())
        })
        .collect::<Result<Vec<_>, ProviderError>>()?;
    let old = rule.noncurrent_version_transition.iter().map(|t| {
        NoncurrentVersionTransition::builder()
            .storage_class(TransitionStorageClass::from(t.storage_class.as_str()))
            .set_noncurrent_days(t.noncurrent_days)
            .set_newer_noncurrent_versions(t.newer_noncurrent_versions)
            .build()
    });
    let old: Vec<_> = old.collect();
    SdkRule::builder()
        .id(&rule.id)
        .status(ExpirationStatus::from(rule.status.as_str()))
        .set_filter(filter)
        .set_prefix(rule.prefix.clone().filter(|_| rule.filter.is_empty()))
        .set_expiration(expiration)
        .set_transitions((!transitions.is_empty()).then_some(transitions))
        .set_noncurrent_version_expiration(rule.noncurrent_version_expiration.first().map(|e| {
            NoncurrentVersionExpiration::builder()
                .set_noncurrent_days(e.noncurrent_days)
                .set_newer_noncurrent_versions(e.newer_noncurrent_versions)
                .build()
        }))
        .set_noncurrent_version_transitions((!old.is_empty()).then_some(old))
        .set_abort_incomplete_multipart_upload(rule.abort_incomplete_multipart_upload.first().map(
            |a| {
                AbortIncompleteMultipartUpload::builder()
                    .set_days_after_initiation(a.days_after_initiation)
                    .build()
            },
        ))
        .build()
        .map_err(malformed)
}

fn tag(key: &str, value: &str) -> Result<SdkTag, ProviderError> {
    SdkTag::builder()
        .key(key)
        .value(value)
        .build()
        .map_err(malformed)
}

fn filter_to_sdk(filter: &Filter) -> Result<LifecycleRuleFilter, ProviderError> {
    let and = filter
        .and
        .first()
        .map(|a| {
            let tags = a
                .tags
                .iter()
                .map(|(k, v)| tag(k, v))
                .collect::<Result<Vec<_>, _>>()?;
            Ok::<_, ProviderError>(
                LifecycleRuleAndOperator::builder()
                    .set_prefix(a.prefix.clone())
                    .set_object_size_greater_than(a.object_size_greater_than)
                    .set_object_size_less_than(a.object_size_less_than)
                    .set_tags((!tags.is_empty()).then_some(tags))
                    .build(),
            )
        })
        .transpose()?;
    let empty = *filter == Filter::default();
    Ok(LifecycleRuleFilter::builder()
        .set_prefix(filter.prefix.clone().or(empty.then(String::new)))
        .set_object_size_greater_than(filter.object_size_greater_than)
        .set_object_size_less_than(filter.object_size_less_than)
        .set_tag(
            filter
                .tag
                .first()
                .map(|t| tag(&t.key, &t.value))
                .transpose()?,
        )
        .set_and(and)
        .build())
}

fn date(text: &str) -> Result<DateTime, ProviderError> {
    DateTime::from_str(text, DateTimeFormat::DateTime).map_err(|_| {
        ProviderError::invalid(
            "rule",
            format!("`{text}` is not a date such as 2030-01-01T00:00:00Z"),
        )
    })
}

/// As the API tells them, in the stack's order; what it fills in is not shown.
pub(super) fn from_sdk(found: &[SdkRule], prior: &[Rule]) -> Vec<Rule> {
    let place = |rule: &Rule| prior.iter().position(|p| p.id == rule.id);
    let mut rules: Vec<Rule> = found
        .iter()
        .map(|r| {
            let said = prior.iter().find(|p| Some(p.id.as_str()) == r.id());
            shown(r, said)
        })
        .collect();
    rules.sort_by_key(|r| place(r).unwrap_or(usize::MAX));
    rules
}

#[allow(deprecated, reason = "old rules have a prefix of their own")]
fn shown(found: &SdkRule, said: Option<&Rule>) -> Rule {
    let expiration = found.expiration().map(|e| Expiration {
        date: e
            .date()
            .and_then(|d| spelled(d, said.and_then(|s| s.expiration.first()?.date.as_ref()))),
        days: e.days,
        expired_object_delete_marker: e.expired_object_delete_marker.filter(|marker| {
            // Not said, and said not to be, are the same.
            *marker
                || said
                    .and_then(|s| s.expiration.first()?.expired_object_delete_marker)
                    .is_some()
        }),
    });
    Rule {
        id: found.id.clone().unwrap_or_default(),
        status: found.status.as_str().to_owned(),
        prefix: found.prefix.clone(),
        filter: found
            .filter()
            .map(filter_shown)
            .filter(|f| *f != Filter::default() || said.is_none_or(|s| !s.filter.is_empty()))
            .map(|f| as_said(f, said))
            .into_iter()
            .collect(),
        expiration: expiration.into_iter().collect(),
        transition: found
            .transitions()
            .iter()
            .map(|t| Transition {
                storage_class: class(t.storage_class()),
                date: t.date().and_then(|d| spelled(d, None)),
                days: t.days,
            })
            .collect(),
        noncurrent_version_expiration: found
            .noncurrent_version_expiration()
            .map(|e| OldExpiration {
                noncurrent_days: e.noncurrent_days,
                newer_noncurrent_versions: e.newer_noncurrent_versions,
            })
            .into_iter()
            .collect(),
        noncurrent_version_transition: found
            .noncurrent_version_transitions()
            .iter()
            .map(|t| OldTransition {
                storage_class: class(t.storage_class()),
                noncurrent_days: t.noncurrent_days,
                newer_noncurrent_versions: t.newer_noncurrent_versions,
            })
            .collect(),
        abort_incomplete_multipart_upload: found
            .abort_incomplete_multipart_upload()
            .map(|a| Abort {
                days_after_initiation: a.days_after_initiation,
            })
            .into_iter()
            .collect(),
    }
}

fn class(found: Option<&TransitionStorageClass>) -> String {
    found.map_or("", TransitionStorageClass::as_str).to_owned()
}

fn spelled(found: &DateTime, said: Option<&String>) -> Option<String> {
    let same = |said: &&String| date(said).is_ok_and(|d| d == *found);
    match said.filter(same) {
        Some(said) => Some(said.clone()),
        None => found.fmt(DateTimeFormat::DateTime).ok(),
    }
}

fn filter_shown(found: &LifecycleRuleFilter) -> Filter {
    Filter {
        prefix: found.prefix.clone().filter(|p| !p.is_empty()),
        object_size_greater_than: found.object_size_greater_than,
        object_size_less_than: found.object_size_less_than,
        tag: found
            .tag()
            .map(|t| Tag {
                key: t.key.clone(),
                value: t.value.clone(),
            })
            .into_iter()
            .collect(),
        and: found
            .and()
            .map(|a| And {
                prefix: a.prefix.clone().filter(|p| !p.is_empty()),
                object_size_greater_than: a.object_size_greater_than,
                object_size_less_than: a.object_size_less_than,
                tags: a
                    .tags()
                    .iter()
                    .map(|t| (t.key.clone(), t.value.clone()))
                    .collect(),
            })
            .into_iter()
            .collect(),
    }
}

/// An empty prefix is no prefix: it is shown as the stack says it.
fn as_said(mut filter: Filter, said: Option<&Rule>) -> Filter {
    let said = said.and_then(|s| s.filter.first());
    let empty = |prefix: Option<&String>| prefix.is_some_and(String::is_empty);
    if filter.prefix.is_none() && empty(said.and_then(|f| f.prefix.as_ref())) {
        filter.prefix = Some(String::new());
    }
    let within = said.and_then(|f| f.and.first()?.prefix.as_ref());
    if let Some(and) = filter.and.first_mut()
        && and.prefix.is_none()
        && empty(within)
    {
        and.prefix = Some(String::new());
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str) -> Rule {
        Rule {
            id: id.to_owned(),
            status: "Enabled".to_owned(),
            ..Rule::default()
        }
    }

    #[test]
    fn rules_come_back_as_they_went() {
        let with = |filter: Filter| Rule {
            filter: vec![filter],
            ..rule("x")
        };
        let rules = [
            rule("none"),
            with(Filter::default()),
            with(Filter {
                prefix: Some(String::new()),
                ..Filter::default()
            }),
            with(Filter {
                prefix: Some("logs/".to_owned()),
                ..Filter::default()
            }),
            with(Filter {
                and: vec![And {
                    prefix: Some("logs/".to_owned()),
                    tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
                    ..And::default()
                }],
                ..Filter::default()
            }),
            Rule {
                expiration: vec![Expiration {
                    date: Some("2030-01-01T00:00:00.000Z".to_owned()),
                    ..Expiration::default()
                }],
                transition: vec![Transition {
                    storage_class: "GLACIER".to_owned(),
                    days: Some(90),
                    ..Transition::default()
                }],
                ..rule("dated")
            },
        ];
        for said in rules {
            let said = std::slice::from_ref(&said);
            let sent = to_sdk(said).expect("legal rules");
            assert_eq!(from_sdk(&sent, said), said);
        }
    }

    #[test]
    fn rules_keep_the_order_of_the_stack() {
        let said = [rule("b"), rule("a")];
        let sent = to_sdk(&[rule("a"), rule("new"), rule("b")]).expect("legal rules");
        let ids: Vec<String> = from_sdk(&sent, &said).into_iter().map(|r| r.id).collect();
        assert_eq!(ids, ["b", "a", "new"]);
    }

    #[test]
    fn a_wrong_date_is_refused() {
        let mut wrong = rule("x");
        wrong.expiration = vec![Expiration {
            date: Some("tomorrow".to_owned()),
            ..Expiration::default()
        }];
        let error = to_sdk(&[wrong]).expect_err("no date");
        assert!(error.message.contains("2030-01-01T00:00:00Z"));
    }
}
