//! What a person sees when there is a bug: a short message, never a dump. The state is safe: the journal has every intent.

use std::panic::PanicHookInfo;

/// Replaces the default message.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| crate::ui::say(&message(info))));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let place = info
        .location()
        .map(|l| format!("{}:{}", l.file(), l.line()))
        .unwrap_or_default();
    // The payload could quote a value that must not be shown: only whoever asks for it gets it.
    let detail = std::env::var_os("INFRA_LOG")
        .and_then(|_| info.payload_as_str())
        .map(|p| format!("\n  {p}"))
        .unwrap_or_default();
    format!(
        "infra has a bug and stops here ({place}, version {}).{detail}\n\
         Nothing is lost: what was under way is in the journal, and the next run takes it up.\n\
         Please report it with the command you ran; INFRA_LOG=debug shows more.",
        env!("CARGO_PKG_VERSION")
    )
}
