//! The words for operations and durations, as Terraform has them.

use infra_model::operation::Action;
use std::time::Duration;

/// `Creating`
pub(super) fn going(action: Action) -> &'static str {
    match action {
        Action::Create => "Creating",
        Action::Update => "Modifying",
        Action::Delete => "Destroying",
    }
}

/// `creating`
pub(super) fn going_small(action: Action) -> &'static str {
    match action {
        Action::Create => "creating",
        Action::Update => "modifying",
        Action::Delete => "destroying",
    }
}

/// `Creation complete`
pub(super) fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "Creation complete",
        Action::Update => "Modifications complete",
        Action::Delete => "Destruction complete",
    }
}

/// `created`
pub(crate) fn done_small(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "modified",
        Action::Delete => "destroyed",
    }
}

/// `Creation failed`
pub(super) fn failed(action: Action) -> &'static str {
    match action {
        Action::Create => "Creation failed",
        Action::Update => "Modification failed",
        Action::Delete => "Destruction failed",
    }
}

/// `create`, as events say it.
pub(super) fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
    }
}

/// `0s`, `42s`, `9m03s`, `1h05m`
pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        s => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m00s"),
            (543, "9m03s"),
            (3900, "1h05m"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }
}
