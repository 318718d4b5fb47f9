//! `azurerm_resource_group`.

use super::VERSION;
use crate::api::Api;
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, PlanRequest, Planned, ProviderError, Record, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A resource group: a folder for resources. Deleting it deletes whatever is in it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct GroupRecord {
    /// Its name: letters, digits and `-_.()`, up to 90, without a dot at the end.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Where its own data is, such as `West Europe`. By default the provider's `location`.
    #[record(optional, computed, force_new, compare = blanks)]
    pub(crate) location: Option<String>,
    /// The resource that manages it.
    #[record(optional)]
    pub(crate) managed_by: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// `/subscriptions/{subscription}/resourceGroups/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Group;

fn located(location: Option<String>) -> Result<String, ProviderError> {
    location.ok_or_else(|| {
        ProviderError::invalid(
            "location",
            "`location` is set neither here nor under [clouds.azure]",
        )
    })
}

#[async_trait]
impl Kind for Group {
    type Record = GroupRecord;
    const TYPE: &'static str = "azurerm_resource_group";
    const API: Api = Api::new(
        "Microsoft.Resources/resourceGroups",
        VERSION,
        "/subscriptions/{subscription}/resourceGroups/{name}",
    );
    const RULES: Rules = &[("managed_by", Rule::At("managedBy"))];

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 60)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let open = planned.value.get("location").is_some_and(Value::is_unknown);
        let unsaid = request.config.get("location").is_none_or(Value::is_null);
        let default = request.provider.and_then(|p| p.get("location"));
        if let (true, true, Some(default)) = (open, unsaid, default.filter(|d| !d.is_null())) {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("location", default.clone());
        }
        Ok(())
    }

    async fn body(
        client: &Client,
        _: &CallContext,
        _: &str,
        desired: &GroupRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        let said = desired.location.clone();
        body["location"] = located(said.or_else(|| client.config().location.clone()))?.into();
        Ok(())
    }
}
