//! Modules: other stack files that a stack calls. Where they are, reading each once, and which instances there are.

pub(crate) mod calls;
pub(crate) mod inputs;
pub(crate) mod library;
pub(crate) mod protected;
pub(crate) mod schedule;
pub(crate) mod source;

pub use source::GitSource;

use crate::files::Files;
use std::path::PathBuf;

/// Brings the repositories that modules are in. The binary's runs `git` and keeps to its lock file.
pub trait Fetch {
    /// The folder with the content of a repository, at the commit that is locked for it. Whatever decides that is read through
    /// `files`, so that a saved plan is bound to it.
    ///
    /// # Errors
    /// When it cannot be had.
    fn fetch(&self, source: &GitSource, files: &dyn Files) -> Result<PathBuf, FetchError>;
}

/// Why a repository cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// For runs without modules elsewhere: refuses all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFetch;

impl Fetch for NoFetch {
    fn fetch(&self, _source: &GitSource, _files: &dyn Files) -> Result<PathBuf, FetchError> {
        Err(FetchError {
            message: "modules in git repositories cannot be used here".to_owned(),
            help: "call a module by its path".to_owned(),
        })
    }
}
