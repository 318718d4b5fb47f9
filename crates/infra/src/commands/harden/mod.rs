//! `infra harden`: what a stack brings into its clusters, looked at without a cluster.

mod audit;
mod render;
mod seen;

pub(super) use seen::Seen;

use crate::cli::Harden;
use crate::error::Outcome;
use crate::ui::Ui;

pub(super) fn run(arguments: &Harden, ui: Ui) -> Outcome {
    match arguments {
        Harden::Render(arguments) => render::run(arguments, ui),
        Harden::Audit(arguments) => audit::run(arguments, ui),
    }
}
