//! What a rule asks of a request: the blocks, and their form in the API.

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, QueryStringKeyValuePair,
    RuleCondition as Sdk, SourceIpConditionConfig,
};
use infra_model::Record;
use std::collections::BTreeSet;

/// What is asked of a request: one of these in each block.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Condition {
    /// The host.
    #[record(block, max = 1)]
    pub(crate) host_header: Vec<Patterns>,
    /// The path.
    #[record(block, max = 1)]
    pub(crate) path_pattern: Vec<Patterns>,
    /// A header.
    #[record(block, max = 1)]
    pub(crate) http_header: Vec<HttpHeader>,
    /// The method.
    #[record(block, max = 1)]
    pub(crate) http_request_method: Vec<Values>,
    /// The query; any of these.
    #[record(block, set)]
    pub(crate) query_string: Vec<QueryString>,
    /// The client's address.
    #[record(block, max = 1)]
    pub(crate) source_ip: Vec<Values>,
}

/// Any of these.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Patterns {
    /// Patterns with `*` and `?`.
    #[record(optional)]
    pub(crate) values: BTreeSet<String>,
    /// Regular expressions.
    #[record(optional)]
    pub(crate) regex_values: BTreeSet<String>,
}

/// Any of these.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Values {
    /// Values: methods, or ranges of addresses.
    #[record(required)]
    pub(crate) values: BTreeSet<String>,
}

/// A header and its values.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct HttpHeader {
    /// The header.
    #[record(required)]
    pub(crate) http_header_name: String,
    /// Patterns with `*` and `?`.
    #[record(optional)]
    pub(crate) values: BTreeSet<String>,
    /// Regular expressions.
    #[record(optional)]
    pub(crate) regex_values: BTreeSet<String>,
}

/// A parameter of the query.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct QueryString {
    /// Its name; any when left out.
    #[record(optional)]
    pub(crate) key: Option<String>,
    /// Its value, with `*` and `?`.
    #[record(required)]
    pub(crate) value: String,
}

fn sent(values: &BTreeSet<String>) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.iter().cloned().collect())
}

/// As the API takes them: each kind of question is a condition of its own.
pub(super) fn to_sdk(conditions: &[Condition]) -> Vec<Sdk> {
    conditions.iter().flat_map(split).collect()
}

fn split(condition: &Condition) -> Vec<Sdk> {
    let of = |field: &str| Sdk::builder().field(field);
    let mut out = Vec::new();
    for host in &condition.host_header {
        let config = HostHeaderConditionConfig::builder()
            .set_values(sent(&host.values))
            .set_regex_values(sent(&host.regex_values))
            .build();
        out.push(of("host-header").host_header_config(config).build());
    }
    for path in &condition.path_pattern {
        let config = PathPatternConditionConfig::builder()
            .set_values(sent(&path.values))
            .set_regex_values(sent(&path.regex_values))
            .build();
        out.push(of("path-pattern").path_pattern_config(config).build());
    }
    for header in &condition.http_header {
        let config = HttpHeaderConditionConfig::builder()
            .http_header_name(&header.http_header_name)
            .set_values(sent(&header.values))
            .set_regex_values(sent(&header.regex_values))
            .build();
        out.push(of("http-header").http_header_config(config).build());
    }
    for method in &condition.http_request_method {
        let config = HttpRequestMethodConditionConfig::builder()
            .set_values(sent(&method.values))
            .build();
        out.push(
            of("http-request-method")
                .http_request_method_config(config)
                .build(),
        );
    }
    if !condition.query_string.is_empty() {
        let pairs = condition.query_string.iter().map(|q| {
            QueryStringKeyValuePair::builder()
                .set_key(q.key.clone())
                .value(&q.value)
                .build()
        });
        let config = QueryStringConditionConfig::builder()
            .set_values(Some(pairs.collect()))
            .build();
        out.push(of("query-string").query_string_config(config).build());
    }
    for source in &condition.source_ip {
        let config = SourceIpConditionConfig::builder()
            .set_values(sent(&source.values))
            .build();
        out.push(of("source-ip").source_ip_config(config).build());
    }
    out
}

/// As the API tells them.
pub(super) fn from_sdk(found: &[Sdk]) -> Vec<Condition> {
    found.iter().map(one).collect()
}

fn one(found: &Sdk) -> Condition {
    let set = |values: &[String]| -> BTreeSet<String> { values.iter().cloned().collect() };
    // Older rules tell their values beside the config of their kind.
    let or_plain = |values: &[String]| {
        if values.is_empty() {
            set(found.values())
        } else {
            set(values)
        }
    };
    let patterns = |values: Option<(&[String], &[String])>| {
        let (values, regex) = values.unwrap_or_default();
        let regex_values = if regex.is_empty() {
            set(found.regex_values())
        } else {
            set(regex)
        };
        vec![Patterns {
            values: or_plain(values),
            regex_values,
        }]
    };
    let mut condition = Condition::default();
    match found.field().unwrap_or_default() {
        "host-header" => {
            let config = found.host_header_config();
            condition.host_header = patterns(config.map(|c| (c.values(), c.regex_values())));
        }
        "path-pattern" => {
            let config = found.path_pattern_config();
            condition.path_pattern = patterns(config.map(|c| (c.values(), c.regex_values())));
        }
        "http-header" => {
            if let Some(config) = found.http_header_config() {
                condition.http_header = vec![HttpHeader {
                    http_header_name: config.http_header_name.clone().unwrap_or_default(),
                    values: set(config.values()),
                    regex_values: set(config.regex_values()),
                }];
            }
        }
        "http-request-method" => {
            let values = found.http_request_method_config().map(
                aws_sdk_elasticloadbalancingv2::types::HttpRequestMethodConditionConfig::values,
            );
            condition.http_request_method = vec![Values {
                values: or_plain(values.unwrap_or_default()),
            }];
        }
        "query-string" => {
            let pairs = found
                .query_string_config()
                .map(aws_sdk_elasticloadbalancingv2::types::QueryStringConditionConfig::values);
            condition.query_string = pairs
                .unwrap_or_default()
                .iter()
                .map(|p| QueryString {
                    key: p.key.clone().filter(|k| !k.is_empty()),
                    value: p.value.clone().unwrap_or_default(),
                })
                .collect();
        }
        "source-ip" => {
            let values = found
                .source_ip_config()
                .map(aws_sdk_elasticloadbalancingv2::types::SourceIpConditionConfig::values);
            condition.source_ip = vec![Values {
                values: or_plain(values.unwrap_or_default()),
            }];
        }
        _ => {}
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[&str]) -> BTreeSet<String> {
        values.iter().map(|v| (*v).to_owned()).collect()
    }

    #[test]
    fn conditions_come_back_as_they_went() {
        let said = [
            Condition {
                path_pattern: vec![Patterns {
                    values: set(&["/old/*", "/older/*"]),
                    regex_values: set(&[]),
                }],
                ..Condition::default()
            },
            Condition {
                query_string: vec![QueryString {
                    key: None,
                    value: "x".to_owned(),
                }],
                ..Condition::default()
            },
            Condition {
                source_ip: vec![Values {
                    values: set(&["10.0.0.0/8"]),
                }],
                ..Condition::default()
            },
            Condition {
                http_header: vec![HttpHeader {
                    http_header_name: "X-Team".to_owned(),
                    values: set(&["shop"]),
                    regex_values: set(&[]),
                }],
                ..Condition::default()
            },
        ];
        assert_eq!(from_sdk(&to_sdk(&said)), said);
    }
}
