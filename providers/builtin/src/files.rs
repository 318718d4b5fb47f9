//! The machine's files, as `local_file` needs them. The one place of this crate that touches the disk.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Files on this machine, or a simulated one.
pub trait Files: Send + Sync {
    /// The contents; `None` when there is no such file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Writes a whole file, so that it is never seen half-written. Missing directories are made with `directory_mode`.
    ///
    /// # Errors
    /// Whatever the system says.
    fn write(
        &self,
        path: &Path,
        bytes: &[u8],
        file_mode: u32,
        directory_mode: u32,
    ) -> io::Result<()>;

    /// Removes a file; one that is absent is removed already.
    ///
    /// # Errors
    /// Whatever the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFiles;

impl Files for OsFiles {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn write(
        &self,
        path: &Path,
        bytes: &[u8],
        file_mode: u32,
        directory_mode: u32,
    ) -> io::Result<()> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        make_directory(&directory, directory_mode)?;
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
        let temporary = directory.join(format!(".{}.infra-tmp", name.to_string_lossy()));
        let written = (|| {
            let mut file = create(&temporary)?;
            file.write_all(bytes)?;
            set_mode(&file, file_mode)?;
            file.sync_all()?;
            fs::rename(&temporary, path)
        })();
        if written.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

#[cfg(unix)]
fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
}

#[cfg(not(unix))]
fn make_directory(path: &Path, _: u32) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Readable for nobody else until its mode is set: it may hold a secret.
#[cfg(unix)]
fn create(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<fs::File> {
    fs::File::create(path)
}

#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &fs::File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_whole_with_their_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/x.txt");
        assert_eq!(OsFiles.read(&path).expect("reads"), None);
        for (text, mode) in [("one", 0o600), ("two", 0o640)] {
            OsFiles
                .write(&path, text.as_bytes(), mode, 0o700)
                .expect("writes");
            assert_eq!(
                OsFiles.read(&path).expect("reads").as_deref(),
                Some(text.as_bytes())
            );
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let found = fs::metadata(&path).expect("is there").permissions().mode();
                assert_eq!(found & 0o777, mode);
            }
        }
        assert_eq!(
            fs::read_dir(path.parent().expect("a parent"))
                .expect("lists")
                .count(),
            1
        );
        OsFiles.remove(&path).expect("removes");
        OsFiles.remove(&path).expect("is removed");
    }
}
