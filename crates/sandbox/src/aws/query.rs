//! The query protocol of EC2, IAM, STS, ELB, RDS and Auto Scaling: form parameters with dotted names become a
//! tree; answers and errors are XML. It knows no operation.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::context::Ctx;
use super::error::{AwsError, AwsResult};
use super::xml::Xml;
use crate::http::{HttpReply, HttpRequest};

/// A service that speaks the query protocol.
#[derive(Debug)]
pub(crate) struct QueryService {
    pub(crate) style: Style,
    /// The XML namespace of answers.
    pub(crate) namespace: &'static str,
    pub(crate) operations: &'static [&'static [Operation]],
}

/// Two dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Flat lists, bare answers.
    Ec2,
    /// `member` lists, answers inside `…Result`.
    Aws,
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Paths of the parameters it takes, list numbers and `member` left out; `Data.*` takes all below `Data`.
    pub(crate) accepts: &'static [&'static str],
    pub(crate) handler: fn(&mut Ctx<'_>, &Params) -> AwsResult<Xml>,
}

/// Parameters of a request, or of a structure within it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params {
    value: Option<String>,
    members: BTreeMap<String, Params>,
}

impl Params {
    /// Parses a form; names of the protocol itself and of signatures are left out.
    pub(crate) fn parse(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut root = Self::default();
        for (name, value) in pairs {
            if matches!(name.as_str(), "Action" | "Version" | "DryRun")
                || name.starts_with("X-Amz-")
            {
                continue;
            }
            let mut node = &mut root;
            for part in name.split('.') {
                node = node.members.entry(part.to_owned()).or_default();
            }
            node.value = Some(value);
        }
        root
    }

    /// The first parameter that no accepted path covers.
    pub(crate) fn unknown(&self, accepts: &[&str]) -> Option<String> {
        let mut leaves = Vec::new();
        self.leaves(&mut String::new(), &mut leaves);
        leaves.into_iter().find(|leaf| {
            !accepts
                .iter()
                .any(|accepted| match accepted.strip_suffix(".*") {
                    Some(prefix) => {
                        leaf == prefix
                            || leaf
                                .strip_prefix(prefix)
                                .is_some_and(|rest| rest.starts_with('.'))
                    }
                    None => accepted == leaf,
                })
        })
    }

    fn leaves(&self, path: &mut String, leaves: &mut Vec<String>) {
        if self.value.is_some() {
            leaves.push(path.clone());
        }
        for (name, node) in &self.members {
            let length = path.len();
            if name != "member" && !is_number(name) {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            node.leaves(path, leaves);
            path.truncate(length);
        }
    }

    /// A scalar; an empty one counts as absent nowhere, since some parameters are emptied on purpose.
    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.value.as_deref()
    }

    /// The value of a list's scalar item.
    pub(crate) fn value(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    /// A scalar that must be there.
    pub(crate) fn require(&self, name: &str) -> AwsResult<&str> {
        self.str(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                AwsError::new(
                    "MissingParameter",
                    format!("The request must contain the parameter {name}"),
                )
            })
    }

    /// `true` or `false`.
    pub(crate) fn bool(&self, name: &str) -> AwsResult<Option<bool>> {
        self.str(name)
            .map(|text| parse_bool(name, text))
            .transpose()
    }

    /// A whole number.
    pub(crate) fn int(&self, name: &str) -> AwsResult<Option<i64>> {
        let Some(text) = self.str(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            AwsError::new(
                "InvalidParameterValue",
                format!("Value ({text}) for parameter {name} is invalid. It must be an integer."),
            )
        })
    }

    /// A structure, when any member of it was sent.
    pub(crate) fn node(&self, name: &str) -> Option<&Self> {
        self.members.get(name)
    }

    /// Whether the parameter was sent at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.value.is_none() && self.members.is_empty()
    }

    /// Names of a structure's members.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The items of a list, in order, however the dialect wraps them.
    pub(crate) fn items(&self, name: &str) -> Vec<&Self> {
        let Some(mut node) = self.members.get(name) else {
            return Vec::new();
        };
        if node.members.len() == 1
            && let Some((wrapper, inner)) = node.members.first_key_value()
            && !is_number(wrapper)
        {
            node = inner;
        }
        let mut items: Vec<(u64, &Self)> = node
            .members
            .iter()
            .filter_map(|(number, item)| Some((number.parse().ok()?, item)))
            .collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, item)| item).collect()
    }

    /// A list of scalars.
    pub(crate) fn strings(&self, name: &str) -> Vec<&str> {
        self.items(name).into_iter().map(Self::value).collect()
    }

    /// The same without some members, for fingerprints.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let mut copy = self.clone();
        copy.members
            .retain(|name, _| !names.contains(&name.as_str()));
        copy
    }

    /// As JSON: lists become arrays, scalars strings. For the log, and for keeping what a request said.
    pub(crate) fn to_json(&self) -> Value {
        if self.members.is_empty() {
            return Value::String(self.value.clone().unwrap_or_default());
        }
        if let (1, Some(inner)) = (self.members.len(), self.members.get("member")) {
            return inner.to_json();
        }
        if self.members.keys().all(|name| is_number(name)) {
            let mut items: Vec<_> = self
                .members
                .iter()
                .map(|(name, item)| (name.parse::<u64>().unwrap_or(0), item))
                .collect();
            items.sort_by_key(|(number, _)| *number);
            return items.into_iter().map(|(_, item)| item.to_json()).collect();
        }
        let members: Map<_, _> = self
            .members
            .iter()
            .map(|(name, node)| (name.clone(), node.to_json()))
            .collect();
        Value::Object(members)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads `true` and `false`.
pub(crate) fn parse_bool(name: &str, text: &str) -> AwsResult<bool> {
    match text {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => Err(AwsError::new(
            "InvalidParameterValue",
            format!("Value ({text}) for parameter {name} is invalid. It must be true or false."),
        )),
    }
}

/// A request of the query protocol.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) action: String,
    pub(crate) dry_run: bool,
    pub(crate) params: Params,
}

impl Query {
    /// Reads the form from the body, or from the URL for GET and presigned requests.
    pub(crate) fn read(request: &HttpRequest) -> Self {
        let mut pairs = request.query.clone();
        pairs.extend(form_urlencoded::parse(&request.body).into_owned());
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        Self {
            action: find("Action").unwrap_or_default(),
            dry_run: find("DryRun").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            params: Params::parse(pairs),
        }
    }
}

impl QueryService {
    pub(crate) fn find(&self, action: &str) -> Option<&'static Operation> {
        self.operations
            .iter()
            .copied()
            .flatten()
            .find(|operation| operation.name == action)
    }

    /// Runs an operation.
    pub(crate) fn run(&self, ctx: &mut Ctx<'_>, query: &Query) -> AwsResult<Xml> {
        let Some(operation) = self.find(&query.action) else {
            let message = match self.style {
                Style::Ec2 => format!(
                    "The action {} is not valid for this web service.",
                    query.action
                ),
                Style::Aws => format!(
                    "Could not find operation {} in this version of the service",
                    query.action
                ),
            };
            return Err(AwsError::new("InvalidAction", message));
        };
        if let Some(unknown) = query.params.unknown(operation.accepts) {
            let code = if self.style == Style::Ec2 {
                "UnknownParameter"
            } else {
                "ValidationError"
            };
            return Err(AwsError::new(
                code,
                format!("The parameter {unknown} is not recognized"),
            ));
        }
        let xml = (operation.handler)(ctx, &query.params)?;
        if query.dry_run && self.style == Style::Ec2 {
            // An error, so that the transaction is undone.
            return Err(AwsError::with_status(
                412,
                "DryRunOperation",
                "Request would have succeeded, but DryRun flag is set.",
            ));
        }
        Ok(xml)
    }

    pub(crate) fn answer(&self, action: &str, xml: &Xml, request_id: &str) -> HttpReply {
        let body = match self.style {
            Style::Ec2 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"{}\"><requestId>{request_id}</requestId>{}</{action}Response>",
                self.namespace,
                xml.as_str()
            ),
            Style::Aws => format!(
                "<{action}Response xmlns=\"{}\"><{action}Result>{}</{action}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>",
                self.namespace,
                xml.as_str()
            ),
        };
        HttpReply::new(200, "text/xml;charset=UTF-8", body)
    }

    pub(crate) fn fail(&self, error: &AwsError, request_id: &str) -> HttpReply {
        let mut xml = Xml::new();
        match self.style {
            Style::Ec2 => xml.node("Response", |xml| {
                xml.node("Errors", |xml| {
                    xml.node("Error", |xml| {
                        xml.text("Code", &error.code)
                            .text("Message", &error.message);
                    });
                });
                xml.text("RequestID", request_id);
            }),
            Style::Aws => {
                let blame = if error.status < 500 {
                    "Sender"
                } else {
                    "Receiver"
                };
                xml.raw(&format!("<ErrorResponse xmlns=\"{}\">", self.namespace));
                xml.node("Error", |xml| {
                    xml.text("Type", blame)
                        .text("Code", &error.code)
                        .text("Message", &error.message);
                });
                xml.text("RequestId", request_id).raw("</ErrorResponse>")
            }
        };
        HttpReply::new(error.status, "text/xml;charset=UTF-8", xml.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(form: &str) -> Params {
        Params::parse(form_urlencoded::parse(form.as_bytes()).into_owned())
    }

    #[test]
    fn names_become_a_tree_in_every_dialect() {
        let p = params(
            "Action=X&Filter.1.Name=vpc-id&Filter.1.Value.2=b&Filter.1.Value.1=a&Tags.member.1.Key=k&Ids.VpcSecurityGroupId.1=sg&Empty=&Flag=true",
        );
        let filter = p.items("Filter")[0];
        assert_eq!(filter.str("Name"), Some("vpc-id"));
        assert_eq!(filter.strings("Value"), ["a", "b"]);
        assert_eq!(p.items("Tags")[0].str("Key"), Some("k"));
        assert_eq!(p.strings("Ids"), ["sg"]);
        assert!(p.items("Empty").is_empty());
        assert_eq!(p.bool("Flag"), Ok(Some(true)));
        let ten = params("L.10=j&L.2=b&L.1=a");
        assert_eq!(ten.strings("L"), ["a", "b", "j"]);
    }

    #[test]
    fn unknown_parameters_are_found_at_any_depth() {
        let p = params("VpcId=v&Filter.1.Name=n&Filter.1.Value.1=a&Data.Deep.1.X=1");
        let accepts = ["VpcId", "Filter.Name", "Filter.Value", "Data.*"];
        assert_eq!(p.unknown(&accepts), None);
        assert_eq!(p.unknown(&accepts[1..]), Some("VpcId".to_owned()));
        assert_eq!(
            p.unknown(&["VpcId", "Filter.Name", "Data.*"]),
            Some("Filter.Value".to_owned())
        );
    }
}
