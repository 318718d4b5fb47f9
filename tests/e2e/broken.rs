//! Broken stack files, and the message that a person sees. `tests/broken/NAME.toml` stands beside `NAME.txt`, which is the exact
//! output; run with `INFRA_BLESS=1` to write it anew after looking at it.

use crate::support::{Folder, root};

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
    assert!(names.len() >= 30, "only {} broken stacks", names.len());
    let mut wrong = Vec::new();
    for path in names {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let scratch = Folder::new();
        scratch.write(
            "stacks/broken.toml",
            &std::fs::read_to_string(&path).expect("a stack"),
        );
        let ran = scratch.run(&["validate", "stacks/broken.toml"]).expect(1);
        assert!(ran.stdout.is_empty(), "{name}: errors belong on stderr");
        let expected = path.with_extension("txt");
        if std::env::var_os("INFRA_BLESS").is_some() {
            std::fs::write(&expected, &ran.stderr).expect("blessed");
        }
        let text = std::fs::read_to_string(&expected).unwrap_or_default();
        if text != ran.stderr {
            wrong.push(format!(
                "--- {name}: expected\n{text}\n--- found\n{}",
                ran.stderr
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
