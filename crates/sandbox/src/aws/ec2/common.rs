//! What all EC2 types share: filters with wildcards, tag specifications, pages, and tags in answers.

use crate::aws::context::{Ctx, Page, page};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::Params;
use crate::aws::xml::Xml;
use crate::tags::{Characters, Tags};
use crate::token::Token;
use crate::world::{Document, Stored};

/// Filters of a Describe request.
#[derive(Debug)]
pub(crate) struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Reads `Filter`; names that are neither known nor tag filters are refused.
    pub(crate) fn parse(params: &Params, known: &[&str]) -> AwsResult<Self> {
        let mut filters = Vec::new();
        for item in params.items("Filter") {
            let name = item.require("Name")?;
            if !known.contains(&name) && name != "tag-key" && !name.starts_with("tag:") {
                return Err(AwsError::new(
                    "InvalidParameterValue",
                    format!("The filter '{name}' is invalid"),
                ));
            }
            let values = item.strings("Value");
            if values.is_empty() {
                let message = format!("The filter '{name}' has no values");
                return Err(AwsError::new("InvalidParameterValue", message));
            }
            filters.push((
                name.to_owned(),
                values.into_iter().map(str::to_owned).collect(),
            ));
        }
        Ok(Self(filters))
    }

    /// Values of a filter, when it narrows a search to a few parents: without wildcards.
    pub(crate) fn exact(&self, name: &str) -> Option<&[String]> {
        let (_, values) = self.0.iter().find(|(filter, _)| filter == name)?;
        values
            .iter()
            .all(|value| !value.contains(['*', '?', '\\']))
            .then_some(values.as_slice())
    }

    /// Whether something with these tags and fields passes all filters.
    pub(crate) fn pass(&self, tags: &Tags, mut field: impl FnMut(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, wanted)| {
            let any = |value: &str| wanted.iter().any(|pattern| wildcard(pattern, value));
            if let Some(key) = name.strip_prefix("tag:") {
                tags.get(key).is_some_and(any)
            } else if name == "tag-key" {
                tags.iter().any(|(key, _)| any(key))
            } else {
                field(name).iter().any(|value| any(value))
            }
        })
    }
}

/// Matches `*` and `?`; a backslash makes the next character plain.
pub(crate) fn wildcard(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?', '\\']) {
        return pattern == text;
    }
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
            ['?', rest @ ..] => !text.is_empty() && matches(rest, &text[1..]),
            ['\\', plain, rest @ ..] | [plain, rest @ ..] => {
                text.first() == Some(plain) && matches(rest, &text[1..])
            }
        }
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    matches(&pattern, &text)
}

/// How a type is described.
pub(crate) struct Describe<'a, T> {
    /// The parameter that lists ids.
    pub(crate) ids: &'a str,
    pub(crate) not_found: fn(&str) -> AwsError,
    pub(crate) filters: &'a [&'a str],
    /// Those filters whose values are links of the documents: the index spares a walk through all of them.
    pub(crate) indexed: &'a [&'a str],
    /// The values that a filter compares.
    pub(crate) field: fn(&Ctx<'_>, &T, &str) -> Vec<String>,
}

impl<T: Document> Describe<'_, T> {
    /// The page of documents that a Describe request asks for.
    pub(crate) fn select(&self, ctx: &Ctx<'_>, params: &Params) -> AwsResult<Page<Stored<T>>> {
        let filters = Filters::parse(params, self.filters)?;
        let ids = params.strings(self.ids);
        let mut found = if !ids.is_empty() {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.push(ctx.get::<T>(id).ok_or_else(|| (self.not_found)(id))?);
            }
            found.sort_by(|a, b| a.id().cmp(b.id()));
            found.dedup_by(|a, b| a.id() == b.id());
            found
        } else if let Some(targets) = self.indexed.iter().find_map(|name| filters.exact(name)) {
            let mut found: Vec<_> = targets
                .iter()
                .flat_map(|target| ctx.referrers::<T>(target))
                .collect();
            found.sort_by(|a, b| a.id().cmp(b.id()));
            found.dedup_by(|a, b| a.id() == b.id());
            found
        } else {
            ctx.list::<T>()
        };
        found.retain(|doc| filters.pass(doc.tags(), |name| (self.field)(ctx, doc, name)));
        pages(found, |doc| doc.id(), params)
    }
}

/// Cuts the page that `MaxResults` and `NextToken` ask for.
pub(crate) fn pages<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    params: &Params,
) -> AwsResult<Page<T>> {
    let limit = match params.int("MaxResults")? {
        None => None,
        Some(limit @ 5..=1000) => Some(limit as usize),
        Some(limit) => {
            let message = format!(
                "Value ( {limit} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
            );
            return Err(AwsError::new("InvalidParameterValue", message));
        }
    };
    page(
        items,
        key,
        params.str("NextToken").filter(|token| !token.is_empty()),
        limit,
        || AwsError::new("InvalidNextToken", "The specified next token is not valid"),
    )
}

/// Tags for a resource about to be made, from `TagSpecification`.
pub(crate) fn tag_specification(params: &Params, resource: &str) -> AwsResult<Tags> {
    let mut tags = Tags::default();
    for specification in params.items("TagSpecification") {
        let kind = specification.require("ResourceType")?;
        if kind != resource {
            let message =
                format!("'{kind}' is not a valid taggable resource type for this operation.");
            return Err(AwsError::new("InvalidParameterValue", message));
        }
        tags = read_tags(specification, "Tag")?;
    }
    Ok(tags)
}

/// Reads a list of tags.
pub(crate) fn read_tags(params: &Params, name: &str) -> AwsResult<Tags> {
    let pairs = params.items(name).into_iter().map(|tag| {
        (
            tag.str("Key").unwrap_or_default().to_owned(),
            tag.str("Value").unwrap_or_default().to_owned(),
        )
    });
    Tags::from_pairs(pairs, Characters::Any).map_err(|error| {
        let code = match error {
            crate::tags::TagError::TooMany => "TagLimitExceeded",
            _ => "InvalidParameterValue",
        };
        AwsError::new(code, error.to_string())
    })
}

/// What a `ClientToken` says: the id that the same request made before, or nothing when it is new.
pub(crate) fn replay(ctx: &Ctx<'_>, operation: &str, params: &Params) -> AwsResult<Option<String>> {
    let Some(token) = params.str("ClientToken") else {
        return Ok(None);
    };
    if token.len() > 64 || !token.is_ascii() {
        let message = "The client token must be at most 64 ASCII characters";
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    match ctx.token(operation, token, &unkeyed(params)) {
        Token::New => Ok(None),
        Token::Seen(id) => Ok(id.as_str().map(str::to_owned)),
        Token::Mismatch => Err(AwsError::new(
            "IdempotentParameterMismatch",
            "The client token was used before with other parameters",
        )),
    }
}

/// Remembers what a request with a `ClientToken` made.
pub(crate) fn remember(ctx: &mut Ctx<'_>, operation: &str, params: &Params, id: &str) {
    ctx.remember(operation, params.str("ClientToken"), &unkeyed(params), id);
}

fn unkeyed(params: &Params) -> String {
    params.without(&["ClientToken"]).to_json().to_string()
}

/// Something still needs the resource.
pub(crate) fn in_use(message: impl Into<String>) -> AwsError {
    AwsError::new("DependencyViolation", message)
}

/// A parameter's value that is not allowed.
pub(crate) fn invalid(name: &str, value: &str) -> AwsError {
    AwsError::new(
        "InvalidParameterValue",
        format!("Value ({value}) for parameter {name} is invalid."),
    )
}

/// Writes `tagSet`.
pub(crate) fn tag_set(xml: &mut Xml, tags: &Tags) {
    xml.list("tagSet", "item", tags.iter(), |xml, (key, value)| {
        xml.text("key", key).text("value", value);
    });
}

/// Writes a page of documents and its token.
pub(crate) fn page_xml<T>(
    name: &str,
    page: Page<Stored<T>>,
    mut each: impl FnMut(&mut Xml, &Stored<T>),
) -> Xml {
    let mut xml = Xml::new();
    xml.list(name, "item", &page.items, |xml, doc| each(xml, doc));
    xml.opt("nextToken", page.next);
    xml
}

#[cfg(test)]
mod tests {
    use super::wildcard;

    #[test]
    fn wildcards() {
        let cases = [
            ("a*c", "abbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("*", "", true),
            ("abc", "abc", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }
}
