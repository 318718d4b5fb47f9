//! A stack's resources as managed resources of Crossplane's (`*.m.upbound.io`), by which a control plane looks at them or owns them.
//! Each names what is there already, so that nothing is made anew; what is secret stands in none.

mod exceptions;
mod kinds;
mod values;

use infra_draft::names;
use infra_model::schema::Block;
use kinds::{Kind, Named};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// The annotation by which Crossplane finds what is there.
pub const EXTERNAL_NAME: &str = "crossplane.io/external-name";
/// The annotation that says where it comes from.
pub const ADDRESS: &str = "infra/address";
/// The version of the managed resources' API.
const VERSION: &str = "v1beta1";

/// A resource as a state has it.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// `network.main.aws_vpc.this`
    pub address: &'a str,
    /// `aws_vpc`
    pub type_name: &'a str,
    /// The alias of its provider, if it has one.
    pub alias: Option<&'a str>,
    /// The cloud's id.
    pub id: &'a str,
    /// Its attributes.
    pub attributes: &'a Json,
    /// Attributes and blocks that hold something secret, although their type does not say so.
    pub secret: &'a BTreeSet<String>,
    /// What its type says of them.
    pub schema: &'a Block,
    /// The region of its provider.
    pub region: Option<&'a str>,
}

/// What Crossplane may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Look, and change nothing.
    Observe,
    /// Change what differs, and leave everything where it is when its manifest goes.
    Change,
    /// All of it: what a manifest stood for is deleted with it.
    Own,
}

impl Rights {
    /// <https://docs.crossplane.io/latest/managed-resources/managed-resources/#managementpolicies>
    fn policies(self) -> Json {
        match self {
            Rights::Observe => json!(["Observe"]),
            Rights::Change => json!(["Create", "LateInitialize", "Observe", "Update"]),
            Rights::Own => json!(["*"]),
        }
    }
}

/// How it is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespace of the managed resources.
    pub namespace: String,
    /// The ClusterProviderConfig of providers without an alias.
    pub config: String,
    /// What Crossplane may do.
    pub rights: Rights,
}

/// A secret that somebody must put where a manifest looks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The Secret, in the namespace of the managed resources.
    pub name: String,
    /// The key in it.
    pub key: String,
    /// The resource that it is of.
    pub address: String,
}

/// A managed resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// `vpc-network-main-this`
    pub name: String,
    /// Itself.
    pub object: Json,
}

/// What became of a stack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    /// The managed resources, in the order of addresses, and before them the policy that has the definitions of their kinds activated.
    pub manifests: Vec<Manifest>,
    /// Of the cloud's, what has no kind: addresses, each with the reason.
    pub unmanaged: Vec<(String, &'static str)>,
    /// What is not of a cloud: objects in clusters, and what lives in the state alone.
    pub elsewhere: Vec<String>,
    /// What must be put somewhere by hand.
    pub secrets: Vec<Secret>,
    /// What holds something secret where Crossplane takes no Secret, and is left out: an address and an attribute.
    pub withheld: Vec<(String, String)>,
    /// What Crossplane has kinds of its own for, which are not written: an address and an attribute.
    pub apart: Vec<(String, &'static str)>,
    /// The providers that must be installed: `provider-aws-ec2`.
    pub providers: BTreeSet<String>,
    /// The configurations that must be there: cloud and name.
    pub configs: BTreeSet<(String, String)>,
}

/// Turns resources into managed resources.
#[must_use]
pub fn export(resources: &[Resource<'_>], options: &Options) -> Export {
    let mut out = Export::default();
    let mut taken = BTreeSet::new();
    let mut activated = BTreeSet::new();
    for resource in resources {
        let cloud = resource.type_name.split('_').next().unwrap_or_default();
        if !["aws", "google", "azurerm"].contains(&cloud) {
            out.elsewhere.push(resource.address.to_owned());
            continue;
        }
        let kind = Kind::of(resource.type_name);
        let named = kind.and_then(|kind| Some((kind, external_name(&kind, resource)?)));
        let Some((kind, external)) = named else {
            let reason = match kind {
                Some(_) => "what Crossplane would find it by is secret, or not known",
                None => kinds::reason(resource.type_name),
            };
            out.unmanaged.push((resource.address.to_owned(), reason));
            continue;
        };
        let name = unique(&kind, resource.address, &mut taken);
        activated.insert(kind.plural());
        out.providers.insert(kind.provider());
        let cloud = kind.group.rsplit('.').nth(3).unwrap_or(cloud);
        let config = resource.alias.unwrap_or(&options.config);
        out.configs.insert((cloud.to_owned(), config.to_owned()));
        let object = object(&kind, resource, &name, &external, options, &mut out.secrets);
        let moved = exceptions::moved(resource.type_name, resource.attributes);
        out.apart.extend(
            moved
                .into_iter()
                .map(|name| (resource.address.to_owned(), name)),
        );
        let plain = resource.secret.iter().filter(|name| {
            let schema = resource.schema;
            match schema.attributes.get(name.as_str()) {
                Some(a) => (a.required || a.optional) && !a.sensitive,
                // What only the cloud fills stands nowhere.
                None => schema
                    .blocks
                    .get(name.as_str())
                    .is_some_and(|b| values::holds(&b.block)),
            }
        });
        out.withheld
            .extend(plain.map(|name| (resource.address.to_owned(), name.clone())));
        out.manifests.push(Manifest { name, object });
    }
    if !activated.is_empty() {
        let object = json!({
            "apiVersion": "apiextensions.crossplane.io/v1alpha1",
            "kind": "ManagedResourceActivationPolicy",
            "metadata": { "name": format!("{}-export", options.namespace) },
            "spec": { "activate": activated },
        });
        let name = "0-activate".to_owned();
        out.manifests.insert(0, Manifest { name, object });
    }
    out
}

fn external_name(kind: &Kind, resource: &Resource<'_>) -> Option<String> {
    let attribute = |name: &str| {
        let known = !resource.secret.contains(name);
        let text = resource.attributes[name].as_str();
        text.filter(|v| known && !v.is_empty())
    };
    let found = match kind.named {
        Named::Id => resource.id,
        Named::Only(name) => attribute(name)?,
        Named::Too(name) => attribute(name).unwrap_or(resource.id),
        Named::Alias => {
            let name = attribute("name").unwrap_or(resource.id);
            name.strip_prefix("alias/").unwrap_or(name)
        }
    };
    (!found.is_empty()).then(|| found.to_owned())
}

fn object(
    kind: &Kind,
    resource: &Resource<'_>,
    name: &str,
    external: &str,
    options: &Options,
    secrets: &mut Vec<Secret>,
) -> Json {
    let sensitive = |attribute: &str| {
        let known = resource.schema.attributes.get(attribute);
        known.is_some_and(|a| a.sensitive)
    };
    let omitted = |attribute: &str, beside: &Json| {
        if exceptions::omits(resource.type_name, attribute, beside) {
            return true;
        }
        // Below, of the resource itself.
        if attribute.contains('.') {
            return false;
        }
        if resource.secret.contains(attribute) && !sensitive(attribute) {
            return true;
        }
        // An id is no input; tags come below.
        let own = ["id", "region", "tags", "timeouts"].contains(&attribute);
        let named = match kind.named {
            Named::Only(of) => attribute == of || attribute.strip_suffix("_prefix") == Some(of),
            Named::Alias => ["name", "name_prefix"].contains(&attribute),
            Named::Id | Named::Too(_) => {
                attribute.ends_with("_prefix") && prefix(resource, attribute)
            }
        };
        own || named
    };
    let mut secret = |path: &str| {
        let key = path.replace(['.', '_'], "-");
        secrets.push(Secret {
            name: name.to_owned(),
            key: key.clone(),
            address: resource.address.to_owned(),
        });
        json!({ "name": name, "key": key })
    };
    let mut fields: Map<String, Json> = values::fields(
        resource.schema,
        resource.attributes,
        "",
        &omitted,
        &mut secret,
    );
    for (ours, theirs) in exceptions::renamed(resource.type_name) {
        if let Some(value) = fields.shift_remove(&values::camel(ours)) {
            fields.insert(values::camel(theirs), value);
        }
    }
    // All tags that it has: those that a provider gives to everything would be taken away otherwise.
    for (own, all) in [("tags", "tags_all"), ("labels", "effective_labels")] {
        let there = |name: &str| resource.schema.attributes.contains_key(name);
        let found = &resource.attributes[if there(all) { all } else { own }];
        let plain = !resource.secret.contains(own) && !resource.secret.contains(all);
        if plain && there(own) && found.as_object().is_some_and(|t| !t.is_empty()) {
            fields.insert(own.to_owned(), found.clone());
        }
    }
    let own_region = resource.attributes["region"].as_str();
    if kind.region
        && let Some(region) = own_region.or(resource.region)
    {
        fields.insert("region".to_owned(), json!(region));
    } else if !kind.region
        && resource
            .schema
            .attributes
            .get("region")
            .is_some_and(|a| a.required || a.optional)
        && let Some(region) = own_region
    {
        fields.insert("region".to_owned(), json!(region));
    }
    json!({
        "apiVersion": format!("{}/{VERSION}", kind.group),
        "kind": kind.kind,
        "metadata": {
            "name": name,
            "namespace": options.namespace,
            "annotations": { EXTERNAL_NAME: external, ADDRESS: resource.address },
        },
        "spec": {
            "managementPolicies": options.rights.policies(),
            "providerConfigRef": {
                "kind": "ClusterProviderConfig",
                "name": resource.alias.unwrap_or(&options.config),
            },
            "forProvider": fields,
        },
    })
}

/// Whether an attribute is the beginning of a name that is known whole.
fn prefix(resource: &Resource<'_>, attribute: &str) -> bool {
    let whole = attribute.strip_suffix("_prefix").unwrap_or(attribute);
    resource.attributes[whole].is_string()
}

/// A text as the name of a namespace.
#[must_use]
pub fn label(text: &str) -> String {
    names::start(&names::slug(text), 63)
}

/// A name of an object, from the kind and the address: each has its own, the same in every run.
fn unique(kind: &Kind, address: &str, taken: &mut BTreeSet<String>) -> String {
    let whole = format!("{}-{}", kind.kind, address.replace(kind.type_name, ""));
    let mut name = names::slug(&whole);
    if name.len() > 63 || taken.contains(&name) {
        name = format!("{}-{:08x}", names::start(&name, 50), names::number(address));
    }
    taken.insert(name.clone());
    name
}

/// The types that have a managed kind, with group and kind.
pub fn known() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    kinds::all().map(|k| (k.type_name, k.group, k.kind))
}

#[cfg(test)]
mod tests;
