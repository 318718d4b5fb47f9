//! What an apply did: failures with the cloud's own words and what to do next, what was skipped, and the summary line.

use super::paint::Paint;
use crate::live::done_small;
use infra_engine::{ApplyReport, Failure, HeldReason, Plan, PlanMode};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::operation::Action;
use infra_model::outside::Fate;
use infra_model::provider_error::{ErrorKind, ProviderError};
use std::collections::BTreeMap;

/// At most so many skipped addresses are named.
const NAMED: usize = 10;

/// Failures and failed conditions as diagnostics.
pub(crate) fn problems(report: &ApplyReport) -> Diagnostics {
    report
        .failures
        .iter()
        .map(failure)
        .chain(report.diagnostics.iter().cloned())
        .collect()
}

fn failure(failure: &Failure) -> Diagnostic {
    let error = &failure.error;
    let message = format!(
        "{} could not be {}: {error}",
        failure.address,
        done_small(failure.action)
    );
    let mut diagnostic = Diagnostic::error(Code::of_provider(error.kind), message)
        .about(&failure.address)
        .help(next_step(failure));
    if let Some(span) = failure.span {
        let label = error
            .attribute
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        diagnostic = diagnostic.at(span, label);
    }
    diagnostic
}

/// What to do about a failure.
fn next_step(failure: &Failure) -> String {
    let again = "then run the same command again: what is done stays done";
    match failure.error.kind {
        ErrorKind::Throttled => {
            "the cloud refuses so many calls at once; run the same command again in a while"
                .to_owned()
        }
        ErrorKind::Transient => {
            "this usually passes: run the same command again, what was begun is taken up".to_owned()
        }
        ErrorKind::TimedOut => {
            "it may still finish: run the same command again, which goes on waiting".to_owned()
        }
        ErrorKind::Interrupted => "run the same command again to go on".to_owned(),
        ErrorKind::Denied => {
            format!("give these credentials the permission for it, or use others, {again}")
        }
        ErrorKind::Quota => {
            format!("ask the cloud for a higher quota or remove what is not needed, {again}")
        }
        ErrorKind::Conflict if failure.error.code == ProviderError::CHANGED_MEANWHILE => {
            "see what has changed with `infra plan`, and apply that".to_owned()
        }
        ErrorKind::Conflict if failure.action == Action::Create => format!(
            "if it exists already, bring it under management: infra import {} ID; otherwise choose another name, {again}",
            shell(&failure.address.to_string())
        ),
        ErrorKind::Conflict => format!("remove what is in the way, {again}"),
        ErrorKind::NotFound => {
            format!("what it refers to is gone; `infra drift` shows what changed outside, {again}")
        }
        ErrorKind::Invalid => format!("correct the stack file, {again}"),
        ErrorKind::Failed => {
            "the next run replaces it; the cloud's console may say more about why it failed"
                .to_owned()
        }
        ErrorKind::Other => "run the same command again; INFRA_LOG=debug shows more".to_owned(),
    }
}

/// An address as a shell takes it.
fn shell(address: &str) -> String {
    if address.contains(['[', '"']) {
        format!("'{address}'")
    } else {
        address.to_owned()
    }
}

/// Lines about what was not begun.
pub(crate) fn skipped(report: &ApplyReport) -> Vec<String> {
    let mut by_cause: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for skipped in &report.skipped {
        let cause = skipped.because.as_ref().map(ToString::to_string);
        by_cause
            .entry(cause)
            .or_default()
            .push(skipped.address.to_string());
    }
    by_cause
        .into_iter()
        .map(|(cause, addresses)| {
            let more = addresses.len().saturating_sub(NAMED);
            let mut named = addresses
                .into_iter()
                .take(NAMED)
                .collect::<Vec<_>>()
                .join(", ");
            if more > 0 {
                named.push_str(&format!(" and {more} more"));
            }
            match cause {
                Some(cause) => format!("Skipped, because {cause} failed: {named}"),
                None => format!("Not begun: {named}"),
            }
        })
        .collect()
}

/// The last line.
pub(crate) fn summary(report: &ApplyReport, mode: PlanMode, stack: &str, paint: Paint) -> String {
    let mut parts = Vec::new();
    if report.imported > 0 {
        parts.push(format!("{} imported", report.imported));
    }
    if mode != PlanMode::Destroy {
        parts.push(format!("{} added", report.added));
        parts.push(format!("{} changed", report.changed));
    }
    parts.push(format!("{} destroyed", report.destroyed));
    if report.taken_over > 0 {
        parts.push(format!("{} taken over", report.taken_over));
    }
    if report.forgotten > 0 {
        parts.push(format!("{} forgotten", report.forgotten));
    }
    if report.is_complete() {
        let word = match mode {
            PlanMode::Destroy => "Destroy complete!",
            PlanMode::Normal | PlanMode::RefreshOnly => "Apply complete!",
        };
        return format!("{} Resources: {}.", paint.green(word), parts.join(", "));
    }
    if !report.failures.is_empty() {
        parts.push(format!("{} failed", report.failures.len()));
    }
    if !report.skipped.is_empty() {
        parts.push(format!("{} not begun", report.skipped.len()));
    }
    let word = if report.interrupted {
        "Interrupted."
    } else {
        "Not complete."
    };
    let command = if mode == PlanMode::Destroy {
        "destroy"
    } else {
        "apply"
    };
    format!(
        "{} Resources: {}. Nothing is lost: `infra {command} {stack}` goes on from here.",
        paint.red(word),
        parts.join(", ")
    )
}

/// The components that a destroy leaves because backups are in them.
pub(crate) fn kept(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for held in &plan.held {
        let scope = held.address.block.scope.to_string();
        if held.reason == HeldReason::Outlives && !names.contains(&scope) {
            names.push(scope);
        }
    }
    names
}

/// What Crossplane has made and what this plan does with it; nothing where there is nothing, or nobody has decided.
pub(crate) fn made_inside(plan: &Plan) -> Option<String> {
    let fate = plan.fate.filter(|_| !plan.made_inside.is_empty())?;
    let fate = match fate {
        Fate::Delete => "is deleted first, with what is stored in it",
        Fate::Orphan => "stays, and nobody looks after it any more",
    };
    let each: String = plan
        .made_inside
        .iter()
        .map(|m| format!("\n  - {m}"))
        .collect();
    Some(format!("What Crossplane has made {fate}:{each}"))
}

/// What stays of what Crossplane has made.
pub(crate) fn orphaned(plan: &Plan) -> Option<String> {
    made_inside(plan).filter(|_| plan.fate == Some(Fate::Orphan))
}

/// What a destroy leaves because backups are in it, and the command that takes it too; nothing where it leaves none.
pub(crate) fn outliving(plan: &Plan, stack: &str) -> Option<String> {
    let names = kept(plan);
    if names.is_empty() {
        return None;
    }
    let losing: Vec<String> = names
        .iter()
        .map(|name| format!(" --allow-data-loss '{name}'"))
        .collect();
    Some(format!(
        "Kept, because backups are in it: {}. The next apply takes it up again. To delete it too, for good: infra destroy {stack}{}",
        names.join(", "),
        losing.concat()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_engine::Skipped;
    use infra_model::provider_error::ProviderError;

    fn report() -> ApplyReport {
        let address = |text: &str| text.parse().expect("an address");
        let error = ProviderError {
            service: "ec2".to_owned(),
            operation: "CreateSubnet".to_owned(),
            code: "InvalidSubnet.Conflict".to_owned(),
            request_id: Some("3f1c".to_owned()),
            ..ProviderError::new(
                ErrorKind::Conflict,
                "The CIDR '10.0.1.0/24' conflicts with another subnet",
            )
        };
        ApplyReport {
            added: 3,
            failures: vec![Failure {
                address: address("aws_subnet.private[\"a\"]"),
                action: Action::Create,
                error,
                span: None,
            }],
            skipped: vec![
                Skipped {
                    address: address("aws_eks_cluster.main"),
                    because: Some(address("aws_subnet.private[\"a\"]")),
                },
                Skipped {
                    address: address("aws_lb.web"),
                    because: Some(address("aws_subnet.private[\"a\"]")),
                },
            ],
            ..ApplyReport::default()
        }
    }

    #[test]
    fn a_failure_says_what_happened_why_and_what_to_do() {
        let report = report();
        let problems = problems(&report);
        let canvas = super::super::diagnostic::Canvas {
            colours: false,
            width: 100,
        };
        let drawn = super::super::diagnostic::draw(&problems[0], &Default::default(), canvas);
        let summary = summary(&report, PlanMode::Normal, "stacks/prod.toml", Paint::PLAIN);
        insta::assert_snapshot!(format!("{drawn}{}\n{summary}", skipped(&report).join("\n")));
    }

    #[test]
    fn success_counts() {
        let report = ApplyReport {
            added: 2,
            destroyed: 1,
            ..ApplyReport::default()
        };
        let text = |mode| summary(&report, mode, "x.toml", Paint::PLAIN);
        assert_eq!(
            text(PlanMode::Normal),
            "Apply complete! Resources: 2 added, 0 changed, 1 destroyed."
        );
        assert_eq!(
            text(PlanMode::Destroy),
            "Destroy complete! Resources: 1 destroyed."
        );
    }
}
