//! A disk without room for the state: the run fails and says what to do, and with room the next one goes on.

use super::life::{Life, Phase};
use crate::support::{Ran, say};
use std::path::Path;
use std::process::{Command, Stdio};

fn ran(mut command: Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().expect("runs");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A failure for want of room names a file of the state, and the remedy.
fn told(ran: &Ran, remedy: &str, what: &str) {
    assert_eq!(ran.code, Some(1), "{what}: {ran:#?}");
    // Without the frame around lines that were wrapped.
    let words = ran.stderr.split_whitespace().filter(|w| *w != "│");
    let told = words.collect::<Vec<_>>().join(" ");
    assert!(told.contains("state/kills."), "{what}: {}", ran.stderr);
    assert!(told.contains(remedy), "{what}: {}", ran.stderr);
}

/// `ulimit -f` lets writes fail beyond a size, as a full disk does, without a disk of one's own.
#[test]
fn files_that_may_not_grow_cost_nothing_but_the_run() {
    let life = Life::new("", 1);
    let mut failed = 0;
    // In blocks of 512 bytes: from no room for the lock to room for all.
    for blocks in [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 400] {
        for phase in Phase::ALL {
            let infra = life.command(phase);
            let mut limited = Command::new("sh");
            limited
                .arg("-c")
                .arg(format!(
                    "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""
                ))
                .arg(infra.get_program())
                .args(infra.get_args())
                .current_dir(life.folder.path())
                .env_clear()
                .envs(infra.get_envs().filter_map(|(k, v)| Some((k, v?))));
            let ran = ran(limited);
            let what = format!("{phase:?} with {blocks} blocks");
            if ran.code != Some(0) {
                told(&ran, "`ulimit -f`", &what);
                failed += 1;
            }
            life.complete(phase);
        }
    }
    assert!((12..39).contains(&failed), "{failed} failed");
}

/// A small file system of memory, mounted over a folder; only root may do that.
struct Small<'a>(&'a Path);

impl Small<'_> {
    fn mount(folder: &Path) -> Option<Small<'_>> {
        std::fs::create_dir_all(folder).expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "infra-e2e"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|s| s.success()).then_some(Small(folder))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_costs_nothing_but_the_run() {
    let life = Life::new("", 1);
    let folder = life.folder.path().join("state");
    let Some(_disk) = Small::mount(&folder) else {
        say("a_full_disk_costs_nothing_but_the_run is skipped: only root can mount a small disk");
        return;
    };
    let ballast = folder.join("ballast");
    let mut failed = 0;
    // Pages of 4 KiB that are left to the run.
    for pages in [0, 1, 2, 3, 4, 6, 8, 12] {
        for phase in Phase::ALL {
            // As much as there is room for, but for these.
            let mut size: usize = 300 * 1024;
            while std::fs::write(&ballast, vec![0; size]).is_err() {
                size -= 4096;
            }
            std::fs::write(&ballast, vec![0; size.saturating_sub(pages * 4096)]).expect("fits");
            let ran = ran(life.command(phase));
            let what = format!("{phase:?} with {pages} pages");
            if ran.code != Some(0) {
                told(&ran, "free some space", &what);
                failed += 1;
            }
            std::fs::remove_file(&ballast).expect("removed");
            life.complete(phase);
        }
    }
    assert!((8..24).contains(&failed), "{failed} failed");
}
