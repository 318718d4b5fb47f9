//! Ctrl-C and SIGTERM: once asks the run to stop, twice ends the process at once; the journal makes that safe.

use crate::error::Exit;
use crate::ui::Ui;
use infra_engine::Stop;

/// Waits for a signal.
pub(crate) async fn received() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the process, which the journal makes safe as well.
    let _ = tokio::signal::ctrl_c().await;
}

/// Listens until it is dropped.
pub(crate) async fn stop(stop: Stop, ui: Ui) {
    received().await;
    stop.request();
    ui.talk(
        "\nStopping: what is under way is finished, nothing new begins. Again to stop at once.",
    );
    received().await;
    std::process::exit(Exit::Interrupted.code().into());
}
