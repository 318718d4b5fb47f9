//! `infra export`: a stack in the words of other programs.

mod crossplane;

use crate::cli::Export;
use crate::error::Outcome;
use crate::ui::Ui;

pub(super) fn run(arguments: &Export, ui: Ui) -> Outcome {
    match arguments {
        Export::Crossplane(arguments) => crossplane::run(arguments, ui),
    }
}
