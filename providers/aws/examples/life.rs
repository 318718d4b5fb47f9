//! Lives the whole life of every type in a table against an endpoint: create, read, plan without changes, update, replace,
//! import, recover, delete, delete again.
//!
//! `cargo run -p infra-aws --example life -- TABLE.json http://127.0.0.1:4700`
#![allow(clippy::print_stdout, reason = "a program for a person")]

use async_trait::async_trait;
use infra_model::json::{from_json, to_json};
use infra_model::operation::Marking;
use infra_model::provider::{Environment, Events, Gate, Permit, PlanRequest};
use infra_model::{
    Action, Block, CallContext, Clock, Operation, OperationId, Provider, ProviderError, ReadItem,
    Recovered, Session, Timestamp, Token, Type, Value,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

type Failure = Box<dyn std::error::Error>;

struct World;

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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
    fn throttled(&self, _: &str, family: &str) {
        println!("      throttled: {family}");
    }
}

#[async_trait]
impl Events for World {
    async fn id_known(&self, _: &Operation, id: &str) -> Result<(), ProviderError> {
        println!("      id {id}");
        Ok(())
    }
    fn status(&self, _: &Operation, status: &str) {
        println!("      {status}");
    }
}

/// One row of the table, alive.
struct Alive {
    type_name: String,
    id: String,
    value: Value,
    operation: Operation,
    /// Whether it outlives its deletion, as what AWS made does.
    stays: bool,
}

struct Life {
    provider: Arc<dyn Provider>,
    session: Arc<dyn Session>,
    resolved: Value,
    context: CallContext,
    run: u64,
    operations: AtomicU64,
    alive: BTreeMap<String, Alive>,
    order: Vec<String>,
    problems: usize,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(table), Some(endpoint)) = (arguments.next(), arguments.next()) else {
        return Err("usage: life TABLE.json ENDPOINT [TYPE…]".into());
    };
    let only: Vec<String> = arguments.collect();
    let table: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(table)?)?;
    let provider = infra_aws::provider();
    let environment = Environment {
        variables: [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .to_vec(),
        ..Environment::default()
    };
    let block = provider.schema().config.clone();
    let config = from_json(
        &serde_json::json!({ "tags": { "team": "life" } }),
        &block.implied_type(),
    )?;
    let session = provider.configure(&config, &environment).await?;
    println!("{}", session.resolved());
    let resolved = from_json(&session.resolved(), &block.implied_type())?;
    let world = Arc::new(World);
    let mut life = Life {
        context: CallContext {
            clock: world.clone(),
            gate: world.clone(),
            events: world.clone(),
            provider: "aws",
        },
        run: u64::try_from(world.now().0).unwrap_or_default() << 16,
        provider,
        session,
        resolved,
        operations: AtomicU64::new(0),
        alive: BTreeMap::new(),
        order: Vec::new(),
        problems: 0,
    };
    for row in &table {
        life.row(row, &only).await;
    }
    for name in life.order.clone().iter().rev() {
        life.end(name).await;
    }
    if life.problems > 0 {
        return Err(format!("{} problems", life.problems).into());
    }
    println!("no problems");
    Ok(())
}

impl Life {
    fn problem(&mut self, what: impl std::fmt::Display) {
        println!("  !!  {what}");
        self.problems += 1;
    }

    fn operation(&self, address: &str, action: Action) -> Result<Operation, Failure> {
        let bits = self.run + self.operations.fetch_add(1, Ordering::Relaxed);
        let id = OperationId::from_random(bits);
        Ok(Operation {
            token: Token::new("life", &id),
            id,
            address: address.parse()?,
            action,
            started: self.context.clock.now(),
            known_id: None,
            marking: Marking {
                stack: "life".into(),
                ..Marking::default()
            },
            private: None,
        })
    }

    async fn row(&mut self, row: &Json, only: &[String]) {
        let type_name = row["type"].as_str().unwrap_or_default().to_owned();
        let name = row["name"].as_str().unwrap_or("main").to_owned();
        let address = format!("{type_name}.{name}");
        println!("{address}");
        if row["data"] == Json::Bool(true) {
            if let Err(error) = self.data(&type_name, &address, row).await {
                self.problem(error);
            }
            return;
        }
        let thorough = only.is_empty() || only.contains(&type_name);
        match self.create(&type_name, &address, row).await {
            Ok(alive) => {
                self.alive.insert(address.clone(), alive);
                self.order.push(address.clone());
            }
            Err(error) => return self.problem(error),
        }
        if !thorough {
            return;
        }
        if let Err(error) = self.live(&address, row).await {
            self.problem(error);
        }
    }

    async fn data(&mut self, type_name: &str, address: &str, row: &Json) -> Result<(), Failure> {
        let schema = self
            .provider
            .schema()
            .data
            .get(type_name)
            .cloned()
            .ok_or("no such data source")?;
        let config = self.config(&schema.block, &row["create"])?;
        let value = self
            .session
            .read_data(&self.context, type_name, &config)
            .await?;
        println!("  read {}", to_json(&value));
        let operation = self.operation(address, Action::Create)?;
        self.alive.insert(
            address.to_owned(),
            Alive {
                type_name: type_name.to_owned(),
                id: String::new(),
                value,
                operation,
                stays: false,
            },
        );
        Ok(())
    }

    /// A configuration of the table with `${type.name.attribute}` replaced by what was created.
    fn config(&self, block: &Block, json: &Json) -> Result<Value, Failure> {
        let json = self.filled(json);
        let loose = loose(&json);
        block.coerce(&loose).map_err(|errors| {
            let texts: Vec<String> = errors
                .iter()
                .map(|e| format!("{}: {}", e.path, e.message))
                .collect();
            texts.join("; ").into()
        })
    }

    /// What `type.name.attribute` is of what is alive.
    fn referred(&self, reference: &str) -> Option<Json> {
        let parts: Vec<&str> = reference.splitn(3, '.').collect();
        let [kind, name, attribute] = parts[..] else {
            return None;
        };
        let alive = self.alive.get(&format!("{kind}.{name}"));
        let value = alive.map(|a| to_json(&a.value)).unwrap_or_default();
        let place = format!("/{}", attribute.replace('.', "/"));
        Some(value.pointer(&place).cloned().unwrap_or_default())
    }

    fn filled(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => {
                let whole = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'));
                if let Some(reference) = whole.filter(|r| !r.contains("${")) {
                    return self.referred(reference).unwrap_or_else(|| json.clone());
                }
                let mut out = text.clone();
                while let Some((before, rest)) = out.split_once("${")
                    && let Some((reference, after)) = rest.split_once('}')
                    && let Some(value) = self.referred(reference)
                {
                    let value = value.as_str().unwrap_or_default();
                    out = format!("{before}{value}{after}");
                }
                out.into()
            }
            Json::Array(items) => items.iter().map(|i| self.filled(i)).collect(),
            Json::Object(map) => map
                .iter()
                .map(|(k, v)| (k.clone(), self.filled(v)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn plan(
        &self,
        type_name: &str,
        prior: Option<&Value>,
        config: &Value,
    ) -> Result<infra_model::Planned, ProviderError> {
        self.provider.plan(&PlanRequest {
            type_name,
            prior,
            config,
            private: None,
            provider: Some(&self.resolved),
        })
    }

    fn block(&self, type_name: &str) -> Result<Block, Failure> {
        let schema = self.provider.schema().resources.get(type_name);
        Ok(schema.ok_or("no such type")?.block.clone())
    }

    async fn create(
        &mut self,
        type_name: &str,
        address: &str,
        row: &Json,
    ) -> Result<Alive, Failure> {
        let block = self.block(type_name)?;
        let config = self.config(&block, &row["create"])?;
        for error in self.provider.validate(type_name, &config) {
            self.problem(format!("validate: {error}"));
        }
        let planned = self.plan(type_name, None, &config)?;
        let operation = self.operation(address, Action::Create)?;
        let value = self
            .session
            .create(&self.context, &operation, type_name, &planned.value)
            .await?;
        println!("  created {}", to_json(&value));
        self.kept(&planned.value, &value, "create");
        let id = value
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Ok(Alive {
            type_name: type_name.to_owned(),
            id,
            value,
            operation,
            stays: row["stays"] == Json::Bool(true),
        })
    }

    /// Known planned values are promises.
    fn kept(&mut self, planned: &Value, value: &Value, when: &str) {
        for (name, promised) in planned.entries().into_iter().flatten() {
            if promised.is_wholly_known() && value.get(name) != Some(promised) {
                let got = value.get(name).map(to_json).unwrap_or_default();
                self.problem(format!(
                    "{when}: {name} was promised as {} and is {got}",
                    to_json(promised)
                ));
            }
        }
    }

    async fn read(
        &self,
        type_name: &str,
        id: &str,
        prior: &Value,
    ) -> Result<Option<Value>, Failure> {
        let item = ReadItem {
            id: id.to_owned(),
            prior: prior.clone(),
        };
        let mut answers = self
            .session
            .read_many(&self.context, type_name, &[item])
            .await;
        Ok(answers.pop().ok_or("no answer")??)
    }

    async fn live(&mut self, address: &str, row: &Json) -> Result<(), Failure> {
        let Some(alive) = self.alive.get(address) else {
            return Ok(());
        };
        let (type_name, mut id, mut value) = (
            alive.type_name.clone(),
            alive.id.clone(),
            alive.value.clone(),
        );
        let operation = alive.operation.clone();
        let block = self.block(&type_name)?;
        let mut config = self.config(&block, &row["create"])?;
        value = self
            .unchanged(&type_name, &id, &value, &config, "create")
            .await?;
        match self
            .session
            .recover(&self.context, &operation, &type_name, &value)
            .await?
        {
            Recovered::Found(found) if found == id => {}
            other => self.problem(format!("recover: {other:?}")),
        }
        let mut again = operation.clone();
        again.known_id = Some(id.clone());
        let resumed = self
            .session
            .create(&self.context, &again, &type_name, &value)
            .await?;
        self.kept(&value, &resumed, "resumed create");
        if let Some(update) = row.get("update") {
            config = self.config(&block, update)?;
            let planned = self.plan(&type_name, Some(&value), &config)?;
            if !planned.replace.is_empty() || planned.value == value {
                self.problem(format!("update is planned as {:?}", planned.replace));
            }
            let operation = self.operation(address, Action::Update)?;
            let updated = self
                .session
                .update(
                    &self.context,
                    &operation,
                    &type_name,
                    &value,
                    &planned.value,
                )
                .await?;
            println!("  updated {}", to_json(&updated));
            self.kept(&planned.value, &updated, "update");
            // Some are another thing after a change.
            if let Some(now) = updated.get("id").and_then(Value::as_str) {
                now.clone_into(&mut id);
            }
            value = self
                .unchanged(&type_name, &id, &updated, &config, "update")
                .await?;
        }
        if let Some(replace) = row.get("replace") {
            let config = self.config(&block, replace)?;
            let planned = self.plan(&type_name, Some(&value), &config)?;
            if planned.replace.is_empty() {
                self.problem("replace is planned in place");
            }
        }
        let import = row
            .get("import")
            .map_or_else(|| Json::String(id.clone()), |i| self.filled(i));
        let import = import.as_str().unwrap_or(&id);
        let imported = self
            .session
            .import(&self.context, &type_name, import)
            .await?;
        for (name, attribute) in imported.entries().into_iter().flatten() {
            if value.get(name) != Some(attribute) {
                println!(
                    "      import: {name} is {} instead of {}",
                    to_json(attribute),
                    value.get(name).map(to_json).unwrap_or_default()
                );
            }
        }
        if let Some(alive) = self.alive.get_mut(address) {
            alive.value = value;
            alive.id = id;
        }
        Ok(())
    }

    /// Reads back, and plans nothing.
    async fn unchanged(
        &mut self,
        type_name: &str,
        id: &str,
        value: &Value,
        config: &Value,
        when: &str,
    ) -> Result<Value, Failure> {
        let Some(read) = self.read(type_name, id, value).await? else {
            return Err(format!("after {when}: absent").into());
        };
        self.kept(value, &read, &format!("read after {when}"));
        let planned = self.plan(type_name, Some(&read), config)?;
        self.kept(&planned.value, &read, &format!("plan after {when}"));
        if !planned.replace.is_empty() || !planned.value.is_wholly_known() {
            self.problem(format!(
                "plan after {when} is not empty: {:?}",
                planned.replace
            ));
        }
        Ok(read)
    }

    async fn end(&mut self, address: &str) {
        println!("delete {address}");
        let Some(alive) = self.alive.remove(address) else {
            return;
        };
        for _ in 0..2 {
            let operation = match self.operation(address, Action::Delete) {
                Ok(operation) => operation,
                Err(error) => return self.problem(error),
            };
            if let Err(error) = self
                .session
                .delete(&self.context, &operation, &alive.type_name, &alive.value)
                .await
            {
                self.problem(format!("delete: {error}"));
            }
        }
        match self.read(&alive.type_name, &alive.id, &alive.value).await {
            Ok(None) => {}
            Ok(Some(_)) if alive.stays => {}
            Ok(Some(value)) => self.problem(format!("still there: {}", to_json(&value))),
            Err(error) => self.problem(error),
        }
    }
}

/// JSON as a stack file's values are before a schema shapes them.
fn loose(json: &Json) -> Value {
    match json {
        Json::Null => Value::NULL,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => {
            from_json(&Json::Number(n.clone()), &Type::Number).unwrap_or(Value::NULL)
        }
        Json::String(s) => Value::string(s.as_str()),
        Json::Array(items) => Value::tuple(items.iter().map(loose).collect()),
        Json::Object(map) => Value::object(map.iter().map(|(k, v)| (k.as_str(), loose(v)))),
    }
}
