//! Answers that are lost: every call of every type's life is done once without its caller being told, and nothing fails by that.

use crate::support::{Folder, Server};
use crate::tables::{Step, Table, tables};
use crate::types;
use serde_json::Value as Json;

#[test]
fn no_lost_answer_of_aws_is_taken_for_a_refusal() {
    no_lost_answer_is_taken_for_a_refusal("aws");
}

#[test]
fn no_lost_answer_of_google_is_taken_for_a_refusal() {
    no_lost_answer_is_taken_for_a_refusal("google");
}

#[test]
fn no_lost_answer_of_azure_is_taken_for_a_refusal() {
    no_lost_answer_is_taken_for_a_refusal("azure");
}

/// Makes every type live twice: the first time tells what calls that takes, the second time the first answer to each is lost.
fn no_lost_answer_is_taken_for_a_refusal(cloud: &str) {
    let only = std::env::var("INFRA_TYPE").ok();
    let tables: Vec<Table> = tables(cloud)
        .into_iter()
        .filter(|t| t.unfinished.is_none() && only.as_ref().is_none_or(|o| *o == t.name))
        .collect();
    let server = Server::sandbox(&["--latency", "none"]);
    types::each(&tables, |table| live(table, &server, false));
    let faults = faults(&server.get("/_sandbox/counts"));
    types::each(&tables, |table| {
        let server = Server::sandbox(&["--latency", "none", "--faults", &faults]);
        live(table, &server, true);
        let left = server.resources();
        assert!(left.is_empty(), "left on the server: {left:#?}");
    });
}

/// Creates, changes and destroys; each of it ends well, and with nothing left to do where that is looked at.
fn live(table: &Table, server: &Server, looked_at: bool) {
    let folder = Folder::against(server);
    folder.write("stacks/t.toml", &table.text);
    let flag = server.flag();
    let run = |arguments: &[&str], number: &str| {
        let step = format!("step={number}");
        let all = [arguments, &["stacks/t.toml", "-var", &step, &flag]].concat();
        folder.run(&all).expect(0);
    };
    let mut last = "1";
    for number in [Step::Create, Step::Update].map(|s| table.number(s)) {
        let Some(number) = number else { continue };
        run(&["apply", "-auto-approve"], number);
        if looked_at {
            run(&["plan", "-detailed-exitcode"], number);
        }
        last = number;
    }
    run(&["destroy", "-auto-approve"], last);
}

/// A fault for each operation that changes something.
fn faults(counts: &Json) -> String {
    let mut all = Vec::new();
    for (service, operations) in counts.as_object().into_iter().flatten() {
        let names = operations.as_object().into_iter().flatten();
        for (operation, _) in names {
            let verb = operation.rsplit(['.', '_']).next().unwrap_or(operation);
            let verb = verb.to_lowercase();
            let reads = ["get", "list", "describe", "head", "batchget", "simulate"];
            if !reads.iter().any(|reading| verb.starts_with(reading)) {
                all.push(format!("lost:{service}.{operation}*1"));
            }
        }
    }
    assert!(all.len() > 1, "nothing was called: {counts}");
    all.join(",")
}
