//! `[[moved]]` and `[[removed]]`.

use crate::bench::{Bench, actions, addresses, attribute};
use infra_engine::ChangeAction;

/// Settles the first text, then plans the second: nothing but moves may happen. Returns where things are after apply.
fn moved(before: &str, after: &str) -> Vec<String> {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, before);
    let plan = bench.planned(&store, after, |_| {});
    assert_eq!(actions(&plan), [], "{:?}", plan.changes);
    bench.settle(&store, after);
    addresses(&store)
}

fn statement(from: &str, to: &str) -> String {
    format!("[[moved]]\nfrom = '{from}'\nto = '{to}'\n")
}

const A: &str = "[resource.terraform_data.a]\ninput = 1\n";
const D: &str = "[resource.terraform_data.d]\ninput = 1\n";

#[test]
fn chains_are_followed_whatever_their_order() {
    let (ab, bc, cd) = (
        statement("terraform_data.a", "terraform_data.b"),
        statement("terraform_data.b", "terraform_data.c"),
        statement("terraform_data.c", "terraform_data.d"),
    );
    for chain in [
        format!("{ab}{bc}{cd}"),
        format!("{cd}{bc}{ab}"),
        format!("{bc}{ab}{cd}"),
    ] {
        assert_eq!(moved(A, &format!("{chain}{D}")), ["terraform_data.d"]);
    }
}

#[test]
fn between_one_and_many() {
    let single = "[resource.terraform_data.a]\ninput = 1\n";
    let each = "[resource.terraform_data.a]\nfor_each = '${toset([\"x\"])}'\ninput = 1\n";
    let count = "[resource.terraform_data.a]\ncount = 1\ninput = 1\n";
    let (bare, x, zero) = (
        "terraform_data.a",
        "terraform_data.a[\"x\"]",
        "terraform_data.a[0]",
    );
    for (before, from, after, to) in [
        (single, bare, each, x),
        (each, x, single, bare),
        (count, zero, each, x),
        (each, x, count, zero),
    ] {
        let text = format!("{}{after}", statement(from, to));
        assert_eq!(moved(before, &text), [to], "{from} → {to}");
    }
    // `count` that comes or goes needs no statement.
    assert_eq!(moved(single, count), [zero]);
    assert_eq!(moved(count, single), [bare]);
}

#[test]
fn a_whole_block_moves_with_its_instances() {
    let text = |name: &str| {
        format!("[resource.terraform_data.{name}]\nfor_each = '${{toset([\"x\", \"y\"])}}'\n")
    };
    let after = format!(
        "{}{}",
        statement("terraform_data.a", "terraform_data.d"),
        text("d")
    );
    assert_eq!(
        moved(&text("a"), &after),
        ["terraform_data.d[\"x\"]", "terraform_data.d[\"y\"]"]
    );
}

#[test]
fn a_moved_resource_that_changes_is_changed_in_its_place() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, A);
    let id = attribute(&store, "terraform_data.a", "id");
    let after = format!(
        "{}{}",
        statement("terraform_data.a", "terraform_data.d"),
        D.replace('1', "2")
    );
    let plan = bench.settle(&store, &after);
    assert_eq!(
        actions(&plan),
        [("terraform_data.d".to_owned(), ChangeAction::Update)]
    );
    assert_eq!(attribute(&store, "terraform_data.d", "id"), id);
}

#[test]
fn contradictions_are_refused() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, A);
    let refused = |text: String| bench.refused(&store, &text, |_| {});
    let circle = refused(format!(
        "{}{}{}",
        statement("terraform_data.a", "terraform_data.b"),
        statement("terraform_data.b", "terraform_data.a"),
        "[resource.terraform_data.z]\n"
    ));
    assert!(
        circle.contains(
            "go round in a circle: terraform_data.a → terraform_data.b → terraform_data.a"
        ),
        "{circle}"
    );
    let twice = refused(format!(
        "{}{}{D}",
        statement("terraform_data.a", "terraform_data.d"),
        statement("terraform_data.b", "terraform_data.d"),
    ));
    assert!(
        twice.contains("are both moved to terraform_data.d"),
        "{twice}"
    );
    let split = refused(format!(
        "{}{}{D}",
        statement("terraform_data.a", "terraform_data.d"),
        statement("terraform_data.a", "terraform_data.e"),
    ));
    assert!(split.contains("at once"), "{split}");
    let declared = refused(format!(
        "{}{A}{D}",
        statement("terraform_data.a", "terraform_data.d"),
    ));
    assert!(
        declared.contains("moved away and still declared"),
        "{declared}"
    );
}

#[test]
fn a_taken_place_is_said() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, &format!("{A}{D}"));
    let text = format!("{}{D}", statement("terraform_data.a", "terraform_data.d"));
    let plan = bench.planned(&store, &text, |_| {});
    assert!(
        plan.diagnostics.iter().any(|d| d
            .message
            .contains("terraform_data.a was not moved to terraform_data.d")),
        "{:?}",
        plan.diagnostics
    );
    assert_eq!(
        actions(&plan),
        [("terraform_data.a".to_owned(), ChangeAction::Delete)]
    );
}

#[test]
fn what_is_removed_without_destroying_is_forgotten() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, &format!("{A}{D}"));
    let text = format!("{D}[[removed]]\nfrom = \"terraform_data.a\"\ndestroy = false\n");
    let plan = bench.planned(&store, &text, |_| {});
    assert_eq!(
        actions(&plan),
        [("terraform_data.a".to_owned(), ChangeAction::Forget)]
    );
    let report = bench.done(&store, &text, &plan);
    assert_eq!((report.forgotten, report.destroyed), (1, 0));
    assert_eq!(addresses(&store), ["terraform_data.d"]);
}

#[test]
fn what_stays_knows_the_new_name_of_what_it_depends_on() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(
        &store,
        &format!("{A}[resource.terraform_data.d]\ninput = \"${{terraform_data.a.output}}\"\n"),
    );
    // It is to go, but not in this run: until then it needs what has another name by now.
    let moved = format!(
        "[resource.terraform_data.b]\ninput = 1\n{}",
        statement("terraform_data.a", "terraform_data.b")
    );
    let plan = bench.planned(&store, &moved, |o| {
        o.excludes = crate::bench::patterns(&["terraform_data.d"]);
    });
    bench.done(&store, &moved, &plan);
    let depends = store.read(|s| {
        let d = "terraform_data.d".parse().expect("an address");
        let found = s.resource(&d).expect("it stays").dependencies.iter();
        found.map(ToString::to_string).collect::<Vec<_>>()
    });
    assert_eq!(depends, ["terraform_data.a", "terraform_data.b"]);
    bench.settle(&store, &moved);
    assert_eq!(addresses(&store), ["terraform_data.b"]);
}
