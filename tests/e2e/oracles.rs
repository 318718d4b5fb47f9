//! Everything that a provider has sent and the sandbox has answered, judged by the clouds' own models: `tests/oracles`.

use crate::support::{Server, root, say};
use std::process::Command;

/// The clouds that have a judge.
const JUDGED: [&str; 3] = ["aws", "azure", "google"];

/// Keeps all exchanges from now on, for [`judge`].
pub fn record(server: &Server) {
    server.post("/_sandbox/recording", "");
}

/// Judges what was recorded, by the Python that `make test` installs; without that, it is said that nothing is judged.
/// `partial` says that not all of the cloud's types have lived, so that exceptions may be unused.
pub fn judge(cloud: &str, server: &Server, partial: bool) {
    if !JUDGED.contains(&cloud) {
        return;
    }
    let Ok(python) = std::env::var("INFRA_PYTHON") else {
        say(&format!(
            "{cloud}: nothing is judged: INFRA_PYTHON names no Python with the models (`make test` installs one)"
        ));
        return;
    };
    let exchanges = server.get("/_sandbox/recording");
    let count = exchanges.as_array().map_or(0, Vec::len);
    assert!(count > 0, "nothing was recorded");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("exchanges.json");
    std::fs::write(&file, exchanges.to_string()).expect("written");
    if let Some(keep) = std::env::var_os("INFRA_KEEP_EXCHANGES") {
        std::fs::copy(&file, keep).expect("kept");
    }
    let mut command = Command::new(python);
    command.arg(root().join("tests/oracles/judge.py"));
    if partial {
        command.arg("--partial");
    }
    let output = command.arg(&file).output().expect("the judge runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{failed}");
    say(told.trim_end());
}
