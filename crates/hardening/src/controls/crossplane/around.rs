//! What stands around that which Crossplane makes, and is made by the stack: what belongs to the network, where nobody inside the
//! cluster writes, and what tells Crossplane's things from all others.

use super::super::secrets;
use crate::flow::{Peer, Port};
use crate::identity::Joins;
use crate::inside::Inside;
use crate::objects::object;
use infra_draft::cloud::Cloud;
use infra_model::Value;
use serde_json::json;

/// The generator of passwords for databases on Google Cloud, whose provider makes none.
const GENERATOR: &str = "crossplane-password";
/// The port of the databases.
const PORT: u16 = 5432;

/// What there is.
pub(super) struct Around {
    /// What names begin with, before a hyphen and an id: with that no more than 63 characters.
    pub(super) prefix: String,
    /// Templates of the ARN and the name of the group of subnets for databases, on AWS.
    subnets: Option<(String, String)>,
    /// A template of the id of the security group of databases, on AWS.
    pub(super) firewall: Option<String>,
    /// Templates of the id and the name of the resource group of accounts, on Azure.
    group: Option<(String, String)>,
    /// The same of that of databases, and where those stand.
    servers: Option<((String, String), Joins)>,
    /// What comes before the compositions, by address.
    pub(super) before: Vec<String>,
}

impl Around {
    pub(super) fn new(
        mut kinds: impl Iterator<Item = &'static str>,
        inside: &mut Inside<'_>,
    ) -> Around {
        let mut around = Around {
            prefix: inside.draft.name("crossplane", 26),
            subnets: None,
            firewall: None,
            group: None,
            servers: None,
            before: Vec::new(),
        };
        let databases = kinds.any(|kind| kind == "database");
        match (&inside.site.cloud, inside.site.network.clone()) {
            (Cloud::Aws(_), network) => {
                inside.draft.data("aws_partition", "this", json!({}));
                inside.draft.data("aws_region", "this", json!({}));
                if let (true, Some(network)) = (databases, network) {
                    around.in_vpc(&network, inside);
                }
            }
            (Cloud::Google(_), _) if databases => around.passwords(inside),
            (Cloud::Google(_), _) => {}
            (Cloud::Azure(_), network) => {
                around.group = Some(own_group("crossplane", "crossplane", inside));
                if let (true, Some(network)) = (databases, network) {
                    around.in_virtual_network(&network, inside);
                }
            }
        }
        around
    }

    /// Where a kind is made: see [`crate::identity::Managed`].
    pub(super) fn place(&self, kind: &str) -> Option<String> {
        let of_databases = self.subnets.as_ref();
        let of_databases = of_databases.or(self.servers.as_ref().map(|(group, _)| group));
        let (id, _) = of_databases
            .filter(|_| kind == "database")
            .or(self.group.as_ref())?;
        Some(id.clone())
    }

    /// What a kind is put into, on Azure.
    pub(super) fn joins(&self, kind: &str) -> Option<Joins> {
        let (_, joins) = self.servers.as_ref().filter(|_| kind == "database")?;
        Some(joins.clone())
    }

    /// A template of the name of the resource group of databases.
    pub(super) fn server_group(&self) -> Option<&str> {
        self.servers.as_ref().map(|((_, name), _)| name.as_str())
    }

    /// A template of the name of the group of subnets.
    pub(super) fn subnet_group(&self) -> Option<&str> {
        self.subnets.as_ref().map(|(_, name)| name.as_str())
    }

    /// A template of the name of the resource group.
    pub(super) fn resource_group(&self) -> Option<&str> {
        self.group.as_ref().map(|(_, name)| name.as_str())
    }

    /// Where databases stand, and who reaches them there: pods have addresses of their nodes' security group.
    fn in_vpc(&mut self, network: &str, inside: &mut Inside<'_>) {
        let suffix = "crossplane-databases";
        let tags = inside.draft.tags(suffix, &[]);
        let body = json!({
            "name": inside.draft.name(suffix, 255),
            "description": "Databases that Crossplane makes",
            "vpc_id": format!("${{{network}.id}}"),
            "tags": tags,
        });
        inside.cloud("aws_security_group", "crossplane", body);
        let body = json!({
            "security_group_id": "${aws_security_group.crossplane.id}",
            "referenced_security_group_id": inside.site.output("node_security_group_id"),
            "description": format!("From the nodes of {}", inside.site.reference),
            "ip_protocol": "tcp", "from_port": PORT, "to_port": PORT,
        });
        let rule = inside.cloud("aws_vpc_security_group_ingress_rule", "crossplane", body);
        let body = json!({
            "name": inside.draft.name(suffix, 255),
            "description": format!("Private subnets of {network}"),
            "subnet_ids": format!("${{{network}.private_subnet_ids}}"),
            "tags": tags,
        });
        let subnets = inside.cloud("aws_db_subnet_group", "crossplane", body);
        self.subnets = Some((
            format!("${{{subnets}.arn}}"),
            format!("${{{subnets}.name}}"),
        ));
        self.firewall = Some("${aws_security_group.crossplane.id}".to_owned());
        self.before.push(rule);
    }

    /// External Secrets makes passwords, in objects that compositions write: so Crossplane itself may write those.
    fn passwords(&mut self, inside: &mut Inside<'_>) {
        secrets::external(inside);
        let password = json!({ "length": 32, "digits": 8, "symbols": 0, "noUpper": false, "allowRepeat": true });
        let spec = json!({ "kind": "Password", "generator": { "passwordSpec": password } });
        let api = "generators.external-secrets.io/v1alpha1";
        let generator = object(
            api,
            "ClusterGenerator",
            "",
            GENERATOR,
            json!({ "spec": spec }),
        );
        self.before.push(inside.object(generator));
        let name = "crossplane-passwords";
        let mut role = object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "",
            name,
            json!({}),
        );
        role["metadata"]["labels"] =
            json!({ "rbac.crossplane.io/aggregate-to-crossplane": "true" });
        role["rules"] = json!([{
            "apiGroups": ["external-secrets.io"],
            "resources": ["externalsecrets"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
        }]);
        self.before.push(inside.object(role));
    }

    /// Where databases stand on Azure, and who reaches them there: in the network's subnet that is delegated to them, with a private zone
    /// for their names, and from the nodes, whose addresses pods have.
    fn in_virtual_network(&mut self, network: &str, inside: &mut Inside<'_>) {
        let name = network.strip_prefix("network.").unwrap_or(network);
        let known = (inside.draft.instance.lookup)("network", name);
        let fact = |name: &str| {
            let known = known.as_ref()?.facts.get(name).and_then(Value::as_str);
            known.map(str::to_owned)
        };
        let (Some(subnet), Some(nodes)) = (fact("database_name"), fact("private_range")) else {
            return;
        };
        let group = own_group("crossplane_databases", "crossplane-databases", inside);
        let beside = format!("${{split(\"/\", {network}.id)[4]}}");
        let name = inside.draft.name("crossplane", 63);
        let tags = inside.draft.plain_tags();
        let body = json!({
            "name": format!("{name}.private.${{data.azurerm_client_config.this.postgres_domain}}"),
            "resource_group_name": beside,
            "tags": tags,
        });
        let zone = inside.cloud("azurerm_private_dns_zone", "crossplane", body);
        let body = json!({
            "name": inside.draft.name("crossplane", 80),
            "resource_group_name": beside,
            "private_dns_zone_name": format!("${{{zone}.name}}"),
            "virtual_network_id": format!("${{{network}.id}}"),
            "registration_enabled": false,
            "tags": tags,
        });
        let kind = "azurerm_private_dns_zone_virtual_network_link";
        let link = inside.cloud(kind, "crossplane", body);
        // Behind those of components, which end at 3999: one for each hardening.
        let earlier = (inside.draft.instance.list)(inside.draft.instance.kind).len();
        let body = json!({
            "name": inside.draft.name("crossplane-databases", 80),
            "resource_group_name": beside,
            "network_security_group_name": subnet,
            "description": "Nodes to the databases that Crossplane makes",
            "priority": 4000 + earlier.min(96),
            "direction": "Inbound",
            "access": "Allow",
            "protocol": "Tcp",
            "source_address_prefixes": [nodes],
            "source_port_range": "*",
            "destination_address_prefix": "*",
            "destination_port_ranges": [PORT.to_string()],
        });
        let kind = "azurerm_network_security_rule";
        let rule = inside.cloud(kind, "crossplane_databases", body);
        let joins = Joins {
            subnet: format!("${{{network}.id}}/subnets/{subnet}"),
            zone: format!("${{{zone}.id}}"),
        };
        self.servers = Some((group, joins));
        // Without the link nobody finds a database.
        self.before.extend([link, rule]);
    }
}

/// A resource group of Crossplane's own: templates of its id and its name. Names of storage accounts and servers belong to the whole world
/// and cannot tell whose they are; a group can.
fn own_group(block: &str, suffix: &str, inside: &mut Inside<'_>) -> (String, String) {
    inside
        .draft
        .data("azurerm_client_config", "this", json!({}));
    let body = json!({
        "name": inside.draft.name(suffix, 90),
        "location": "${data.azurerm_client_config.this.location}",
        "tags": inside.draft.plain_tags(),
    });
    let group = inside.cloud("azurerm_resource_group", block, body);
    (format!("${{{group}.id}}"), format!("${{{group}.name}}"))
}

/// How a composition asks for a password.
pub(super) fn password() -> serde_json::Value {
    let generator = json!({
        "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "ClusterGenerator", "name": GENERATOR,
    });
    json!({
        // Another one would not be the database's.
        "refreshPolicy": "CreatedOnce",
        "target": { "creationPolicy": "Owner" },
        "dataFrom": [{ "sourceRef": { "generatorRef": generator } }],
    })
}

/// Where databases that Crossplane makes are: which address one gets is not known before, but that it is the network's. On Google Cloud
/// a part of the network's range is set aside for its services.
pub(in crate::controls) fn databases(inside: &Inside<'_>) -> Option<(Peer, Vec<Port>)> {
    let range = inside.site.range?;
    Some((Peer::Range(range.to_string()), vec![Port::tcp(PORT)]))
}
