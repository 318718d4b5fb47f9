//! Terraform's spelling of long flags, `-auto-approve`, brought to `--auto-approve` before clap sees it. Short flags stay.

use clap::Command;
use std::collections::BTreeSet;
use std::ffi::OsString;

/// The arguments with every single-dash long flag of `command` in its double-dash form. What follows `--` stays as it is.
pub(crate) fn normalise(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let mut names = BTreeSet::new();
    long_names(command, &mut names);
    let mut literal = false;
    arguments
        .into_iter()
        .map(|argument| {
            literal |= argument == "--";
            let Some(text) = argument.to_str().filter(|_| !literal) else {
                return argument;
            };
            match text.strip_prefix('-') {
                Some(rest) if names.contains(rest.split('=').next().unwrap_or_default()) => {
                    format!("--{rest}").into()
                }
                _ => argument,
            }
        })
        .collect()
}

fn long_names(command: &Command, names: &mut BTreeSet<String>) {
    names.extend(["help", "version"].map(str::to_owned));
    for argument in command.get_arguments() {
        names.extend(
            argument
                .get_long_and_visible_aliases()
                .into_iter()
                .flatten()
                .map(str::to_owned),
        );
    }
    for inner in command.get_subcommands() {
        long_names(inner, names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    #[test]
    fn both_spellings_of_long_flags_work_and_short_flags_stay() {
        let cases = [
            ("plan -out x -json", "plan --out x --json"),
            ("plan -var k=v -var=k=-v", "plan --var k=v --var=k=-v"),
            (
                "plan -detailed-exitcode -refresh=false",
                "plan --detailed-exitcode --refresh=false",
            ),
            ("-C dir plan -h", "-C dir plan -h"),
            ("plan -help", "plan --help"),
            ("plan --out=x -unknown -", "plan --out=x -unknown -"),
            ("state list -- -json", "state list -- -json"),
        ];
        for (given, expected) in cases {
            let words = given.split(' ').map(OsString::from);
            let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(normalise(&Cli::command(), words), expected, "{given}");
        }
    }
}
