//! The log of requests and the counts that tests ask for. It lives in memory: it says what this process was
//! asked, not what the world is. Secrets do not enter it.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

/// Requests kept in the log; counts go on.
const KEPT: usize = 50_000;

/// A request, as it is shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Request {
    pub(crate) number: u64,
    pub(crate) time: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) region: String,
    pub(crate) params: Value,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The fault that was injected, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
}

/// Requests and counts.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    kept: VecDeque<Request>,
    number: u64,
    counts: BTreeMap<String, BTreeMap<String, u64>>,
    throttled: u64,
    errors: u64,
    in_flight: u64,
    most_in_flight: u64,
}

/// Figures about all requests so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Statistics {
    requests: u64,
    throttled: u64,
    errors: u64,
    in_flight: u64,
    most_in_flight: u64,
}

impl Requests {
    pub(crate) fn enter(&mut self) {
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    pub(crate) fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn record(&mut self, mut request: Request) {
        self.number += 1;
        request.number = self.number;
        let by_operation = self.counts.entry(request.service.clone()).or_default();
        *by_operation.entry(request.operation.clone()).or_default() += 1;
        if request.status >= 400 {
            self.errors += 1;
        }
        if matches!(
            request.error.as_deref(),
            Some(
                "RequestLimitExceeded"
                    | "Throttling"
                    | "ThrottlingException"
                    | "SlowDown"
                    | "rateLimitExceeded"
                    | "RESOURCE_EXHAUSTED"
                    | "SubscriptionRequestsThrottled"
            )
        ) {
            self.throttled += 1;
        }
        redact(&mut request.params);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(request);
    }

    pub(crate) fn since(&self, number: u64) -> Vec<&Request> {
        self.kept
            .iter()
            .filter(|request| request.number > number)
            .collect()
    }

    pub(crate) fn counts(&self) -> &BTreeMap<String, BTreeMap<String, u64>> {
        &self.counts
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            requests: self.number,
            throttled: self.throttled,
            errors: self.errors,
            in_flight: self.in_flight,
            most_in_flight: self.most_in_flight,
        }
    }

    /// Forgets everything but what is under way.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            in_flight: self.in_flight,
            most_in_flight: self.in_flight,
            ..Self::default()
        };
    }
}

/// Replaces values of members whose name says that they are secret.
fn redact(params: &mut Value) {
    const SECRET: [&str; 7] = [
        "password",
        "secretstring",
        "secretbinary",
        "plaintext",
        "userdata",
        "privatekey",
        "clientsecret",
    ];
    match params {
        Value::Object(members) => {
            for (name, value) in members {
                let lower = name.to_ascii_lowercase();
                // ManageMasterUserPassword and its like are settings.
                let setting = value.is_boolean()
                    || matches!(value.as_str(), Some("true" | "false"))
                    || lower.contains("passwordrotation");
                if !setting && SECRET.iter().any(|word| lower.ends_with(word)) {
                    *value = Value::String("(redacted)".to_owned());
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_do_not_enter_the_log() {
        let mut params = json!({
            "MasterUserPassword": "hunter2", "ManageMasterUserPassword": "true",
            "LaunchTemplateData": {"UserData": "x"}, "list": [{"SecretString": "s"}], "MasterUsername": "app",
        });
        redact(&mut params);
        assert_eq!(
            params,
            json!({
                "MasterUserPassword": "(redacted)", "ManageMasterUserPassword": "true",
                "LaunchTemplateData": {"UserData": "(redacted)"},
                "list": [{"SecretString": "(redacted)"}], "MasterUsername": "app",
            })
        );
    }
}
