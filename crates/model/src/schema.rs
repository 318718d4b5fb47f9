//! Schemas: what attributes and blocks a resource type has. Made from documented structs by `#[derive(Record)]`; the same
//! data drives validation, planning, the reference docs, JSON Schema and completions.

use crate::address::Mode;
use crate::convert;
use crate::path::{Path, Step};
use crate::types::{ObjectAttribute, ObjectType, Type};
use crate::value::{Marks, Str, Value};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Attributes and nested blocks, in the order of the struct.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// By name.
    pub attributes: IndexMap<Str, Attribute>,
    /// By name.
    pub blocks: IndexMap<Str, NestedBlock>,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its type.
    pub ty: Type,
    /// Must be set.
    pub required: bool,
    /// May be set.
    pub optional: bool,
    /// Gets a value from the provider when it is not set.
    pub computed: bool,
    /// A change replaces the resource.
    pub force_new: bool,
    /// Never shown, stored encrypted.
    pub sensitive: bool,
    /// Sent, never stored.
    pub write_only: bool,
    /// A boolean: while it is true, the cloud refuses to delete the resource.
    pub protects: bool,
    /// What stands in when it is not set.
    pub default: Option<Value>,
    /// When two values mean the same.
    pub compare: Compare,
    /// Documentation, from the doc comment.
    pub doc: Str,
    /// What to use instead, if it is deprecated.
    pub deprecated: Option<Str>,
}

/// When two different values of an attribute mean the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// Only equal ones do.
    #[default]
    Exact,
    /// JSON texts that parse to the same document; IAM policies also treat a one-element array as its element.
    Json,
    /// Texts that differ in letter case, and lists and sets of such.
    CaseInsensitive,
    /// Texts that differ in letter case and blanks: `West Europe` and `westeurope`.
    Blanks,
    /// Names of one resource, of which one is the end of the other behind a slash: `n`, `projects/p/global/networks/n` and
    /// `https://host/compute/v1/projects/p/global/networks/n`. So do lists whose elements do.
    ResourceName,
    /// Versions of which one is the beginning of the other: `1.34` and `1.34.2`. The cloud moves such a version by itself: another
    /// patch of the same minor is no drift (see [`versions`](crate::versions)).
    Version,
}

/// A nested block: in expressions, state and JSON always a list or set of objects.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedBlock {
    /// How repeated blocks are kept.
    pub nesting: Nesting,
    /// At least so many.
    pub min: usize,
    /// At most so many.
    pub max: Option<usize>,
    /// Filled by the provider when absent.
    pub computed: bool,
    /// A change anywhere inside replaces the resource.
    pub force_new: bool,
    /// What is inside.
    pub block: Block,
    /// Documentation.
    pub doc: Str,
}

/// How repeated blocks are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// In their order.
    List,
    /// Without order.
    Set,
}

/// A resource type or data source.
#[derive(Clone, Debug)]
pub struct Schema {
    /// `aws_vpc`
    pub type_name: Str,
    /// Version of the stored shape.
    pub version: u32,
    /// Its attributes and blocks.
    pub block: Block,
    /// What it is, from the doc comment.
    pub doc: Str,
    /// What the engine must know beyond the attributes.
    pub traits: Traits,
    /// How an import id is written, or why there is none; none when it is the id.
    pub import_form: Option<Str>,
    implied: Type,
}

/// What the engine must know of a resource type beyond its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Expected time to create, update and delete: orders the critical path until real runs are known.
    pub create: Duration,
    /// Expected time of an update.
    pub update: Duration,
    /// Expected time of a delete.
    pub delete: Duration,
    /// A resource made less than this before may not be listed yet.
    pub settle: Duration,
    /// Without effect outside the state (`terraform_data`, `random_*`): needs no journalled intent.
    pub state_only: bool,
    /// Planning asks the cloud (Kubernetes' dry run).
    pub plans_online: bool,
    /// The API family whose call limits it counts against; empty for none.
    pub family: &'static str,
    /// The provider whose objects live inside it and end with it (`kubernetes`, for a cluster); empty for none.
    pub hosts: &'static str,
    /// The attribute of a host with the version of what it hosts, which the objects inside must suit; empty for none.
    pub version: &'static str,
    /// The provider whose objects' pods run on it (`kubernetes`, for a pool of nodes); empty for none.
    pub carries: &'static str,
    /// The provider among whose objects it puts some of its cloud's own (`kubernetes`, for an add-on of a cluster): when the host
    /// becomes of another version it follows it, and comes before what carries. Empty for none.
    pub extends: &'static str,
    /// The attributes of such a pool whose change moves everything that runs there to other nodes.
    pub moves: &'static [&'static str],
    /// The label that the nodes of such a pool have, and the pool's attribute with its value; empty for none.
    pub nodes: (&'static str, &'static str),
    /// The attributes which, taken together, only one object can have at a time. The id is enough where it is known before the
    /// object is there.
    pub unique: &'static [&'static str],
    /// The attributes of which preflight must know what they refer to before the ids of that are known, with dots between blocks
    /// and theirs: `vpc_config.subnet_ids`.
    pub refers: &'static [&'static str],
}

impl Default for Traits {
    fn default() -> Self {
        Traits {
            create: Duration::from_secs(2),
            update: Duration::from_secs(2),
            delete: Duration::from_secs(2),
            settle: Duration::from_secs(5),
            state_only: false,
            plans_online: false,
            family: "",
            hosts: "",
            version: "",
            carries: "",
            extends: "",
            moves: &[],
            nodes: ("", ""),
            unique: &["id"],
            refers: &[],
        }
    }
}

impl Traits {
    /// For types that live in the state alone.
    #[must_use]
    pub fn state_only() -> Traits {
        Traits {
            create: Duration::ZERO,
            update: Duration::ZERO,
            delete: Duration::ZERO,
            settle: Duration::ZERO,
            state_only: true,
            ..Traits::default()
        }
    }

    /// With expected times in seconds.
    #[must_use]
    pub fn seconds(mut self, create: u64, update: u64, delete: u64) -> Traits {
        self.create = Duration::from_secs(create);
        self.update = Duration::from_secs(update);
        self.delete = Duration::from_secs(delete);
        self
    }

    /// With attributes of which preflight must know what they refer to.
    #[must_use]
    pub fn referring(mut self, attributes: &'static [&'static str]) -> Traits {
        self.refers = attributes;
        self
    }

    /// With the objects of a provider inside.
    #[must_use]
    pub fn hosting(mut self, provider: &'static str) -> Traits {
        self.hosts = provider;
        self
    }

    /// With the attribute that says the version of what it hosts.
    #[must_use]
    pub fn versioned(mut self, attribute: &'static str) -> Traits {
        self.version = attribute;
        self
    }

    /// With the pods of a provider on it, which move when one of the attributes changes.
    #[must_use]
    pub fn carrying(mut self, provider: &'static str, moves: &'static [&'static str]) -> Traits {
        self.carries = provider;
        self.moves = moves;
        self
    }

    /// With a label on its nodes, whose value one of its attributes has.
    #[must_use]
    pub fn labelling(mut self, label: &'static str, attribute: &'static str) -> Traits {
        self.nodes = (label, attribute);
        self
    }

    /// With objects of the cloud's own among those of a provider.
    #[must_use]
    pub fn extending(mut self, provider: &'static str) -> Traits {
        self.extends = provider;
        self
    }

    /// With attributes that, taken together, only one object can have.
    #[must_use]
    pub fn unique(mut self, attributes: &'static [&'static str]) -> Traits {
        self.unique = attributes;
        self
    }

    /// In an API family.
    #[must_use]
    pub fn family(mut self, family: &'static str) -> Traits {
        self.family = family;
        self
    }
}

/// Everything one provider offers.
#[derive(Clone, Debug, Default)]
pub struct ProviderSchema {
    /// The provider's own configuration.
    pub config: Block,
    /// Managed types by name.
    pub resources: BTreeMap<Str, Arc<Schema>>,
    /// Data sources by name.
    pub data: BTreeMap<Str, Arc<Schema>>,
    /// Ephemeral resources by name.
    pub ephemeral: BTreeMap<Str, Arc<Schema>>,
    /// Limits of its API families.
    pub families: Vec<ApiFamily>,
}

/// Documented limits of a group of API calls.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiFamily {
    /// `ec2.read`, `ec2.write`, `eks`, …
    pub name: &'static str,
    /// At most so many calls at once.
    pub concurrent: usize,
    /// Calls that may come at once.
    pub burst: f64,
    /// Calls per second after that.
    pub per_second: f64,
}

/// Problems of a configuration as one text: for errors that carry no places in the source.
#[must_use]
pub fn in_words(errors: &[ConfigError]) -> String {
    let texts: Vec<String> = errors
        .iter()
        .map(|e| format!("{}: {}", e.path, e.message))
        .collect();
    texts.join("; ")
}

/// A problem with a configuration value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where in the configuration.
    pub path: Path,
    /// What is wrong.
    pub message: String,
}

impl Schema {
    /// A schema.
    #[must_use]
    pub fn new(
        type_name: impl Into<Str>,
        version: u32,
        doc: impl Into<Str>,
        block: Block,
        traits: Traits,
    ) -> Schema {
        debug_assert!(
            (traits.unique.iter()).all(|n| *n == "id" || block.attributes.contains_key(*n)),
            "unique attributes that there are not"
        );
        let implied = block.implied_type();
        Schema {
            type_name: type_name.into(),
            version,
            block,
            doc: doc.into(),
            traits,
            import_form: None,
            implied,
        }
    }

    /// With what the type says to an import id of the wrong form: that tells the right one.
    #[must_use]
    pub fn importing(mut self, refusal: Option<String>) -> Schema {
        self.import_form = refusal.map(|text| {
            let form = text.strip_prefix("`` is not ").unwrap_or(&text);
            form.into()
        });
        self
    }

    /// The object type of the resource's values.
    #[must_use]
    pub fn implied_type(&self) -> &Type {
        &self.implied
    }
}

impl Block {
    /// The object type of values of this block.
    #[must_use]
    pub fn implied_type(&self) -> Type {
        let attribute = |ty: Type| ObjectAttribute {
            ty,
            optional: false,
            default: None,
        };
        let attributes = self
            .attributes
            .iter()
            .map(|(name, a)| (name.clone(), attribute(a.ty.clone())));
        let blocks = self
            .blocks
            .iter()
            .map(|(name, b)| (name.clone(), attribute(b.value_type())));
        Type::Object(Arc::new(ObjectType {
            attributes: attributes.chain(blocks).collect(),
        }))
    }

    /// All names, for "did you mean".
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes
            .keys()
            .chain(self.blocks.keys())
            .map(|k| &**k)
    }

    /// Brings a configuration value into this block's shape: converts attributes, makes one table a list of one, fills
    /// what is left out with null (nothing with defaults: planning does that). Every problem is reported.
    ///
    /// # Errors
    /// Unknown names, wrong types, missing required attributes, too few or too many blocks, values for computed attributes.
    pub fn coerce(&self, config: &Value) -> Result<Value, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let value = self.coerce_at(config, &Path::default(), &mut errors);
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(errors)
        }
    }

    fn coerce_at(&self, config: &Value, path: &Path, errors: &mut Vec<ConfigError>) -> Value {
        let (bare, marks) = config.unmark();
        if let Value::Unknown(_) = bare {
            return Value::Unknown(self.implied_type()).with_marks(marks);
        }
        let Some(given) = bare.entries() else {
            errors.push(ConfigError {
                path: path.clone(),
                message: "a table is required".to_owned(),
            });
            return Value::Unknown(self.implied_type());
        };
        for name in given
            .keys()
            .filter(|k| !self.attributes.contains_key(*k) && !self.blocks.contains_key(*k))
        {
            let hint = crate::diagnostic::meant(name, self.names());
            errors.push(ConfigError {
                path: path.join(Step::Attribute(name.clone())),
                message: format!("there is no attribute `{name}`{hint}"),
            });
        }
        let mut out = BTreeMap::new();
        for (name, attribute) in &self.attributes {
            let at = path.join(Step::Attribute(name.clone()));
            let value = match given.get(name) {
                Some(value) => attribute.coerce(value, &at, errors),
                None => Value::Null(attribute.ty.clone()),
            };
            if attribute.required && value.is_null() {
                errors.push(ConfigError {
                    path: at,
                    message: format!("`{name}` is required"),
                });
            }
            out.insert(name.clone(), value);
        }
        for (name, nested) in &self.blocks {
            let at = path.join(Step::Attribute(name.clone()));
            out.insert(name.clone(), nested.coerce(given.get(name), &at, errors));
        }
        Value::Object(Arc::new(out)).with_marks(marks)
    }
}

impl Attribute {
    fn coerce(&self, value: &Value, at: &Path, errors: &mut Vec<ConfigError>) -> Value {
        if self.computed && !self.optional && !self.required && !value.is_null() {
            errors.push(ConfigError {
                path: at.clone(),
                message: "this is decided by the provider and cannot be set".to_owned(),
            });
        }
        match convert::convert(value, &self.ty) {
            Ok(value) if self.sensitive && !value.is_null() => value.with_marks(Marks::SENSITIVE),
            Ok(value) => value,
            Err(error) => {
                let path = Path(at.0.iter().chain(&error.path.0).cloned().collect());
                errors.push(ConfigError {
                    path,
                    message: error.message,
                });
                Value::Unknown(self.ty.clone())
            }
        }
    }
}

impl NestedBlock {
    /// A list or set of the block's object type.
    #[must_use]
    pub fn value_type(&self) -> Type {
        match self.nesting {
            Nesting::List => Type::list(self.block.implied_type()),
            Nesting::Set => Type::set(self.block.implied_type()),
        }
    }

    fn coerce(&self, given: Option<&Value>, at: &Path, errors: &mut Vec<ConfigError>) -> Value {
        let element = self.block.implied_type();
        let make = |items: Vec<Value>| match self.nesting {
            Nesting::Set if items.iter().all(Value::is_wholly_known) => {
                let marks = items
                    .iter()
                    .fold(Marks::NONE, |m, v| m.union(v.deep_marks()));
                Value::set(
                    element.clone(),
                    items.iter().map(Value::unmark_deep).collect(),
                )
                .with_marks(marks)
            }
            // A set with unknown parts keeps all of them: which are equal is not known yet.
            Nesting::Set => Value::Set(element.clone(), Arc::new(items)),
            Nesting::List => Value::list(element.clone(), items),
        };
        let (bare, marks) = given.map_or((&Value::NULL, Marks::NONE), Value::unmark);
        let tables: Vec<&Value> = match bare {
            Value::Null(_) => Vec::new(),
            Value::Unknown(_) => return Value::Unknown(self.value_type()).with_marks(marks),
            Value::Object(_) | Value::Map(..) => vec![bare],
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
                items.iter().filter(|i| !i.is_null()).collect()
            }
            _ => {
                errors.push(ConfigError {
                    path: at.clone(),
                    message: "a table, or an array of tables, is required".to_owned(),
                });
                return Value::Unknown(self.value_type());
            }
        };
        let count = tables.len();
        if count < self.min {
            let what = if self.min == 1 {
                "this block is required".to_owned()
            } else {
                format!("at least {} of this block are required", self.min)
            };
            errors.push(ConfigError {
                path: at.clone(),
                message: what,
            });
        }
        if let Some(max) = self.max
            && count > max
        {
            errors.push(ConfigError {
                path: at.clone(),
                message: format!("at most {max} of this block can be given, and there are {count}"),
            });
        }
        let items = tables
            .into_iter()
            .enumerate()
            .map(|(i, table)| {
                self.block
                    .coerce_at(table, &at.join(Step::Index(i)), errors)
            })
            .collect();
        make(items).with_marks(marks)
    }
}

/// The schema of every type of every provider, as `lang` and the engine look them up.
pub trait Schemas: Send + Sync {
    /// A managed type.
    fn resource(&self, type_name: &str) -> Option<&Arc<Schema>>;
    /// A data source.
    fn data(&self, type_name: &str) -> Option<&Arc<Schema>>;
    /// An ephemeral resource.
    fn ephemeral(&self, type_name: &str) -> Option<&Arc<Schema>> {
        let _ = type_name;
        None
    }
    /// The type of a block.
    fn of_mode(&self, mode: Mode, type_name: &str) -> Option<&Arc<Schema>> {
        match mode {
            Mode::Managed => self.resource(type_name),
            Mode::Data => self.data(type_name),
            Mode::Ephemeral => self.ephemeral(type_name),
        }
    }
    /// A provider's configuration.
    fn provider(&self, name: &str) -> Option<&Block>;
    /// All managed type names.
    fn resource_names(&self) -> Vec<&str>;
    /// All data source names.
    fn data_names(&self) -> Vec<&str>;
    /// All names of ephemeral resources.
    fn ephemeral_names(&self) -> Vec<&str> {
        Vec::new()
    }
    /// All provider names.
    fn provider_names(&self) -> Vec<&str>;
}
