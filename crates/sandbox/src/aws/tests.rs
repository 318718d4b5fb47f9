//! Services together, in process, on a clock that is moved by hand.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::core::{Core, Outcome, blank, lock};
use crate::http::HttpReply;
use crate::{FaultSpec, Latency, ManualClock, Options};

struct Cloud {
    core: Core,
    clock: Arc<ManualClock>,
}

impl Cloud {
    fn new(faults: &str) -> Self {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let options = Options {
            clock: clock.clone(),
            latency: Latency::Realistic,
            faults: faults.parse::<FaultSpec>().expect("good faults"),
            ..Options::default()
        };
        let core = Core::open(&options).expect("opens");
        Self { core, clock }
    }

    fn send(&self, service: &str, method: Method, path: &str, body: String) -> HttpReply {
        let mut request = blank();
        request.method = method;
        request.path = path.to_owned();
        request.body = body.into_bytes();
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/{service}/aws4_request, Signature=x"
        );
        request
            .headers
            .insert("authorization", signature.parse().expect("a header"));
        match self.core.answer(crate::core::Cloud::Aws, &request) {
            Outcome::Answer(reply, _) => reply,
            Outcome::Drop => panic!("no answer"),
        }
    }

    /// A query service's answer, or the error's code.
    fn query(&self, service: &str, form: &str) -> Result<String, String> {
        let reply = self.send(service, Method::POST, "/", form.to_owned());
        let body = String::from_utf8(reply.body).expect("text");
        if reply.status == 200 {
            Ok(body)
        } else {
            Err(text(&body, "Code").to_owned())
        }
    }

    /// EKS's answer, or the error's code.
    fn eks(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let reply = self.send("eks", method, path, body);
        if reply.status == 200 {
            return Ok(serde_json::from_slice(&reply.body).expect("JSON"));
        }
        let code = reply
            .headers
            .into_iter()
            .find(|(name, _)| name == "x-amzn-errortype");
        Err(code.expect("an error's type").1)
    }

    fn resources(&self) -> Vec<String> {
        let now = self.core.clock.now();
        lock(&self.core.world)
            .resources(now)
            .into_iter()
            .map(|resource| resource.resource)
            .collect()
    }

    /// A network with subnets in two zones: its id and theirs.
    fn network(&self) -> (String, Vec<String>) {
        let made = self
            .query("ec2", "Action=CreateVpc&CidrBlock=10.0.0.0/16")
            .expect("a network");
        let vpc = text(&made, "vpcId").to_owned();
        let subnets = ["a", "b"].map(|zone| {
            let third = if zone == "a" { 0 } else { 1 };
            let form = format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.{third}.0/24&AvailabilityZone=eu-west-1{zone}");
            text(&self.query("ec2", &form).expect("a subnet"), "subnetId").to_owned()
        });
        (vpc, subnets.into())
    }

    fn role(&self) -> String {
        let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%5B%22eks.amazonaws.com%22%2C%22ec2.amazonaws.com%22%5D%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
        let form = format!("Action=CreateRole&RoleName=r&AssumeRolePolicyDocument={trust}");
        text(&self.query("iam", &form).expect("a role"), "Arn").to_owned()
    }
}

/// The text of the first element of that name.
fn text<'a>(xml: &'a str, name: &str) -> &'a str {
    let start = format!("<{name}>");
    xml.split_once(&start)
        .and_then(|(_, rest)| rest.split_once("</"))
        .map_or("", |(text, _)| text)
}

#[test]
fn what_a_cluster_makes_holds_the_network_until_it_is_gone() {
    let cloud = Cloud::new("");
    let (vpc, subnets) = cloud.network();
    let role = cloud.role();
    let new = json!({"name": "main", "roleArn": role, "resourcesVpcConfig": {"subnetIds": subnets}, "clientRequestToken": "t"});
    cloud.eks(Method::POST, "/clusters", &new).expect("begins");
    let status = || {
        let found = cloud.eks(Method::GET, "/clusters/main", &Value::Null)?;
        Ok::<_, String>(
            found["cluster"]["status"]
                .as_str()
                .expect("text")
                .to_owned(),
        )
    };
    assert_eq!(status().as_deref(), Ok("CREATING"));
    let group = json!({"nodegroupName": "n", "nodeRole": role, "subnets": subnets});
    let groups = "/clusters/main/node-groups";
    assert_eq!(
        cloud.eks(Method::POST, groups, &group),
        Err("InvalidRequestException".into())
    );
    cloud.clock.advance(10_000);
    assert_eq!(status().as_deref(), Ok("ACTIVE"));
    assert!(
        !cloud.resources().contains(&"aws_security_group".to_owned()),
        "the cluster's own group is a part of it"
    );
    cloud.eks(Method::POST, groups, &group).expect("begins");
    assert_eq!(
        cloud.eks(Method::DELETE, "/clusters/main", &Value::Null),
        Err("ResourceInUseException".into())
    );
    cloud.clock.advance(10_000);
    cloud
        .eks(Method::DELETE, "/clusters/main/node-groups/n", &Value::Null)
        .expect("begins");
    cloud.clock.advance(10_000);
    cloud
        .eks(Method::DELETE, "/clusters/main", &Value::Null)
        .expect("begins");
    assert_eq!(status().as_deref(), Ok("DELETING"));
    let subnet = format!("Action=DeleteSubnet&SubnetId={}", subnets[0]);
    assert_eq!(
        cloud.query("ec2", &subnet),
        Err("DependencyViolation".into())
    );
    cloud.clock.advance(10_000);
    assert_eq!(status(), Err("ResourceNotFoundException".into()));
    for id in &subnets {
        cloud
            .query("ec2", &format!("Action=DeleteSubnet&SubnetId={id}"))
            .expect("nothing holds it");
    }
    cloud
        .query("ec2", &format!("Action=DeleteVpc&VpcId={vpc}"))
        .expect("nothing holds it");
    assert_eq!(cloud.resources(), ["aws_iam_role"]);
}

#[test]
fn a_load_balancer_lets_its_subnets_go_a_while_after_it() {
    let cloud = Cloud::new("");
    let (_, subnets) = cloud.network();
    let form = format!(
        "Action=CreateLoadBalancer&Name=web&Scheme=internal&Subnets.member.1={}&Subnets.member.2={}",
        subnets[0], subnets[1]
    );
    let made = cloud.query("elasticloadbalancing", &form).expect("begins");
    assert_eq!(text(&made, "Code"), "provisioning");
    let arn = text(&made, "LoadBalancerArn");
    cloud
        .query(
            "elasticloadbalancing",
            &format!("Action=DeleteLoadBalancer&LoadBalancerArn={arn}"),
        )
        .expect("gone");
    let missing = cloud.query(
        "elasticloadbalancing",
        "Action=DescribeLoadBalancers&Names.member.1=web",
    );
    assert_eq!(missing, Err("LoadBalancerNotFound".into()));
    let subnet = format!("Action=DeleteSubnet&SubnetId={}", subnets[0]);
    assert_eq!(
        cloud.query("ec2", &subnet),
        Err("DependencyViolation".into())
    );
    cloud.clock.advance(1000);
    cloud.query("ec2", &subnet).expect("nothing holds it");
}

#[test]
fn background_work_fails_on_purpose() {
    let cloud = Cloud::new("fail:CreateCluster,fail:CreateLoadBalancer,fail:CreateDBInstance");
    let (_, subnets) = cloud.network();
    let role = cloud.role();
    let new =
        json!({"name": "main", "roleArn": role, "resourcesVpcConfig": {"subnetIds": subnets}});
    cloud.eks(Method::POST, "/clusters", &new).expect("begins");
    let two = |name: &str| format!("{name}.1={}&{name}.2={}", subnets[0], subnets[1]);
    let form = format!(
        "Action=CreateLoadBalancer&Name=web&Scheme=internal&{}",
        two("Subnets.member")
    );
    cloud.query("elasticloadbalancing", &form).expect("begins");
    let form = format!(
        "Action=CreateDBSubnetGroup&DBSubnetGroupName=g&DBSubnetGroupDescription=d&{}",
        two("SubnetIds.SubnetIdentifier")
    );
    cloud.query("rds", &form).expect("made");
    let form = "Action=CreateDBInstance&DBInstanceIdentifier=db&Engine=postgres&DBInstanceClass=db.t4g.micro&AllocatedStorage=20&MasterUsername=app&MasterUserPassword=long-enough&DBSubnetGroupName=g";
    cloud.query("rds", form).expect("begins");
    cloud.clock.advance(60_000);
    let cluster = cloud
        .eks(Method::GET, "/clusters/main", &Value::Null)
        .expect("there");
    assert_eq!(cluster["cluster"]["status"], "FAILED");
    let balancer = cloud
        .query("elasticloadbalancing", "Action=DescribeLoadBalancers")
        .expect("there");
    assert_eq!(text(&balancer, "Code"), "failed");
    let database = cloud
        .query("rds", "Action=DescribeDBInstances")
        .expect("there");
    assert_eq!(text(&database, "DBInstanceStatus"), "failed");
    cloud
        .eks(Method::DELETE, "/clusters/main", &Value::Null)
        .expect("begins");
}
