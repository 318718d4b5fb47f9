//! `infra harden`: what a stack brings into its clusters, looked at without a cluster; and ways out of trouble in one.

mod audit;
mod drill;
mod lock;
mod render;
mod restore;
mod seen;
mod unlock;

pub(super) use seen::Seen;

use crate::cli::Harden;
use crate::error::Outcome;
use crate::ui::Ui;

pub(super) fn run(arguments: &Harden, ui: Ui) -> Outcome {
    match arguments {
        Harden::Render(arguments) => render::run(arguments, ui),
        Harden::Audit(arguments) => audit::run(arguments, ui),
        Harden::Restore(arguments) => restore::run(arguments, ui),
        Harden::Drill(arguments) => drill::run(arguments, ui),
        Harden::Lock(arguments) => lock::run(arguments, ui),
        Harden::Unlock(arguments) => unlock::run(arguments, ui),
    }
}
