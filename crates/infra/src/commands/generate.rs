//! `-generate-config-out`: blocks for resources that exist already, from `infra import ADDRESS ID` or from the `[[import]]`
//! tables of a stack whose targets are not written yet.

use super::session::{Opening, Session};
use crate::error::{CommandError, Exit, Outcome};
use crate::render::generated::stack_text;
use crate::ui::Ui;
use infra_engine::Generated;
use infra_model::Address;
use infra_model::codes::Code;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use toml_edit::DocumentMut;

/// What is to be looked up: address and import id.
pub(super) type Wanted = (Address, String);

/// Takes the `[[import]]` tables without a target out of a stack's text: the text without them, and what they name.
///
/// # Errors
/// One whose address or id is computed: there is nothing yet that it could be computed for.
pub(super) fn without_target(text: &str) -> Result<(String, Vec<Wanted>), CommandError> {
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        // What is wrong is told when it is loaded.
        return Ok((text.to_owned(), Vec::new()));
    };
    let mut wanted = Vec::new();
    let resources = document.get("resource").cloned();
    let declared = |address: &Address| {
        let block = &address.block;
        let resources = resources.as_ref();
        resources
            .and_then(|r| r.get(&*block.type_name)?.get(&*block.name))
            .is_some()
            || !block.scope.is_root()
    };
    if let Some(imports) = document
        .get_mut("import")
        .and_then(|i| i.as_array_of_tables_mut())
    {
        let mut failed = None;
        imports.retain(|table| {
            let field = |name| table.get(name).and_then(toml_edit::Item::as_str);
            let Some(address) = field("to").and_then(|t| t.parse::<Address>().ok()) else {
                return true;
            };
            if declared(&address) {
                return true;
            }
            match field("id").filter(|id| !id.contains("${") && table.get("for_each").is_none()) {
                Some(id) => wanted.push((address, id.to_owned())),
                None => failed = Some(address),
            }
            false
        });
        if let Some(address) = failed {
            return Err(CommandError::hint(
                Code::NotGenerated,
                format!("no block can be generated for {address}: its id is computed"),
                "write the id itself, for one resource at a time",
            ));
        }
    }
    Ok((document.to_string(), wanted))
}

/// Looks everything up and writes the blocks into a new file.
pub(super) fn run(opening: Opening<'_>, wanted: &[Wanted], file: &Path, ui: Ui) -> Outcome {
    if wanted.is_empty() {
        return Err(CommandError::hint(
            Code::Usage,
            "every [[import]] of the stack has its block already",
            "leave -generate-config-out out",
        ));
    }
    for (address, _) in wanted {
        if address.key.is_some() || !address.block.scope.is_root() {
            return Err(CommandError::hint(
                Code::NotGenerated,
                format!("no block can be generated for {address}"),
                "choose an address of its own, such as aws_vpc.main; a key or a module comes later, with a [[moved]]",
            ));
        }
    }
    if file.exists() {
        return Err(there(file));
    }
    super::runtime()?.block_on(async {
        let session = opening.open().await?;
        let sources = session.sources();
        let looked_up = look_up(&session, wanted).await;
        let stack = session.place.file.display().to_string();
        session.close().await?;
        let blocks = looked_up.map_err(|e| e.within(&sources))?;
        write(file, &stack_text(&blocks))?;
        ui.result(&format!("{}\n", file.display()));
        let s = if blocks.len() == 1 { "" } else { "s" };
        ui.talk(&format!(
            "\n{} block{s} written. Read them, move them into {stack}, and look at what they import: infra plan {stack}",
            blocks.len()
        ));
        Ok(Exit::Done)
    })
}

async fn look_up(session: &Session, wanted: &[Wanted]) -> Result<Vec<Generated>, CommandError> {
    let mut blocks = Vec::with_capacity(wanted.len());
    let mut diagnostics = Vec::new();
    for (address, id) in wanted {
        match session.engine.generate(session.input(), address, id).await {
            Ok(generated) => blocks.push(generated),
            Err(error) => diagnostics.extend(CommandError::from(error).diagnostics),
        }
    }
    if diagnostics.is_empty() {
        Ok(blocks)
    } else {
        Err(CommandError::new(diagnostics, session.sources()))
    }
}

fn there(file: &Path) -> CommandError {
    CommandError::hint(
        Code::FileExists,
        format!("{} is there already, and was left as it is", file.display()),
        "choose another file",
    )
}

fn write(file: &Path, text: &str) -> Result<(), CommandError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => there(file),
            _ => CommandError::io("write", file, &e),
        })
}
