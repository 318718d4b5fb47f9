//! Files that commands write for a person, in folders that need not be there yet.

use crate::error::CommandError;
use std::fs;
use std::path::Path;

/// Writes a file, and makes its folder.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| CommandError::io("make", folder, &e))?;
    fs::write(path, text).map_err(|e| CommandError::io("write", path, &e))
}
