//! `infra explain`: its examples are true, and every code is shown by some test.

use crate::support::{Folder, root};
use infra_model::codes::Code;
use std::collections::BTreeSet;

/// The fenced examples of a page: the words after the fence, and the text.
fn examples(page: &str) -> Vec<(Vec<&str>, String)> {
    let mut out: Vec<(Vec<&str>, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(info) => {
                inside = true;
                out.push((info.split(' ').collect(), String::new()));
            }
            None if inside => {
                let (_, text) = out.last_mut().expect("a fence was opened");
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    out
}

#[test]
fn the_examples_fail_and_work_as_the_pages_say() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        for (words, text) in examples(code.explanation()) {
            let fails = words.contains(&"fails");
            if !fails && !words.contains(&"works") {
                continue;
            }
            let folder = Folder::new();
            folder.write("stacks/example.toml", &text);
            let command = if words.contains(&"plan") {
                "plan"
            } else {
                "validate"
            };
            let mut arguments = vec![command];
            arguments.extend(words.iter().filter(|w| w.starts_with('-')));
            arguments.push("stacks/example.toml");
            let ran = folder.run(&arguments);
            let shown = ran.stderr.lines().any(|line| line == code.as_str());
            if ran.code != Some(i32::from(fails)) || shown != fails {
                wrong.push(format!("{code} {words:?}\n{text}\n{}", ran.stderr));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

/// Codes that no example and no broken stack shows: where they are tested instead, or why they are not.
const ELSEWHERE: &[(Code, &str)] = &[
    (Code::UnknownInstances, "engine: unknown for_each"),
    (Code::PreventDestroy, "failures.rs"),
    (Code::Protected, "failures.rs"),
    (
        Code::UnmanageableType,
        "a state that another build has written",
    ),
    (
        Code::DataLoss,
        "engine: what holds data goes only when it is named",
    ),
    (Code::StalePlan, "failures.rs"),
    (Code::NotGenerated, "failures.rs"),
    (Code::ManagedAlready, "failures.rs"),
    (
        Code::UnknownProviderConfig,
        "needs a cloud whose configuration is unknown while importing",
    ),
    (
        Code::Unfinished,
        "engine: recovery against a provider that fails",
    ),
    (
        Code::CloudThrottled,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (Code::CloudUnreachable, "failures.rs"),
    (
        Code::CloudTimedOut,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (
        Code::CloudDenied,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (
        Code::CloudQuota,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (
        Code::CloudConflict,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (
        Code::CloudNotFound,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (
        Code::CloudInvalid,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (
        Code::CloudFailed,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (
        Code::CloudOther,
        "answers of clouds: the mapping is tested in infra-aws",
    ),
    (Code::Interrupted, "kill.rs: a signal while applying"),
    (Code::StateDamaged, "failures.rs"),
    (Code::StateNewer, "state: a format from the future"),
    (Code::StateLocked, "state: two stores on one folder"),
    (Code::StateForeign, "failures.rs"),
    (Code::StateOtherWorld, "state: a label of another world"),
    (Code::StateIo, "state: a storage that is full"),
    (Code::KeyMissing, "state: a sealed value without a key"),
    (Code::WrongKey, "state: a value sealed with another key"),
    (Code::BadKey, "failures.rs"),
    (Code::Tampered, "state: a sealed value that was moved"),
    (Code::BrokenRule, "state: rules that no command can break"),
    (Code::NotInState, "failures.rs"),
    (Code::Occupied, "state: a move onto something"),
    (Code::NotPushed, "failures.rs"),
    (Code::OtherKind, "failures.rs"),
    (
        Code::UnderWay,
        "state: an edit of what an interrupted run worked on",
    ),
    (Code::Usage, "failures.rs"),
    (Code::NoStack, "failures.rs"),
    (Code::BadPlanFile, "failures.rs"),
    (Code::BadStackName, "failures.rs"),
    (Code::Renamed, "failures.rs"),
    (Code::NeedsApproval, "failures.rs"),
    (Code::NoState, "failures.rs"),
    (Code::SandboxFails, "failures.rs"),
    (Code::System, "an operating system that refuses threads"),
    (Code::FileExists, "failures.rs"),
    (Code::Advice, "broken/component_listener.txt"),
    (Code::Deprecated, "lang: deprecated.toml"),
    (Code::CheckFailed, "failures.rs"),
    (
        Code::LeftAlone,
        "engine: recovery that finds a foreign object",
    ),
    (Code::StateAlone, "failures.rs"),
];

#[test]
fn every_code_is_shown_by_a_test() {
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for code in Code::ALL {
        if examples(code.explanation())
            .iter()
            .any(|(words, _)| words.contains(&"fails"))
        {
            shown.insert(code.to_string());
        }
    }
    for folder in ["tests/broken", "crates/lang/tests/broken"] {
        let files = std::fs::read_dir(root().join(folder)).expect("a folder of cases");
        for file in files
            .flatten()
            .filter(|f| f.path().extension().is_some_and(|e| e == "txt"))
        {
            let text = std::fs::read_to_string(file.path()).expect("text");
            let words = text.split(|c: char| !c.is_ascii_alphanumeric());
            shown.extend(words.map(str::to_owned));
        }
    }
    let failures = std::fs::read_to_string(root().join("tests/e2e/failures.rs")).expect("text");
    for code in Code::ALL {
        let listed = ELSEWHERE.iter().find(|(listed, _)| listed == code);
        match listed {
            None => assert!(shown.contains(code.as_str()), "{code} is shown by no test"),
            Some((_, "failures.rs")) => {
                let name = format!("Code::{code:?}");
                assert!(failures.contains(&name), "{name} is not in failures.rs");
            }
            Some(_) => {}
        }
    }
}

#[test]
fn codes_are_explained_listed_and_corrected() {
    let folder = Folder::new();
    let ran = folder.run(&["explain", "e0403"]).expect(0);
    assert!(
        ran.stdout.starts_with("E0403: unknown attribute\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(folder.run(&["explain", "403"]).expect(0).stdout, ran.stdout);
    let ran = folder.run(&["explain"]).expect(0);
    assert!(
        ran.stdout.contains("\n  E0403  unknown attribute\n"),
        "{}",
        ran.stdout
    );
    let ran = folder
        .run(&["explain", "-json", "E0403", "E0404"])
        .expect(0);
    assert_eq!(ran.json()[1]["code"], "E0404");
    let ran = folder.run(&["explain", "E04003"]).expect(1);
    assert!(
        ran.stderr.contains("did you mean `E0403`?"),
        "{}",
        ran.stderr
    );
}
