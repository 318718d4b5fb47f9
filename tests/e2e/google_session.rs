//! The Google provider asked directly, for what a person does not get to see on the command line: creations that were cut short
//! between two calls, and clocks that do not agree.

use crate::aws_session::operation;
use crate::support::{Folder, Server};
use async_trait::async_trait;
use infra_model::json::from_json;
use infra_model::provider::{Environment, Events, NoEvents, NoLimits};
use infra_model::{
    CallContext, Clock, ErrorKind, Operation, Provider, ProviderError, ReadItem, Session,
    Timestamp, Value,
};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that runs a year ahead of the cloud's.
struct Ahead;

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp(i64::MAX / 2)
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration.min(Duration::from_millis(10))).await;
    }
}

/// A journal that ends after so many lines, as when the process is killed.
#[derive(Default)]
struct Journal {
    ids: Mutex<Vec<String>>,
    room: usize,
}

#[async_trait]
impl Events for Journal {
    async fn id_known(&self, _: &Operation, id: &str) -> Result<(), ProviderError> {
        let mut ids = self.ids.lock().expect("whole");
        if ids.len() == self.room {
            return Err(ProviderError::new(ErrorKind::Interrupted, "killed"));
        }
        ids.push(id.to_owned());
        Ok(())
    }
    fn status(&self, _: &Operation, _: &str) {}
}

const TYPE: &str = "google_secret_manager_secret_version";

/// Goes on with the creation of a version under a journal with so much room; what came of it, and what is known then.
async fn create(
    session: &dyn Session,
    desired: &Value,
    known: Option<String>,
    room: usize,
) -> (Result<Value, ProviderError>, Option<String>) {
    let journal = Arc::new(Journal {
        room,
        ..Journal::default()
    });
    let context = CallContext {
        clock: Arc::new(Ahead),
        gate: Arc::new(NoLimits),
        events: journal.clone(),
        provider: "google",
    };
    let operation = Operation {
        started: Ahead.now(),
        known_id: known.clone(),
        ..operation(&format!("{TYPE}.v"), 1)
    };
    let made = session.create(&context, &operation, TYPE, desired).await;
    let last = journal.ids.lock().expect("whole").last().cloned();
    (made, last.or(known))
}

/// The provider, of the project `shop` in the sandbox.
async fn session(provider: &dyn Provider, server: &Server) -> Arc<dyn Session> {
    let variables = [
        ("INFRA_GOOGLE_ENDPOINT".to_owned(), server.google.clone()),
        ("GOOGLE_PROJECT".to_owned(), "shop".to_owned()),
    ];
    let environment = Environment {
        variables: variables.into_iter().collect(),
        ..Environment::default()
    };
    let config = from_json(&json!({}), &provider.schema().config.implied_type()).expect("fits");
    let session = provider.configure(&config, &environment).await;
    session.expect("connects")
}

#[tokio::test]
async fn a_grant_waits_until_an_account_that_is_new_is_known() {
    let server = Server::sandbox(&["--latency", "none"]);
    let provider = infra_google::provider();
    let session = session(&*provider, &server).await;
    let context = CallContext {
        clock: Arc::new(Ahead),
        gate: Arc::new(NoLimits),
        events: Arc::new(NoEvents),
        provider: "google",
    };
    let make = async |name: &str, fields: serde_json::Value| {
        let block = &provider.schema().resources[name].block;
        let desired = from_json(&fields, &block.implied_type()).expect("fits");
        let operation = operation(&format!("{name}.x"), 1);
        session.create(&context, &operation, name, &desired).await
    };
    let agent = async |service: &str| {
        let service = format!("{service}.googleapis.com");
        let made = make(
            "google_project_service_identity",
            json!({ "service": service }),
        )
        .await;
        let member = made.expect("is made").get("member").cloned();
        member.as_ref().and_then(Value::as_str).map(str::to_owned)
    };
    let registry = agent("artifactregistry").await.expect("an agent");
    assert!(
        registry.ends_with("@gcp-sa-artifactregistry.iam.gserviceaccount.com"),
        "{registry}"
    );
    let sql = registry.replace("gcp-sa-artifactregistry", "gcp-sa-cloud-sql");
    let grant = json!({ "project": "shop", "role": "roles/viewer", "member": sql });
    let (granted, made) = tokio::join!(make("google_project_iam_member", grant), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        agent("sqladmin").await
    });
    assert_eq!(made, Some(sql));
    granted.expect("is granted once the agent is there");
}

#[tokio::test]
async fn a_version_is_added_once_wherever_its_creation_is_cut_short() {
    let faults = "lost:secretmanager.secrets.addVersion*1";
    let server = Server::sandbox(&["--latency", "none", "--faults", faults]);
    let folder = Folder::new();
    folder.write(
        "stacks/t.toml",
        "[stack]\nname = \"t\"\n\n[clouds.google]\nproject = \"shop\"\n\n[resource.google_secret_manager_secret.s]\nsecret_id = \"s\"\nreplication = { auto = {} }\n",
    );
    let applied = folder.run(&["apply", "-auto-approve", "stacks/t.toml", &server.flag()]);
    applied.expect(0);
    let provider = infra_google::provider();
    let session = session(&*provider, &server).await;
    let block = &provider.schema().resources[TYPE].block;
    let desired = json!({
        "secret": "projects/shop/secrets/s", "secret_data": "hunter2", "enabled": true, "deletion_policy": "DELETE",
    });
    let desired = from_json(&desired, &block.implied_type()).expect("fits");
    let versions = || {
        let there = server.resources();
        there.iter().filter(|r| r["type"] == TYPE).count()
    };
    // Killed before anything was written down: nothing was sent.
    let (made, known) = create(&*session, &desired, None, 0).await;
    assert!(made.is_err() && known.is_none());
    assert_eq!(versions(), 0);
    // Killed when it was made, before that was written down; the answer was lost besides.
    let (made, known) = create(&*session, &desired, None, 1).await;
    assert!(made.is_err());
    assert_eq!(versions(), 1);
    // What was known then is enough to find it.
    let item = ReadItem {
        id: known.clone().expect("written down"),
        prior: desired.clone(),
    };
    let context = CallContext {
        clock: Arc::new(Ahead),
        gate: Arc::new(NoLimits),
        events: Arc::new(NoEvents),
        provider: "google",
    };
    let read = session.read_many(&context, TYPE, &[item]).await;
    let read = read[0].as_ref().expect("reads").as_ref();
    let id = |value: &Value| value.get("id").and_then(Value::as_str).map(str::to_owned);
    let first = Some("projects/shop/secrets/s/versions/1".to_owned());
    assert_eq!(read.and_then(id), first);
    let (made, _) = create(&*session, &desired, known, 9).await;
    assert_eq!(id(&made.expect("goes on")), first);
    assert_eq!(versions(), 1);
    // The next creation is another version.
    let (made, _) = create(&*session, &desired, None, 9).await;
    let second = Some("projects/shop/secrets/s/versions/2".to_owned());
    assert_eq!(id(&made.expect("is made")), second);
    assert_eq!(versions(), 2);
}
