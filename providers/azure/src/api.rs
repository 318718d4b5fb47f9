//! Where a type's resources are: the form of their ids, from which everything else follows. Data; nothing is called here.

use infra_model::resource::Imported;
use infra_model::{ErrorKind, ProviderError, Value};

/// A type of Resource Manager's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Api {
    /// `Microsoft.Network/virtualNetworks`, which errors name.
    pub(crate) name: &'static str,
    /// The api-version.
    pub(crate) version: &'static str,
    /// How ids look: `/subscriptions/{subscription}/resourceGroups/{resource_group_name}/providers/…/{name}`, attributes in
    /// braces. A form that begins with an attribute, `{kubernetes_cluster_id}/agentPools/{name}`, continues the id in it.
    pub(crate) form: &'static str,
    /// Whether it can have tags.
    pub(crate) tags: bool,
    /// Whether the path before the last part lists all.
    pub(crate) listed: bool,
}

/// The form of an id in a resource group: `grouped!("Microsoft.Network/virtualNetworks/{name}")`.
macro_rules! grouped {
    ($rest:literal) => {
        concat!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group_name}/providers/",
            $rest
        )
    };
}
pub(crate) use grouped;

impl Api {
    /// A type with tags.
    pub(crate) const fn new(name: &'static str, version: &'static str, form: &'static str) -> Api {
        Api {
            name,
            version,
            form,
            tags: true,
            listed: true,
        }
    }

    /// The same, of what cannot have tags.
    pub(crate) const fn untagged(self) -> Api {
        Api {
            tags: false,
            ..self
        }
    }

    /// The same, of what is not listed under the path before the last part.
    pub(crate) const fn unlisted(self) -> Api {
        Api {
            listed: false,
            ..self
        }
    }

    /// The attributes that an id is made of, but for the subscription.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &'static str> {
        self.form
            .split('/')
            .filter_map(attribute)
            .filter(|name| *name != "subscription")
    }

    /// The id of a value; otherwise the attribute that is missing.
    pub(crate) fn id_of(&self, value: &Value, subscription: &str) -> Result<String, &'static str> {
        self.filled(subscription, |name| {
            value.get(name).and_then(Value::as_str).map(str::to_owned)
        })
    }

    /// The form with its attributes filled in.
    pub(crate) fn filled(
        &self,
        subscription: &str,
        given: impl Fn(&'static str) -> Option<String>,
    ) -> Result<String, &'static str> {
        let mut parts = Vec::new();
        for part in self.form.split('/') {
            match attribute(part) {
                None => parts.push(part.to_owned()),
                Some("subscription") => parts.push(subscription.to_owned()),
                Some(name) => {
                    let text = given(name).filter(|v| !v.is_empty()).ok_or(name)?;
                    parts.push(text.trim_end_matches('/').to_owned());
                }
            }
        }
        Ok(parts.join("/"))
    }

    /// The attributes that an id tells. Letter case of the fixed parts says nothing.
    pub(crate) fn parts<'a>(&self, id: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let (mut form, mut rest) = (self.form, id.trim_end_matches('/'));
        let mut out = Vec::new();
        loop {
            let (front, part) = form.rsplit_once('/').unwrap_or(("", form));
            if front.is_empty() && !form.starts_with('/') {
                // The attribute that the form begins with is all that is left.
                let name = attribute(part)?;
                (rest.starts_with('/') && rest.len() > 1).then(|| out.push((name, rest)))?;
                break;
            }
            let (before, text) = rest.rsplit_once('/')?;
            match attribute(part) {
                Some(name) if !text.is_empty() => out.push((name, text)),
                None if part.eq_ignore_ascii_case(text) => {}
                _ => return None,
            }
            (form, rest) = (front, before);
            if form.is_empty() {
                rest.is_empty().then_some(())?;
                break;
            }
        }
        out.reverse();
        Some(out)
    }

    /// An id as an import takes it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when it does not look like this type's.
    pub(crate) fn import<R>(&self, id: &str) -> Result<Imported<R>, ProviderError> {
        if self.parts(id).is_none() {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not `{}`", self.form),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// The attribute that a part of a form stands for.
fn attribute(part: &'static str) -> Option<&'static str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// The id of the resource that a child belongs to.
pub(crate) fn parent(id: &str) -> &str {
    let above = |id: &str| id.rfind('/').unwrap_or(0);
    let at = above(id);
    &id[..above(&id[..at])]
}

/// The collection that an id is in: all but its last part.
pub(crate) fn collection(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(front, _)| front)
}

/// The last part of an id.
pub(crate) fn short(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBNET: Api = Api::new(
        "Microsoft.Network/virtualNetworks/subnets",
        "v",
        grouped!("Microsoft.Network/virtualNetworks/{virtual_network_name}/subnets/{name}"),
    );
    const POOL: Api = Api::new(
        "Microsoft.ContainerService/managedClusters/agentPools",
        "v",
        "{kubernetes_cluster_id}/agentPools/{name}",
    );
    const ID: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/a";

    #[test]
    fn ids_are_made_of_attributes() {
        let value = Value::object([
            ("name", "a".into()),
            ("resource_group_name", "g".into()),
            ("virtual_network_name", "v".into()),
        ]);
        assert_eq!(SUBNET.id_of(&value, "s").as_deref(), Ok(ID));
        let without = value.with_attribute("name", Value::NULL);
        assert_eq!(SUBNET.id_of(&without, "s"), Err("name"));
        let pool = Value::object([
            ("name", "p".into()),
            ("kubernetes_cluster_id", "/x/y/".into()),
        ]);
        assert_eq!(POOL.id_of(&pool, "s").as_deref(), Ok("/x/y/agentPools/p"));
    }

    #[test]
    fn ids_tell_their_attributes_whatever_their_letter_case() {
        let told = [
            ("subscription", "s"),
            ("resource_group_name", "g"),
            ("virtual_network_name", "v"),
            ("name", "a"),
        ];
        assert_eq!(SUBNET.parts(ID).as_deref(), Some(&told[..]));
        let lower = ID.replace("resourceGroups", "resourcegroups");
        assert_eq!(SUBNET.parts(&lower).as_deref(), Some(&told[..]));
        let pool = [("kubernetes_cluster_id", "/x/y"), ("name", "p")];
        assert_eq!(POOL.parts("/x/y/agentpools/p").as_deref(), Some(&pool[..]));
        for wrong in ["", "a", "/agentPools/p", "/x/pools/p", "x/agentPools/p"] {
            assert_eq!(POOL.parts(wrong), None, "{wrong}");
        }
        for wrong in [
            "",
            "a",
            "/subscriptions/s",
            &format!("/x{ID}"),
            &ID.replace("/v/", "//"),
        ] {
            assert_eq!(SUBNET.parts(wrong), None, "{wrong}");
        }
        assert_eq!(collection(ID).rsplit('/').next(), Some("subnets"));
        assert_eq!(short(parent(ID)), "v");
    }
}
