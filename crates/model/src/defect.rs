//! Deliberate bugs, for the simulation to find: which of them the running thread has. Without the feature `defects`, which
//! nothing but the simulation asks for, there are none and the questions cost nothing.

/// A deliberate bug of engine or state, each one that was made or might be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// The intent of a creation is written after the call.
    IntentAfterCall,
    /// An intent counts as durable before it was synced.
    IntentNotSynced,
    /// The outcome of a creation is not written.
    OutcomeNotWritten,
    /// All operations of a resource share one token.
    TokenReused,
    /// The id of a new resource is not written before the outcome.
    EarlyIdNotWritten,
    /// A creation whose answer was lost counts as refused.
    LostAnswerIsRefusal,
    /// A refusal of a later attempt counts although an earlier one was left without an answer.
    RefusalAfterLostAnswer,
    /// Recovery deletes what it finds, to begin anew.
    RecoveryDeletes,
    /// Recovery takes a first absence for the truth when the intent is old.
    RecoveryDoesNotWait,
    /// Recovery takes over what is still being made when its wait is cut short.
    RecoveryAdoptsTooEarly,
    /// What was just made and is not seen yet counts as deleted by somebody.
    AbsenceAtOnce,
    /// A creation that failed after its id was known is given up when it is not seen at once.
    HalfMadeAbsentAtOnce,
    /// Deletes do not wait for what depends on the object.
    DeletesUnordered,
    /// What a resource that stays depends on now is not written down.
    DependenciesNotKept,
    /// Deletes do not know the old address of what has moved.
    MovesForgotten,
    /// Objects left over from replacements are deleted in the order of their successors' dependencies.
    DeposedOrderForgotten,
    /// Objects left over from replacements are never deleted.
    DeposedForgotten,
    /// A replacement that is created first does not remember the old object.
    NotDeposed,
    /// What refresh found is not taken over.
    DriftIgnored,
    /// A failed creation is kept as if it were whole.
    TaintForgotten,
    /// A torn tail of the journal is left in place.
    TornTailKept,
    /// A snapshot leaves out operations that are under way.
    UnfinishedNotFolded,
    /// Sensitive values are stored in clear.
    SecretsInClear,
}

impl Defect {
    /// All of them.
    pub const ALL: &[Defect] = &[
        Defect::IntentAfterCall,
        Defect::IntentNotSynced,
        Defect::OutcomeNotWritten,
        Defect::TokenReused,
        Defect::EarlyIdNotWritten,
        Defect::LostAnswerIsRefusal,
        Defect::RefusalAfterLostAnswer,
        Defect::RecoveryDeletes,
        Defect::RecoveryDoesNotWait,
        Defect::RecoveryAdoptsTooEarly,
        Defect::AbsenceAtOnce,
        Defect::HalfMadeAbsentAtOnce,
        Defect::DeletesUnordered,
        Defect::DependenciesNotKept,
        Defect::MovesForgotten,
        Defect::DeposedOrderForgotten,
        Defect::DeposedForgotten,
        Defect::NotDeposed,
        Defect::DriftIgnored,
        Defect::TaintForgotten,
        Defect::TornTailKept,
        Defect::UnfinishedNotFolded,
        Defect::SecretsInClear,
    ];

    /// Whether the running thread has this one.
    #[cfg(feature = "defects")]
    #[must_use]
    pub fn is_present(self) -> bool {
        PRESENT.get() == Some(self)
    }

    /// Whether the running thread has this one: never, in this build.
    #[cfg(not(feature = "defects"))]
    #[must_use]
    #[inline]
    pub const fn is_present(self) -> bool {
        false
    }

    /// Gives the running thread one bug, or none.
    #[cfg(feature = "defects")]
    pub fn put(defect: Option<Defect>) {
        PRESENT.set(defect);
    }
}

#[cfg(feature = "defects")]
thread_local! {
    static PRESENT: std::cell::Cell<Option<Defect>> = const { std::cell::Cell::new(None) };
}
