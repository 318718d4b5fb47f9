//! Whose ids attributes will have, as preflight is told: what an expression finds out about an id counts for nothing.

use crate::bench::Bench;
use crate::cloud::Cloud;
use std::sync::Arc;

const SAFES: &str = r#"
[variables.text]
type = "string"
default = "safe-9"
[variables.yes]
type = "bool"
default = true
[resource.test_safe.a]
name = "a"
[resource.test_safe.b]
name = "b"
[resource.test_safe.many]
for_each = { x = 1, y = 2 }
name = "${each.key}"
[locals]
pair = { first = "${test_safe.a.id}", second = "${test_safe.b.id}" }
"#;

/// What an attribute of a new safe is said to refer to; ids begin with `safe-`.
fn told(name: &str, expression: &str) -> Option<Vec<String>> {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let text = format!("{SAFES}[resource.test_safe.it]\nname = \"it\"\n{name} = {expression}\n");
    bench.planned(&bench.store(), &text, |_| {});
    let mut refers = std::mem::take(&mut cloud.world().refers);
    refers.remove(&format!("test_safe.it.{name}"))
}

fn addresses(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|n| format!("test_safe.{n}")).collect())
}

#[test]
fn an_id_that_is_passed_on_is_found() {
    for (expression, expected) in [
        (r#"'${test_safe.a.id}'"#, &["a"][..]),
        (r#"'${local.pair.second}'"#, &["b"]),
        (r#"'${test_safe.many["y"].id}'"#, &[r#"many["y"]"#]),
        (r#"'${var.yes ? test_safe.a.id : test_safe.b.id}'"#, &["a"]),
        (r#"'${!var.yes ? test_safe.a.id : "safe-9"}'"#, &[]),
        (r#"'${try(test_safe.a.id, test_safe.b.id)}'"#, &["a"]),
        (r#"'${tostring(test_safe.b.id)}'"#, &["b"]),
        (r#"'${lookup(local.pair, "first", "none")}'"#, &["a"]),
    ] {
        let expected = addresses(expected).filter(|found| !found.is_empty());
        assert_eq!(told("on", expression), expected, "{expression}");
    }
    for (expression, expected) in [
        (
            r#"["${test_safe.a.id}", "${test_safe.b.id}"]"#,
            &["a", "b"][..],
        ),
        (r#"["${var.text}", "${test_safe.b.id}"]"#, &["b"]),
        (
            r#"'${[for safe in test_safe.many : safe.id]}'"#,
            &[r#"many["x"]"#, r#"many["y"]"#],
        ),
        (
            r#"'${values(test_safe.many)[*].id}'"#,
            &[r#"many["x"]"#, r#"many["y"]"#],
        ),
        (
            r#"'${concat([test_safe.a.id], tolist([test_safe.b.id]))}'"#,
            &["a", "b"],
        ),
        (
            r#"'${[for name, id in local.pair : id if name == "second"]}'"#,
            &["b"],
        ),
    ] {
        assert_eq!(
            told("near", expression),
            addresses(expected),
            "{expression}"
        );
    }
}

/// A text in the place of the id would decide each of these, and wrongly.
#[test]
fn what_looks_into_an_id_is_not_told() {
    for expression in [
        r#"'${startswith(test_safe.a.id, "safe-") ? test_safe.a.id : test_safe.b.id}'"#,
        r#"'${startswith(test_safe.a.id, "safe-") ? "safe-9" : test_safe.a.id}'"#,
        r#"'${length(test_safe.a.id) > 7 ? test_safe.b.id : test_safe.a.id}'"#,
        r#"'${substr(test_safe.a.id, 0, 5) == "safe-" ? test_safe.b.id : test_safe.a.id}'"#,
        r#"'${can(regex("^safe-", test_safe.a.id)) ? test_safe.b.id : test_safe.a.id}'"#,
        r#"'${try(regex("^safe-.*", test_safe.a.id), test_safe.b.id)}'"#,
        r#"'${replace(test_safe.a.id, "safe", "house")}'"#,
        r#"'${trimprefix(test_safe.a.id, "safe-")}'"#,
        r#"'${lower(test_safe.a.id)}'"#,
        r#"'${test_safe.a.id == "safe-1" ? test_safe.b.id : test_safe.a.id}'"#,
        r#"'${lookup({ safe-1 = test_safe.b.id }, test_safe.a.id, test_safe.a.id)}'"#,
        r#"'${test_safe.a.id}-x'"#,
        r#"'%{ if startswith(test_safe.a.id, "safe-") }${test_safe.a.id}%{ else }x%{ endif }'"#,
        r#"'${sort([test_safe.a.id, test_safe.b.id])[0]}'"#,
        r#"'${max(length(test_safe.a.id), 3) == 3 ? test_safe.a.id : test_safe.b.id}'"#,
    ] {
        assert_eq!(told("on", expression), None, "{expression}");
    }
    for expression in [
        r#"'${[for id in values(local.pair) : id if startswith(id, "safe-")]}'"#,
        r#"'${[for id in values(local.pair) : id if !startswith(id, "safe-")]}'"#,
        r#"'${startswith(test_safe.a.id, "x") ? [test_safe.a.id] : [test_safe.a.id, test_safe.b.id]}'"#,
        r#"'${slice([test_safe.a.id, test_safe.b.id], 0, length(test_safe.a.id) > 7 ? 1 : 2)}'"#,
        // One of them cannot be told, so which they all are cannot either.
        r#"["${test_safe.a.id}", "${lower(test_safe.b.id)}"]"#,
    ] {
        assert_eq!(told("near", expression), None, "{expression}");
    }
}
