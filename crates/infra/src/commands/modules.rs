//! `infra modules list` and `infra modules update`

use crate::cli::{ModulesList, ModulesUpdate};
use crate::error::{CommandError, Exit, Outcome};
use crate::modules::{Locked, Name, Renew};
use crate::place::Place;
use crate::providers::Providers;
use crate::stack::{Loading, text_of};
use crate::ui::Ui;
use infra_lang::Loaded;
use infra_lang::modules::GitSource;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, did_you_mean};
use infra_model::program::Program;
use serde_json::json;
use std::collections::BTreeMap;

/// A module as it is called, all its instances together.
struct Called {
    /// `module.queue`, or `module.a.module.b` without keys.
    address: String,
    source: String,
    instances: usize,
}

pub(super) fn list(arguments: &ModulesList, ui: Ui) -> Outcome {
    let place = Place::find(arguments.stack.as_deref(), None)?;
    let providers = Providers::new();
    let mut loading = Loading::new(&providers, &arguments.variables)?;
    loading.require_variables = false;
    let fetcher = loading.fetcher(&place.file);
    let loaded = loading.load_with(&place.file, text_of(&place)?, None, &fetcher);
    let program = program(loaded)?;
    let used = fetcher.used();
    let called: Vec<(Called, Option<Locked>)> = called(&program)
        .into_iter()
        .map(|c| {
            let locked = name_of(&c.source).and_then(|name| used.get(&name).cloned());
            (c, locked)
        })
        .collect();
    if arguments.json {
        let all = called.iter().map(|(c, locked)| {
            json!({
                "address": c.address,
                "source": c.source,
                "instances": c.instances,
                "commit": locked.as_ref().map(|l| &l.commit),
                "checksum": locked.as_ref().map(|l| &l.checksum),
            })
        });
        ui.json(&json!({ "format_version": "1.0", "modules": all.collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    if called.is_empty() {
        ui.talk("This stack calls no modules.");
    }
    let width = called.iter().map(|(c, _)| c.address.len()).max();
    let width = width.unwrap_or_default();
    for (c, locked) in &called {
        let commit = locked.as_ref().map(|l| format!("  at {}", l.short()));
        let count = match c.instances {
            1 => String::new(),
            n => format!("  ({n} instances)"),
        };
        ui.result(&format!(
            "{:width$}  {}{}{count}\n",
            c.address,
            c.source,
            commit.unwrap_or_default()
        ));
    }
    Ok(Exit::Done)
}

pub(super) fn update(arguments: &ModulesUpdate, ui: Ui) -> Outcome {
    let (stack, names) = super::words(&arguments.words);
    let place = Place::find(stack.as_deref(), None)?;
    let providers = Providers::new();
    let mut loading = Loading::new(&providers, &arguments.variables)?;
    loading.require_variables = false;
    loading.renew = if names.is_empty() {
        Renew::All
    } else {
        let loaded = loading.load(&place.file, text_of(&place)?, None);
        Renew::Some(wanted(&program(loaded)?, &names)?)
    };
    let fetcher = loading.fetcher(&place.file);
    let loaded = loading.load_with(&place.file, text_of(&place)?, None, &fetcher);
    let renewed = fetcher.renewed();
    for (name, before, after) in &renewed {
        let change = match before {
            Some(before) if before == after => format!("is already at {}", after.short()),
            Some(before) => format!("{} → {}", before.short(), after.short()),
            None => format!("is locked at {}", after.short()),
        };
        ui.result(&format!("{name} {change}\n"));
    }
    if renewed.is_empty() && loaded.program.is_some() {
        ui.talk("This stack calls no modules in git repositories.");
    }
    // The new commits are locked; what does not fit them is told now rather than by the next plan.
    program(loaded).map(|_| Exit::Done)
}

fn program(loaded: Loaded) -> Result<Program, CommandError> {
    match loaded.program {
        Some(program) => Ok(program),
        None => Err(CommandError::new(loaded.diagnostics, loaded.sources)),
    }
}

/// The modules that a stack calls, in the order of the program.
fn called(program: &Program) -> Vec<Called> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut all: Vec<Called> = Vec::new();
    for component in &program.components {
        let Some(module) = &component.module else {
            continue;
        };
        let scope = component.scope();
        let steps = scope.steps().iter();
        let names: Vec<String> = steps.map(|s| format!("{}.{}", s.kind, s.name)).collect();
        let address = names.join(".");
        let place = *places.entry(address.clone()).or_insert(all.len());
        if place == all.len() {
            all.push(Called {
                address,
                source: module.source.to_string(),
                instances: 0,
            });
        }
        all[place].instances += 1;
    }
    all
}

/// The repositories of the named modules.
fn wanted(program: &Program, names: &[&str]) -> Result<Vec<Name>, CommandError> {
    let all = called(program);
    let mut found = Vec::new();
    for name in names {
        let full = if name.starts_with("module.") {
            (*name).to_owned()
        } else {
            format!("module.{name}")
        };
        let Some(called) = all.iter().find(|c| c.address == full) else {
            let addresses = all.iter().map(|c| c.address.as_str());
            let mut error = Diagnostic::error(
                Code::UnknownComponent,
                format!("this stack calls no module `{name}`"),
            );
            error.help = Some(match did_you_mean(&full, addresses) {
                Some(close) => format!("did you mean `{close}`?"),
                None => "`infra modules list` prints those that it calls".to_owned(),
            });
            return Err(error.into());
        };
        found.push(name_of(&called.source).ok_or_else(|| {
            CommandError::hint(
                Code::Usage,
                format!("`{full}` is in no git repository"),
                format!("it is read from {} as it is", called.source),
            )
        })?);
    }
    Ok(found)
}

/// The repository of a `source` that is in one.
fn name_of(source: &str) -> Option<Name> {
    let git = GitSource::parse(source)?;
    Some(Name {
        repository: git.url,
        reference: git.reference,
    })
}
