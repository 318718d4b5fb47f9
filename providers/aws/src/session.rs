//! AWS as a [`Cloud`].

use crate::client::Client;
use crate::config::Config;
use crate::{family, preflight, registry, tags};
use async_trait::async_trait;
use infra_cloud::Cloud;
use infra_cloud::defaults::Names;
use infra_model::provider::{Environment, Finding, PreflightItem};
use infra_model::resource::{DynDataSource, DynResource};
use infra_model::schema::ApiFamily;
use infra_model::{Block, CallContext, ProviderError, Record, Value};

/// The cloud.
pub(crate) struct Aws;

#[async_trait]
impl Cloud for Aws {
    type Client = Client;
    const NAME: &'static str = "aws";
    const REALM: &'static [&'static str] = &["account", "profile", "assume_role", "region"];
    const DEFAULTS: Names = tags::NAMES;

    fn config() -> Block {
        Config::block()
    }

    fn families() -> Vec<ApiFamily> {
        family::limits()
    }

    fn resources() -> Vec<Box<dyn DynResource<Client>>> {
        registry::resources()
    }

    fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
        registry::data()
    }

    async fn connect(config: &Value, environment: &Environment) -> Result<Client, ProviderError> {
        Client::connect(Config::from_value(config)?, environment).await
    }

    fn resolved(client: &Client) -> serde_json::Value {
        client.config().to_json()
    }

    async fn preflight(
        client: &Client,
        context: &CallContext,
        items: &[PreflightItem],
    ) -> Vec<Finding> {
        preflight::check(client, context, items).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::CloudProvider;
    use infra_model::json::from_json;
    use infra_model::{PlanRequest, Planned, Provider};
    use serde_json::json;

    #[test]
    fn every_type_has_what_the_core_counts_on() {
        let aws = CloudProvider::<Aws>::new();
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
        let aws = CloudProvider::<Aws>::new();
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
