//! Holds objects against the definition of their kind, strictly: a field that the definition does not have is an error, as the
//! API server answers under `fieldValidation=Strict`. The cluster's own kinds are held against the types of `k8s-openapi`, others
//! against the upstream definitions in the folder `INFRA_SHARED/crds`; without that folder, those are skipped, and said so.

use boon::{Compiler, Schemas};
use infra_lang::files::MemoryFiles;
use infra_lang::{Evaluator, parse_expression};
use infra_model::diagnostic::Sources;
use infra_model::evaluate::{Evaluate, KnownStep, Phase, Resolved, Scope};
use infra_model::expand::{Expansion, NoComponents};
use infra_model::expr::Root;
use infra_model::{Code, Diagnostic, Span, Timestamp, json};
use k8s_openapi::api;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// Fails unless every object of an expansion is as its definition wants it.
#[track_caller]
pub(crate) fn check(expansion: &Expansion) {
    for block in &expansion.blocks {
        if let Some(object) = block.body.get("manifest") {
            let wrong = problems(object);
            let name = &block.name;
            assert!(
                wrong.is_empty(),
                "{name}:\n{}\n{object:#}",
                wrong.join("\n")
            );
        }
    }
}

/// What is wrong with an object.
pub(crate) fn problems(object: &Json) -> Vec<String> {
    // Each word that is chosen by the cloud must be one.
    let words = if object.to_string().contains(CHOSEN) {
        3
    } else {
        1
    };
    (0..words)
        .flat_map(|which| problems_of(&settled(object, which)))
        .collect()
}

fn problems_of(object: &Json) -> Vec<String> {
    let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    match native(&api_version, &kind, object) {
        Some(problems) => problems,
        None => custom(&api_version, &kind, object),
    }
}

/// How an expression begins that chooses among words.
const CHOSEN: &str = "${lookup({";

/// Expressions stand for text that is known later, or for one of the words that they choose among.
fn settled(json: &Json, which: usize) -> Json {
    match json {
        Json::String(text) if text.starts_with(CHOSEN) => {
            json!(text.split('"').nth(2 * which + 1))
        }
        Json::String(text) if text.starts_with("${") && text.ends_with('}') => json!("10.0.0.1/32"),
        Json::String(text) => json!(text.replace("$${", "${").replace("%%{", "%{")),
        Json::Array(items) => items.iter().map(|item| settled(item, which)).collect(),
        Json::Object(entries) => entries
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), settled(v, which)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Kinds of the cluster's own.
fn native(api_version: &str, kind: &str, object: &Json) -> Option<Vec<String>> {
    let check = match (api_version, kind) {
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy") => {
            typed::<api::admissionregistration::v1::ValidatingAdmissionPolicy>
        }
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding") => {
            typed::<api::admissionregistration::v1::ValidatingAdmissionPolicyBinding>
        }
        ("v1", "ConfigMap") => typed::<api::core::v1::ConfigMap>,
        ("v1", "LimitRange") => typed::<api::core::v1::LimitRange>,
        ("v1", "Namespace") => typed::<api::core::v1::Namespace>,
        ("v1", "ResourceQuota") => typed::<api::core::v1::ResourceQuota>,
        ("v1", "Secret") => typed::<api::core::v1::Secret>,
        ("v1", "Service") => typed::<api::core::v1::Service>,
        ("v1", "ServiceAccount") => typed::<api::core::v1::ServiceAccount>,
        ("apps/v1", "Deployment") => typed::<api::apps::v1::Deployment>,
        ("batch/v1", "CronJob") => typed::<api::batch::v1::CronJob>,
        ("batch/v1", "Job") => typed::<api::batch::v1::Job>,
        ("networking.k8s.io/v1", "NetworkPolicy") => typed::<api::networking::v1::NetworkPolicy>,
        ("policy/v1", "PodDisruptionBudget") => typed::<api::policy::v1::PodDisruptionBudget>,
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => typed::<api::rbac::v1::ClusterRole>,
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => {
            typed::<api::rbac::v1::ClusterRoleBinding>
        }
        ("rbac.authorization.k8s.io/v1", "Role") => typed::<api::rbac::v1::Role>,
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => typed::<api::rbac::v1::RoleBinding>,
        ("scheduling.k8s.io/v1", "PriorityClass") => typed::<api::scheduling::v1::PriorityClass>,
        ("storage.k8s.io/v1", "StorageClass") => typed::<api::storage::v1::StorageClass>,
        _ => return None,
    };
    Some(check(object))
}

/// A field that the type does not have is lost on the way through it.
fn typed<T: DeserializeOwned + Serialize>(object: &Json) -> Vec<String> {
    let read: T = match serde_json::from_value(object.clone()) {
        Ok(read) => read,
        Err(error) => return vec![error.to_string()],
    };
    let back = serde_json::to_value(&read).expect("an object");
    let mut lost = Vec::new();
    compare(object, &back, "", &mut lost);
    lost
}

fn compare(given: &Json, back: &Json, at: &str, lost: &mut Vec<String>) {
    match (given, back) {
        (Json::Object(given), Json::Object(back)) => {
            for (name, value) in given {
                let at = format!("{at}/{name}");
                match back.get(name) {
                    Some(other) => compare(value, other, &at, lost),
                    None => lost.push(format!("{at}: there is no such field")),
                }
            }
        }
        (Json::Array(given), Json::Array(back)) => {
            for (index, (value, other)) in given.iter().zip(back).enumerate() {
                compare(value, other, &format!("{at}/{index}"), lost);
            }
        }
        _ => {}
    }
}

/// The folder of upstream definitions.
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("INFRA_SHARED")?).join("crds");
    folder.is_dir().then_some(folder)
}

fn custom(api_version: &str, kind: &str, object: &Json) -> Vec<String> {
    let Some(folder) = folder() else {
        static SAID: OnceLock<()> = OnceLock::new();
        SAID.get_or_init(|| {
            let text = "custom resources are not held against their definitions: INFRA_SHARED/crds is not there\n";
            let _ = std::io::stderr().write_all(text.as_bytes());
        });
        return Vec::new();
    };
    let group = api_version.split('/').next().unwrap_or_default();
    // Elastic's definitions are under a licence of its own; those of constraints are made in the cluster, from templates.
    if group.ends_with("k8s.elastic.co") || group == "constraints.gatekeeper.sh" {
        return Vec::new();
    }
    let version = api_version.split('/').nth(1).unwrap_or_default();
    let Some(schema) = definition(&folder, group, kind, version) else {
        return vec![format!("no definition serves {api_version} {kind}")];
    };
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler
        .add_resource("schema.json", (*schema).clone())
        .expect("a schema");
    let index = compiler
        .compile("schema.json", &mut schemas)
        .expect("a schema");
    match schemas.validate(object, index) {
        Ok(()) => Vec::new(),
        Err(error) => vec![format!("{error:#}")],
    }
}

type Known = Mutex<BTreeMap<(String, String, String), Option<Arc<Json>>>>;

/// The schema of a version of a kind, as JSON Schema; read once.
fn definition(folder: &Path, group: &str, kind: &str, version: &str) -> Option<Arc<Json>> {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    let key = (group.to_owned(), kind.to_owned(), version.to_owned());
    let mut known = KNOWN
        .get_or_init(Mutex::default)
        .lock()
        .expect("no test panics while it reads");
    let read = || {
        let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).ok()?;
        let line = manifest.lines().find(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            fields.get(7) == Some(&group) && fields.get(8) == Some(&kind)
        })?;
        let file = folder.join(line.split('\t').nth(6)?);
        let crd = yaml(&file);
        let versions = crd["spec"]["versions"].as_array()?;
        let found = versions
            .iter()
            .find(|v| v["name"] == version && v["served"] == true)?;
        let mut schema = strict(&found["schema"]["openAPIV3Schema"]);
        // What every object has is not in its definition.
        schema["properties"]["metadata"] = json!({ "type": "object" });
        for name in ["apiVersion", "kind"] {
            schema["properties"][name] = json!({ "type": "string" });
        }
        Some(Arc::new(schema))
    };
    known.entry(key).or_insert_with(read).clone()
}

/// A file of YAML, by the language's own function.
pub(crate) fn yaml(file: &Path) -> Json {
    let text = std::fs::read_to_string(file).expect("a file of the manifest");
    let files = MemoryFiles::new([("/f.yaml", text.as_str())]);
    let here = Path::new("/");
    let text = "yamldecode(file(\"f.yaml\"))";
    let expression = parse_expression(text, &NoComponents, here, &mut Sources::default());
    let evaluator = Evaluator::new(Arc::new(files), here.to_owned());
    let value = evaluator.evaluate(&expression.expect("an expression"), &Nothing);
    json::to_json(&value.expect("YAML"))
}

/// Nothing can be referred to.
struct Nothing;

impl Scope for Nothing {
    fn resolve(&self, _: &Root, _: &[KnownStep], span: Span) -> Result<Resolved, Diagnostic> {
        Err(Diagnostic::error(Code::BadReference, "nothing is there").at(span, ""))
    }
    fn phase(&self) -> Phase {
        Phase::Plan
    }
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

/// From Kubernetes' dialect of OpenAPI to JSON Schema, with fields that it does not name refused.
fn strict(schema: &Json) -> Json {
    let Json::Object(fields) = schema else {
        return schema.clone();
    };
    let mut out = Map::new();
    for (name, value) in fields {
        match name.as_str() {
            "properties" => {
                let all = value.as_object().into_iter().flatten();
                let all: Map<String, Json> = all.map(|(k, v)| (k.clone(), strict(v))).collect();
                out.insert(name.clone(), Json::Object(all));
            }
            "items" | "additionalProperties" | "not" => {
                out.insert(name.clone(), strict(value));
            }
            "allOf" | "anyOf" | "oneOf" => {
                // These only restrict: the fields are named outside.
                out.insert(name.clone(), value.clone());
            }
            "type" | "enum" | "required" | "pattern" | "minimum" | "maximum" | "minLength"
            | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
                out.insert(name.clone(), value.clone());
            }
            _ => {}
        }
    }
    let flag = |name: &str| fields.get(name) == Some(&json!(true));
    if flag("x-kubernetes-int-or-string") {
        return json!({ "type": ["integer", "string"] });
    }
    let named = out.contains_key("properties") && !out.contains_key("additionalProperties");
    if named
        && !flag("x-kubernetes-preserve-unknown-fields")
        && !flag("x-kubernetes-embedded-resource")
    {
        out.insert("additionalProperties".into(), json!(false));
    }
    if flag("nullable")
        && let Some(kind) = out.get("type").cloned()
    {
        out.insert("type".into(), json!([kind, "null"]));
    }
    Json::Object(out)
}
