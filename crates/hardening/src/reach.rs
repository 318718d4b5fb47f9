//! What hardens a cluster is brought through its API: whether that can be reached from where this program runs is looked at before
//! anything is made, and warned of. A private way there may exist that nobody here knows of, so that it is no error.

use crate::inside::Inside;
use infra_draft::input::escape;
use infra_model::ProviderAddress;
use serde_json::json;

/// What the check is called, and the data source that counts for it.
const NAME: &str = "reach";
const TYPE: &str = "caller_address";

/// Writes the check, or says at once that only the network reaches the API.
pub(crate) fn check(inside: &mut Inside<'_>) {
    let Some(ranges) = inside.site.public_from.clone() else {
        return;
    };
    let cluster = inside.site.reference.clone();
    if ranges.is_empty() {
        inside.draft.remark(
            "cluster",
            format!("what hardens {cluster} is brought through its API, which is reached only from inside its network"),
            format!("run this where the network can be reached from: inside it, or over a VPN or a peering; or name ranges in [{cluster}]: `api = {{ public_from = [\"203.0.113.7/32\"] }}`"),
        );
        return;
    }
    let message = format!(
        "the API of {cluster} is reached from {}, and this machine calls from ${{data.{TYPE}.{NAME}.address}}: unless there is a private way, nothing can be brought into the cluster; add the address to `api.public_from` in [{cluster}], or run this where it is reached from",
        escape(&ranges.join(", ")),
    );
    let condition = format!("${{data.{TYPE}.{NAME}.within}}");
    let ranges: Vec<String> = ranges.iter().map(|range| escape(range)).collect();
    let builtin = ProviderAddress::default_of("builtin");
    inside.draft.check(
        NAME,
        vec![[condition, message]],
        &builtin,
        (TYPE, json!({ "ranges": ranges })),
    );
}
