//! The system's files, for stack files and file functions.

use infra_lang::files::Files;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How a file is opened for writing that is its owner's alone.
pub(super) fn for_owner() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes a file for its owner alone, durably.
pub(crate) fn write_for_owner(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = for_owner().create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a file for its owner alone, where there is none yet.
pub(crate) fn write_new_for_owner(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = for_owner().create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads from the disk; relative paths start in the working directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemFiles;

impl Files for SystemFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(inner) = folders.pop() {
            for entry in std::fs::read_dir(folder.join(&inner))? {
                let entry = entry?;
                let path = inner.join(entry.file_name());
                let kind = entry.file_type()?;
                // A link to a folder is not followed: it may lead back up.
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() || entry.path().is_file() {
                    found.push(path);
                }
            }
        }
        Ok(found)
    }

    fn home(&self) -> Option<PathBuf> {
        super::home()
    }
}
