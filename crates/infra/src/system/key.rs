//! The key for sensitive values: `INFRA_STATE_KEY`, or a file of the user's that is made when the first one is needed.

use super::SystemRandom;
use infra_state::{Key, KeySource, StateError, generate_key, parse_key};
use std::io::{self, Write};
use std::path::PathBuf;

/// Environment first, then `~/.config/infra/key`.
pub(crate) struct SystemKeys {
    variable: Option<String>,
    file: Option<PathBuf>,
    /// Tells the user where a new key was put.
    told: fn(&str),
}

impl SystemKeys {
    /// As this process finds them.
    pub(crate) fn of_process(told: fn(&str)) -> SystemKeys {
        let config = std::env::var_os("XDG_CONFIG_HOME")
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
            .or_else(|| super::home().map(|h| h.join(".config")));
        SystemKeys {
            variable: std::env::var("INFRA_STATE_KEY")
                .ok()
                .filter(|v| !v.is_empty()),
            file: config.map(|c| c.join("infra").join("key")),
            told,
        }
    }
}

impl KeySource for SystemKeys {
    fn existing(&self) -> Result<Option<Key>, StateError> {
        if let Some(text) = &self.variable {
            return parse_key(text)
                .map(Some)
                .map_err(|_| StateError::BadKey("INFRA_STATE_KEY is not a key's text".to_owned()));
        }
        let Some(file) = &self.file else {
            return Ok(None);
        };
        match std::fs::read_to_string(file) {
            Ok(text) => parse_key(&text)
                .map(Some)
                .map_err(|_| StateError::BadKey(format!("{} is not a key's text", file.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError::BadKey(format!(
                "cannot read {}: {error}",
                file.display()
            ))),
        }
    }

    fn create(&self) -> Result<Key, StateError> {
        let file = self.file.as_ref().ok_or_else(|| {
            StateError::BadKey("there is no home folder to keep one in".to_owned())
        })?;
        let key = generate_key(&SystemRandom);
        write_new(file, &key.to_text())
            .map_err(|e| StateError::BadKey(format!("cannot write {}: {e}", file.display())))?;
        (self.told)(&format!(
            "A key for sensitive values was made: {}. Keep a copy: without it they cannot be read. CI takes it from INFRA_STATE_KEY.",
            file.display()
        ));
        Ok(key)
    }
}

/// Writes a file that must not exist yet, for its owner alone, durably.
fn write_new(path: &std::path::Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = super::files::for_owner().create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("infra/key");
        let keys = SystemKeys {
            variable: None,
            file: Some(file.clone()),
            told: |_| (),
        };
        assert_eq!(keys.existing().expect("none"), None);
        let key = keys.create().expect("made");
        assert_eq!(keys.existing().expect("read"), Some(key));
        assert!(
            keys.create().is_err(),
            "an existing key is never written over"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(file)
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn the_environment_comes_first_and_is_never_repeated() {
        let keys = SystemKeys {
            variable: Some("nonsense".to_owned()),
            file: None,
            told: |_| (),
        };
        let error = keys.existing().expect_err("no key").to_string();
        assert!(!error.contains("nonsense"), "{error}");
    }
}
