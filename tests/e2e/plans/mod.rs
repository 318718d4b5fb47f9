//! Whole plans beside the real `terraform`: configurations of `terraform_data`, written once, are planned and applied step by
//! step by both. After each step both must have planned the same actions in the same order, and have the same outputs and
//! objects; then neither may have anything to do. `INFRA_CASE=WORDS` runs only the cases with these words in their names.

mod document;
mod hcl;
mod order;

use crate::support::{Folder, Ran, root};
use crate::terraform::{Terraform, named};
use document::{Case, Expected, Step};
use order::{Operation, Order};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Differences that are on purpose, by the name that a step says in `except:`.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "by instance",
        "infra orders instances by what they refer to themselves; Terraform lets every instance wait for all of the other block",
    ),
    (
        "deleted last",
        "infra deletes what is no longer wanted when nothing refers to it any more; Terraform before it changes what did refer to it",
    ),
    (
        "indirectly",
        "what goes is waited for by what it refers to itself; Terraform counts everything behind that as well",
    ),
    (
        "known earlier",
        "infra plans an output as known where Terraform waits for apply to find that it is null",
    ),
    (
        "a circle",
        "Terraform refuses to plan when dependencies turn round; infra plans it, as nothing has to wait for itself",
    ),
    (
        "no value has no type",
        "Terraform updates what was null and is null of another type; to infra nothing has changed",
    ),
];

/// How many cases run at the same time.
const AT_ONCE: usize = 2;

#[test]
fn plans_are_terraforms() {
    if Terraform::new().is_none() {
        return;
    }
    let only = std::env::var("INFRA_CASE").unwrap_or_default();
    let folder = root().join("tests/e2e/plans/cases");
    let mut cases = Vec::new();
    for file in std::fs::read_dir(folder).expect("the cases") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        cases.extend(document::read(&text));
    }
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    cases.retain(|case| case.name.contains(&only));
    let (next, differences) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let used = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut run = Run::new(case);
                    run.go();
                    differences.lock().expect("alive").extend(run.differences);
                    used.lock().expect("alive").extend(run.used);
                }
            });
        }
    });
    let differences = differences.into_inner().expect("alive");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let used = used.into_inner().expect("alive");
    let unused = EXCEPTIONS.iter().filter(|(name, _)| !used.contains(*name));
    let unused: Vec<_> = unused.filter(|_| only.is_empty()).collect();
    assert!(
        unused.is_empty(),
        "exceptions without a difference: {unused:?}"
    );
}

/// One case in two folders.
struct Run<'a> {
    case: &'a Case,
    terraform: Terraform,
    folder: Folder,
    differences: Vec<String>,
    used: BTreeSet<String>,
}

impl<'a> Run<'a> {
    fn new(case: &'a Case) -> Run<'a> {
        let folder = Folder::new();
        std::fs::create_dir(folder.path().join("stacks/modules")).expect("a folder");
        Run {
            case,
            terraform: Terraform::new().expect("it was there"),
            folder,
            differences: Vec::new(),
            used: BTreeSet::new(),
        }
    }

    fn go(&mut self) {
        for step in &self.case.steps {
            let before = self.differences.len();
            self.step(step);
            // What follows from a difference is none.
            if self.differences.len() > before {
                break;
            }
        }
    }

    fn differ(&mut self, step: &Step, name: &str, told: String) {
        let case = &self.case.name;
        self.differences
            .push(format!("{case} / {}: {name}: {told}", step.name));
    }

    /// Whether the step says that there is this difference.
    fn excepted(&mut self, step: &Step, name: &str) -> bool {
        let known = |name: &str| EXCEPTIONS.iter().any(|(known, _)| *known == name);
        assert!(
            step.excepted.iter().all(|e| known(e)),
            "{:?}",
            step.excepted
        );
        let excepted = step.excepted.iter().any(|e| e == name);
        if excepted {
            self.used.insert(name.to_owned());
        }
        excepted
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        step: &Step,
        name: &str,
        theirs: &T,
        ours: &T,
    ) {
        if theirs != ours {
            self.differ(
                step,
                name,
                format!("\n  terraform {theirs:?}\n  infra     {ours:?}"),
            );
        }
    }

    fn write(&self, step: &Step) {
        let at = self.terraform.path();
        let put = |path: std::path::PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        };
        put(at.join("main.tf"), &hcl::render(&step.stack));
        self.folder.write("stacks/d.toml", &step.stack);
        for (name, text) in &step.modules {
            put(
                at.join(format!("modules/{name}/main.tf")),
                &hcl::render(text),
            );
            self.folder
                .write(&format!("stacks/modules/{name}.toml"), text);
        }
        // It has to be told of the provider once, and of every call of a module.
        if !at.join(".terraform").exists() || step.stack.contains("[module.") {
            self.terraform.run(&["init", "-no-color"]);
        }
    }

    fn theirs(&self, arguments: &[&str]) -> Ran {
        let output = self.terraform.command(arguments).output();
        let output = output.expect("terraform runs");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn step(&mut self, step: &Step) {
        self.write(step);
        let flags: Vec<&str> = step.flags.iter().map(String::as_str).collect();
        let plan = [&["plan", "-out=p", "-no-color"], &*flags].concat();
        let (theirs, ours) = (
            self.theirs(&plan),
            self.folder.run(&[&["plan", "-out=p"], &*flags].concat()),
        );
        if step.excepted.iter().any(|e| e == "a circle") {
            assert!(theirs.stderr.contains("Cycle"), "{}", theirs.stderr);
            self.used.insert("a circle".to_owned());
            ours.expect(0);
            self.folder.run(&["apply", "p"]).expect(0);
            self.folder.run(&["plan", "-detailed-exitcode"]).expect(0);
            return;
        }
        let wanted = i32::from(step.expected == Expected::PlanFails);
        for (who, ran) in [("terraform", &theirs), ("infra", &ours)] {
            if ran.code != Some(wanted) {
                let told = format!("{who} has {:?}: {}{}", ran.code, ran.stdout, ran.stderr);
                self.differ(step, "plan", told);
            }
        }
        if wanted == 1 || theirs.code != ours.code {
            return;
        }
        let (theirs, ours) = (
            self.terraform.json(&["show", "-json", "p"]),
            self.folder.run(&["show", "-json", "p"]).expect(0).json(),
        );
        if actions(&theirs) != actions(&ours) && self.excepted(step, "no value has no type") {
            assert!(ours["resource_changes"].as_array().is_none_or(|all| {
                all.iter()
                    .all(|one| one["change"]["actions"] == json!(["no-op"]))
            }));
            return;
        }
        let (their_ids, our_ids) = (&mut BTreeMap::new(), &mut BTreeMap::new());
        self.same(step, "actions", &actions(&theirs), &actions(&ours));
        let their_outputs = planned_outputs(&theirs, their_ids);
        let our_outputs = planned_outputs(&ours, our_ids);
        let earlier =
            |name: &String| their_outputs[name][2] == true && our_outputs[name][2] == false;
        let known_earlier = their_outputs.len() == our_outputs.len()
            && their_outputs.keys().all(|name| {
                our_outputs.contains_key(name)
                    && (earlier(name) || their_outputs[name] == our_outputs[name])
            });
        if their_outputs != our_outputs && !(known_earlier && self.excepted(step, "known earlier"))
        {
            self.same(step, "planned outputs", &their_outputs, &our_outputs);
        }
        self.order(step, &actions(&theirs));

        let (theirs, ours) = (
            self.theirs(&["apply", "-no-color", "p"]),
            self.folder.run(&["apply", "p"]),
        );
        let wanted = i32::from(step.expected == Expected::ApplyFails);
        for (who, ran) in [("terraform", &theirs), ("infra", &ours)] {
            if ran.code != Some(wanted) {
                let told = format!("{who} has {:?}: {}{}", ran.code, ran.stdout, ran.stderr);
                self.differ(step, "apply", told);
            }
        }
        let (theirs, ours) = (
            self.terraform.json(&["show", "-json"]),
            self.folder.run(&["show", "-json"]).expect(0).json(),
        );
        let (their_ids, our_ids) = (&mut BTreeMap::new(), &mut BTreeMap::new());
        let mut their_objects = objects(&theirs, their_ids);
        let mut our_objects = objects(&ours, our_ids);
        veil(&mut their_objects, &mut our_objects);
        self.same(step, "state", &their_objects, &our_objects);
        self.same(
            step,
            "outputs",
            &outputs(&theirs, their_ids),
            &outputs(&ours, our_ids),
        );
        let again = ["plan", "-detailed-exitcode", "-no-color"];
        let (theirs, ours) = (self.theirs(&again), self.folder.run(&again[..2]));
        let wanted = if step.expected == Expected::Done {
            0
        } else {
            2
        };
        if step.expected == Expected::ApplyFails {
            self.same(step, "second plan", &theirs.code, &ours.code);
            return;
        }
        for (who, ran) in [("terraform", &theirs), ("infra", &ours)] {
            if ran.code != Some(wanted) {
                let told = format!("{who} has {:?}: {}{}", ran.code, ran.stdout, ran.stderr);
                self.differ(step, "second plan", told);
            }
        }
    }

    /// Whatever Terraform's graph has in order is so in infra's steps.
    fn order(&mut self, step: &Step, actions: &BTreeSet<Action>) {
        let done: BTreeSet<Operation> = actions.iter().flat_map(Action::operations).collect();
        let theirs = self.terraform.run(&["graph", "-type=apply", "-plan=p"]);
        let ours = self.folder.run(&["graph", "p"]).expect(0).stdout;
        let (theirs, ours) = (Order::of_dot(&theirs).pairs(), Order::of_dot(&ours).pairs());
        let gone: BTreeSet<&str> = actions
            .iter()
            .filter(|a| a.actions == ["delete"])
            .map(|a| &*a.address)
            .collect();
        let missing = theirs.difference(&ours).filter(|(before, after)| {
            done.contains(before) && done.contains(after) && before != after
        });
        let mut told = Vec::new();
        for ((a, x), (b, y)) in missing {
            let first = *x == "taken" && *y == "made" && gone.contains(&**a);
            let gone_before_all = || {
                let (a, b) = ((a.clone(), *x), (b.clone(), *y));
                done.iter().any(|c| {
                    ours.contains(&(a.clone(), c.clone())) && ours.contains(&(b.clone(), c.clone()))
                })
            };
            let excepted = (*x == "taken"
                && *y == "made"
                && gone_before_all()
                && self.excepted(step, "indirectly"))
                || (keys(a) != keys(b) && self.excepted(step, "by instance"))
                || (first && self.excepted(step, "deleted last"));
            if !excepted {
                told.push(format!("{a} must be {x} before {b} is {y}"));
            }
        }
        if !told.is_empty() {
            self.differ(step, "order", told.join("; "));
        }
    }
}

/// The keys in an address.
fn keys(address: &str) -> Vec<&str> {
    let parts = address.split(['[', ']']);
    parts.skip(1).step_by(2).collect()
}

/// What a plan does with one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Action {
    address: String,
    previous: Option<String>,
    deposed: bool,
    imported: bool,
    actions: Vec<String>,
}

impl Action {
    fn operations(&self) -> Vec<Operation> {
        let operation = |action: &String| match &**action {
            "create" | "update" => Some((self.address.clone(), "made")),
            "delete" => Some((self.address.clone(), "taken")),
            _ => None,
        };
        self.actions.iter().filter_map(operation).collect()
    }
}

fn text(json: &Json) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn actions(plan: &Json) -> BTreeSet<Action> {
    let changes = plan["resource_changes"].as_array();
    let action = |change: &Json| Action {
        address: text(&change["address"]).expect("an address"),
        previous: text(&change["previous_address"]),
        deposed: !change["deposed"].is_null(),
        imported: !change["change"]["importing"].is_null(),
        actions: change["change"]["actions"]
            .as_array()
            .expect("actions")
            .iter()
            .filter_map(text)
            .collect(),
    };
    changes.into_iter().flatten().map(action).collect()
}

/// What is planned of each output: the action and the new value, as far as it is known.
fn planned_outputs(plan: &Json, ids: &mut BTreeMap<String, String>) -> BTreeMap<String, Json> {
    let entries = plan["output_changes"].as_object();
    let outputs = entries.into_iter().flatten().map(|(name, change)| {
        let known = json!([change["actions"], change["after"], change["after_unknown"]]);
        (name.clone(), named(&known, ids))
    });
    outputs.collect()
}

/// Each object in a state, with its values.
fn objects(state: &Json, ids: &mut BTreeMap<String, String>) -> BTreeMap<String, Json> {
    let mut found = BTreeMap::new();
    let mut open = vec![&state["values"]["root_module"]];
    while let Some(module) = open.pop() {
        open.extend(module["child_modules"].as_array().into_iter().flatten());
        for resource in module["resources"].as_array().into_iter().flatten() {
            let mut name = text(&resource["address"]).expect("an address");
            if !resource["deposed_key"].is_null() {
                name.push_str(" (deposed)");
            }
            let values = json!([
                resource["values"],
                resource["tainted"],
                resource["sensitive_values"]
            ]);
            found.insert(name, values);
        }
    }
    let sorted = found.into_iter();
    sorted.map(|(name, v)| (name, named(&v, ids))).collect()
}

/// Takes away what either says is sensitive: infra does not show it.
fn veil(theirs: &mut BTreeMap<String, Json>, ours: &mut BTreeMap<String, Json>) {
    for (name, theirs) in theirs {
        let Some(ours) = ours.get_mut(name) else {
            continue;
        };
        let secret = |json: &Json| json[2].as_object().cloned().unwrap_or_default();
        let secrets = [secret(theirs), secret(ours)];
        for json in [theirs, ours] {
            for attribute in secrets.iter().flat_map(|s| s.keys()) {
                json[0][attribute] = json!("(sensitive)");
            }
            json[2] = Json::Null;
        }
    }
}

fn outputs(state: &Json, ids: &mut BTreeMap<String, String>) -> BTreeMap<String, Json> {
    let entries = state["values"]["outputs"].as_object();
    let values = entries.into_iter().flatten().map(|(name, output)| {
        let shown = output["sensitive"] != true;
        let value = json!([shown.then(|| &output["value"]), output["sensitive"]]);
        (name.clone(), named(&value, ids))
    });
    values.collect()
}
