//! `infra ci render`: the files of pipelines, written where nobody has changed them. The stack says what is in them.

use crate::cli::CiRender;
use crate::commands::harden::Seen;
use crate::commands::written;
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use infra_model::Value;
use infra_model::codes::Code;
use infra_model::program::ComponentInstance;
use infra_pipelines::{File, Found, Place, Platform, Settings, found, render, secrets};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn run(arguments: &CiRender, ui: Ui) -> Outcome {
    let seen = Seen::load(
        arguments.stack.as_deref(),
        arguments.instance.as_deref(),
        &arguments.variables,
        ui,
    )?;
    let hardening = one(&seen, arguments.hardening.as_deref())?;
    let (settings, place) = read(&seen, hardening)?;
    let platform = platform(arguments, &settings)?;
    let failed =
        |error: infra_pipelines::Error| CommandError::hint(Code::Usage, error.message, error.help);
    let files = render(&settings, &place, platform).map_err(failed)?;
    let needed = secrets(&settings, &place, platform).map_err(failed)?;

    let several: BTreeSet<&Option<String>> = files.iter().map(|f| &f.repository).collect();
    let mut changed = Vec::new();
    let mut theirs = Vec::new();
    for file in &files {
        let path = path(&arguments.out, file, several.len() > 1);
        match standing(&path)?.map(|old| found(&old, &file.text)) {
            Some(Found::Same) => {}
            Some(Found::Theirs) => theirs.push((path, file)),
            Some(Found::Ours) | None => changed.push((path, file)),
        }
    }
    if !theirs.is_empty() && !arguments.overwrite && !arguments.check {
        let names: Vec<String> = theirs
            .iter()
            .map(|(p, _)| p.display().to_string())
            .collect();
        return Err(CommandError::hint(
            Code::FileExists,
            format!("people have written or changed {}", names.join(", ")),
            "nothing was written; look at the difference (`-o DIR` writes elsewhere), then take the files away or say `--overwrite`",
        ));
    }
    changed.extend(theirs);
    let list: String = changed
        .iter()
        .map(|(path, _)| format!("{}\n", path.display()))
        .collect();
    ui.result(&list);
    if arguments.check {
        let exit = if changed.is_empty() {
            Exit::Done
        } else {
            Exit::Changes
        };
        return Ok(exit);
    }
    for (path, file) in &changed {
        write(path, file)?;
    }
    if changed.is_empty() {
        ui.talk(&format!("All {} files are as they should be.", files.len()));
    } else {
        ui.talk(&format!("{} files are written.", changed.len()));
    }
    if !needed.is_empty() {
        ui.talk("Put these where the platform keeps secrets:");
        for (name, what) in needed {
            ui.talk(&format!("  {name}: {what}"));
        }
    }
    Ok(Exit::Done)
}

/// The hardening whose apps are built.
fn one<'a>(seen: &'a Seen, wanted: Option<&str>) -> Result<&'a ComponentInstance, CommandError> {
    let name = |c: &ComponentInstance| {
        let key = c.step.key.as_ref().map(ToString::to_string);
        format!("{}{}", c.step.name, key.unwrap_or_default())
    };
    let all: Vec<&ComponentInstance> = seen.own_hardenings().collect();
    let named: Vec<String> = all.iter().map(|c| name(c)).collect();
    if all.is_empty() {
        return Err(CommandError::hint(
            Code::Usage,
            "this stack hardens no cluster, and so has no apps",
            "write `[hardening.main]` with `cluster = \"main\"` and `[hardening.main.apps.shop]`",
        ));
    }
    let found = match wanted {
        Some(wanted) => all.iter().find(|c| name(c) == wanted),
        None if all.len() == 1 => all.first(),
        None => None,
    };
    found.copied().ok_or_else(|| {
        CommandError::hint(
            Code::Usage,
            match wanted {
                Some(wanted) => format!("this stack has no hardening `{wanted}`"),
                None => "this stack has several hardenings".to_owned(),
            },
            format!("write `--hardening NAME` with one of: {}", named.join(", ")),
        )
    })
}

/// What the stack says, as far as it is known.
fn read(seen: &Seen, hardening: &ComponentInstance) -> Result<(Settings, Place), CommandError> {
    let name = &hardening.step.name;
    let output = hardening.outputs.get("pipelines");
    let value = output
        .map(|e| seen.value(e, hardening))
        .unwrap_or(Value::NULL);
    let text = |part: &str| {
        let value = value.get(part)?;
        value.unmark_deep().as_str().map(str::to_owned)
    };
    let Some(settings) = text("settings") else {
        return Err(CommandError::hint(
            Code::Usage,
            format!("nothing is said of pipelines in [hardening.{name}]: the control `ci` is off"),
            format!("write `[hardening.{name}.ci]`"),
        ));
    };
    let settings = serde_json::from_str(&settings).map_err(|e| {
        CommandError::hint(
            Code::System,
            format!("what [hardening.{name}] says of pipelines cannot be read: {e}"),
            "this is a mistake of infra's: please report it",
        )
    })?;
    let place = Place {
        registry: text("registry"),
        role: text("role"),
        client: text("client"),
        tenant: text("tenant"),
        provider: text("provider"),
        repository: text("repository"),
        known_hosts: text("known_hosts"),
    };
    Ok((settings, place))
}

fn platform(arguments: &CiRender, settings: &Settings) -> Result<Platform, CommandError> {
    let said = settings.platform.as_deref();
    match (arguments.github, arguments.gitlab, said) {
        (true, _, None | Some("github")) | (_, false, Some("github")) => Ok(Platform::GitHub),
        (_, true, None | Some("gitlab")) | (false, _, Some("gitlab")) => Ok(Platform::GitLab),
        (false, false, None) => Err(CommandError::hint(
            Code::Usage,
            "it is not said who runs pipelines",
            "write `--github` or `--gitlab`, or `platform = \"github\"` in [hardening.….ci]",
        )),
        // Whom the cloud and the cluster trust is said by the stack.
        (_, _, Some(said)) => Err(CommandError::hint(
            Code::Usage,
            format!("the stack says that pipelines are {said}'s: the cloud lets in nobody else's"),
            "leave the flag out, or change `platform` in [hardening.….ci] and apply",
        )),
    }
}

fn path(out: &Path, file: &File, several: bool) -> PathBuf {
    let mut path = out.to_path_buf();
    if several {
        path.push(file.repository.as_deref().unwrap_or("other"));
    }
    path.join(&file.path)
}

/// What stands there.
fn standing(path: &Path) -> Result<Option<String>, CommandError> {
    match fs::read(path) {
        // What is no text is somebody else's.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CommandError::io("read", path, &error)),
    }
}

fn write(path: &Path, file: &File) -> Result<(), CommandError> {
    written::write(path, &file.text)?;
    #[cfg(unix)]
    if file.program {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .map_err(|e| CommandError::io("write", path, &e))?;
    }
    Ok(())
}
