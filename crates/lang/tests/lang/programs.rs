//! Stacks that are right, and what becomes of them.

use crate::world::loaded;
use infra_lang::files::MemoryFiles;
use infra_lang::{Given, Loaded};
use infra_model::expr::{Expr, ExprKind, Root};
use infra_model::program::{IgnoreChanges, Program, Repeat};
use infra_model::{Span, Type, Value};

fn program_with(text: &str, given: &[Given], files: MemoryFiles) -> Program {
    let Loaded {
        program,
        diagnostics,
        ..
    } = loaded(text, given, files, true);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    program.expect("no errors, so a program")
}

fn program(text: &str) -> Program {
    program_with(text, &[], MemoryFiles::default())
}

/// Every reference of an expression with the text under its place.
fn references(expr: &Expr, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    expr.references(&mut |_, _, span| {
        out.push(text[span.start as usize..span.end as usize].to_owned());
    });
    out
}

#[test]
fn a_stack_becomes_a_program() {
    let text = r#"
[stack]
name = "shop"
protect = true
ttl = "1h30m"

[variables.region]
type = "string"
default = "eu-west-1"

[locals]
zones = ["a", "b"]
named = "${var.region}-x"

[clouds.aws]
region = "${var.region}"
[clouds.aws.alias.us]
region = "us-east-1"

[resource.aws_vpc.main]
cidr_block = "10.0.0.0/16"
tags = { "Name of ${var.region}" = "x" }
[resource.aws_vpc.main.lifecycle]
prevent_destroy = true
ignore_changes = ["tags", "tags[\"a.b\"]"]

[resource.aws_subnet.a]
for_each = "${toset(local.zones)}"
provider = "aws.us"
vpc_id = "${aws_vpc.main.id}"
cidr_block = "${cidrsubnet(aws_vpc.main.cidr_block, 8, index(local.zones, each.key))}"
depends_on = ["aws_vpc.main", "data.aws_availability_zones.all"]

[data.aws_availability_zones.all]

[outputs.ids]
value = "${values(aws_subnet.a)[*].id}"
type = "list(string)"
"#;
    let program = program(text);
    assert_eq!(&*program.stack.name, "shop");
    assert!(program.stack.protect);
    assert_eq!(program.stack.ttl, Some(5400));
    assert_eq!(program.variables["region"].value, Value::from("eu-west-1"));
    let addresses: Vec<String> = program
        .blocks
        .iter()
        .map(|b| b.address.to_string())
        .collect();
    assert_eq!(
        addresses,
        [
            "aws_vpc.main",
            "aws_subnet.a",
            "data.aws_availability_zones.all"
        ]
    );
    let providers: Vec<String> = program
        .providers
        .iter()
        .map(|p| p.address.to_string())
        .collect();
    assert_eq!(providers, ["aws", "aws.us"]);
    let subnet = &program.blocks[1];
    assert_eq!(subnet.provider.to_string(), "aws.us");
    assert!(matches!(subnet.repeat, Repeat::ForEach(_)));
    assert_eq!(subnet.depends_on.len(), 2);
    assert!(subnet.config.attribute("for_each").is_none());
    assert_eq!(
        references(&subnet.config, text),
        ["aws_vpc.main", "aws_vpc.main", "local.zones", "each.key"]
    );
    assert_eq!(
        &text[subnet.span.start as usize..subnet.span.end as usize],
        "[resource.aws_subnet.a]"
    );
    match &program.blocks[0].lifecycle.ignore_changes {
        IgnoreChanges::Paths(paths) => {
            let paths: Vec<String> = paths.iter().map(|(path, _)| path.to_string()).collect();
            assert_eq!(paths, ["tags", "tags[\"a.b\"]"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(program.outputs["ids"].ty, Some(Type::list(Type::String)));
}

#[test]
fn words_that_begin_references_may_name_blocks() {
    let text = "[resource.aws_vpc.each]\ncidr_block = \"10.0.0.0/16\"\n[resource.aws_vpc.data]\ncidr_block = \"${aws_vpc.each.cidr_block}\"";
    let blocks = program(text).blocks;
    let names: Vec<String> = blocks.iter().map(|b| b.address.to_string()).collect();
    assert_eq!(names, ["aws_vpc.each", "aws_vpc.data"]);
}

#[test]
fn strings_become_the_expressions_they_are() {
    let text = r#"
[locals]
n = 1
whole = "${local.n}"
padded = " ${local.n}"
literal = "$${x} %%{y} $5 100%"
number = "${ 1e3 }"
directive = "%{ for a in [1, 2] ~}  ${a},  %{~ endfor }"
trimmed = "a  ${~ local.n ~}  b"
legacy = "${[{ a = [1] }].0.a.*}"
nested = "${"x${local.n}"}"
nfc = "e\u0301"
when = 2024-01-02 03:04:05+02:00
big = "${123456789012345678901234567890 + 0.1}"
"#;
    let program = program(&text.replace("\"${\"x${local.n}\"}\"", "'${\"x${local.n}\"}'"));
    let kind = |name: &str| &*program.locals[name].value.kind;
    assert!(matches!(kind("whole"), ExprKind::Reference(Root::Local(_))));
    assert!(matches!(kind("padded"), ExprKind::Template(parts) if parts.len() == 2));
    assert_eq!(
        program.locals["literal"].value.as_literal(),
        Some(&Value::from("${x} %{y} $5 100%"))
    );
    assert_eq!(
        program.locals["number"].value.as_literal(),
        Some(&Value::from(1000))
    );
    assert_eq!(
        program.locals["nfc"].value.as_literal(),
        Some(&Value::from("é"))
    );
    assert_eq!(
        program.locals["when"].value.as_literal(),
        Some(&Value::from("2024-01-02T03:04:05+02:00"))
    );
    assert!(matches!(kind("nested"), ExprKind::Template(_)));
    assert!(matches!(kind("legacy"), ExprKind::Splat { .. }));
    let ExprKind::Template(parts) = kind("trimmed") else {
        panic!("a template");
    };
    let texts: Vec<String> = parts
        .iter()
        .filter_map(|p| match p {
            infra_model::expr::TemplatePart::Text(t) => Some(t.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["a", "b"]);
}

#[test]
fn components_become_resources_in_a_scope_of_their_own() {
    let text = r#"
[locals]
base = "10.0.0.0/16"
[network.main]
for_each = { eu = 3, us = 1 }
cidr = "${each.key == "eu" ? local.base : terraform_data.x.output}"
zones = "${each.value}"
depends_on = ["terraform_data.x"]
[cluster.main]
network = '${network.main["eu"]}'
[cluster.other]
network = 'main["us"]'
lifecycle = { enabled = "${network.main["eu"].cidr == "nope"}" }
[resource.terraform_data.x]
input = "y"
[outputs.cidr]
value = '${network.main["eu"].cidr}'
[[moved]]
from = "network.old"
to = "network.main"
"#
    .replace(
        "\"${each.key == \"eu\" ? local.base : terraform_data.x.output}\"",
        "'${each.key == \"eu\" ? local.base : terraform_data.x.output}'",
    )
    .replace(
        "\"${network.main[\"eu\"].cidr == \"nope\"}\"",
        "'${network.main[\"eu\"].cidr == \"nope\"}'",
    );
    let program = program(&text);
    let addresses: Vec<String> = program
        .blocks
        .iter()
        .map(|b| b.address.to_string())
        .collect();
    assert_eq!(
        addresses,
        [
            "terraform_data.x",
            "network.main[\"eu\"].aws_vpc.this",
            "network.main[\"eu\"].aws_subnet.private",
            "network.main[\"us\"].aws_vpc.this",
            "network.main[\"us\"].aws_subnet.private",
            "cluster.main.aws_eks_cluster.this",
        ]
    );
    assert_eq!(program.components.len(), 3);
    let vpc = &program.blocks[1];
    assert_eq!(vpc.depends_on.len(), 1);
    // The input is spliced in as it was written, with its own place, its `each` replaced.
    let cidr = vpc.config.attribute("cidr_block").expect("set");
    assert!(matches!(&*cidr.kind, ExprKind::Conditional(..)));
    assert!(text[cidr.span.start as usize..].starts_with("each.key =="));
    let tags = vpc.config.attribute("tags").expect("set");
    assert_eq!(tags.as_literal(), Some(&Value::NULL));
    let cluster = &program.blocks[5];
    assert_eq!(
        &text[cluster.span.start as usize..cluster.span.end as usize],
        "[cluster.main]"
    );
    let moved: Vec<String> = program
        .moved
        .iter()
        .map(|m| format!("{} {}", m.from, m.to))
        .collect();
    // A component moves as a whole; the engine knows what was in it.
    assert_eq!(moved[0], "network.old network.main");
    assert_eq!(moved.len(), 1);
}

#[test]
fn files_extend_others() {
    let files = MemoryFiles::new([
        (
            "stacks/base.toml",
            "[stack]\nextends = [\"../lib/deep.toml\"]\ndescription = \"base\"\n[locals]\nlist = [1, 2]\nx = 1\n[locals.tags]\na = 1\nb = 1\n[[removed]]\nfrom = \"aws_vpc.a\"\n[moved]\nfrom = \"aws_vpc.e\"\nto = \"aws_vpc.f\"\n",
        ),
        ("lib/deep.toml", "[locals]\nx = 0\ndeep = true\n"),
    ]);
    // `..` in paths stays as it is: the files are the caller's.
    let files = MemoryFiles {
        files: files
            .files
            .into_iter()
            .map(|(path, text)| {
                if path.starts_with("lib") {
                    ("stacks/../lib/deep.toml".into(), text)
                } else {
                    (path, text)
                }
            })
            .collect(),
    };
    let program = program_with(
        "[stack]\nextends = [\"base.toml\"]\n[locals]\nlist = [3]\ntags = { b = 2 }\n[[removed]]\nfrom = \"aws_vpc.b\"\ndestroy = false\n[moved]\nfrom = \"aws_vpc.c\"\nto = \"aws_vpc.d\"\n",
        &[],
        files,
    );
    assert_eq!(&*program.stack.name, "test");
    assert_eq!(program.stack.description.as_deref(), Some("base"));
    assert!(program.locals.contains_key("deep"));
    assert!(
        matches!(&*program.locals["list"].value.kind, ExprKind::Tuple(items) if items.len() == 1)
    );
    assert!(
        matches!(&*program.locals["tags"].value.kind, ExprKind::Object(items) if items.len() == 2)
    );
    assert_eq!(program.removed.len(), 2);
    assert!(!program.removed[1].destroy);
    assert_eq!(program.moved.len(), 2);
    assert_eq!(program.files_read.len(), 2);
    assert_eq!(program.sources.files().len(), 3);
}

#[test]
fn paths_start_in_the_folder_of_the_stack() {
    let files = MemoryFiles::new([("stacks/greeting.tmpl", "Hello, ${name}!")]);
    let text = r#"
[resource.terraform_data.x]
input = [
  '${templatefile("greeting.tmpl", { name = "you" })}',
  '${file("${path.module}/greeting.tmpl")}',
  '${fileset(path.root, "*.tmpl")}',
]
[resource.terraform_data.x.lifecycle]
precondition = [{ condition = '${fileexists("greeting.tmpl")}', message = "no greeting" }]
"#;
    let program = program_with(text, &[], files);
    let read: Vec<&str> = program.files_read.iter().map(|(path, _)| &**path).collect();
    assert_eq!(read, ["stacks/greeting.tmpl"]);
}

#[test]
fn an_alias_may_stand_for_many_configurations() {
    let text = r#"
[locals]
regions = { eu = "eu-west-1", us = "us-east-1" }
[clouds.aws.alias.by_region]
for_each = "${local.regions}"
region = "${each.value}"
[resource.aws_vpc.main]
for_each = "${local.regions}"
provider = "aws.by_region[each.key]"
cidr_block = "10.0.0.0/16"
[resource.aws_vpc.one]
provider = 'aws.by_region["us"]'
cidr_block = "10.0.0.0/16"
"#;
    let program = program(text);
    let providers: Vec<String> = program
        .providers
        .iter()
        .map(|p| p.address.to_string())
        .collect();
    assert_eq!(
        providers,
        ["aws.by_region[\"eu\"]", "aws.by_region[\"us\"]"]
    );
    let region = program.providers[1].config.attribute("region");
    assert_eq!(
        region.and_then(Expr::as_literal),
        Some(&Value::from("us-east-1"))
    );
    assert_eq!(program.blocks[0].provider.to_string(), "aws.by_region");
    assert!(program.blocks[0].provider_key.is_some());
    assert_eq!(program.blocks[1].provider, program.providers[1].address);
    assert!(program.blocks[1].provider_key.is_none());
}

#[test]
fn one_import_may_stand_for_many() {
    let text = r#"
[locals]
ids = { a = "vpc-1", b = "vpc-2" }
[resource.aws_vpc.main]
for_each = "${local.ids}"
cidr_block = "10.0.0.0/16"
[[import]]
for_each = "${local.ids}"
to = "aws_vpc.main[each.key]"
id = "${each.value}"
[[import]]
to = 'aws_vpc.main["c"]'
id = "vpc-3"
"#;
    let program = program(text);
    let [many, one] = program.imports.as_slice() else {
        panic!("two imports: {:?}", program.imports);
    };
    assert_eq!(many.to.to_string(), "aws_vpc.main");
    assert!(matches!(many.repeat, Repeat::ForEach(_)));
    let key = many.key.as_ref().expect("a computed key");
    assert_eq!(references(key, text), ["each.key"]);
    assert_eq!(references(&many.id, text), ["each.value"]);
    assert_eq!(one.to.to_string(), "aws_vpc.main[\"c\"]");
    assert!(one.key.is_none() && matches!(one.repeat, Repeat::Single));
}

#[test]
fn variables_take_the_last_value_given() {
    let text = "[variables.n]\ntype = \"number\"\ndefault = 1\n[variables.l]\ntype = \"list(number)\"\nsensitive = true\n[variables.o]\ntype = \"object({ a = optional(string, \\\"d\\\") })\"\ndefault = {}\n";
    let value = |name: &str, value: &str| Given::Value {
        name: name.into(),
        value: value.into(),
    };
    let program = program_with(
        text,
        &[
            value("n", "2"),
            Given::File {
                name: "x.toml".into(),
                text: "n = 3\nl = [1]\n".into(),
            },
            value("l", "[\"4\", 5]"),
        ],
        MemoryFiles::default(),
    );
    assert_eq!(program.variables["n"].value, Value::from(3));
    let list = Value::list(Type::Number, vec![Value::from(4), Value::from(5)]);
    assert_eq!(program.variables["l"].value, list.sensitive());
    assert_eq!(
        program.variables["o"].value,
        Value::object([("a", Value::from("d"))])
    );
}

#[test]
fn validate_needs_no_values() {
    let text = "[variables.n]\ntype = \"number\"\n[resource.terraform_data.x]\ncount = \"${var.n}\"\ninput = \"${count.index + var.n}\"\n";
    let result = loaded(text, &[], MemoryFiles::default(), false);
    assert!(result.diagnostics.is_empty(), "{:?}", result.diagnostics);
    let program = result.program.expect("a program");
    assert_eq!(program.variables["n"].value, Value::Unknown(Type::Number));
}

#[test]
fn implied_providers_stand_nowhere() {
    let program = program("[resource.terraform_data.x]\n");
    assert_eq!(program.providers[0].address.to_string(), "builtin");
    assert_eq!(program.providers[0].span, Span::default());
}

#[test]
fn the_console_takes_bare_expressions() {
    let mut sources = infra_model::Sources::default();
    let parse = |text: &str, sources: &mut infra_model::Sources| {
        infra_lang::parse_expression(
            text,
            &crate::world::Parts::new(),
            std::path::Path::new("/here"),
            sources,
        )
    };
    let expr = parse("network.main.id", &mut sources).expect("an expression");
    assert_eq!(references(&expr, "network.main.id"), ["network.main"]);
    let expr = parse("path.module", &mut sources).expect("an expression");
    assert_eq!(expr.as_literal(), Some(&Value::from(".")));
    assert!(parse("1 +", &mut sources).is_err());
}
