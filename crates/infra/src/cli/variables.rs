//! `-var` and `-var-file`, in the order in which they are written: the last one counts, as in Terraform.

use clap::{ArgMatches, Args, Command, FromArgMatches, ValueHint};
use std::path::PathBuf;

/// The flags, each on its own.
#[derive(Args)]
struct Flags {
    /// Set a variable
    #[arg(long = "var", value_name = "NAME=VALUE", allow_hyphen_values = true)]
    var: Vec<String>,
    /// Read variables from a file (.toml or .json)
    #[arg(long = "var-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    var_file: Vec<PathBuf>,
}

/// Values for a stack's variables, in the order in which they are given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables(pub(crate) Vec<Setting>);

/// One flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// `-var NAME=VALUE`
    Value(String),
    /// `-var-file FILE`
    File(PathBuf),
}

impl FromArgMatches for Variables {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Variables, clap::Error> {
        let mut found = Vec::new();
        let places = |name| matches.indices_of(name).into_iter().flatten();
        let values = matches.get_many::<String>("var").into_iter().flatten();
        found.extend(places("var").zip(values.cloned().map(Setting::Value)));
        let files = matches
            .get_many::<PathBuf>("var_file")
            .into_iter()
            .flatten();
        found.extend(places("var_file").zip(files.cloned().map(Setting::File)));
        found.sort_by_key(|(place, _)| *place);
        Ok(Variables(
            found.into_iter().map(|(_, setting)| setting).collect(),
        ))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Variables::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Variables {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}
