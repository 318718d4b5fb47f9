//! What a plan on AWS tells before anything is begun.

use crate::oracles;
use crate::support::{Folder, Server, planned};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A VPC with two subnets, a cluster of them with a group of machines, and a database.
struct Stack {
    subnets: [&'static str; 2],
    zones: [&'static str; 2],
    services: &'static str,
    version: &'static str,
    machine: &'static str,
    database: [&'static str; 3],
}

const RIGHT: Stack = Stack {
    subnets: ["10.0.0.0/24", "10.0.1.0/24"],
    zones: ["eu-west-1a", "eu-west-1b"],
    services: "172.20.0.0/16",
    version: "1.34",
    machine: "m7i.large",
    database: ["postgres", "17", "db.t4g.micro"],
};

impl Stack {
    fn text(&self) -> String {
        let Stack {
            subnets,
            zones,
            services,
            version,
            machine,
            database: [engine, engine_version, class],
        } = self;
        let region = &zones[0][..zones[0].len() - 1];
        let subnet = |at: usize| {
            format!(
                r#"
[resource.aws_subnet.s{at}]
vpc_id            = "${{aws_vpc.v.id}}"
cidr_block        = "{}"
availability_zone = "{}"
"#,
                subnets[at], zones[at]
            )
        };
        format!(
            r#"
[stack]
name = "t"

[clouds.aws]
region = "{region}"

[resource.aws_vpc.v]
cidr_block = "10.0.0.0/16"
{}{}
[resource.aws_iam_role.r]
name               = "r"
assume_role_policy = '{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":["eks.amazonaws.com","ec2.amazonaws.com"]}},"Action":"sts:AssumeRole"}}]}}'

[resource.aws_eks_cluster.k]
name                      = "k"
role_arn                  = "${{aws_iam_role.r.arn}}"
version                   = "{version}"
vpc_config                = {{ subnet_ids = ["${{aws_subnet.s0.id}}", "${{aws_subnet.s1.id}}"] }}
kubernetes_network_config = {{ service_ipv4_cidr = "{services}" }}

[resource.aws_eks_node_group.n]
cluster_name    = "${{aws_eks_cluster.k.name}}"
node_group_name = "n"
node_role_arn   = "${{aws_iam_role.r.arn}}"
subnet_ids      = ["${{aws_subnet.s0.id}}", "${{aws_subnet.s1.id}}"]
instance_types  = ["{machine}"]
scaling_config  = {{ desired_size = 1, max_size = 1, min_size = 1 }}

[resource.aws_db_instance.d]
identifier          = "d"
engine              = "{engine}"
engine_version      = "{engine_version}"
instance_class      = "{class}"
allocated_storage   = 20
username            = "shop"
password            = "correct-horse"
skip_final_snapshot = true
"#,
            subnet(0),
            subnet(1)
        )
    }
}

#[test]
fn versions_types_and_ranges_that_cannot_be_had_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    oracles::record(&server);
    planned(&server, &RIGHT.text()).expect(0);
    let told = |stack: Stack, code: i32, sentences: &[&str]| {
        planned(&server, &stack.text()).expect(code).says(sentences);
    };
    let wrong = Stack {
        version: "1.2",
        machine: "m9z.huge",
        database: ["postgres", "99", "db.t4g.micro"],
        ..RIGHT
    };
    told(
        wrong,
        1,
        &[
            "eu-west-1 offers no Kubernetes 1.2: there are 1.31, 1.32",
            "eu-west-1 offers no instances of type `m9z.huge`",
            "eu-west-1 offers no postgres 99",
        ],
    );
    let database = ["postgres", "17", "db.x9.huge"];
    let class = "eu-west-1 offers no `db.x9.huge` for postgres";
    told(Stack { database, ..RIGHT }, 1, &[class]);
    let database = ["dbase", "3", "db.t4g.micro"];
    let engine = "eu-west-1 offers no database engine `dbase`";
    told(Stack { database, ..RIGHT }, 1, &[engine]);
    // Machines of this century are not in the oldest zone.
    let zones = ["us-east-1e", "us-east-1e"];
    let nowhere = "`m7i.large` cannot be had in us-east-1e";
    told(Stack { zones, ..RIGHT }, 1, &[nowhere]);
    // Its id is not known yet, but that the subnets will be of this VPC is.
    let ranges = Stack {
        subnets: ["10.0.0.0/24", "10.0.0.128/25"],
        services: "10.0.64.0/20",
        ..RIGHT
    };
    told(
        ranges,
        1,
        &[
            "10.0.0.128/25 has addresses of aws_subnet.s0, which is 10.0.0.0/24",
            "10.0.64.0/20 has addresses of the cluster's VPC, which is 10.0.0.0/16",
        ],
    );
    let outside = Stack {
        subnets: ["10.0.0.0/24", "10.9.0.0/24"],
        ..RIGHT
    };
    let sentence = "10.9.0.0/24 is not within its VPC, which has 10.0.0.0/16";
    told(outside, 1, &[sentence]);
    assert!(server.resources().is_empty());
    oracles::judge("aws", &server, true);
}

#[test]
fn a_subnet_is_held_against_the_vpc_that_it_will_be_of() {
    let server = Server::sandbox(&["--latency", "none"]);
    // Through a local value and a key; what the second VPC has is not the first one's.
    let stack = r#"
[stack]
name = "t"

[locals]
ranges = { a = "10.0.0.0/16", b = "10.1.0.0/16" }
ids    = "${{ for key, vpc in aws_vpc.v : key => vpc.id }}"

[resource.aws_vpc.v]
for_each   = "${local.ranges}"
cidr_block = "${each.value}"

[resource.aws_subnet.s]
for_each   = "${local.ranges}"
vpc_id     = "${local.ids[each.key]}"
cidr_block = "${cidrsubnet(each.value, 8, 0)}"

[resource.terraform_data.d]
input = "x"
"#;
    planned(&server, stack).expect(0);
    let told = |vpc: &str, range: &str, code: i32, sentences: &[&str]| {
        let more = format!("[resource.aws_subnet.t]\nvpc_id = '{vpc}'\ncidr_block = \"{range}\"\n");
        planned(&server, &format!("{stack}\n{more}"))
            .expect(code)
            .says(sentences);
    };
    let first = r#"${aws_vpc.v["a"].id}"#;
    told(first, "10.0.1.0/24", 0, &[]);
    let outside = "10.1.1.0/24 is not within its VPC, which has 10.0.0.0/16";
    told(first, "10.1.1.0/24", 1, &[outside]);
    let shared = "10.0.0.0/24 has addresses of aws_subnet.t, which is 10.0.0.0/20";
    told(first, "10.0.0.0/20", 1, &[shared]);
    // Which of the two it will be is not known: then it is only likely.
    let either = r#"${terraform_data.d.output == "x" ? aws_vpc.v["a"].id : aws_vpc.v["b"].id}"#;
    let outside = "10.9.0.0/24 is not within its VPC, which has 10.0.0.0/16, 10.1.0.0/16";
    told(either, "10.9.0.0/24", 0, &[outside]);
}

#[test]
fn what_is_in_the_way_of_a_subnet_is_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::against(&server);
    let run = |arguments: &[&str]| folder.run(&[arguments, &["stacks/t.toml"]].concat());
    let vpc = r#"
[stack]
name = "t"

[resource.aws_vpc.v]
cidr_block = "10.0.0.0/16"
"#;
    folder.write("stacks/t.toml", vpc);
    run(&["apply", "-auto-approve"]).expect(0);
    let subnets = |ranges: &[&str]| {
        let one = |(at, range): (usize, &&str)| {
            format!(
                "[resource.aws_subnet.s{at}]\nvpc_id = \"${{aws_vpc.v.id}}\"\ncidr_block = \"{range}\"\n"
            )
        };
        let all: String = ranges.iter().enumerate().map(one).collect();
        folder.write("stacks/t.toml", &format!("{vpc}\n{all}"));
        run(&["plan"])
    };
    subnets(&["10.0.0.0/24", "10.0.1.0/24"]).expect(0);
    subnets(&["10.0.0.0/24", "10.0.0.0/25"])
        .expect(1)
        .says(&["10.0.0.0/25 has addresses of aws_subnet.s0"]);
    subnets(&["10.1.0.0/24"])
        .expect(1)
        .says(&["10.1.0.0/24 is not within its VPC, which has 10.0.0.0/16"]);
    // Its own subnets may be about to go.
    subnets(&["10.0.0.0/24"]).expect(0);
    run(&["apply", "-auto-approve"]).expect(0);
    subnets(&["10.0.1.0/24"]).expect(0);
}

/// A bucket that no stack has.
fn make_bucket(server: &Server, name: &str) {
    let host = server.url.trim_start_matches("http://");
    let body = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let length = body.len();
    let mut stream = TcpStream::connect(host).expect("connects");
    write!(
        stream,
        "PUT /{name} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {scope}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("asks");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn names_of_buckets_that_somebody_has_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let stack = |name: &str| {
        format!("[stack]\nname = \"t\"\n\n[resource.aws_s3_bucket.b]\nbucket = \"{name}\"\n")
    };
    for (name, why) in [
        ("192.168.0.1", "must not look like an address"),
        ("xn--reports", "has `xn--`, which S3 keeps for itself"),
        (
            "reports-s3alias",
            "has `-s3alias`, which S3 keeps for itself",
        ),
    ] {
        planned(&server, &stack(name)).expect(1).says(&[why]);
    }
    // Somebody makes one by hand.
    make_bucket(&server, "taken-by-hand");
    planned(&server, &stack("taken-by-hand"))
        .expect(0)
        .says(&["the name `taken-by-hand` cannot be had: this account has a bucket of that name"]);
    planned(&server, &stack("free-as-yet")).expect(0);
    // What is replaced has its name itself.
    let folder = Folder::against(&server);
    folder.write("stacks/t.toml", &stack("ours-already"));
    folder
        .run(&["apply", "-auto-approve", "stacks/t.toml"])
        .expect(0);
    folder
        .run(&["plan", "-replace", "aws_s3_bucket.b", "stacks/t.toml"])
        .expect(0);
}

#[test]
fn quotas_that_a_plan_exceeds_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let stack = r#"
[stack]
name = "t"

[resource.aws_lb_target_group.g]
count       = 3001
name        = "g${count.index}"
target_type = "lambda"

[resource.aws_iam_policy.p]
count  = 1501
name   = "p${count.index}"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]}'

[resource.aws_db_subnet_group.s]
count      = 501
name       = "s${count.index}"
subnet_ids = ["subnet-1", "subnet-2"]

[resource.aws_vpc.v]
count      = 301
cidr_block = "10.0.0.0/16"

[resource.aws_route53_zone.z]
count = 501
name  = "z${count.index}.example.com"
"#;
    // Those that services tell themselves, and those that only Service Quotas knows.
    planned(&server, stack).expect(0).says(&[
        "301 of `VPCs` are planned in eu-west-1, 0 are there, and the quota is 300",
        "501 of `hosted zones` are planned in the account, 0 are there, and the quota is 500",
        "3001 of `target groups` are planned in eu-west-1, 0 are there, and the quota is 3000",
        "1501 of `policies` are planned in the account, 0 are there, and the quota is 1500",
        "501 of `database subnet groups` are planned in eu-west-1, 0 are there, and the quota is 500",
    ]);
}

#[test]
fn quotas_of_places_and_of_processors_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    oracles::record(&server);
    let plan = |more: u32| {
        let stack = format!(
            r#"
[stack]
name = "t"

[clouds.aws]
region = "eu-west-1"

[resource.aws_vpc.v]
cidr_block = "10.0.0.0/16"

[resource.aws_subnet.s]
count             = {}
vpc_id            = "${{aws_vpc.v.id}}"
cidr_block        = '${{cidrsubnet("10.0.0.0/16", 12, count.index)}}'
availability_zone = 'eu-west-1${{count.index < 500 ? "a" : "b"}}'

[resource.aws_nat_gateway.n]
count             = {}
subnet_id         = "${{aws_subnet.s[count.index].id}}"
connectivity_type = "private"

[resource.aws_launch_template.t]
name          = "t"
instance_type = "m7i.4xlarge"

[resource.aws_eks_node_group.g]
for_each        = {{ ON_DEMAND = {}, SPOT = 440 }}
cluster_name    = "k"
node_group_name = "${{each.key}}"
node_role_arn   = "arn:aws:iam::123456789012:role/r"
subnet_ids      = ["subnet-1"]
capacity_type   = "${{each.key}}"
launch_template = {{ id = "${{aws_launch_template.t.id}}", version = "1" }}
scaling_config  = {{ desired_size = "${{each.value}}", max_size = 450, min_size = 1 }}
"#,
            1000 + more,
            200 + more,
            312 + more
        );
        planned(&server, &stack).expect(0)
    };
    plan(1).says(&[
        "1001 of `subnets` are planned in aws_vpc.v, 0 are there, and the quota is 1000",
        "201 of `NAT gateways` are planned in eu-west-1a, 0 are there, and the quota is 200",
        "5008 of `vCPUs of standard instances` are planned in eu-west-1, 0 are there, and the quota is 5000",
    ]);
    let fits = plan(0).told();
    assert!(!fits.contains("the quota is"), "{fits}");
    oracles::judge("aws", &server, true);
}

#[test]
fn instances_that_run_count() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::against(&server);
    let run = |arguments: &[&str]| folder.run(&[arguments, &["stacks/t.toml"]].concat());
    let stack = RIGHT.text();
    let (cluster, _) = stack
        .split_once("[resource.aws_db_instance.d]")
        .expect("a cluster before the database");
    folder.write("stacks/t.toml", cluster);
    run(&["apply", "-auto-approve"]).expect(0);
    // The one machine of two vCPUs that is there, and as many as there may be.
    let more = r#"
[resource.aws_eks_node_group.more]
cluster_name    = "${aws_eks_cluster.k.name}"
node_group_name = "more"
node_role_arn   = "${aws_iam_role.r.arn}"
subnet_ids      = ["${aws_subnet.s0.id}"]
scaling_config  = { desired_size = 2500, max_size = 2500, min_size = 1 }
"#;
    folder.write("stacks/t.toml", &format!("{cluster}{more}"));
    run(&["plan"]).expect(0).says(&[
        "5000 of `vCPUs of standard instances` are planned in eu-west-1, 2 are there, and the quota is 5000",
    ]);
}

/// Quotas of EKS that are asked for only when more is planned than AWS gives to all.
#[test]
fn more_node_groups_or_nodes_than_there_may_be_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let stack = |groups: usize, most: usize| {
        let text = RIGHT
            .text()
            .replace(
                "scaling_config  = { desired_size = 1, max_size = 1, min_size = 1 }",
                &format!(
                    "scaling_config  = {{ desired_size = 1, max_size = {most}, min_size = 1 }}"
                ),
            )
            .replace(
                "node_group_name = \"n\"",
                &format!("count = {groups}\nnode_group_name = \"n${{count.index}}\""),
            );
        planned(&server, &text)
    };
    let fine = stack(30, 450).expect(0).told();
    assert!(!fine.contains("the quota is 30"), "{fine}");
    assert!(!fine.contains("the quota is 450"), "{fine}");
    stack(31, 1).expect(0).says(&[
        "31 of `managed node groups` are planned in the cluster k, 0 are there, and the quota is 30",
    ]);
    stack(1, 451)
        .expect(0)
        .says(&["a node group of 451 nodes is planned, and the quota is 450"]);
}
