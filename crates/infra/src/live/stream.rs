//! Events as JSON objects, one a line, in the shape of Terraform's machine-readable output.

use super::lines::line;
use super::words::{going_small, verb};
use super::{Live, Table};
use crate::render::json::tree::key_json;
use crate::ui::Ui;
use infra_engine::{Event, Observer};
use infra_model::address::Address;
use infra_model::operation::Action;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

/// Writes events to standard output.
pub(super) struct Stream {
    ui: Ui,
    running: Table,
}

impl Stream {
    pub(super) fn new(ui: Ui) -> Stream {
        Stream {
            ui,
            running: Table::default(),
        }
    }

    fn hook(&self, level: &str, kind: &str, message: &str, hook: Json) {
        let mut fields = Map::new();
        fields.insert("hook".into(), hook);
        self.ui.event(level, kind, message, fields);
    }
}

/// A resource as events name it.
pub(crate) fn resource(address: &Address) -> Json {
    let block = &address.block;
    let whole = address.to_string();
    let module = block.scope.to_string();
    let inner = whole
        .strip_prefix(&module)
        .map_or(whole.as_str(), |r| r.trim_start_matches('.'));
    json!({
        "addr": whole,
        "module": module,
        "resource": inner,
        "implied_provider": block.type_name.split('_').next().unwrap_or_default(),
        "resource_type": &*block.type_name,
        "resource_name": &*block.name,
        "resource_key": address.key.as_ref().map_or(Json::Null, key_json),
    })
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs()
}

fn started(address: &Address, action: Action, id: Option<&str>) -> Json {
    let mut hook = json!({ "resource": resource(address), "action": verb(action) });
    if let (Some(id), Some(hook)) = (id, hook.as_object_mut()) {
        hook.insert("id_key".into(), "id".into());
        hook.insert("id_value".into(), id.into());
    }
    hook
}

fn ended(address: &Address, action: Action, id: Option<&str>, elapsed: Duration) -> Json {
    let mut hook = started(address, action, id);
    if let Some(hook) = hook.as_object_mut() {
        hook.insert("elapsed_seconds".into(), seconds(elapsed).into());
    }
    hook
}

impl Observer for Stream {
    fn event(&self, event: Event) {
        let message = line(&event).unwrap_or_default();
        match &event {
            // Nothing is read: nothing is told.
            Event::RefreshStarted { resources: 0 }
            | Event::Refreshed { resources: 0 }
            | Event::Planned { .. }
            | Event::ApplyStarted { .. } => {}
            Event::Started {
                address,
                action,
                id,
                critical,
            } => {
                self.running.begin(address, *action, id.clone(), *critical);
                self.hook(
                    "info",
                    "apply_start",
                    &message,
                    started(address, *action, id.as_deref()),
                );
            }
            Event::Identified { address, id } => self.running.identify(address, id),
            Event::Status { address, status } => {
                if !self.running.status(address, status) {
                    return;
                }
                if let Some(operation) = self.running.lock().get(address).cloned() {
                    let mut hook = ended(
                        address,
                        operation.action,
                        operation.id.as_deref(),
                        operation.started.elapsed(),
                    );
                    if let Some(hook) = hook.as_object_mut() {
                        hook.insert("status".into(), status.as_str().into());
                    }
                    self.hook("info", "apply_progress", &message, hook);
                }
            }
            Event::Finished {
                address,
                action,
                id,
                elapsed,
            } => {
                self.running.end(address);
                self.hook(
                    "info",
                    "apply_complete",
                    &message,
                    ended(address, *action, id.as_deref(), *elapsed),
                );
            }
            Event::Failed {
                address,
                action,
                elapsed,
                ..
            } => {
                self.running.end(address);
                self.hook(
                    "error",
                    "apply_errored",
                    &message,
                    ended(address, *action, None, *elapsed),
                );
            }
            Event::Imported { address, id } => {
                let hook = json!({ "resource": resource(address), "id_key": "id", "id_value": id });
                self.hook("info", "import_complete", &message, hook);
            }
            Event::Skipped { address, because } => {
                let hook = json!({ "resource": resource(address), "because": because.as_ref().map(ToString::to_string) });
                self.hook("warn", "apply_skipped", &message, hook);
            }
            Event::DataRead { address } => {
                self.hook(
                    "info",
                    "refresh_start",
                    &message,
                    json!({ "resource": resource(address) }),
                );
            }
            Event::Recovering { address, id } => {
                let hook = json!({ "resource": resource(address), "id_key": "id", "id_value": id });
                self.hook("info", "recovery", &message, hook);
            }
            Event::RefreshStarted { resources } => {
                self.hook(
                    "info",
                    "refresh_start",
                    &message,
                    json!({ "resources": resources }),
                );
            }
            Event::Refreshed { resources } => {
                let message = format!("{resources} resources read");
                self.hook(
                    "info",
                    "refresh_complete",
                    &message,
                    json!({ "resources": resources }),
                );
            }
        }
    }
}

impl Live for Stream {
    fn tick(&self) {
        for (address, operation) in self.running.all() {
            let elapsed = operation.started.elapsed();
            if elapsed < super::REMINDER {
                continue;
            }
            let message = format!(
                "{address}: Still {}... [{}s elapsed]",
                going_small(operation.action),
                seconds(elapsed)
            );
            let hook = ended(&address, operation.action, operation.id.as_deref(), elapsed);
            self.hook("info", "apply_progress", &message, hook);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_named_with_their_parts() {
        let address: Address = "network.main.aws_subnet.private[\"a\"]"
            .parse()
            .expect("an address");
        assert_eq!(
            resource(&address),
            json!({
                "addr": "network.main.aws_subnet.private[\"a\"]",
                "module": "network.main",
                "resource": "aws_subnet.private[\"a\"]",
                "implied_provider": "aws",
                "resource_type": "aws_subnet",
                "resource_name": "private",
                "resource_key": "a",
            })
        );
    }
}
