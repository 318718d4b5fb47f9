//! The programs that run beside a test, and where they are.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Tells a person something about a test that passes: the test harness keeps only what is printed by its own macros.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A program of `make tools`; where it was not built, it is said that the test is skipped.
pub fn tool(name: &str, test: &str) -> Option<PathBuf> {
    let tools = std::env::var_os("INFRA_TOOLS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/infra/tools"),
        PathBuf::from,
    );
    let path = tools.join("bin").join(name);
    if path.exists() {
        return Some(path);
    }
    say(&format!(
        "{test} is skipped: there is no {name} in {} (`make tools` builds it, with Go)",
        tools.join("bin").display()
    ));
    None
}

/// The folder with the CRDs of other projects, one folder per project; where there is none, it is said that the test is
/// skipped.
pub fn upstream_crds(test: &str) -> Option<PathBuf> {
    shared("crds", test)
}

/// A folder of what others have published, below `INFRA_SHARED`; where there is none, it is said that the test is skipped.
pub fn shared(what: &str, test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("INFRA_SHARED").map(|s| PathBuf::from(s).join(what));
    if let Some(folder) = folder.filter(|f| f.is_dir()) {
        return Some(folder);
    }
    say(&format!(
        "{test} is skipped: INFRA_SHARED names no folder with {what}/ in it"
    ));
    None
}

/// A port that is free now, and not of those that are given to whoever connects to somewhere.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    const FROM: u32 = 20_000;
    const MANY: u32 = 12_000;
    // Test programs that run at the same time begin at different ones.
    let first = std::process::id().wrapping_mul(97);
    for _ in 0..MANY {
        let next = first.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FROM + next % MANY).expect("below 2^16");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// A program that ends with this value, and with the test also when the test is killed: a shell beside it waits for the end of
/// a pipe that the test holds.
pub struct Process {
    name: String,
    /// Ends when the program does.
    shell: Mutex<Child>,
    /// Held open for as long as the program shall run.
    hold: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    pub fn start(program: &Path, arguments: &[String], logs: &Path) -> Process {
        let name = program
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .expect("a name");
        let log = logs.join(format!("{name}.log"));
        let out = File::create(&log).expect("a log");
        let script = r#"exec 3<&0
            "$@" </dev/null 3<&- &
            program=$!
            { read -r _ <&3; kill -9 "$program"; } 2>/dev/null &
            wait "$program""#;
        let mut shell = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(out.try_clone().expect("a log"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|e| panic!("{name} does not start: {e}"));
        let hold = shell.stdin.take();
        Process {
            name,
            shell: Mutex::new(shell),
            hold,
            log,
        }
    }

    /// Whether it ended by itself.
    pub fn ended(&self) -> bool {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(shell.try_wait(), Ok(None))
    }

    /// The last lines of what it logged.
    pub fn told(&self) -> String {
        let Ok(file) = File::open(&self.log) else {
            return String::new();
        };
        let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
        let from = lines.len().saturating_sub(15);
        format!("{}:\n{}", self.name, lines[from..].join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.hold.take());
        let shell = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = shell.wait();
    }
}
