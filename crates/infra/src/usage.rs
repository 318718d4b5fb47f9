//! Commands that were called wrongly, told as every other error is: what is wrong, and what to write instead.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, did_you_mean};

/// Commands that a Terraform user looks for, and what does the same here.
const ELSEWHERE: [(&str, &str); 8] = [
    ("get", "modules are fetched when a stack is planned"),
    (
        "login",
        "there is nothing to log in to: state is a file, credentials are the clouds' own",
    ),
    (
        "logout",
        "there is nothing to log in to: state is a file, credentials are the clouds' own",
    ),
    (
        "providers",
        "the providers are built in; `infra version` names them",
    ),
    (
        "refresh",
        "`infra apply -refresh-only` brings the state up to date, `infra drift` only looks",
    ),
    (
        "test",
        "`infra plan --sandbox` tries a stack against no cloud at all",
    ),
    ("up", "`infra apply` builds a stack"),
    (
        "workspace",
        "`--instance NAME` makes an isolated copy of a stack",
    ),
];

/// The error of clap in our words; `None` for what is no error, such as help.
pub(crate) fn explain(error: &Error) -> Option<Diagnostic> {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return None;
    }
    let command = command(error);
    let argument = text(error, ContextKind::InvalidArg);
    let value = text(error, ContextKind::InvalidValue);
    let name = argument.split(' ').next().unwrap_or_default();
    let (message, help) = match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with('-') => (
            format!("`{command}` has no flag `{argument}`"),
            suggestion(error, ContextKind::SuggestedArg, &argument),
        ),
        ErrorKind::UnknownArgument => (format!("`{command}` takes no argument `{argument}`"), None),
        ErrorKind::InvalidSubcommand => {
            let word = text(error, ContextKind::InvalidSubcommand);
            let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word);
            (
                format!("`{command}` has no command `{word}`"),
                match elsewhere {
                    Some((_, ours)) => Some((*ours).to_owned()),
                    None => suggestion(error, ContextKind::SuggestedSubcommand, &word),
                },
            )
        }
        ErrorKind::InvalidValue if value.is_empty() => (
            format!("`{name}` needs a value"),
            Some(format!("write `{argument}`")),
        ),
        ErrorKind::InvalidValue => {
            let valid = texts(error, ContextKind::ValidValue);
            let near = did_you_mean(&value, valid.iter().map(String::as_str));
            (
                format!("`{name}` cannot be `{value}`"),
                Some(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write one of {}", valid.join(", ")),
                }),
            )
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(ToString::to_string);
            (
                format!(
                    "`{name}` cannot be `{value}`{}",
                    reason.map(|r| format!(": {r}")).unwrap_or_default()
                ),
                None,
            )
        }
        ErrorKind::MissingRequiredArgument => (
            format!(
                "`{command}` needs {}",
                texts(error, ContextKind::InvalidArg).join(" and ")
            ),
            None,
        ),
        ErrorKind::ArgumentConflict => {
            let prior = texts(error, ContextKind::PriorArg);
            let again = prior.is_empty() || prior == [argument.clone()];
            (
                if again {
                    format!("`{name}` is given more than once")
                } else {
                    format!("`{name}` and {} exclude each other", quoted(&prior))
                },
                Some("keep one of them".to_owned()),
            )
        }
        ErrorKind::NoEquals => (
            format!("the value of `{name}` stands after `=`"),
            Some(format!("write `{argument}`")),
        ),
        ErrorKind::TooManyValues => (
            format!("`{value}` is one value too many for {argument}"),
            None,
        ),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => (
            format!("`{command}` needs more words than were given"),
            None,
        ),
        _ => (first_line(error), None),
    };
    let usage = usage(error)
        .map(|usage| format!("it is called as `{usage}`; "))
        .unwrap_or_default();
    let more = format!("{usage}`{command} --help` has examples");
    Some(Diagnostic::error(Code::Usage, message).help(match help {
        Some(help) => format!("{help}\n{more}"),
        None => more,
    }))
}

fn text(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(" "),
        _ => String::new(),
    }
}

fn texts(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|n| format!("`{}`", n.split(' ').next().unwrap_or_default()))
        .collect();
    names.join(", ")
}

/// The nearest of what clap suggests; it suggests generously.
fn suggestion(error: &Error, kind: ContextKind, word: &str) -> Option<String> {
    let all = texts(error, kind);
    did_you_mean(word, all.iter().map(String::as_str))
        .or(all.first().map(String::as_str))
        .map(|near| format!("did you mean `{near}`?"))
}

/// `infra plan [OPTIONS] [STACK]`
fn usage(error: &Error) -> Option<String> {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return None;
    };
    let usage = usage.to_string();
    let line = usage.lines().next()?.trim();
    Some(line.trim_start_matches("Usage:").trim().to_owned())
}

/// `infra plan`
fn command(error: &Error) -> String {
    let usage = usage(error).unwrap_or_default();
    let words: Vec<&str> = usage
        .split_whitespace()
        .take_while(|w| !w.starts_with(['[', '<', '-']))
        .collect();
    if words.is_empty() {
        "infra".to_owned()
    } else {
        words.join(" ")
    }
}

fn first_line(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    fn told(words: &str) -> String {
        let error = Cli::command()
            .try_get_matches_from(words.split(' '))
            .expect_err(words);
        match explain(&error) {
            Some(found) => format!(
                "$ {words}\n{}\n  {}\n",
                found.message,
                found.help.unwrap_or_default().replace('\n', "\n  ")
            ),
            None => format!("$ {words}\n(help)\n"),
        }
    }

    #[test]
    fn wrong_calls_say_what_to_write() {
        let all: Vec<String> = [
            "infra",
            "infra plan --traget aws_vpc.main",
            "infra plan --jsn",
            "infra plan a.toml b.toml",
            "infra plna",
            "infra workspace",
            "infra frobnicate",
            "infra plan --out",
            "infra plan --refresh=maybe",
            "infra plan --parallelism 0",
            "infra plan --parallelism many",
            "infra plan --destroy --refresh-only",
            "infra graph --format svgg",
            "infra import aws_vpc.main",
            "infra state show",
            "infra sandbox --listen here",
            "infra completions",
            "infra output --json --raw x",
        ]
        .into_iter()
        .map(told)
        .collect();
        insta::assert_snapshot!(all.join("\n"));
    }
}
