//! How many calls reading what is there takes, for each type that has a stack in `tests/aws`, `tests/azure` or `tests/google`, by the sandbox's own count.
//! Each stack is made once and eleven times over: what more the eleven take, and what does not grow, tells the rest.

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which types.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this stack of `tests/aws`, `tests/azure` or `tests/google`, without `.toml`; or `aws`, `azure`, `google` for 1,000
    /// resources of one cloud
    #[arg(long)]
    only: Option<String>,
    /// A binary that is built already: calls are the same in every build
    #[arg(long)]
    pub(crate) infra: Option<String>,
}

/// The clouds whose stacks are measured.
const CLOUDS: [&str; 3] = ["aws", "azure", "google"];

/// So many stacks are measured at the same time.
const THREADS: usize = 4;

/// A thousand resources of mixed types.
const MIXED: [(&str, &str); 3] = [
    ("aws", include_str!("mixed/aws.toml")),
    ("azure", include_str!("mixed/azure.toml")),
    ("google", include_str!("mixed/google.toml")),
];

/// The larger number of copies.
const COPIES: usize = 11;

/// Types whose names are chosen among those that a service knows.
const CHOSEN: [&str; 2] = [
    "azurerm_mysql_flexible_server_configuration",
    "azurerm_postgresql_flexible_server_configuration",
];

/// Stands for a copy's number until there are copies.
const COPY: &str = "COPYOFTHIS";

/// Calls by `service.Operation`.
type Counts = BTreeMap<String, u64>;

/// Prints a line a stack, as each is measured. `infra` is the binary.
pub(crate) fn run(
    options: &Options,
    root: &Path,
    infra: &str,
    scratch: &Path,
) -> Result<(), String> {
    let mut files = Vec::new();
    for cloud in CLOUDS {
        let folder = root.join("tests").join(cloud);
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let paths = entries.flatten().map(|e| e.path());
        files.extend(paths.filter(|p| p.extension().is_some_and(|e| e == "toml")));
    }
    files.sort();
    let named = |file: &Path| {
        file.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    files.retain(|file| {
        options
            .only
            .as_ref()
            .is_none_or(|only| *only == named(file))
    });
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|file| {
            Ok((
                named(file),
                fs::read_to_string(file).map_err(|e| e.to_string())?,
            ))
        })
        .collect::<Result<_, String>>()?;
    for (cloud, text) in MIXED {
        if options.only.as_ref().is_none_or(|only| only == cloud) {
            mixed(infra, scratch, cloud, text)?;
        }
    }
    println!(
        "calls to refresh 1 and {COPIES} copies of a stack, and what 1,000 more of what grows would take"
    );
    // A measurement waits more than it works.
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((name, text)) = texts.get(at) else {
                        break;
                    };
                    let line = match measured(infra, scratch, name, text) {
                        Ok((one, many)) => line(name, &one, &many),
                        Err(why) => unmeasured(name, &why),
                    };
                    println!("{line}");
                }
            });
        }
    });
    Ok(())
}

/// Prints what refreshing a cloud's thousand resources takes.
fn mixed(infra: &str, scratch: &Path, cloud: &str, text: &str) -> Result<(), String> {
    let counts = refreshed(infra, scratch, &format!("mixed-{cloud}"), text, &[])?;
    let mut calls: Vec<(&String, &u64)> = counts.iter().collect();
    calls.sort_by_key(|(call, count)| (std::cmp::Reverse(**count), *call));
    let each: Vec<String> = calls
        .iter()
        .map(|(call, n)| format!("{call} {n}"))
        .collect();
    println!(
        "{cloud}: {} calls to refresh 1,000 resources of {} types: {}",
        counts.values().sum::<u64>(),
        text.matches("\n[resource.").count(),
        each.join(", ")
    );
    Ok(())
}

fn unmeasured(name: &str, why: &str) -> String {
    let told = why.lines().map(|l| l.trim().trim_start_matches(['│', ' ']));
    let first: Vec<&str> = told.skip_while(|l| !l.starts_with('×')).take(4).collect();
    format!("  {name:<52} not measured: {}", first.join(" "))
}

fn line(name: &str, one: &Counts, many: &Counts) -> String {
    let total = |counts: &Counts| counts.values().sum::<u64>();
    let grows: Vec<String> = many
        .iter()
        .filter_map(|(call, count)| {
            let more = count.saturating_sub(one.get(call).copied().unwrap_or(0));
            #[allow(clippy::cast_precision_loss, reason = "small counts")]
            let each = more as f64 / (COPIES - 1) as f64;
            // A few more for chunks, pages, and listings that many are worth are no growth.
            (more * 2 >= COPIES as u64).then(|| format!("{call} {:.0}", each * 1_000.0))
        })
        .collect();
    let grows = if grows.is_empty() {
        "nothing grows".to_owned()
    } else {
        grows.join(", ")
    };
    format!(
        "  {name:<52} {:>3} {:>4}   {grows}",
        total(one),
        total(many)
    )
}

/// What plans without changes of one and of many copies ask for.
fn measured(
    infra: &str,
    scratch: &Path,
    name: &str,
    text: &str,
) -> Result<(Counts, Counts), String> {
    let variables = ["-var", "step=1", "-var", "moto=false"];
    let count = |copies: usize| {
        let name = format!("{name}-{copies}");
        refreshed(infra, scratch, &name, &copied(text, copies), &variables)
    };
    Ok((count(1)?, count(COPIES)?))
}

/// What a plan without changes asks for, of a stack that was just made in a sandbox of its own.
fn refreshed(
    infra: &str,
    scratch: &Path,
    name: &str,
    text: &str,
    variables: &[&str],
) -> Result<Counts, String> {
    let folder = scratch.join(name);
    fs::create_dir_all(folder.join("stacks")).map_err(|e| e.to_string())?;
    fs::write(folder.join("stacks/s.toml"), text).map_err(|e| e.to_string())?;
    let sandbox = Sandbox::start(infra)?;
    let run = |arguments: &[&str]| {
        let flag = format!("--sandbox={}", sandbox.url);
        let output = Command::new(infra)
            .args(arguments)
            .args(variables)
            .args(["stacks/s.toml", &flag])
            .current_dir(&folder)
            .env("HOME", &folder)
            .output()
            .map_err(|e| e.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    run(&["apply", "-auto-approve"])?;
    let before = sandbox.counts()?;
    run(&["plan", "-detailed-exitcode"])?;
    let counts = sandbox.counts()?.into_iter().map(|(call, n)| {
        let earlier = before.get(&call).copied().unwrap_or(0);
        (call, n - earlier)
    });
    Ok(counts.filter(|(_, n)| *n > 0).collect())
}

/// A stack with everything in it so many times; names and references of each copy are its own.
fn copied(text: &str, copies: usize) -> String {
    let mut once = String::new();
    let mut resources = String::new();
    let mut locals = String::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut to = 0;
    // In a resource's own table, not in one of its blocks.
    let mut own = false;
    for line in text.split_inclusive('\n') {
        if line.starts_with("[[resource.") {
            to = 1;
        } else if line.starts_with("[resource.") {
            to = 1;
            let address = line.trim_start_matches("[resource.").split(']').next();
            let mut parts = address.unwrap_or_default().split('.');
            if let (Some(kind), Some(name)) = (parts.next(), parts.next()) {
                names.insert(format!("{kind}.{name}"));
            }
        } else if line.starts_with("[locals]") {
            to = 2;
            continue;
        } else if is_header(line) {
            to = 0;
        }
        own = if is_header(line) {
            let chosen = CHOSEN.iter().any(|kind| line.contains(kind));
            line.starts_with("[resource.") && line.matches('.').count() == 2 && !chosen
        } else {
            own
        };
        let named = own.then(|| named_by_copy(line)).flatten();
        let line = named.as_deref().unwrap_or(line);
        let part = [&mut once, &mut resources, &mut locals];
        if to == 2
            && let Some((key, _)) = line.split_once(" = ")
            && !key.starts_with(' ')
        {
            names.insert(format!("local.{key}"));
        }
        part[to].push_str(line);
    }
    if !once.contains("[variables.moto]") {
        once.push_str("\n[variables.moto]\ntype = \"bool\"\n");
    }
    let mut all_locals = "\n[locals]\n".to_owned();
    for copy in 0..copies {
        let own = |text: &str| {
            let text = text.replace("stack.name", &format!("local.copy{copy}"));
            let text = text.replace(COPY, &format!("c{copy}"));
            let suffix = format!("_{copy}");
            let rename = |text: String, name: &String| renamed(&text, name, &suffix);
            names.iter().fold(text, rename)
        };
        once.push_str(&own(&resources));
        once.push('\n');
        all_locals.push_str(&format!("copy{copy} = \"${{stack.name}}-{copy}\"\n"));
        for line in own(&locals).split_inclusive('\n') {
            match line.split_once(" = ") {
                Some((key, value)) if names.contains(&format!("local.{key}")) => {
                    all_locals.push_str(&format!("{key}_{copy} = {value}"));
                }
                _ => all_locals.push_str(line),
            }
        }
    }
    once.push_str(&all_locals);
    once
}

/// A name that only one can have, as each copy has its own.
fn named_by_copy(line: &str) -> Option<String> {
    const NAMES: [&str; 9] = [
        "name",
        "account_id",
        "bucket",
        "dns_name",
        "domain_name_label",
        "repository_id",
        "secret_id",
        "url",
        "user_id",
    ];
    let (key, value) = line.split_once('=')?;
    let value = value.trim();
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    let text = at_first_step(quoted('"').or_else(|| quoted('\''))?);
    if !NAMES.contains(&key.trim()) || text.contains("stack.name") || text.contains('"') {
        return None;
    }
    // What is computed of something else has the name of something that has a name of its own.
    let own = text
        .replace("${each.key}", "")
        .replace("${count.index}", "");
    if own.contains("${") {
        return None;
    }
    Some(format!("{key}= \"{}\"\n", of_copy(&text)))
}

/// A name with the copy's mark: at its end, or in a domain at the label that zones and what is in them share. Without a hyphen,
/// because some names have none.
fn of_copy(name: &str) -> String {
    if name.contains("${") {
        return format!("{name}{COPY}");
    }
    let mut labels: Vec<&str> = name.split('.').collect();
    let registered = labels.iter().position(|label| *label == "example");
    let at = registered.map_or(0, |at| at.saturating_sub(1));
    let marked = format!("{}{COPY}", labels[at]);
    labels[at] = &marked;
    labels.join(".")
}

/// What depends on the step alone, as it is in the first one: `a` of `${var.step < 3 ? "a" : "b"}`.
fn at_first_step(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${var.step ") {
        let Some((choice, behind)) = after.split_once('}') else {
            break;
        };
        let Some(chosen) = chosen(choice) else { break };
        out.push_str(before);
        out.push_str(chosen);
        rest = behind;
    }
    out + rest
}

/// The text that `< 3 ? "a" : "b"` is with 1 before it.
fn chosen(choice: &str) -> Option<&str> {
    let (test, texts) = choice.split_once(" ? ")?;
    let (then, otherwise) = texts.split_once(" : ")?;
    let (operator, number) = test.split_once(' ')?;
    let number: u32 = number.parse().ok()?;
    let holds = match operator {
        "<" => 1 < number,
        ">" => 1 > number,
        "==" => 1 == number,
        _ => return None,
    };
    let text = if holds { then } else { otherwise };
    text.strip_prefix('"')?.strip_suffix('"')
}

/// Whether a line begins a table: `[x.y]`, not an item of a list.
fn is_header(line: &str) -> bool {
    let inner = line.trim_start_matches('[');
    line.starts_with('[') && inner.starts_with(|c: char| c.is_ascii_lowercase())
}

/// With a suffix to an address wherever it stands whole.
fn renamed(text: &str, address: &str, suffix: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(address) {
        let end = at + address.len();
        let whole = rest[end..]
            .chars()
            .next()
            .is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '-'));
        out.push_str(&rest[..end]);
        if whole {
            out.push_str(suffix);
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// A sandbox that ends with its measurement.
struct Sandbox {
    child: Child,
    url: String,
}

impl Sandbox {
    fn start(infra: &str) -> Result<Sandbox, String> {
        let mut child = Command::new(infra)
            .args(["sandbox", "--listen", "127.0.0.1:0", "--latency", "none"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let stdout = child.stdout.take().ok_or("the sandbox says nothing")?;
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(|e| e.to_string())?;
        let ready: Json = serde_json::from_str(&line).map_err(|e| format!("{e}: {line}"))?;
        let url = ready["endpoints"]["aws"].as_str().unwrap_or_default();
        Ok(Sandbox {
            child,
            url: url.to_owned(),
        })
    }

    fn counts(&self) -> Result<Counts, String> {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).map_err(|e| e.to_string())?;
        write!(
            stream,
            "GET /_sandbox/counts HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .map_err(|e| e.to_string())?;
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .map_err(|e| e.to_string())?;
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let json: Json = serde_json::from_str(body).map_err(|e| format!("{e}: {body}"))?;
        let mut counts = Counts::new();
        for (service, calls) in json.as_object().into_iter().flatten() {
            for (call, n) in calls.as_object().into_iter().flatten() {
                counts.insert(format!("{service}.{call}"), n.as_u64().unwrap_or(0));
            }
        }
        Ok(counts)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_copy_has_names_of_its_own() {
        for (line, expected) in [
            (
                r#"name = '${var.step < 3 ? "url-map" : "url-map-3"}'"#,
                Some(format!("name = \"url-map{COPY}\"\n")),
            ),
            (
                r#"name = '${var.step < 3 ? "www" : "www3"}.records.example.com.'"#,
                Some(format!("name = \"www.records{COPY}.example.com.\"\n")),
            ),
            (
                r#"dns_name = "records.example.com.""#,
                Some(format!("dns_name = \"records{COPY}.example.com.\"\n")),
            ),
            (
                r#"name = "registry""#,
                Some(format!("name = \"registry{COPY}\"\n")),
            ),
            (r#"name = "${google_dns_managed_zone.z.name}""#, None),
            (
                r#"name = "x.private.postgres.database.azure.com""#,
                Some(format!(
                    "name = \"x{COPY}.private.postgres.database.azure.com\"\n"
                )),
            ),
            (
                r#"name = "web-${each.key}""#,
                Some(format!("name = \"web-${{each.key}}{COPY}\"\n")),
            ),
            (r#"region = "europe-west1""#, None),
        ] {
            assert_eq!(named_by_copy(line), expected, "{line}");
        }
    }
}
