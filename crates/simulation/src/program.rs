//! From the text of a stack to a program: no components, no modules, no files.

use infra_engine::Engine;
use infra_lang::files::MemoryFiles;
use infra_lang::{LoadRequest, load};
use infra_model::Timestamp;
use infra_model::diagnostic::Diagnostic;
use infra_model::expand::NoComponents;
use infra_model::program::Program;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loads a stack of the engine's types; otherwise what is wrong with it.
pub(crate) fn load_text(engine: &Engine, name: &str, text: &str) -> Result<Program, String> {
    let loaded = load(&LoadRequest {
        path: Path::new(name),
        name,
        text,
        schemas: engine,
        expand: &NoComponents,
        given: &[],
        environment: &[],
        require_variables: true,
        instance: None,
        passing: None,
        files: Arc::new(MemoryFiles::default()),
        working_directory: PathBuf::from("."),
        fetch: &infra_lang::modules::NoFetch,
        now: Timestamp(0),
    });
    let messages = words(&loaded.diagnostics);
    loaded.program.ok_or(messages)
}

/// The messages alone.
pub(crate) fn words(diagnostics: &[Diagnostic]) -> String {
    let messages: Vec<&str> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    messages.join("; ")
}
