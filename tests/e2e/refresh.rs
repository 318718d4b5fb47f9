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
