//! `infra docs`

use crate::cli::{Docs, DocsFormat};
use crate::error::{Exit, Outcome};
use crate::reference::{Catalogue, docs};
use crate::ui::Ui;

pub(super) fn run(arguments: &Docs, ui: Ui) -> Outcome {
    let catalogue = Catalogue::new();
    let page = match &arguments.name {
        Some(name) => docs::page(&catalogue.find(name)?),
        None => docs::index(&catalogue),
    };
    ui.result(&match arguments.format {
        DocsFormat::Text => page.text(ui.out),
        DocsFormat::Markdown => page.markdown(),
    });
    Ok(Exit::Done)
}
