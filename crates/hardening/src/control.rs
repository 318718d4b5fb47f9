//! What a control is. One control is one module and one line in the registry (`crate::REGISTRY`); nothing else names it.
//!
//! To add one:
//!
//! 1. `controls/NAME.rs` (a folder when it has alternatives): a documented `Config` with `#[derive(Record)]`, which is what
//!    stands under `[hardening.X.NAME]`. Every attribute must make sense when it is left out, for a profile switches a control
//!    on without a word; what cannot be left out is refused in `expand` with what to write.
//! 2. `impl Control`: [`Control::expand`] writes namespaces, definitions, releases and objects through
//!    [`Inside`]. It says what it *is*, not when: the order (definitions, namespaces, limits, webhooks, then what needs them) is
//!    made from that by `crate::order`. It declares who talks to whom with [`Inside::allow`] and what can be scraped with
//!    [`Inside::scrape`]; the controls `network` and `monitoring` make something of it, or nothing when they are off. Whether
//!    another control is on is asked with [`Inside::on`].
//! 3. What it can only write when everything else is known goes into [`Control::finish`], which runs after every `expand`.
//! 4. What of it would reach people, or change what is outside of the cluster, is left out of copies: [`Control::beside`].
//! 5. Versions, charts and definitions go into `pins.rs`, nowhere else.
//! 6. `tests/controls/NAME.rs`: a snapshot of the nodes, every alternative's objects held against the definitions
//!    (`fixture::valid`), what is refused, and each promise by name.
//!
//! Text of the user's goes into objects through [`escape`](infra_draft::input::escape) or
//! [`Input::json`](infra_draft::input::Input::json); text of our own that holds `${` through [`plain`].

use crate::inside::Inside;
use infra_draft::input::escape;
use infra_model::{Block, Record};
use serde_json::Value as Json;

/// One control.
pub(crate) trait Control {
    /// Its table under `[hardening.X]`: `tls`.
    const NAME: &'static str;
    /// Whether the profile `baseline` has it: it costs nothing to run.
    const BASELINE: bool;
    /// What can be said of it; its documentation is the control's.
    type Config: Record;
    /// Completes the documentation of tables by name.
    fn describe(_config: &mut Block) {}
    /// What of it is otherwise in a copy for a drill, which reaches nobody whom the real one reaches and writes nothing that is the real
    /// one's.
    fn beside(_config: &mut Self::Config) {}
    /// Writes what it needs.
    fn expand(config: &Self::Config, inside: &mut Inside<'_>);
    /// Writes what follows from everything that all controls wrote.
    fn finish(_config: &Self::Config, _inside: &mut Inside<'_>) {}
}

/// JSON whose text stands for itself where templates are read: rules, dashboards and scripts that hold `${`.
pub(crate) fn plain(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(escape(&text)),
        Json::Array(items) => items.into_iter().map(plain).collect(),
        Json::Object(entries) => entries.into_iter().map(|(k, v)| (k, plain(v))).collect(),
        other => other,
    }
}
