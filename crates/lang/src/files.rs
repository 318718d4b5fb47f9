//! How stack files and file functions read other files: through this trait alone, so that a run can record what it read and
//! tests need no disk. The implementation on the operating system's files lives in the binary.

use infra_model::Str;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Reads files.
pub trait Files: Send + Sync {
    /// The whole content of a file.
    ///
    /// # Errors
    /// As the operating system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Whether a file (not a folder) exists.
    fn is_file(&self, path: &Path) -> bool;

    /// Whether a folder exists.
    fn is_folder(&self, path: &Path) -> bool;

    /// Every file below a folder, however deep, relative to it and in no particular order; for `fileset`.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// The user's home folder, for `pathexpand("~")`.
    fn home(&self) -> Option<PathBuf>;
}

/// Files that exist in memory only.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    /// Content by path.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

impl MemoryFiles {
    /// Files from pairs of path and text.
    #[must_use]
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> MemoryFiles {
        MemoryFiles {
            files: files
                .into_iter()
                .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()))
                .collect(),
        }
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.files
            .keys()
            .any(|file| file != path && file.starts_with(path))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self
            .files
            .keys()
            .filter_map(|path| path.strip_prefix(folder).ok())
            .map(Path::to_path_buf)
            .collect())
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }
}

/// Passes everything on and remembers what was read, with checksums: a saved plan is bound to it.
pub struct RecordingFiles {
    inner: Arc<dyn Files>,
    read: Mutex<BTreeMap<PathBuf, String>>,
}

impl RecordingFiles {
    /// Records on top of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Files>) -> RecordingFiles {
        RecordingFiles {
            inner,
            read: Mutex::new(BTreeMap::new()),
        }
    }

    /// Path and SHA-256 (hexadecimal) of every file read so far, in order of path.
    #[must_use]
    pub fn recorded(&self) -> Vec<(Str, Str)> {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(path, sum)| (path.to_string_lossy().as_ref().into(), sum.as_str().into()))
            .collect()
    }
}

impl Files for RecordingFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let content = self.inner.read(path)?;
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_path_buf(), hex::encode(Sha256::digest(&content)));
        Ok(content)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.inner.is_file(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.inner.is_folder(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.inner.list(folder)
    }

    fn home(&self) -> Option<PathBuf> {
        self.inner.home()
    }
}
