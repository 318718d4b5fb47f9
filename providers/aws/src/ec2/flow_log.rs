//! `aws_flow_log`.

use super::hop::exactly_one;
use super::tagging::{self, filter, list};
use crate::batch;
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::late::{About, once_known};
use crate::recover::Lost;
use crate::tags::Tags;
use crate::trust::Trust;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    DestinationOptionsRequest, FlowLog as Found, FlowLogsResourceType, LogDestinationType,
    ResourceType, TrafficType,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource, Value,
};
use std::sync::Mutex;

/// A record of the traffic of a VPC, a subnet or a network interface.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct FlowLogRecord {
    /// The VPC whose traffic is recorded.
    #[record(optional, force_new)]
    pub(crate) vpc_id: Option<String>,
    /// The subnet whose traffic is recorded.
    #[record(optional, force_new)]
    pub(crate) subnet_id: Option<String>,
    /// The network interface whose traffic is recorded.
    #[record(optional, force_new)]
    pub(crate) eni_id: Option<String>,
    /// `ACCEPT`, `REJECT` or `ALL`.
    #[record(optional, force_new)]
    pub(crate) traffic_type: Option<String>,
    /// `cloud-watch-logs`, `s3` or `kinesis-data-firehose`.
    #[record(optional, force_new, default = "cloud-watch-logs")]
    pub(crate) log_destination_type: String,
    /// Where the records go, as an ARN.
    #[record(optional, computed, force_new)]
    pub(crate) log_destination: Option<String>,
    /// The role that delivers to CloudWatch Logs.
    #[record(optional, force_new)]
    pub(crate) iam_role_arn: Option<String>,
    /// The fields of a record.
    #[record(optional, computed, force_new)]
    pub(crate) log_format: Option<String>,
    /// Seconds over which traffic is summed up: 60 or 600.
    #[record(optional, force_new, default = 600)]
    pub(crate) max_aggregation_interval: i32,
    /// How files in a bucket are.
    #[record(block, max = 1, computed, force_new)]
    pub(crate) destination_options: Vec<Files>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `fl-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

/// How files in a bucket are.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Files {
    /// `plain-text` or `parquet`.
    #[record(optional, force_new, default = "plain-text")]
    pub(crate) file_format: String,
    /// Whether folders are named as Hive wants them.
    #[record(optional, force_new, default = false)]
    pub(crate) hive_compatible_partitions: bool,
    /// Whether there is a folder for each hour rather than each day.
    #[record(optional, force_new, default = false)]
    pub(crate) per_hour_partition: bool,
}

pub(crate) struct FlowLog;

#[async_trait]
impl Resource<Client> for FlowLog {
    type Record = FlowLogRecord;
    const TYPE: &'static str = "aws_flow_log";

    fn traits() -> Traits {
        Traits::default().family(EC2_WRITE.name)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        exactly_one(config, &["vpc_id", "subnet_id", "eni_id"])
    }

    fn id(record: &FlowLogRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<FlowLogRecord>],
    ) -> Vec<Result<Option<FlowLogRecord>, ProviderError>> {
        batch::read(
            items,
            |f: &Found| f.flow_log_id.clone(),
            |ids| list!(client, context, "DescribeFlowLogs": describe_flow_logs.set_filter(vec![filter("flow-log-id", ids)]) -> flow_logs),
            |found, prior| Some(record(client, found, prior)),
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: FlowLogRecord,
    ) -> Result<FlowLogRecord, ProviderError> {
        let (kind, resource) = match (&desired.vpc_id, &desired.subnet_id, &desired.eni_id) {
            (Some(id), None, None) => (FlowLogsResourceType::Vpc, id.clone()),
            (None, Some(id), None) => (FlowLogsResourceType::Subnet, id.clone()),
            (None, None, Some(id)) => (FlowLogsResourceType::NetworkInterface, id.clone()),
            _ => {
                return Err(ProviderError::invalid(
                    "vpc_id",
                    "a flow log has exactly one of `vpc_id`, `subnet_id` and `eni_id`",
                ));
            }
        };
        let request = client
            .ec2()
            .create_flow_logs()
            .client_token(operation.token.as_str())
            .resource_type(kind)
            .resource_ids(resource)
            .set_traffic_type(desired.traffic_type.as_deref().map(TrafficType::from))
            .log_destination_type(LogDestinationType::from(
                desired.log_destination_type.as_str(),
            ))
            .set_log_destination(desired.log_destination.clone())
            .set_deliver_logs_permission_arn(desired.iam_role_arn.clone())
            .set_log_format(desired.log_format.clone())
            .set_destination_options(desired.destination_options.first().map(|files| {
                DestinationOptionsRequest::builder()
                    .file_format(files.file_format.as_str().into())
                    .hive_compatible_partitions(files.hive_compatible_partitions)
                    .per_hour_partition(files.per_hour_partition)
                    .build()
            }))
            .max_aggregation_interval(desired.max_aggregation_interval)
            .tag_specifications(tagging::specification(
                client,
                operation,
                ResourceType::VpcFlowLog,
                &desired.tags,
            ));
        let begin = || async {
            // A refusal comes in an answer that is no error.
            let made = Mutex::new(Ok(()));
            let answer = client
                .begin(
                    context,
                    operation,
                    EC2_WRITE,
                    "CreateFlowLogs",
                    Lost::Resend,
                    || request.clone().send(),
                    |answer| {
                        let done = tagging::all_done("CreateFlowLogs", answer.unsuccessful());
                        if let Ok(mut made) = made.lock() {
                            *made = done;
                        }
                        answer.flow_log_ids().first().map(String::as_str)
                    },
                )
                .await;
            made.into_inner().unwrap_or(Ok(()))?;
            answer
        };
        let id = once_allowed(client, context, operation, &desired, begin).await?;
        wait::settled::<FlowLog>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: FlowLogRecord,
        desired: FlowLogRecord,
    ) -> Result<FlowLogRecord, ProviderError> {
        let id = FlowLog::id(&prior);
        tagging::update(
            client,
            context,
            operation,
            &id,
            &prior.tags_all,
            &desired.tags,
        )
        .await?;
        wait::settled::<FlowLog>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: FlowLogRecord,
    ) -> Result<(), ProviderError> {
        let id = FlowLog::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || async {
            let answer = client
                .call(context, EC2_WRITE, "DeleteFlowLogs", || {
                    client.ec2().delete_flow_logs().flow_log_ids(&id).send()
                })
                .await?;
            tagging::all_done("DeleteFlowLogs", answer.unsuccessful())
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: FlowLogRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<FlowLog>(client, context, operation).await
    }
}

/// Makes a log once its role, or the policy of its bucket, is known.
async fn once_allowed<F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &FlowLogRecord,
    begin: impl Fn() -> F + Send + Sync,
) -> Result<String, ProviderError>
where
    F: Future<Output = Result<String, ProviderError>> + Send,
{
    let role = desired.iam_role_arn.as_deref().unwrap_or_default();
    let destination = desired.log_destination.as_deref().unwrap_or_default();
    let bucket = match destination.split_once(":s3:::") {
        Some((_, path)) => path.split('/').next().unwrap_or_default(),
        None => "",
    };
    let begin = &begin;
    let role = About::Assumed(Trust {
        role,
        service: "vpc-flow-logs.amazonaws.com",
        attribute: "iam_role_arn",
    });
    let bucket = About::Bucket(bucket);
    once_known(client, context, operation, role, unassumed, || {
        once_known(client, context, operation, bucket, shut_out, begin)
    })
    .await
}

/// `Unable to assume given IAM role`: <https://github.com/hashicorp/terraform-provider-aws/issues/29323>.
fn unassumed(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Invalid && error.message.to_ascii_lowercase().contains("assume")
}

/// `Access Denied for LogDestination`:
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html>.
fn shut_out(error: &ProviderError) -> bool {
    error
        .message
        .starts_with("Access Denied for LogDestination")
}

fn record(client: &Client, found: Found, prior: Option<&FlowLogRecord>) -> FlowLogRecord {
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    let resource = found.resource_id.clone();
    let starting = |prefix: &str| resource.clone().filter(|r| r.starts_with(prefix));
    let id = found.flow_log_id.clone().unwrap_or_default();
    let files = found.destination_options.iter().map(|options| Files {
        file_format: options
            .file_format
            .as_ref()
            .map_or_else(|| "plain-text".to_owned(), |f| f.as_str().to_owned()),
        hive_compatible_partitions: options.hive_compatible_partitions == Some(true),
        per_hour_partition: options.per_hour_partition == Some(true),
    });
    let files = files.collect();
    FlowLogRecord {
        vpc_id: starting("vpc-"),
        subnet_id: starting("subnet-"),
        eni_id: starting("eni-"),
        traffic_type: found.traffic_type.map(|t| t.as_str().to_owned()),
        log_destination_type: found
            .log_destination_type
            .map_or_else(|| "cloud-watch-logs".to_owned(), |t| t.as_str().to_owned()),
        log_destination: found.log_destination,
        iam_role_arn: found.deliver_logs_permission_arn,
        log_format: found.log_format,
        max_aggregation_interval: found.max_aggregation_interval.unwrap_or(600),
        destination_options: files,
        tags,
        tags_all,
        arn: Some(client.arn("ec2", &format!("vpc-flow-log/{id}"))),
        id: Some(id),
    }
}
