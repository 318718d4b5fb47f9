//! An expansion in the making: natives with the instance's tags and overrides, outputs, facts, and everything wrong with the
//! inputs, collected so that a person sees all of it at once.

use crate::cloud::Cloud;
use crate::input::{self, Input, escape, literal};
use crate::names;
use infra_model::diagnostic::meant;
use infra_model::expand::{Expansion, Instance, Known, NativeBlock, NativeCheck};
use infra_model::{Code, Diagnostic, Diagnostics, Mode, ProviderAddress, Record, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Inputs of every component.
#[derive(Record)]
pub struct Common {
    /// Tags on everything that the component makes, beside those of `[clouds]`.
    #[record(optional)]
    tags: Input<BTreeMap<String, String>>,
    /// Attributes of the native resources, by type (`aws_eks_cluster`) or by type and name (`"aws_subnet.private"`). Tables are
    /// merged into what the component would write, anything else replaces it, and `"${null}"` takes it away.
    #[record(optional)]
    r#override: Value,
}

/// An expansion in the making.
pub struct Draft<'a> {
    /// What is expanded.
    pub instance: &'a Instance<'a>,
    common: Common,
    prefix: String,
    provider: ProviderAddress,
    expansion: Expansion,
    errors: Diagnostics,
    overridden: BTreeSet<String>,
    partial: bool,
}

impl<'a> Draft<'a> {
    /// An empty one.
    ///
    /// # Errors
    /// Inputs that every component has and that cannot be read.
    pub fn new(instance: &'a Instance<'a>) -> Result<Draft<'a>, Diagnostics> {
        let common: Common = input::read(instance)?;
        let mut draft = Draft {
            instance,
            common,
            prefix: names::prefix(instance),
            provider: ProviderAddress::default_of("builtin"),
            expansion: Expansion::default(),
            errors: Vec::new(),
            overridden: BTreeSet::new(),
            partial: false,
        };
        let overrides = &draft.common.r#override;
        if !overrides.is_null() && overrides.entries().is_none() {
            draft.refuse(
                "override",
                "`override` is a table by resource type that is known while planning",
                "write `override = { aws_vpc = { … } }`; the attributes inside may be anything",
            );
        }
        Ok(draft)
    }

    /// The expansion, or everything that is wrong.
    ///
    /// # Errors
    /// What was refused.
    pub fn finish(mut self) -> Result<Expansion, Diagnostics> {
        self.check_overrides();
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        self.expansion.diagnostics.sort_by_key(|d| d.severity);
        Ok(self.expansion)
    }

    /// An error at an input, with what to do about it.
    pub fn refuse(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let error = input::error(self.instance, path, message).help(help);
        self.errors.push(error);
    }

    /// Errors found elsewhere.
    pub fn refuse_all(&mut self, errors: Diagnostics) {
        self.errors.extend(errors);
    }

    /// Whether anything was refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Something worth saying aloud.
    pub fn remark(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let remark = Diagnostic::warning(Code::Advice, message)
            .at(input::span(self.instance, path), "")
            .about(format!("{}.{}", self.instance.kind, self.instance.name))
            .help(help);
        self.expansion.diagnostics.push(remark);
    }

    /// Not all is made that could be: an override that reaches nothing is no mistake.
    pub fn leave_out(&mut self) {
        self.partial = true;
    }

    /// Decides the cloud from the text of an input; the natives that follow use it.
    pub fn land(&mut self, path: &str, text: &str) -> Option<Cloud> {
        match Cloud::parse(text) {
            Ok(cloud) => {
                self.provider = cloud.provider().clone();
                self.fact("cloud", Value::string(cloud.text()));
                Some(cloud)
            }
            Err(e) => {
                self.refuse(path, e.message, e.help);
                None
            }
        }
    }

    /// Another component that an input names, as `main`, `network.main` or `main["eu"]`.
    pub fn find(&mut self, kind: &str, path: &str, value: &Value) -> Option<Known> {
        let name = self.name_of(kind, path, value)?;
        if let Some(known) = (self.instance.lookup)(kind, name) {
            return Some(known);
        }
        let all = (self.instance.list)(kind);
        let prefix = format!("{kind}.");
        let known = all.iter().map(|known| {
            let reference = known.reference.as_str();
            reference.strip_prefix(&prefix).unwrap_or(reference)
        });
        self.not_there(kind, path, name, &known.collect::<Vec<_>>());
        None
    }

    /// A component that an input names in the same way and that may be expanded later: its name, and its inputs as written, as far
    /// as they are known.
    pub fn declared(&mut self, kind: &str, path: &str, value: &Value) -> Option<(String, Value)> {
        let name = self.name_of(kind, path, value)?;
        let all = (self.instance.declared)(kind);
        if let Some(found) = all.iter().find(|(known, _)| known == name) {
            return Some(found.clone());
        }
        let known: Vec<&str> = all.iter().map(|(known, _)| known.as_str()).collect();
        self.not_there(kind, path, name, &known);
        None
    }

    /// The name in an input that names a component.
    fn name_of<'v>(&mut self, kind: &str, path: &str, value: &'v Value) -> Option<&'v str> {
        let Some(text) = value.as_str() else {
            self.refuse(
                path,
                format!("`{path}` is the name of a {kind}, known while planning"),
                format!("write `{path} = \"main\"` for [{kind}.main], or `{path} = 'main[\"eu\"]'` for one of several"),
            );
            return None;
        };
        let rest = text.strip_prefix(kind);
        Some(rest.and_then(|rest| rest.strip_prefix('.')).unwrap_or(text))
    }

    fn not_there(&mut self, kind: &str, path: &str, name: &str, known: &[&str]) {
        let meant = meant(name, known.iter().copied());
        let help = if known.is_empty() {
            format!("declare it: [{kind}.{name}]")
        } else {
            format!("there is: {}", known.join(", "))
        };
        self.refuse(path, format!("there is no {kind} `{name}`{meant}"), help);
    }

    /// What later components may know.
    pub fn fact(&mut self, name: &str, value: Value) {
        self.expansion.facts.insert(name.into(), value);
    }

    /// An output: an expression without `${}`.
    pub fn output(&mut self, name: &str, expression: impl std::fmt::Display) {
        let template = format!("${{{expression}}}");
        self.expansion.outputs.insert(name.into(), template);
    }

    /// Whether the stack is protected from destruction.
    pub fn protect(&self) -> bool {
        self.instance.stack.protect
    }

    /// A name in the cloud, at most `limit` characters.
    pub fn name(&self, suffix: &str, limit: usize) -> String {
        names::fit(&self.prefix, suffix, limit)
    }

    /// The beginning of a name in the cloud that goes on with something unique.
    pub fn start(&self, limit: usize) -> String {
        names::start(&self.prefix, limit)
    }

    /// The component's tags alone, for clouds on which everything has a name; nothing when there are none.
    pub fn plain_tags(&self) -> Json {
        match &self.common.tags {
            Input::Known(given) if given.is_empty() => Json::Null,
            Input::Known(given) => Json::Object(
                given
                    .iter()
                    .map(|(k, v)| (k.clone(), json!(escape(v))))
                    .collect(),
            ),
            Input::Later => json!("${input.tags}"),
        }
    }

    /// Tags with a `Name` (which may be a template) and a few more; the user's win.
    pub fn tags(&self, suffix: &str, more: &[(&str, &str)]) -> Json {
        let name = if suffix.is_empty() {
            self.prefix.clone()
        } else {
            format!("{}-{suffix}", self.prefix)
        };
        let mut tags = Map::from_iter([("Name".to_owned(), Json::String(name))]);
        tags.extend(more.iter().map(|(k, v)| ((*k).to_owned(), json!(v))));
        match &self.common.tags {
            Input::Known(given) => {
                tags.extend(given.iter().map(|(k, v)| (k.clone(), json!(escape(v)))));
                Json::Object(tags)
            }
            Input::Later => {
                let own: Vec<String> = tags
                    .iter()
                    .map(|(k, v)| format!("{} = {v}", Json::String(k.clone())))
                    .collect();
                json!(format!("${{merge({{ {} }}, input.tags)}}", own.join(", ")))
            }
        }
    }

    /// The component's tags as labels of Google Cloud, which are lower-case.
    pub fn labels(&self) -> Json {
        match &self.common.tags {
            Input::Known(given) => Json::Object(
                given
                    .iter()
                    .map(|(k, v)| (names::slug(k), json!(names::slug(v))))
                    .collect(),
            ),
            Input::Later => {
                json!("${{ for key, value in input.tags : lower(key) => lower(value) }}")
            }
        }
    }

    /// A managed resource; nulls in its body are left out.
    pub fn resource(&mut self, type_name: &str, name: &str, body: Json) {
        self.block(Mode::Managed, type_name, name, self.provider.clone(), body);
    }

    /// A managed resource of the builtin provider.
    pub fn builtin(&mut self, type_name: &str, name: &str, body: Json) {
        let provider = ProviderAddress::default_of("builtin");
        self.block(Mode::Managed, type_name, name, provider, body);
    }

    /// A managed resource of a provider that is named, such as a cluster's.
    pub fn resource_of(
        &mut self,
        provider: &ProviderAddress,
        type_name: &str,
        name: &str,
        body: Json,
    ) {
        self.block(Mode::Managed, type_name, name, provider.clone(), body);
    }

    /// A data source of a provider that is named.
    pub fn data_of(&mut self, provider: &ProviderAddress, type_name: &str, name: &str, body: Json) {
        self.block(Mode::Data, type_name, name, provider.clone(), body);
    }

    /// What was a resource of its own, and is now brought by another one of this component: each a type and a name.
    pub fn hand_over(&mut self, from: (&str, &str), to: (&str, &str)) {
        let owned = |(type_name, name): (&str, &str)| (type_name.into(), name.into());
        self.expansion.handed_over.push([owned(from), owned(to)]);
    }

    /// A component that holds what should outlive the stack, by reference.
    pub fn outlived_by(&mut self, reference: &str) {
        let all = &mut self.expansion.outlived_by;
        if !all.iter().any(|known| known == reference) {
            all.push(reference.to_owned());
        }
    }

    /// What is looked at once all is planned or applied, and only warned of: assertions, each a condition and what is said where it does
    /// not hold, and a data source that is there for them alone, read by a provider.
    pub fn check(
        &mut self,
        name: &str,
        assertions: Vec<[String; 2]>,
        provider: &ProviderAddress,
        (type_name, data): (&str, Json),
    ) {
        self.data_of(provider, type_name, name, data);
        self.expansion.checks.push(NativeCheck {
            name: name.into(),
            assertions,
            data: vec![(type_name.into(), name.into())],
        });
    }

    /// A provider configuration that this component defines; strings may hold `${…}`.
    pub fn provider(&mut self, address: ProviderAddress, mut config: Json) {
        prune(&mut config);
        self.expansion.providers.push((address, config));
    }

    /// A data source, once.
    pub fn data(&mut self, type_name: &str, name: &str, body: Json) {
        let there = |b: &NativeBlock| {
            b.mode == Mode::Data && &*b.type_name == type_name && &*b.name == name
        };
        if !self.expansion.blocks.iter().any(there) {
            self.block(Mode::Data, type_name, name, self.provider.clone(), body);
        }
    }

    /// An ephemeral resource of a provider; nothing of it is stored.
    pub fn ephemeral(&mut self, type_name: &str, name: &str, body: Json) {
        let provider = match type_name.split('_').next() {
            Some("random") => ProviderAddress::default_of("builtin"),
            _ => self.provider.clone(),
        };
        self.block(Mode::Ephemeral, type_name, name, provider, body);
    }

    fn block(
        &mut self,
        mode: Mode,
        type_name: &str,
        name: &str,
        provider: ProviderAddress,
        mut body: Json,
    ) {
        let span = self.shape(mode, type_name, name, &mut body);
        self.expansion.blocks.push(NativeBlock {
            mode,
            type_name: type_name.into(),
            name: name.into(),
            provider,
            body,
            span,
        });
    }

    /// The body that a managed resource would have, overrides in it, for who brings it by another one.
    pub fn shaped(&mut self, type_name: &str, name: &str, mut body: Json) -> Json {
        self.shape(Mode::Managed, type_name, name, &mut body);
        body
    }

    /// Takes out what is not set and lays the user's overrides over the rest; where the last of them is written.
    fn shape(
        &mut self,
        mode: Mode,
        type_name: &str,
        name: &str,
        body: &mut Json,
    ) -> Option<infra_model::Span> {
        prune(body);
        let mut span = None;
        if let Some(overrides) = self.common.r#override.entries() {
            let by_type = match mode {
                Mode::Managed => type_name.to_owned(),
                mode => format!("{}.{type_name}", mode.table()),
            };
            for key in [by_type.clone(), format!("{by_type}.{name}")] {
                let Some(given) = overrides.get(key.as_str()) else {
                    continue;
                };
                let path = format!("input.override[{}]", Json::String(key.clone()));
                merge(body, literal(given, &path));
                span = Some(input::span(self.instance, &format!("override.{key}")));
                self.overridden.insert(key);
            }
        }
        span
    }

    /// An override that reaches nothing is a mistake.
    fn check_overrides(&mut self) {
        let Some(overrides) = self.common.r#override.entries() else {
            return;
        };
        if self.partial || !self.errors.is_empty() {
            return;
        }
        let mut types: Vec<String> = self
            .expansion
            .blocks
            .iter()
            .map(|b| match b.mode {
                Mode::Managed => b.type_name.to_string(),
                mode => format!("{}.{}", mode.table(), b.type_name),
            })
            .collect();
        types.dedup();
        types.sort();
        types.dedup();
        let unused: Vec<String> = overrides
            .keys()
            .filter(|key| !self.overridden.contains(&***key))
            .map(ToString::to_string)
            .collect();
        for key in unused {
            let meant = meant(&key, types.iter().map(String::as_str));
            self.refuse(
                &format!("override.{key}"),
                format!("this {} makes no `{key}`{meant}", self.instance.kind),
                format!("it makes: {}", types.join(", ")),
            );
        }
    }
}

/// Takes out nulls in objects: an attribute that is null is one that is not set.
fn prune(json: &mut Json) {
    match json {
        Json::Object(entries) => {
            entries.retain(|_, v| !v.is_null());
            entries.values_mut().for_each(prune);
        }
        Json::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// Tables are merged, a null takes away, anything else replaces.
fn merge(base: &mut Json, over: Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.shift_remove(&key);
                } else if let Some(inner) = base.get_mut(&key) {
                    merge(inner, value);
                } else {
                    base.insert(key, value);
                }
            }
        }
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_merge_tables_and_replace_the_rest() {
        let mut body = json!({ "a": { "x": 1, "y": 2 }, "list": [1, 2], "gone": true });
        merge(
            &mut body,
            json!({ "a": { "y": 3 }, "list": [3], "gone": null, "new": "n" }),
        );
        assert_eq!(
            body,
            json!({ "a": { "x": 1, "y": 3 }, "list": [3], "new": "n" })
        );
    }
}
