//! `infra harden unlock`: break-glass. A policy engine that fails closed and does not run refuses everything, the pods that would run it
//! among it. What makes the API server ask it is taken away; what it has decided stays, and its own controllers, or the next apply, put
//! it back.

use super::audit::cluster;
use crate::cli::HardenUnlock;
use crate::commands::approve::require_terminal;
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_model::provider::Environment;
use serde_json::Value as Json;

/// Where the engines run whose webhooks judge pods: Kyverno, Gatekeeper, sigstore's controller.
const ENGINES: [&str; 3] = ["kyverno", "gatekeeper-system", "cosign-system"];
const API: &str = "admissionregistration.k8s.io/v1";
const KINDS: [&str; 2] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
];

pub(super) fn run(arguments: &HardenUnlock, ui: Ui) -> Outcome {
    let (kubeconfig, context) = cluster(&arguments.kubeconfig)?;
    let (environment, runtime) = (Environment::default(), crate::commands::runtime()?);
    let failed = |error: infra_model::ProviderError| {
        CommandError::hint(
            Code::CloudUnreachable,
            format!("{}: {error}", arguments.kubeconfig.display()),
            "does `kubectl --kubeconfig` reach the cluster, and may you delete webhook configurations there?",
        )
    };
    let kinds = KINDS.map(|kind| (API, kind));
    let listed = infra_kubernetes::list(&kubeconfig, &environment, &context, kinds);
    let mut all = runtime.block_on(listed).map_err(failed)?;
    all.retain(judges);
    if all.is_empty() {
        ui.talk("No policy engine judges anything in this cluster.");
        return Ok(Exit::Done);
    }
    for one in &all {
        ui.result(&format!(
            "{} {}\n",
            text(one, "/kind"),
            text(one, "/metadata/name")
        ));
    }
    require_terminal(ui, arguments.auto_approve, "harden unlock")?;
    let question = "Without these nothing is judged any more until they are back. Take them away?";
    if !arguments.auto_approve {
        let asked = format!(
            "\n{}\n  Only 'yes' will be accepted: ",
            ui.err.bold(question)
        );
        if ui.ask(&asked).as_deref() != Some("yes") {
            return Ok(Exit::Error);
        }
    }
    let deleted = infra_kubernetes::delete(&kubeconfig, &environment, &context, &all);
    runtime.block_on(deleted).map_err(failed)?;
    ui.talk("The cluster takes everything now. The engines put their webhooks back when they run again, and `infra apply` those of charts.");
    Ok(Exit::Done)
}

fn text<'o>(object: &'o Json, pointer: &str) -> &'o str {
    object
        .pointer(pointer)
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// Whether a configuration asks one of the engines.
fn judges(configuration: &Json) -> bool {
    let webhooks = configuration["webhooks"].as_array().into_iter().flatten();
    webhooks
        .filter_map(|w| w.pointer("/clientConfig/service/namespace")?.as_str())
        .any(|namespace| ENGINES.contains(&namespace))
}
