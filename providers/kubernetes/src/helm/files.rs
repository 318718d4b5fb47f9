//! The folder of one run of `helm` or `git`: what must not be on a command line stands in files that only the owner reads, and
//! goes with the folder. The only file of this provider that touches the file system.

use infra_model::{ErrorKind, ProviderError};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder that goes when it is dropped.
pub(crate) struct Bench(TempDir);

fn failed(what: &str, error: &std::io::Error) -> ProviderError {
    ProviderError::new(ErrorKind::Other, format!("{what}: {error}"))
}

impl Bench {
    /// A new one, that only the owner may enter.
    ///
    /// # Errors
    /// No place for temporary files.
    pub(crate) fn new() -> Result<Bench, ProviderError> {
        let made = tempfile::Builder::new().prefix("infra-run-").tempdir();
        let folder = made.map_err(|e| failed("no folder for temporary files can be made", &e))?;
        Ok(Bench(folder))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A new folder in it.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, ProviderError> {
        let path = self.path().join(name);
        fs::create_dir(&path).map_err(|e| failed("a temporary folder cannot be made", &e))?;
        Ok(path)
    }

    /// Writes a file that only the owner can read.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, ProviderError> {
        let path = self.path().join(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options
            .open(&path)
            .and_then(|mut file| file.write_all(content));
        written.map_err(|e| failed("a temporary file cannot be written", &e))?;
        Ok(path)
    }

    /// The only file with an ending in a folder of it.
    ///
    /// # Errors
    /// None, or the file system's.
    pub(crate) fn only(&self, folder: &str, ending: &str) -> Result<PathBuf, ProviderError> {
        let at = self.path().join(folder);
        let entries =
            fs::read_dir(&at).map_err(|e| failed("what was pulled cannot be read", &e))?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        paths
            .find(|path| path.extension().is_some_and(|e| e == ending))
            .ok_or_else(|| ProviderError::new(ErrorKind::Other, "helm pulled no chart"))
    }
}

/// A file's bytes.
///
/// # Errors
/// The file system's.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ProviderError> {
    fs::read(path).map_err(|e| failed(&format!("{} cannot be read", path.display()), &e))
}

/// A path from the root of the file system.
///
/// # Errors
/// The file system's.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, ProviderError> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    fs::canonicalize(path).map_err(|e| failed(&format!("{} cannot be found", path.display()), &e))
}

/// Keeps a folder out of version control: it is made where there is none, and says so.
///
/// # Errors
/// The file system's.
pub(crate) fn unversioned(folder: &Path) -> Result<(), ProviderError> {
    let mark = folder.join(".gitignore");
    let made = fs::create_dir_all(folder).and_then(|()| fs::write(&mark, "*\n"));
    made.map_err(|e| failed(&format!("{} cannot be written", mark.display()), &e))
}

/// Whether there is a folder.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// Whether there is anything.
pub(crate) fn exists(path: &Path) -> bool {
    path.exists()
}
