//! How a command ends: its exit code, and what to tell the user when it fails. Every library's error becomes diagnostics here.

use infra_engine::{EngineError, SavedPlanError};
use infra_model::address::AddressError;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Sources};
use infra_model::pattern::PatternError;
use infra_sandbox::SandboxError;
use infra_state::{EditError, StateError};
use std::io::ErrorKind;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0
    Done,
    /// 1: errors, usage errors too.
    Error,
    /// 2: there are changes, and the command was asked to say so.
    Changes,
    /// 130
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Changes => 2,
            Exit::Interrupted => 130,
        }
    }
}

/// Why a command cannot go on.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) diagnostics: Diagnostics,
    /// The texts that the diagnostics point into.
    pub(crate) sources: Sources,
}

/// What commands return.
pub(crate) type Outcome = Result<Exit, CommandError>;

impl CommandError {
    /// Diagnostics with the texts that they point into.
    pub(crate) fn new(diagnostics: Diagnostics, sources: Sources) -> CommandError {
        CommandError {
            diagnostics,
            sources,
        }
    }

    /// A message with a remedy.
    pub(crate) fn hint(
        code: Code,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> CommandError {
        Diagnostic::error(code, message).help(help).into()
    }

    /// A file that cannot be read or written.
    pub(crate) fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> CommandError {
        let help = match error.kind() {
            ErrorKind::NotFound => {
                "is the path spelled right? It is relative to where the command runs"
            }
            ErrorKind::PermissionDenied => "you need the permission for it",
            ErrorKind::StorageFull => "free some space and run the same command again",
            _ => "mend what the system says and run the same command again",
        };
        CommandError::hint(
            Code::FileAccess,
            format!("cannot {doing} {}: {error}", path.display()),
            help,
        )
    }

    /// With the texts that its places lie in.
    pub(crate) fn within(mut self, sources: &Sources) -> CommandError {
        self.sources = sources.clone();
        self
    }
}

impl From<Diagnostic> for CommandError {
    fn from(diagnostic: Diagnostic) -> CommandError {
        CommandError::new(vec![diagnostic], Sources::default())
    }
}

impl From<AddressError> for CommandError {
    fn from(error: AddressError) -> CommandError {
        Diagnostic::error(Code::BadAddress, error.to_string()).into()
    }
}

impl From<PatternError> for CommandError {
    fn from(error: PatternError) -> CommandError {
        Diagnostic::error(Code::BadAddress, error.to_string()).into()
    }
}

impl From<StateError> for CommandError {
    fn from(error: StateError) -> CommandError {
        let mut diagnostic = Diagnostic::error(error.code(), error.to_string());
        diagnostic.help = error.help();
        diagnostic.into()
    }
}

impl From<EditError> for CommandError {
    fn from(error: EditError) -> CommandError {
        let mut diagnostic = Diagnostic::error(error.code(), error.to_string());
        diagnostic.help = error.help();
        diagnostic.into()
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> CommandError {
        match error {
            EngineError::Invalid(diagnostics) => CommandError::new(diagnostics, Sources::default()),
            EngineError::State(error) => error.into(),
        }
    }
}

impl From<SandboxError> for CommandError {
    fn from(error: SandboxError) -> CommandError {
        CommandError::hint(
            Code::SandboxFails,
            format!("the sandbox does not start: {error}"),
            "give it other ports with --listen, or end the process that has them",
        )
    }
}

impl From<SavedPlanError> for CommandError {
    fn from(error: SavedPlanError) -> CommandError {
        match error {
            SavedPlanError::State(error) => error.into(),
            SavedPlanError::NoKey => CommandError::hint(
                Code::KeyMissing,
                error.to_string(),
                "set INFRA_STATE_KEY, or put the key file back: ~/.config/infra/key",
            ),
            SavedPlanError::NotAPlan | SavedPlanError::Damaged(_) => CommandError::hint(
                Code::BadPlanFile,
                error.to_string(),
                "make a new one with `infra plan -out FILE`",
            ),
        }
    }
}
