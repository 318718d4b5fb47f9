//! What every write of a client goes through: decoding, defaults, admission, checks, `managedFields`, versions. The
//! verbs say what shall be written; this room says whether and how.

use std::sync::Arc;

use serde_json::{Value, json};

use super::admission;
use super::apply::{self, Manager};
use super::auth::User;
use super::error::{ApiError, ApiResult, Cause};
use super::kinds::{Resource, api_version};
use super::request::Validation;
use super::store::Session;
use super::value::{is_deleting, list, remove, same, set, text, without_nulls};
use super::{defaults, meta, rules, validate};

/// One write.
#[derive(Debug)]
pub(super) struct Write<'r> {
    pub(super) resource: &'r Arc<Resource>,
    /// Of the request's path.
    pub(super) namespace: &'r str,
    pub(super) subresource: &'r str,
    pub(super) manager: String,
    pub(super) validation: Validation,
    pub(super) user: &'r User,
}

/// How the new object came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Update,
    Apply,
}

impl Write<'_> {
    fn manager_of(&self, apply: bool) -> Manager {
        Manager {
            name: self.manager.clone(),
            apply,
            version: self.resource.api_version(),
            subresource: self.subresource.to_owned(),
        }
    }

    fn invalid(&self, name: &str, causes: Vec<Cause>) -> ApiError {
        ApiError::invalid(&self.resource.group, &self.resource.kind, name, causes)
    }

    /// Reads a body as an object of the resource: its kind, its fields, its namespace.
    pub(super) fn decode(&self, session: &mut Session<'_>, body: &mut Value) -> ApiResult<()> {
        let resource = self.resource;
        if !body.is_object() {
            return Err(ApiError::bad("the body is no object"));
        }
        without_nulls(body);
        for (member, wanted) in [
            ("apiVersion", resource.api_version()),
            ("kind", resource.kind.clone()),
        ] {
            match text(body, &format!("/{member}")) {
                "" if resource.is_custom() => {
                    let message = format!("Object '{member}' is missing in request body");
                    return Err(ApiError::bad(message));
                }
                "" => set(body, member, wanted),
                found if found == wanted => {}
                found => {
                    let message = format!(
                        "{} in version {:?} cannot be handled as a {}: no kind {:?} is registered for version {:?} here ({member} is {found:?}, not {wanted:?})",
                        text(body, "/kind"),
                        text(body, "/apiVersion"),
                        resource.kind,
                        text(body, "/kind"),
                        text(body, "/apiVersion"),
                    );
                    return Err(ApiError::bad(message));
                }
            }
        }
        self.fields(session, body)?;
        let namespace = text(body, "/metadata/namespace").to_owned();
        if resource.namespaced {
            if namespace.is_empty() {
                set(body, "metadata/namespace", self.namespace);
            } else if namespace != self.namespace {
                return Err(ApiError::bad(format!(
                    "the namespace of the provided object does not match the namespace sent on the request: {namespace} is not {}",
                    self.namespace
                )));
            }
        } else if !namespace.is_empty() {
            remove(body, "metadata/namespace");
        }
        Ok(())
    }

    /// Unknown and mistyped fields.
    fn fields(&self, session: &mut Session<'_>, body: &mut Value) -> ApiResult<()> {
        let resource = self.resource;
        let schema = resource.schema();
        let mut found = Vec::new();
        validate::unknown(schema, body, "", &mut found);
        if !found.is_empty() {
            let said: Vec<String> = found
                .iter()
                .map(|path| format!("unknown field {path:?}"))
                .collect();
            match self.validation {
                Validation::Strict => {
                    let message = format!(
                        "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                        resource.kind,
                        resource.version,
                        resource.kind,
                        said.join(", ")
                    );
                    return Err(ApiError::bad(message));
                }
                Validation::Warn => session.warnings.extend(said),
                Validation::Ignore => {}
            }
            validate::prune(schema, body);
        }
        let metadata = super::schema::definition(super::schema::OBJECT_META);
        let wrong = if resource.is_custom() {
            // The rest of a custom resource is checked with what its schema says.
            validate::mistyped(metadata, &body["metadata"], "metadata")
        } else {
            validate::mistyped(schema, body, "")
        };
        if let Some((path, wanted, there)) = wrong {
            let message = format!(
                "{} in version {:?} cannot be handled as a {}: json: cannot unmarshal {there} into Go struct field {}.{path} of type {wanted}",
                resource.kind, resource.version, resource.kind, resource.kind
            );
            return Err(ApiError::bad(message));
        }
        Ok(())
    }

    /// Makes an object of a decoded body.
    pub(super) fn create(
        &self,
        session: &mut Session<'_>,
        mut new: Value,
        origin: Origin,
        fields: Option<&Value>,
    ) -> ApiResult<Arc<Value>> {
        let resource = self.resource;
        if text(&new, "/metadata/name").is_empty() {
            let stem = text(&new, "/metadata/generateName").to_owned();
            if stem.is_empty() {
                let cause = Cause::required("metadata.name", "name or generateName is required");
                return Err(self.invalid("", vec![cause]));
            }
            let mut stem = stem;
            stem.truncate(58);
            let name = format!("{stem}{}", session.suffix(5));
            set(&mut new, "metadata/name", name);
        }
        let name = text(&new, "/metadata/name").to_owned();
        if !text(&new, "/metadata/resourceVersion").is_empty() {
            return Err(ApiError::bad(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        for member in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "managedFields",
        ] {
            remove(&mut new, &format!("metadata/{member}"));
        }
        admission::namespace(session, resource, self.namespace, &name)?;
        let id = resource.id(self.namespace, &name);
        if let Some(old) = session.get(&id) {
            if origin == Origin::Update && is_deleting(&old) {
                let detail = format!(
                    "object is being deleted: {} {name:?} already exists",
                    resource.plural
                );
                return Err(ApiError::new(409, "AlreadyExists", detail));
            }
            return Err(ApiError::exists(&resource.group, &resource.plural, &name));
        }
        if resource.has_status() && resource.kind != "CertificateSigningRequest" {
            remove(&mut new, "status");
        }
        session.stamp(&mut new);
        super::verbs::identify(resource, &mut new);
        defaults::fill(resource, &mut new);
        if resource.is_custom() {
            validate::default(resource.schema(), &mut new);
        }
        rules::prepare(session, resource, None, &mut new);
        admission::mutate(session, resource, self.user, &mut new)?;
        self.check(session, None, &new)?;
        admission::validate(session, resource, None, &new)?;
        // What the server adds by itself is nobody's.
        let applied = fields.map(|config| {
            apply::apply(
                resource,
                None,
                config,
                &self.manager_of(true),
                true,
                &session.time(),
            )
        });
        match applied {
            Some(applied) => {
                let applied = applied?;
                set(
                    &mut new,
                    "metadata/managedFields",
                    applied["metadata"]["managedFields"].clone(),
                );
            }
            None => {
                let now = session.time();
                apply::updated(resource, None, &mut new, &self.manager_of(false), &now);
            }
        }
        Ok(session.write(resource, new))
    }

    /// Puts a new object in the place of an old one.
    pub(super) fn update(
        &self,
        session: &mut Session<'_>,
        old: &Arc<Value>,
        mut new: Value,
        origin: Origin,
    ) -> ApiResult<Arc<Value>> {
        let resource = self.resource;
        let name = text(old, "/metadata/name").to_owned();
        let (group, plural) = (resource.group.as_str(), resource.plural.as_str());
        if text(&new, "/metadata/name") != name {
            return Err(ApiError::bad(format!(
                "the name of the object ({}) does not match the name on the URL ({name})",
                text(&new, "/metadata/name")
            )));
        }
        let uid = text(&new, "/metadata/uid");
        if !uid.is_empty() && uid != text(old, "/metadata/uid") {
            let detail = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                text(old, "/metadata/uid")
            );
            return Err(ApiError::conflict(group, plural, &name, &detail));
        }
        let version = text(&new, "/metadata/resourceVersion");
        if !version.is_empty() && version != text(old, "/metadata/resourceVersion") {
            return Err(ApiError::modified(group, plural, &name));
        }
        self.carry_over(old, &mut new);
        if self.subresource.is_empty() {
            defaults::fill(resource, &mut new);
            rules::prepare(session, resource, Some(old), &mut new);
        }
        if resource.is_custom() {
            validate::default(resource.schema(), &mut new);
        }
        if self.subresource != "status" {
            admission::mutate_update(resource, old, &mut new);
            self.check(session, Some(old), &new)?;
            admission::validate(session, resource, Some(old), &new)?;
        } else if resource.is_custom() {
            self.check(session, Some(old), &new)?;
        }
        if origin == Origin::Update {
            let now = session.time();
            apply::updated(resource, Some(old), &mut new, &self.manager_of(false), &now);
        }
        self.generation(old, &mut new);
        if unchanged(old, &new) {
            return Ok(old.clone());
        }
        let deleted = is_deleting(old);
        let held = !list(&new, "/metadata/finalizers").is_empty()
            || resource.kind == "Namespace" && !list(&new, "/spec/finalizers").is_empty()
            || resource.kind == "Pod" && new["metadata"]["deletionGracePeriodSeconds"] != 0;
        let written = session.write(resource, new);
        if deleted && !held {
            let id = resource.id(self.namespace, &name);
            session.erase(&resource.table(), &id);
        }
        Ok(written)
    }

    /// What a write of this kind cannot change.
    fn carry_over(&self, old: &Value, new: &mut Value) {
        let resource = self.resource;
        if self.subresource == "status" {
            let status = new.get("status").cloned();
            let mut kept = old.clone();
            if !resource.is_custom() {
                for member in ["labels", "annotations", "finalizers"] {
                    match new["metadata"].get(member).cloned() {
                        Some(value) => set(&mut kept, &format!("metadata/{member}"), value),
                        None => drop(remove(&mut kept, &format!("metadata/{member}"))),
                    }
                }
            }
            if let Some(fields) = new["metadata"].get("managedFields").cloned() {
                set(&mut kept, "metadata/managedFields", fields);
            }
            match status {
                Some(status) => set(&mut kept, "status", status),
                None => drop(remove(&mut kept, "status")),
            }
            *new = kept;
        } else if resource.has_status() {
            match old.get("status") {
                Some(status) => set(new, "status", status.clone()),
                None => drop(remove(new, "status")),
            }
        }
        set(
            new,
            "apiVersion",
            api_version(&resource.group, &resource.storage),
        );
        for member in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "resourceVersion",
            "generateName",
        ] {
            match old["metadata"].get(member) {
                Some(value) => set(new, &format!("metadata/{member}"), value.clone()),
                None => drop(remove(new, &format!("metadata/{member}"))),
            }
        }
        if new["metadata"].get("managedFields").is_none()
            && let Some(fields) = old["metadata"].get("managedFields")
        {
            set(new, "metadata/managedFields", fields.clone());
        }
    }

    /// Grows with every change of what is wanted.
    fn generation(&self, old: &Value, new: &mut Value) {
        let resource = self.resource;
        let Some(generation) = old["metadata"]["generation"].as_i64() else {
            return;
        };
        let wanted = |value: &Value| {
            let mut copy = value.clone();
            for member in ["metadata", "apiVersion"] {
                remove(&mut copy, member);
            }
            if resource.has_status() {
                remove(&mut copy, "status");
            }
            copy
        };
        if !same(&wanted(old), &wanted(new)) {
            set(new, "metadata/generation", generation + 1);
        }
    }

    fn check(&self, session: &Session<'_>, old: Option<&Value>, new: &Value) -> ApiResult<()> {
        let resource = self.resource;
        let name = text(new, "/metadata/name");
        let mut causes = Vec::new();
        meta::check(resource, old, new, &mut causes);
        if resource.is_custom() {
            validate::check(resource.schema(), new, "", &mut causes);
        } else {
            validate::missing(resource.schema(), new, "", &mut causes);
            if causes.is_empty() {
                rules::check(session, resource, old, new, &mut causes);
            }
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(self.invalid(name, causes))
    }

    /// Applies a configuration: makes the object, or changes it.
    pub(super) fn apply(
        &self,
        session: &mut Session<'_>,
        name: &str,
        mut config: Value,
        force: bool,
    ) -> ApiResult<(Arc<Value>, bool)> {
        let resource = self.resource;
        self.decode(session, &mut config)?;
        match text(&config, "/metadata/name") {
            "" => set(&mut config, "metadata/name", name),
            found if found != name => {
                return Err(ApiError::bad(format!(
                    "the name of the object ({found}) does not match the name on the URL ({name})"
                )));
            }
            _ => {}
        }
        if config
            .pointer("/metadata/managedFields")
            .is_some_and(|fields| fields.as_array().is_none_or(|fields| !fields.is_empty()))
        {
            return Err(ApiError::bad("metadata.managedFields must be nil"));
        }
        remove(&mut config, "metadata/managedFields");
        let old = session.get(&resource.id(self.namespace, name));
        let Some(old) = old else {
            if !self.subresource.is_empty() {
                return Err(ApiError::not_found(&resource.group, &resource.plural, name));
            }
            if !text(&config, "/metadata/uid").is_empty() {
                let detail = "uid mismatch: the provided object specified uid, and no existing object was found";
                return Err(ApiError::conflict(
                    &resource.group,
                    &resource.plural,
                    name,
                    detail,
                ));
            }
            let made = self.create(session, config.clone(), Origin::Apply, Some(&config))?;
            return Ok((made, true));
        };
        let version = text(&config, "/metadata/resourceVersion").to_owned();
        if !version.is_empty() && version != text(&old, "/metadata/resourceVersion") {
            return Err(ApiError::modified(&resource.group, &resource.plural, name));
        }
        let live = session.shown(resource, &old);
        let now = session.time();
        let new = apply::apply(
            resource,
            Some(&live),
            &config,
            &self.manager_of(true),
            force,
            &now,
        )?;
        let written = self.update(session, &old, new, Origin::Apply)?;
        Ok((written, false))
    }
}

/// Whether nothing but the times of managers differs.
fn unchanged(old: &Value, new: &Value) -> bool {
    let timeless = |value: &Value| {
        let mut copy = value.clone();
        if let Some(entries) = copy
            .pointer_mut("/metadata/managedFields")
            .and_then(Value::as_array_mut)
        {
            for entry in entries {
                entry["time"] = json!("");
            }
        }
        copy
    };
    same(&timeless(old), &timeless(new))
}
