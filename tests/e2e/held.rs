//! What AWS does not say when it refuses a deletion: what is in the way.

use crate::support::{Folder, Server};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// A network, with what is in it from elsewhere, and what is to be deleted where that stands.
const NETWORK: &str = r#"
[stack]
name = "net"
[clouds.aws]
region = "eu-west-1"
[resource.aws_vpc.main]
cidr_block = "10.0.0.0/16"
[resource.aws_subnet.main]
vpc_id     = "${aws_vpc.main.id}"
cidr_block = "10.0.1.0/24"
[resource.aws_route_table.main]
vpc_id = "${aws_vpc.main.id}"
[resource.aws_security_group.main]
name        = "main"
description = "Main"
vpc_id      = "${aws_vpc.main.id}"
[outputs]
vpc    = { value = "${aws_vpc.main.id}" }
subnet = { value = "${aws_subnet.main.id}" }
table  = { value = "${aws_route_table.main.id}" }
group  = { value = "${aws_security_group.main.id}" }
"#;

const OTHERS: &str = r#"
[stack]
name = "others"
[variables]
vpc    = { type = "string" }
subnet = { type = "string" }
table  = { type = "string" }
group  = { type = "string" }
[clouds.aws]
region = "eu-west-1"
[resource.aws_nat_gateway.theirs]
connectivity_type = "private"
subnet_id         = "${var.subnet}"
[resource.aws_route_table_association.theirs]
route_table_id = "${var.table}"
subnet_id      = "${var.subnet}"
[resource.aws_security_group.theirs]
name        = "theirs"
description = "Theirs"
vpc_id      = "${var.vpc}"
[resource.aws_vpc_security_group_ingress_rule.theirs]
security_group_id            = "${aws_security_group.theirs.id}"
referenced_security_group_id = "${var.group}"
ip_protocol                  = "-1"
"#;

#[test]
fn what_others_have_in_a_network_is_named_while_a_destroy_waits_for_it() {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    let folder = Folder::against(&server);
    folder.write("stacks/net.toml", NETWORK);
    folder.write("stacks/others.toml", OTHERS);
    let net = ["apply", "stacks/net.toml", "-auto-approve", &flag];
    folder.run(&net).expect(0);
    let outputs = folder
        .run(&["output", "stacks/net.toml", "-json"])
        .expect(0)
        .json();
    let vars = ["vpc", "subnet", "table", "group"].map(|name| {
        let value = outputs[name]["value"].as_str().expect("an id");
        format!("-var={name}={value}")
    });
    let others = |command: &str| {
        let mut all = vec![command, "stacks/others.toml", "-auto-approve", &flag];
        all.extend(vars.iter().map(String::as_str));
        folder.run(&all).expect(0);
    };
    others("apply");

    let mut child = (folder.command(&["destroy", "stacks/net.toml", "-auto-approve", &flag]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut wanted = vec![
        "(Interface for NAT Gateway nat-",
        "(theirs, which names it in a rule)",
        "(of subnet-",
    ];
    let mut told = String::new();
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    while !wanted.is_empty() {
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("no {wanted:?} in\n{told}"));
        let line = line.expect("text");
        wanted.retain(|what| !line.contains(what));
        told += &format!("{line}\n");
    }
    // Once they let go of it, it goes on by itself.
    others("destroy");
    for line in lines {
        told += &format!("{}\n", line.expect("text"));
    }
    assert!(child.wait().expect("ends").success(), "{told}");
    assert!(server.resources().is_empty(), "{told}");
}
