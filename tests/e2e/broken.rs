//! Broken stack files, and the message that a person sees. `tests/broken/NAME.toml` stands beside `NAME.txt`, which is the exact
//! output; run with `INFRA_BLESS=1` to write it anew after looking at it. The stack is validated, unless its first lines say
//! otherwise: `#! run plan -var=a=b`, `#! file stacks/base.toml LINE`.

use crate::support::{Folder, root};
use std::collections::BTreeMap;

/// What stands for a secret: wherever it is given from outside, no message may show it.
const SECRET: &str = "hunter2";

#[test]
fn every_broken_stack_is_explained() {
    let folder = root().join("tests/broken");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("tests/broken")
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    names.sort();
    assert!(names.len() >= 120, "only {} broken stacks", names.len());
    let mut wrong = Vec::new();
    for path in names {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&path).expect("a stack");
        let found = told(&name, &text);
        let expected = path.with_extension("txt");
        if std::env::var_os("INFRA_BLESS").is_some() {
            std::fs::write(&expected, &found).expect("blessed");
        }
        let text = std::fs::read_to_string(&expected).unwrap_or_default();
        if text != found {
            wrong.push(format!("--- {name}: expected\n{text}\n--- found\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the command says about a stack.
fn told(name: &str, text: &str) -> String {
    let scratch = Folder::new();
    let directives: Vec<&str> = text.lines().map_while(|l| l.strip_prefix("#! ")).collect();
    let stack: Vec<&str> = text.lines().skip(directives.len()).collect();
    let stack = stack.join("\n") + "\n";
    scratch.write("stacks/broken.toml", &stack);
    let mut arguments = vec!["validate"];
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for line in directives {
        let (word, rest) = line.split_once(' ').expect("a directive and its words");
        match word {
            "run" => arguments = rest.split(' ').collect(),
            "file" => {
                let (file, line) = rest.split_once(' ').expect("a file and a line");
                let content = files.entry(file).or_default();
                content.push_str(line);
                content.push('\n');
            }
            other => panic!("{name}: unknown directive {other}"),
        }
    }
    for (file, content) in files {
        scratch.write(file, &content);
    }
    arguments.push("stacks/broken.toml");
    let ran = scratch.run(&arguments).expect(1);
    assert!(ran.stdout.is_empty(), "{name}: errors belong on stderr");
    assert!(
        stack.contains(SECRET) || !ran.stderr.contains(SECRET),
        "{name}: a secret is shown"
    );
    ran.stderr
}

#[test]
fn what_is_certain_is_mended_when_asked() {
    let folder = Folder::new();
    let broken = r#"# the network
[resource.aws_vpc.main]
cidr_blok = 10.0.0.0/16 # main
tags = { Name = "${uppercase("main")}", Version = 1.10 }

[resource.terraform_data.zone]
for_each = "${var.zone}"
depends_on = ["${aws_vpc.main}"]

[variable.zones]
type = "list(string)"
default = "a"
"#;
    folder.write("stacks/broken.toml", broken);
    let ran = folder
        .run(&["validate", "-json", "stacks/broken.toml"])
        .expect(1);
    let first = &ran.json()["diagnostics"][0];
    assert_eq!(first["fix"][0]["old"], "10.0.0.0/16", "{first}");
    assert_eq!(first["fix"][0]["new"], "\"10.0.0.0/16\"");
    assert_eq!(first["fix"][0]["range"]["start"]["line"], 3);
    let same = std::fs::read_to_string(folder.path().join("stacks/broken.toml"));
    assert_eq!(
        same.expect("still there"),
        broken,
        "nothing is written unless asked"
    );

    let ran = folder
        .run(&["validate", "--fix", "stacks/broken.toml"])
        .expect(1);
    let mended = std::fs::read_to_string(folder.path().join("stacks/broken.toml")).expect("mended");
    assert_eq!(
        mended,
        r#"# the network
[resource.aws_vpc.main]
cidr_block = "10.0.0.0/16" # main
tags = { Name = '${upper("main")}', Version = "1.10" }

[resource.terraform_data.zone]
for_each = "${toset(var.zones)}"
depends_on = ["aws_vpc.main"]

[variables.zones]
type = "list(string)"
default = "a"
"#,
        "{}",
        ran.stderr
    );
    // What is left is for a person to decide.
    assert!(ran.stderr.contains("E0408"), "{}", ran.stderr);
    assert!(
        ran.stderr
            .ends_with("1 error; `infra explain E0408` says more\n"),
        "{}",
        ran.stderr
    );
}
