//! The engine's side of the provider: finds the type, checks and shapes values on their way in and out, and leaves
//! the rest to the type.

use crate::client::Client;
use crate::config::Config;
use crate::{family, preflight, registry, shape, tags};
use async_trait::async_trait;
use infra_model::provider::{Environment, Finding, PreflightItem};
use infra_model::resource::{DynDataSource, DynResource};
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, Provider, ProviderError,
    ProviderSchema, ReadItem, Record, Recovered, Schema, Session, Str, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The provider before it is configured.
pub(crate) struct Aws {
    catalogue: Arc<Catalogue>,
}

/// All types by name.
struct Catalogue {
    schema: ProviderSchema,
    resources: BTreeMap<Str, Box<dyn DynResource<Client>>>,
    data: BTreeMap<Str, Box<dyn DynDataSource<Client>>>,
}

/// The provider, configured.
struct AwsSession {
    client: Client,
    catalogue: Arc<Catalogue>,
}

impl Aws {
    pub(crate) fn new() -> Aws {
        let resources: BTreeMap<Str, _> = registry::resources()
            .into_iter()
            .map(|r| (r.schema().type_name.clone(), r))
            .collect();
        let data: BTreeMap<Str, _> = registry::data()
            .into_iter()
            .map(|d| (d.schema().type_name.clone(), d))
            .collect();
        let schema = ProviderSchema {
            config: Config::block(),
            resources: resources
                .iter()
                .map(|(name, r)| (name.clone(), Arc::clone(r.schema())))
                .collect(),
            data: data
                .iter()
                .map(|(name, d)| (name.clone(), Arc::clone(d.schema())))
                .collect(),
            ephemeral: BTreeMap::new(),
            families: family::limits(),
        };
        Aws {
            catalogue: Arc::new(Catalogue {
                schema,
                resources,
                data,
            }),
        }
    }
}

impl Catalogue {
    fn resource(&self, type_name: &str) -> Result<&dyn DynResource<Client>, ProviderError> {
        self.resources
            .get(type_name)
            .map(|r| &**r)
            .ok_or_else(|| unknown(type_name))
    }
}

fn unknown(type_name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Invalid,
        format!("the provider aws has no type `{type_name}`"),
    )
}

/// An error may name a parameter of the API that is no attribute of the type.
fn known_attribute(schema: &Schema, mut error: ProviderError) -> ProviderError {
    error.attribute = error.attribute.filter(|path| {
        path.root()
            .is_some_and(|root| schema.block.names().any(|name| name == root))
    });
    error
}

#[async_trait]
impl Provider for Aws {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn schema(&self) -> &ProviderSchema {
        &self.catalogue.schema
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        let resource = self.catalogue.resource(request.type_name)?;
        let mut planned = resource.plan(request)?;
        if !planned.replace.is_empty() {
            // A replacement is planned as a new resource, also when a type's own rule asks for it.
            let fresh = PlanRequest {
                prior: None,
                ..*request
            };
            planned.value = resource.plan(&fresh)?.value;
        }
        tags::plan(&resource.schema().block, request, &mut planned);
        Ok(planned)
    }

    fn validate(&self, type_name: &str, config: &Value) -> Vec<ProviderError> {
        match self.catalogue.resource(type_name) {
            Ok(resource) => resource.validate(config),
            // Data sources have nothing to check beyond their schema.
            Err(_) if self.catalogue.data.contains_key(type_name) => Vec::new(),
            Err(error) => vec![error],
        }
    }

    fn upgrade(
        &self,
        type_name: &str,
        version: u32,
        raw: serde_json::Value,
    ) -> Result<serde_json::Value, ProviderError> {
        self.catalogue.resource(type_name)?.upgrade(version, raw)
    }

    async fn configure(
        &self,
        config: &Value,
        environment: &Environment,
    ) -> Result<Arc<dyn Session>, ProviderError> {
        let client = Client::connect(Config::from_value(config)?, environment).await?;
        Ok(Arc::new(AwsSession {
            client,
            catalogue: Arc::clone(&self.catalogue),
        }))
    }
}

#[async_trait]
impl Session for AwsSession {
    fn resolved(&self) -> serde_json::Value {
        self.client.config().to_json()
    }

    async fn read_many(
        &self,
        context: &CallContext,
        type_name: &str,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>> {
        let resource = match self.catalogue.resource(type_name) {
            Ok(resource) => resource,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let block = &resource.schema().block;
        resource
            .read(&self.client, context, items)
            .await
            .into_iter()
            .zip(items)
            .map(|(answer, item)| {
                answer.map(|found| found.map(|value| shape::like(block, &item.prior, value)))
            })
            .collect()
    }

    async fn read_data(
        &self,
        context: &CallContext,
        type_name: &str,
        config: &Value,
    ) -> Result<Value, ProviderError> {
        let data = self
            .catalogue
            .data
            .get(type_name)
            .ok_or_else(|| unknown(type_name))?;
        let value = data.read(&self.client, context, config).await?;
        Ok(shape::like(&data.schema().block, config, value))
    }

    async fn create(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        let desired = desired.without_unknowns();
        let value = resource
            .create(&self.client, context, operation, &desired)
            .await
            .map_err(|e| known_attribute(resource.schema(), e))?;
        Ok(shape::like(&resource.schema().block, &desired, value))
    }

    async fn update(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        prior: &Value,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        let desired = desired.without_unknowns();
        let value = resource
            .update(&self.client, context, operation, prior, &desired)
            .await
            .map_err(|e| known_attribute(resource.schema(), e))?;
        Ok(shape::like(&resource.schema().block, &desired, value))
    }

    async fn delete(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        prior: &Value,
    ) -> Result<(), ProviderError> {
        self.catalogue
            .resource(type_name)?
            .delete(&self.client, context, operation, prior)
            .await
    }

    async fn recover(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Recovered, ProviderError> {
        self.catalogue
            .resource(type_name)?
            .recover(
                &self.client,
                context,
                operation,
                &desired.without_unknowns(),
            )
            .await
    }

    async fn import(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        let value = resource.import(&self.client, context, id).await?;
        Ok(shape::like(&resource.schema().block, &Value::NULL, value))
    }

    async fn preflight(&self, context: &CallContext, items: &[PreflightItem]) -> Vec<Finding> {
        preflight::check(&self.client, context, items).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::from_json;
    use serde_json::json;

    #[test]
    fn every_type_has_what_the_core_counts_on() {
        let aws = Aws::new();
        let schema = aws.schema();
        for (name, resource) in &schema.resources {
            let attributes = &resource.block.attributes;
            assert!(name.starts_with("aws_"), "{name}");
            assert!(attributes.contains_key("id"), "{name} has no id");
            assert_eq!(
                attributes.contains_key("tags"),
                attributes.contains_key("tags_all"),
                "{name}: tags and tags_all belong together"
            );
            let family = resource.traits.family;
            assert!(
                schema.families.iter().any(|f| f.name == family),
                "{name} is in the unknown family `{family}`"
            );
        }
    }

    /// A planned `aws_vpc` under default tags.
    fn planned(prior: Option<&Value>, config: serde_json::Value) -> Planned {
        let aws = Aws::new();
        let block = &aws.schema().resources["aws_vpc"].block;
        let config = from_json(&config, &block.implied_type()).expect("fits");
        let provider = json!({ "region": "eu-west-1", "tags": { "team": "shop" } });
        let provider = from_json(&provider, &Config::block().implied_type()).expect("fits");
        aws.plan(&PlanRequest {
            type_name: "aws_vpc",
            prior,
            config: &config,
            private: None,
            provider: Some(&provider),
        })
        .expect("plans")
    }

    #[test]
    fn default_tags_and_replacements_are_planned() {
        let new = planned(
            None,
            json!({ "cidr_block": "10.0.0.0/16", "tags": { "Name": "main" } }),
        );
        let all = new.value.get("tags_all").expect("is planned");
        assert_eq!(all.get("team").and_then(Value::as_str), Some("shop"));
        assert_eq!(all.get("Name").and_then(Value::as_str), Some("main"));
        assert!(new.value.get("id").is_some_and(Value::is_unknown));

        let prior = new
            .value
            .with_attribute("id", "vpc-1".into())
            .with_attribute("arn", "arn:1".into());
        // A rule of the type itself asks for a replacement: what is computed is unknown again.
        let dedicated = planned(
            Some(&prior),
            json!({ "cidr_block": "10.0.0.0/16", "instance_tenancy": "dedicated" }),
        );
        assert_eq!(dedicated.replace.len(), 1);
        assert!(dedicated.value.get("arn").is_some_and(Value::is_unknown));
        let tagged = planned(Some(&prior), json!({ "cidr_block": "10.0.0.0/16" }));
        assert!(tagged.replace.is_empty());
        assert_eq!(tagged.value.get("id"), prior.get("id"));
    }
}
