//! The operating system, behind the traits that the libraries ask for: clock, randomness, files, keys. No decisions here.

mod clock;
mod files;
mod key;
mod random;
pub(crate) mod signals;

pub(crate) use clock::SystemClock;
pub(crate) use files::{
    SystemFiles, replace, replace_for_owner, write_for_owner, write_new_for_owner,
};
pub(crate) use key::SystemKeys;
pub(crate) use random::SystemRandom;

use std::path::PathBuf;

/// The user's home folder.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|p| !p.as_os_str().is_empty())
}

/// Who runs this process, and where: for the lock's message to others.
pub(crate) fn owner(command: &str) -> infra_state::Owner {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
        .unwrap_or_else(|| "someone".to_owned());
    infra_state::Owner {
        who: format!("{user}: infra {command}"),
        place: format!("{}, process {}", host(), std::process::id()),
    }
}

fn host() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok());
    named
        .map(|n| n.trim().to_owned())
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| "this machine".to_owned())
}
