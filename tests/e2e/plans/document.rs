//! The cases: Markdown in which `# ` begins a case and `## ` a step, with the stack of the step in a block marked `toml`
//! and those of its modules in blocks marked `toml NAME`, which stay until they are given again.
//!
//! Lines outside of the blocks: `flags: …` for plan; `expect: …` says what else than success is wanted, and `except: …`
//! which difference is on purpose ([`Expected`], [`super::EXCEPTIONS`]).

use std::collections::BTreeMap;

/// What must come out of a step, in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// It is applied, and then there is nothing to do.
    #[default]
    Done,
    /// It is applied, and leaves something to do.
    MoreToDo,
    /// Refused while planning.
    PlanFails,
    /// Stops while applying.
    ApplyFails,
}

/// A configuration and its changes.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub steps: Vec<Step>,
}

/// One state of a configuration.
#[derive(Debug, Default)]
pub struct Step {
    pub name: String,
    pub stack: String,
    /// The modules that are new or others than before.
    pub modules: BTreeMap<String, String>,
    pub flags: Vec<String>,
    pub expected: Expected,
    /// Names of differences that are on purpose.
    pub excepted: Vec<String>,
}

/// Reads a document; what it cannot read fails the test.
pub fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut block: Option<(String, String)> = None;
    for line in text.lines() {
        if let Some((module, body)) = &mut block {
            if line == "```" {
                let step = last(&mut cases);
                if module.is_empty() {
                    step.stack = std::mem::take(body);
                } else {
                    step.modules
                        .insert(std::mem::take(module), std::mem::take(body));
                }
                block = None;
            } else {
                body.push_str(line);
                body.push('\n');
            }
        } else if let Some(name) = line.strip_prefix("# ") {
            cases.push(Case {
                name: name.to_owned(),
                steps: Vec::new(),
            });
        } else if let Some(name) = line.strip_prefix("## ") {
            cases.last_mut().expect("a case").steps.push(Step {
                name: name.to_owned(),
                ..Step::default()
            });
        } else if let Some(module) = line.strip_prefix("```toml") {
            block = Some((module.trim().to_owned(), String::new()));
        } else if let Some((key, value)) = line.split_once(": ") {
            let step = last(&mut cases);
            match key {
                "flags" => step.flags = value.split(' ').map(str::to_owned).collect(),
                "expect" => {
                    step.expected = match value {
                        "more to do" => Expected::MoreToDo,
                        "plan fails" => Expected::PlanFails,
                        "apply fails" => Expected::ApplyFails,
                        _ => panic!("{line}"),
                    }
                }
                "except" => step.excepted.push(value.to_owned()),
                _ => panic!("{line}"),
            }
        } else {
            assert!(line.is_empty(), "{line}");
        }
    }
    cases
}

fn last(cases: &mut [Case]) -> &mut Step {
    let steps = &mut cases.last_mut().expect("a case").steps;
    steps.last_mut().expect("a step")
}
