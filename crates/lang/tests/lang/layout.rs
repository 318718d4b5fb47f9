//! `infra fmt` on stacks as people write them: it is idempotent, and changes neither a value, nor an order, nor a comment. And
//! what a file means does not depend on the order of its tables.

use crate::dice::Dice;
use crate::world::loaded;
use infra_lang::files::MemoryFiles;
use infra_lang::{Evaluator, format};
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::evaluate::{Evaluate, KnownStep, Phase, Resolved, Scope};
use infra_model::expr::Root;
use infra_model::program::Program;
use infra_model::{Timestamp, Value};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml_edit::Item;

/// Every value of a document with its path, in the order of the file.
fn values(text: &str) -> Vec<String> {
    fn walk(path: &str, item: &Item, out: &mut Vec<String>) {
        if let Some(table) = item.as_table_like() {
            out.push(format!("{path} {{"));
            for (key, item) in table.iter() {
                walk(&format!("{path}/{key}"), item, out);
            }
        } else if let Some(tables) = item.as_array_of_tables() {
            for (i, table) in tables.iter().enumerate() {
                walk(&format!("{path}[{i}]"), &Item::Table(table.clone()), out);
            }
        } else if let Some(array) = item.as_array() {
            for (i, value) in array.iter().enumerate() {
                walk(&format!("{path}[{i}]"), &Item::Value(value.clone()), out);
            }
        } else if let Some(text) = item.as_str() {
            out.push(format!("{path} = {text:?}"));
        } else {
            let text = item.to_string();
            let value = text.split("#~").next().unwrap_or_default();
            out.push(format!("{path} = {}", value.trim()));
        }
    }
    let document: toml_edit::DocumentMut = text.parse().unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut out = Vec::new();
    walk("", document.as_item(), &mut out);
    out
}

/// The comments of a generated document, which alone have this sign.
fn comments(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.find("#~").map(|at| line[at..].trim_end()))
        .collect()
}

/// A value in one of its spellings.
fn value(dice: &mut Dice, depth: u32) -> String {
    match dice.below(if depth > 2 { 7 } else { 12 }) {
        0 => dice.below(1000).to_string(),
        1 => "1_000".to_owned(),
        2 => "-0.5e3".to_owned(),
        3 => dice.pick(&["true", "false"]).to_owned(),
        4 => "2024-01-02T03:04:05Z".to_owned(),
        5 => format!("\"a \\\"quoted\\\" # no comment {}\"", dice.below(9)),
        6 => "'${cidrsubnet(\"10.0.0.0/8\", 8, 1)}'".to_owned(),
        7 => "\"\"\"\n  several\n# lines\n\"\"\"".to_owned(),
        8 => "'''one\n  two'''".to_owned(),
        9 | 10 => {
            let open = dice.pick(&["[", "[ ", "[\n  ", "[ #~ first\n"]);
            let between = dice.pick(&[",", " , ", ",\n", ", #~ inside\n"]);
            let close = dice.pick(&["]", " ]", ",]", "\n]", ",\n#~ last\n  ]"]);
            let items: Vec<String> = (0..1 + dice.below(3))
                .map(|_| value(dice, depth + 1))
                .collect();
            format!("{open}{}{close}", items.join(between))
        }
        _ => {
            let items: Vec<String> = (0..dice.below(3))
                .map(|i| {
                    let key = dice.pick(&["k", "p.q"]);
                    let equals = dice.pick(&["=", " = ", "  =   "]);
                    format!("{key}{i}{equals}{}", value(dice, 3))
                })
                .collect();
            format!("{{{}}}", items.join(dice.pick(&[", ", ",", " , "])))
        }
    }
}

/// A document of tables, in careless layout.
fn document(dice: &mut Dice) -> String {
    let mut out = String::new();
    for table in 0..dice.below(6) {
        for _ in 0..dice.below(4) {
            out.push_str(dice.pick(&["\n", "   \n", "#~ about this\n", "  #~ indented \n"]));
        }
        let header = match dice.below(4) {
            0 => "[[list]]".to_owned(),
            1 => format!("[t{table}]"),
            2 => format!("[ a . t{table} ]"),
            _ => format!("[resource.\"x y\".t{table}]"),
        };
        let comment = dice.pick(&["", "  ", " #~ on the header"]);
        let _ = writeln!(out, "{header}{comment}");
        for key in 0..dice.below(6) {
            let name = match dice.below(5) {
                0 => format!("key{key}"),
                1 => format!("a.b{key}"),
                2 => format!("\"quoted key {key}\""),
                3 => format!("a . c{key}"),
                _ => format!("'x{key}'"),
            };
            let _ = write!(
                out,
                "{}{name}{}{}{}\n{}",
                dice.pick(&["", "  ", "\t"]),
                dice.pick(&["=", " = ", "   =  "]),
                value(dice, 0),
                dice.pick(&["", "", " #~ behind", "    #~ far behind  "]),
                dice.pick(&["", "", "\n", "\n\n\n"]),
            );
        }
    }
    out
}

#[test]
fn formatting_is_idempotent_and_keeps_values_orders_and_comments() {
    for seed in 0..2_000 {
        let text = document(&mut Dice::new(seed));
        let once = format(&text).unwrap_or_else(|e| panic!("seed {seed}: {e:?}\n{text}"));
        let again = format(&once).unwrap_or_else(|e| panic!("seed {seed}: {e:?}\n{once}"));
        assert_eq!(again, once, "seed {seed}, again:\n{text}");
        assert_eq!(values(&once), values(&text), "seed {seed}, values:\n{text}");
        assert_eq!(
            comments(&once),
            comments(&text),
            "seed {seed}, comments:\n{text}"
        );
    }
}

/// `UPDATE_EXPECT=1` formats them.
#[test]
fn the_example_stacks_are_in_canonical_layout() {
    let folder = Path::new("../../stacks");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the example stacks") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a stack");
        let canonical = format(&text).expect("TOML");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &canonical).expect("can write");
        } else {
            assert_eq!(canonical, text, "{}", path.display());
        }
        seen += 1;
    }
    assert!(seen > 0, "there are no example stacks");
}

/// Locals and variables of a program; a resource is what it is called.
struct Declared<'a>(&'a Program, &'a Evaluator);

impl Scope for Declared<'_> {
    fn resolve(&self, root: &Root, steps: &[KnownStep], _: Span) -> Result<Resolved, Diagnostic> {
        let value = match root {
            Root::Local(name) => self
                .1
                .evaluate(&self.0.locals[name].value, self)
                .map_err(|mut errors| errors.remove(0))?,
            Root::Variable(name) => self.0.variables[name].value.clone(),
            Root::Resource { name, .. } => {
                return Ok(Resolved {
                    value: Value::string(name.clone()),
                    consumed: steps.len(),
                });
            }
            other => {
                return Err(Diagnostic::error(
                    infra_model::Code::BadReference,
                    format!("{other:?}"),
                ));
            }
        };
        Ok(Resolved::whole(value))
    }

    fn phase(&self) -> Phase {
        Phase::Plan
    }

    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

/// Something that one of the earlier blocks gives, so that there is no circle.
fn earlier(dice: &mut Dice, before: usize) -> String {
    match (before, dice.below(3)) {
        (0, _) | (_, 0) => "var.size".to_owned(),
        (_, 1) => format!("local.l{}", dice.below(before)),
        _ => format!("terraform_data.r{}.id", dice.below(before)),
    }
}

/// Tables that refer to each other, before and behind themselves.
fn tables(dice: &mut Dice) -> Vec<String> {
    let mut tables = vec!["[variables.size]\ndefault = 3\n".to_owned()];
    let mut locals = Vec::new();
    for i in 0..2 + dice.below(8) {
        let (a, b) = (earlier(dice, i), earlier(dice, i));
        locals.push(format!("l{i} = \"${{{a}}}-${{{b}}}\"\n"));
        tables.push(format!(
            "[resource.terraform_data.r{i}]\ninput = [\"${{{b}}}\", \"${{local.l{i}}}\"]\n"
        ));
        tables.push(format!(
            "[outputs.o{i}]\nvalue = \"${{upper(local.l{i})}}${{terraform_data.r{i}.id}}\"\n"
        ));
    }
    dice.shuffle(&mut locals);
    tables.push(format!("[locals]\n{}", locals.concat()));
    dice.shuffle(&mut tables);
    tables
}

/// What a text means: addresses with their configuration, and outputs.
fn meaning(text: &str) -> Vec<String> {
    let found = loaded(text, &[], MemoryFiles::default(), true);
    assert!(
        found.diagnostics.is_empty(),
        "{:?}\n{text}",
        found.diagnostics
    );
    let program = found.program.expect("no errors, so a program");
    let evaluator = Evaluator::new(Arc::new(MemoryFiles::default()), PathBuf::from("/"));
    let scope = Declared(&program, &evaluator);
    let blocks = program
        .blocks
        .iter()
        .map(|b| (b.address.to_string(), &b.config));
    let outputs = program
        .outputs
        .iter()
        .map(|(name, output)| (name.to_string(), &output.value));
    let mut out: Vec<String> = blocks
        .chain(outputs)
        .map(|(name, expr)| {
            let value = evaluator.evaluate(expr, &scope);
            format!("{name} {:?}", value.expect("everything is known"))
        })
        .collect();
    out.sort();
    out
}

#[test]
fn the_order_of_tables_means_nothing() {
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let mut tables = tables(&mut dice);
        let first = meaning(&tables.concat());
        for _ in 0..3 {
            dice.shuffle(&mut tables);
            assert_eq!(meaning(&tables.concat()), first, "seed {seed}");
        }
    }
}
