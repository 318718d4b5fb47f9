//! `infra cluster-token`: what a kubeconfig of ours runs to log in (client authentication v1, `ExecCredential`).

use crate::cli::Token;
use crate::clusters;
use crate::error::{CommandError, Exit, Outcome};
use crate::system::SystemClock;
use crate::ui::Ui;
use infra_model::clusters::ClusterLogin;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_model::provider::Environment;
use infra_model::time::Clock;
use serde_json::json;

pub(super) fn run(token: &Token, ui: Ui) -> Outcome {
    let login = match token.clone() {
        Token::Eks {
            cluster,
            region,
            profile,
            role_arn,
        } => ClusterLogin::Eks {
            cluster,
            region,
            profile,
            role_arn,
        },
        Token::Gke {
            impersonate_service_account,
        } => ClusterLogin::Gke {
            impersonate_service_account,
        },
        Token::Aks {
            tenant,
            environment,
            server_id,
        } => ClusterLogin::Aks {
            tenant,
            environment,
            server_id,
        },
    };
    let logins = clusters::logins();
    let Some(logins) = logins.0 else {
        return Ok(Exit::Error);
    };
    let environment = Environment {
        variables: crate::world::of_clouds(),
        ..Environment::default()
    };
    let now = SystemClock.now();
    let made = super::runtime()?.block_on(logins.token(&login, &environment, now));
    let made = made.map_err(|error| -> CommandError {
        Diagnostic::error(Code::of_provider(error.kind), error.to_string())
            .help(error.kind.remedy())
            .into()
    })?;
    let expires = jiff::Timestamp::from_millisecond(made.expires.0).ok();
    ui.json(&json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": { "token": made.token, "expirationTimestamp": expires.map(|t| t.to_string()) },
    }));
    Ok(Exit::Done)
}
