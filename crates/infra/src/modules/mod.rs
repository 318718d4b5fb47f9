//! Modules in git repositories. `infra.lock` beside the stack files says at which commit each is, with a checksum of what is in
//! it; `.infra/modules` beside `state/` keeps what was fetched. A run never uses anything else than the lock says.

mod git;
mod lock;

use crate::ui::say;
use git::Git;
use infra_lang::files::Files;
use infra_lang::modules::{Fetch, FetchError, GitSource};
pub(crate) use lock::{Lock, Locked, Name};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Which modules are brought to the newest commit of their `ref`.
#[derive(Clone, Debug, Default)]
pub(crate) enum Renew {
    /// None: what is locked stays.
    #[default]
    Nothing,
    /// All that the stack uses.
    All,
    /// These.
    Some(Vec<Name>),
}

/// Fetches for one run.
pub(crate) struct Fetcher {
    lock_file: PathBuf,
    cache: PathBuf,
    renew: Renew,
    /// What this run has looked at already: once is enough.
    seen: RefCell<BTreeMap<Name, (PathBuf, Locked)>>,
    /// What was renewed, with what it was before.
    renewed: RefCell<Vec<(Name, Option<Locked>, Locked)>>,
}

impl Fetcher {
    /// For a stack file whose state is below `home`.
    pub(crate) fn new(stack: &Path, home: &Path, renew: Renew) -> Fetcher {
        Fetcher {
            lock_file: stack.with_file_name("infra.lock"),
            cache: home.join(".infra").join("modules"),
            renew,
            seen: RefCell::default(),
            renewed: RefCell::default(),
        }
    }

    /// What this run has used.
    pub(crate) fn used(&self) -> BTreeMap<Name, Locked> {
        let seen = self.seen.borrow();
        seen.iter()
            .map(|(n, (_, l))| (n.clone(), l.clone()))
            .collect()
    }

    /// What this run has renewed, with what it was before.
    pub(crate) fn renewed(&self) -> Vec<(Name, Option<Locked>, Locked)> {
        self.renewed.borrow().clone()
    }

    fn lock(&self, files: &dyn Files) -> Result<Lock, FetchError> {
        match files.read(&self.lock_file) {
            Ok(bytes) => Lock::parse(&bytes).map_err(|why| FetchError {
                message: format!("{} cannot be read: {why}", self.lock_file.display()),
                help: "take it from version control again, or delete it to lock all modules anew"
                    .to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lock::default()),
            Err(error) => Err(failed("read", &self.lock_file, &error)),
        }
    }

    /// The commit that a `ref` is at now, locked.
    fn renew(&self, name: &Name, mut lock: Lock) -> Result<(PathBuf, Locked), FetchError> {
        let fetched = Git::new(&self.cache).latest(&name.repository, name.reference.as_deref())?;
        let folder = self.keep(name, &fetched)?;
        let locked = Locked {
            commit: fetched.commit.clone(),
            checksum: checksum(&folder).map_err(|e| failed("read", &folder, &e))?,
        };
        let before = lock.modules.insert(name.clone(), locked.clone());
        if before.as_ref() != Some(&locked) {
            lock.write(&self.lock_file)
                .map_err(|e| failed("write", &self.lock_file, &e))?;
        }
        if matches!(self.renew, Renew::Nothing) {
            say(&format!(
                "{name} is locked at {} in {}",
                locked.short(),
                self.lock_file.display()
            ));
        } else {
            let change = (name.clone(), before, locked.clone());
            self.renewed.borrow_mut().push(change);
        }
        Ok((folder, locked))
    }

    /// What is locked, from the cache or from the repository.
    fn locked(&self, name: &Name, locked: &Locked) -> Result<PathBuf, FetchError> {
        let folder = self.folder(name, &locked.commit);
        if !folder.is_dir() {
            let fetched = Git::new(&self.cache).commit(&name.repository, &locked.commit)?;
            self.keep(name, &fetched)?;
        }
        let found = checksum(&folder).map_err(|e| failed("read", &folder, &e))?;
        if found == locked.checksum {
            return Ok(folder);
        }
        Err(FetchError {
            message: format!(
                "what is in {} is not what {} says of {name}",
                folder.display(),
                self.lock_file.display()
            ),
            help: "delete that folder to have it fetched again; if it stays so, the repository or the lock was changed: `infra modules update` locks what is there now".to_owned(),
        })
    }

    fn folder(&self, name: &Name, commit: &str) -> PathBuf {
        let repository = hex::encode(&Sha256::digest(name.repository.as_bytes())[..6]);
        self.cache.join(format!("{repository}-{commit}"))
    }

    /// Puts what was fetched into its place. Another run may have been faster.
    fn keep(&self, name: &Name, fetched: &git::Fetched) -> Result<PathBuf, FetchError> {
        let folder = self.folder(name, &fetched.commit);
        let moved = if folder.is_dir() {
            Ok(())
        } else {
            std::fs::rename(fetched.folder.path(), &folder)
        };
        match moved {
            Err(error) if !folder.is_dir() => Err(failed("write", &folder, &error)),
            _ => Ok(folder),
        }
    }
}

impl Fetch for Fetcher {
    fn fetch(&self, source: &GitSource, files: &dyn Files) -> Result<PathBuf, FetchError> {
        let name = Name {
            repository: source.url.clone(),
            reference: source.reference.clone(),
        };
        if let Some((folder, _)) = self.seen.borrow().get(&name) {
            return Ok(folder.clone());
        }
        let lock = self.lock(files)?;
        let renew = match &self.renew {
            Renew::Nothing => false,
            Renew::All => true,
            Renew::Some(names) => names.contains(&name),
        };
        let found = match lock.modules.get(&name) {
            Some(locked) if !renew => (self.locked(&name, locked)?, locked.clone()),
            _ => self.renew(&name, lock)?,
        };
        let folder = found.0.clone();
        self.seen.borrow_mut().insert(name, found);
        Ok(folder)
    }
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> FetchError {
    FetchError {
        message: format!("cannot {doing} {}: {error}", path.display()),
        help: "modules in git repositories are kept there".to_owned(),
    }
}

/// SHA-256 over the names and contents of all files, in the order of their names.
fn checksum(folder: &Path) -> io::Result<String> {
    let mut files = crate::system::SystemFiles.list(folder)?;
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let content = std::fs::read(folder.join(&file))?;
        let name: Vec<String> = file
            .components()
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect();
        hash.update(name.join("/").as_bytes());
        hash.update([0]);
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(&content);
    }
    Ok(format!("sha256:{}", hex::encode(hash.finalize())))
}
