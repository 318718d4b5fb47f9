//! `infra secrets`: seals secrets for a repository with a cluster's certificate, and opens sealed ones with a backup of its key.
//! No cluster is asked, and no secret is printed but by `open`.

mod rotate;

use super::harden::Seen;
use crate::cli::{SealScope, Secrets, SecretsOpen, SecretsSeal, Variables};
use crate::error::{CommandError, Exit, Outcome};
use crate::system::{SystemClock, SystemRandom};
use crate::ui::Ui;
use infra_hardening::seal::{Certificate, Keys, Scope, SealError};
use infra_hardening::yaml;
use infra_model::codes::Code;
use infra_model::json::to_json;
use infra_model::time::Clock;
use serde_json::{Map, Value as Json, json};
use std::fs;
use std::io::Read;
use std::path::Path;

pub(super) fn run(arguments: &Secrets, ui: Ui) -> Outcome {
    match arguments {
        Secrets::Seal(arguments) => seal(arguments, ui),
        Secrets::RotateBackup(arguments) => rotate::run(arguments, ui),
        Secrets::Open(arguments) => open(arguments, ui),
    }
}

fn seal(arguments: &SecretsSeal, ui: Ui) -> Outcome {
    let certificate = certificate(arguments, ui)?;
    if certificate.not_after < SystemClock.now().0 / 1000 {
        return Err(CommandError::hint(
            Code::Usage,
            "the sealing certificate has ended",
            "give the cluster a new key: another name under `keys` of `[hardening.….secrets]`",
        ));
    }
    let secrets = match (&arguments.file, &arguments.name) {
        (Some(file), None) => documents(file)?,
        (None, Some(name)) => vec![made(name, arguments)?],
        (Some(_), Some(_)) => {
            return Err(CommandError::hint(
                Code::Usage,
                "a manifest and -name were given",
                "either seal what stands in the file, or make a Secret with -name, -from-file and -from-env",
            ));
        }
        (None, None) => documents(Path::new("-"))?,
    };
    let scope = arguments.scope.map(|scope| match scope {
        SealScope::Strict => Scope::Strict,
        SealScope::NamespaceWide => Scope::Namespace,
        SealScope::ClusterWide => Scope::Cluster,
    });
    let mut sealed = Vec::new();
    for secret in &secrets {
        named(secret)?;
        sealed.push(
            certificate
                .seal(secret, scope, &SystemRandom)
                .map_err(refused)?,
        );
    }
    show(&sealed, arguments.json, ui);
    Ok(Exit::Done)
}

/// From the file that is named, or from the stack's state.
fn certificate(arguments: &SecretsSeal, ui: Ui) -> Result<Certificate, CommandError> {
    let pem = match &arguments.cert {
        Some(file) => read(file)?,
        None => {
            let seen = Seen::load(arguments.stack.as_deref(), None, &Variables::default(), ui)?;
            seen.sealing_certificate().ok_or_else(|| {
                CommandError::hint(
                    Code::Usage,
                    "the stack has no sealing certificate yet",
                    "apply the stack with `[hardening.….secrets]`, or name a certificate: -cert FILE",
                )
            })?
        }
    };
    Certificate::parse(&pem).map_err(refused)
}

/// Refuses names that no cluster takes: a sealed secret is bound to them, and would only be refused when it is applied
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).
fn named(secret: &Json) -> Result<(), CommandError> {
    let is_label = |text: &str| {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let ends =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        text.chars().all(legal) && ends(text.chars().next()) && ends(text.chars().next_back())
    };
    let refused = |text: &str, what: &str, help: &str| {
        let message = format!("`{text}` cannot be the name of a {what}");
        Err(CommandError::hint(Code::Usage, message, help))
    };
    let metadata = |name: &str| secret["metadata"][name].as_str();
    if let Some(name) = metadata("name")
        && (name.len() > 253 || !name.split('.').all(is_label))
    {
        let help = "use lower-case letters, digits, `-` and `.`, first and last a letter or digit: -name database";
        return refused(name, "Secret", help);
    }
    if let Some(namespace) = metadata("namespace")
        && (namespace.len() > 63 || !is_label(namespace))
    {
        let help = "use up to 63 lower-case letters, digits and hyphens: -namespace shop";
        return refused(namespace, "namespace", help);
    }
    Ok(())
}

/// A Secret of entries that are named on the command line.
fn made(name: &str, arguments: &SecretsSeal) -> Result<Json, CommandError> {
    let mut data = Map::new();
    let mut plain = Map::new();
    let parts = |text: &str, shape: &str| {
        let found = text
            .split_once('=')
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        found.ok_or_else(|| {
            CommandError::hint(
                Code::Usage,
                format!("`{text}` does not say which entry it is"),
                format!("write {shape}"),
            )
        })
    };
    for text in &arguments.from_file {
        let (key, file) = parts(text, "KEY=FILE")?;
        let path = Path::new(&file);
        let bytes = fs::read(path).map_err(|e| CommandError::io("read", path, &e))?;
        data.insert(key, json!(infra_hardening::seal::base64(&bytes)));
    }
    for text in &arguments.from_env {
        let (key, variable) = parts(text, "KEY=VARIABLE")?;
        let value = std::env::var(&variable).map_err(|_| {
            CommandError::hint(
                Code::Usage,
                format!("the environment has no `{variable}`"),
                format!("set it for this command: {variable}=… infra secrets seal …"),
            )
        })?;
        plain.insert(key, json!(value));
    }
    for key in data.keys().chain(plain.keys()) {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if key.is_empty() || key.len() > 253 || !key.chars().all(legal) {
            return Err(CommandError::hint(
                Code::Usage,
                format!("`{key}` cannot be the name of an entry"),
                "use letters, digits, `-`, `_` and `.`",
            ));
        }
    }
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "data": data, "stringData": plain,
    });
    if let Some(namespace) = &arguments.namespace {
        secret["metadata"]["namespace"] = json!(namespace);
    }
    Ok(secret)
}

fn open(arguments: &SecretsOpen, ui: Ui) -> Outcome {
    let mut texts = Vec::new();
    for file in &arguments.key {
        let text = read(file)?;
        if text.contains("-----BEGIN") && !text.contains("kind:") {
            texts.push(text);
            continue;
        }
        for secret in documents(file)? {
            texts.extend(infra_hardening::seal::key_of(&secret));
        }
    }
    let keys = Keys::parse(texts.iter().map(String::as_str)).map_err(refused)?;
    let mut opened = Vec::new();
    for sealed in documents(&arguments.file)? {
        opened.push(keys.open(&sealed).map_err(refused)?);
    }
    show(&opened, arguments.json, ui);
    Ok(Exit::Done)
}

fn show(objects: &[Json], json: bool, ui: Ui) {
    if json {
        for object in objects {
            ui.json(object);
        }
        return;
    }
    let texts: Vec<String> = objects.iter().map(yaml::document).collect();
    ui.result(&texts.join("---\n"));
}

fn read(path: &Path) -> Result<String, CommandError> {
    if path == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|e| CommandError::io("read", path, &e))?;
        return Ok(text);
    }
    fs::read_to_string(path).map_err(|e| CommandError::io("read", path, &e))
}

fn documents(path: &Path) -> Result<Vec<Json>, CommandError> {
    let found = infra_lang::yaml_documents(&read(path)?).map_err(|why| {
        CommandError::hint(
            Code::FileAccess,
            format!("{}: {why}", path.display()),
            "give it a manifest in YAML or JSON",
        )
    })?;
    Ok(found.iter().map(to_json).collect())
}

fn refused(error: SealError) -> CommandError {
    let help = match &error {
        SealError::Certificate(_) => {
            "give it the file that begins with -----BEGIN CERTIFICATE-----"
        }
        SealError::Key => {
            "give it the key that begins with -----BEGIN PRIVATE KEY-----, or the Secret that holds it"
        }
        SealError::Closed(_) => {
            "give it the backup of the key that it was sealed for, and leave name and namespace as they were"
        }
        SealError::Secret(_) | SealError::Encrypt(_) => {
            "mend the manifest and run the same command again"
        }
    };
    CommandError::hint(Code::Usage, error.to_string(), help)
}
