//! How much is asked of the cloud: by the server's own count.

use crate::support::{Folder, Server};

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
    let before = calls(&server);
    folder
        .run(&["plan", "-detailed-exitcode", "stacks/many.toml", &flag])
        .expect(0);
    let made = calls(&server) - before;
    assert!(
        made <= 5 + 2,
        "{made} calls: {}",
        server.get("/_sandbox/counts")
    );
    let subnets = server.get("/_sandbox/counts")["ec2"]["DescribeSubnets"]
        .as_u64()
        .expect("a count");
    assert!(
        subnets <= 5 * 2,
        "{subnets} calls of DescribeSubnets in apply and plan"
    );
    folder
        .run(&["destroy", "-auto-approve", "stacks/many.toml", &flag])
        .expect(0);
    assert!(server.resources().is_empty());
}

fn calls(server: &Server) -> u64 {
    let counts = server.get("/_sandbox/counts");
    counts
        .as_object()
        .into_iter()
        .flat_map(|services| services.values())
        .flat_map(|s| s.as_object().into_iter().flatten())
        .filter_map(|(_, n)| n.as_u64())
        .sum()
}
