//! What is otherwise with instances of certain names.

/// The copy that `infra harden drill` makes and takes away.
pub(crate) const DRILL: &str = "drill";

/// How long the copy of a drill is meant to live, in seconds: what it has made says so, so that it is seen and swept when the drill
/// was killed.
const DRILL_SECONDS: u64 = 24 * 60 * 60;

/// How long an instance is meant to live, whatever the stack file says.
pub(crate) fn passing(instance: Option<&str>) -> Option<u64> {
    (instance == Some(DRILL)).then_some(DRILL_SECONDS)
}

/// Whose world of the sandbox a copy is in: a drill's is in that of the stack, beside what it is a copy of.
pub(crate) fn is_beside(instance: Option<&str>) -> bool {
    instance == Some(DRILL)
}
