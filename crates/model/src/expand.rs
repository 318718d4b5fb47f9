//! How portable components become native resources: `components` and `hardening` implement [`Expand`], `lang` calls it and
//! lowers what comes back as if it had stood in the stack file.

use crate::address::{InstanceKey, Mode, ProviderAddress};
use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::program::Stack;
use crate::schema::Block;
use crate::types::Type;
use crate::value::{Str, Value};
use indexmap::IndexMap;

/// Expands component instances.
pub trait Expand: Send + Sync {
    /// The kinds, in the order in which they are expanded: a kind may ask about instances of earlier ones.
    fn kinds(&self) -> &[ComponentKind];

    /// One instance to native blocks.
    ///
    /// # Errors
    /// Inputs that make no sense together; a label's span comes from [`Instance::span_of`].
    fn expand(&self, instance: &Instance<'_>) -> Result<Expansion, Diagnostics>;
}

/// For stacks of native blocks alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoComponents;

impl Expand for NoComponents {
    fn kinds(&self) -> &[ComponentKind] {
        &[]
    }

    fn expand(&self, _: &Instance<'_>) -> Result<Expansion, Diagnostics> {
        Ok(Expansion::default())
    }
}

/// Several that expand kinds of their own, one after the other: later ones may ask about instances of earlier ones.
pub struct Together {
    parts: Vec<Box<dyn Expand>>,
    kinds: Vec<ComponentKind>,
}

impl Together {
    /// All of these.
    #[must_use]
    pub fn new(parts: Vec<Box<dyn Expand>>) -> Together {
        let kinds = parts.iter().flat_map(|p| p.kinds().to_vec()).collect();
        Together { parts, kinds }
    }
}

impl Expand for Together {
    fn kinds(&self) -> &[ComponentKind] {
        &self.kinds
    }

    fn expand(&self, instance: &Instance<'_>) -> Result<Expansion, Diagnostics> {
        let knows = |part: &&dyn Expand| part.kinds().iter().any(|k| &*k.name == instance.kind);
        match self.parts.iter().map(AsRef::as_ref).find(knows) {
            Some(part) => part.expand(instance),
            None => Ok(Expansion::default()),
        }
    }
}

/// A kind of component.
#[derive(Clone, Debug)]
pub struct ComponentKind {
    /// `network`
    pub name: Str,
    /// Its inputs.
    pub inputs: Block,
    /// Its outputs, the same on every cloud.
    pub outputs: Vec<OutputKind>,
    /// The types of the native resources that it makes, on all clouds; none where they follow from what it is given.
    pub natives: Vec<&'static str>,
    /// Documentation.
    pub doc: Str,
}

/// An output of a kind of component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputKind {
    /// `endpoint`
    pub name: &'static str,
    /// Its type.
    pub ty: OutputType,
    /// Documentation.
    pub doc: &'static str,
}

/// The types of outputs of components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputType {
    /// Text.
    Text,
    /// A number.
    Number,
    /// A list of texts.
    Texts,
    /// Texts by key.
    TextsByKey,
    /// A table of these attributes, each of which is text.
    Table(&'static [&'static str]),
}

impl OutputType {
    /// As the language has it.
    #[must_use]
    pub fn ty(self) -> Type {
        match self {
            OutputType::Text => Type::String,
            OutputType::Number => Type::Number,
            OutputType::Texts => Type::list(Type::String),
            OutputType::TextsByKey => Type::map(Type::String),
            OutputType::Table(names) => {
                Type::object(names.iter().map(|name| (*name, Type::String)))
            }
        }
    }
}

/// One instance to expand.
pub struct Instance<'a> {
    /// The kind.
    pub kind: &'a str,
    /// The name.
    pub name: &'a str,
    /// The key under `for_each` or `count`.
    pub key: Option<&'a InstanceKey>,
    /// The inputs, coerced to the kind's block. What depends on resources is unknown here; refer to it as `${input.NAME}`.
    pub inputs: &'a Value,
    /// The stack it stands in.
    pub stack: &'a Stack,
    /// Asks about an instance of an earlier kind by its name (or `name["key"]`).
    pub lookup: &'a dyn Fn(&str, &str) -> Option<Known>,
    /// All instances of an earlier kind, by name.
    pub list: &'a dyn Fn(&str) -> Vec<Known>,
    /// All instances of any kind that are declared beside this one, expanded already or not: each its name (or `name["key"]`) and
    /// its inputs as written, as far as they are known by now.
    pub declared: &'a dyn Fn(&str) -> Vec<(String, Value)>,
    /// Where an input is written.
    pub span_of: &'a dyn Fn(&str) -> Span,
}

impl Instance<'_> {
    /// An error at an input.
    #[must_use]
    pub fn error(&self, input: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Code::Expansion, message)
            .at((self.span_of)(input), "")
            .about(format!("{}.{}", self.kind, self.name))
    }
}

/// What is known of an already expanded component instance.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its reference in expressions, such as `network.main` or `network.main["eu"]`.
    pub reference: String,
    /// Its inputs, coerced.
    pub inputs: Value,
    /// What its expansion wanted later ones to know.
    pub facts: IndexMap<Str, Value>,
}

/// What an instance becomes. All expressions are text in the stack language: inside them, bare `TYPE.NAME` means the
/// component's own resources, `input.NAME` its inputs as written, and everything else means what it means in the stack file.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// Native blocks.
    pub blocks: Vec<NativeBlock>,
    /// Output expressions by name.
    pub outputs: IndexMap<Str, String>,
    /// Provider configurations it defines (a cluster defines `kubernetes.<name>`).
    pub providers: Vec<(ProviderAddress, serde_json::Value)>,
    /// What later components may know while planning.
    pub facts: IndexMap<Str, Value>,
    /// Resources that another one brings now: `from` and `to`, each a type and a name. Where the state still has `from`, it is
    /// forgotten once `to` is there.
    pub handed_over: Vec<[(Str, Str); 2]>,
    /// Other components by reference, such as `bucket.backups`, that hold what should outlive the stack: backups.
    pub outlived_by: Vec<String>,
    /// What is looked at once all is planned or applied; what does not hold is a warning.
    pub checks: Vec<NativeCheck>,
    /// Warnings and remarks.
    pub diagnostics: Diagnostics,
}

/// One `[[check]]`, as it would stand in a stack file.
#[derive(Clone, Debug)]
pub struct NativeCheck {
    /// Its name, unique within the component.
    pub name: Str,
    /// What must hold, and what is said where it does not: text that may hold `${…}`.
    pub assertions: Vec<[String; 2]>,
    /// The data sources that are there for it alone, each a type and a name: when one cannot be read, that is a warning.
    pub data: Vec<(Str, Str)>,
}

/// One native block, as it would stand in a stack file.
#[derive(Clone, Debug)]
pub struct NativeBlock {
    /// Resource or data.
    pub mode: Mode,
    /// The type.
    pub type_name: Str,
    /// The name, unique for its type within the component.
    pub name: Str,
    /// The provider configuration.
    pub provider: ProviderAddress,
    /// The body with meta-arguments (`for_each`, `count`, `depends_on`, `lifecycle`), as TOML would give it; strings may
    /// hold `${…}`.
    pub body: serde_json::Value,
    /// Where an `override` that shaped it is written, if one did.
    pub span: Option<Span>,
}
