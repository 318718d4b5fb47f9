//! Which resources a cluster serves: the built-in ones, and those that its custom resource definitions add.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::schema::{Node, OBJECT_META, Schema, Type, any, definition, type_of};
use super::value::{list, text};

/// A part of a resource with a path of its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subresource {
    pub(super) name: String,
    /// Group, version and kind of its body.
    pub(super) kind: (String, String, String),
    pub(super) verbs: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) format: String,
    pub(super) description: String,
    pub(super) priority: i64,
    pub(super) path: String,
}

/// Where a custom resource has what `scale` shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScalePaths {
    pub(super) spec: String,
    pub(super) status: String,
    pub(super) selector: Option<String>,
}

/// A kind in one of its versions.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) singular: String,
    pub(super) short_names: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) namespaced: bool,
    pub(super) verbs: Vec<String>,
    pub(super) subresources: Vec<Subresource>,
    /// Of a custom resource; built-in kinds have theirs by name.
    schema: Option<Schema>,
    named: Option<&'static str>,
    pub(super) columns: Vec<Column>,
    pub(super) scale: Option<ScalePaths>,
    /// The custom resource definition's name, of a custom resource.
    pub(super) definition: Option<String>,
    /// The version that is stored.
    pub(super) storage: String,
}

impl Resource {
    pub(super) fn schema(&self) -> &Schema {
        match (&self.schema, self.named) {
            (Some(schema), _) => schema,
            (None, Some(name)) => definition(name),
            (None, None) => any(),
        }
    }

    pub(super) fn is_custom(&self) -> bool {
        self.definition.is_some()
    }

    pub(super) fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|sub| sub.name == name)
    }

    /// `apps/v1`, or `v1` of the core group.
    pub(super) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// What its objects' ids begin with.
    pub(super) fn table(&self) -> String {
        format!("{}/{}/", self.group, self.plural)
    }

    /// The id of an object.
    pub(super) fn id(&self, namespace: &str, name: &str) -> String {
        id(&self.group, &self.plural, namespace, name)
    }

    /// Whether its objects have a status of their own, which only `status` writes.
    pub(super) fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }
}

pub(super) fn api_version(group: &str, version: &str) -> String {
    match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    }
}

/// The id of an object; sorts as a list of them does.
pub(super) fn id(group: &str, plural: &str, namespace: &str, name: &str) -> String {
    format!("{group}/{plural}/{namespace}/{name}")
}

/// A group and its versions, the preferred one first.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) versions: Vec<(String, Vec<Arc<Resource>>)>,
}

/// The built-in groups, in the order of discovery.
pub(super) fn builtin() -> &'static [Group] {
    static GROUPS: OnceLock<Vec<Group>> = OnceLock::new();
    GROUPS.get_or_init(|| {
        let groups: Vec<Value> = serde_json::from_str(include_str!("schema/resources.json"))
            .expect("the generated file is JSON");
        groups.iter().map(read_group).collect()
    })
}

fn read_group(value: &Value) -> Group {
    let name = text(value, "/group");
    let versions = list(value, "/versions").iter().map(|version| {
        let resources = list(version, "/resources");
        let resources = resources
            .iter()
            .map(|resource| Arc::new(read_builtin(name, text(version, "/version"), resource)));
        (text(version, "/version").to_owned(), resources.collect())
    });
    Group {
        name: name.to_owned(),
        versions: versions.collect(),
    }
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    let items = list(value, pointer).iter();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn read_builtin(group: &str, version: &str, value: &Value) -> Resource {
    let kind = text(value, "/responseKind/kind").to_owned();
    let subresources = list(value, "/subresources").iter().map(|sub| Subresource {
        name: text(sub, "/subresource").to_owned(),
        kind: (
            text(sub, "/responseKind/group").to_owned(),
            text(sub, "/responseKind/version").to_owned(),
            text(sub, "/responseKind/kind").to_owned(),
        ),
        verbs: strings(sub, "/verbs"),
    });
    Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        named: type_of(group, version, &kind),
        plural: text(value, "/resource").to_owned(),
        singular: text(value, "/singularResource").to_owned(),
        short_names: strings(value, "/shortNames"),
        categories: strings(value, "/categories"),
        namespaced: text(value, "/scope") == "Namespaced",
        verbs: strings(value, "/verbs"),
        subresources: subresources.collect(),
        schema: None,
        columns: Vec::new(),
        scale: None,
        definition: None,
        storage: version.to_owned(),
        kind,
    }
}

/// A built-in resource.
pub(super) fn find_builtin(group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
    let group = builtin().iter().find(|known| known.name == group)?;
    let (_, resources) = group.versions.iter().find(|(name, _)| name == version)?;
    resources
        .iter()
        .find(|resource| resource.plural == plural)
        .cloned()
}

/// A built-in resource that there is, by group and name.
pub(super) fn known(group: &str, plural: &str) -> Arc<Resource> {
    preferred(group, plural).expect("callers name built-in resources")
}

/// A built-in resource by group and name, in whatever version is preferred.
pub(super) fn preferred(group: &str, plural: &str) -> Option<Arc<Resource>> {
    static KNOWN: OnceLock<HashMap<(String, String), Arc<Resource>>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let mut known = HashMap::new();
        for group in builtin() {
            for resource in group.versions.iter().flat_map(|(_, resources)| resources) {
                known
                    .entry((group.name.clone(), resource.plural.clone()))
                    .or_insert_with(|| resource.clone());
            }
        }
        known
    });
    known.get(&(group.to_owned(), plural.to_owned())).cloned()
}

/// Whether a group is built in: nobody may define custom resources in it.
pub(super) fn is_builtin_group(name: &str) -> bool {
    builtin().iter().any(|group| group.name == name)
}

/// What a custom resource definition defines.
#[derive(Debug)]
pub(super) struct Definition {
    /// Every version that is served, the preferred one first.
    pub(super) resources: Vec<Arc<Resource>>,
}

const ALL_VERBS: [&str; 8] = [
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

/// Reads an accepted custom resource definition.
pub(super) fn read_definition(value: &Value) -> Definition {
    let group = text(value, "/spec/group");
    let names = &value["spec"]["names"];
    let accepted = match &value["status"]["acceptedNames"] {
        accepted if text(accepted, "/plural").is_empty() => names,
        accepted => accepted,
    };
    let versions = list(value, "/spec/versions");
    let storage = versions
        .iter()
        .find(|version| version["storage"] == true)
        .map_or("", |version| text(version, "/name"));
    let mut resources: Vec<_> = versions
        .iter()
        .filter(|version| version["served"] == true)
        .map(|version| {
            let name = text(version, "/name");
            Arc::new(Resource {
                group: group.to_owned(),
                version: name.to_owned(),
                kind: text(names, "/kind").to_owned(),
                plural: text(names, "/plural").to_owned(),
                singular: match text(names, "/singular") {
                    "" => text(names, "/kind").to_lowercase(),
                    singular => singular.to_owned(),
                },
                short_names: strings(accepted, "/shortNames"),
                categories: strings(accepted, "/categories"),
                namespaced: text(value, "/spec/scope") == "Namespaced",
                verbs: ALL_VERBS.map(str::to_owned).into(),
                subresources: subresources(group, name, version, text(names, "/kind")),
                schema: Some(root_schema(&version["schema"]["openAPIV3Schema"], value)),
                named: None,
                columns: columns(version),
                scale: scale_paths(version),
                definition: Some(text(value, "/metadata/name").to_owned()),
                storage: storage.to_owned(),
            })
        })
        .collect();
    resources.sort_by_key(|resource| std::cmp::Reverse(priority(&resource.version)));
    Definition { resources }
}

/// Versions in the order of Kubernetes: general ones before betas before alphas, newer before older.
fn priority(version: &str) -> (u8, u32, u32) {
    let parse = |text: &str| text.parse::<u32>().ok();
    let Some(rest) = version.strip_prefix('v') else {
        return (0, 0, 0);
    };
    for (word, rank) in [("beta", 2), ("alpha", 1)] {
        if let Some((major, minor)) = rest.split_once(word)
            && let (Some(major), Some(minor)) = (parse(major), parse(minor))
        {
            return (rank, major, minor);
        }
    }
    parse(rest).map_or((0, 0, 0), |major| (3, major, 0))
}

fn root_schema(value: &Value, definition: &Value) -> Schema {
    let mut schema = Schema::read(value);
    if definition["spec"]["preserveUnknownFields"] == true {
        schema.preserve = true;
    }
    schema.kind = Type::Object;
    for name in ["apiVersion", "kind"] {
        let text = Schema {
            kind: Type::String,
            ..Schema::default()
        };
        schema
            .properties
            .insert(name.to_owned(), Node::Inline(Box::new(text)));
    }
    schema
        .properties
        .insert("metadata".to_owned(), Node::Named(OBJECT_META.to_owned()));
    schema
}

fn subresources(group: &str, version: &str, value: &Value, kind: &str) -> Vec<Subresource> {
    let verbs = ["get", "patch", "update"].map(str::to_owned).to_vec();
    let mut found = Vec::new();
    if value["subresources"]["status"].is_object() {
        found.push(Subresource {
            name: "status".to_owned(),
            kind: (group.to_owned(), version.to_owned(), kind.to_owned()),
            verbs: verbs.clone(),
        });
    }
    if value["subresources"]["scale"].is_object() {
        found.push(Subresource {
            name: "scale".to_owned(),
            kind: ("autoscaling".into(), "v1".into(), "Scale".into()),
            verbs,
        });
    }
    found
}

fn scale_paths(version: &Value) -> Option<ScalePaths> {
    let scale = version.pointer("/subresources/scale")?;
    Some(ScalePaths {
        spec: text(scale, "/specReplicasPath").replace('.', "/"),
        status: text(scale, "/statusReplicasPath").replace('.', "/"),
        selector: scale["labelSelectorPath"]
            .as_str()
            .map(|path| path.replace('.', "/")),
    })
}

fn columns(version: &Value) -> Vec<Column> {
    let columns = list(version, "/additionalPrinterColumns").iter();
    columns
        .map(|column| Column {
            name: text(column, "/name").to_owned(),
            kind: text(column, "/type").to_owned(),
            format: text(column, "/format").to_owned(),
            description: text(column, "/description").to_owned(),
            priority: column["priority"].as_i64().unwrap_or(0),
            path: text(column, "/jsonPath").to_owned(),
        })
        .collect()
}
