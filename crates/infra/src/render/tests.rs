//! Snapshots of everything that a person reads, over plans made by hand.

use super::json::plan::plan_json;
use super::paint::Paint;
use super::plan::plan_text;
use indexmap::IndexMap;
use infra_engine::{Change, ChangeAction, Drift, OutputChange, Plan, PlanMode, Reason};
use infra_model::path::{Path, Step};
use infra_model::schema::{
    Attribute, Block, Compare, NestedBlock, Nesting, Schema, Schemas, Traits,
};
use infra_model::time::Timestamp;
use infra_model::types::Type;
use infra_model::value::Value;
use infra_model::{Address, ProviderAddress};
use std::sync::Arc;

/// One type, `cloud_server`, with an ordinary, a sensitive and a nested part.
pub(crate) struct OneType(Arc<Schema>);

pub(crate) fn schemas() -> OneType {
    let attribute = |ty: Type| Attribute {
        ty,
        required: false,
        optional: true,
        computed: true,
        force_new: false,
        sensitive: false,
        write_only: false,
        protects: false,
        default: None,
        compare: Compare::Exact,
        doc: "".into(),
        deprecated: None,
    };
    let mut rule = Block::default();
    for name in ["port", "protocol"] {
        rule.attributes.insert(name.into(), attribute(Type::String));
    }
    let mut block = Block::default();
    for name in ["id", "name", "image", "script", "policy", "zone"] {
        block
            .attributes
            .insert(name.into(), attribute(Type::String));
    }
    block
        .attributes
        .insert("tags".into(), attribute(Type::map(Type::String)));
    block
        .attributes
        .insert("disks".into(), attribute(Type::list(Type::String)));
    block.attributes.insert(
        "password".into(),
        Attribute {
            sensitive: true,
            ..attribute(Type::String)
        },
    );
    block.blocks.insert(
        "rule".into(),
        NestedBlock {
            nesting: Nesting::List,
            min: 0,
            max: None,
            computed: false,
            force_new: false,
            block: rule,
            doc: "".into(),
        },
    );
    OneType(Arc::new(Schema::new(
        "cloud_server",
        1,
        "A server.",
        block,
        Traits::default(),
    )))
}

impl Schemas for OneType {
    fn resource(&self, name: &str) -> Option<&Arc<Schema>> {
        (name == "cloud_server").then_some(&self.0)
    }
    fn data(&self, _: &str) -> Option<&Arc<Schema>> {
        None
    }
    fn provider(&self, _: &str) -> Option<&Block> {
        None
    }
    fn resource_names(&self) -> Vec<&str> {
        vec!["cloud_server"]
    }
    fn data_names(&self) -> Vec<&str> {
        Vec::new()
    }
    fn provider_names(&self) -> Vec<&str> {
        vec!["cloud"]
    }
}

fn rule(port: &str, protocol: &str) -> Value {
    Value::object([("port", Value::from(port)), ("protocol", protocol.into())])
}

fn rules(items: Vec<Value>) -> Value {
    let element = items.first().map_or(Type::Any, Value::ty);
    Value::list(element, items)
}

/// A server as the cloud has it, with some attributes changed.
fn server(changes: &[(&str, Value)]) -> Value {
    let value = Value::object([
        ("id", Value::from("srv-1")),
        ("name", "web".into()),
        ("image", "debian-13".into()),
        ("script", Value::Null(Type::String)),
        ("policy", Value::Null(Type::String)),
        ("zone", "a".into()),
        ("password", Value::from("hunter2").sensitive()),
        (
            "tags",
            Value::map(
                Type::String,
                [("team", Value::from("shop")), ("tier", "web".into())],
            ),
        ),
        ("disks", Value::strings(["root", "data"])),
        ("rule", rules(vec![rule("80", "tcp"), rule("443", "tcp")])),
    ]);
    changes.iter().fold(value, |value, (name, new)| {
        value.with_attribute(name, new.clone())
    })
}

/// A change of something of the cloud's.
pub(crate) fn change(
    address: &str,
    action: ChangeAction,
    before: Option<Value>,
    after: Option<Value>,
) -> Change {
    Change {
        address: address.parse::<Address>().expect("an address"),
        previous_address: None,
        deposed: None,
        provider: ProviderAddress::default_of("cloud"),
        action,
        reason: None,
        before,
        after,
        replace_paths: Vec::new(),
        lifts: Vec::new(),
        importing: None,
        resuming: None,
        create_before_destroy: false,
        dependencies: Vec::new(),
        private: None,
        untouched: false,
        span: None,
    }
}

fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        mode: PlanMode::Normal,
        created: Timestamp(1_700_000_000_000),
        lineage: "lineage".into(),
        serial: 3,
        changes,
        drift: Vec::new(),
        outputs: IndexMap::new(),
        steps: Vec::new(),
        partial: false,
        held: Vec::new(),
        made_inside: Vec::new(),
        fate: None,
        diagnostics: Vec::new(),
        refreshed: Vec::new(),
        reads: Vec::new(),
        checked: Vec::new(),
    }
}

fn text(plan: &Plan) -> String {
    let text = plan_text(plan, &schemas(), Paint::PLAIN);
    assert!(!text.contains("hunter2"), "a secret is shown:\n{text}");
    text
}

const UNKNOWN: Value = Value::Unknown(Type::String);

fn created() -> Change {
    let after = server(&[
        ("id", UNKNOWN),
        ("script", "#!/bin/sh\necho \"hello\"\n".into()),
        (
            "policy",
            r#"{"Version":"1","Allow":[{"Action":"read"}]}"#.into(),
        ),
    ]);
    change(
        "cloud_server.web[\"a\"]",
        ChangeAction::Create,
        None,
        Some(after),
    )
}

fn updated() -> Change {
    let script = |middle: &str| -> Value {
        let lines: Vec<String> = (1..12)
            .map(|i| {
                if i == 6 {
                    middle.to_owned()
                } else {
                    format!("echo {i}")
                }
            })
            .collect();
        format!("{}\n", lines.join("\n")).into()
    };
    let before = server(&[
        ("script", script("old")),
        ("policy", r#"{"A":["x","y"],"B":1}"#.into()),
    ]);
    let after = server(&[
        ("script", script("new")),
        ("policy", r#"{ "A": ["x", "z"], "B": 1 }"#.into()),
        ("password", Value::from("hunter23").sensitive()),
        (
            "tags",
            Value::map(
                Type::String,
                [
                    ("team", Value::from("search")),
                    ("tier", "web".into()),
                    ("a b", "new".into()),
                ],
            ),
        ),
        ("disks", Value::strings(["root", "logs", "data"])),
        ("rule", rules(vec![rule("80", "udp"), rule("443", "tcp")])),
    ]);
    change(
        "network.main.cloud_server.web",
        ChangeAction::Update,
        Some(before),
        Some(after),
    )
}

fn replaced() -> Change {
    let after = server(&[("id", UNKNOWN), ("zone", "b".into())]);
    Change {
        reason: Some(Reason::CannotUpdate {
            place: Some("stacks/prod.toml:14".to_owned()),
            because: None,
        }),
        replace_paths: vec![Path::attribute("zone")],
        ..change(
            "cloud_server.db",
            ChangeAction::DeleteThenCreate,
            Some(server(&[])),
            Some(after),
        )
    }
}

fn deleted() -> Change {
    Change {
        reason: Some(Reason::NotInConfiguration),
        ..change(
            "cloud_server.old",
            ChangeAction::Delete,
            Some(server(&[])),
            None,
        )
    }
}

/// One whose deletion protection is lifted first.
fn unprotected() -> Change {
    Change {
        reason: Some(Reason::Destroy),
        lifts: vec![Path::attribute("deletion_protection")],
        ..change(
            "cloud_server.kept",
            ChangeAction::Delete,
            Some(server(&[])),
            None,
        )
    }
}

#[test]
fn a_creation_shows_everything_that_is_set() {
    insta::assert_snapshot!(text(&plan(vec![created()])));
}

#[test]
fn an_update_shows_what_changes_and_counts_the_rest() {
    insta::assert_snapshot!(text(&plan(vec![updated()])));
}

#[test]
fn a_replacement_says_which_attribute_forces_it_and_where_it_changed() {
    insta::assert_snapshot!(text(&plan(vec![replaced()])));
}

#[test]
fn a_deletion_shows_what_goes_and_why() {
    insta::assert_snapshot!(text(&plan(vec![deleted()])));
}

#[test]
fn a_protected_deletion_says_that_its_protection_is_lifted() {
    let text = text(&plan(vec![unprotected()]));
    let lines: Vec<&str> = text.lines().filter(|l| l.contains('#')).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
      # cloud_server.kept will be destroyed
      # (protected from deletion: deletion_protection is lifted first)
    ");
}

#[test]
fn every_action_and_reason_has_its_words() {
    let server = || Some(server(&[]));
    let with = |address: &str, action: ChangeAction, reason: Reason| Change {
        reason: Some(reason),
        ..change(address, action, server(), server())
    };
    let mut changes = vec![
        with(
            "cloud_server.tainted",
            ChangeAction::DeleteThenCreate,
            Reason::Tainted,
        ),
        with(
            "cloud_server.asked",
            ChangeAction::CreateThenDelete,
            Reason::Requested,
        ),
        with(
            "cloud_server.triggered",
            ChangeAction::DeleteThenCreate,
            Reason::TriggeredBy("cloud_server.web".to_owned()),
        ),
        with("cloud_server.gone", ChangeAction::Create, Reason::Vanished),
        with(
            "data.cloud_server.later",
            ChangeAction::Read,
            Reason::DependencyPending,
        ),
        with(
            "cloud_server.forgotten",
            ChangeAction::Forget,
            Reason::Removed,
        ),
        with(
            "cloud_server.handed_over",
            ChangeAction::Forget,
            Reason::HandedOver("cloud_repository.all".parse().expect("an address")),
        ),
        with(
            "cloud_server.taken_over",
            ChangeAction::Create,
            Reason::TakenOver {
                by: "cloud_repository.gone".parse().expect("an address"),
                differs: vec!["spec.port".to_owned(), "spec.size".to_owned()],
            },
        ),
        with(
            "cloud_server.given_back",
            ChangeAction::Delete,
            Reason::GivenBack,
        ),
        change("cloud_server.same", ChangeAction::NoOp, server(), server()),
    ];
    changes.push(Change {
        reason: Some(Reason::CannotUpdate {
            place: None,
            because: "cloud_server.web".parse().ok(),
        }),
        replace_paths: vec![Path(vec![
            Step::Attribute("rule".into()),
            Step::Index(0),
            Step::Attribute("port".into()),
        ])],
        ..change(
            "cloud_server.chained",
            ChangeAction::DeleteThenCreate,
            server(),
            server(),
        )
    });
    changes.push(Change {
        previous_address: "cloud_server.before".parse().ok(),
        ..change("cloud_server.moved", ChangeAction::NoOp, server(), server())
    });
    changes.push(Change {
        importing: Some("srv-7".to_owned()),
        ..change(
            "cloud_server.imported",
            ChangeAction::Update,
            server(),
            server(),
        )
    });
    changes.push(Change {
        resuming: Some(Some("srv-8".to_owned())),
        ..change(
            "cloud_server.interrupted",
            ChangeAction::Create,
            None,
            server(),
        )
    });
    let text = text(&plan(changes));
    // The bodies are other tests' subject.
    let lines: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("  # ") || !l.starts_with("    "))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn drift_and_outputs_stand_apart() {
    let mut plan = plan(vec![change(
        "cloud_server.web",
        ChangeAction::NoOp,
        Some(server(&[])),
        Some(server(&[])),
    )]);
    let drift = |address: &str, after: Option<Value>| Drift {
        address: address.parse().expect("an address"),
        before: server(&[]),
        after,
    };
    plan.drift = vec![
        drift(
            "cloud_server.web",
            Some(server(&[("image", "debian-14".into())])),
        ),
        drift("cloud_server.gone", None),
    ];
    let output = |before: Option<Value>, after: Option<Value>, sensitive: bool| OutputChange {
        before,
        after,
        sensitive,
        untouched: false,
    };
    plan.outputs = IndexMap::from_iter([
        ("endpoint".into(), output(None, Some(UNKNOWN), false)),
        (
            "secret".into(),
            output(Some("hunter2".into()), Some("hunter23".into()), true),
        ),
        ("size".into(), output(Some(1.into()), Some(2.into()), false)),
        ("same".into(), output(Some(1.into()), Some(1.into()), false)),
        ("old".into(), output(Some("x".into()), None, false)),
    ]);
    insta::assert_snapshot!(text(&plan));
    plan.mode = PlanMode::RefreshOnly;
    plan.outputs.clear();
    insta::assert_snapshot!("refresh_only", text(&plan));
}

#[test]
fn nothing_to_do_is_said_in_one_line() {
    let mut empty = plan(Vec::new());
    assert_eq!(
        text(&empty),
        "No changes. Your infrastructure matches the stack file.\n"
    );
    empty.mode = PlanMode::Destroy;
    assert_eq!(text(&empty), "No changes. There is nothing to destroy.\n");
    empty.mode = PlanMode::RefreshOnly;
    assert_eq!(
        text(&empty),
        "No changes. The clouds are as infra last saw them.\n"
    );
}

#[test]
fn the_json_plan_is_terraforms() {
    let mut plan = plan(vec![created(), updated(), replaced(), deleted()]);
    plan.outputs = IndexMap::from_iter([(
        "endpoint".into(),
        OutputChange {
            before: None,
            after: Some(UNKNOWN),
            sensitive: false,
            untouched: false,
        },
    )]);
    let variables = [
        ("region".into(), "eu-west-1".into()),
        ("password".into(), Value::from("hunter2").sensitive()),
    ];
    let json = plan_json(&plan, &variables, &schemas());
    let text = serde_json::to_string_pretty(&json).expect("JSON");
    assert!(!text.contains("hunter2"), "a secret is shown:\n{text}");
    insta::assert_snapshot!(text);
}
