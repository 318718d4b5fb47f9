//! `[[import]]`: what exists comes under management by a plan.

use crate::bench::{Bench, actions, addresses, attribute};
use infra_engine::{ChangeAction, Input, Silent};

fn import(to: &str, id: &str) -> String {
    format!("[[import]]\nto = '{to}'\nid = '{id}'\n")
}

const UUID: &str = "aabbccdd-eeff-0011-2233-445566778899";
const BLOCK: &str = "[resource.random_uuid.u]\n";

#[test]
fn an_import_is_planned_shown_and_done_once() {
    let bench = Bench::new();
    let store = bench.store();
    let text = format!("{BLOCK}{}", import("random_uuid.u", UUID));
    let plan = bench.planned(&store, &text, |_| {});
    assert_eq!(plan.summary().import, 1);
    assert_eq!(actions(&plan), []);
    assert!(plan.has_changes());
    assert_eq!(plan.changes[0].importing.as_deref(), Some(UUID));
    let report = bench.done(&store, &text, &plan);
    assert_eq!((report.imported, report.added), (1, 0));
    assert_eq!(attribute(&store, "random_uuid.u", "result"), UUID);
    // Done is done: the statement may stay.
    let again = bench.planned(&store, &text, |_| {});
    assert!(!again.has_changes());
}

#[test]
fn an_import_that_differs_is_imported_and_changed_at_once() {
    let bench = Bench::new();
    let store = bench.store();
    let text = format!(
        "{BLOCK}keepers = {{ a = \"1\" }}\n{}",
        import("random_uuid.u", UUID)
    );
    let plan = bench.planned(&store, &text, |_| {});
    assert_eq!(
        actions(&plan),
        [("random_uuid.u".to_owned(), ChangeAction::DeleteThenCreate)]
    );
    assert_eq!(plan.summary().import, 1);
    let report = bench.done(&store, &text, &plan);
    assert_eq!((report.imported, report.added, report.destroyed), (1, 1, 1));
    assert!(!bench.planned(&store, &text, |_| {}).has_changes());
}

#[test]
fn many_are_imported_by_for_each() {
    let bench = Bench::new();
    let store = bench.store();
    let text = format!(
        r#"
[locals]
ids = {{ a = "{UUID}", b = "{}" }}
[resource.random_uuid.u]
for_each = "${{local.ids}}"
[[import]]
for_each = "${{local.ids}}"
to = "random_uuid.u[each.key]"
id = "${{each.value}}"
"#,
        UUID.replace('a', "b")
    );
    let plan = bench.settle(&store, &text);
    assert_eq!(plan.summary().import, 2);
    assert_eq!(
        addresses(&store),
        ["random_uuid.u[\"a\"]", "random_uuid.u[\"b\"]"]
    );
}

#[test]
fn an_id_that_is_not_known_yet_waits_for_the_next_plan() {
    let bench = Bench::new();
    let store = bench.store();
    let text = format!(
        "[resource.terraform_data.id]\ninput = \"{UUID}\"\n{BLOCK}[[import]]\nto = \"random_uuid.u\"\nid = \"${{terraform_data.id.output}}\"\n"
    );
    let first = bench.planned(&store, &text, |_| {});
    assert_eq!(
        actions(&first),
        [("terraform_data.id".to_owned(), ChangeAction::Create)]
    );
    assert_eq!(first.deferred().count(), 1);
    bench.done(&store, &text, &first);
    let second = bench.settle(&store, &text);
    assert_eq!(second.summary().import, 1);
}

#[test]
fn what_cannot_be_imported_says_why() {
    let bench = Bench::new();
    let store = bench.store();
    let refused = |text: &str| bench.refused(&store, text, |_| {});
    let wrong = refused(&format!("{BLOCK}{}", import("random_uuid.u", "nonsense")));
    assert!(
        wrong.contains("random_uuid.u cannot be imported"),
        "{wrong}"
    );
    let missing = refused(&format!(
        "[resource.random_uuid.u]\nfor_each = '${{toset([\"a\"])}}'\n{}",
        import("random_uuid.u[\"b\"]", UUID)
    ));
    assert!(
        missing.contains("no instance random_uuid.u[\"b\"] to import"),
        "{missing}"
    );
    let twice = refused(&format!(
        "{BLOCK}[resource.random_uuid.v]\n{}{}",
        import("random_uuid.u", UUID),
        import("random_uuid.v", UUID)
    ));
    assert!(twice.contains("it is imported as random_uuid.u"), "{twice}");
    bench.settle(&store, &format!("{BLOCK}{}", import("random_uuid.u", UUID)));
    let managed = bench.refused(
        &store,
        &format!(
            "{BLOCK}[resource.random_uuid.v]\n{}",
            import("random_uuid.v", UUID)
        ),
        |_| {},
    );
    assert!(
        managed.contains("it is managed as random_uuid.u"),
        "{managed}"
    );
}

#[test]
fn an_import_uses_the_configuration_of_its_key() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[locals]
keys = { a = 1, b = 2 }
[clouds.builtin.alias.each]
for_each = "${local.keys}"
[resource.random_uuid.u]
for_each = "${local.keys}"
provider = "builtin.each[each.key]"
"#;
    let program = bench.program(text);
    let input = Input {
        program: Some(&program),
        store: &store,
    };
    let address = "random_uuid.u[\"b\"]".parse().expect("an address");
    let imported = bench.engine.import(input, &address, UUID, &Silent);
    bench.runtime.block_on(imported).expect("is imported");
    let provider = store.read(|s| s.resource(&address).map(|r| r.provider.to_string()));
    assert_eq!(provider.as_deref(), Some("builtin.each[\"b\"]"));
    let plan = bench.planned(&store, text, |_| {});
    assert_eq!(
        actions(&plan),
        [("random_uuid.u[\"a\"]".to_owned(), ChangeAction::Create)]
    );
}
