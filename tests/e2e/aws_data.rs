//! Every data source of AWS, against the sandbox and against moto: the stack is `tests/aws_data.toml`.

use crate::support::{Folder, Server, root, say};
use serde_json::{Value as Json, json};

fn stack() -> String {
    std::fs::read_to_string(root().join("tests/aws_data.toml")).expect("the stack")
}

/// The outputs of the stack, which has gone by then.
fn every_source_reads(server: &Server, flags: &[&str]) -> Json {
    let folder = Folder::against(server);
    folder.write("stacks/t.toml", &stack());
    let run = |arguments: &[&str]| folder.run(&[arguments, flags].concat());
    run(&["apply", "stacks/t.toml", "-auto-approve"]).expect(0);
    run(&["plan", "stacks/t.toml", "-detailed-exitcode"]).expect(0);
    let outputs = folder
        .run(&["output", "-json", "stacks/t.toml"])
        .expect(0)
        .json();
    let of = |name: &str| &outputs[name]["value"];
    let texts = |value: &Json| -> Vec<String> {
        let list = value.as_array().expect("a list").iter();
        list.map(|v| v.as_str().expect("text").to_owned()).collect()
    };

    assert_eq!(of("region"), "eu-west-1");
    assert_eq!(of("partition")["partition"], "aws");
    assert_eq!(of("partition")["dns_suffix"], "amazonaws.com");
    let account = of("me")["account_id"].as_str().expect("an account");
    assert!(
        account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()),
        "{account}"
    );
    let arn = of("me")["arn"].as_str().expect("an ARN");
    assert!(arn.contains(account), "{arn}");

    let zones = texts(&of("zones")["names"]);
    assert!(zones.len() > 1, "{zones:?}");
    assert!(
        zones.iter().all(|z| z.starts_with("eu-west-1")),
        "{zones:?}"
    );
    assert_eq!(texts(&of("zones")["zone_ids"]).len(), zones.len());
    assert_eq!(texts(of("other_zones")), zones[1..]);

    let (vpc, found) = (of("vpc"), of("by_id"));
    for same in [
        "id",
        "arn",
        "cidr_block",
        "enable_dns_hostnames",
        "owner_id",
    ] {
        assert_eq!(vpc[same], found[same], "{same} of the VPC");
    }
    assert_eq!(found["owner_id"], account);
    assert_eq!(of("by_tag"), &vpc["id"]);

    let (zones, zone) = (of("zone"), of("zone_found"));
    let outer = &zones["example.com"];
    assert_eq!(zone["zone_id"], outer["zone_id"]);
    assert_eq!(zone["name_servers"], outer["name_servers"]);
    assert_eq!(zone["name_servers"].as_array().map(Vec::len), Some(4));
    // The nearest of the zones that a name is in.
    assert_eq!(of("zone_around"), &zones["shop.example.com"]["zone_id"]);
    assert_eq!(texts(of("subnets")).len(), 2);
    assert_eq!(of("found"), of("subnets"));

    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": { "Service": "ec2.amazonaws.com" },
                "Condition": { "StringEquals": { "aws:SourceAccount": account } },
            },
            {
                "Sid": "Objects",
                "Effect": "Deny",
                "Action": ["s3:PutObject", "s3:GetObject"],
                "Resource": "arn:aws:s3:::logs/*",
            },
        ],
    });
    assert_eq!(of("policy"), &expected);

    let (made, found) = (of("cluster"), of("its_data"));
    for same in ["arn", "certificate_authority", "endpoint", "version"] {
        assert_eq!(made[same], found[same], "{same} of the cluster");
        assert!(!made[same].is_null(), "{same} of the cluster");
    }
    assert_eq!(found["tags"]["team"], "shop");
    assert_eq!(of("token"), true);

    let image = of("linux_image");
    assert_eq!(image["architecture"], "x86_64");
    let id = image["id"].as_str().expect("an id");
    assert_eq!(image["arn"], format!("arn:aws:ec2:eu-west-1::image/{id}"));

    run(&["destroy", "stacks/t.toml", "-auto-approve"]).expect(0);
    say("every data source reads what is there");
    outputs
}

#[test]
fn every_source_reads_in_the_sandbox() {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    let outputs = every_source_reads(&server, &[flag.as_str()]);
    let of = |name: &str| &outputs[name]["value"];
    // Parameters name what filters find, and both what EKS gives to nodes.
    assert_eq!(of("linux"), &of("linux_image")["id"]);
    assert_eq!(of("nodes"), of("node_images"));
    assert_eq!(of("nodes").as_array().map(Vec::len), Some(1));
}

#[test]
fn every_source_reads_in_moto() {
    if let Some(server) = Server::moto("every_source_reads_in_moto") {
        every_source_reads(&server, &["-var=moto=true"]);
    }
}

#[test]
fn every_source_is_in_the_stack() {
    let stack = stack();
    for name in infra_aws::provider().schema().data.keys() {
        let block = format!("[data.{name}.");
        assert!(
            stack.contains(&block),
            "tests/aws_data.toml has no {block}…]"
        );
    }
}
