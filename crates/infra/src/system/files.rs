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

/// Writes a file whole or not at all. The permissions of one that stands there stay.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    renamed(path, |beside| {
        std::fs::write(beside, text)?;
        match std::fs::metadata(path) {
            Ok(there) => std::fs::set_permissions(beside, there.permissions()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    })
}

/// Writes a file for its owner alone, whole or not at all.
pub(crate) fn replace_for_owner(path: &Path, text: &str) -> io::Result<()> {
    renamed(path, |beside| write_for_owner(beside, text.as_bytes()))
}

/// Writes beside a file and renames, so that nobody sees half of it. What a link leads to is replaced, not the link.
fn renamed(path: &Path, write: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.infra-{}", std::process::id()));
    let written = write(&beside).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&beside);
    }
    written
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn what_is_replaced_keeps_its_permissions_and_its_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        let mode = |path: &Path| {
            let found = std::fs::metadata(path).expect("is there");
            found.permissions().mode() & 0o777
        };
        replace(&file, "one").expect("written anew");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).expect("set");
        symlink(&file, &link).expect("linked");
        replace(&link, "two").expect("written through the link");
        assert_eq!(std::fs::read_to_string(&file).expect("is read"), "two");
        assert_eq!(mode(&file), 0o640);
        replace_for_owner(&link, "three").expect("written");
        assert_eq!(std::fs::read_to_string(&file).expect("is read"), "three");
        assert_eq!(mode(&file), 0o600);
        assert!(link.is_symlink());
        // Nothing is left beside it when it fails.
        renamed(&file, |beside| {
            std::fs::write(beside, "half")?;
            Err(io::Error::other("full"))
        })
        .expect_err("fails");
        let left = std::fs::read_dir(folder.path()).expect("is listed").count();
        assert_eq!(left, 2);
    }
}
