//! The checked program: what a stack file says, with expressions as data. `lang` makes it, `engine` runs it.

use crate::address::{Address, BlockAddress, Mode, ProviderAddress, ScopePath, ScopeStep};
use crate::convert::{ConvertError, convert};
use crate::diagnostic::{Sources, Span};
use crate::expr::{Expr, Root, StaticStep};
use crate::path::Path;
use crate::pattern::AddressPattern;
use crate::time::Timestamp;
use crate::types::Type;
use crate::value::{Marks, Str, Value};
use indexmap::IndexMap;
use std::sync::Arc;

/// A whole stack, components already expanded to resources.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// `[stack]`
    pub stack: Stack,
    /// Input variables by name, with the values of this run.
    pub variables: IndexMap<Str, Variable>,
    /// Local values by name.
    pub locals: IndexMap<Str, Local>,
    /// Provider configurations.
    pub providers: Vec<ProviderBlock>,
    /// Resources and data sources, the stack's own first, then those of components and modules.
    pub blocks: Vec<ResourceBlock>,
    /// Component and module instances, an enclosing module before what it encloses.
    pub components: Vec<ComponentInstance>,
    /// Outputs by name.
    pub outputs: IndexMap<Str, Output>,
    /// `[[moved]]`
    pub moved: Vec<Moved>,
    /// `[[import]]`
    pub imports: Vec<Import>,
    /// `[[removed]]`
    pub removed: Vec<Removed>,
    /// What components have let others take over.
    pub handed_over: Vec<HandOver>,
    /// What a destroy leaves, with what that depends on, unless it is named: backups. By address, such as `bucket.backups`.
    pub outliving: Vec<AddressPattern>,
    /// `[[check]]`
    pub checks: Vec<Check>,
    /// What modules and components protect with `prevent_destroy`, whichever instances they have now.
    pub protected: Vec<Protected>,
    /// The texts that spans point into.
    pub sources: Sources,
    /// Files that expressions have read, with their checksums: a saved plan is bound to them.
    pub files_read: Vec<(Str, Str)>,
    /// The moment that it was loaded for, which is the plan's: what `plantimestamp()` says everywhere in it.
    pub now: Timestamp,
}

/// `[stack]`
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// Its name: names the state.
    pub name: Str,
    /// Which ephemeral copy, from `--instance`.
    pub instance: Option<Str>,
    /// Documentation.
    pub description: Option<Str>,
    /// Destroy refuses without `--unprotect`.
    pub protect: bool,
    /// Time to live of ephemeral copies, in seconds.
    pub ttl: Option<u64>,
}

/// `[variables.NAME]`
#[derive(Clone, Debug)]
pub struct Variable {
    /// Constraint.
    pub ty: Type,
    /// The value of this run, converted: given, or the default. Already marked when sensitive.
    pub value: Value,
    /// Never printed.
    pub sensitive: bool,
    /// Never stored.
    pub ephemeral: bool,
    /// The `validation`s that are not known to hold before resources are planned.
    pub validations: Vec<Condition>,
    /// Documentation.
    pub description: Option<Str>,
    /// Where it is declared.
    pub span: Span,
}

/// `[locals]`
#[derive(Clone, Debug)]
pub struct Local {
    /// Its value.
    pub value: Expr,
    /// Where its name stands.
    pub span: Span,
}

/// `[clouds.NAME]`, or a provider that a component defines.
#[derive(Clone, Debug)]
pub struct ProviderBlock {
    /// `aws`, `aws.us`, `kubernetes.main`
    pub address: ProviderAddress,
    /// Where its expressions are evaluated.
    pub scope: ScopePath,
    /// Its configuration, an object constructor.
    pub config: Expr,
    /// Where it is declared; default for implied ones.
    pub span: Span,
}

/// A `[resource.TYPE.NAME]`, `[data.TYPE.NAME]` or `[ephemeral.TYPE.NAME]`.
#[derive(Clone, Debug)]
pub struct ResourceBlock {
    /// Its address.
    pub address: BlockAddress,
    /// The provider configuration it uses; without its key when [`ResourceBlock::provider_key`] computes it.
    pub provider: ProviderAddress,
    /// The key in `provider = "aws.by_region[each.key]"`.
    pub provider_key: Option<Expr>,
    /// How many instances.
    pub repeat: Repeat,
    /// Its configuration, an object constructor without meta-arguments.
    pub config: Expr,
    /// What else must come first.
    pub depends_on: Vec<Dependency>,
    /// `lifecycle`
    pub lifecycle: Lifecycle,
    /// The `[[check]]` that a data source stands in: when it cannot be read, that is a warning.
    pub check: Option<Str>,
    /// Where it is declared.
    pub span: Span,
}

/// How many instances a block has.
#[derive(Clone, Debug, Default)]
pub enum Repeat {
    /// One, without a key.
    #[default]
    Single,
    /// `lifecycle.enabled`: one without a key, or none (then it is null).
    Enabled(Expr),
    /// `count`
    Count(Expr),
    /// `for_each`
    ForEach(Expr),
}

impl Repeat {
    /// The expression that decides, if there is one.
    #[must_use]
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Repeat::Single => None,
            Repeat::Enabled(e) | Repeat::Count(e) | Repeat::ForEach(e) => Some(e),
        }
    }
}

/// A bare address in `depends_on` or `replace_triggered_by`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// What.
    pub root: Root,
    /// What follows: a key, attributes.
    pub steps: Vec<StaticStep>,
    /// The key of the instance where each instance has its own: `each.key`, `count.index`; only in `replace_triggered_by`.
    pub key: Option<Expr>,
    /// Where it is written.
    pub span: Span,
}

/// `lifecycle`
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// On replacement, create the new one first.
    pub create_before_destroy: bool,
    /// Refuse any plan that destroys it.
    pub prevent_destroy: Option<Expr>,
    /// Changes of these are ignored.
    pub ignore_changes: IgnoreChanges,
    /// Replaced when these change.
    pub replace_triggered_by: Vec<Dependency>,
    /// Must hold before.
    pub preconditions: Vec<Condition>,
    /// Must hold after; `self` is the instance.
    pub postconditions: Vec<Condition>,
}

/// A `prevent_destroy` in a module or of a component, which counts for instances that are gone too.
#[derive(Clone, Debug)]
pub struct Protected {
    /// The module or component as it is called, without keys.
    pub scope: ScopePath,
    /// Type and name of the resource in it; none for everything in a component.
    pub resource: Option<(Str, Str)>,
    /// What it says.
    pub condition: Expr,
}

/// `ignore_changes`
#[derive(Clone, Debug, Default, PartialEq)]
pub enum IgnoreChanges {
    /// Nothing is.
    #[default]
    None,
    /// These paths.
    Paths(Vec<(Path, Span)>),
    /// `"all"`
    All,
}

/// `{ condition, message }`
#[derive(Clone, Debug)]
pub struct Condition {
    /// Must be true.
    pub condition: Expr,
    /// What to say when it is not.
    pub message: Expr,
}

/// One instance of a component or module.
#[derive(Clone, Debug)]
pub struct ComponentInstance {
    /// The enclosing module.
    pub parent: ScopePath,
    /// Kind ([`MODULE`](crate::address::MODULE) for a module), name and key.
    pub step: ScopeStep,
    /// Its outputs, evaluated in its own scope.
    pub outputs: IndexMap<Str, Expr>,
    /// The checks that a component brings itself; those of a module's file are the module's.
    pub checks: Vec<Check>,
    /// What a module has besides: names of its own.
    pub module: Option<Module>,
    /// Where it is declared.
    pub span: Span,
}

impl ComponentInstance {
    /// The scope of its resources.
    #[must_use]
    pub fn scope(&self) -> ScopePath {
        self.parent.join(self.step.clone())
    }
}

/// What a module instance has besides blocks and outputs. What its file declares is shared by all its instances.
#[derive(Clone, Debug)]
pub struct Module {
    /// As the call writes it.
    pub source: Str,
    /// The variables that its file declares.
    pub variables: Arc<IndexMap<Str, ModuleVariable>>,
    /// What this call gives them, evaluated in the scope of the enclosing module.
    pub given: IndexMap<Str, Expr>,
    /// Its local values.
    pub locals: Arc<IndexMap<Str, Local>>,
    /// Its outputs as they are declared: their types, marks and dependencies.
    pub outputs: Arc<IndexMap<Str, Output>>,
    /// Its checks.
    pub checks: Arc<[Check]>,
    /// What everything in it waits for, in the scope of the enclosing module.
    pub depends_on: Arc<[Dependency]>,
}

/// A variable of a module.
#[derive(Clone, Debug)]
pub struct ModuleVariable {
    /// Constraint.
    pub ty: Type,
    /// Its value when the call gives none, converted.
    pub default: Option<Value>,
    /// Whether null is a value; else null means the default.
    pub nullable: bool,
    /// Never printed.
    pub sensitive: bool,
    /// Never stored.
    pub ephemeral: bool,
    /// Must hold; evaluated in the module's own scope.
    pub validations: Vec<Condition>,
    /// Where it is declared.
    pub span: Span,
}

impl ModuleVariable {
    /// What its declaration says of its value.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks {
            sensitive: self.sensitive,
            ephemeral: self.ephemeral,
        }
    }

    /// The value that it has when a call gives this one; none when that means the default.
    ///
    /// # Errors
    /// When it does not fit the type.
    pub fn accept(&self, given: &Value) -> Result<Option<Value>, ConvertError> {
        if given.is_null() && !self.nullable {
            return Ok(None);
        }
        convert(given, &self.ty).map(|value| Some(value.with_marks(self.marks())))
    }
}

/// `[outputs.NAME]`
#[derive(Clone, Debug)]
pub struct Output {
    /// Its value.
    pub value: Expr,
    /// Constraint, if declared.
    pub ty: Option<Type>,
    /// Redacted when printed.
    pub sensitive: bool,
    /// Never stored; only outputs of modules can be.
    pub ephemeral: bool,
    /// Documentation.
    pub description: Option<Str>,
    /// What else must come first.
    pub depends_on: Vec<Dependency>,
    /// Must hold before its value counts.
    pub preconditions: Vec<Condition>,
    /// Where it is declared.
    pub span: Span,
}

impl Output {
    /// A value of a module's output, marked as it is declared.
    #[must_use]
    pub fn mark(&self, value: Value) -> Value {
        value.with_marks(Marks {
            sensitive: self.sensitive,
            ephemeral: self.ephemeral,
        })
    }
}

/// `[[moved]]`
#[derive(Clone, Debug)]
pub struct Moved {
    /// The old address; without a key it stands for all instances.
    pub from: Address,
    /// The new one.
    pub to: Address,
    /// Where it is declared.
    pub span: Span,
}

/// `[[import]]`
#[derive(Clone, Debug)]
pub struct Import {
    /// The instance to fill; without its key when [`Import::key`] computes it.
    pub to: Address,
    /// The key in `to = "aws_vpc.main[each.key]"`: a string or a whole number.
    pub key: Option<Expr>,
    /// Single, or `for_each`: one import for each element, with `each` in `key` and `id`.
    pub repeat: Repeat,
    /// The import id, a string.
    pub id: Expr,
    /// Where it is declared.
    pub span: Span,
}

/// `[[removed]]`
#[derive(Clone, Debug)]
pub struct Removed {
    /// What is no longer in the file; without a key, all instances.
    pub from: Address,
    /// Destroy it, or only forget it.
    pub destroy: bool,
    /// Where it is declared.
    pub span: Span,
}

/// What a component made by itself once, and now has another resource of its own bring: where the state still has it, it is
/// forgotten when that one is there, and never destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// What was made.
    pub from: BlockAddress,
    /// What brings it now.
    pub to: BlockAddress,
}

/// `[[check]]`
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: Str,
    /// The assertions.
    pub assertions: Vec<Condition>,
    /// Where it is declared.
    pub span: Span,
}

impl Protected {
    /// Whether this counts for a resource in an instance of its module or component.
    #[must_use]
    pub fn covers(&self, address: &Address) -> bool {
        let block = &address.block;
        self.resource
            .as_ref()
            .is_none_or(|(type_name, name)| block.type_name == *type_name && block.name == *name)
    }
}

impl Program {
    /// The data sources or managed resources.
    pub fn blocks_of(&self, mode: Mode) -> impl Iterator<Item = &ResourceBlock> {
        self.blocks.iter().filter(move |b| b.address.mode == mode)
    }
}
