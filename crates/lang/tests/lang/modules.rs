//! Modules: what instances there are, what their names mean, and what is refused.

use crate::world::loaded;
use infra_lang::Loaded;
use infra_lang::files::MemoryFiles;
use infra_model::Value;
use infra_model::program::{ComponentInstance, Program};

const QUEUE: &str = r#"
[variables.depth]
type = "number"
[variables.name]
type = "string"
default = "q"
nullable = false
[variables.secret]
type = "string"
default = "s"
sensitive = true
[locals]
label = "${var.name}-${stack.name}"
[resource.aws_vpc.this]
cidr_block = "10.0.${var.depth}.0/24"
tags = { Name = "${local.label}", From = "${path.module}" }
[outputs.id]
value = "${aws_vpc.this.id}"
[outputs.label]
value = "${local.label}"
type = "string"
[outputs.secret]
value = "x"
sensitive = true
"#;

fn load(text: &str, files: &[(&str, &str)]) -> Loaded {
    let files = MemoryFiles::new(files.iter().copied());
    loaded(text, &[], files, true)
}

fn program(text: &str, files: &[(&str, &str)]) -> Program {
    let loaded = load(text, files);
    let said: Vec<_> = loaded.diagnostics.iter().map(|d| &d.message).collect();
    loaded.program.unwrap_or_else(|| panic!("{said:?}"))
}

fn messages(text: &str, files: &[(&str, &str)]) -> Vec<String> {
    let loaded = load(text, files);
    let place = |d: &infra_model::Diagnostic| {
        let span = d.labels.first().map(|(span, _)| *span);
        span.and_then(|span| loaded.sources.place(span))
            .unwrap_or_default()
    };
    loaded
        .diagnostics
        .iter()
        .map(|d| {
            let about = d
                .address
                .as_ref()
                .map(|a| format!("{a}: "))
                .unwrap_or_default();
            let help = d
                .help
                .as_ref()
                .map(|h| format!(" ({h})"))
                .unwrap_or_default();
            format!("{} {about}{}{help}", place(d), d.message)
        })
        .collect()
}

fn scopes(program: &Program) -> Vec<String> {
    let components = program.components.iter();
    components
        .map(|c: &ComponentInstance| c.scope().to_string())
        .collect()
}

fn blocks(program: &Program) -> Vec<String> {
    let blocks = program.blocks.iter();
    blocks.map(|b| b.address.to_string()).collect()
}

#[test]
fn instances_are_scopes_of_one_program() {
    let text = r#"
[locals]
places = { eu = 1, us = 2 }
[module.q]
source = "../modules/queue.toml"
for_each = "${local.places}"
depth = "${each.value}"
name = "${each.key}"
[module.n]
source = "../modules/queue.toml"
count = 2
depth = "${count.index}"
[module.off]
source = "../modules/queue.toml"
depth = 3
[module.off.lifecycle]
enabled = false
[outputs.ids]
value = "${values(module.q)[*].id}"
[outputs.one]
value = "${module.q["eu"].label}"
[outputs.last]
value = "${module.n[1].id}"
"#
    .replace("q[\"eu\"]", "q[\\\"eu\\\"]");
    let program = program(&text, &[("modules/queue.toml", QUEUE)]);
    assert_eq!(
        scopes(&program),
        [
            "module.q[\"eu\"]",
            "module.q[\"us\"]",
            "module.n[0]",
            "module.n[1]"
        ]
    );
    assert_eq!(
        blocks(&program),
        [
            "module.q[\"eu\"].aws_vpc.this",
            "module.q[\"us\"].aws_vpc.this",
            "module.n[0].aws_vpc.this",
            "module.n[1].aws_vpc.this"
        ]
    );
    // One parse: the instances share what the file declares.
    let files = program.sources.files();
    assert_eq!(files.len(), 2);
    let module = |i: usize| program.components[i].module.as_ref().expect("a module");
    assert!(std::sync::Arc::ptr_eq(&module(0).locals, &module(3).locals));
    assert_eq!(module(0).given["depth"].as_literal(), Some(&Value::from(1)));
    assert_eq!(&*module(0).source, "../modules/queue.toml");
    assert_eq!(program.files_read.len(), 1);
}

#[test]
fn path_module_is_the_folder_of_the_file_from_that_of_the_stack() {
    let text = "[module.q]\nsource = \"../modules/queue.toml\"\ndepth = 1";
    let program = program(text, &[("modules/queue.toml", QUEUE)]);
    let tags = program.blocks[0].config.attribute("tags").expect("tags");
    let from = tags.attribute("From").expect("a tag");
    assert_eq!(from.as_literal(), Some(&Value::from("../modules")));
}

#[test]
fn modules_nest_and_are_expanded_by_what_is_known() {
    let outer = r#"
[variables.names]
type = "set(string)"
[module.inner]
source = "./inner.toml"
for_each = "${var.names}"
name = "${each.key}"
[network.main]
cidr = "${join("-", var.names)}"
[outputs.names]
value = "${[for k, m in module.inner : m.name]}"
"#
    .replace("join(\"-\"", "join(\\\"-\\\"");
    let inner = r#"
[variables.name]
[resource.aws_vpc.this]
cidr_block = "${var.name}"
[outputs.name]
value = "${upper(var.name)}"
"#;
    let text = r#"
[module.b]
source = "./m/outer.toml"
names = "${toset(module.a.names)}"
[module.a]
source = "./m/outer.toml"
names = ["x", "y"]
"#;
    let files = [
        ("stacks/m/outer.toml", &*outer),
        ("stacks/m/inner.toml", inner),
    ];
    let program = program(text, &files);
    assert_eq!(
        scopes(&program),
        [
            "module.a",
            "module.a.module.inner[\"x\"]",
            "module.a.module.inner[\"y\"]",
            "module.a.network.main",
            "module.b",
            "module.b.module.inner[\"X\"]",
            "module.b.module.inner[\"Y\"]",
            "module.b.network.main",
        ]
    );
    assert!(blocks(&program).contains(&"module.b.network.main.aws_vpc.this".to_owned()));
}

#[test]
fn instances_must_be_known_while_planning() {
    let text = r#"
[resource.aws_vpc.a]
cidr_block = "10.0.0.0/16"
[module.q]
source = "../modules/queue.toml"
for_each = "${toset([aws_vpc.a.id])}"
depth = 1
"#;
    let found = messages(text, &[("modules/queue.toml", QUEUE)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("stacks/test.toml:6 which instances `module.q` has must be known"),
        "{found:?}"
    );
}

#[test]
fn unknown_values_of_for_each_are_looked_up_later() {
    let text = r#"
[resource.aws_vpc.a]
cidr_block = "10.0.0.0/16"
[module.q]
source = "../modules/queue.toml"
for_each = { a = "${aws_vpc.a.id}", b = "b" }
depth = 1
name = "${each.value}"
"#;
    let program = program(text, &[("modules/queue.toml", QUEUE)]);
    let name = |i: usize| {
        &program.components[i]
            .module
            .as_ref()
            .expect("a module")
            .given["name"]
    };
    let mut seen = 0;
    name(0).references(&mut |_, _, _| seen += 1);
    assert_eq!(seen, 1, "the input of `a` refers to the resource");
    assert_eq!(name(1).as_literal(), Some(&Value::from("b")));
}

#[test]
fn inputs_are_checked_where_they_are_written() {
    let text = r#"
[module.q]
source = "../modules/queue.toml"
nme = "x"
name = ["x"]
[module.r]
source = "../modules/queue.toml"
depth = "deep"
name = "${null}"
[outputs.o]
value = "${module.q.lable}"
[outputs.p]
value = "${module.s.id}"
[outputs.r]
value = "${module.q.aws_vpc}"
"#;
    let found = messages(text, &[("modules/queue.toml", QUEUE)]);
    assert_eq!(
        found,
        [
            "stacks/test.toml:2 the module `q` needs `depth`",
            "stacks/test.toml:4 the module `q` has no variable `nme` (did you mean `name`?)",
            "stacks/test.toml:5 module.q: the input `name` does not fit: a string is required",
            "stacks/test.toml:8 module.r: the input `depth` does not fit: a number is required",
            "stacks/test.toml:11 the module `q` has no output `lable` (did you mean `label`?)",
            "stacks/test.toml:13 there is no module `s` (did you mean `module.q`?)",
            "stacks/test.toml:15 the module `q` has no output `aws_vpc` (what is inside a module is reached by its `[outputs]` only: add one)",
        ]
    );
}

#[test]
fn what_is_wrong_inside_points_into_the_module_and_says_which_instance() {
    let text = r#"
[module.q]
source = "../modules/queue.toml"
for_each = { a = "1", b = "x" }
depth = "${each.value}"
"#;
    let module = r#"
[variables.depth]
validation = [{ condition = "${var.depth != \"x\"}", message = "not ${var.depth}" }]
[resource.aws_vpc.this]
cidr_block = "${tonumber(var.depth)}"
[resource.aws_vpc.other]
cdir_block = "x"
vpc = "${aws_vpc.ths.id}"
"#;
    let found = messages(text, &[("modules/queue.toml", module)]);
    assert!(
        found[0].starts_with(
            "modules/queue.toml:3 module.q[\"b\"]: the value of `depth` is refused: not x"
        ),
        "{found:#?}"
    );
    assert!(
        found[1].contains("modules/queue.toml:5 module.q[\"b\"].aws_vpc.this"),
        "{found:#?}"
    );
    // What is wrong in every instance is told once.
    assert!(
        found
            .iter()
            .any(|m| m.contains("no attribute `cdir_block`") && m.contains("module.q[\"a\"]"))
    );
    assert!(found.iter().any(|m| m.starts_with(
        "modules/queue.toml:8 there is no resource `aws_vpc.ths` (did you mean `aws_vpc.this`?)"
    )));
}

#[test]
fn files_that_call_each_other_are_refused() {
    let call = |path: &str| format!("[module.m]\nsource = \"{path}\"");
    let (a, b) = (call("./b.toml"), call("./a.toml"));
    let found = messages(
        &call("./a.toml"),
        &[("stacks/a.toml", &a), ("stacks/b.toml", &b)],
    );
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("stacks/b.toml:2 modules call each other in a circle: stacks/a.toml → stacks/b.toml → stacks/a.toml"),
        "{found:?}"
    );
    let own = messages(&call("./test.toml"), &[]);
    assert!(
        own[0].contains("in a circle: stacks/test.toml → stacks/test.toml"),
        "{own:?}"
    );
}

#[test]
fn values_in_a_circle_through_a_module_are_named() {
    let text = r#"
[module.q]
source = "../modules/queue.toml"
depth = 1
name = "${module.q.label}"
"#;
    let found = messages(text, &[("modules/queue.toml", QUEUE)]);
    assert_eq!(found.len(), 1, "{found:?}");
    for part in [
        "module.q.label",
        "module.q.local.label",
        "module.q.var.name",
    ] {
        assert!(found[0].contains(part), "{found:?}");
    }
    // Crossing, but not a circle.
    let text = r#"
[module.a]
source = "../modules/queue.toml"
depth = 1
name = "${module.b.id}"
[module.b]
source = "../modules/queue.toml"
depth = "${length(module.a.secret)}"
"#;
    program(text, &[("modules/queue.toml", QUEUE)]);
}

#[test]
fn providers_are_handed_over_by_name() {
    let module = r#"
[resource.aws_vpc.a]
cidr_block = "10.0.0.0/16"
[resource.aws_vpc.b]
cidr_block = "10.0.0.0/16"
provider = "aws.other"
[module.inner]
source = "./inner.toml"
"#;
    let inner = "[resource.aws_vpc.c]\ncidr_block = \"10.0.0.0/16\"";
    let files = [("stacks/m.toml", module), ("stacks/inner.toml", inner)];
    let text = |providers: &str| {
        format!(
            "[clouds.aws.alias.us]\n[clouds.aws.alias.eu]\n[module.m]\nsource = \"./m.toml\"\nproviders = {{ {providers} }}"
        )
    };
    let program = program(
        &text("aws = \"aws.us\", \"aws.other\" = \"aws.eu\""),
        &files,
    );
    let providers: Vec<String> = program
        .blocks
        .iter()
        .map(|b| b.provider.to_string())
        .collect();
    // The default configuration is inherited further down.
    assert_eq!(providers, ["aws.us", "aws.us", "aws.eu"]);
    let found = messages(&text("aws = \"aws.us\""), &files);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains(
            "stacks/m.toml:4 module.m: this module is given no provider configuration `aws.other`"
        ),
        "{found:?}"
    );
    let found = messages(
        &text("aws = \"aws.asia\", \"aws.other\" = \"aws.eu\""),
        &files,
    );
    assert!(
        found[0].contains("there is no provider configuration `aws.asia`"),
        "{found:?}"
    );
}

#[test]
fn clouds_and_imports_belong_to_stacks() {
    let module = "[clouds.aws]\n[resource.aws_vpc.a]\ncidr_block = \"x\"\n[[import]]\nto = \"aws_vpc.a\"\nid = \"vpc-1\"";
    let found = messages(
        "[module.m]\nsource = \"./m.toml\"",
        &[("stacks/m.toml", module)],
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("stacks/m.toml:1 a module cannot configure `aws`"),
        "{found:?}"
    );
    assert!(found[1].contains("a module cannot import"), "{found:?}");
}

#[test]
fn sources_that_cannot_be_had_are_told_at_the_call() {
    let found = messages(
        "[module.a]\nsource = \"./none.toml\"\n[module.b]\nsource = \"modules/x.toml\"\n[module.c]\nsource = \"git::https://example.com/a.git//b.toml\"\n[module.d]\nx = 1",
        &[],
    );
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].contains("stacks/none.toml"), "{found:?}");
    assert!(found[1].contains("write `./modules/x.toml`"), "{found:?}");
    assert!(
        found[2].contains("git repositories cannot be used here"),
        "{found:?}"
    );
    assert!(found[3].contains("a module needs `source`"), "{found:?}");
}

#[test]
fn instructions_of_modules_are_about_their_instances() {
    let module = "[[moved]]\nfrom = \"aws_vpc.a\"\nto = \"aws_vpc.b\"\n[resource.aws_vpc.b]\ncidr_block = \"x\"\n[[removed]]\nfrom = \"aws_vpc.c\"\ndestroy = false";
    let text = "[module.m]\nsource = \"./m.toml\"\ncount = 2\n[[moved]]\nfrom = \"module.old\"\nto = \"module.m\"\n[[removed]]\nfrom = \"module.gone\"";
    let found = program(text, &[("stacks/m.toml", module)]);
    let moved: Vec<String> = found
        .moved
        .iter()
        .map(|m| format!("{} {}", m.from, m.to))
        .collect();
    assert_eq!(
        moved,
        [
            "module.old module.m",
            "module.m[0].aws_vpc.a module.m[0].aws_vpc.b",
            "module.m[1].aws_vpc.a module.m[1].aws_vpc.b"
        ]
    );
    let removed: Vec<String> = found.removed.iter().map(|r| r.from.to_string()).collect();
    assert_eq!(
        removed,
        [
            "module.gone",
            "module.m[0].aws_vpc.c",
            "module.m[1].aws_vpc.c"
        ]
    );
    let refused = messages(
        "[module.m]\nsource = \"./m.toml\"\n[[removed]]\nfrom = \"module.m\"",
        &[("stacks/m.toml", module)],
    );
    assert!(
        refused[0].contains("`module.m` is removed and declared at once"),
        "{refused:?}"
    );
}

#[test]
fn a_module_that_is_never_made_is_still_checked() {
    let module = "[resource.aws_vpc.b]\ncidr_block = \"${var.none}\"";
    let text = "[module.m]\nsource = \"./m.toml\"\ncount = 0";
    let found = messages(text, &[("stacks/m.toml", module)]);
    assert_eq!(
        found,
        [
            "stacks/m.toml:2 there is no variable `none` (declare it: `[variables.none]` with `type = \"string\"`)"
        ]
    );
}

#[test]
fn what_the_text_says_is_known_inside_modules() {
    let module = "[resource.aws_vpc.b]\ncidr_block = 1.30";
    let text = "[module.m]\nsource = \"./m.toml\"";
    let found = messages(text, &[("stacks/m.toml", module)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("is text, and `1.30` is a number"),
        "{found:?}"
    );
}

#[test]
fn a_thousand_instances_share_one_file() {
    let mut module = String::from("[variables.n]\n[locals]\nx = \"${var.n}\"\n");
    for i in 0..10 {
        module.push_str(&format!(
            "[resource.aws_vpc.v{i}]\ncidr_block = \"${{local.x}}\"\n"
        ));
    }
    let text = "[module.m]\nsource = \"./m.toml\"\ncount = 1000\nn = \"${count.index}\"";
    let started = std::time::Instant::now();
    let program = program(text, &[("stacks/m.toml", &module)]);
    assert_eq!(program.blocks.len(), 10_000);
    assert_eq!(program.sources.files().len(), 2);
    // Generous: a debug build on a busy machine. Anything quadratic takes minutes.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn ephemeral_outputs_say_so_and_stay_ephemeral_for_the_caller() {
    let module = "[ephemeral.random_password.p]\nlength = 8\n[outputs.secret]\nvalue = \"${ephemeral.random_password.p.result}\"\nephemeral = true\n";
    let text = "[module.m]\nsource = \"./m.toml\"\n[locals]\ncopy = \"${module.m.secret}\"\n";
    program(text, &[("stacks/m.toml", module)]);
    let stored = format!("{text}[resource.terraform_data.a]\ninput = \"${{local.copy}}\"\n");
    let told = messages(&stored, &[("stacks/m.toml", module)]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("`input` of `terraform_data` would store an ephemeral value"),
        "{told:?}"
    );
    let silent = module.replace("ephemeral = true\n", "");
    let told = messages(text, &[("stacks/m.toml", &silent)]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("the output `secret` has an ephemeral value and does not say so"),
        "{told:?}"
    );
}

#[test]
fn a_number_that_would_be_another_text_is_refused_as_an_input() {
    let module = "[variables.release]\ntype = \"string\"\n[variables.all]\ntype = \"list(string)\"\ndefault = []\n[outputs.o]\nvalue = \"${var.release}\"\n";
    let text = |inputs: &str| format!("[module.m]\nsource = \"./m.toml\"\n{inputs}\n");
    let told = messages(
        &text("release = 1.30\nall = [\"1.20\", 1.40]"),
        &[("stacks/m.toml", module)],
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("`release` of the module `m` is text, and `1.30` is a number"),
        "{told:?}"
    );
    assert!(
        told[1].contains("`all` of the module `m` is text, and `1.40` is a number"),
        "{told:?}"
    );
    program(&text("release = \"1.30\""), &[("stacks/m.toml", module)]);
}
