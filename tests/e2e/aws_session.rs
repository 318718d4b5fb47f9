//! The AWS provider asked directly, for what a person does not get to see on the command line: changes that an interrupted run
//! had made already, and all that it finds out before the first call.

use crate::support::{Folder, Server};
use crate::tables::tables;
use async_trait::async_trait;
use infra_model::json::from_json;
use infra_model::operation::Marking;
use infra_model::provider::{Environment, Events, Gate, Permit, PreflightItem};
use infra_model::{
    Action, CallContext, Clock, ErrorKind, Operation, OperationId, Provider, ProviderError,
    ReadItem, Session, Timestamp, Token,
};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Real time and no limits.
struct World;

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[async_trait]
impl Gate for World {
    async fn enter(&self, _: &str, _: &str) -> Result<Permit, ProviderError> {
        Ok(Permit::new(()))
    }
    fn throttled(&self, _: &str, _: &str) {}
}

#[async_trait]
impl Events for World {
    async fn id_known(&self, _: &Operation, _: &str) -> Result<(), ProviderError> {
        Ok(())
    }
    fn status(&self, _: &Operation, _: &str) {}
}

fn context() -> CallContext {
    let world = Arc::new(World);
    CallContext {
        clock: world.clone(),
        gate: world.clone(),
        events: world,
        provider: "aws",
    }
}

pub fn operation(address: &str, number: u64) -> Operation {
    let id = OperationId::from_random(number);
    Operation {
        token: Token::new("test", &id),
        id,
        address: address.parse().expect("an address"),
        action: Action::Update,
        started: World.now(),
        known_id: None,
        hands_over: false,
        marking: Marking {
            stack: "test".into(),
            ..Marking::default()
        },
        private: None,
    }
}

async fn session(provider: &dyn Provider, server: &Server) -> Arc<dyn Session> {
    let environment = Environment {
        variables: server.environment().into_iter().collect(),
        ..Environment::default()
    };
    let config = from_json(&json!({}), &provider.schema().config.implied_type()).expect("fits");
    provider
        .configure(&config, &environment)
        .await
        .expect("connects")
}

#[tokio::test]
async fn preflight_tells_what_cannot_work() {
    let server = Server::sandbox(&["--latency", "none"]);
    let provider = infra_aws::provider();
    let session = session(&*provider, &server).await;
    let item = |address: &str, planned: serde_json::Value, creates: bool| {
        let type_name = address.split('.').next().expect("a type");
        let block = &provider.schema().resources[type_name].block;
        PreflightItem {
            address: address.parse().expect("an address"),
            planned: from_json(&planned, &block.implied_type()).expect("fits"),
            creates,
            refers: Default::default(),
        }
    };
    let subnet = |name: &str, zone: &str, creates| {
        let planned = json!({ "cidr_block": "10.0.1.0/24", "availability_zone": zone });
        item(&format!("aws_subnet.{name}"), planned, creates)
    };
    let addresses = |count: usize| -> Vec<PreflightItem> {
        let one = |i| {
            item(
                &format!("aws_eip.all[{i}]"),
                json!({ "domain": "vpc" }),
                true,
            )
        };
        (0..count).map(one).collect()
    };

    let fine = [vec![subnet("here", "eu-west-1a", true)], addresses(3)].concat();
    assert_eq!(session.preflight(&context(), &fine).await, []);

    // One that is there already is not asked about.
    let zones = [
        subnet("here", "eu-west-1a", true),
        subnet("lost", "eu-west-1z", true),
        subnet("old", "eu-west-1y", false),
    ];
    let found = session.preflight(&context(), &zones).await;
    let [lost] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(lost.address.to_string(), "aws_subnet.lost");
    assert!(lost.fatal);
    assert_eq!(lost.error.kind, ErrorKind::Invalid);
    let attribute = lost.error.attribute.as_ref().and_then(|path| path.root());
    assert_eq!(attribute, Some("availability_zone"));
    assert!(
        lost.error
            .message
            .contains("eu-west-1 has no zone `eu-west-1z`"),
        "{}",
        lost.error
    );

    // The sandbox allows a thousand, as an account whose quota was raised.
    let found = session.preflight(&context(), &addresses(1001)).await;
    let [many] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(!many.fatal, "a quota may have been raised a moment ago");
    assert_eq!(many.error.kind, ErrorKind::Quota);
    assert!(
        many.error
            .message
            .contains("1001 of `elastic IPs` are planned in eu-west-1, 0 are there"),
        "{}",
        many.error
    );
}

#[tokio::test]
async fn a_change_that_was_made_already_is_done() {
    let server = Server::sandbox(&["--latency", "none"]);
    let provider = infra_aws::provider();
    let tables = tables("aws");
    for (name, changes) in [
        (
            "aws_eks_cluster",
            json!({ "version": "1.34", "enabled_cluster_log_types": ["audit"] }),
        ),
        (
            "aws_eks_node_group",
            json!({ "labels": { "new": "yes" }, "scaling_config": [{ "desired_size": 2, "min_size": 1, "max_size": 4 }] }),
        ),
        (
            "aws_eks_addon",
            json!({ "addon_version": "v1.21.1-eksbuild.1" }),
        ),
    ] {
        let table = tables.iter().find(|t| t.name == name).expect("a table");
        let folder = Folder::against(&server);
        folder.write("stacks/t.toml", &table.text);
        let flag = server.flag();
        let apply = ["apply", "stacks/t.toml", "-auto-approve", "-var", "step=1"];
        folder.run(&[&apply[..], &[&flag]].concat()).expect(0);

        let session = session(&*provider, &server).await;
        let id = crate::types::attributes(&folder, &table.target)["id"].clone();
        let id = id.as_str().expect("an id").to_owned();
        let prior = session.import(&context(), name, &id).await;
        let item = ReadItem {
            id,
            prior: prior.expect("is there"),
        };
        let read = session.read_many(&context(), name, &[item]).await.pop();
        let prior = read.expect("an answer").expect("reads").expect("is there");
        let block = &provider.schema().resources[name].block;
        let changed = from_json(&changes, &block.implied_type()).expect("fits");
        let mut desired = prior.clone();
        for attribute in changes.as_object().expect("attributes").keys() {
            let value = changed.get(attribute).expect("is set").clone();
            desired = desired.with_attribute(attribute, value);
        }
        // The second run knows nothing of the first one, and EKS refuses a change that changes nothing.
        for run in 1..=2 {
            let operation = operation(&table.target, run);
            let updated = session
                .update(&context(), &operation, name, &prior, &desired)
                .await;
            let updated = updated.unwrap_or_else(|e| panic!("{name}, run {run}: {e}"));
            for attribute in changes.as_object().expect("attributes").keys() {
                assert_eq!(
                    updated.get(attribute),
                    desired.get(attribute),
                    "{name}, run {run}"
                );
            }
        }
        // What is truly wrong still is.
        let (attribute, value) = match name {
            "aws_eks_addon" => ("addon_version", "v0.0.1-eksbuild.1"),
            _ => ("version", "1.99"),
        };
        let wrong = prior.clone().with_attribute(attribute, value.into());
        let refused = session
            .update(
                &context(),
                &operation(&table.target, 3),
                name,
                &prior,
                &wrong,
            )
            .await;
        assert_eq!(
            refused.map_err(|e| e.kind),
            Err(ErrorKind::Invalid),
            "{name}"
        );
    }
}

/// The same as a person sees it: nothing is begun.
#[test]
fn a_plan_that_cannot_work_is_refused() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::against(&server);
    folder.write(
        "stacks/t.toml",
        "[resource.aws_vpc.net]\ncidr_block = \"10.9.0.0/16\"\n\n\
         [resource.aws_subnet.lost]\nvpc_id = \"${aws_vpc.net.id}\"\ncidr_block = \"10.9.1.0/24\"\n\
         availability_zone = \"eu-west-1z\"\n",
    );
    let flag = server.flag();
    for command in [&["plan"][..], &["apply", "-auto-approve"]] {
        let ran = folder
            .run(&[command, &["stacks/t.toml", &flag]].concat())
            .expect(1);
        assert!(
            ran.stderr
                .contains("aws_subnet.lost: `availability_zone`: eu-west-1 has no zone"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("stacks/t.toml:7:"), "{}", ran.stderr);
    }
    assert!(server.resources().is_empty());
}

/// What the shell happens to have is another account, perhaps.
#[test]
fn a_profile_that_the_stack_names_goes_before_the_shells_credentials() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::against(&server);
    let stack = |profile: &str| {
        let text = format!(
            "[stack]\nname = \"t\"\n[clouds.aws]\nregion = \"eu-west-1\"\nprofile = \"{profile}\"\n[resource.aws_vpc.v]\ncidr_block = \"10.0.0.0/16\"\n"
        );
        folder.write("stacks/t.toml", &text);
        folder.run(&["plan", "stacks/t.toml"])
    };
    let told = stack("nope").expect(1).told();
    assert!(
        told.contains("the profile `nope`, which the stack names, is not defined"),
        "{told}"
    );
    std::fs::create_dir(folder.path().join(".aws")).expect("a folder");
    folder.write(
        ".aws/credentials",
        "[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = secret\n",
    );
    stack("prod").expect(0);
}
