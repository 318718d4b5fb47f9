//! Every file in `tests/broken` has the messages beside it that a person gets for it. To write them anew after a wanted change:
//! `UPDATE_EXPECT=1 cargo test -p infra-lang`, and read the difference.

use crate::world::loaded;
use infra_lang::files::MemoryFiles;
use infra_lang::{Given, Loaded};
use infra_model::Code;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// `#! var NAME=VALUE`, `#! required`, `#! file NAME TEXT` and `#! varfile NAME TEXT` at the start say how a file is loaded.
fn load(text: &str) -> Loaded {
    let (mut given, mut required) = (Vec::new(), false);
    let mut files = MemoryFiles::default();
    for line in text.lines().map_while(|line| line.strip_prefix("#! ")) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let two = || rest.split_once(' ').expect("a name and a text");
        match word {
            "required" => required = true,
            "var" => {
                let (name, value) = rest.split_once('=').expect("NAME=VALUE");
                given.push(Given::Value {
                    name: name.to_owned(),
                    value: value.to_owned(),
                });
            }
            "varfile" => given.push(Given::File {
                name: two().0.to_owned(),
                text: two().1.to_owned(),
            }),
            "file" => {
                files
                    .files
                    .insert(two().0.into(), two().1.as_bytes().to_vec());
            }
            other => panic!("unknown directive {other}"),
        }
    }
    loaded(text, &given, files, required)
}

fn render(loaded: &Loaded) -> String {
    let mut out = String::new();
    for d in &loaded.diagnostics {
        let severity = if d.is_error() { "error" } else { "warning" };
        let _ = writeln!(out, "{severity} {}: {}", d.code, d.message);
        for (span, label) in &d.labels {
            let file = loaded.sources.file(span.file).expect("a registered file");
            let text = &file.text[span.start as usize..span.end as usize];
            let text = text.lines().next().unwrap_or_default();
            let place = loaded.sources.place(*span).expect("inside the file");
            let _ = writeln!(out, "  {place} `{text}` {label}");
        }
        if let Some(help) = &d.help {
            let _ = writeln!(out, "  help: {help}");
        }
    }
    out
}

#[test]
fn broken_stacks_say_what_is_wrong() {
    let folder = Path::new("tests/broken");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of broken stacks")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    names.sort();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in &names {
        let text = std::fs::read_to_string(path).expect("a stack");
        let loaded = load(&text);
        let found = render(&loaded);
        assert!(
            !loaded.diagnostics.is_empty(),
            "{} has nothing wrong",
            path.display()
        );
        seen.extend(loaded.diagnostics.iter().map(|d| d.code));
        let expected = path.with_extension("txt");
        if update {
            std::fs::write(&expected, &found).expect("can write");
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&found) {
            wrong.push(format!("--- {}\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let missing: Vec<_> = Code::ALL
        .iter()
        .filter(|code| code.as_str() < "E0700" && !seen.contains(code))
        .collect();
    assert!(missing.is_empty(), "no broken stack shows {missing:?}");
}
