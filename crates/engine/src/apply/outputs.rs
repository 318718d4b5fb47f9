//! The outputs at the end of a run, what they ask before their values count, and how all conditions stand then.

use super::Run;
use crate::ApplyReport;
use crate::codec;
use crate::error::EngineError;
use crate::plan::{self, PlanMode};
use crate::scope::Frame;
use infra_model::address::ScopePath;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_state::{OutputState, StateChange};

impl Run<'_> {
    /// Outputs are what they are at the end; one that could not be computed keeps what the state had.
    pub(super) fn outputs(&self, report: &mut ApplyReport) -> Result<(), EngineError> {
        let mut changes = Vec::new();
        for (name, change) in &self.plan.outputs {
            if change.untouched {
                continue;
            }
            // Nothing but the values that the plan has read counts.
            if self.plan.mode == PlanMode::RefreshOnly {
                if let Some(value) = change.after.as_ref().filter(|v| v.is_wholly_known()) {
                    changes.push(StateChange::Output {
                        name: name.clone(),
                        output: Some(OutputState::new(name, value, change.sensitive)?),
                    });
                }
                continue;
            }
            let Some(output) = self.program.outputs.get(name) else {
                if change.after.is_none() && report.failures.is_empty() && !report.interrupted {
                    changes.push(StateChange::Output {
                        name: name.clone(),
                        output: None,
                    });
                }
                continue;
            };
            if self.plan.mode == PlanMode::Destroy {
                if report.failures.is_empty() && report.skipped.is_empty() && !report.interrupted {
                    changes.push(StateChange::Output {
                        name: name.clone(),
                        output: None,
                    });
                }
                continue;
            }
            let root = ScopePath::root();
            let held = self.world.output_holds(name, output, &root);
            let computed =
                match held.and_then(|_| self.world.evaluate(&output.value, &Frame::at(&root))) {
                    Ok((value, _)) => codec::to_type(&value, output.ty.as_ref()).map_err(|e| {
                        vec![
                            Diagnostic::error(Code::WrongType, format!("output `{name}`: {e}"))
                                .at(output.value.span, ""),
                        ]
                    }),
                    Err(errors) => Err(errors),
                };
            match computed {
                Ok(value) if value.bare().is_null() => {
                    if change.before.is_some() {
                        changes.push(StateChange::Output {
                            name: name.clone(),
                            output: None,
                        });
                    }
                }
                Ok(value) if value.is_wholly_known() => {
                    let stored = OutputState::new(name, &value, output.sensitive)?;
                    changes.push(StateChange::Output {
                        name: name.clone(),
                        output: Some(stored),
                    });
                }
                Ok(_) => {}
                Err(errors) if report.failures.is_empty() && !report.interrupted => {
                    report.diagnostics.extend(errors);
                }
                Err(_) => {}
            }
        }
        self.input.store.record(changes)?;
        if self.world.conditions && report.failures.is_empty() && !report.interrupted {
            for (component, name) in self.world.conditional_outputs() {
                let failed = self.world.component_output(component, name).err();
                let mut failed = failed.unwrap_or_default();
                // An output of the stack that has its value from this one has told it.
                failed.retain(|d| !report.diagnostics.contains(d));
                report.diagnostics.extend(failed);
            }
        }
        Ok(())
    }

    /// How the conditions stand at the end, of what could not be done too; none are left of a stack that is destroyed.
    pub(super) fn conditions(&self) -> Result<(), EngineError> {
        let state = self.input.store.state();
        let checked = match self.plan.mode {
            PlanMode::Normal => plan::checked(self.program, &self.world),
            PlanMode::Destroy if state.is_empty() => Vec::new(),
            PlanMode::Destroy | PlanMode::RefreshOnly => return Ok(()),
        };
        if checked != state.checked {
            self.input
                .store
                .record(vec![StateChange::Checked { checked }])?;
        }
        Ok(())
    }
}
