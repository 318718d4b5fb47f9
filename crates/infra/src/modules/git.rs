//! The program `git`, as far as modules need it.

use super::failed;
use infra_lang::modules::FetchError;
use infra_repository::git::{Git as Program, GitError, last_words};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a commit contains, in a folder that goes away unless it is moved.
pub(super) struct Fetched {
    pub(super) folder: Scratch,
    pub(super) commit: String,
}

/// A folder that is removed in the end, unless it was moved.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `git` in temporary folders below the cache.
pub(super) struct Git<'a> {
    cache: &'a Path,
}

impl<'a> Git<'a> {
    pub(super) fn new(cache: &'a Path) -> Git<'a> {
        Git { cache }
    }

    /// The commit that a branch, tag or commit id means now; the default branch when none is given.
    pub(super) fn latest(
        &self,
        repository: &str,
        reference: Option<&str>,
    ) -> Result<Fetched, FetchError> {
        self.fetch(repository, reference.unwrap_or("HEAD"))
    }

    /// A commit by its id.
    pub(super) fn commit(&self, repository: &str, commit: &str) -> Result<Fetched, FetchError> {
        self.fetch(repository, commit)
    }

    fn fetch(&self, repository: &str, wanted: &str) -> Result<Fetched, FetchError> {
        let folder = self.folder()?;
        let at = folder.path();
        self.run(at, &["init", "--quiet", "--template="], repository)?;
        let shallow = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--",
            repository,
            wanted,
        ];
        let commit = if self.try_run(at, &shallow)?.status.success() {
            self.id(at, "FETCH_HEAD", repository)?
        } else {
            // Some servers do not give a commit by its id; then it is in one of their branches or tags.
            let all = [
                "fetch",
                "--quiet",
                "--tags",
                "--",
                repository,
                "+refs/heads/*:refs/remotes/origin/*",
            ];
            self.run(at, &all, repository)?;
            let remote = format!("refs/remotes/origin/{wanted}");
            let found = [wanted, remote.as_str()]
                .into_iter()
                .find_map(|name| self.id(at, name, repository).ok());
            found.ok_or_else(|| FetchError {
                message: format!(
                    "the repository {repository} has no branch, tag or commit `{wanted}`"
                ),
                help: "look at the `ref` of the module's `source`".to_owned(),
            })?
        };
        // Links are written as files: they could lead out of the repository.
        let checkout = [
            "-c",
            "core.symlinks=false",
            "-c",
            "core.autocrlf=false",
            "-c",
            "core.hooksPath=/dev/null",
            "checkout",
            "--quiet",
            "--force",
            "--detach",
            &commit,
        ];
        self.run(at, &checkout, repository)?;
        let own = at.join(".git");
        std::fs::remove_dir_all(&own).map_err(|e| failed("remove", &own, &e))?;
        Ok(Fetched { folder, commit })
    }

    fn id(&self, at: &Path, name: &str, repository: &str) -> Result<String, FetchError> {
        let commit = format!("{name}^{{commit}}");
        let output = self.run(
            at,
            &["rev-parse", "--verify", "--quiet", &commit],
            repository,
        )?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A new folder beside what is kept, so that it can be moved there.
    fn folder(&self) -> Result<Scratch, FetchError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mark = self.cache.parent().map(|p| p.join(".gitignore"));
        std::fs::create_dir_all(self.cache).map_err(|e| failed("make", self.cache, &e))?;
        if let Some(mark) = mark.filter(|m| !m.exists()) {
            // What is fetched is not part of the stack.
            std::fs::write(&mark, "*\n").map_err(|e| failed("write", &mark, &e))?;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".new-{}-{number}", std::process::id());
        let scratch = Scratch(self.cache.join(name));
        std::fs::create_dir(scratch.path()).map_err(|e| failed("make", scratch.path(), &e))?;
        Ok(scratch)
    }

    fn run(&self, at: &Path, arguments: &[&str], repository: &str) -> Result<Output, FetchError> {
        let output = self.try_run(at, arguments)?;
        if output.status.success() {
            return Ok(output);
        }
        Err(FetchError {
            message: format!(
                "git cannot fetch {repository}: {}",
                last_words(&output.stderr)
            ),
            help: "look at the address and at your access to it: `git ls-remote` must be able to read it without asking".to_owned(),
        })
    }

    fn try_run(&self, at: &Path, arguments: &[&str]) -> Result<Output, FetchError> {
        Program::at(at)
            .output(arguments, &[])
            .map_err(|error| match error {
                GitError::Missing => FetchError {
                    message:
                        "modules in git repositories need the program `git`, which is not there"
                            .to_owned(),
                    help: "install git, or call the module by its path".to_owned(),
                },
                other => FetchError {
                    message: other.to_string(),
                    help: "modules in git repositories are fetched by it".to_owned(),
                },
            })
    }
}
