//! The full life of every AWS type, against the sandbox and against moto: create, read, plan without changes, update in place,
//! replace, import, drift, delete, delete again. The tables are stacks in `tests/aws/`, one per type, with a head of comments:
//!
//! ```text
//! # target: aws_vpc.this        what the steps act on
//! # update: 2                   `var.step` at which it is changed in place (left out: it cannot be)
//! # replace: 3                  `var.step` at which it is replaced (left out: it cannot be)
//! # import: vpc-id expression   an attribute, or text with {attribute}s, that `infra import` takes
//! # stays: because …            deleting lets go of it only: no drift afterwards
//! # alone: because …            why import and deleting behind its back are left out
//! # moto: no, because …         why moto is left out
//! ```

use crate::support::{Folder, Ran, Server, root};
use serde_json::Value as Json;

struct Table {
    name: String,
    text: String,
    target: String,
    update: Option<String>,
    replace: Option<String>,
    import: String,
    stays: bool,
    alone: bool,
    moto: bool,
}

fn tables() -> Vec<Table> {
    let mut paths: Vec<_> = std::fs::read_dir(root().join("tests/aws"))
        .expect("tests/aws")
        .flatten()
        .map(|e| e.path())
        .collect();
    paths.sort();
    let only = std::env::var("INFRA_TYPE").ok();
    let tables = paths.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).expect("a table");
        let head = |key: &str| {
            text.lines()
                .find_map(|l| l.strip_prefix(&format!("# {key}: ")))
                .map(str::to_owned)
        };
        Table {
            name: path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned(),
            target: head("target").unwrap_or_else(|| panic!("{}: no target", path.display())),
            update: head("update"),
            replace: head("replace"),
            import: head("import").unwrap_or_else(|| "id".to_owned()),
            stays: head("stays").is_some(),
            alone: head("alone").is_some(),
            moto: head("moto").is_none(),
            text,
        }
    });
    tables
        .filter(|t| only.as_ref().is_none_or(|o| *o == t.name))
        .collect()
}

/// The attributes of the target in the state.
fn attributes(shown: &Json, target: &str) -> Option<Json> {
    fn find<'a>(module: &'a Json, target: &str) -> Option<&'a Json> {
        let own = module["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|r| r["address"] == target);
        own.or_else(|| {
            module["child_modules"]
                .as_array()
                .into_iter()
                .flatten()
                .find_map(|m| find(m, target))
        })
    }
    find(&shown["values"]["root_module"], target).map(|r| r["values"].clone())
}

/// Replaces `{name}`s by attributes; a bare name is one attribute.
fn import_id(pattern: &str, attributes: &Json) -> String {
    let text = |name: &str| {
        attributes[name]
            .as_str()
            .map_or_else(|| attributes[name].to_string(), str::to_owned)
    };
    if !pattern.contains('{') {
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

fn live(table: &Table, server: &Server, flags: &[&str]) {
    let folder = Folder::against(server);
    folder.write("stacks/t.toml", &table.text);
    let step = |n: &str| format!("step={n}");
    let run = |folder: &Folder, arguments: &[&str], n: &str| -> Ran {
        let step = step(n);
        let all: Vec<&str> = arguments
            .iter()
            .copied()
            .chain(["stacks/t.toml", "-var", step.as_str()])
            .chain(flags.iter().copied())
            .collect();
        folder.run(&all)
    };
    let settle = |n: &str, action: Option<&[&str]>| {
        println!("{}: step {n}", table.name);
        if let Some(action) = action {
            run(&folder, &["plan", "-out", "plan.bin"], n).expect(0);
            let shown = folder.run(&["show", "-json", "plan.bin"]).expect(0).json();
            let change = shown["resource_changes"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|c| c["address"] == table.target.as_str());
            let found = change
                .map(|c| c["change"]["actions"].clone())
                .unwrap_or_default();
            let found: Vec<&str> = found
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            assert_eq!(found, action, "{}: step {n}", table.name);
        }
        run(&folder, &["apply", "-auto-approve"], n).expect(0);
        run(&folder, &["plan", "-detailed-exitcode"], n).expect(0);
    };
    settle("1", Some(&["create"]));
    let mut last = "1";
    if let Some(n) = &table.update {
        settle(n, Some(&["update"]));
        last = n;
    }
    if let Some(n) = &table.replace {
        settle(n, Some(&["delete", "create"]));
        last = n;
    }
    if table.alone {
        run(&folder, &["destroy", "-auto-approve"], last).expect(0);
        return;
    }
    // Import into a second state, which then deletes it behind the first one's back.
    let shown = folder
        .run(&["show", "-json", "stacks/t.toml"])
        .expect(0)
        .json();
    let attributes = attributes(&shown, &table.target)
        .unwrap_or_else(|| panic!("{}: {} is not in the state", table.name, table.target));
    let other = Folder::against(server);
    other.write("stacks/t.toml", &table.text);
    let id = import_id(&table.import, &attributes);
    let step = step(last);
    let mut import = vec![
        "import",
        "stacks/t.toml",
        table.target.as_str(),
        id.as_str(),
        "-var",
        step.as_str(),
    ];
    import.extend(flags);
    other.run(&import).expect(0);
    run(
        &other,
        &["destroy", "-auto-approve", "-target", &table.target],
        last,
    )
    .expect(0);
    run(&folder, &["drift"], last).expect(if table.stays { 0 } else { 2 });
    // Deleting what is gone already is done.
    run(
        &folder,
        &["destroy", "-auto-approve", "-refresh=false"],
        last,
    )
    .expect(0);
}

/// Every table against a server, four at a time; all failures are told.
fn all(server: &Server, flags: &[&str], wanted: impl Fn(&Table) -> bool) {
    let tables: Vec<Table> = tables().into_iter().filter(wanted).collect();
    let queue = std::sync::Mutex::new(tables.iter());
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no panic holds it").next();
                    let Some(table) = next else { break };
                    if let Err(panic) =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            live(table, server, flags);
                        }))
                    {
                        let text = panic
                            .downcast_ref::<String>()
                            .cloned()
                            .unwrap_or_else(|| "panicked".to_owned());
                        failed
                            .lock()
                            .expect("no panic holds it")
                            .push(format!("{}: {text}", table.name));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic held it");
    assert!(
        failed.is_empty(),
        "{} of {} types failed\n{}",
        failed.len(),
        tables.len(),
        failed.join("\n\n")
    );
}

#[test]
fn every_type_lives_in_the_sandbox() {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    all(&server, &[flag.as_str()], |_| true);
    let left = server.resources();
    assert!(left.is_empty(), "left on the server: {left:#?}");
}

#[test]
fn every_type_lives_in_moto() {
    let Some(server) = Server::moto() else {
        println!("skipped: INFRA_PYTHON names no Python with moto; `make test` sets it");
        return;
    };
    all(&server, &[], |t| t.moto);
}
