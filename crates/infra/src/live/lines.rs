//! One line per event, for logs and pipes.

use super::words::{done, duration, failed, going, going_small};
use super::{Live, Table};
use crate::render::literal::tame;
use crate::ui::Ui;
use infra_engine::{Event, Observer};

/// Writes lines to standard error.
pub(super) struct Lines {
    ui: Ui,
    running: Table,
}

impl Lines {
    pub(super) fn new(ui: Ui) -> Lines {
        Lines {
            ui,
            running: Table::default(),
        }
    }
}

/// The line of an event, if it has one.
pub(super) fn line(event: &Event) -> Option<String> {
    let with_id = |id: &Option<String>| {
        id.as_ref()
            .map(|id| format!(" [id={}]", tame(id)))
            .unwrap_or_default()
    };
    Some(match event {
        Event::RefreshStarted { resources: 0 } | Event::Refreshed { .. } => return None,
        Event::RefreshStarted { resources } => {
            let s = if *resources == 1 { "" } else { "s" };
            format!("Refreshing {resources} resource{s}...")
        }
        Event::DataRead { address } => format!("{address}: Reading..."),
        Event::Recovering { address, id: None } => {
            format!("{address}: Looking for what an interrupted run began...")
        }
        Event::Recovering { address, id } => format!(
            "{address}: Taking up what an interrupted run began{}",
            with_id(id)
        ),
        Event::Planned { .. } | Event::ApplyStarted { .. } | Event::Identified { .. } => {
            return None;
        }
        Event::Started {
            address,
            action,
            id,
            ..
        } => format!("{address}: {}...{}", going(*action), with_id(id)),
        Event::Status { address, status } => format!("{address}: {}", tame(status)),
        Event::Finished {
            address,
            action,
            id,
            elapsed,
        } => {
            format!(
                "{address}: {} after {}{}",
                done(*action),
                duration(*elapsed),
                with_id(id)
            )
        }
        Event::Imported { address, id } => {
            format!("{address}: Import complete [id={}]", tame(id))
        }
        Event::Failed {
            address,
            action,
            error,
            elapsed,
        } => {
            format!(
                "{address}: {} after {}: {}",
                failed(*action),
                duration(*elapsed),
                tame(&error.to_string())
            )
        }
        Event::Skipped {
            address,
            because: Some(failed),
        } => format!("{address}: Skipped, it needs {failed}"),
        Event::Skipped {
            address,
            because: None,
        } => format!("{address}: Not begun"),
    })
}

impl Observer for Lines {
    fn event(&self, event: Event) {
        match &event {
            Event::Started {
                address,
                action,
                id,
                critical,
            } => self.running.begin(address, *action, id.clone(), *critical),
            Event::Identified { address, id } => self.running.identify(address, id),
            Event::Status { address, status } if !self.running.status(address, status) => return,
            Event::Finished { address, .. } | Event::Failed { address, .. } => {
                self.running.end(address);
            }
            _ => {}
        }
        if let Some(line) = line(&event) {
            self.ui.talk(&line);
        }
    }
}

impl Live for Lines {
    fn tick(&self) {
        for (address, operation) in self.running.all() {
            let elapsed = operation.started.elapsed();
            if elapsed < super::REMINDER {
                continue;
            }
            let status = operation
                .status
                .map(|s| format!(", {}", tame(&s)))
                .unwrap_or_default();
            let going = going_small(operation.action);
            self.ui.talk(&format!(
                "{address}: Still {going}... [{} elapsed{status}]",
                duration(elapsed)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::operation::Action;
    use infra_model::provider_error::{ErrorKind, ProviderError};
    use std::time::Duration;

    #[test]
    fn every_event_of_an_operation_has_its_line() {
        let address = || "aws_vpc.main".parse().expect("an address");
        let elapsed = Duration::from_secs(75);
        let error = ProviderError {
            service: "ec2".to_owned(),
            operation: "CreateVpc".to_owned(),
            code: "VpcLimitExceeded".to_owned(),
            request_id: Some("r-1".to_owned()),
            ..ProviderError::new(
                ErrorKind::Quota,
                "The maximum number of VPCs has been reached.",
            )
        };
        let events = [
            Event::Started {
                address: address(),
                action: Action::Create,
                id: None,
                critical: true,
            },
            Event::Started {
                address: address(),
                action: Action::Delete,
                id: Some("vpc-1".to_owned()),
                critical: false,
            },
            Event::Status {
                address: address(),
                status: "pending".to_owned(),
            },
            Event::Finished {
                address: address(),
                action: Action::Create,
                id: Some("vpc-1".to_owned()),
                elapsed,
            },
            Event::Failed {
                address: address(),
                action: Action::Create,
                error,
                elapsed,
            },
            Event::Skipped {
                address: address(),
                because: Some(address()),
            },
            Event::Skipped {
                address: address(),
                because: None,
            },
            Event::Recovering {
                address: address(),
                id: Some("vpc-1".to_owned()),
            },
            Event::RefreshStarted { resources: 3 },
        ];
        let lines: Vec<String> = events.iter().filter_map(line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
