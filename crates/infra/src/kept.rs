//! The files that a plan was made from: remembered while planning, and read again when a saved plan is applied, whatever has
//! become of them on the disk.

use crate::system::SystemFiles;
use infra_engine::SavedFile;
use infra_lang::files::Files;
use infra_model::value::Str;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reads from what it has, then from the disk, and remembers what it has read.
#[derive(Default)]
pub(crate) struct KeptFiles(Mutex<BTreeMap<PathBuf, SavedFile>>);

impl KeptFiles {
    /// With what a saved plan has kept.
    pub(crate) fn new<'s>(
        sources: impl IntoIterator<Item = &'s (Str, Str)>,
        files: impl IntoIterator<Item = &'s (Str, SavedFile)>,
    ) -> KeptFiles {
        let texts = sources
            .into_iter()
            .map(|(path, text)| (PathBuf::from(&**path), SavedFile::Text(text.to_string())));
        let files = files
            .into_iter()
            .map(|(path, file)| (PathBuf::from(&**path), file.clone()));
        KeptFiles(Mutex::new(texts.chain(files).collect()))
    }

    /// What has been read so far, by path.
    pub(crate) fn kept(&self) -> Vec<(Str, SavedFile)> {
        self.lock()
            .iter()
            .map(|(path, file)| (path.to_string_lossy().as_ref().into(), file.clone()))
            .collect()
    }

    /// Forgets all: the next plan is made from what the files are by then.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, SavedFile>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for KeptFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.lock().get(path) {
            Some(SavedFile::Text(text)) => return Ok(text.clone().into_bytes()),
            Some(SavedFile::Bytes(bytes)) => return Ok(bytes.clone()),
            Some(SavedFile::Absent) => return Err(io::ErrorKind::NotFound.into()),
            Some(SavedFile::Folder(_)) | None => {}
        }
        let content = SystemFiles.read(path)?;
        let kept = match String::from_utf8(content.clone()) {
            Ok(text) => SavedFile::Text(text),
            Err(_) => SavedFile::Bytes(content.clone()),
        };
        self.lock().insert(path.to_path_buf(), kept);
        Ok(content)
    }

    fn is_file(&self, path: &Path) -> bool {
        match self.lock().get(path) {
            Some(SavedFile::Text(_) | SavedFile::Bytes(_)) => return true,
            Some(SavedFile::Absent) => return false,
            Some(SavedFile::Folder(_)) | None => {}
        }
        let there = SystemFiles.is_file(path);
        if !there {
            self.lock().insert(path.to_path_buf(), SavedFile::Absent);
        }
        there
    }

    fn is_folder(&self, path: &Path) -> bool {
        matches!(self.lock().get(path), Some(SavedFile::Folder(_))) || SystemFiles.is_folder(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        if let Some(SavedFile::Folder(files)) = self.lock().get(folder) {
            return Ok(files.iter().map(PathBuf::from).collect());
        }
        let found = SystemFiles.list(folder)?;
        let names = found.iter().map(|p| p.to_string_lossy().into_owned());
        self.lock()
            .insert(folder.to_path_buf(), SavedFile::Folder(names.collect()));
        Ok(found)
    }

    fn home(&self) -> Option<PathBuf> {
        SystemFiles.home()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stays_what_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.txt");
        std::fs::write(&file, "one").expect("written");
        let first = KeptFiles::default();
        assert_eq!(first.read(&file).expect("read"), b"one");
        assert!(!first.is_file(&folder.path().join("b.txt")));
        assert_eq!(
            first.list(folder.path()).expect("listed"),
            [PathBuf::from("a.txt")]
        );
        std::fs::write(&file, [0xff, 0xfe]).expect("written");
        std::fs::write(folder.path().join("b.txt"), "new").expect("written");
        let kept = first.kept();
        let again = KeptFiles::new(&[], &kept);
        assert_eq!(again.read(&file).expect("read"), b"one");
        assert!(!again.is_file(&folder.path().join("b.txt")));
        assert_eq!(again.list(folder.path()).expect("listed").len(), 1);
        // What the plan has not read comes from the disk.
        assert_eq!(
            KeptFiles::default().read(&file).expect("read"),
            [0xff, 0xfe]
        );
    }
}
