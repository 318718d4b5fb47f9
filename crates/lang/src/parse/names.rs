//! What bare names can mean at a place: which kinds of components there are, whose resources are meant.

use infra_model::Str;
use infra_model::expr::{At, Expr};
use std::path::Path;

/// The expression of an input by its name.
pub(crate) type Inputs<'a> = dyn Fn(&str) -> Option<Expr> + 'a;

/// The names that are known where a string stands.
pub(crate) struct Names<'a> {
    /// The kinds of components.
    pub(crate) kinds: &'a [Str],
    /// Whose resources a bare `TYPE.NAME` means.
    pub(crate) at: At,
    /// The inputs of the component instance whose expansion is lowered.
    pub(crate) inputs: Option<&'a Inputs<'a>>,
    /// What `path.*` is.
    pub(crate) paths: &'a Paths,
    /// The references to variables and local values that there are, for "did you mean".
    pub(crate) values: &'a [Str],
}

/// The values of `path.module`, `path.root` and `path.cwd`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    /// The folder of the stack file. Paths in functions and in resources start there, so it is `.`.
    pub(crate) root: String,
    /// The folder of the file at hand, from there: `.` for the stack's own.
    pub(crate) module: String,
    /// The folder in which the command runs.
    pub(crate) cwd: String,
}

impl Paths {
    /// For a command that runs in a folder.
    pub(crate) fn of(working_directory: &Path) -> Paths {
        Paths {
            root: ".".to_owned(),
            module: ".".to_owned(),
            cwd: working_directory.to_string_lossy().into_owned(),
        }
    }

    /// For a module of the stack, whose folder is given from the folder of the stack.
    pub(crate) fn of_module(&self, folder: &Path) -> Paths {
        let folder = folder.to_string_lossy();
        Paths {
            module: if folder.is_empty() {
                ".".to_owned()
            } else {
                folder.into_owned()
            },
            ..self.clone()
        }
    }
}

/// Names that begin references of their own.
pub(crate) const RESERVED: [&str; 9] = [
    "var", "local", "data", "module", "each", "count", "self", "path", "stack",
];

impl<'a> Names<'a> {
    /// The names of a stack file.
    pub(crate) fn of_stack(kinds: &'a [Str], paths: &'a Paths) -> Names<'a> {
        Names {
            kinds,
            at: At::Module,
            inputs: None,
            paths,
            values: &[],
        }
    }

    /// Whether a name is a kind of component.
    pub(crate) fn is_kind(&self, name: &str) -> bool {
        self.kinds.iter().any(|k| &**k == name)
    }
}
