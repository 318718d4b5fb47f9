//! How much is asked of the cloud: by the server's own count.

use crate::oracles;
use crate::support::{Folder, Server};
use serde_json::Value as Json;

#[test]
fn three_hundred_subnets_are_read_with_at_most_five_calls() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::new();
    folder.write(
        "stacks/many.toml",
        r#"
[resource.aws_vpc.main]
cidr_block = "10.0.0.0/16"

[resource.aws_subnet.many]
count      = 300
vpc_id     = "${aws_vpc.main.id}"
cidr_block = '${cidrsubnet("10.0.0.0/16", 10, count.index)}'
"#,
    );
    let flag = server.flag();
    folder
        .run(&["apply", "-auto-approve", "stacks/many.toml", &flag])
        .expect(0);
    let before = subnets_read(&server);
    folder
        .run(&["plan", "-detailed-exitcode", "stacks/many.toml", &flag])
        .expect(0);
    let made = subnets_read(&server) - before;
    assert!(
        (1..=5).contains(&made),
        "{made} calls: {}",
        server.get("/_sandbox/counts")
    );
    folder
        .run(&["destroy", "-auto-approve", "stacks/many.toml", &flag])
        .expect(0);
    assert!(server.resources().is_empty());
}

/// Calls of `DescribeSubnets` so far.
fn subnets_read(server: &Server) -> u64 {
    server.get("/_sandbox/counts")["ec2"]["DescribeSubnets"]
        .as_u64()
        .unwrap_or(0)
}

/// Calls so far whose names end so, of all services.
fn calls(server: &Server, like: &[&str]) -> u64 {
    let counts = server.get("/_sandbox/counts");
    let services = counts.as_object().into_iter().flatten();
    let calls = services.flat_map(|(_, calls)| calls.as_object().into_iter().flatten());
    let counted = calls.filter(|(name, _)| like.iter().any(|end| name.ends_with(end)));
    counted.filter_map(|(_, n)| Json::as_u64(n)).sum()
}

/// Of a stack with twelve of each type, none is read by itself; and what is gone, which no listing has, is found to be gone.
fn dozens_are_listed(stack: &str, one_by_one: &[&str], gone: &str) {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    let folder = Folder::new();
    folder.write("stacks/many.toml", stack);
    let on = |folder: &Folder, arguments: &[&str]| {
        folder.run(&[arguments, &["stacks/many.toml", &flag]].concat())
    };
    on(&folder, &["apply", "-auto-approve"]).expect(0);
    let before = calls(&server, one_by_one);
    on(&folder, &["plan", "-detailed-exitcode"]).expect(0);
    let made = calls(&server, one_by_one) - before;
    assert_eq!(made, 0, "{}", server.get("/_sandbox/counts"));
    let behind = folder.copy();
    on(&behind, &["destroy", "-auto-approve", "-target", gone]).expect(0);
    on(&folder, &["drift"]).expect(2).says(&[gone]);
    on(&folder, &["destroy", "-auto-approve"]).expect(0);
    assert!(server.resources().is_empty());
}

#[test]
fn dozens_of_roles_and_policies_are_listed() {
    let stack = r#"
[resource.aws_iam_role.r]
count              = 12
name               = "r${count.index}"
description        = "the ${count.index}th"
assume_role_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
tags               = { n = "${count.index}" }

[resource.aws_iam_role_policy.p]
count  = 12
name   = "p"
role   = "${aws_iam_role.r[count.index].name}"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]}'

[resource.aws_iam_role_policy_attachment.a]
count      = 12
role       = "${aws_iam_role.r[count.index].name}"
policy_arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"

[resource.aws_iam_policy.m]
count  = 12
name   = "m${count.index}"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]}'
"#;
    let one_by_one = [
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "GetPolicyVersion",
    ];
    dozens_are_listed(stack, &one_by_one, "aws_iam_role_policy.p[7]");
}

#[test]
fn dozens_in_as_many_resource_groups_are_listed() {
    let stack = r#"
[resource.azurerm_resource_group.g]
count    = 12
name     = "g${count.index}"
location = "westeurope"

[resource.azurerm_virtual_network.v]
count               = 12
name                = "v"
resource_group_name = "${azurerm_resource_group.g[count.index].name}"
location            = "westeurope"
address_space       = ["10.${count.index}.0.0/16"]

[resource.azurerm_subnet.s]
count                = 12
name                 = "s"
resource_group_name  = "${azurerm_resource_group.g[count.index].name}"
virtual_network_name = "${azurerm_virtual_network.v[count.index].name}"
address_prefixes     = ["10.${count.index}.0.0/24"]

[resource.azurerm_network_security_group.n]
count               = 12
name                = "n"
resource_group_name = "${azurerm_resource_group.g[count.index].name}"
location            = "westeurope"

[resource.azurerm_network_security_rule.r]
count                       = 12
name                        = "r"
resource_group_name         = "${azurerm_resource_group.g[count.index].name}"
network_security_group_name = "${azurerm_network_security_group.n[count.index].name}"
priority                    = 100
direction                   = "Inbound"
access                      = "Allow"
protocol                    = "Tcp"
source_port_range           = "*"
destination_port_range      = "443"
source_address_prefix       = "10.0.0.0/8"
destination_address_prefix  = "*"
"#;
    dozens_are_listed(stack, &["_Get"], "azurerm_subnet.s[7]");
}

#[test]
fn dozens_in_as_many_places_of_google_are_listed() {
    let stack = r#"
[clouds.google]
project = "shop"
region  = "europe-west1"

[resource.google_storage_bucket.b]
count    = 12
name     = "infra-dozen-${count.index}"
location = "EU"

[locals]
regions = ["europe-west1", "europe-west4", "us-central1", "us-east1"]

[resource.google_compute_network.n]
name                    = "n"
auto_create_subnetworks = false

[resource.google_compute_subnetwork.s]
count         = 4
name          = "s"
region        = "${local.regions[count.index]}"
network       = "${google_compute_network.n.id}"
ip_cidr_range = "10.${count.index}.0.0/20"
secondary_ip_range = [
  { range_name = "pods", ip_cidr_range = "10.${count.index + 10}.0.0/16" },
  { range_name = "services", ip_cidr_range = "10.${count.index + 20}.0.0/20" },
]

[resource.google_container_cluster.k]
count               = 4
name                = "k${count.index}"
location            = "${local.regions[count.index]}"
network             = "${google_compute_network.n.id}"
subnetwork          = "${google_compute_subnetwork.s[count.index].id}"

ip_allocation_policy = { cluster_secondary_range_name = "pods", services_secondary_range_name = "services" }
initial_node_count  = 1
deletion_protection = false

[resource.google_container_node_pool.p]
count       = 4
name        = "p"
cluster     = "${google_container_cluster.k[count.index].id}"
node_count  = 1
node_config = { machine_type = "e2-medium" }
"#;
    let one_by_one = ["buckets.get", "clusters.get", "nodePools.get"];
    dozens_are_listed(stack, &one_by_one, "google_container_node_pool.p[2]");
}

/// Twelve of each type whose services tell tags one by one.
const TAGGED: &str = r#"
[resource.aws_ecr_repository.r]
count = 12
name  = "r${count.index}"
tags  = { n = "${count.index}" }

[resource.aws_cloudwatch_log_group.g]
count = 12
name  = "/app/${count.index}"

[resource.aws_acm_certificate.c]
count             = 12
domain_name       = "c${count.index}.example.com"
validation_method = "DNS"

[resource.aws_kms_key.k]
count = 12

[resource.aws_db_parameter_group.p]
count  = 12
name   = "p${count.index}"
family = "postgres17"

[resource.aws_iam_policy.m]
count  = 12
name   = "m${count.index}"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]}'
"#;

/// The calls that tell the tags of one of these.
const TAGS_OF_ONE: [&str; 4] = [
    "ListTagsForResource",
    "ListTagsForCertificate",
    "ListResourceTags",
    "GetPolicy",
];

#[test]
fn tags_of_dozens_are_one_call() {
    dozens_are_listed(TAGGED, &TAGS_OF_ONE, "aws_kms_key.k[7]");
}

/// What the tagging API says is believed where it is what was last seen; what differs is asked for by itself, and who may not ask asks
/// once in a run.
#[test]
fn tags_that_changed_are_confirmed_and_a_role_that_may_not_ask_goes_on() {
    let server = Server::sandbox(&["--latency", "none"]);
    oracles::record(&server);
    let flag = server.flag();
    let folder = Folder::new();
    folder.write("stacks/many.toml", TAGGED);
    let on = |folder: &Folder, arguments: &[&str]| {
        folder.run(&[arguments, &["stacks/many.toml", &flag]].concat())
    };
    on(&folder, &["apply", "-auto-approve"]).expect(0);
    // Somebody else changes the tags of one.
    let elsewhere = folder.copy();
    let changed = TAGGED.replace(
        "{ n = \"${count.index}\" }",
        "{ n = \"${min(count.index, 10)}\" }",
    );
    elsewhere.write("stacks/many.toml", &changed);
    on(&elsewhere, &["apply", "-auto-approve"]).expect(0);
    let counted = || {
        (
            calls(&server, &TAGS_OF_ONE),
            calls(&server, &["GetResources"]),
        )
    };
    let before = counted();
    on(&folder, &["drift"])
        .expect(2)
        .says(&["aws_ecr_repository.r[11]"]);
    let after = counted();
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 6));
    on(&folder, &["apply", "-auto-approve"]).expect(0);

    server.post(
        "/_sandbox/faults",
        "refuse:tagging.GetResources=AccessDeniedException",
    );
    let before = counted();
    on(&folder, &["plan", "-detailed-exitcode"]).expect(0);
    let after = counted();
    // Once for the region, and once for what is global.
    assert_eq!((after.0 - before.0, after.1 - before.1), (72, 2));
    server.post("/_sandbox/faults", "");
    on(&folder, &["destroy", "-auto-approve"]).expect(0);
    assert!(server.resources().is_empty());
    oracles::judge("aws", &server, true);
}
