//! Flow logs of networks, subnets and interfaces. Nothing is logged; who logs where is kept.

use serde::{Deserialize, Serialize};

use super::common::{Describe, invalid, page_xml, remember, replay, tag_set, tag_specification};
use super::network_interface::{self, NetworkInterface};
use super::{subnet, vpc};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::references;
use crate::aws::s3::bucket::Bucket;
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601_millis};
use crate::world::{Document, Listed};

const FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// A flow log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FlowLog {
    id: String,
    resource: String,
    traffic: String,
    destination_type: String,
    destination: Option<String>,
    group: Option<String>,
    role: Option<String>,
    format: String,
    interval: i64,
    /// How files in a bucket are, if it was said: format, folders as Hive's, folders by the hour.
    #[serde(default)]
    files: Option<(String, bool, bool)>,
    created_at: Millis,
}

impl Document for FlowLog {
    const KIND: &'static str = "ec2/flow-log";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.resource.clone()]
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_flow_log")
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateFlowLogs",
        accepts: &[
            "ResourceId",
            "ResourceType",
            "TrafficType",
            "LogDestinationType",
            "LogDestination",
            "LogGroupName",
            "LogFormat",
            "DeliverLogsPermissionArn",
            "MaxAggregationInterval",
            "DestinationOptions.FileFormat",
            "DestinationOptions.HiveCompatiblePartitions",
            "DestinationOptions.PerHourPartition",
            "ClientToken",
            "TagSpecification.*",
        ],
        handler: create,
    },
    Operation {
        name: "DeleteFlowLogs",
        accepts: &["FlowLogId"],
        handler: delete,
    },
    Operation {
        name: "DescribeFlowLogs",
        accepts: &["FlowLogId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
];

fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidFlowLogId.NotFound",
        format!("The flow log ID '{id}' does not exist"),
    )
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const OPERATION: &str = "CreateFlowLogs";
    let ids = match replay(ctx, OPERATION, params)? {
        Some(ids) => ids,
        None => {
            if let Some(message) = denied(ctx, params) {
                return Ok(undone(params, &message));
            }
            let ids = make(ctx, params)?.join(" ");
            remember(ctx, OPERATION, params, &ids);
            ids
        }
    };
    let mut xml = Xml::new();
    xml.opt("clientToken", params.str("ClientToken"))
        .texts("flowLogIdSet", "item", ids.split(' '))
        .node("unsuccessful", |_| {});
    Ok(xml)
}

/// Why a bucket does not let the logs in: its policy is too new to be known everywhere. Other buckets are believed.
fn denied(ctx: &Ctx<'_>, params: &Params) -> Option<String> {
    let arn = params
        .str("LogDestination")?
        .strip_prefix("arn:aws:s3:::")?;
    let name = arn.split('/').next().unwrap_or_default();
    let bucket = ctx.get::<Bucket>(name)?;
    (!ctx.pace.knows(bucket.created, ctx.now)).then(|| {
        format!("Access Denied for LogDestination: {name}. Please check LogDestination permission")
    })
}

/// An answer that is none of success, though its status says so: what was not done, with a status as its code, and why.
fn undone(params: &Params, message: &str) -> Xml {
    let mut xml = Xml::new();
    xml.opt("clientToken", params.str("ClientToken"))
        .node("flowLogIdSet", |_| {});
    xml.list(
        "unsuccessful",
        "item",
        params.strings("ResourceId"),
        |xml, id| {
            xml.text("resourceId", id).node("error", |xml| {
                xml.text("code", "400").text("message", message);
            });
        },
    );
    xml
}

/// The options of files, which only a bucket has.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DestinationOptionsRequest.html>
fn files(params: &Params, destination: &str) -> AwsResult<Option<(String, bool, bool)>> {
    let Some(options) = params.node("DestinationOptions") else {
        return Ok(None);
    };
    if destination != "s3" {
        let message = "DestinationOptions can be given for the destination type s3 only";
        return Err(AwsError::new("InvalidParameter", message));
    }
    let format = options.str("FileFormat").unwrap_or("plain-text");
    if !matches!(format, "plain-text" | "parquet") {
        return Err(invalid("fileFormat", format));
    }
    Ok(Some((
        format.to_owned(),
        options.bool("HiveCompatiblePartitions")?.unwrap_or(false),
        options.bool("PerHourPartition")?.unwrap_or(false),
    )))
}

fn make(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Vec<String>> {
    let kind = params.require("ResourceType")?;
    let traffic = params.str("TrafficType").unwrap_or("ALL");
    if !matches!(traffic, "ALL" | "ACCEPT" | "REJECT") {
        return Err(invalid("trafficType", traffic));
    }
    let destination_type = params
        .str("LogDestinationType")
        .unwrap_or("cloud-watch-logs");
    let (destination, group) = (params.str("LogDestination"), params.str("LogGroupName"));
    match destination_type {
        "cloud-watch-logs" => {
            if destination.is_none() && group.is_none() {
                let message = "LogDestination or LogGroupName must be given for cloud-watch-logs";
                return Err(AwsError::new("InvalidParameter", message));
            }
            let role = params.require("DeliverLogsPermissionArn")?;
            if !references::may_assume(ctx, role, "vpc-flow-logs.amazonaws.com") {
                let message = format!("Unable to assume given IAM role: '{role}'");
                return Err(AwsError::new("InvalidParameter", message));
            }
        }
        "s3" | "kinesis-data-firehose" => {
            params.require("LogDestination")?;
        }
        other => return Err(invalid("logDestinationType", other)),
    }
    let interval = params.int("MaxAggregationInterval")?.unwrap_or(600);
    if !matches!(interval, 60 | 600) {
        return Err(invalid("maxAggregationInterval", &interval.to_string()));
    }
    let files = files(params, destination_type)?;
    let tags = tag_specification(params, "vpc-flow-log")?;
    let mut ids = Vec::new();
    for resource in params.strings("ResourceId") {
        match kind {
            "VPC" => drop(vpc::find(ctx, resource)?),
            "Subnet" => drop(subnet::find(ctx, resource)?),
            "NetworkInterface" => {
                ctx.get::<NetworkInterface>(resource)
                    .ok_or_else(|| network_interface::not_found(resource))?;
            }
            other => return Err(invalid("resourceType", other)),
        }
        let log = FlowLog {
            id: ctx.new_id("fl"),
            resource: resource.to_owned(),
            traffic: traffic.to_owned(),
            destination_type: destination_type.to_owned(),
            destination: destination
                .map(str::to_owned)
                .or_else(|| group.map(|group| ctx.arn("logs", &format!("log-group:{group}")))),
            group: group.map(str::to_owned),
            role: params.str("DeliverLogsPermissionArn").map(str::to_owned),
            format: params.str("LogFormat").unwrap_or(FORMAT).to_owned(),
            interval,
            files: files.clone(),
            created_at: ctx.now,
        };
        let twin = |other: &FlowLog| {
            (&other.traffic, &other.destination_type, &other.destination)
                == (&log.traffic, &log.destination_type, &log.destination)
        };
        if ctx
            .referrers::<FlowLog>(resource)
            .iter()
            .any(|other| twin(other))
        {
            let message =
                "There is an existing Flow Log with the same configuration and log destination.";
            return Err(AwsError::new("FlowLogAlreadyExists", message));
        }
        ids.push(log.id.clone());
        ctx.put_tagged(log, tags.clone());
    }
    if ids.is_empty() {
        return Err(AwsError::new(
            "MissingParameter",
            "The request must contain the parameter resourceId",
        ));
    }
    Ok(ids)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut failed = Vec::new();
    for id in params.strings("FlowLogId") {
        if !ctx.delete::<FlowLog>(id) {
            failed.push((id, not_found(id)));
        }
    }
    let mut xml = Xml::new();
    xml.list("unsuccessful", "item", failed, |xml, (id, error)| {
        xml.text("resourceId", id).node("error", |xml| {
            xml.text("code", error.code).text("message", error.message);
        });
    });
    Ok(xml)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<FlowLog> {
        ids: "FlowLogId",
        not_found,
        filters: &[
            "flow-log-id",
            "log-destination-type",
            "log-group-name",
            "resource-id",
            "traffic-type",
        ],
        indexed: &["resource-id"],
        field: |_, log, name| match name {
            "flow-log-id" => vec![log.id.clone()],
            "log-destination-type" => vec![log.destination_type.clone()],
            "log-group-name" => log.group.iter().cloned().collect(),
            "resource-id" => vec![log.resource.clone()],
            _ => vec![log.traffic.clone()],
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("flowLogSet", page, |xml, log| {
        xml.text("flowLogId", &log.id)
            .text("flowLogStatus", "ACTIVE")
            .text("resourceId", &log.resource)
            .text("trafficType", &log.traffic)
            .text("logDestinationType", &log.destination_type)
            .opt("logDestination", log.destination.as_ref())
            .opt("logGroupName", log.group.as_ref())
            .opt("deliverLogsPermissionArn", log.role.as_ref())
            .text("deliverLogsStatus", "SUCCESS")
            .text("logFormat", &log.format)
            .text("maxAggregationInterval", log.interval)
            .text("creationTime", iso8601_millis(log.created_at));
        if let Some((format, hive, hourly)) = &log.files {
            xml.node("destinationOptions", |xml| {
                xml.text("fileFormat", format)
                    .text("hiveCompatiblePartitions", hive)
                    .text("perHourPartition", hourly);
            });
        }
        tag_set(xml, log.tags());
    }))
}
