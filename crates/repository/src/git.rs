//! The program `git`: run where nobody can be asked, and with a login that never stands on a command line.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// How a repository is logged in to, where not by what the person who runs this has set up for `git`.
#[derive(Clone, Default)]
pub struct Login {
    /// A name, for `https`.
    pub username: Option<String>,
    /// A password or token, for `https`.
    pub password: Option<String>,
    /// The file of a private key, for `ssh`.
    pub key: Option<PathBuf>,
    /// The file of the servers' keys, for `ssh`.
    pub known_hosts: Option<PathBuf>,
}

/// Why `git` did not do it.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is none.
    #[error("there is no program `git`")]
    Missing,
    /// It cannot be run.
    #[error("git does not start: {0}")]
    Start(io::Error),
    /// It said no; the last line of what it said.
    #[error("{0}")]
    Failed(String),
}

/// `git` in one folder.
#[derive(Clone)]
pub struct Git {
    at: PathBuf,
    login: Login,
}

/// What prints the login when `git` asks for one: the values stand in the environment of the program alone.
const HELPER: &str = r#"!f() { test "$1" = get && echo "username=$INFRA_GIT_USERNAME" && echo "password=$INFRA_GIT_PASSWORD"; }; f"#;

impl Git {
    /// In a folder, with the login that the person who runs this has.
    #[must_use]
    pub fn at(folder: &Path) -> Git {
        Git {
            at: folder.to_owned(),
            login: Login::default(),
        }
    }

    /// With a login of its own.
    #[must_use]
    pub fn with_login(self, login: Login) -> Git {
        Git { login, ..self }
    }

    /// Runs it; its output, when it ended well.
    ///
    /// # Errors
    /// No `git`, or what it said.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Vec<u8>, GitError> {
        self.feed(arguments, &[])
    }

    /// Runs it with something on its standard input.
    ///
    /// # Errors
    /// No `git`, or what it said.
    pub fn feed<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: &[u8],
    ) -> Result<Vec<u8>, GitError> {
        let output = self.output(arguments, input)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(GitError::Failed(last_words(&output.stderr)))
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// No `git`.
    pub fn output<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: &[u8],
    ) -> Result<Output, GitError> {
        let mut command = Command::new("git");
        command
            .current_dir(&self.at)
            .args(arguments)
            // Nobody is there to type a password, and nobody else's repository is meant.
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stdin(if input.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.login.prepare(&mut command);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => GitError::Missing,
            _ => GitError::Start(error),
        })?;
        if let Some(mut pipe) = child.stdin.take() {
            // What it says goes into pipes that hold little: it is fed from beside, and a program that fails at once does
            // not read to the end.
            let input = input.to_vec();
            let feeding = std::thread::spawn(move || pipe.write_all(&input));
            let output = child.wait_with_output().map_err(GitError::Start);
            let _ = feeding.join();
            return output;
        }
        child.wait_with_output().map_err(GitError::Start)
    }
}

impl Login {
    fn prepare(&self, command: &mut Command) {
        if let Some(password) = &self.password {
            let name = self.username.as_deref().unwrap_or("git");
            command
                .env("INFRA_GIT_USERNAME", name)
                .env("INFRA_GIT_PASSWORD", password);
            let settings = [("credential.helper", ""), ("credential.helper", HELPER)];
            command.env("GIT_CONFIG_COUNT", settings.len().to_string());
            for (at, (key, value)) in settings.into_iter().enumerate() {
                command
                    .env(format!("GIT_CONFIG_KEY_{at}"), key)
                    .env(format!("GIT_CONFIG_VALUE_{at}"), value);
            }
        }
        if let Some(key) = &self.key {
            let quoted =
                |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
            let mut ssh = format!(
                "ssh -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes",
                quoted(key)
            );
            if let Some(hosts) = &self.known_hosts {
                ssh.push_str(&format!(" -o UserKnownHostsFile={}", quoted(hosts)));
            }
            command.env("GIT_SSH_COMMAND", ssh);
        }
    }
}

/// The last line in which it says something.
#[must_use]
pub fn last_words(stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    let last = said.lines().rev().find(|l| !l.trim().is_empty());
    last.unwrap_or("it did not say why").trim().to_owned()
}
