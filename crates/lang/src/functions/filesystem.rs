//! Functions on paths and on files, which are read through the evaluator's `Files`, relative to its folder.

use super::string::text;
use super::{Call, FunctionError, Outcome, bad, failed, glob, hash, template};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::{Type, Value};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use std::path::{Path, PathBuf};

/// A path without `.`, `..` and double slashes where that is possible, as Go cleans it.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !rooted => parts.push(".."),
                Some(_) => {
                    parts.pop();
                }
                None => {}
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

pub(super) fn abspath(call: &Call<'_>) -> Outcome {
    let full = call.context.evaluator.base().join(call.text(0));
    if !full.is_absolute() {
        return failed("the folder of the stack is not known as an absolute path");
    }
    text(clean(&full.to_string_lossy()))
}

pub(super) fn basename(call: &Call<'_>) -> Outcome {
    let path = call.text(0);
    let trimmed = path.trim_end_matches('/');
    text(match (path.is_empty(), trimmed.is_empty()) {
        (true, _) => ".",
        (false, true) => "/",
        (false, false) => trimmed.rsplit('/').next().unwrap_or_default(),
    })
}

pub(super) fn dirname(call: &Call<'_>) -> Outcome {
    let path = call.text(0);
    let end = path.rfind('/').map_or(0, |i| i + 1);
    text(clean(&path[..end]))
}

pub(super) fn pathexpand(call: &Call<'_>) -> Outcome {
    match expand(call, call.text(0))? {
        Some(expanded) => text(expanded.to_string_lossy()),
        None => text(call.text(0)),
    }
}

/// A path that begins with `~` in the home folder.
fn expand(call: &Call<'_>, path: &str) -> Result<Option<PathBuf>, FunctionError> {
    let Some(rest) = path.strip_prefix('~') else {
        return Ok(None);
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        return bad(0, "the home folders of other users are not known");
    }
    match call.context.evaluator.files().home() {
        Some(home) => Ok(Some(home.join(rest.trim_start_matches('/')))),
        None => bad(0, "the home folder is not known"),
    }
}

/// The place of a file that an argument names.
pub(super) fn located(call: &Call<'_>, index: usize) -> Result<PathBuf, FunctionError> {
    let path = call.text(index);
    let expanded = expand(call, path)?.unwrap_or_else(|| PathBuf::from(path));
    let base = call.context.evaluator.base();
    Ok(PathBuf::from(clean(&base.join(expanded).to_string_lossy())))
}

fn read(call: &Call<'_>) -> Result<Vec<u8>, FunctionError> {
    let path = located(call, 0)?;
    call.context
        .evaluator
        .files()
        .read(&path)
        .or_else(|e| bad(0, format!("{:?} cannot be read: {e}", call.text(0))))
}

/// The text of the file that the first argument names.
pub(super) fn read_text(call: &Call<'_>) -> Result<String, FunctionError> {
    String::from_utf8(read(call)?).or_else(|_| {
        bad(
            0,
            format!(
                "{:?} is not UTF-8 text; `filebase64` and the checksum functions take any file",
                call.text(0)
            ),
        )
    })
}

pub(super) fn file(call: &Call<'_>) -> Outcome {
    text(read_text(call)?)
}

pub(super) fn filebase64(call: &Call<'_>) -> Outcome {
    text(STANDARD.encode(read(call)?))
}

pub(super) fn fileexists(call: &Call<'_>) -> Outcome {
    let path = located(call, 0)?;
    let files = call.context.evaluator.files();
    if files.is_folder(&path) {
        return bad(0, format!("{:?} is a folder, not a file", call.text(0)));
    }
    Ok(Value::Bool(files.is_file(&path)))
}

pub(super) fn filemd5(call: &Call<'_>) -> Outcome {
    hash::hexadecimal::<Md5>(&read(call)?)
}

pub(super) fn filesha1(call: &Call<'_>) -> Outcome {
    hash::hexadecimal::<Sha1>(&read(call)?)
}

pub(super) fn filesha256(call: &Call<'_>) -> Outcome {
    hash::hexadecimal::<Sha256>(&read(call)?)
}

pub(super) fn filesha512(call: &Call<'_>) -> Outcome {
    hash::hexadecimal::<Sha512>(&read(call)?)
}

pub(super) fn filebase64sha256(call: &Call<'_>) -> Outcome {
    hash::in_base64::<Sha256>(&read(call)?)
}

pub(super) fn filebase64sha512(call: &Call<'_>) -> Outcome {
    hash::in_base64::<Sha512>(&read(call)?)
}

pub(super) fn fileset(call: &Call<'_>) -> Outcome {
    let mut folder = located(call, 0)?;
    let cleaned = clean(call.text(1));
    // A pattern may begin above the folder.
    let (mut above, mut pattern) = (String::new(), cleaned.as_str());
    while let Some(rest) = pattern.strip_prefix("../") {
        folder.pop();
        above.push_str("../");
        pattern = rest;
    }
    // A folder that does not exist has no files.
    let files = call
        .context
        .evaluator
        .files()
        .list(&folder)
        .unwrap_or_default();
    let mut found = Vec::new();
    glob::matches(pattern, "").or_else(|reason| bad(1, reason))?;
    for file in files {
        let name = slashed(&file);
        if glob::matches(pattern, &name).or_else(|reason| bad(1, reason))? {
            found.push(Value::from(format!("{above}{name}")));
        }
    }
    Ok(Value::set(Type::String, found))
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|p| p.to_string_lossy()).collect();
    parts.join("/")
}

pub(super) fn templatefile(call: &Call<'_>) -> Outcome {
    let source = read_text(call)?;
    template::render(call, &source)
}

pub(super) fn templatestring(call: &Call<'_>) -> Outcome {
    let rendered = template::render(call, call.text(0))?;
    match infra_model::convert::convert(&rendered, &Type::String) {
        Ok(text) => Ok(text),
        Err(problem) => bad(0, format!("the template does not make a string: {problem}")),
    }
}
