//! A provider's types by name, and the schema that they make together.

use crate::provider_error::{ErrorKind, ProviderError};
use crate::resource::{DynDataSource, DynEphemeral, DynResource};
use crate::schema::{ApiFamily, Block, ProviderSchema, Schema};
use crate::value::Str;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All types over a provider's configured client `C`.
pub struct Catalogue<C> {
    whose: String,
    schema: ProviderSchema,
    resources: BTreeMap<Str, Box<dyn DynResource<C>>>,
    data: BTreeMap<Str, Box<dyn DynDataSource<C>>>,
    ephemeral: BTreeMap<Str, Box<dyn DynEphemeral<C>>>,
}

impl<C> Catalogue<C> {
    /// Without types yet. Errors begin with `whose`: `the provider aws`.
    #[must_use]
    pub fn new(whose: impl Into<String>, config: Block, families: Vec<ApiFamily>) -> Catalogue<C> {
        Catalogue {
            whose: whose.into(),
            schema: ProviderSchema {
                config,
                families,
                ..ProviderSchema::default()
            },
            resources: BTreeMap::new(),
            data: BTreeMap::new(),
            ephemeral: BTreeMap::new(),
        }
    }

    /// With managed types.
    #[must_use]
    pub fn with_resources(mut self, types: Vec<Box<dyn DynResource<C>>>) -> Self {
        for one in types {
            let name = declare(&mut self.schema.resources, one.schema());
            self.resources.insert(name, one);
        }
        self
    }

    /// With data sources.
    #[must_use]
    pub fn with_data(mut self, types: Vec<Box<dyn DynDataSource<C>>>) -> Self {
        for one in types {
            let name = declare(&mut self.schema.data, one.schema());
            self.data.insert(name, one);
        }
        self
    }

    /// With ephemeral resources.
    #[must_use]
    pub fn with_ephemeral(mut self, types: Vec<Box<dyn DynEphemeral<C>>>) -> Self {
        for one in types {
            let name = declare(&mut self.schema.ephemeral, one.schema());
            self.ephemeral.insert(name, one);
        }
        self
    }

    /// What all of them say of themselves.
    #[must_use]
    pub fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    /// A managed type.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when there is none of this name.
    pub fn resource(&self, type_name: &str) -> Result<&dyn DynResource<C>, ProviderError> {
        let found = self.resources.get(type_name).map(|r| &**r);
        found.ok_or_else(|| self.unknown(type_name))
    }

    /// A data source.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when there is none of this name.
    pub fn data(&self, type_name: &str) -> Result<&dyn DynDataSource<C>, ProviderError> {
        let found = self.data.get(type_name).map(|d| &**d);
        found.ok_or_else(|| self.unknown(type_name))
    }

    /// An ephemeral resource.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when there is none of this name.
    pub fn ephemeral(&self, type_name: &str) -> Result<&dyn DynEphemeral<C>, ProviderError> {
        let found = self.ephemeral.get(type_name).map(|r| &**r);
        found.ok_or_else(|| self.unknown(type_name))
    }

    fn unknown(&self, type_name: &str) -> ProviderError {
        ProviderError::new(
            ErrorKind::Invalid,
            format!("{} has no type `{type_name}`", self.whose),
        )
    }
}

fn declare(schemas: &mut BTreeMap<Str, Arc<Schema>>, schema: &Arc<Schema>) -> Str {
    let name = schema.type_name.clone();
    schemas.insert(name.clone(), Arc::clone(schema));
    name
}
