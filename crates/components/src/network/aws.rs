//! `network` on AWS: a VPC with an internet gateway, subnets, routes, NAT gateways, a closed default security group and flow
//! logs. All of it, and nothing of what stands in it.

use super::{Inputs, Nat, Plan};
use crate::aws::{self, ARN, Encryption};
use crate::draft::Draft;
use serde_json::{Map, Value as Json, json};

pub(super) fn expand(inputs: &Inputs, plan: &Plan, nat: Nat, draft: &mut Draft<'_>) {
    vpc(inputs, draft);
    subnets(plan, draft);
    public_routes(plan, draft);
    nat_gateways(plan, nat, draft);
    private_routes(plan, nat, draft);
    if inputs.flow_logs {
        flow_logs(draft);
    }
    outputs(plan, nat, draft);
}

fn vpc(inputs: &Inputs, draft: &mut Draft<'_>) {
    draft.data(
        "aws_availability_zones",
        "this",
        json!({
            "state": "available",
            // Local and wavelength zones have neither EKS nor RDS.
            "filter": { "name": "opt-in-status", "values": ["opt-in-not-required"] },
        }),
    );
    let body = json!({
        "cidr_block": inputs.cidr,
        "enable_dns_support": true,
        "enable_dns_hostnames": true,
        "tags": draft.tags("", &[]),
    });
    draft.resource("aws_vpc", "this", body);
    // Taking it over without rules closes it: nothing should depend on the group that everything is in by default.
    let body = json!({ "vpc_id": "${aws_vpc.this.id}", "tags": draft.tags("default-closed", &[]) });
    draft.resource("aws_default_security_group", "this", body);
    let body = json!({ "vpc_id": "${aws_vpc.this.id}", "tags": draft.tags("", &[]) });
    draft.resource("aws_internet_gateway", "this", body);
}

fn subnets(plan: &Plan, draft: &mut Draft<'_>) {
    // The load balancer controller finds subnets by these tags.
    let kinds = [
        ("public", "kubernetes.io/role/elb"),
        ("private", "kubernetes.io/role/internal-elb"),
    ];
    for (kind, role) in kinds {
        let zone = |(index, zone): (usize, &super::Zone)| {
            let range = if kind == "public" {
                zone.public
            } else {
                zone.private
            };
            (
                zone.key.to_owned(),
                json!({ "zone": index, "cidr": range.to_string() }),
            )
        };
        let each: Map<String, Json> = plan.zones.iter().enumerate().map(zone).collect();
        let tags = draft.tags(&format!("{kind}-${{each.key}}"), &[(role, "1")]);
        draft.resource(
            "aws_subnet",
            kind,
            json!({
                "for_each": each,
                "vpc_id": "${aws_vpc.this.id}",
                "cidr_block": "${each.value.cidr}",
                "availability_zone": "${data.aws_availability_zones.this.names[each.value.zone]}",
                "map_public_ip_on_launch": false,
                "tags": tags,
                // A zone that the region gains later must not move subnets.
                "lifecycle": { "ignore_changes": ["availability_zone"] },
            }),
        );
    }
}

/// `for_each` over the zones' keys.
fn keys(plan: &Plan) -> Json {
    let keys: Vec<String> = plan
        .zones
        .iter()
        .map(|z| format!("\"{}\"", z.key))
        .collect();
    json!(format!("${{toset([{}])}}", keys.join(", ")))
}

fn public_routes(plan: &Plan, draft: &mut Draft<'_>) {
    let body = json!({ "vpc_id": "${aws_vpc.this.id}", "tags": draft.tags("public", &[]) });
    draft.resource("aws_route_table", "public", body);
    draft.resource(
        "aws_route",
        "public",
        json!({
            "route_table_id": "${aws_route_table.public.id}",
            "destination_cidr_block": "0.0.0.0/0",
            "gateway_id": "${aws_internet_gateway.this.id}",
        }),
    );
    draft.resource(
        "aws_route_table_association",
        "public",
        json!({
            "for_each": keys(plan),
            "subnet_id": "${aws_subnet.public[each.key].id}",
            "route_table_id": "${aws_route_table.public.id}",
        }),
    );
}

/// The zones that have a NAT gateway.
fn nat_zones(plan: &Plan, nat: Nat) -> Vec<&'static str> {
    let count = match nat {
        Nat::PerZone => plan.zones.len(),
        Nat::Single => 1,
        Nat::None => 0,
    };
    plan.zones.iter().take(count).map(|z| z.key).collect()
}

fn nat_gateways(plan: &Plan, nat: Nat, draft: &mut Draft<'_>) {
    let zones = nat_zones(plan, nat);
    if zones.is_empty() {
        return;
    }
    let quoted: Vec<String> = zones.iter().map(|z| format!("\"{z}\"")).collect();
    let each = json!(format!("${{toset([{}])}}", quoted.join(", ")));
    let body = json!({
        "for_each": each,
        "domain": "vpc",
        "tags": draft.tags("nat-${each.key}", &[]),
        // An address is usable only in a network that has a gateway.
        "depends_on": ["aws_internet_gateway.this"],
    });
    draft.resource("aws_eip", "nat", body);
    let body = json!({
        "for_each": each,
        "allocation_id": "${aws_eip.nat[each.key].id}",
        "subnet_id": "${aws_subnet.public[each.key].id}",
        "tags": draft.tags("nat-${each.key}", &[]),
        "depends_on": ["aws_internet_gateway.this", "aws_route.public", "aws_route_table_association.public"],
    });
    draft.resource("aws_nat_gateway", "this", body);
}

fn private_routes(plan: &Plan, nat: Nat, draft: &mut Draft<'_>) {
    let body = json!({
        "for_each": keys(plan),
        "vpc_id": "${aws_vpc.this.id}",
        "tags": draft.tags("private-${each.key}", &[]),
    });
    draft.resource("aws_route_table", "private", body);
    let gateway = match nat {
        Nat::PerZone => Some("${aws_nat_gateway.this[each.key].id}"),
        Nat::Single => Some("${aws_nat_gateway.this[\"a\"].id}"),
        Nat::None => None,
    };
    if let Some(gateway) = gateway {
        draft.resource(
            "aws_route",
            "private",
            json!({
                "for_each": keys(plan),
                "route_table_id": "${aws_route_table.private[each.key].id}",
                "destination_cidr_block": "0.0.0.0/0",
                "nat_gateway_id": gateway,
            }),
        );
    }
    draft.resource(
        "aws_route_table_association",
        "private",
        json!({
            "for_each": keys(plan),
            "subnet_id": "${aws_subnet.private[each.key].id}",
            "route_table_id": "${aws_route_table.private[each.key].id}",
        }),
    );
}

fn flow_logs(draft: &mut Draft<'_>) {
    aws::partition(draft);
    draft.data("aws_caller_identity", "this", json!({}));
    draft.data("aws_region", "this", json!({}));
    let name = aws::unique_bucket_name(draft, "flow-logs");
    let account = "${data.aws_caller_identity.this.account_id}";
    let source = json!(format!(
        "{ARN}:logs:${{data.aws_region.this.region}}:{account}:*"
    ));
    let service = json!({ "Service": "delivery.logs.amazonaws.com" });
    let statements = vec![
        json!({
            "Sid": "DeliverLogs", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
            "Resource": format!("${{aws_s3_bucket.flow_logs.arn}}/AWSLogs/{account}/*"),
            "Condition": {
                "StringEquals": { "s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": account },
                "ArnLike": { "aws:SourceArn": source },
            },
        }),
        json!({
            "Sid": "CheckBucket", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl",
            "Resource": "${aws_s3_bucket.flow_logs.arn}",
            "Condition": {
                "StringEquals": { "aws:SourceAccount": account },
                "ArnLike": { "aws:SourceArn": source },
            },
        }),
    ];
    let force = !draft.protect();
    aws::private_bucket(
        draft,
        "flow_logs",
        "flow-logs",
        name,
        force,
        &Encryption::S3,
        statements,
    );
    draft.resource(
        "aws_s3_bucket_lifecycle_configuration",
        "flow_logs",
        json!({
            "bucket": "${aws_s3_bucket.flow_logs.id}",
            "rule": { "id": "expire", "status": "Enabled", "filter": {}, "expiration": { "days": 90 } },
        }),
    );
    let body = json!({
        "vpc_id": "${aws_vpc.this.id}",
        "traffic_type": "ALL",
        "log_destination_type": "s3",
        "log_destination": "${aws_s3_bucket.flow_logs.arn}",
        "tags": draft.tags("flow-logs", &[]),
        "depends_on": ["aws_s3_bucket_policy.flow_logs"],
    });
    draft.resource("aws_flow_log", "this", body);
}

fn outputs(plan: &Plan, nat: Nat, draft: &mut Draft<'_>) {
    // Written out, so that the number of zones is known while the ids are not.
    let list = |keys: &[&str], item: &dyn Fn(&str) -> String| {
        let items: Vec<String> = keys.iter().map(|key| item(key)).collect();
        format!("[{}]", items.join(", "))
    };
    let zones: Vec<&str> = plan.zones.iter().map(|z| z.key).collect();
    let name = draft.name("", 255);
    draft.output("id", "aws_vpc.this.id");
    draft.output("name", format!("\"{name}\""));
    draft.output("cidr", "aws_vpc.this.cidr_block");
    draft.output(
        "zones",
        list(&zones, &|k| {
            format!("aws_subnet.private[\"{k}\"].availability_zone")
        }),
    );
    draft.output(
        "private_subnet_ids",
        list(&zones, &|k| format!("aws_subnet.private[\"{k}\"].id")),
    );
    draft.output(
        "public_subnet_ids",
        list(&zones, &|k| format!("aws_subnet.public[\"{k}\"].id")),
    );
    draft.output(
        "egress_addresses",
        list(&nat_zones(plan, nat), &|k| {
            format!("aws_eip.nat[\"{k}\"].public_ip")
        }),
    );
}
