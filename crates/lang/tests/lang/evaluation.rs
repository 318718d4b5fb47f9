//! What evaluation does with values that no console can show: unknown ones, marked ones, references, files, times; and where
//! its errors point.

use infra_lang::files::MemoryFiles;
use infra_lang::{Evaluator, parse_expression};
use infra_model::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use infra_model::evaluate::{Evaluate, KnownStep, Phase, Resolved, Scope};
use infra_model::expand::NoComponents;
use infra_model::expr::Root;
use infra_model::value::Marks;
use infra_model::{InstanceKey, Timestamp, Type, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct World(Phase);

const EPHEMERAL: Marks = Marks {
    sensitive: false,
    ephemeral: true,
};

impl Scope for World {
    fn resolve(
        &self,
        root: &Root,
        steps: &[KnownStep],
        span: Span,
    ) -> Result<Resolved, Diagnostic> {
        let value = match root {
            Root::Variable(name) => match &**name {
                "any" => Value::UNKNOWN,
                "text" => Value::Unknown(Type::String),
                "number" => Value::Unknown(Type::Number),
                "flag" => Value::Unknown(Type::Bool),
                "list" => Value::Unknown(Type::list(Type::String)),
                "map" => Value::Unknown(Type::map(Type::Number)),
                "pair" => Value::Unknown(Type::tuple([Type::String, Type::Number])),
                "object" => Value::Unknown(Type::object([("size", Type::Number)])),
                "half" => Value::tuple(vec![Value::from("a"), Value::Unknown(Type::String)]),
                "secret" => Value::from("hunter2").sensitive(),
                "secrets" => Value::tuple(vec![Value::from("hunter2").sensitive()]),
                "unseen" => Value::Unknown(Type::String).sensitive(),
                "token" => Value::from("t").with_marks(EPHEMERAL),
                "zone" => Value::from("b"),
                "server" => Value::object([("name", Value::from("x")), ("size", Value::from(3))]),
                other => {
                    return Err(Diagnostic::error(
                        infra_model::Code::UnknownVariable,
                        format!("no variable {other}"),
                    )
                    .or_at(span));
                }
            },
            // A resource with `for_each`: the scope takes the key for itself.
            Root::Resource { .. } => match steps.first() {
                Some(KnownStep::Key(InstanceKey::Name(key))) => {
                    return Ok(Resolved {
                        value: Value::object([("id", Value::from(format!("id-{key}")))]),
                        consumed: 1,
                    });
                }
                _ => Value::map(
                    Type::object([("id", Type::String)]),
                    [("all", Value::object([("id", Value::from("id-all"))]))],
                ),
            },
            _ => {
                return Err(Diagnostic::error(
                    infra_model::Code::BadReference,
                    "nothing of that name",
                ));
            }
        };
        Ok(Resolved::whole(value))
    }

    fn phase(&self) -> Phase {
        self.0
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_526_197_452_999)
    }
}

fn evaluated(text: &str, phase: Phase) -> Result<Value, Diagnostics> {
    let files = MemoryFiles::new([
        ("/stack/hello.txt", "hello"),
        ("/stack/d/a.tf", "a"),
        ("/stack/d/e/b.tf", "b"),
        (
            "/stack/t.tmpl",
            "%{ for n in names ~}\n<${n}>${upper(x)}\n%{ endfor ~}\n",
        ),
        ("/stack/only.tmpl", "${x}"),
        ("/stack/bad.tmpl", "${nosuch.y}"),
        ("/stack/fails.tmpl", "${x.y}"),
        ("/stack/loop.tmpl", "${templatefile(\"loop.tmpl\", {})}"),
        ("/stack/open.tmpl", "${"),
    ]);
    let evaluator = Evaluator::new(Arc::new(files), PathBuf::from("/stack"));
    let here = Path::new("/stack");
    let expr = parse_expression(text, &NoComponents, here, &mut Sources::default())?;
    evaluator.evaluate(&expr, &World(phase))
}

/// A value in few words.
fn show(value: &Value) -> String {
    match value {
        Value::Marked(marks, inner) => format!(
            "{}{}{}",
            if marks.sensitive { "sensitive " } else { "" },
            if marks.ephemeral { "ephemeral " } else { "" },
            show(inner)
        ),
        Value::Unknown(ty) => format!("unknown {ty}"),
        Value::Null(ty) => format!("null {ty}"),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => format!("{s:?}"),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            let items: Vec<String> = items.iter().map(show).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(_, entries) | Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(k, v)| format!("{k} = {}", show(v)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn check(phase: Phase, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(text, expected)| {
            let found = match evaluated(text, phase) {
                Ok(value) => show(&value),
                Err(errors) => {
                    let messages: Vec<String> = errors.into_iter().map(|d| d.message).collect();
                    format!("error: {}", messages.join("; "))
                }
            };
            (found != *expected)
                .then(|| format!("{text}\n    expected {expected}\n    found    {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unknown_values_give_unknown_results_of_the_right_type() {
    check(
        Phase::Plan,
        &[
            ("var.number + 1", "unknown number"),
            ("var.text == \"a\"", "unknown bool"),
            ("-var.number", "unknown number"),
            ("!var.flag", "unknown bool"),
            ("var.flag && false", "false"),
            ("var.flag || true", "true"),
            ("var.flag && true", "unknown bool"),
            ("var.list + 1", "error: this operand must be a number"),
            ("\"a-${var.text}\"", "unknown string"),
            (
                "\"a-${var.list}\"",
                "error: this value is a list of string, which cannot be part of a string",
            ),
            ("\"%{ if var.flag }a%{ endif }\"", "unknown string"),
            ("\"%{ for x in var.list }a%{ endfor }\"", "unknown string"),
            ("var.flag ? 1 : \"a\"", "unknown string"),
            ("var.flag ? var.any : \"a\"", "unknown any"),
            ("true ? var.text : 1", "unknown string"),
            ("true ? \"a\" : var.any", "\"a\""),
            ("var.flag ? null : \"a\"", "unknown string"),
            (
                "var.flag ? 1 : [1]",
                "error: both results of a conditional must be of one type, but here they are a number and a tuple",
            ),
            ("[1, var.text]", "[1, unknown string]"),
            ("{ a = var.text }", "{a = unknown string}"),
            ("{ (var.text) = 1 }", "unknown any"),
            ("var.list[0]", "unknown string"),
            ("var.list[\"x\"]", "error: the key must be a number"),
            ("var.map.a", "unknown number"),
            ("var.map[var.text]", "unknown number"),
            ("var.pair[1]", "unknown number"),
            (
                "var.pair[2]",
                "error: there is no element 2: the list has 2 elements, with indexes 0 to 1",
            ),
            ("var.object.size", "unknown number"),
            (
                "var.object.siez",
                "error: this object has no attribute `siez`",
            ),
            ("[1, 2][var.number]", "unknown any"),
            ("var.any.a[0].b", "unknown any"),
            ("var.text.a", "error: a string has no attribute `a`"),
            ("var.list[*]", "unknown list(string)"),
            ("var.pair[*]", "[unknown string, unknown number]"),
            ("var.any[*].a", "unknown any"),
            ("[for x in var.list : x]", "unknown any"),
            ("[for x in var.half : upper(x)]", "[\"A\", unknown string]"),
            ("[for x in var.half : x if x != \"a\"]", "unknown any"),
            ("{ for x in var.half : x => 1 }", "unknown any"),
            ("upper(var.text)", "unknown string"),
            (
                "upper(var.list)",
                "error: `upper` cannot take this as `str`: a string is required",
            ),
            ("upper(var.list...)", "unknown any"),
            ("length(var.half)", "2"),
            ("length(var.pair)", "2"),
            ("length(var.list)", "unknown number"),
            (
                "length(var.number)",
                "error: `length` cannot take this as `value`: a list, set, tuple, map, object or string is required",
            ),
            ("concat(var.half, [1])", "[\"a\", unknown string, 1]"),
            ("concat(tolist([\"a\"]), var.list)", "unknown list(string)"),
            (
                "merge({ a = 1 }, var.object)",
                "{a = 1, size = unknown number}",
            ),
            ("merge({ a = 1 }, var.any)", "unknown any"),
            ("keys({ a = var.text })", "[\"a\"]"),
            ("keys(var.object)", "[\"size\"]"),
            ("values(var.map)", "unknown list(number)"),
            ("lookup({ a = var.text }, \"a\")", "unknown string"),
            ("lookup(var.map, \"a\", 1)", "unknown number"),
            ("element(var.list, 0)", "unknown string"),
            ("contains(var.half, \"a\")", "true"),
            ("contains(var.half, \"b\")", "unknown bool"),
            ("alltrue([false, var.flag])", "false"),
            ("anytrue([false, var.flag])", "unknown bool"),
            ("coalesce(\"a\", var.text)", "\"a\""),
            ("coalesce(var.text, 1)", "unknown string"),
            ("toset(var.half)", "unknown set(string)"),
            ("tolist(var.half)", "[\"a\", unknown string]"),
            ("tostring(var.number)", "unknown string"),
            ("zipmap([\"a\"], [var.text])", "{a = unknown string}"),
            ("zipmap(var.list, [1])", "unknown any"),
            ("one(var.list)", "unknown string"),
            ("flatten([var.list])", "unknown any"),
            ("join(\",\", var.half)", "unknown string"),
            ("jsonencode(var.half)", "unknown string"),
            ("sum([1, var.number])", "unknown number"),
            ("format(\"%s\", var.text)", "unknown string"),
            ("formatlist(\"%s\", var.half)", "[\"a\", unknown string]"),
            (
                "regex(\"(?P<x>a)\", var.text)",
                "unknown object({x = string})",
            ),
            ("setunion([\"a\"], var.list)", "unknown set(string)"),
            (
                "setproduct([\"a\"], var.list)",
                "unknown list(tuple([string, string]))",
            ),
            ("try(var.text, 1)", "unknown string"),
            ("can(var.any.x)", "unknown bool"),
            ("can(var.text)", "true"),
            ("try(tonumber(var.text), \"x\")", "unknown any"),
            ("tolist([1, var.any])", "unknown list(any)"),
            ("tomap({ a = 1, b = var.any })", "unknown map(any)"),
            ("var.flag ? [1] : [var.any]", "unknown tuple([any])"),
            ("issensitive(var.text)", "unknown bool"),
            (
                "cidrsubnet(\"10.0.0.0/8\", 8, var.number)",
                "unknown string",
            ),
            ("startswith(var.text, \"\")", "true"),
            ("var.half == [\"b\", \"c\"]", "false"),
            ("var.half == [\"a\", \"c\"]", "unknown bool"),
        ],
    );
}

#[test]
fn marks_go_with_what_is_computed_from_them() {
    check(
        Phase::Plan,
        &[
            ("upper(var.secret)", "sensitive \"HUNTER2\""),
            (
                "\"a${var.secret}${var.token}\"",
                "sensitive ephemeral \"ahunter2t\"",
            ),
            ("[var.secret]", "[sensitive \"hunter2\"]"),
            (
                "[for s in var.secrets : upper(s)]",
                "[sensitive \"HUNTER2\"]",
            ),
            ("length(var.secrets)", "1"),
            ("var.unseen == \"a\"", "sensitive unknown bool"),
            ("var.secret == \"a\" ? 1 : 2", "sensitive 2"),
            ("{ (var.secret) = 1 }", "sensitive {hunter2 = 1}"),
            ("nonsensitive(var.secret)", "\"hunter2\""),
            (
                "ephemeralasnull({ a = var.token, b = 1 })",
                "{a = null string, b = 1}",
            ),
            ("aws_x.y[var.secret].id", "sensitive \"id-hunter2\""),
            ("jsonencode(var.secrets)", "sensitive \"[\\\"hunter2\\\"]\""),
        ],
    );
}

#[test]
fn errors_never_quote_what_is_sensitive() {
    for text in [
        "tonumber(var.secret)",
        "parseint(var.secret, 10)",
        "cidrhost(var.secret, 1)",
        "{ a = 1 }[var.secret]",
        "lookup({ a = 1 }, var.secret)",
        "{ for x in [1, 2] : var.secret => x }",
        "format(var.secret)[0]",
        "timeadd(var.secret, \"1h\")",
        "templatestring(var.secret, { x = 1 }).y",
        "[for t in [\"$${x.y}\"] : templatestring(t, { x = var.secret })]",
        "jsondecode(var.secret)",
        "regex(var.secret, \"x\")",
        "try(tonumber(var.secret))",
        "var.secrets[*].hunter",
        "textencodebase64(\"a\", var.secret)",
    ] {
        let errors = evaluated(text, Phase::Plan).expect_err(text);
        let shown = format!("{errors:?}");
        assert!(!shown.contains("hunter2"), "{text}: {shown}");
    }
}

#[test]
fn references_are_resolved_with_the_keys_that_follow() {
    check(
        Phase::Plan,
        &[
            ("aws_x.y[\"a\"].id", "\"id-a\""),
            ("aws_x.y[var.zone].id", "\"id-b\""),
            ("aws_x.y[\"${var.zone}c\"][\"id\"]", "\"id-bc\""),
            ("aws_x.y[var.text].id", "unknown string"),
            ("aws_x.y", "{all = {id = \"id-all\"}}"),
            ("values(aws_x.y)[*].id", "[\"id-all\"]"),
            ("{ for k, v in aws_x.y : k => v.id }", "{all = \"id-all\"}"),
            ("var.server.name", "\"x\""),
            (
                "[var.nope, local.nope]",
                "error: no variable nope; nothing of that name",
            ),
        ],
    );
}

#[test]
fn files_are_read_from_the_folder_of_the_stack() {
    check(
        Phase::Plan,
        &[
            ("file(\"hello.txt\")", "\"hello\""),
            ("file(\"${\"./d\"}/../hello.txt\")", "\"hello\""),
            ("file(\"/stack/hello.txt\")", "\"hello\""),
            (
                "filemd5(\"hello.txt\")",
                "\"5d41402abc4b2a76b9719d911017c592\"",
            ),
            ("filebase64(\"hello.txt\")", "\"aGVsbG8=\""),
            ("filesha1(\"hello.txt\") == sha1(\"hello\")", "true"),
            ("filesha256(\"hello.txt\") == sha256(\"hello\")", "true"),
            ("filesha512(\"hello.txt\") == sha512(\"hello\")", "true"),
            (
                "filebase64sha256(\"hello.txt\") == base64sha256(\"hello\")",
                "true",
            ),
            (
                "filebase64sha512(\"hello.txt\") == base64sha512(\"hello\")",
                "true",
            ),
            ("fileexists(\"hello.txt\")", "true"),
            ("fileexists(\"nope\")", "false"),
            (
                "file(\"nope\")",
                "error: `file` cannot take this as `path`: \"nope\" cannot be read: entity not found",
            ),
            ("fileset(\"d\", \"**/*.tf\")", "[\"a.tf\", \"e/b.tf\"]"),
            ("fileset(\"d\", \"*.tf\")", "[\"a.tf\"]"),
            ("fileset(\"nope\", \"*\")", "[]"),
            ("abspath(\"d/../x\")", "\"/stack/x\""),
            (
                "templatefile(\"t.tmpl\", { names = [\"a\", \"b\"], x = \"y\" })",
                "\"<a>Y\\n<b>Y\\n\"",
            ),
            ("templatefile(\"only.tmpl\", { x = [1] })", "[1]"),
            (
                "templatefile(\"only.tmpl\", { x = var.secret })",
                "sensitive \"hunter2\"",
            ),
            (
                "templatefile(\"only.tmpl\", {})",
                "error: `templatefile` cannot take this as `path`: `x` is not a reference",
            ),
            (
                "templatefile(\"bad.tmpl\", {})",
                "error: `templatefile` cannot take this as `path`: the template uses `nosuch`, which is not among its variables",
            ),
            (
                "templatefile(\"fails.tmpl\", { x = 1 })",
                "error: `templatefile` cannot take this as `path`: the template fails: a number has no attribute `y`",
            ),
            (
                "templatefile(\"t.tmpl\", [1])",
                "error: `templatefile` cannot take this as `vars`: a map or an object is required",
            ),
            (
                "templatefile(\"t.tmpl\", { \"a b\" = 1 })",
                "error: `templatefile` cannot take this as `vars`: \"a b\" cannot be the name of a variable",
            ),
            (
                "templatefile(\"t.tmpl\", { names = var.list, x = \"y\" })",
                "unknown string",
            ),
            ("can(templatefile(\"loop.tmpl\", {}))", "false"),
            ("can(templatefile(\"open.tmpl\", {}))", "false"),
            (
                "[for t in [\"%%{ for n in names }$${n}!%%{ endfor }\"] : templatestring(t, { names = [\"a\"] })]",
                "[\"a!\"]",
            ),
        ],
    );
}

#[test]
fn what_differs_at_every_call_is_known_when_applying() {
    check(
        Phase::Plan,
        &[
            ("timestamp()", "unknown string"),
            ("uuid()", "unknown string"),
            ("bcrypt(\"a\")", "unknown string"),
            ("plantimestamp()", "\"2018-05-13T07:44:12Z\""),
        ],
    );
    check(Phase::Validate, &[("plantimestamp()", "unknown string")]);
    check(
        Phase::Apply,
        &[
            ("timestamp()", "\"2018-05-13T07:44:12Z\""),
            ("length(uuid())", "36"),
            ("uuid() == uuid()", "false"),
            ("substr(bcrypt(\"a\", 4), 0, 7)", "\"$2a$04$\""),
        ],
    );
}

#[test]
fn errors_point_at_the_innermost_place() {
    let cases = [
        (
            "upper(\"a\") + 1",
            "upper(\"a\")",
            Some("texts are joined in a template, as in `\"${a}-${b}\"`, not with `+`"),
        ),
        (
            "1 + (2 * \"x\")",
            "\"x\"",
            Some("texts are joined in a template, as in `\"${a}-${b}\"`, not with `+`"),
        ),
        (
            "upper([1], 2)",
            "upper",
            Some("it is called as `upper(str string) string`"),
        ),
        ("upperr(\"a\")", "upperr", Some("did you mean `upper`?")),
        (
            "upper([1])",
            "[1]",
            Some("it is called as `upper(str string) string`"),
        ),
        (
            "cidrsubnet(\"10.0.0.0/8\", 99, 0)",
            "99",
            Some(
                "it is called as `cidrsubnet(prefix string, newbits number, netnum number) string`",
            ),
        ),
        ("var.server.nam", "nam", Some("did you mean `name`?")),
        (
            "var.server[\"siz\"]",
            "\"siz\"",
            Some("did you mean \"size\"?"),
        ),
        ("[1, 2][7]", "7", None),
        (
            "[for x in [{ a = 1 }] : x.other]",
            "other",
            Some("there is `a`"),
        ),
        ("var.nope.x", "var.nope", None),
        ("\"a ${null} b\"", "null", None),
        (
            "true ? tonumber(\"x\") : 1",
            "\"x\"",
            Some("it is called as `tonumber(v any) number`"),
        ),
        (
            "[{ a = 1 }].a",
            "a",
            Some("name an element with `[0]`, or take the attribute of each with `[*]`"),
        ),
        (
            "toset([\"a\"])[0]",
            "0",
            Some("the elements of a set have no order; convert it with `tolist()` first"),
        ),
        (
            "{ for x in [1, 1] : \"a\" => x }",
            "\"a\"",
            Some("write `...` after the value to collect all values of a key in a list"),
        ),
    ];
    for (text, place, help) in cases {
        let errors = evaluated(text, Phase::Plan).expect_err(text);
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        let span = errors[0].labels[0].0;
        let found = &text[span.start as usize..span.end as usize];
        assert_eq!(found, place, "{text}: {errors:?}");
        assert_eq!(errors[0].help.as_deref(), help, "{text}");
    }
    let many = evaluated("{ a = 1 + null, b = [upper([]), -\"x\"] }", Phase::Plan);
    assert_eq!(many.expect_err("three mistakes").len(), 3);
}

#[test]
fn compressed_text_can_be_read_back() {
    use base64::Engine as _;
    use std::io::Read as _;
    let Ok(Value::String(encoded)) = evaluated("base64gzip(\"hello hello hello\")", Phase::Plan)
    else {
        panic!("a string");
    };
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(&*encoded)
        .expect("base64");
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice())
        .read_to_string(&mut text)
        .expect("gzip");
    assert_eq!(text, "hello hello hello");
}

#[test]
fn every_function_is_documented_and_says_how_it_is_called() {
    let all = infra_lang::functions::signatures();
    assert_eq!(all.len(), 118);
    for function in all {
        assert!(function.doc.ends_with('.'), "{function}");
        assert!(
            infra_lang::functions::find(function.name).is_some_and(|f| f.name == function.name)
        );
    }
    let shown = |name| infra_lang::functions::find(name).map(ToString::to_string);
    assert_eq!(
        shown("core::max").as_deref(),
        Some("max(numbers number...) number")
    );
}
