//! What there is to write in a stack file, from the same schemas that check it: pages for people, JSON Schema for editors.

pub(crate) mod docs;
pub(crate) mod json_schema;
mod structure;

use crate::error::CommandError;
use crate::providers::Providers;
use infra_model::codes::Code;
use infra_model::diagnostic::did_you_mean;
use infra_model::expand::{ComponentKind, Expand};
use infra_model::schema::{Block, Schema, Schemas};

/// Everything that can be looked up.
pub(crate) struct Catalogue {
    providers: Providers,
    components: Vec<ComponentKind>,
}

/// One thing that was looked up.
pub(crate) enum Subject<'a> {
    /// `aws_vpc`
    Resource(&'a Schema),
    /// `data.aws_region`
    Data(&'a Schema),
    /// `ephemeral.random_password`
    Ephemeral(&'a Schema),
    /// `network`
    Component(&'a ComponentKind),
    /// `aws`
    Provider(&'a str, &'a Block),
}

impl Catalogue {
    /// Of this binary.
    pub(crate) fn new() -> Catalogue {
        Catalogue {
            providers: Providers::new(),
            components: crate::stack::kinds().kinds().to_vec(),
        }
    }

    /// The kinds of components, in the order in which they build on each other.
    pub(crate) fn components(&self) -> &[ComponentKind] {
        &self.components
    }

    /// The providers' names and configurations.
    pub(crate) fn providers(&self) -> impl Iterator<Item = (&str, &Block)> {
        let names = self.providers.provider_names().into_iter();
        names.filter_map(|name| Some((name, self.providers.provider(name)?)))
    }

    /// The resource types, sorted.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Schema> {
        let names = sorted(self.providers.resource_names());
        names.filter_map(|name| Some(&**self.providers.resource(name)?))
    }

    /// The data sources, sorted.
    pub(crate) fn data(&self) -> impl Iterator<Item = &Schema> {
        let names = sorted(self.providers.data_names());
        names.filter_map(|name| Some(&**self.providers.data(name)?))
    }

    /// The ephemeral resources, sorted.
    pub(crate) fn ephemeral(&self) -> impl Iterator<Item = &Schema> {
        let names = sorted(self.providers.ephemeral_names());
        names.filter_map(|name| Some(&**self.providers.ephemeral(name)?))
    }

    /// By name; a type that is both a resource and a data source is the resource, unless `data.` stands before it, and so with
    /// `ephemeral.`.
    ///
    /// # Errors
    /// Nothing of this name.
    pub(crate) fn find(&self, name: &str) -> Result<Subject<'_>, CommandError> {
        if let Some(component) = self.components.iter().find(|c| &*c.name == name) {
            return Ok(Subject::Component(component));
        }
        if let Some(config) = self.providers.provider(name) {
            let name = self.providers().map(|(n, _)| n).find(|n| *n == name);
            return Ok(Subject::Provider(name.unwrap_or_default(), config));
        }
        if let Some(schema) = self.providers.resource(name) {
            return Ok(Subject::Resource(schema));
        }
        let bare = name.strip_prefix("data.").unwrap_or(name);
        if let Some(schema) = self.providers.data(bare) {
            return Ok(Subject::Data(schema));
        }
        let last = name.strip_prefix("ephemeral.").unwrap_or(bare);
        if let Some(schema) = self.providers.ephemeral(last) {
            return Ok(Subject::Ephemeral(schema));
        }
        let names = self.components.iter().map(|c| &*c.name);
        let names = names
            .chain(self.providers.provider_names())
            .chain(self.providers.resource_names())
            .chain(self.providers.data_names())
            .chain(self.providers.ephemeral_names());
        let help = did_you_mean(bare, names).map_or_else(
            || "`infra docs` lists everything there is".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Err(CommandError::hint(
            Code::UnknownType,
            format!("there is no resource type, data source or component `{name}`"),
            help,
        ))
    }
}

fn sorted(mut names: Vec<&str>) -> std::vec::IntoIter<&str> {
    names.sort_unstable();
    names.into_iter()
}
