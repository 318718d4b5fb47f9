//! What no run can do without: reading and parsing the bytes of the stack file, and writing the bytes of the state once.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each takes, and how many bytes it is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Floor {
    stack: u64,
    parse: Duration,
    state: u64,
    read: Duration,
    write: Duration,
}

impl Floor {
    /// Of a stack file and its state.
    pub(super) fn of(stack: &Path, state: &Path) -> Result<Floor, String> {
        let begun = Instant::now();
        let text = fs::read_to_string(stack).map_err(|e| e.to_string())?;
        let document = toml_edit::Document::parse(text.as_str()).map_err(|e| e.to_string())?;
        black_box(&document);
        let parse = begun.elapsed();
        drop(document);
        let begun = Instant::now();
        let bytes = fs::read(state).map_err(|e| e.to_string())?;
        let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        black_box(&json);
        let read = begun.elapsed();
        drop(json);
        let copy = state.with_extension("floor");
        let begun = Instant::now();
        let mut file = File::create(&copy).map_err(|e| e.to_string())?;
        file.write_all(&bytes).map_err(|e| e.to_string())?;
        file.sync_all().map_err(|e| e.to_string())?;
        let write = begun.elapsed();
        fs::remove_file(&copy).map_err(|e| e.to_string())?;
        Ok(Floor {
            stack: text.len() as u64,
            parse,
            state: bytes.len() as u64,
            read,
            write,
        })
    }

    /// In a line.
    pub(super) fn print(&self) {
        let megabytes = |bytes: u64| {
            #[allow(clippy::cast_precision_loss, reason = "megabytes")]
            let bytes = bytes as f64;
            bytes / 1e6
        };
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "  the bytes alone    read and parse the stack file ({:.1} MB) {:.1} ms   read and parse the state ({:.1} MB) {:.1} ms   write it {:.1} ms",
            megabytes(self.stack),
            millis(self.parse),
            megabytes(self.state),
            millis(self.read),
            millis(self.write),
        );
    }
}
