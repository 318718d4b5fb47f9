//! `external`: what a program answers.

use crate::provider::Client;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What a program answers, run anew in every run: it gets `query` as JSON on its standard input, and writes a JSON object whose values are
/// all text to its standard output. When it fails, what it wrote to its standard error is the message.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ExternalRecord {
    /// The program and its arguments. A path is taken from the folder of the stack file.
    #[record(required)]
    program: Vec<String>,
    /// What it is asked.
    #[record(optional)]
    query: BTreeMap<String, String>,
    /// The folder in which it runs; by default that of the stack file.
    #[record(optional)]
    working_dir: Option<String>,
    /// What it answers.
    #[record(computed)]
    result: BTreeMap<String, String>,
    /// Always `-`.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct External;

fn failed(message: String) -> ProviderError {
    ProviderError::new(ErrorKind::Other, message)
}

async fn run(client: &Client, config: &ExternalRecord) -> Result<Vec<u8>, ProviderError> {
    let Some((program, arguments)) = config.program.split_first() else {
        let message = "it names no program";
        return Err(ProviderError::invalid("program", message));
    };
    let folder = config.working_dir.as_deref().unwrap_or_default();
    let folder = client.directory.join(folder);
    // A bare name is looked for on PATH, a path beside the stack file.
    let path = if program.contains('/') {
        client.directory.join(program).into_os_string()
    } else {
        program.into()
    };
    let query = serde_json::to_vec(&config.query).unwrap_or_default();
    let no_start = |e: std::io::Error| {
        ProviderError::invalid("program", format!("`{program}` cannot be run: {e}"))
    };
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(no_start)?;
    let input = child.stdin.take();
    // One that does not read what it is asked is no failure.
    let asked = async {
        if let Some(mut input) = input {
            let _ = input.write_all(&query).await;
        }
    };
    let ((), output) = tokio::join!(asked, child.wait_with_output());
    let output = output.map_err(no_start)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        let said = if said.is_empty() {
            "it said nothing"
        } else {
            said
        };
        return Err(failed(format!(
            "`{program}` failed ({}): {said}",
            output.status
        )));
    }
    Ok(output.stdout)
}

/// The object of texts that was written; what it is instead is said without showing it.
fn answer(program: &str, written: &[u8]) -> Result<BTreeMap<String, String>, ProviderError> {
    let wrong = |why: String| {
        failed(format!(
            "`{program}` must write a JSON object whose values are all text: {why}"
        ))
    };
    let found: Map<String, Json> =
        serde_json::from_slice(written).map_err(|e| wrong(e.to_string()))?;
    let text = |(name, value): (String, Json)| match value {
        Json::String(text) => Ok((name, text)),
        _ => Err(wrong(format!("`{name}` is no text"))),
    };
    found.into_iter().map(text).collect()
}

#[async_trait]
impl DataSource<Client> for External {
    type Record = ExternalRecord;
    const TYPE: &'static str = "external";

    async fn read(
        client: &Client,
        _: &CallContext,
        config: ExternalRecord,
    ) -> Result<ExternalRecord, ProviderError> {
        let written = run(client, &config).await?;
        let program = config
            .program
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        Ok(ExternalRecord {
            result: answer(program, &written)?,
            id: Some("-".to_owned()),
            ..config
        })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn read(script: &str) -> Result<ExternalRecord, ProviderError> {
        let bench = Bench::new();
        let client = Client {
            directory: "/".into(),
            ..bench.client()
        };
        let config = ExternalRecord {
            program: ["sh", "-c", script].map(str::to_owned).to_vec(),
            query: BTreeMap::from([("name".to_owned(), "shop".to_owned())]),
            ..ExternalRecord::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime
            .expect("a runtime")
            .block_on(External::read(&client, bench.context(), config))
    }

    #[test]
    fn a_program_is_asked_and_answers() {
        let found = read(r#"read asked; printf '{"asked": "%s"}' "$(echo "$asked" | tr -d '"')""#);
        let found = found.expect("an answer");
        assert_eq!(found.result["asked"], "{name:shop}");
        assert!(read(r#"echo '{"a": "b"}'"#).is_ok(), "it need not read");
    }

    #[test]
    fn what_it_says_when_it_fails_is_told() {
        let error = |script: &str| read(script).expect_err("a failure").message;
        assert!(error("echo no such shop >&2; exit 3").contains("no such shop"));
        assert!(error("exit 3").contains("it said nothing"));
        assert!(error("echo '{\"n\": 1}'").contains("`n` is no text"));
        assert!(error("echo '[]'").contains("JSON object"));
        let config = ExternalRecord {
            program: vec!["no-such-program-anywhere".to_owned()],
            ..ExternalRecord::default()
        };
        let bench = Bench::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let client = Client {
            directory: "/".into(),
            ..bench.client()
        };
        let found =
            runtime
                .expect("a runtime")
                .block_on(External::read(&client, bench.context(), config));
        assert!(
            found
                .expect_err("refused")
                .message
                .contains("cannot be run")
        );
    }
}
