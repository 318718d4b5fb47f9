//! `aws_db_parameter_group`.

use super::{check_name, list, tagging};
use crate::batch;
use crate::client::Client;
use crate::family::RDS;
use crate::naming;
use crate::tagged::Asked;
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_rds::types::{ApplyMethod, DbParameterGroup as Found, Parameter as Sdk};
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};

/// Settings of a database engine.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ParameterGroupRecord {
    /// Its name, in lower case. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// The engine and its major version, as `postgres17`.
    #[record(required, force_new)]
    pub(crate) family: String,
    /// What it is for.
    #[record(optional, force_new, default = "Managed by infra")]
    pub(crate) description: String,
    /// Parameters that differ from the engine's own.
    #[record(block, set)]
    pub(crate) parameter: Vec<Parameter>,
    /// Whether a destroy leaves it.
    #[record(optional, default = false)]
    pub(crate) skip_destroy: bool,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// The name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

/// One parameter.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Parameter {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Its value.
    #[record(required)]
    pub(crate) value: String,
    /// `immediate`, or `pending-reboot` for parameters that the engine reads at its start only.
    #[record(optional, default = "immediate")]
    pub(crate) apply_method: String,
}

impl Parameter {
    /// Whether it sets the same; RDS does not mind letter case.
    fn sets_the_same(&self, other: &Parameter) -> bool {
        self.is_named(&other.name) && self.value.eq_ignore_ascii_case(&other.value)
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The most parameters that one call changes.
const CHUNK: usize = 20;

pub(crate) struct ParameterGroup;

#[async_trait]
impl Resource<Client> for ParameterGroup {
    type Record = ParameterGroupRecord;
    const TYPE: &'static str = "aws_db_parameter_group";

    fn traits() -> Traits {
        Traits::default()
            .seconds(3, 3, 2)
            .family(RDS.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<ParameterGroupRecord>(request, planned, ("name", "name_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        check_name(config, "name", ".")
    }

    fn id(record: &ParameterGroupRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ParameterGroupRecord>],
    ) -> Vec<Result<Option<ParameterGroupRecord>, ProviderError>> {
        let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = batch::by_listing(
            &ids,
            |g: &Found| g.db_parameter_group_name.clone(),
            |name| groups(client, context, name),
        )
        .await;
        let asked = items.iter().zip(&found).map(|(item, found)| Asked {
            arn: found
                .as_ref()
                .ok()
                .and_then(|f| f.as_ref()?.db_parameter_group_arn.clone()),
            last: item.prior.as_ref().map(|p| &p.tags_all),
        });
        let asked = asked.collect();
        let settings = join_all(found.iter().zip(items).map(|(found, item)| async move {
            match found {
                Ok(Some(_)) => {
                    let said = item.prior.as_ref().map(|p| p.parameter.as_slice());
                    parameters(client, context, &item.id, said.unwrap_or_default()).await
                }
                _ => Ok(None),
            }
        }));
        let (tags, settings) = futures::join!(tagging::read(client, context, asked), settings);
        found
            .into_iter()
            .zip(tags.into_iter().zip(settings))
            .zip(items)
            .map(|((found, (tags, settings)), item)| {
                let (Some(found), Some(found_tags), Some(parameter)) = (found?, tags?, settings?)
                else {
                    return Ok(None);
                };
                let prior = item.prior.as_ref();
                let (tags, tags_all) =
                    tags::split(found_tags, &client.config().tags, prior.map(|p| &p.tags));
                Ok(Some(ParameterGroupRecord {
                    name_prefix: prior.and_then(|p| p.name_prefix.clone()),
                    skip_destroy: prior.is_some_and(|p| p.skip_destroy),
                    parameter,
                    tags,
                    tags_all,
                    id: found.db_parameter_group_name.clone(),
                    name: found.db_parameter_group_name,
                    family: found.db_parameter_group_family.unwrap_or_default(),
                    description: found.description.unwrap_or_default(),
                    arn: found.db_parameter_group_arn,
                }))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: ParameterGroupRecord,
    ) -> Result<ParameterGroupRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let request = client
            .rds()
            .create_db_parameter_group()
            .db_parameter_group_name(&name)
            .db_parameter_group_family(&desired.family)
            .description(&desired.description)
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)));
        let id = client
            .begin_named(
                context,
                operation,
                RDS,
                "CreateDBParameterGroup",
                || find(client, context, operation, &name),
                || request.clone().send(),
                |made| made.db_parameter_group()?.db_parameter_group_name(),
            )
            .await?;
        set(client, context, operation, &id, &desired.parameter).await?;
        wait::settled::<ParameterGroup>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ParameterGroupRecord,
        desired: ParameterGroupRecord,
    ) -> Result<ParameterGroupRecord, ProviderError> {
        let id = ParameterGroup::id(&prior);
        let gone: Vec<Parameter> = prior
            .parameter
            .iter()
            .filter(|p| !desired.parameter.iter().any(|d| d.is_named(&p.name)))
            .cloned()
            .collect();
        reset(client, context, operation, &id, &gone).await?;
        let changed: Vec<Parameter> = desired
            .parameter
            .iter()
            .filter(|d| !prior.parameter.iter().any(|p| p.sets_the_same(d)))
            .cloned()
            .collect();
        set(client, context, operation, &id, &changed).await?;
        let (before, own) = (&prior.tags_all, &desired.tags);
        let arn = prior.arn.as_deref();
        tagging::update(client, context, operation, arn, before, own).await?;
        wait::settled::<ParameterGroup>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ParameterGroupRecord,
    ) -> Result<(), ProviderError> {
        if prior.skip_destroy {
            return Ok(());
        }
        let id = ParameterGroup::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, RDS, "DeleteDBParameterGroup", || {
                client
                    .rds()
                    .delete_db_parameter_group()
                    .db_parameter_group_name(&id)
                    .send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ParameterGroupRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = name(&desired, operation);
        find(client, context, operation, &name).await
    }
}

fn name(record: &ParameterGroupRecord, operation: &Operation) -> String {
    naming::chosen(
        record.name.as_deref(),
        record.name_prefix.as_deref(),
        operation,
    )
}

async fn groups(
    client: &Client,
    context: &CallContext,
    name: Option<String>,
) -> Result<Vec<Found>, ProviderError> {
    list!(client, context, "DescribeDBParameterGroups": describe_db_parameter_groups.set_db_parameter_group_name(name) => db_parameter_groups)
        .await
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let found = groups(client, context, Some(name.to_owned())).await;
    tagging::named(client, context, operation, name, found, |g| {
        g.db_parameter_group_arn
    })
    .await
}

/// The parameters that somebody set; none when the group is gone.
async fn parameters(
    client: &Client,
    context: &CallContext,
    group: &str,
    said: &[Parameter],
) -> Result<Option<Vec<Parameter>>, ProviderError> {
    let set = match settings(client, context, group, Some("user")).await {
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        set => set?,
    };
    let mut found: Vec<Parameter> = set.iter().filter_map(|p| as_said(p, said)).collect();
    let missing = |found: &[Parameter]| -> Vec<Parameter> {
        let told = |s: &&Parameter| !found.iter().any(|f| f.is_named(&s.name));
        said.iter().filter(told).cloned().collect()
    };
    // One that was set to the engine's own value may be told as the engine's.
    let unset = missing(&found);
    if !unset.is_empty() {
        let all = settings(client, context, group, None).await?;
        let same = all.iter().filter_map(|p| as_said(p, &unset));
        let same: Vec<Parameter> = same.filter(|p| unset.contains(p)).collect();
        found.extend(same);
    }
    Ok(Some(found))
}

/// The parameter as the stack spells it, where it means the same.
fn as_said(found: &Sdk, said: &[Parameter]) -> Option<Parameter> {
    let parameter = Parameter {
        name: found.parameter_name.clone()?,
        value: found.parameter_value.clone()?,
        apply_method: found
            .apply_method()
            .map_or("immediate", ApplyMethod::as_str)
            .to_owned(),
    };
    let said = said.iter().find(|s| s.is_named(&parameter.name));
    Some(match said {
        Some(said) if said.sets_the_same(&parameter) => said.clone(),
        Some(said) => Parameter {
            name: said.name.clone(),
            apply_method: said.apply_method.clone(),
            ..parameter
        },
        None => parameter,
    })
}

async fn settings(
    client: &Client,
    context: &CallContext,
    group: &str,
    source: Option<&str>,
) -> Result<Vec<Sdk>, ProviderError> {
    let (name, source) = (Some(group.to_owned()), source.map(str::to_owned));
    list!(client, context, "DescribeDBParameters": describe_db_parameters.set_db_parameter_group_name(name).set_source(source) => parameters)
        .await
}

fn chunks(parameters: &[Parameter]) -> Vec<Vec<Sdk>> {
    parameters
        .chunks(CHUNK)
        .map(|chunk| {
            chunk
                .iter()
                .map(|p| {
                    Sdk::builder()
                        .parameter_name(&p.name)
                        .parameter_value(&p.value)
                        .apply_method(ApplyMethod::from(p.apply_method.as_str()))
                        .build()
                })
                .collect()
        })
        .collect()
}

/// Sets parameters; a group that is being applied takes no changes for a while.
async fn set(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    group: &str,
    parameters: &[Parameter],
) -> Result<(), ProviderError> {
    let busy = |error: &ProviderError| error.kind == ErrorKind::Conflict;
    for chunk in chunks(parameters) {
        wait::while_refused(context, operation, wait::QUICK, busy, || {
            client.call(context, RDS, "ModifyDBParameterGroup", || {
                client
                    .rds()
                    .modify_db_parameter_group()
                    .db_parameter_group_name(group)
                    .set_parameters(Some(chunk.clone()))
                    .send()
            })
        })
        .await?;
    }
    Ok(())
}

/// Gives parameters the engine's own values back.
async fn reset(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    group: &str,
    parameters: &[Parameter],
) -> Result<(), ProviderError> {
    let busy = |error: &ProviderError| error.kind == ErrorKind::Conflict;
    for chunk in chunks(parameters) {
        wait::while_refused(context, operation, wait::QUICK, busy, || {
            client.call(context, RDS, "ResetDBParameterGroup", || {
                client
                    .rds()
                    .reset_db_parameter_group()
                    .db_parameter_group_name(group)
                    .reset_all_parameters(false)
                    .set_parameters(Some(chunk.clone()))
                    .send()
            })
        })
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_the_stack_spells_them() {
        let said = [Parameter {
            name: "SSL_Min_Protocol_Version".to_owned(),
            value: "tlsv1.2".to_owned(),
            apply_method: "pending-reboot".to_owned(),
        }];
        let found = |value: &str| {
            Sdk::builder()
                .parameter_name("ssl_min_protocol_version")
                .parameter_value(value)
                .apply_method(ApplyMethod::Immediate)
                .build()
        };
        assert_eq!(as_said(&found("TLSv1.2"), &said), Some(said[0].clone()));
        let changed = as_said(&found("TLSv1.3"), &said).expect("a parameter");
        assert_eq!(changed.value, "TLSv1.3");
        assert_eq!(changed.name, "SSL_Min_Protocol_Version");
    }
}
