//! `aws_iam_policy_document`: a policy as JSON, made without asking anybody.

use crate::client::Client;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// An IAM policy as JSON.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PolicyDocumentRecord {
    /// An id of the policy.
    #[record(optional)]
    pub(crate) policy_id: Option<String>,
    /// The version of the policy language.
    #[record(optional, default = "2012-10-17")]
    pub(crate) version: String,
    /// Policies whose statements come first. Their `sid`s must differ; a statement here with the same `sid` stands instead.
    #[record(optional)]
    pub(crate) source_policy_documents: Vec<String>,
    /// Policies whose statements stand instead of those with the same `sid`.
    #[record(optional)]
    pub(crate) override_policy_documents: Vec<String>,
    /// The statements.
    #[record(block)]
    pub(crate) statement: Vec<Statement>,
    /// The policy.
    #[record(computed)]
    pub(crate) json: Option<String>,
    /// The policy without spaces.
    #[record(computed)]
    pub(crate) minified_json: Option<String>,
    /// A hash of the policy.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// One statement of a policy. `&{…}` in it becomes a policy variable, `${…}`.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Statement {
    /// Its id.
    #[record(optional)]
    pub(crate) sid: Option<String>,
    /// `Allow` or `Deny`.
    #[record(optional, default = "Allow")]
    pub(crate) effect: Option<String>,
    /// What may be done, such as `s3:GetObject`.
    #[record(optional)]
    pub(crate) actions: BTreeSet<String>,
    /// Everything else may be done.
    #[record(optional)]
    pub(crate) not_actions: BTreeSet<String>,
    /// To what, as ARNs.
    #[record(optional)]
    pub(crate) resources: BTreeSet<String>,
    /// To everything else.
    #[record(optional)]
    pub(crate) not_resources: BTreeSet<String>,
    /// By whom.
    #[record(block, set)]
    pub(crate) principals: Vec<Principal>,
    /// By everybody else.
    #[record(block, set)]
    pub(crate) not_principals: Vec<Principal>,
    /// When; all must hold.
    #[record(block, set)]
    pub(crate) condition: Vec<Condition>,
}

/// Who.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Principal {
    /// `AWS`, `Service`, `Federated`, `CanonicalUser` or `*`.
    #[record(required, rename = "type")]
    pub(crate) kind: String,
    /// Their ids.
    #[record(required)]
    pub(crate) identifiers: BTreeSet<String>,
}

/// A condition.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Condition {
    /// The operator, such as `StringEquals`.
    #[record(required)]
    pub(crate) test: String,
    /// What is compared, such as `aws:SourceAccount`.
    #[record(required)]
    pub(crate) variable: String,
    /// With any of these.
    #[record(required)]
    pub(crate) values: Vec<String>,
}

pub(crate) struct PolicyDocument;

#[async_trait]
impl DataSource<Client> for PolicyDocument {
    type Record = PolicyDocumentRecord;
    const TYPE: &'static str = "aws_iam_policy_document";

    async fn read(
        _: &Client,
        _: &CallContext,
        config: PolicyDocumentRecord,
    ) -> Result<PolicyDocumentRecord, ProviderError> {
        let document = document(&config)?;
        let pretty = serde_json::to_string_pretty(&document).unwrap_or_default();
        Ok(PolicyDocumentRecord {
            id: Some(hex::encode(&Sha256::digest(pretty.as_bytes())[..8])),
            minified_json: Some(document.to_string()),
            json: Some(pretty),
            ..config
        })
    }
}

fn document(config: &PolicyDocumentRecord) -> Result<Json, ProviderError> {
    let mut statements = Vec::new();
    for source in &config.source_policy_documents {
        for statement in parsed("source_policy_documents", source)? {
            if let Some(sid) = sid(&statement)
                && statements.iter().any(|s| self::sid(s) == Some(sid))
            {
                return Err(ProviderError::invalid(
                    "source_policy_documents",
                    format!("more than one statement has the sid `{sid}`"),
                ));
            }
            statements.push(statement);
        }
    }
    let mut own = BTreeSet::new();
    for statement in &config.statement {
        if let Some(sid) = statement.sid.as_deref().filter(|s| !s.is_empty())
            && !own.insert(sid)
        {
            return Err(ProviderError::invalid(
                "statement",
                format!("more than one statement has the sid `{sid}`"),
            ));
        }
        put(&mut statements, rendered(statement));
    }
    for source in &config.override_policy_documents {
        for statement in parsed("override_policy_documents", source)? {
            put(&mut statements, statement);
        }
    }
    let mut document = Map::new();
    document.insert("Version".to_owned(), json!(config.version));
    if let Some(id) = &config.policy_id {
        document.insert("Id".to_owned(), json!(id));
    }
    document.insert("Statement".to_owned(), Json::Array(statements));
    Ok(Json::Object(document))
}

fn sid(statement: &Json) -> Option<&str> {
    statement["Sid"].as_str().filter(|s| !s.is_empty())
}

/// Adds a statement, in the place of the one with the same id if there is one.
fn put(statements: &mut Vec<Json>, statement: Json) {
    let place = sid(&statement).and_then(|id| statements.iter().position(|s| sid(s) == Some(id)));
    match place {
        Some(place) => statements[place] = statement,
        None => statements.push(statement),
    }
}

fn parsed(attribute: &str, text: &str) -> Result<Vec<Json>, ProviderError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let json: Json = serde_json::from_str(text)
        .map_err(|e| ProviderError::invalid(attribute, format!("this is not JSON: {e}")))?;
    match &json["Statement"] {
        Json::Array(statements) => Ok(statements.clone()),
        statement @ Json::Object(_) => Ok(vec![statement.clone()]),
        Json::Null => Ok(Vec::new()),
        _ => Err(ProviderError {
            kind: ErrorKind::Invalid,
            ..ProviderError::invalid(attribute, "`Statement` is neither a list nor an object")
        }),
    }
}

fn variables(text: &str) -> String {
    text.replace("&{", "${")
}

/// One value stands by itself; several are listed from the last to the first, as Terraform does.
fn values(set: &BTreeSet<String>) -> Json {
    let mut items: Vec<Json> = set.iter().rev().map(|v| json!(variables(v))).collect();
    if items.len() == 1 {
        items.remove(0)
    } else {
        Json::Array(items)
    }
}

fn rendered(statement: &Statement) -> Json {
    let mut out = Map::new();
    if let Some(sid) = statement.sid.as_ref().filter(|s| !s.is_empty()) {
        out.insert("Sid".to_owned(), json!(sid));
    }
    let effect = statement.effect.as_deref().unwrap_or("Allow");
    out.insert("Effect".to_owned(), json!(effect));
    for (name, set) in [
        ("Action", &statement.actions),
        ("NotAction", &statement.not_actions),
        ("Resource", &statement.resources),
        ("NotResource", &statement.not_resources),
    ] {
        if !set.is_empty() {
            out.insert(name.to_owned(), values(set));
        }
    }
    for (name, list) in [
        ("Principal", &statement.principals),
        ("NotPrincipal", &statement.not_principals),
    ] {
        if !list.is_empty() {
            out.insert(name.to_owned(), principals(list));
        }
    }
    if !statement.condition.is_empty() {
        out.insert("Condition".to_owned(), conditions(&statement.condition));
    }
    Json::Object(out)
}

fn principals(list: &[Principal]) -> Json {
    let everybody = |p: &Principal| p.kind == "*" && p.identifiers.contains("*");
    if let [one] = list
        && everybody(one)
    {
        return json!("*");
    }
    let mut kinds: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for principal in list {
        let kind = if principal.kind == "*" {
            "AWS"
        } else {
            &principal.kind
        };
        kinds
            .entry(kind)
            .or_default()
            .extend(principal.identifiers.iter().cloned());
    }
    let rendered = kinds
        .into_iter()
        .map(|(k, ids)| (k.to_owned(), values(&ids)));
    Json::Object(rendered.collect())
}

fn conditions(list: &[Condition]) -> Json {
    let mut tests: BTreeMap<&str, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for condition in list {
        tests
            .entry(&condition.test)
            .or_default()
            .entry(&condition.variable)
            .or_default()
            .extend(condition.values.iter().map(|v| variables(v)));
    }
    let one_or_all = |values: Vec<String>| match values.as_slice() {
        [one] => json!(one),
        _ => json!(values),
    };
    let rendered = tests.into_iter().map(|(test, variables)| {
        let variables: Map<String, Json> = variables
            .into_iter()
            .map(|(v, values)| (v.to_owned(), one_or_all(values)))
            .collect();
        (test.to_owned(), Json::Object(variables))
    });
    Json::Object(rendered.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(items: &[&str]) -> BTreeSet<String> {
        items.iter().map(|i| (*i).to_owned()).collect()
    }

    fn statement(sid: &str, actions: &[&str]) -> Statement {
        Statement {
            sid: (!sid.is_empty()).then(|| sid.to_owned()),
            actions: set(actions),
            resources: set(&["*"]),
            ..Statement::default()
        }
    }

    #[test]
    fn a_document_is_rendered_as_terraform_does() {
        let config = PolicyDocumentRecord {
            version: "2012-10-17".to_owned(),
            statement: vec![
                Statement {
                    resources: set(&["arn:aws:s3:::home/&{aws:username}/*"]),
                    principals: vec![Principal {
                        kind: "Service".to_owned(),
                        identifiers: set(&["eks.amazonaws.com"]),
                    }],
                    condition: vec![Condition {
                        test: "StringEquals".to_owned(),
                        variable: "aws:SourceAccount".to_owned(),
                        values: vec!["1".to_owned(), "2".to_owned()],
                    }],
                    ..statement("Home", &["s3:GetObject", "s3:PutObject"])
                },
                Statement {
                    principals: vec![Principal {
                        kind: "*".to_owned(),
                        identifiers: set(&["*"]),
                    }],
                    effect: Some("Deny".to_owned()),
                    ..statement("", &["s3:*"])
                },
            ],
            ..PolicyDocumentRecord::default()
        };
        let expected = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Home",
      "Effect": "Allow",
      "Action": [
        "s3:PutObject",
        "s3:GetObject"
      ],
      "Resource": "arn:aws:s3:::home/${aws:username}/*",
      "Principal": {
        "Service": "eks.amazonaws.com"
      },
      "Condition": {
        "StringEquals": {
          "aws:SourceAccount": [
            "1",
            "2"
          ]
        }
      }
    },
    {
      "Effect": "Deny",
      "Action": "s3:*",
      "Resource": "*",
      "Principal": "*"
    }
  ]
}"#;
        let document = document(&config).expect("is right");
        let text = serde_json::to_string_pretty(&document).expect("is JSON");
        assert_eq!(text, expected);
    }

    #[test]
    fn documents_are_merged_by_sid() {
        let source = r#"{"Statement":[{"Sid":"A","Action":"a:1"},{"Sid":"B","Action":"b:1"}]}"#;
        let over = r#"{"Statement":{"Sid":"B","Action":"b:3"}}"#;
        let config = PolicyDocumentRecord {
            source_policy_documents: vec![source.to_owned()],
            override_policy_documents: vec![over.to_owned()],
            statement: vec![statement("A", &["a:2"]), statement("", &["c:1"])],
            ..PolicyDocumentRecord::default()
        };
        let merged = document(&config).expect("is right");
        let actions: Vec<&str> = merged["Statement"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|s| s["Action"].as_str())
            .collect();
        assert_eq!(actions, ["a:2", "b:3", "c:1"]);

        let twice = PolicyDocumentRecord {
            source_policy_documents: vec![source.to_owned(), source.to_owned()],
            ..PolicyDocumentRecord::default()
        };
        let error = document(&twice).expect_err("is wrong");
        assert!(error.message.contains("`A`"), "{error}");
    }
}
