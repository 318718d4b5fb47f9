//! `show -json` and `apply -json` beside the real `terraform`, field by field, over stacks that need no cloud. Skipped where
//! there is no `terraform`.

use crate::support::{Folder, say};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The same configuration in both languages, after one another.
struct Step {
    name: &'static str,
    hcl: &'static str,
    toml: &'static str,
    flags: &'static [&'static str],
}

const VARIABLE_HCL: &str = r#"
variable "token" {
  type      = string
  sensitive = true
  default   = "s3cret"
}
"#;
const VARIABLE_TOML: &str = r#"
[variables.token]
type = "string"
sensitive = true
default = "s3cret"
"#;

/// The value of the sensitive variable.
const SECRET: &str = "s3cret";

const STEPS: &[Step] = &[
    Step {
        name: "create",
        hcl: r#"
resource "terraform_data" "one" { input = "a" }
resource "terraform_data" "many" {
  for_each         = toset(["x", "y"])
  input            = { name = each.key, of = terraform_data.one.output, list = [1, 2.5, null] }
  triggers_replace = [terraform_data.one.input]
}
resource "terraform_data" "counted" {
  count = 2
  input = count.index
}
resource "terraform_data" "secret" { input = var.token }
output "one" { value = terraform_data.one.output }
output "secret" {
  value     = terraform_data.secret.output
  sensitive = true
}
output "plain" { value = { a = 1, b = [true, null, "x"] } }
output "gone" { value = "soon" }
"#,
        toml: r#"
[resource.terraform_data.one]
input = "a"
[resource.terraform_data.many]
for_each = '${toset(["x", "y"])}'
input = "${{ name = each.key, of = terraform_data.one.output, list = [1, 2.5, null] }}"
triggers_replace = ["${terraform_data.one.input}"]
[resource.terraform_data.counted]
count = 2
input = "${count.index}"
[resource.terraform_data.secret]
input = "${var.token}"
[outputs.one]
value = "${terraform_data.one.output}"
[outputs.secret]
value = "${terraform_data.secret.output}"
sensitive = true
[outputs.plain]
value = '${{ a = 1, b = [true, null, "x"] }}'
[outputs.gone]
value = "soon"
"#,
        flags: &[],
    },
    Step {
        name: "update, replace, delete, move, no-op",
        hcl: r#"
resource "terraform_data" "one" { input = "b" }
resource "terraform_data" "many" {
  for_each         = toset(["x"])
  input            = { name = each.key, of = terraform_data.one.output, list = [1, 2.5, null] }
  triggers_replace = [terraform_data.one.input]
}
resource "terraform_data" "counted" {
  count = 1
  input = count.index
}
resource "terraform_data" "hidden" { input = var.token }
resource "terraform_data" "follower" { input = terraform_data.one.id }
moved {
  from = terraform_data.secret
  to   = terraform_data.hidden
}
output "one" { value = terraform_data.one.output }
output "secret" {
  value     = terraform_data.hidden.output
  sensitive = true
}
output "plain" { value = { a = 2, b = [true, null, "x"] } }
output "new" { value = "here" }
"#,
        toml: r#"
[resource.terraform_data.one]
input = "b"
[resource.terraform_data.many]
for_each = '${toset(["x"])}'
input = "${{ name = each.key, of = terraform_data.one.output, list = [1, 2.5, null] }}"
triggers_replace = ["${terraform_data.one.input}"]
[resource.terraform_data.counted]
count = 1
input = "${count.index}"
[resource.terraform_data.hidden]
input = "${var.token}"
[resource.terraform_data.follower]
input = "${terraform_data.one.id}"
[[moved]]
from = "terraform_data.secret"
to = "terraform_data.hidden"
[outputs.one]
value = "${terraform_data.one.output}"
[outputs.secret]
value = "${terraform_data.hidden.output}"
sensitive = true
[outputs.plain]
value = '${{ a = 2, b = [true, null, "x"] }}'
[outputs.new]
value = "here"
"#,
        flags: &[],
    },
    Step {
        name: "replace on request, create before destroy",
        hcl: r#"
resource "terraform_data" "one" {
  input = "b"
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "follower" {
  input = terraform_data.one.id
  lifecycle { replace_triggered_by = [terraform_data.one] }
}
"#,
        toml: r#"
[resource.terraform_data.one]
input = "b"
lifecycle = { create_before_destroy = true }
[resource.terraform_data.follower]
input = "${terraform_data.one.id}"
lifecycle = { replace_triggered_by = ["terraform_data.one"] }
"#,
        flags: &["-replace=terraform_data.one"],
    },
    Step {
        name: "nothing to do",
        hcl: r#"
resource "terraform_data" "one" {
  input = "b"
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "follower" {
  input = terraform_data.one.id
  lifecycle { replace_triggered_by = [terraform_data.one] }
}
"#,
        toml: r#"
[resource.terraform_data.one]
input = "b"
lifecycle = { create_before_destroy = true }
[resource.terraform_data.follower]
input = "${terraform_data.one.id}"
lifecycle = { replace_triggered_by = ["terraform_data.one"] }
"#,
        flags: &[],
    },
    Step {
        name: "destroy",
        hcl: "",
        toml: "",
        flags: &["-destroy"],
    },
];

/// Two runs may be in the same second.
const MOMENT: &str = "timestamp";

/// Where the two documents may differ, each with its reason. `*` stands for any one step of a path, `**` for any number.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "terraform_version",
        "the version whose formats are followed, not that of the program at hand",
    ),
    ("infra_version", "ours alone: what wrote the document"),
    (MOMENT, "the moment of the run"),
    (
        "**.sensitive_values.output",
        "infra keeps the sensitivity of what an output is made from",
    ),
    (
        "**.after_sensitive.output",
        "infra keeps the sensitivity of what an output is made from",
    ),
    (
        "**.before_sensitive.output",
        "infra keeps the sensitivity of what an output is made from",
    ),
    (
        "prior_state",
        "compared as `show -json` of the state; Terraform's also has outputs that this plan computes",
    ),
    (
        "configuration.root_module.outputs",
        "infra's expressions stand in another language",
    ),
    (
        "configuration.root_module.variables",
        "the stack file is at hand",
    ),
    (
        "configuration.root_module.resources",
        "a plan of infra names the blocks that it has, without their expressions",
    ),
    (
        "configuration.provider_config",
        "names only the providers that the plan needs",
    ),
    (
        "relevant_attributes",
        "infra shows all drift, and needs no list of what matters",
    ),
];

fn matches(pattern: &[&str], path: &[String]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, _) => true,
        (Some((&"**", rest)), _) => {
            (0..=path.len()).any(|skipped| matches(rest, &path[skipped..]) && !rest.is_empty())
        }
        (Some((step, rest)), Some((first, more))) => {
            (*step == "*" || step == first) && matches(rest, more)
        }
        (Some(_), None) => false,
    }
}

fn excepted(path: &[String], used: &mut BTreeSet<usize>) -> bool {
    let found = EXCEPTIONS.iter().position(|(pattern, _)| {
        let steps: Vec<&str> = pattern.split('.').collect();
        matches(&steps, path)
    });
    used.extend(found);
    found.is_some()
}

/// Every difference, as lines.
fn compare(
    theirs: &Json,
    ours: &Json,
    path: &mut Vec<String>,
    used: &mut BTreeSet<usize>,
    out: &mut Vec<String>,
) {
    // infra never prints a sensitive value: null stands for it.
    let veiled = theirs == SECRET && ours.is_null();
    if theirs == ours || veiled || excepted(path, used) {
        return;
    }
    match (theirs, ours) {
        (Json::Object(a), Json::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                path.push(name.clone());
                let absent = json!("(absent)");
                compare(
                    a.get(name).unwrap_or(&absent),
                    b.get(name).unwrap_or(&absent),
                    path,
                    used,
                    out,
                );
                path.pop();
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                path.push(i.to_string());
                compare(x, y, path, used, out);
                path.pop();
            }
        }
        _ => out.push(format!(
            "{}: terraform {theirs}, infra {ours}",
            path.join(".")
        )),
    }
}

/// Ids are random: each is known by the order in which it first appears.
pub fn named(json: &Json, ids: &mut BTreeMap<String, String>) -> Json {
    match json {
        Json::String(text) if is_uuid(text) => {
            let next = format!("id {}", ids.len() + 1);
            ids.entry(text.clone()).or_insert(next).clone().into()
        }
        Json::Array(items) => items.iter().map(|v| named(v, ids)).collect(),
        // In the order of the keys, which both have.
        Json::Object(entries) => {
            let sorted: BTreeMap<&String, &Json> = entries.iter().collect();
            let entries = sorted.into_iter();
            Json::Object(
                entries
                    .map(|(k, v)| (k.clone(), named(v, ids)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => other.clone(),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// A folder where `terraform` runs.
pub struct Terraform(tempfile::TempDir);

impl Terraform {
    /// `None` where it is not installed.
    pub fn new() -> Option<Terraform> {
        let terraform = Terraform(tempfile::tempdir().expect("a folder"));
        let found = terraform.command(&["version"]).output();
        match found {
            Ok(output) if output.status.success() => Some(terraform),
            _ => {
                say("the comparison with Terraform is skipped: there is no terraform on the PATH");
                None
            }
        }
    }

    pub fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("CHECKPOINT_DISABLE", "1")
            .env_remove("TF_CLI_CONFIG_FILE");
        command
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("terraform runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{told}");
        text
    }

    pub fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.run(arguments)).expect("JSON")
    }
}

#[test]
fn show_json_is_terraforms_field_by_field() {
    let Some(terraform) = Terraform::new() else {
        return;
    };
    let folder = Folder::new();
    let mut used = BTreeSet::new();
    let mut differences = Vec::new();
    for step in STEPS {
        let hcl = format!("{VARIABLE_HCL}{}", step.hcl);
        std::fs::write(terraform.0.path().join("main.tf"), hcl).expect("written");
        folder.write("stacks/d.toml", &format!("{VARIABLE_TOML}{}", step.toml));
        let flags = [&["plan", "-out=p"], step.flags].concat();
        terraform.run(&["init", "-no-color"]);
        terraform.run(&flags);
        folder.run(&flags).expect(0);
        let mut documents = vec![(
            "plan",
            terraform.json(&["show", "-json", "p"]),
            folder.run(&["show", "-json", "p"]).expect(0).json(),
        )];
        terraform.run(&["apply", "p"]);
        folder.run(&["apply", "p"]).expect(0);
        documents.push((
            "state",
            terraform.json(&["show", "-json"]),
            folder.run(&["show", "-json"]).expect(0).json(),
        ));
        for (what, theirs, ours) in documents {
            let theirs = named(&theirs, &mut BTreeMap::new());
            let ours = named(&ours, &mut BTreeMap::new());
            let mut found = Vec::new();
            compare(&theirs, &ours, &mut Vec::new(), &mut used, &mut found);
            let told = found
                .into_iter()
                .map(|d| format!("{}, {what}: {d}", step.name));
            differences.extend(told);
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let unused: Vec<_> = (0..EXCEPTIONS.len())
        .filter(|i| !used.contains(i))
        .map(|i| EXCEPTIONS[i])
        .filter(|(path, _)| *path != MOMENT)
        .collect();
    assert!(
        unused.is_empty(),
        "exceptions without a difference: {unused:#?}"
    );
}

/// The fields of every kind of event, without their values.
fn shapes(stream: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut shapes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in stream.lines() {
        let event: Json = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let kind = event["type"].as_str().expect("a type").to_owned();
        fields(&event, "", shapes.entry(kind).or_default());
    }
    shapes
}

fn fields(value: &Json, at: &str, found: &mut BTreeSet<String>) {
    if let Json::Object(entries) = value {
        for (name, value) in entries {
            let path = if at.is_empty() {
                name.clone()
            } else {
                format!("{at}.{name}")
            };
            // Under `outputs` stand names.
            if name != "value" && name != "type" {
                fields(value, &path, found);
            }
            found.insert(path);
        }
    }
}

#[test]
fn the_event_stream_has_terraforms_types_and_fields() {
    let Some(terraform) = Terraform::new() else {
        return;
    };
    let folder = Folder::new();
    // Events that only one of them has, and fields that only infra has, with the reason.
    let only_theirs = BTreeMap::from([
        (
            "refresh_start",
            "infra reads many resources with one call, and tells their number",
        ),
        (
            "refresh_complete",
            "infra reads many resources with one call, and tells their number",
        ),
    ]);
    let only_ours = BTreeSet::from(["changes.failed", "changes.skipped"]);
    let (mut theirs, mut ours) = (BTreeMap::new(), BTreeMap::new());
    for step in STEPS.iter().filter(|s| !s.flags.contains(&"-destroy")) {
        let hcl = format!("{VARIABLE_HCL}{}", step.hcl);
        std::fs::write(terraform.0.path().join("main.tf"), hcl).expect("written");
        folder.write("stacks/d.toml", &format!("{VARIABLE_TOML}{}", step.toml));
        terraform.run(&["init", "-no-color"]);
        let flags = [&["apply", "-json", "-auto-approve"], step.flags].concat();
        for (kind, fields) in shapes(&terraform.run(&flags)) {
            theirs
                .entry(kind)
                .or_insert_with(BTreeSet::new)
                .extend(fields);
        }
        for (kind, fields) in shapes(&folder.run(&flags).expect(0).stdout) {
            ours.entry(kind)
                .or_insert_with(BTreeSet::new)
                .extend(fields);
        }
    }
    let mut differences = Vec::new();
    for (kind, fields) in &theirs {
        match ours.get(kind) {
            _ if only_theirs.contains_key(kind.as_str()) => {}
            None => differences.push(format!("infra has no event {kind}")),
            Some(own) => {
                differences.extend(fields.difference(own).map(|f| format!("{kind} has no {f}")));
                let more = own
                    .difference(fields)
                    .filter(|f| !only_ours.contains(f.as_str()));
                let version = kind == "version";
                differences.extend(
                    more.filter(|f| !(version && *f == "infra"))
                        .map(|f| format!("{kind} has {f}")),
                );
            }
        }
    }
    for kind in ours.keys().filter(|k| !theirs.contains_key(*k)) {
        differences.push(format!("terraform has no event {kind}"));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
