//! Saved plans: written by `plan -out`, applied exactly or refused.

use super::apply::finish;
use super::session::{Opening, Session};
use crate::cli::Planning;
use crate::error::{CommandError, Outcome};
use crate::kept::KeptFiles;
use crate::place::{Place, keyring};
use crate::stack::Loading;
use crate::ui::Ui;
use infra_engine::{Plan, SavedPlan, SavedPlanError};
use infra_lang::Given;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_model::json::to_json;
use infra_model::program::Program;
use infra_model::value::Str;
use infra_state::Sealer;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

/// Saved plans are sealed under a name of their own: the file must be read before it is known whose state it belongs to.
const SCOPE: &str = "saved plan";

/// Whether a file begins like a saved plan.
pub(super) fn is_plan(file: &Path) -> Result<bool, CommandError> {
    let mut start = [0; 16];
    let length = match std::fs::File::open(file).and_then(|mut f| f.read(&mut start)) {
        Ok(length) => length,
        // A stack file that is gone may still have a state.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(CommandError::io("read", file, &error)),
    };
    match SavedPlan::is_one(&start[..length]) {
        // What is neither would be taken for a stack without a state.
        false if file.extension().is_none_or(|e| e != "toml") => {
            Err(SavedPlanError::NotAPlan.into())
        }
        is_plan => Ok(is_plan),
    }
}

/// Reads a saved plan.
pub(super) fn read(file: &Path) -> Result<SavedPlan, CommandError> {
    let bytes = std::fs::read(file).map_err(|e| CommandError::io("read", file, &e))?;
    Ok(SavedPlan::from_bytes(
        &bytes,
        &Sealer::new(keyring(), SCOPE),
    )?)
}

/// A plan with everything that applying it needs. Not taken apart: the process ends soon.
pub(super) fn with_all(session: &Session, plan: Plan) -> ManuallyDrop<SavedPlan> {
    let empty = Program::default();
    let program = session.program.as_ref().unwrap_or(&empty);
    ManuallyDrop::new(SavedPlan {
        plan,
        stack_file: session.place.file.to_string_lossy().as_ref().into(),
        instance: session.place.instance.as_deref().map(Into::into),
        sources: sources(program),
        files: session.files.kept(),
        variables: program
            .variables
            .iter()
            .filter(|(_, v)| !v.ephemeral)
            .map(|(name, v)| {
                (
                    name.clone(),
                    if v.sensitive {
                        v.value.clone().sensitive()
                    } else {
                        v.value.clone()
                    },
                )
            })
            .collect(),
    })
}

/// What a saved plan's file holds.
pub(super) fn to_bytes(saved: &SavedPlan) -> Result<Vec<u8>, SavedPlanError> {
    saved.to_bytes(&Sealer::new(keyring(), SCOPE))
}

/// The stack's own texts, the stack file first.
fn sources(program: &Program) -> Vec<(Str, Str)> {
    let files = program.sources.files().iter();
    files.map(|f| (f.name.clone(), (&*f.text).into())).collect()
}

/// Applies a saved plan without asking: it was shown when it was made.
pub(super) fn apply(file: &Path, planning: &Planning, ui: Ui) -> Outcome {
    let saved = ManuallyDrop::new(read(file)?);
    let stack = Path::new(&*saved.stack_file);
    let place = Place::find(Some(stack), saved.instance.as_deref())?;
    let mut opening = Opening::new(ui, place, planning, "apply");
    opening.lock = true;
    opening.files = Arc::new(KeptFiles::new(&saved.sources, &saved.files));
    opening.program = program(&saved, &opening, planning)?;
    super::runtime()?.block_on(async { finish(opening.open().await?, &saved.plan).await })
}

/// The program as it was planned, from the texts in the plan.
fn program(
    saved: &SavedPlan,
    opening: &Opening<'_>,
    planning: &Planning,
) -> Result<Option<Program>, CommandError> {
    let Some((_, text)) = saved.sources.first() else {
        return Ok(None);
    };
    let mut loading = Loading::new(&opening.providers, &planning.variables)?;
    let values: serde_json::Map<_, _> = saved
        .variables
        .iter()
        .map(|(name, value)| (name.to_string(), to_json(value)))
        .collect();
    // Ephemeral values are not in the plan: they are given again, like at planning.
    let known: BTreeSet<&str> = saved.variables.iter().map(|(name, _)| &**name).collect();
    let again = std::mem::take(&mut loading.given);
    for given in &again {
        if let Given::Value { name, .. } = given
            && known.contains(name.as_str())
        {
            let message = format!("`{name}` is fixed by the saved plan");
            return Err(Diagnostic::error(Code::BadPlanFile, message)
                .help("make a new plan to change it")
                .into());
        }
    }
    loading.given = again;
    loading.given.push(Given::File {
        name: "saved-plan.json".to_owned(),
        text: serde_json::Value::Object(values).to_string(),
    });
    loading.files = opening.files.clone();
    loading.now = saved.plan.created;
    let loaded = loading.load(
        Path::new(&*saved.stack_file),
        text,
        saved.instance.as_deref(),
    );
    match loaded.program {
        Some(program) => Ok(Some(program)),
        None => Err(CommandError::new(loaded.diagnostics, loaded.sources)),
    }
}
