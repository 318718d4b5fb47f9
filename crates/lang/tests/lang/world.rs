//! A small world for the tests of the language: a few resource types and two kinds of components, made as real ones are.

use infra_lang::files::MemoryFiles;
use infra_lang::{Given, LoadRequest, Loaded, load};
use infra_model::expand::{
    ComponentKind, Expand, Expansion, Instance, NativeBlock, OutputKind, OutputType,
};
use infra_model::schema::{Block, Schema, Schemas, Traits};
use infra_model::{Diagnostics, Mode, ProviderAddress, Record, Str, Timestamp, Value};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A network.
#[derive(Record)]
struct Vpc {
    /// Its addresses.
    #[record(required, force_new)]
    cidr_block: String,
    /// Names.
    #[record(optional)]
    enable_dns_hostnames: Option<bool>,
    /// An old switch.
    #[record(optional, deprecated = "it does nothing any more")]
    enable_classiclink: Option<bool>,
    /// Labels.
    #[record(optional)]
    tags: BTreeMap<String, String>,
    /// Its id.
    #[record(computed)]
    id: String,
}

/// A part of a network.
#[derive(Record)]
struct Subnet {
    /// Whose.
    #[record(required)]
    vpc_id: String,
    /// Its addresses.
    #[record(required)]
    cidr_block: String,
    /// Where.
    #[record(optional)]
    availability_zone: Option<String>,
    /// Its id.
    #[record(computed)]
    id: String,
}

/// Where a cluster's control plane attaches.
#[derive(Record)]
struct VpcConfig {
    /// The subnets.
    #[record(required)]
    subnet_ids: BTreeSet<String>,
    /// Whether it can be reached from outside.
    #[record(optional)]
    endpoint_public_access: Option<bool>,
    /// Its id.
    #[record(computed)]
    vpc_id: String,
}

/// A managed control plane.
#[derive(Record)]
struct Cluster {
    /// Its name.
    #[record(required)]
    name: String,
    /// Nodes at least.
    #[record(optional)]
    nodes: Option<i64>,
    /// Network.
    #[record(block, min = 1, max = 1)]
    vpc_config: Vec<VpcConfig>,
    /// Where it answers.
    #[record(computed)]
    endpoint: String,
}

/// A secret value.
#[derive(Record)]
struct Password {
    /// How long.
    #[record(required)]
    length: i64,
    /// It.
    #[record(computed, sensitive)]
    result: String,
}

/// Anything.
#[derive(Record)]
struct TerraformData {
    /// In.
    #[record(optional)]
    input: Value,
    /// Out.
    #[record(computed)]
    output: Value,
    /// Its id.
    #[record(computed)]
    id: String,
}

/// Zones of a region.
#[derive(Record)]
struct Zones {
    /// Which.
    #[record(optional)]
    state: Option<String>,
    /// Their names.
    #[record(computed)]
    names: Vec<String>,
}

/// A password that is never stored.
#[derive(Record)]
struct Passing {
    /// How long.
    #[record(required)]
    length: i64,
    /// The text.
    #[record(computed, sensitive)]
    result: String,
}

/// Provider settings.
#[derive(Record)]
struct Aws {
    /// Where.
    #[record(optional)]
    region: Option<String>,
    /// Default labels.
    #[record(optional)]
    tags: BTreeMap<String, String>,
}

/// Nothing to set.
#[derive(Record)]
struct Builtin {
    /// Unused.
    #[record(optional)]
    unused: Option<bool>,
}

/// The types of the world.
pub(crate) struct World {
    resources: BTreeMap<Str, Arc<Schema>>,
    data: BTreeMap<Str, Arc<Schema>>,
    ephemeral: BTreeMap<Str, Arc<Schema>>,
    providers: BTreeMap<Str, Block>,
}

fn schema<R: Record>(name: &str) -> (Str, Arc<Schema>) {
    let schema = Schema::new(name, 0, R::doc(), R::block(), Traits::default());
    (name.into(), Arc::new(schema))
}

impl World {
    pub(crate) fn new() -> World {
        World {
            resources: BTreeMap::from([
                schema::<Vpc>("aws_vpc"),
                schema::<Subnet>("aws_subnet"),
                schema::<Cluster>("aws_eks_cluster"),
                schema::<Password>("random_password"),
                schema::<TerraformData>("terraform_data"),
            ]),
            data: BTreeMap::from([schema::<Zones>("aws_availability_zones")]),
            ephemeral: BTreeMap::from([schema::<Passing>("random_password")]),
            providers: BTreeMap::from([
                ("aws".into(), Aws::block()),
                ("builtin".into(), Builtin::block()),
            ]),
        }
    }
}

impl Schemas for World {
    fn resource(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.resources.get(type_name)
    }
    fn data(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.data.get(type_name)
    }
    fn ephemeral(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.ephemeral.get(type_name)
    }
    fn ephemeral_names(&self) -> Vec<&str> {
        self.ephemeral.keys().map(|k| &**k).collect()
    }
    fn provider(&self, name: &str) -> Option<&Block> {
        self.providers.get(name)
    }
    fn resource_names(&self) -> Vec<&str> {
        self.resources.keys().map(|k| &**k).collect()
    }
    fn data_names(&self) -> Vec<&str> {
        self.data.keys().map(|k| &**k).collect()
    }
    fn provider_names(&self) -> Vec<&str> {
        self.providers.keys().map(|k| &**k).collect()
    }
}

/// A network.
#[derive(Record)]
struct NetworkInputs {
    /// Its addresses.
    #[record(required)]
    cidr: Value,
    /// How many zones.
    #[record(optional, default = 2)]
    zones: i64,
    /// Labels.
    #[record(optional)]
    tags: BTreeMap<String, String>,
}

/// A cluster in a network.
#[derive(Record)]
struct ClusterInputs {
    /// Which network.
    #[record(required)]
    network: String,
    /// Nodes at least.
    #[record(optional)]
    nodes: Option<i64>,
}

/// The components of the world.
pub(crate) struct Parts {
    kinds: Vec<ComponentKind>,
}

impl Parts {
    pub(crate) fn new() -> Parts {
        let kind =
            |name: &str, inputs: Block, outputs: &[(&'static str, OutputType)]| ComponentKind {
                name: name.into(),
                inputs,
                outputs: outputs
                    .iter()
                    .map(|&(name, ty)| OutputKind { name, ty, doc: "" })
                    .collect(),
                natives: Vec::new(),
                doc: "".into(),
            };
        Parts {
            kinds: vec![
                kind(
                    "network",
                    NetworkInputs::block(),
                    &[
                        ("id", OutputType::Text),
                        ("cidr", OutputType::Text),
                        ("subnets", OutputType::Texts),
                        ("gate", OutputType::Table(&["address", "name"])),
                    ],
                ),
                kind(
                    "cluster",
                    ClusterInputs::block(),
                    &[("endpoint", OutputType::Text)],
                ),
            ],
        }
    }
}

impl Expand for Parts {
    fn kinds(&self) -> &[ComponentKind] {
        &self.kinds
    }

    fn expand(&self, instance: &Instance<'_>) -> Result<Expansion, Diagnostics> {
        let native = |type_name: &str, name: &str, body: serde_json::Value| NativeBlock {
            mode: Mode::Managed,
            type_name: type_name.into(),
            name: name.into(),
            provider: ProviderAddress::default_of("aws"),
            body,
            span: None,
        };
        let mut out = Expansion::default();
        match instance.kind {
            "network" => {
                let zones = match instance.inputs.get("zones") {
                    Some(Value::Null(_)) | None => 2,
                    Some(value) => match value.as_i64() {
                        Some(zones) if zones > 0 => zones,
                        _ => {
                            return Err(vec![
                                instance.error("zones", "a network has at least one zone"),
                            ]);
                        }
                    },
                };
                let subnets: serde_json::Map<_, _> = (0..zones)
                    .map(|i| (format!("z{i}"), json!({ "number": i })))
                    .collect();
                out.blocks = vec![
                    native(
                        "aws_vpc",
                        "this",
                        json!({ "cidr_block": "${input.cidr}", "tags": "${input.tags}" }),
                    ),
                    native(
                        "aws_subnet",
                        "private",
                        json!({
                            "for_each": subnets,
                            "vpc_id": "${aws_vpc.this.id}",
                            "cidr_block": "${cidrsubnet(aws_vpc.this.cidr_block, 8, each.value.number)}",
                        }),
                    ),
                ];
                out.outputs = [
                    ("id", "${aws_vpc.this.id}"),
                    ("cidr", "${input.cidr}"),
                    ("gate", "${{ address = aws_vpc.this.id, name = \"gate\" }}"),
                    ("subnets", "${values(aws_subnet.private)[*].id}"),
                ]
                .into_iter()
                .map(|(name, text)| (name.into(), text.to_owned()))
                .collect();
                out.facts.insert("zones".into(), Value::from(zones));
            }
            _ => {
                let name = instance
                    .inputs
                    .get("network")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let Some(network) = (instance.lookup)("network", name) else {
                    return Err(vec![
                        instance.error("network", format!("there is no network `{name}`")),
                    ]);
                };
                out.blocks = vec![native(
                    "aws_eks_cluster",
                    "this",
                    json!({
                        "name": "${stack.name}",
                        "nodes": "${input.nodes}",
                        "vpc_config": { "subnet_ids": format!("${{{}.subnets}}", network.reference) },
                    }),
                )];
                out.outputs.insert(
                    "endpoint".into(),
                    "${aws_eks_cluster.this.endpoint}".to_owned(),
                );
            }
        }
        Ok(out)
    }
}

/// Loads a text as `stacks/test.toml`.
pub(crate) fn loaded(text: &str, given: &[Given], files: MemoryFiles, required: bool) -> Loaded {
    load(&LoadRequest {
        path: Path::new("stacks/test.toml"),
        name: "stacks/test.toml",
        text,
        schemas: &World::new(),
        expand: &Parts::new(),
        given,
        environment: &[],
        require_variables: required,
        instance: None,
        passing: None,
        files: Arc::new(files),
        working_directory: PathBuf::from("."),
        fetch: &infra_lang::modules::NoFetch,
        now: Timestamp(0),
    })
}
