//! Between memory and the stored shape: seals and unseals, names and finds provider configurations.

use crate::configs::ConfigTable;
use crate::document::{Deposed, OutputState, ResourceState, State, Unfinished};
use crate::error::StateError;
use crate::journal::{Intent, Outcome, StateChange};
use crate::seal::{Sealer, first_sealed, sealed_text};
use crate::stored::{StoredChange, StoredIntent, StoredObject, StoredOutcome, StoredOutput};
use infra_model::json::{from_json, to_json_as, type_from_json, type_to_json};
use infra_model::{Address, Value};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Converts between memory and the stored shape.
pub(crate) struct Codec<'a> {
    pub(crate) sealer: &'a Sealer,
    pub(crate) configs: &'a ConfigTable,
}

impl Codec<'_> {
    pub(crate) fn store_resource<'a>(
        &self,
        address: &Address,
        r: &'a ResourceState,
        with_deposed: bool,
    ) -> Result<StoredObject<'a>, StateError> {
        // Only what is sealed needs to know where it is.
        let scope = if r.sensitive_paths.is_empty() && r.deposed.is_empty() {
            String::new()
        } else {
            address.to_string()
        };
        self.store_at(&scope, r, with_deposed)
    }

    fn store_at<'a>(
        &self,
        scope: &str,
        r: &'a ResourceState,
        with_deposed: bool,
    ) -> Result<StoredObject<'a>, StateError> {
        let mut deposed = BTreeMap::new();
        if with_deposed {
            for (key, d) in &r.deposed {
                deposed.insert(key.clone(), self.store_deposed(scope, d)?);
            }
        }
        Ok(StoredObject {
            provider: Cow::Borrowed(&r.provider),
            provider_config: self.configs.key(&r.provider_config),
            schema_version: r.schema_version,
            id: Cow::Borrowed(&r.id),
            attributes: self.sealer.seal(scope, &r.attributes, &r.sensitive_paths)?,
            sensitive_paths: Cow::Borrowed(&r.sensitive_paths),
            dependencies: Cow::Borrowed(&r.dependencies),
            create_before_destroy: r.create_before_destroy,
            tainted: r.tainted,
            private: r.private.as_ref().map(Cow::Borrowed),
            deposed,
        })
    }

    fn store_deposed<'a>(
        &self,
        scope: &str,
        d: &'a Deposed,
    ) -> Result<StoredObject<'a>, StateError> {
        Ok(StoredObject {
            provider: Cow::Borrowed(&d.provider),
            provider_config: self.configs.key(&d.provider_config),
            schema_version: d.schema_version,
            id: Cow::Borrowed(&d.id),
            attributes: self.sealer.seal(scope, &d.attributes, &d.sensitive_paths)?,
            sensitive_paths: Cow::Borrowed(&d.sensitive_paths),
            dependencies: Cow::Borrowed(&d.dependencies),
            create_before_destroy: d.create_before_destroy,
            tainted: d.tainted,
            private: d.private.as_ref().map(Cow::Borrowed),
            deposed: BTreeMap::new(),
        })
    }

    /// A resource as it will be under another address. What cannot be decrypted cannot be bound to the new address.
    fn store_moved<'a>(
        &self,
        to: &Address,
        r: &'a ResourceState,
    ) -> Result<StoredObject<'a>, StateError> {
        let objects = std::iter::once((&r.attributes, &r.sensitive_paths)).chain(
            r.deposed
                .values()
                .map(|d| (&d.attributes, &d.sensitive_paths)),
        );
        for (attributes, paths) in objects {
            if let Some(sealed) = first_sealed(attributes, paths) {
                return Err(self.sealer.missing(sealed, "move a resource with")?);
            }
        }
        self.store_resource(to, r, true)
    }

    pub(crate) fn load_resource(
        &self,
        address: &Address,
        stored: StoredObject<'static>,
    ) -> Result<ResourceState, Fault> {
        let scope = if stored.sensitive_paths.is_empty() && stored.deposed.is_empty() {
            String::new()
        } else {
            address.to_string()
        };
        self.load_at(&scope, stored)
    }

    fn load_at(
        &self,
        scope: &str,
        mut stored: StoredObject<'static>,
    ) -> Result<ResourceState, Fault> {
        let mut deposed = BTreeMap::new();
        for (key, object) in std::mem::take(&mut stored.deposed) {
            deposed.insert(key, self.load_at(scope, object)?.to_deposed());
        }
        let mut attributes = stored.attributes.into_owned();
        self.sealer
            .unseal(scope, &mut attributes, &stored.sensitive_paths)?;
        Ok(ResourceState {
            provider: stored.provider.into_owned(),
            provider_config: self.config(&stored.provider_config)?,
            schema_version: stored.schema_version,
            attributes,
            sensitive_paths: stored.sensitive_paths.into_owned(),
            dependencies: stored.dependencies.into_owned(),
            create_before_destroy: stored.create_before_destroy,
            tainted: stored.tainted,
            deposed,
            private: stored.private.map(Cow::into_owned),
            id: stored.id.into_owned(),
        })
    }

    fn config(&self, key: &str) -> Result<Arc<Json>, Fault> {
        self.configs
            .get(key)
            .ok_or_else(|| Fault::Shape(format!("there is no provider configuration `{key}`")))
    }

    pub(crate) fn store_output<'a>(
        &self,
        name: &str,
        output: &'a OutputState,
    ) -> Result<StoredOutput<'a>, StateError> {
        let ty = output.value.ty();
        let value = match &output.sealed {
            Some(sealed) => Cow::Borrowed(sealed),
            None => {
                let plain = to_json_as(&output.value, &ty);
                Cow::Owned(if output.sensitive {
                    self.sealer.seal_value(&output_scope(name), "", &plain)?
                } else {
                    plain
                })
            }
        };
        Ok(StoredOutput {
            ty: type_to_json(&ty),
            value,
            sensitive: output.sensitive,
        })
    }

    pub(crate) fn load_output(
        &self,
        name: &str,
        stored: StoredOutput<'static>,
    ) -> Result<OutputState, Fault> {
        let shape = |what: String| Fault::Shape(format!("output `{name}`: {what}"));
        let ty = type_from_json(&stored.ty).ok_or_else(|| shape("its type is no type".into()))?;
        let value = stored.value.into_owned();
        let plain = if stored.sensitive {
            match self.sealer.unseal_value(&output_scope(name), "", &value)? {
                None if sealed_text(&value).is_some() => {
                    return Ok(OutputState {
                        value: Value::Unknown(ty),
                        sensitive: true,
                        sealed: Some(value),
                    });
                }
                plain => plain.unwrap_or(value),
            }
        } else {
            value
        };
        Ok(OutputState {
            value: from_json(&plain, &ty).map_err(|e| shape(e.to_string()))?,
            sensitive: stored.sensitive,
            sealed: None,
        })
    }

    pub(crate) fn store_intent<'a>(
        &self,
        intent: &'a Intent,
        id: Option<&'a str>,
    ) -> Result<StoredIntent<'a>, StateError> {
        let scope = intent.address.to_string();
        let prior = match &intent.prior {
            Some(prior) => Some(
                self.sealer
                    .seal(&scope, prior, &intent.prior_sensitive_paths)?,
            ),
            None => None,
        };
        Ok(StoredIntent {
            operation: intent.operation.clone(),
            time: intent.time,
            address: Cow::Borrowed(&intent.address),
            action: intent.action,
            type_name: intent.type_name.clone(),
            schema_version: intent.schema_version,
            provider: Cow::Borrowed(&intent.provider),
            provider_config: self.configs.key(&intent.provider_config),
            prior_id: intent.prior_id.as_deref().map(Cow::Borrowed),
            deposed: intent.deposed.clone(),
            dependencies: Cow::Borrowed(&intent.dependencies),
            planned: self
                .sealer
                .seal(&scope, &intent.planned, &intent.sensitive_paths)?,
            sensitive_paths: Cow::Borrowed(&intent.sensitive_paths),
            token: intent.token.clone(),
            create_before_destroy: intent.create_before_destroy,
            private: intent.private.as_ref().map(Cow::Borrowed),
            prior,
            prior_sensitive_paths: Cow::Borrowed(&intent.prior_sensitive_paths),
            lookup_only: intent.lookup_only,
            hands_over: intent.hands_over,
            id: id.map(Cow::Borrowed),
        })
    }

    pub(crate) fn load_intent(&self, stored: StoredIntent<'static>) -> Result<Unfinished, Fault> {
        let scope = stored.address.to_string();
        let mut planned = stored.planned.into_owned();
        self.sealer
            .unseal(&scope, &mut planned, &stored.sensitive_paths)?;
        let mut prior = stored.prior.map(Cow::into_owned);
        if let Some(prior) = &mut prior {
            self.sealer
                .unseal(&scope, prior, &stored.prior_sensitive_paths)?;
        }
        Ok(Unfinished {
            id: stored.id.map(Cow::into_owned),
            intent: Intent {
                operation: stored.operation,
                time: stored.time,
                address: stored.address.into_owned(),
                action: stored.action,
                type_name: stored.type_name,
                schema_version: stored.schema_version,
                provider: stored.provider.into_owned(),
                provider_config: self.config(&stored.provider_config)?,
                prior_id: stored.prior_id.map(Cow::into_owned),
                deposed: stored.deposed,
                dependencies: stored.dependencies.into_owned(),
                planned,
                sensitive_paths: stored.sensitive_paths.into_owned(),
                token: stored.token,
                create_before_destroy: stored.create_before_destroy,
                private: stored.private.map(Cow::into_owned),
                prior,
                prior_sensitive_paths: stored.prior_sensitive_paths.into_owned(),
                lookup_only: stored.lookup_only,
                hands_over: stored.hands_over,
            },
        })
    }

    /// The resource of an outcome belongs to the intent's address; `state` is what it was before.
    pub(crate) fn store_outcome<'a>(
        &self,
        state: &'a State,
        address: &Address,
        outcome: &'a Outcome,
    ) -> Result<StoredOutcome<'a>, StateError> {
        let resource = |r| self.store_resource(address, r, false);
        Ok(match outcome {
            Outcome::Created(r) => StoredOutcome::Created(resource(r)?),
            Outcome::Updated(r) => StoredOutcome::Updated(resource(r)?),
            Outcome::Adopted(r) => StoredOutcome::Adopted(resource(r)?),
            Outcome::Failed { resource: r } => {
                StoredOutcome::Failed(r.as_ref().map(resource).transpose()?)
            }
            Outcome::Deleted => StoredOutcome::Deleted,
            Outcome::Refused => StoredOutcome::Refused,
            Outcome::Abandoned => StoredOutcome::Abandoned,
            Outcome::Forgotten => StoredOutcome::Forgotten,
            Outcome::Deposed { key } => StoredOutcome::Deposed(key.clone()),
            Outcome::Moved { to } => StoredOutcome::Moved {
                to: Cow::Borrowed(to),
                resource: match state.resource(address) {
                    Some(r) => Some(self.store_moved(to, r)?),
                    None => None,
                },
            },
        })
    }

    /// With the whole resource that moved, for [`Outcome::Moved`].
    pub(crate) fn load_outcome(
        &self,
        address: &Address,
        stored: StoredOutcome<'static>,
    ) -> Result<(Outcome, Option<ResourceState>), Fault> {
        let resource = |r| self.load_resource(address, r);
        let outcome = match stored {
            StoredOutcome::Created(r) => Outcome::Created(resource(r)?),
            StoredOutcome::Updated(r) => Outcome::Updated(resource(r)?),
            StoredOutcome::Adopted(r) => Outcome::Adopted(resource(r)?),
            StoredOutcome::Failed(r) => Outcome::Failed {
                resource: r.map(resource).transpose()?,
            },
            StoredOutcome::Deleted => Outcome::Deleted,
            StoredOutcome::Refused => Outcome::Refused,
            StoredOutcome::Abandoned => Outcome::Abandoned,
            StoredOutcome::Forgotten => Outcome::Forgotten,
            StoredOutcome::Deposed(key) => Outcome::Deposed { key },
            StoredOutcome::Moved { to, resource } => {
                let to = to.into_owned();
                let moved = resource.map(|r| self.load_resource(&to, r)).transpose()?;
                return Ok((Outcome::Moved { to }, moved));
            }
        };
        Ok((outcome, None))
    }

    /// `state` is what it was before.
    pub(crate) fn store_change<'a>(
        &self,
        state: &'a State,
        change: &'a StateChange,
    ) -> Result<StoredChange<'a>, StateError> {
        Ok(match change {
            StateChange::Put {
                address,
                resource,
                depose,
            } => StoredChange::Put {
                address: Cow::Borrowed(address),
                resource: self.store_resource(address, resource, false)?,
                depose: depose.clone(),
            },
            StateChange::Remove { address } => StoredChange::Remove {
                address: Cow::Borrowed(address),
            },
            StateChange::RemoveDeposed { address, key } => StoredChange::RemoveDeposed {
                address: Cow::Borrowed(address),
                key: key.clone(),
            },
            StateChange::Forget { address } => StoredChange::Forget {
                address: Cow::Borrowed(address),
            },
            StateChange::Move { from, to } => StoredChange::Move {
                from: Cow::Borrowed(from),
                to: Cow::Borrowed(to),
                resource: match state.resource(from) {
                    Some(r) => Some(self.store_moved(to, r)?),
                    None => None,
                },
            },
            StateChange::Depose { address, key } => StoredChange::Depose {
                address: Cow::Borrowed(address),
                key: key.clone(),
            },
            StateChange::Restore { address, key } => StoredChange::Restore {
                address: Cow::Borrowed(address),
                key: key.clone(),
            },
            StateChange::Taint { address, tainted } => StoredChange::Taint {
                address: Cow::Borrowed(address),
                tainted: *tainted,
            },
            StateChange::Provider { address, from, to } => StoredChange::Provider {
                address: Cow::Borrowed(address),
                from: from.clone(),
                to: to.clone(),
            },
            StateChange::Depends {
                address,
                deposed,
                dependencies,
            } => StoredChange::Depends {
                address: Cow::Borrowed(address),
                deposed: deposed.clone(),
                dependencies: Cow::Borrowed(dependencies),
            },
            StateChange::Output { name, output } => StoredChange::Output {
                name: name.clone(),
                output: match output {
                    Some(o) => Some(self.store_output(name, o)?),
                    None => None,
                },
            },
            StateChange::Checked { checked } => StoredChange::Checked {
                checked: Cow::Borrowed(checked),
            },
            StateChange::Duration { key, millis } => StoredChange::Duration {
                key: key.clone(),
                millis: *millis,
            },
            StateChange::StackFile { path } => StoredChange::StackFile { path: path.clone() },
        })
    }

    /// With the whole resource that moved, for [`StateChange::Move`].
    pub(crate) fn load_change(
        &self,
        stored: StoredChange<'static>,
    ) -> Result<(StateChange, Option<ResourceState>), Fault> {
        let change = match stored {
            StoredChange::Put {
                address,
                resource,
                depose,
            } => StateChange::Put {
                resource: self.load_resource(&address, resource)?,
                address: address.into_owned(),
                depose,
            },
            StoredChange::Remove { address } => StateChange::Remove {
                address: address.into_owned(),
            },
            StoredChange::RemoveDeposed { address, key } => StateChange::RemoveDeposed {
                address: address.into_owned(),
                key,
            },
            StoredChange::Forget { address } => StateChange::Forget {
                address: address.into_owned(),
            },
            StoredChange::Move { from, to, resource } => {
                let moved = resource.map(|r| self.load_resource(&to, r)).transpose()?;
                let (from, to) = (from.into_owned(), to.into_owned());
                return Ok((StateChange::Move { from, to }, moved));
            }
            StoredChange::Depose { address, key } => StateChange::Depose {
                address: address.into_owned(),
                key,
            },
            StoredChange::Restore { address, key } => StateChange::Restore {
                address: address.into_owned(),
                key,
            },
            StoredChange::Taint { address, tainted } => StateChange::Taint {
                address: address.into_owned(),
                tainted,
            },
            StoredChange::Provider { address, from, to } => StateChange::Provider {
                address: address.into_owned(),
                from,
                to,
            },
            StoredChange::Depends {
                address,
                deposed,
                dependencies,
            } => StateChange::Depends {
                address: address.into_owned(),
                deposed,
                dependencies: dependencies.into_owned(),
            },
            StoredChange::Output { name, output } => StateChange::Output {
                output: output.map(|o| self.load_output(&name, o)).transpose()?,
                name,
            },
            StoredChange::Checked { checked } => StateChange::Checked {
                checked: checked.into_owned(),
            },
            StoredChange::Duration { key, millis } => StateChange::Duration { key, millis },
            StoredChange::StackFile { path } => StateChange::StackFile { path },
        };
        Ok((change, None))
    }
}

/// Why something stored cannot be loaded.
pub(crate) enum Fault {
    /// It has no meaning.
    Shape(String),
    /// A key or a sealed value.
    State(StateError),
}

impl From<StateError> for Fault {
    fn from(error: StateError) -> Fault {
        Fault::State(error)
    }
}

fn output_scope(name: &str) -> String {
    format!("output.{name}")
}
