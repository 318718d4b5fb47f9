//! State on the local file system. The only place of the state that touches it.

use crate::error::StateError;
use crate::storage::{LockGuard, LockInfo, LockState, Storage};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files in one directory, which is made when the first is written.
pub struct LocalStorage {
    directory: PathBuf,
    /// Files that are being appended to, kept open.
    open: Mutex<BTreeMap<String, Arc<File>>>,
}

impl LocalStorage {
    /// In a directory that need not exist yet.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> LocalStorage {
        LocalStorage {
            directory: directory.into(),
            open: Mutex::new(BTreeMap::new()),
        }
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The first bytes of a file, at most so many; none when there is no such file.
    ///
    /// # Errors
    /// What the system says.
    pub fn head(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path(name)?) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        if name.is_empty() || name.contains(['/', '\\', '\0']) || name == "." || name == ".." {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{name}` is no file name"),
            ));
        }
        Ok(self.directory.join(name))
    }

    /// Makes the directory, and its entry durable.
    fn ensure_directory(&self) -> io::Result<()> {
        if self.directory.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        if let Some(parent) = self.directory.parent() {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            sync_directory(parent)?;
        }
        Ok(())
    }

    fn forget(&self, name: &str) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
    }

    /// The open file of a name, for appending; made when it is absent and `create` says so.
    fn appending(&self, name: &str, create: bool) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(name) {
            return Ok(file.clone());
        }
        let path = self.path(name)?;
        self.ensure_directory()?;
        let fresh = create && !path.exists();
        let file = Arc::new(owner_only().append(true).create(create).open(path)?);
        if fresh {
            sync_directory(&self.directory)?;
        }
        open.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    /// Puts a finished temporary file in its place.
    fn put(&self, temporary: &Path, name: &str) -> io::Result<()> {
        self.forget(name);
        fs::rename(temporary, self.path(name)?)?;
        sync_directory(&self.directory)
    }

    fn temporary(&self, name: &str) -> io::Result<PathBuf> {
        self.path(&format!(".{name}.tmp"))
    }
}

impl Storage for LocalStorage {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(name)?) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn write_atomic(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.ensure_directory()?;
        let temporary = self.temporary(name)?;
        // One left by a crash may have other permissions, or be a link to somewhere.
        remove_if_there(&temporary)?;
        let written = (|| {
            let mut file = owner_only().write(true).create_new(true).open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            self.put(&temporary, name)
        })();
        if written.is_err() {
            // The first error is the one to tell; a left-over temporary file is harmless.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        (&*self.appending(name, true)?).write_all(bytes)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.appending(name, false)?.sync_data()
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.appending(name, false)?.set_len(len)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.forget(from);
        self.put(&self.path(from)?, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.forget(name);
        remove_if_there(&self.path(name)?)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.path(name)?.try_exists()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string()
                && !(name.starts_with('.') && name.ends_with(".tmp"))
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// By a hard link where the file system has them: snapshots are replaced, never written in place, so the link keeps the
    /// old contents and nothing is copied.
    fn copy_atomic(&self, from: &str, to: &str) -> io::Result<()> {
        let temporary = self.temporary(to)?;
        remove_if_there(&temporary)?;
        match fs::hard_link(self.path(from)?, &temporary) {
            Ok(()) => self.put(&temporary, to),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(e),
            Err(_) => match self.read(from)? {
                Some(bytes) => self.write_atomic(to, &bytes),
                None => Err(io::Error::from(io::ErrorKind::NotFound)),
            },
        }
    }

    fn lock(&self, name: &str, info: &LockInfo) -> Result<LockGuard, StateError> {
        let path = self
            .path(name)
            .map_err(|e| StateError::io("lock the state", e))?;
        let io = |e| StateError::io(format!("lock the state with {}", path.display()), e);
        self.ensure_directory().map_err(io)?;
        let mut file = owner_only()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StateError::Locked {
                    file: path.display().to_string(),
                    info: holder(&mut file),
                });
            }
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        let text = serde_json::to_vec(info).expect("lock information is plain text");
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(&text))
            .map_err(io)?;
        Ok(LockGuard::new(HeldLock(file)))
    }

    fn lock_state(&self, name: &str) -> io::Result<LockState> {
        let mut file = match owner_only().read(true).write(true).open(self.path(name)?) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(LockState::Free),
            Err(e) => return Err(e),
        };
        match file.try_lock() {
            Ok(()) => {
                file.unlock()?;
                Ok(LockState::Free)
            }
            Err(TryLockError::WouldBlock) => Ok(LockState::Held(holder(&mut file))),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// The next one to lock makes a new file; the old owner, should it live, holds one that has no name any more.
    fn break_lock(&self, name: &str) -> io::Result<()> {
        remove_if_there(&self.path(name)?)
    }

    fn describe(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

/// Who a locked file says that holds it; it may be writing that just now, and then it is not known.
fn holder(file: &mut File) -> Option<LockInfo> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// The locked file. It is emptied and stays: removing it would let a third process lock a new one beside the old.
struct HeldLock(File);

impl Drop for HeldLock {
    fn drop(&mut self) {
        // What it said only serves messages.
        let _ = self.0.set_len(0);
        let _ = self.0.unlock();
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn owner_only() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn owner_only() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file, and renames are journalled by the file system.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Timestamp;

    fn info(who: &str) -> LockInfo {
        LockInfo {
            who: who.to_owned(),
            place: "here".to_owned(),
            since: Timestamp(1_700_000_000_000),
        }
    }

    #[test]
    fn files_are_replaced_appended_cut_and_listed() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = LocalStorage::new(folder.path().join("deep/state"));
        assert_eq!(storage.list().expect("lists"), Vec::<String>::new());
        assert_eq!(storage.read("x").expect("reads"), None);
        storage.append("j", b"ab").expect("appends");
        storage.append("j", b"cd").expect("appends");
        storage.sync("j").expect("syncs");
        storage.truncate("j", 3).expect("cuts");
        storage.append("j", b"e").expect("appends at the new end");
        assert_eq!(
            storage.read("j").expect("reads").as_deref(),
            Some(&b"abce"[..])
        );
        storage.write_atomic("j", b"new").expect("replaces");
        storage.append("j", b"!").expect("appends to the new file");
        assert_eq!(
            storage.read("j").expect("reads").as_deref(),
            Some(&b"new!"[..])
        );
        storage.copy_atomic("j", "k").expect("copies");
        storage.write_atomic("j", b"newer").expect("replaces");
        assert_eq!(
            storage.read("k").expect("reads").as_deref(),
            Some(&b"new!"[..])
        );
        storage.rename("k", "l").expect("renames");
        assert_eq!(storage.list().expect("lists"), ["j", "l"]);
        storage.remove("l").expect("removes");
        storage.remove("l").expect("is removed");
        assert!(!storage.exists("l").expect("asks"));
        assert!(storage.read("../x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let storage = LocalStorage::new(folder.path());
        storage.append("journal", b"x").expect("appends");
        storage.write_atomic("state", b"x").expect("writes");
        storage.copy_atomic("state", "backup").expect("copies");
        let _lock = storage.lock("lock", &info("ana")).expect("locks");
        for name in ["journal", "state", "backup", "lock"] {
            let mode = fs::metadata(folder.path().join(name))
                .expect("is there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_lock_says_who_holds_it_and_frees_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (
            LocalStorage::new(folder.path()),
            LocalStorage::new(folder.path()),
        );
        let held = one.lock("x.lock", &info("ana")).expect("locks");
        let Err(StateError::Locked { info: holder, .. }) = two.lock("x.lock", &info("bob")) else {
            panic!("it is locked");
        };
        assert_eq!(holder, Some(info("ana")));
        drop(held);
        let _held = two.lock("x.lock", &info("bob")).expect("is free again");
        // What a dead owner wrote stays in the file, and locks nothing.
        fs::write(
            folder.path().join("y.lock"),
            serde_json::to_vec(&info("dead")).expect("writes"),
        )
        .expect("writes");
        let _other = one
            .lock("y.lock", &info("ana"))
            .expect("a dead owner's lock is free");
    }
}
