//! The graph that every peer gets: layered `terraform_data`, written once and rendered for each.

use std::fmt::Write as _;

/// Resource i refers to (i-1)/3 and, past 10, to i-7.
fn dependencies(i: usize) -> Vec<usize> {
    match i {
        0 => Vec::new(),
        1..=10 => vec![(i - 1) / 3],
        _ => vec![(i - 1) / 3, i - 7],
    }
}

/// What a resource's input says; `changed` is the one whose text differs from the first version.
fn input(i: usize, changed: Option<usize>) -> String {
    let mut text = if changed == Some(i) {
        format!("w{i}")
    } else {
        format!("v{i}")
    };
    for d in dependencies(i) {
        let _ = write!(text, " ${{terraform_data.r{d}.id}}");
    }
    text
}

/// The graph as a stack file.
pub(super) fn stack(size: usize, changed: Option<usize>) -> String {
    rendered("[stack]\nname = \"bench\"\n", size, changed, |i, input| {
        format!("\n[resource.terraform_data.r{i}]\ninput = \"{input}\"\n")
    })
}

/// The same graph in HCL.
pub(super) fn configuration(size: usize, changed: Option<usize>) -> String {
    rendered("", size, changed, |i, input| {
        format!("resource \"terraform_data\" \"r{i}\" {{\n  input = \"{input}\"\n}}\n")
    })
}

fn rendered(
    head: &str,
    size: usize,
    changed: Option<usize>,
    resource: impl Fn(usize, &str) -> String,
) -> String {
    let resources = (0..size).map(|i| resource(i, &input(i, changed)));
    std::iter::once(head.to_owned()).chain(resources).collect()
}
