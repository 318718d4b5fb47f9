//! The full life of a type: create, read, plan without changes, update in place, replace, import, drift, delete, delete again.
//! The tables say what a type is and can.

use crate::oracles;
use crate::support::{Folder, Ran, Server, say};
use crate::tables::{Lacks, Step, Table, tables};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Instant;

/// The attributes of the target in the state.
pub fn attributes(folder: &Folder, target: &str) -> serde_json::Map<String, Json> {
    fn find<'a>(module: &'a Json, target: &str) -> Option<&'a Json> {
        let list = |key: &str| module[key].as_array().into_iter().flatten();
        list("resources")
            .find(|r| r["address"] == target)
            .or_else(|| list("child_modules").find_map(|m| find(m, target)))
    }
    let shown = folder
        .run(&["show", "-json", "stacks/t.toml"])
        .expect(0)
        .json();
    find(&shown["values"]["root_module"], target)
        .and_then(|r| r["values"].as_object().cloned())
        .unwrap_or_else(|| panic!("{target} is not in the state"))
}

/// Replaces `{name}`s by attributes; the bare name of an attribute is that one, other text is itself.
fn import_id(pattern: &str, attributes: &serde_json::Map<String, Json>) -> String {
    let text = |name: &str| {
        let value = &attributes[name];
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    if attributes.contains_key(pattern) {
        return text(pattern);
    }
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("closed");
        out.push_str(before);
        out.push_str(&text(name));
        rest = after;
    }
    out + rest
}

/// A table's life on a server.
struct Life<'a> {
    table: &'a Table,
    server: &'a Server,
    flags: Vec<String>,
}

impl Life<'_> {
    fn folder(&self) -> Folder {
        let folder = Folder::against(self.server);
        folder.write("stacks/t.toml", &self.table.text);
        folder
    }

    /// A command on the stack, with its variables.
    fn run(&self, folder: &Folder, arguments: &[&str], number: &str) -> Ran {
        let step = format!("step={number}");
        let (command, rest) = arguments.split_first().expect("a command");
        let mut all = vec![*command, "stacks/t.toml"];
        all.extend(rest);
        all.extend(["-var", step.as_str()]);
        all.extend(self.flags.iter().map(String::as_str));
        folder.run(&all)
    }

    /// Plans, looks at what is planned for the target, applies, and plans again.
    fn settle(&self, folder: &Folder, number: &str, actions: &[&str]) {
        let name = &self.table.name;
        self.run(folder, &["plan", "-out", "plan.bin"], number)
            .expect(0);
        let shown = folder.run(&["show", "-json", "plan.bin"]).expect(0).json();
        let planned = shown["resource_changes"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|c| c["address"] == self.table.target.as_str())
            .map(|c| c["change"]["actions"].clone());
        assert_eq!(
            planned,
            Some(Json::from(actions.to_vec())),
            "{name}: step {number}"
        );
        self.run(folder, &["apply", "-auto-approve"], number)
            .expect(0);
        self.run(folder, &["plan", "-detailed-exitcode"], number)
            .expect(0);
    }

    /// Imports the target into a state of its own, where it must look as in the one that created it; none where it cannot be
    /// imported, which is said.
    fn import(&self, folder: &Folder, number: &str) -> Option<Folder> {
        let created = attributes(folder, &self.table.target);
        let other = self.folder();
        let Some(pattern) = &self.table.import else {
            let target = self.table.target.as_str();
            self.run(&other, &["import", target, "any"], number)
                .expect(1)
                .says(&["cannot be imported"]);
            return None;
        };
        let id = import_id(pattern, &created);
        self.run(
            &other,
            &["import", self.table.target.as_str(), id.as_str()],
            number,
        )
        .expect(0);
        let imported = attributes(&other, &self.table.target);
        let unread: BTreeSet<&String> = created
            .iter()
            .filter(|(name, value)| imported.get(*name) != Some(value))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            unread,
            self.table.unread.iter().collect(),
            "{}: attributes that importing does not find",
            self.table.name
        );
        Some(other)
    }

    /// All steps but those left out; which were made.
    fn live(&self, left_out: &[Step]) -> Vec<Step> {
        let (table, folder) = (self.table, self.folder());
        let steps: Vec<Step> = Step::ALL
            .into_iter()
            .filter(|s| table.has(*s) && !left_out.contains(s))
            .collect();
        let mut last = "1";
        let mut imported = None;
        for step in &steps {
            println!("{}: {step:?}", table.name);
            last = table.number(*step).unwrap_or(last);
            match step {
                Step::Create => self.settle(&folder, last, &["create"]),
                Step::Update => self.settle(&folder, last, &["update"]),
                Step::Replace => self.settle(&folder, last, &table.replaced),
                Step::Import => imported = self.import(&folder, last),
                Step::Drift => {
                    // Somebody deletes it behind the state's back.
                    let behind = imported
                        .take()
                        .filter(|_| table.deletes_imported)
                        .unwrap_or_else(|| folder.copy());
                    let only = ["destroy", "-auto-approve", "-target", &table.target];
                    self.run(&behind, &only, last).expect(0);
                    self.run(&folder, &["drift"], last).expect(2);
                }
                // Without a refresh it is deleted again: what is gone already is done.
                Step::Delete => {
                    let all = ["destroy", "-auto-approve", "-refresh=false"];
                    self.run(&folder, &all, last).expect(0);
                }
            }
        }
        steps
    }
}

/// Whose cloud types live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    Sandbox,
    Moto,
    /// Asked about what moto does not have.
    MiniStack,
}

impl Opinion {
    fn name(self) -> &'static str {
        match self {
            Opinion::Sandbox => "the sandbox",
            Opinion::Moto => "moto",
            Opinion::MiniStack => "MiniStack",
        }
    }

    /// What it cannot do of a table.
    fn lacks(self, table: &Table) -> &[(Lacks, String)] {
        match self {
            Opinion::Sandbox => &[],
            Opinion::Moto => &table.moto,
            Opinion::MiniStack => &table.ministack,
        }
    }

    fn is_asked(self, table: &Table) -> bool {
        self != Opinion::MiniStack || table.moto.iter().any(|(l, _)| *l == Lacks::Type)
    }
}

/// Every table against a server, four at a time; all failures are told, and what was done and left out is said.
/// `INFRA_TYPE` chooses one table.
pub fn every_type_lives(cloud: &str, server: &Server, flags: &[&str], opinion: Opinion) {
    let start = Instant::now();
    let only = std::env::var("INFRA_TYPE").ok();
    let tables: Vec<Table> = tables(cloud)
        .into_iter()
        .filter(|t| only.as_ref().is_none_or(|o| *o == t.name) && opinion.is_asked(t))
        .collect();
    let (unfinished, tables): (Vec<Table>, Vec<Table>) = tables
        .into_iter()
        .partition(|t| t.unfinished.is_some() && only.is_none());
    for table in &unfinished {
        let why = table.unfinished.as_deref().unwrap_or_default();
        say(&format!("  UNFINISHED: {}, because {why}", table.name));
    }
    let done = Mutex::new((BTreeSet::new(), 0));
    let one = |table: &Table| {
        let lacks = |what: &Lacks| opinion.lacks(table).iter().any(|(l, _)| l == what);
        if lacks(&Lacks::Type) {
            return;
        }
        let left_out: Vec<Step> = Step::ALL
            .into_iter()
            .filter(|s| lacks(&Lacks::Step(*s)))
            .collect();
        let mut flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        if opinion == Opinion::Moto && table.text.contains("[variables.moto]") {
            flags.extend(["-var".to_owned(), "moto=true".to_owned()]);
        }
        let life = Life {
            table,
            server,
            flags,
        };
        let steps = life.live(&left_out);
        let mut done = done.lock().expect("no panic holds it");
        done.0.insert(table.type_name().to_owned());
        done.1 += steps.len();
    };
    let failed = failures(&tables, one);
    let (types, steps) = done.into_inner().expect("no panic held it");
    say(&format!(
        "{cloud}: {} types, {steps} steps in {} s on {}",
        types.len(),
        start.elapsed().as_secs(),
        opinion.name()
    ));
    for table in &tables {
        for (lacks, why) in opinion.lacks(table) {
            let what = match lacks {
                Lacks::Type => String::new(),
                Lacks::Step(step) => format!(" without {step:?}").to_lowercase(),
                Lacks::Attribute(name) => format!(" without `{name}`"),
            };
            say(&format!(
                "  not on {}: {}{what}, because {why}",
                opinion.name(),
                table.name
            ));
        }
    }
    none_failed(&tables, &failed);
}

/// Does something with every table, four at a time; all failures are told.
pub fn each(tables: &[Table], one: impl Fn(&Table) + Sync) {
    none_failed(tables, &failures(tables, one));
}

fn none_failed(tables: &[Table], failed: &[String]) {
    assert!(
        failed.is_empty(),
        "{} of {} tables failed\n{}",
        failed.len(),
        tables.len(),
        failed.join("\n\n")
    );
}

/// Does something with every table, four at a time; what failed, and how.
fn failures(tables: &[Table], one: impl Fn(&Table) + Sync) -> Vec<String> {
    let queue = Mutex::new(tables.iter());
    let failed = Mutex::new(Vec::new());
    let next = || queue.lock().expect("no panic holds it").next();
    let work = || {
        while let Some(table) = next() {
            let tried = std::panic::AssertUnwindSafe(|| one(table));
            let Err(panic) = std::panic::catch_unwind(tried) else {
                continue;
            };
            let text = panic.downcast::<String>().map_or_else(
                |other| {
                    let text = other.downcast::<&str>();
                    text.map_or("panicked".to_owned(), |t| (*t).to_owned())
                },
                |text| *text,
            );
            let mut failed = failed.lock().expect("no panic holds it");
            failed.push(format!("{}: {text}", table.name));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    failed.into_inner().expect("no panic held it")
}

/// Every type of a cloud in the sandbox, which is empty afterwards but for what cannot be deleted.
pub fn in_the_sandbox(cloud: &str) {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    oracles::record(&server);
    every_type_lives(cloud, &server, &[flag.as_str()], Opinion::Sandbox);
    oracles::judge(cloud, &server, std::env::var_os("INFRA_TYPE").is_some());
    let left = server.resources();
    assert!(left.is_empty(), "left on the server: {left:#?}");
}

/// That the tables of a cloud are those of its types.
pub fn all_have_tables(cloud: &str, provider: &dyn infra_model::Provider) {
    let tables = tables(cloud);
    let tested: BTreeSet<&str> = tables.iter().map(Table::type_name).collect();
    let types: BTreeSet<&str> = provider
        .schema()
        .resources
        .keys()
        .map(|name| &**name)
        .collect();
    assert_eq!(
        tested, types,
        "tables in tests/{cloud}, and registered types"
    );
}
