//! From a stack file to a program: gathers what loading depends on, reports what is wrong.

use crate::cli::{Setting, Variables};
use crate::error::CommandError;
use crate::instance::passing;
use crate::modules::{Fetcher, Renew};
use crate::place::{Place, home_of};
use crate::providers::Providers;
use crate::system::{SystemClock, SystemFiles};
use crate::ui::Ui;
use infra_hardening::Drill;
use infra_lang::files::Files;
use infra_lang::{Given, LoadRequest, Loaded};
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_model::expand::{Expand, Together};
use infra_model::program::Program;
use infra_model::time::{Clock, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to load.
pub(crate) struct Loading<'a> {
    pub(crate) providers: &'a Providers,
    pub(crate) given: Vec<Given>,
    /// A variable without a value is an error.
    pub(crate) require_variables: bool,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) now: Timestamp,
    /// Whether objects of clusters are resources of their own, whoever brings them there.
    pub(crate) directly: bool,
    /// What copies for a drill are made from, where it is those that are loaded.
    pub(crate) drill: Option<Drill>,
    /// Which modules in git repositories are brought to their newest commits.
    pub(crate) renew: Renew,
}

impl<'a> Loading<'a> {
    /// From the disk, with the variables of the command line.
    pub(crate) fn new(
        providers: &'a Providers,
        variables: &Variables,
    ) -> Result<Loading<'a>, CommandError> {
        Ok(Loading {
            providers,
            given: given(variables)?,
            require_variables: true,
            files: Arc::new(SystemFiles),
            now: SystemClock.now(),
            directly: false,
            drill: None,
            renew: Renew::Nothing,
        })
    }

    /// The program of a text, or everything that is wrong with it.
    pub(crate) fn load(&self, path: &Path, text: &str, instance: Option<&str>) -> Loaded {
        self.load_with(path, text, instance, &self.fetcher(path))
    }

    /// What brings the modules of a stack that are in git repositories.
    pub(crate) fn fetcher(&self, path: &Path) -> Fetcher {
        Fetcher::new(path, &home_of(path).0, self.renew.clone())
    }

    /// [`Self::load`], with a fetcher that can be asked afterwards.
    pub(crate) fn load_with(
        &self,
        path: &Path,
        text: &str,
        instance: Option<&str>,
        fetcher: &Fetcher,
    ) -> Loaded {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .filter(|(k, _)| k.starts_with(infra_lang::ENVIRONMENT_PREFIX))
            .collect();
        let name = path.to_string_lossy();
        let expand = match (&self.drill, self.directly) {
            (Some(drill), _) => kinds_with(infra_hardening::hardening_beside(drill.clone())),
            (None, true) => kinds_with(infra_hardening::hardening_directly()),
            (None, false) => kinds(),
        };
        infra_lang::load(&LoadRequest {
            path,
            name: &name,
            text,
            schemas: self.providers,
            expand: &expand,
            given: &self.given,
            environment: &environment,
            require_variables: self.require_variables,
            instance: instance.map(Into::into),
            passing: passing(instance),
            files: self.files.clone(),
            working_directory: working_directory(),
            fetch: fetcher,
            now: self.now,
        })
    }

    /// The program of a stack; warnings are told.
    pub(crate) fn program(&self, place: &Place, ui: Ui) -> Result<Program, CommandError> {
        let text = text_of(place)?;
        let loaded = self.load(&place.file, text, place.instance.as_deref());
        match loaded.program {
            Some(program) => {
                ui.diagnostics(&loaded.diagnostics, &loaded.sources);
                Ok(program)
            }
            None => Err(CommandError::new(loaded.diagnostics, loaded.sources)),
        }
    }
}

/// What `[network.main]`, …, `[hardening.main]` become.
pub(crate) fn kinds() -> Together {
    kinds_with(infra_hardening::hardening())
}

fn kinds_with(hardening: impl Expand + 'static) -> Together {
    Together::new(vec![
        Box::new(infra_components::components()),
        Box::new(hardening),
    ])
}

/// The stack file's text.
pub(crate) fn text_of(place: &Place) -> Result<&str, CommandError> {
    place.text.as_deref().ok_or_else(|| {
        Diagnostic::error(
            Code::NoStack,
            format!("there is no file {}", place.file.display()),
        )
        .into()
    })
}

/// Where the command runs.
pub(crate) fn working_directory() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."))
}

/// `-var` and `-var-file`, the last one counts.
fn given(variables: &Variables) -> Result<Vec<Given>, CommandError> {
    let mut given = Vec::new();
    for setting in &variables.0 {
        given.push(match setting {
            Setting::File(file) => {
                let text = std::fs::read_to_string(file);
                Given::File {
                    name: file.to_string_lossy().into_owned(),
                    text: text.map_err(|e| CommandError::io("read", file, &e))?,
                }
            }
            Setting::Value(pair) => {
                let Some((name, value)) = pair.split_once('=') else {
                    return Err(CommandError::hint(
                        Code::Usage,
                        format!("`{pair}` sets no variable"),
                        "write -var NAME=VALUE",
                    ));
                };
                Given::Value {
                    name: name.trim().to_owned(),
                    value: value.to_owned(),
                }
            }
        });
    }
    Ok(given)
}
