//! A stack as far as it is known without asking anybody: what its files say, and what its state has.

use crate::cli::Variables;
use crate::commands::console::scope::{Recorded, StateScope};
use crate::error::CommandError;
use crate::place::Place;
use crate::providers::Providers;
use crate::stack::{Loading, working_directory};
use crate::system::{SystemClock, SystemFiles};
use crate::ui::Ui;
use infra_lang::Evaluator;
use infra_model::address::BlockAddress;
use infra_model::evaluate::Evaluate;
use infra_model::expr::Expr;
use infra_model::program::{ComponentInstance, Program, ResourceBlock};
use infra_model::time::{Clock, Timestamp};
use infra_model::{Type, Value, json};
use infra_repository::object::in_order;
use infra_state::{ResourceState, State, World};
use serde_json::{Map, Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// How the nodes of sealing keys are called.
pub(super) const SEALING: &str = "sealing_";

/// What stands for what only an apply knows.
pub(super) const LATER: &str = "(known after apply)";

/// A stack, loaded.
pub(in crate::commands) struct Seen {
    program: Program,
    state: Arc<State>,
    /// Whether the state is lost, and what is known is what was found again.
    without_state: bool,
    recorded: Recorded,
    evaluator: Evaluator,
    now: Timestamp,
}

/// A node of a hardening.
pub(super) struct Node {
    pub(super) type_name: String,
    pub(super) body: Json,
    /// The `uid` of the object that it has become, by the state.
    pub(super) uid: Option<String>,
}

impl Seen {
    /// Loads a stack; warnings are told.
    pub(in crate::commands) fn load(
        stack: Option<&Path>,
        instance: Option<&str>,
        variables: &Variables,
        ui: Ui,
    ) -> Result<Seen, CommandError> {
        let place = Place::find(stack, instance)?;
        let state = place.look("harden")?.map(|store| store.state());
        Seen::of(&place, variables, ui, state.unwrap_or_else(nothing))
    }

    /// The same of a stack whose state is lost, or not to be looked at.
    pub(super) fn without_state(
        place: &Place,
        variables: &Variables,
        ui: Ui,
    ) -> Result<Seen, CommandError> {
        let seen = Seen::of(place, variables, ui, nothing())?;
        Ok(Seen {
            without_state: true,
            ..seen
        })
    }

    fn of(
        place: &Place,
        variables: &Variables,
        ui: Ui,
        state: Arc<State>,
    ) -> Result<Seen, CommandError> {
        let providers = Providers::new();
        let mut loading = Loading::new(&providers, variables)?;
        loading.require_variables = false;
        // What a stack makes is looked at, and not who brings it.
        loading.directly = true;
        let program = loading.program(place, ui)?;
        let recorded = Recorded::new(&program, &state, &providers);
        let folder = working_directory().join(place.folder());
        Ok(Seen {
            state,
            without_state: false,
            recorded,
            evaluator: Evaluator::new(Arc::new(SystemFiles), folder),
            now: SystemClock.now(),
            program,
        })
    }

    /// Takes another state for its own.
    pub(super) fn take(&mut self, state: State) {
        self.recorded = Recorded::new(&self.program, &state, &Providers::new());
        self.state = Arc::new(state);
    }

    /// The stack's own program.
    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Whether the state is lost, and what is known is what was found again.
    pub(super) fn is_without_state(&self) -> bool {
        self.without_state
    }

    /// What to say of a resource that is not known.
    pub(super) fn not_known(&self, address: &str) -> String {
        if self.without_state {
            format!("{address} is not found: nothing in the cloud carries its marks")
        } else {
            format!("{address} is not in the state: it was never applied")
        }
    }

    /// The hardenings of the stack and its modules.
    pub(super) fn hardenings(&self) -> impl Iterator<Item = &ComponentInstance> {
        self.program
            .components
            .iter()
            .filter(|c| &*c.step.kind == "hardening")
    }

    /// The components of a kind that stand in the stack file itself.
    pub(super) fn components(&self, kind: &str) -> impl Iterator<Item = &ComponentInstance> {
        let all = self.program.components.iter();
        all.filter(move |c| *c.step.kind == *kind && c.parent.is_root())
    }

    /// What the state has.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// The blocks of a component.
    pub(super) fn blocks(
        &self,
        component: &ComponentInstance,
    ) -> impl Iterator<Item = &ResourceBlock> {
        let scope = component.scope();
        let all = self.program.blocks.iter();
        all.filter(move |b| b.address.scope == scope)
    }

    /// What the state has of a resource of a component's that stands there once.
    pub(super) fn resource(
        &self,
        component: &ComponentInstance,
        type_name: &str,
        name: &str,
    ) -> Option<&ResourceState> {
        let address = self.block(component, type_name, name)?.instance(None);
        self.state.resources.get(&address).map(|r| &**r)
    }

    /// Its value.
    pub(super) fn recorded(
        &self,
        component: &ComponentInstance,
        type_name: &str,
        name: &str,
    ) -> Option<&Value> {
        self.recorded
            .single(self.block(component, type_name, name)?)
    }

    fn block(
        &self,
        component: &ComponentInstance,
        type_name: &str,
        name: &str,
    ) -> Option<&BlockAddress> {
        let mut all = self.blocks(component).map(|b| &b.address);
        all.find(|a| *a.type_name == *type_name && *a.name == *name)
    }

    /// How the state's own cluster of a hardening is reached.
    pub(super) fn cluster_config(&self, hardening: &ComponentInstance) -> Option<Arc<Json>> {
        cluster_config(&self.state, hardening)
    }

    /// An expression in a component's own scope, without what is secret.
    pub(super) fn plain(&self, expression: &Expr, component: &ComponentInstance) -> Json {
        plain(&self.value(expression, component))
    }

    /// The nodes of a hardening that are the cluster's, in the order in which they were written.
    pub(super) fn nodes(&self, hardening: &ComponentInstance) -> Vec<Node> {
        let scope = hardening.scope();
        let cluster = |b: &&ResourceBlock| {
            let name = &*b.address.type_name;
            b.address.scope == scope
                && (name.starts_with("kubernetes_") || name.starts_with("helm_"))
        };
        let all = self.program.blocks.iter().filter(cluster);
        let one = |block: &ResourceBlock| Node {
            type_name: block.address.type_name.to_string(),
            body: plain(&self.value(&block.config, hardening)),
            uid: self.uid(block),
        };
        all.map(one).collect()
    }

    fn uid(&self, block: &ResourceBlock) -> Option<String> {
        let object = self.recorded.single(&block.address)?.get("object")?;
        let uid = object.get("metadata")?.get("uid")?;
        uid.as_str().map(str::to_owned)
    }

    /// The certificate that secrets are sealed with, of the only hardening that has one.
    pub(in crate::commands) fn sealing_certificate(&self) -> Option<String> {
        self.hardenings().find_map(|hardening| {
            let expression = hardening.outputs.get("sealing_certificate")?;
            let value = self.value(expression, hardening);
            value.as_str().map(str::to_owned)
        })
    }

    /// The sealing keys that a hardening has in the state, as the Secrets that the controller reads them from, by name. They are
    /// secret.
    pub(in crate::commands) fn sealing_keys(&self, hardening: &ComponentInstance) -> Vec<Json> {
        let scope = hardening.scope();
        let blocks = self.program.blocks.iter();
        let secrets = blocks.filter(|b| {
            b.address.scope == scope
                && &*b.address.type_name == "kubernetes_secret"
                && b.address.name.starts_with(SEALING)
        });
        let of = |block: &ResourceBlock| {
            let value = self.recorded.single(&block.address)?;
            let metadata = json::to_json(value.get("metadata")?.elements()?.first()?);
            let data = value.get("data")?.unmark_deep();
            let data: Map<String, Json> = data
                .entries()?
                .iter()
                .map(|(k, v)| {
                    let text = v.as_str().unwrap_or_default();
                    (
                        k.to_string(),
                        json!(infra_hardening::seal::base64(text.as_bytes())),
                    )
                })
                .collect();
            Some(json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                "metadata": {
                    "name": metadata["name"], "namespace": metadata["namespace"], "labels": metadata["labels"],
                },
                "data": data,
            }))
        };
        secrets.filter_map(of).collect()
    }

    /// The hardenings that stand in the stack file itself.
    pub(in crate::commands) fn own_hardenings(&self) -> impl Iterator<Item = &ComponentInstance> {
        self.components("hardening")
    }

    /// An expression in a component's own scope, with what is secret.
    pub(in crate::commands) fn value(
        &self,
        expression: &Expr,
        hardening: &ComponentInstance,
    ) -> Value {
        let root = StateScope::root(&self.program, &self.recorded, &self.evaluator, self.now);
        let scope = root.at(hardening.scope());
        // What cannot be said without the clouds is said by the apply.
        let value = self.evaluator.evaluate(expression, &scope);
        value.unwrap_or(Value::Unknown(Type::Any))
    }
}

fn nothing() -> Arc<State> {
    Arc::new(State::empty("", "", World::Cloud))
}

/// How the cluster of a hardening is reached, by what a state has in it.
pub(super) fn cluster_config(state: &State, hardening: &ComponentInstance) -> Option<Arc<Json>> {
    let scope = hardening.scope();
    let mut all = state.resources.iter();
    let found = all.find(|(address, resource)| {
        address.block.scope == scope && &*resource.provider.name == "kubernetes"
    });
    found.map(|(_, resource)| resource.provider_config.clone())
}

/// Without what is secret, and with a remark for what is not known yet.
fn plain(value: &Value) -> Json {
    match value {
        Value::Marked(marks, _) if marks.sensitive || marks.ephemeral => json!("(sensitive value)"),
        Value::Marked(_, inner) => plain(inner),
        Value::Unknown(_) => json!(LATER),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            items.iter().map(plain).collect()
        }
        Value::Map(_, entries) | Value::Object(entries) => entries
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.to_string(), plain(v)))
            .collect::<Map<_, _>>()
            .into(),
        other => json::to_json(other),
    }
}

impl Node {
    /// The object that the node is, if it is one and has no secret in it.
    pub(super) fn object(&self) -> Option<Json> {
        match self.type_name.as_str() {
            "kubernetes_manifest" => Some(in_order(&self.body["manifest"])),
            "kubernetes_namespace" => {
                let metadata = match &self.body["metadata"] {
                    Json::Array(items) => items.first().cloned().unwrap_or_default(),
                    table => table.clone(),
                };
                Some(in_order(
                    &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }),
                ))
            }
            _ => None,
        }
    }

    /// A text of the body.
    pub(super) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}
