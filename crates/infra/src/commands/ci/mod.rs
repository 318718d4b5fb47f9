//! `infra ci`: the pipelines of a stack's apps.

mod render;

use crate::cli::Ci;
use crate::error::Outcome;
use crate::ui::Ui;

pub(super) fn run(arguments: &Ci, ui: Ui) -> Outcome {
    match arguments {
        Ci::Render(arguments) => render::run(arguments, ui),
    }
}
