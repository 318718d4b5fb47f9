//! The codes of everything that can go wrong, one list for all rooms. Each has a page beside this file (`codes/E0101.md`): what
//! it means, an example that fails, and how to mend it. `infra explain` shows them; the tests run the examples.

use crate::provider_error::ErrorKind;

macro_rules! codes {
    ($($name:ident $code:literal $title:literal)*) => {
        /// A kind of mistake. A code never changes its meaning, and the code of a kind that is gone is not used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// `E0101`; `W…` for what is only ever a warning.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// What it is about, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// Its page, in Markdown: what it means, an example that fails, how to mend it.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$name => include_str!(concat!("codes/", $code, ".md")),)* }
            }

            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
        }
    };
}

codes! {
    TomlSyntax "E0101" "not TOML"
    ExpressionSyntax "E0102" "not an expression"
    BadValue "E0103" "a value without a meaning"
    BadType "E0104" "not a type"
    NotSupported "E0105" "not supported yet"
    ForeignSyntax "E0106" "HCL in a stack file"
    UnknownTable "E0201" "unknown top-level table"
    UnknownKey "E0202" "unknown key"
    WrongShape "E0203" "the wrong kind of value"
    MissingKey "E0204" "a setting is missing"
    BadIdentifier "E0205" "not a name"
    ReservedName "E0206" "a reserved name"
    BadAddress "E0207" "not an address"
    Exclusive "E0208" "settings that exclude each other"
    MustBeConstant "E0209" "must be written out"
    DuplicateName "E0210" "defined twice"
    BadExtends "E0211" "cannot extend"
    UnknownVariable "E0301" "unknown variable"
    UnknownLocal "E0302" "unknown local value"
    UnknownResource "E0303" "unknown resource"
    UnknownData "E0304" "unknown data source"
    UnknownComponent "E0305" "unknown component"
    UnknownOutput "E0306" "a component or module has no such output"
    UnknownAttribute "E0307" "a resource has no such attribute"
    UnknownFunction "E0308" "unknown function"
    WrongArity "E0309" "wrong number of arguments"
    BadReference "E0310" "not a reference"
    SelfReference "E0311" "refers to itself"
    EachOutside "E0312" "`each` without for_each"
    CountOutside "E0313" "`count` without count"
    SelfOutside "E0314" "`self` outside a postcondition"
    Cycle "E0315" "a cycle"
    MissingInstance "E0316" "which instance?"
    WrongType "E0401" "a value of the wrong type"
    MissingRequired "E0402" "something required is missing"
    UnknownArgument "E0403" "unknown attribute"
    Evaluation "E0404" "an expression fails"
    UndeclaredVariable "E0405" "a value for a variable that does not exist"
    MissingVariable "E0406" "a variable has no value"
    ValidationFailed "E0407" "a value is refused by the stack"
    BadVariableValue "E0408" "a variable's value has the wrong type"
    SensitiveRepeat "E0409" "sensitive keys"
    BadRepeat "E0410" "not something to repeat over"
    EphemeralStored "E0411" "an ephemeral value would be stored"
    ComputedSet "E0412" "set although it is computed"
    LossyText "E0413" "a number where text is meant"
    UnknownType "E0501" "unknown resource type"
    UnknownDataType "E0502" "unknown data source type"
    UnknownProvider "E0503" "unknown provider"
    UnknownAlias "E0504" "a provider configuration that does not exist"
    WrongProvider "E0505" "a provider of another kind"
    Expansion "E0601" "a component cannot be built so"
    UnknownInput "E0602" "a decision that must be known"
    BadModule "E0701" "a module that cannot be had"
    ModuleCycle "E0702" "modules that contain each other"
    OnlyInStacks "E0703" "only in a stack's own file"
    PreventDestroy "E0704" "destroying is prevented"
    Protected "E0705" "the stack is protected"
    SensitiveOutput "E0706" "an output would show a secret"
    UnmanageableType "E0707" "a type in the state that this build does not know"
    StalePlan "E0708" "the plan is out of date"
    ManagedAlready "E0710" "managed already"
    UnknownProviderConfig "E0711" "a provider that is not configured yet"
    Unfinished "E0713" "an interrupted operation cannot be cleared up"
    NoSuchInstance "E0714" "no such instance"
    UnknownInstances "E0715" "instances that are not known yet"
    ConditionFailed "E0716" "a condition does not hold"
    NotGenerated "E0717" "no block can be generated"
    BadMove "E0718" "moves that contradict each other"
    DataLoss "E0719" "data would be lost"
    CloudThrottled "E0801" "too many calls"
    CloudUnreachable "E0802" "no answer from the cloud"
    CloudTimedOut "E0803" "a wait ran out"
    CloudDenied "E0804" "not allowed by the cloud"
    CloudQuota "E0805" "a quota is used up"
    CloudConflict "E0806" "something is in the way"
    CloudNotFound "E0807" "gone from the cloud"
    CloudInvalid "E0808" "refused by the cloud as invalid"
    CloudFailed "E0809" "failed in the cloud"
    CloudOther "E0810" "a provider failed"
    Interrupted "E0811" "interrupted"
    StateDamaged "E0901" "a damaged state"
    StateNewer "E0902" "a state from a newer version"
    StateLocked "E0903" "the state is locked"
    StateForeign "E0904" "the state of another stack"
    StateOtherWorld "E0905" "a state of another world"
    StateIo "E0906" "the state cannot be read or written"
    KeyMissing "E0907" "no key for what is encrypted"
    WrongKey "E0908" "the wrong key"
    BadKey "E0909" "not a key"
    Tampered "E0910" "an encrypted value was changed"
    BrokenRule "E0911" "an error in infra itself"
    NotInState "E0912" "not in the state"
    Occupied "E0913" "in the state already"
    NotPushed "E0914" "a state that must not take the place of another"
    OtherKind "E0915" "an address of another kind"
    UnderWay "E0916" "an operation is under way"
    Usage "E1001" "a command called wrongly"
    NoStack "E1002" "which stack?"
    FileAccess "E1003" "a file cannot be read or written"
    BadPlanFile "E1004" "not a plan for this"
    BadStackName "E1005" "not a name for a stack or instance"
    Renamed "E1006" "the stack was renamed"
    NeedsApproval "E1007" "nobody to ask"
    NoState "E1008" "no state yet"
    SandboxFails "E1009" "no sandbox"
    System "E1010" "the system refuses"
    FileExists "E1011" "a file that is there already"
    Deprecated "W0101" "deprecated"
    Advice "W0102" "probably not meant"
    CheckFailed "W0701" "a check fails"
    LeftAlone "W0702" "left alone"
    StateAlone "W1001" "by the state alone"
}

impl Code {
    /// Looks a code up by its text, in any case.
    #[must_use]
    pub fn find(text: &str) -> Option<Code> {
        Code::ALL
            .iter()
            .copied()
            .find(|c| c.as_str().eq_ignore_ascii_case(text))
    }

    /// The code of what a cloud or another provider answered; the cloud's own code stands in the message.
    #[must_use]
    pub fn of_provider(kind: ErrorKind) -> Code {
        match kind {
            ErrorKind::Throttled => Code::CloudThrottled,
            ErrorKind::Transient => Code::CloudUnreachable,
            ErrorKind::TimedOut => Code::CloudTimedOut,
            ErrorKind::Denied => Code::CloudDenied,
            ErrorKind::Quota => Code::CloudQuota,
            ErrorKind::Conflict => Code::CloudConflict,
            ErrorKind::NotFound => Code::CloudNotFound,
            ErrorKind::Invalid => Code::CloudInvalid,
            ErrorKind::Failed => Code::CloudFailed,
            ErrorKind::Interrupted => Code::Interrupted,
            ErrorKind::Other => Code::CloudOther,
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_in_order_and_found_by_their_text() {
        for (i, code) in Code::ALL.iter().enumerate() {
            assert_eq!(Code::find(&code.as_str().to_lowercase()), Some(*code));
            assert!(Code::ALL[..i].iter().all(|c| c.as_str() < code.as_str()));
            assert!(!code.title().is_empty());
        }
        assert_eq!(Code::find("E9999"), None);
    }

    #[test]
    fn every_page_says_what_it_means_shows_it_and_mends_it() {
        for code in Code::ALL {
            let page = code.explanation();
            let words = page.split("```").next().unwrap_or_default();
            assert!(
                words.trim_end().ends_with(['.', ':']),
                "{code}: prose first"
            );
            assert!(
                words.len() > 60,
                "{code}: one sentence is not an explanation"
            );
            let fences = page.lines().filter(|l| l.starts_with("```")).count();
            assert!(
                fences >= 2 && fences.is_multiple_of(2),
                "{code}: an example"
            );
            for line in page.lines() {
                assert!(line.chars().count() <= 100, "{code}: {line}");
            }
        }
    }
}
