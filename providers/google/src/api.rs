//! How a type's collection is reached: where it is, how its members are made, changed and listed. Data; nothing is called here.

use crate::client::Client;
use crate::family::Service;
use infra_model::resource::{Imported, Item};
use infra_model::{ErrorKind, ProviderError, Value};

/// A collection of a service's resources.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Api {
    /// The service.
    pub(crate) service: Service,
    /// `compute.networks`, as method names begin.
    pub(crate) name: &'static str,
    /// `projects/{project}/global/networks`: attributes in braces.
    pub(crate) collection: &'static str,
    /// The attribute that ends the id: `name`.
    pub(crate) key: &'static str,
    /// How a member is made.
    pub(crate) create: Create,
    /// How a member is changed.
    pub(crate) update: Update,
    /// The member of a listing's answer that holds the items.
    pub(crate) items: &'static str,
    /// How calls that take time are answered.
    pub(crate) operations: Operations,
    /// Where labels are.
    pub(crate) labels: Labelled,
}

/// How a member is made: a POST to the collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Create {
    /// `insert`, the member as body.
    Insert,
    /// `create`, the member under a name in the body.
    Wrapped(&'static str),
    /// `create`, the member as body, its name in the query.
    Named(&'static str),
    /// `create`, the member as body.
    Bare,
}

/// How a member is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    /// `patch` with the fields that change.
    Patch,
    /// `patch` with the fields that change and `updateMask` naming them.
    Masked,
    /// Not at all, or by calls of the type's own.
    None,
}

/// How a service answers calls that take time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operations {
    /// There are none: the answer is the member.
    None,
    /// Compute's, found by their `selfLink`.
    Compute,
    /// Kubernetes Engine's: `projects/…/locations/…/operations/…`.
    Container,
    /// Cloud SQL's: `projects/…/operations/…`.
    Sql,
    /// `google.longrunning.Operation`, named by its whole path.
    Rpc,
}

/// Where a type's labels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Labelled {
    /// It has none.
    No,
    /// An attribute, and where the field is, as a JSON pointer.
    At(&'static str, &'static str),
    /// The same, changed by Compute's `setLabels`.
    BySetLabels,
}

impl Labelled {
    /// The attribute and the JSON pointer.
    pub(crate) fn place(self) -> Option<(&'static str, &'static str)> {
        match self {
            Labelled::No => None,
            Labelled::At(attribute, pointer) => Some((attribute, pointer)),
            Labelled::BySetLabels => Some(("labels", "/labels")),
        }
    }
}

impl Api {
    /// The attributes that the collection's path is made of.
    pub(crate) fn path_attributes(&self) -> impl Iterator<Item = &'static str> {
        self.collection.split('/').filter_map(attribute)
    }

    /// How an id looks: `projects/{project}/global/networks/{name}`.
    pub(crate) fn form(&self) -> String {
        format!("{}/{{{}}}", self.collection, self.key)
    }

    /// An id as an import takes it: whole, or without what the provider's configuration says (see [`Api::said`]).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when it does not look like this collection's.
    pub(crate) fn import<R>(&self, id: &str) -> Result<Imported<R>, ProviderError> {
        if self.parts(id).is_none() && self.said(id).is_none() {
            let names: Vec<String> = self
                .attributes()
                .map(|name| format!("{{{name}}}"))
                .collect();
            let shorter = (0..names.len()).map(|from| format!("`{}`", names[from..].join("/")));
            let shorter: Vec<String> = shorter.collect();
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!(
                    "`{id}` is not `{}`, nor a short form of it: {}",
                    self.form(),
                    shorter.join(", ")
                ),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }

    /// The attributes that an id is made of.
    fn attributes(&self) -> impl Iterator<Item = &'static str> {
        self.path_attributes().chain([self.key])
    }

    /// What a short id says, as Terraform takes them: the end of the whole one (`instances/i/databases/d`), or values alone, of which the
    /// first ones may be missing (`p/europe-west1/n`, `europe-west1/n`, `n`).
    fn said<'a>(&self, id: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let texts: Vec<&str> = id.split('/').collect();
        if texts.iter().any(|text| text.is_empty()) {
            return None;
        }
        let form = self.form();
        let form: Vec<&str> = form.split('/').collect();
        let attributes: Vec<&'static str> = self.attributes().collect();
        let named = |part: &str| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            attributes.iter().find(|a| **a == name).copied()
        };
        if let Some(from) = form.len().checked_sub(texts.len()) {
            let pairs = form[from..].iter().zip(&texts);
            if pairs
                .clone()
                .all(|(part, text)| named(part).is_some() || part == text)
            {
                return Some(pairs.filter_map(|(p, t)| Some((named(p)?, *t))).collect());
            }
        }
        // A project before what knows none is said for nothing.
        let texts = match texts.split_first() {
            Some((_, rest))
                if !attributes.contains(&"project") && rest.len() == attributes.len() =>
            {
                rest
            }
            _ => &texts[..],
        };
        let fixed = |text: &&str| {
            form.iter()
                .any(|part| named(part).is_none() && part == text)
        };
        if texts.iter().any(fixed) {
            return None;
        }
        let from = attributes.len().checked_sub(texts.len())?;
        let pairs = attributes[from..].iter().zip(texts);
        Some(pairs.map(|(name, text)| (*name, *text)).collect())
    }

    /// The whole id of one that may be short. What it does not say, the provider's configuration does; what cannot be made whole stays
    /// as it is.
    pub(crate) fn whole(&self, id: &str, default: impl Fn(&str) -> Option<String>) -> String {
        if self.parts(id).is_some() {
            return id.to_owned();
        }
        let Some(said) = self.said(id) else {
            return id.to_owned();
        };
        let value = |name: &str| {
            let said = said.iter().find(|(known, _)| *known == name);
            said.map(|(_, text)| (*text).to_owned())
                .or_else(|| default(name))
        };
        let form = self.form();
        let parts = form.split('/').map(|part| match part.strip_prefix('{') {
            Some(name) => value(name.trim_end_matches('}')),
            None => Some(part.to_owned()),
        });
        let parts: Option<Vec<String>> = parts.collect();
        parts.map_or_else(|| id.to_owned(), |parts| parts.join("/"))
    }

    /// [`Api::whole`], by a client's configuration.
    ///
    /// # Errors
    /// An id that says less than is needed, where the configuration does not say it either.
    pub(crate) fn whole_of(&self, id: &str, client: &Client) -> Result<String, ProviderError> {
        let config = client.config();
        let whole = self.whole(id, |name| match name {
            "project" => Some(client.project().to_owned()),
            "region" | "location" => config.region.clone(),
            "zone" => config.zone.clone(),
            _ => None,
        });
        if self.parts(&whole).is_some() {
            return Ok(whole);
        }
        Err(ProviderError::new(
            ErrorKind::Invalid,
            format!(
                "`{id}` does not say enough: write `{}`, or set what is missing under [clouds.google]",
                self.form()
            ),
        ))
    }

    /// Items by their whole ids, as far as those can be told.
    pub(crate) fn wholes<R: Clone>(&self, items: &[Item<R>], client: &Client) -> Vec<Item<R>> {
        let whole = |item: &Item<R>| Item {
            id: self
                .whole_of(&item.id, client)
                .unwrap_or_else(|_| item.id.clone()),
            ..item.clone()
        };
        items.iter().map(whole).collect()
    }

    /// The collection that a value belongs to. Full names of a parent stand for all that goes before them.
    ///
    /// # Errors
    /// An attribute of the path that is not set, and that the configuration does not give.
    pub(crate) fn collection_of(
        &self,
        value: &Value,
        client: &Client,
    ) -> Result<String, ProviderError> {
        let config = client.config();
        self.path(value, |name| match name {
            "project" => config.project.clone(),
            "region" | "location" => config.region.clone(),
            "zone" => config.zone.clone(),
            _ => None,
        })
        .map_err(|name| {
            ProviderError::invalid(
                name,
                format!("`{name}` is set neither here nor under [clouds.google]"),
            )
        })
    }

    /// The path of the collection, with what `default` gives where the value says nothing; otherwise the missing attribute.
    pub(crate) fn path(
        &self,
        value: &Value,
        default: impl Fn(&str) -> Option<String>,
    ) -> Result<String, &'static str> {
        let given = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .filter(|v| !v.is_empty())
        };
        let parts: Vec<&'static str> = self.collection.split('/').collect();
        // A full name stands for all that goes before it.
        let full = |part: &&'static str| {
            attribute(part)
                .and_then(given)
                .is_some_and(|v| v.contains('/'))
        };
        let from = parts.iter().rposition(full).unwrap_or(0);
        let mut out = String::new();
        for part in &parts[from..] {
            let text = match attribute(part) {
                None => (*part).to_owned(),
                Some(name) => given(name)
                    .map(str::to_owned)
                    .or_else(|| default(name))
                    .ok_or(name)?,
            };
            if text.contains('/') {
                relative(&text).clone_into(&mut out);
            } else {
                if !out.is_empty() {
                    out.push('/');
                }
                out.push_str(&text);
            }
        }
        Ok(out)
    }

    /// What the full name of a parent says of an attribute that comes before it in the path.
    pub(crate) fn parent_of(&self, value: &Value, name: &str) -> Parent {
        let parts: Vec<&'static str> = self.collection.split('/').collect();
        let Some(at) = parts.iter().position(|p| attribute(p) == Some(name)) else {
            return Parent::Silent;
        };
        for (index, part) in parts.iter().enumerate().skip(at + 1) {
            // Places are told by parents, and are none.
            let place = |name: &&str| matches!(*name, "project" | "region" | "zone" | "location");
            let parent = attribute(part).filter(|name| !place(name));
            let Some(said) = parent.and_then(|parent| value.get(parent)) else {
                continue;
            };
            if said.is_unknown() {
                return Parent::Unknown;
            }
            let full = said.as_str().map(relative).unwrap_or_default();
            let full: Vec<&str> = full.split('/').collect();
            if full.len() == index + 1 {
                return Parent::Tells(full[at].to_owned());
            }
        }
        Parent::Silent
    }

    /// The attributes that an id tells, the last one included.
    pub(crate) fn parts<'a>(&self, id: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let (collection, last) = id.rsplit_once('/')?;
        (collection.split('/').count() == self.collection.split('/').count()).then_some(())?;
        let mut out = Vec::new();
        for (part, text) in self.collection.split('/').zip(collection.split('/')) {
            match attribute(part) {
                Some(name) => out.push((name, text)),
                None if part == text => {}
                None => return None,
            }
        }
        out.push((self.key, last));
        out.iter().all(|(_, text)| !text.is_empty()).then_some(out)
    }
}

/// What the parent of something says of the place that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    /// Nothing: it is a short name, or there is none.
    Silent,
    /// It is not known yet.
    Unknown,
    /// This.
    Tells(String),
}

/// The attribute that a part of a collection's path stands for.
fn attribute(part: &'static str) -> Option<&'static str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// The name behind host and version: `projects/p/global/networks/n` of `https://…/compute/v1/projects/p/global/networks/n`.
pub(crate) fn relative(name: &str) -> &str {
    match name.find("projects/") {
        Some(at) if at == 0 || name.as_bytes()[at - 1] == b'/' => &name[at..],
        _ => name,
    }
}

/// The last part of a name.
pub(crate) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::CONTAINER;

    const POOLS: Api = Api {
        service: CONTAINER,
        name: "container.projects.locations.clusters.nodePools",
        collection: "projects/{project}/locations/{location}/clusters/{cluster}/nodePools",
        key: "name",
        create: Create::Wrapped("nodePool"),
        update: Update::None,
        items: "nodePools",
        operations: Operations::Container,
        labels: Labelled::No,
    };

    #[test]
    fn paths_are_made_of_attributes_and_defaults() {
        let default = |name: &str| (name == "project").then(|| "p".to_owned());
        let of = |cluster: &str| {
            Value::object([
                ("location", "europe-west1".into()),
                ("cluster", cluster.into()),
            ])
        };
        let expected = "projects/p/locations/europe-west1/clusters/c/nodePools";
        assert_eq!(POOLS.path(&of("c"), default).as_deref(), Ok(expected));
        for full in [
            "projects/q/locations/l/clusters/c",
            "https://container.googleapis.com/v1/projects/q/locations/l/clusters/c",
        ] {
            assert_eq!(
                POOLS.path(&of(full), default).as_deref(),
                Ok("projects/q/locations/l/clusters/c/nodePools")
            );
        }
        assert_eq!(POOLS.path(&Value::NULL, default), Err("location"));
    }

    #[test]
    fn a_parent_tells_the_place() {
        let cluster = |cluster: Value| Value::object([("cluster", cluster)]);
        let full = cluster("projects/q/locations/europe-west4/clusters/c".into());
        let tells = |text: &str| Parent::Tells(text.to_owned());
        assert_eq!(POOLS.parent_of(&full, "location"), tells("europe-west4"));
        assert_eq!(POOLS.parent_of(&full, "project"), tells("q"));
        let short = cluster("c".into());
        assert_eq!(POOLS.parent_of(&short, "location"), Parent::Silent);
        let unknown = cluster(Value::UNKNOWN);
        assert_eq!(POOLS.parent_of(&unknown, "location"), Parent::Unknown);
    }

    #[test]
    fn short_ids_become_whole() {
        let default = |name: &str| match name {
            "project" => Some("p".to_owned()),
            "location" => Some("l".to_owned()),
            _ => None,
        };
        let whole = "projects/p/locations/l/clusters/c/nodePools/n";
        for id in [
            whole,
            "locations/l/clusters/c/nodePools/n",
            "clusters/c/nodePools/n",
            "p/l/c/n",
            "l/c/n",
            "c/n",
        ] {
            assert_eq!(POOLS.whole(id, default), whole, "{id}");
            assert!(POOLS.import::<()>(id).is_ok(), "{id}");
        }
        // It says too little, or something else.
        assert_eq!(POOLS.whole("n", default), "n");
        for id in [
            "",
            "c//n",
            "a/p/l/c/n",
            "projects/p/c/n",
            "p/zones/l/clusters/c/nodePools/n",
        ] {
            let error = POOLS.import::<()>(id).map(drop).expect_err(id);
            assert!(
                error.message.contains("`{location}/{cluster}/{name}`"),
                "{error}"
            );
        }
        let buckets = Api {
            collection: "b",
            ..POOLS
        };
        for id in ["b/shop", "shop", "p/shop"] {
            assert_eq!(buckets.whole(id, default), "b/shop", "{id}");
        }
    }

    #[test]
    fn ids_tell_their_attributes() {
        let parts = POOLS.parts("projects/p/locations/l/clusters/c/nodePools/n");
        let expected = [
            ("project", "p"),
            ("location", "l"),
            ("cluster", "c"),
            ("name", "n"),
        ];
        assert_eq!(parts.as_deref(), Some(&expected[..]));
        for wrong in [
            "n",
            "projects/p/zones/l/clusters/c/nodePools/n",
            "projects//locations/l/clusters/c/nodePools/n",
        ] {
            assert_eq!(POOLS.parts(wrong), None, "{wrong}");
        }
    }
}
