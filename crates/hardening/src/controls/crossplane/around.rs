//! What stands around that which Crossplane makes, and is made by the stack: what belongs to the network, where nobody inside the
//! cluster writes, and what tells Crossplane's things from all others.

use super::super::secrets;
use crate::flow::{Peer, Port};
use crate::inside::Inside;
use crate::objects::object;
use infra_draft::cloud::Cloud;
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
    /// Templates of the id and the name of the resource group, on Azure.
    group: Option<(String, String)>,
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
            (Cloud::Azure(_), _) => around.own_group(inside),
        }
        around
    }

    /// Where a kind is made: see [`crate::identity::Managed`].
    pub(super) fn place(&self, kind: &str) -> Option<String> {
        let (arn, _) = self
            .subnets
            .as_ref()
            .filter(|_| kind == "database")
            .or(self.group.as_ref())?;
        Some(arn.clone())
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

    /// Names of storage accounts belong to the whole world and cannot tell whose they are; a group can.
    fn own_group(&mut self, inside: &mut Inside<'_>) {
        inside
            .draft
            .data("azurerm_client_config", "this", json!({}));
        let body = json!({
            "name": inside.draft.name("crossplane", 90),
            "location": "${data.azurerm_client_config.this.location}",
            "tags": inside.draft.plain_tags(),
        });
        let group = inside.cloud("azurerm_resource_group", "crossplane", body);
        self.group = Some((format!("${{{group}.id}}"), format!("${{{group}.name}}")));
    }
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
