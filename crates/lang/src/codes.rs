//! The codes of everything that can be wrong with a stack file, each with a paragraph for `infra explain`.

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $text:literal;)*) => {
        /// A kind of mistake. The text of a code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// `E0101`
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// What it is about, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// One paragraph about it and its remedy.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
        }
    };
}

codes! {
    TomlSyntax = "E0101", "not TOML",
        "A stack file is plain TOML 1.0. The place shown is where reading stopped: look for a missing quote, a missing bracket, or a value without quotes. `infra fmt` refuses such a file and leaves it as it is.";
    ExpressionSyntax = "E0102", "not an expression",
        "Between `${` and `}` stands an HCL expression, between `%{` and `}` one of `if`, `else`, `endif`, `for` and `endfor`. Write `$${` or `%%{` for the characters themselves. In a string with double quotes, quotes inside the expression are written `\\\"`; a string with single quotes needs no backslash.";
    BadValue = "E0103", "a value without a meaning",
        "TOML has values that a stack has no use for: infinite numbers, numbers that are none (nan), and times without an offset from UTC.";
    BadType = "E0104", "not a type",
        "Types are `string`, `number`, `bool`, `any`, `list(T)`, `set(T)`, `map(T)`, `object({ name = T, other = optional(T, default) })` and `tuple([T, T])`.";
    NotSupported = "E0105", "not supported yet",
        "The language has this block or setting, and this version of infra cannot run it yet.";
    UnknownTable = "E0201", "unknown top-level table",
        "At the top of a stack file stand `[stack]`, `[variables.NAME]`, `[locals]`, `[clouds.NAME]`, `[resource.TYPE.NAME]`, `[data.TYPE.NAME]`, components such as `[network.NAME]`, `[outputs.NAME]`, `[[moved]]`, `[[import]]`, `[[removed]]` and `[[check]]`. Values of your own belong under `[locals]`.";
    UnknownKey = "E0202", "unknown key",
        "This block has no such setting. Most often it is a typing error, or a setting of another block.";
    WrongShape = "E0203", "the wrong kind of value",
        "The setting wants another kind of value: a table where there is an array, a bool where there is a string, and so on.";
    MissingKey = "E0204", "a setting is missing",
        "The block cannot work without this setting.";
    BadIdentifier = "E0205", "not a name",
        "Names begin with a letter or `_` and go on with letters, digits, `_` and `-`, so that expressions can refer to them.";
    ReservedName = "E0206", "a reserved name",
        "`var`, `local`, `data`, `module`, `each`, `count`, `self`, `path`, `stack` and the kinds of components begin references of their own, so nothing else can be called so.";
    BadAddress = "E0207", "not an address",
        "`depends_on`, `replace_triggered_by`, `ignore_changes`, `moved`, `import` and `removed` take bare addresses, without `${}`: `aws_vpc.main`, `data.aws_region.here`, `aws_subnet.a[\"x\"]`, `network.main`.";
    Exclusive = "E0208", "settings that exclude each other",
        "A block repeats in one way: `for_each`, `count` or `lifecycle.enabled`.";
    MustBeConstant = "E0209", "must be written out",
        "This setting decides how the stack file itself is read, so it cannot be computed.";
    DuplicateName = "E0210", "defined twice",
        "Two blocks of the same kind have the same name.";
    BadExtends = "E0211", "cannot extend",
        "`extends` names other stack files, relative to this one, that are merged in order before it. A file cannot extend itself, directly or through others.";
    UnknownVariable = "E0301", "unknown variable",
        "`var.NAME` refers to a `[variables.NAME]` of the same file.";
    UnknownLocal = "E0302", "unknown local value",
        "`local.NAME` refers to an entry of `[locals]`.";
    UnknownResource = "E0303", "unknown resource",
        "`TYPE.NAME` refers to a `[resource.TYPE.NAME]` of the same file.";
    UnknownData = "E0304", "unknown data source",
        "`data.TYPE.NAME` refers to a `[data.TYPE.NAME]` of the same file.";
    UnknownComponent = "E0305", "unknown component",
        "`network.NAME`, `module.NAME` and their like refer to a component or module call of the same file.";
    UnknownOutput = "E0306", "a component or module has no such output",
        "Components export a documented set of attributes, the same on every cloud, and modules what their `[outputs]` say; the resources inside cannot be reached from outside.";
    UnknownAttribute = "E0307", "a resource has no such attribute",
        "The attributes of each type are in its reference (`infra docs TYPE`).";
    UnknownFunction = "E0308", "unknown function",
        "Functions are Terraform's, by its names. There are no user-defined functions.";
    WrongArity = "E0309", "wrong number of arguments",
        "The function takes another number of arguments.";
    BadReference = "E0310", "not a reference",
        "A name alone means nothing in an expression: references are `var.x`, `local.x`, `TYPE.NAME.attribute`, `data.TYPE.NAME.attribute`, `network.NAME.output`, `each.key`, `each.value`, `count.index`, `path.module` and `stack.name`. Text goes in quotes.";
    SelfReference = "E0311", "refers to itself",
        "The value of a block cannot depend on the block itself. Inside a postcondition, `self` is the instance.";
    EachOutside = "E0312", "`each` without for_each",
        "`each.key` and `each.value` exist in blocks with `for_each`.";
    CountOutside = "E0313", "`count` without count",
        "`count.index` exists in blocks with `count`.";
    SelfOutside = "E0314", "`self` outside a postcondition",
        "`self` is the instance whose postcondition is checked; elsewhere, refer to the block by its address.";
    Cycle = "E0315", "a cycle",
        "Blocks that need each other can never be created. Break the circle: move the part that both need to a block of its own.";
    MissingInstance = "E0316", "which instance?",
        "A block with `for_each` or `count` is a collection: refer to one instance (`aws_subnet.x[\"a\"].id`) or to all of them (`values(aws_subnet.x)[*].id`, `aws_subnet.x[*].id`).";
    WrongType = "E0401", "a value of the wrong type",
        "The value cannot be converted to the type that the attribute has. Conversions are Terraform's: numbers and bools become strings and back, tuples become lists and sets, objects become maps.";
    MissingRequired = "E0402", "something required is missing",
        "The type requires this attribute or nested block.";
    UnknownArgument = "E0403", "unknown attribute",
        "The type has no attribute or nested block of that name.";
    Evaluation = "E0404", "an expression fails",
        "The expression cannot have a value, whatever the clouds answer.";
    UndeclaredVariable = "E0405", "a value for a variable that does not exist",
        "A value was given with `-var` or in a variables file for a variable that the stack does not declare.";
    MissingVariable = "E0406", "a variable has no value",
        "A variable without a default needs a value: `-var NAME=VALUE`, a line in a file given with `-var-file`, or `INFRA_VAR_NAME` in the environment.";
    ValidationFailed = "E0407", "a value is refused by the stack",
        "The stack file's own `validation` of the variable does not hold for the value given.";
    BadVariableValue = "E0408", "a variable's value has the wrong type",
        "The value given cannot be converted to the type the variable declares.";
    SensitiveRepeat = "E0409", "sensitive keys",
        "The keys of `for_each` become parts of addresses, which are shown and stored in clear, so they cannot be sensitive.";
    BadRepeat = "E0410", "not something to repeat over",
        "`for_each` takes a map, an object or a set of strings; `count` takes a whole number from 0; `enabled` takes a bool.";
    EphemeralStored = "E0411", "an ephemeral value would be stored",
        "Ephemeral values are given or read anew at every run and are never stored, so they reach only what is not stored either: provider configurations, write-only attributes, and other ephemeral values. `ephemeralasnull()` leaves them out of a larger value.";
    UnknownType = "E0501", "unknown resource type",
        "No provider of this binary has a resource type of that name.";
    UnknownDataType = "E0502", "unknown data source type",
        "No provider of this binary has a data source of that name.";
    UnknownProvider = "E0503", "unknown provider",
        "The provider of a resource follows from the first word of its type: `aws_`, `google_`, `azurerm_`, `kubernetes_`, `helm_`, `random_`, `tls_`, `local_`, `time_`, `terraform_`.";
    UnknownAlias = "E0504", "a provider configuration that does not exist",
        "`provider = \"aws.us\"` refers to a `[clouds.aws.alias.us]` of the same file.";
    WrongProvider = "E0505", "a provider of another kind",
        "A resource can only be managed by a configuration of the provider that its type belongs to.";
    Expansion = "E0601", "a component cannot be built so",
        "The inputs of the component make no sense together, or cannot be done on its cloud.";
    UnknownInput = "E0602", "a decision that must be known",
        "Which resources a component becomes is decided while planning, so the inputs that decide it cannot depend on what exists only after apply. The same holds for how many instances a module has.";
    BadModule = "E0701", "a module that cannot be had",
        "`source` of a module is the path of a stack file, relative to the file that calls it (`./modules/queue.toml`), or a stack file in a git repository (`git::https://HOST/REPOSITORY.git//PATH/FILE.toml?ref=TAG`). There is no registry of modules.";
    ModuleCycle = "E0702", "modules that contain each other",
        "A module cannot call itself, directly or through others: it would have no end.";
    OnlyInStacks = "E0703", "only in a stack's own file",
        "Modules take their provider configurations from the stack that calls them (`providers = { aws = \"aws.us\" }`), and what exists already is imported by the stack's own file: `[clouds]` and `[[import]]` have no place in a module.";
}

/// Looks a code up by its text.
#[must_use]
pub fn find(code: &str) -> Option<Code> {
    Code::ALL
        .iter()
        .copied()
        .find(|c| c.as_str().eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_found_by_their_text() {
        for (i, code) in Code::ALL.iter().enumerate() {
            assert_eq!(find(&code.as_str().to_lowercase()), Some(*code));
            assert!(Code::ALL[..i].iter().all(|c| c.as_str() < code.as_str()));
            assert!(code.explanation().ends_with('.'));
            assert!(!code.title().is_empty());
        }
        assert_eq!(find("E9999"), None);
    }
}
