//! Access that comes late: what was made or granted a moment ago is waited for, on every cloud, and said; what is refused for good is
//! refused at once; a run that was killed while it waited is gone on with.

use crate::support::{Ran, Server, Stack};
use serde_json::Value as Json;
use std::ops::Range;
use std::process::Stdio;
use std::time::{Duration, Instant};

impl Stack {
    /// With faults.
    pub(crate) fn late(faults: &str, text: &str) -> Stack {
        Stack::paced("none", faults, text)
    }

    /// One whose cloud takes its time.
    pub(crate) fn paced(latency: &str, faults: &str, text: &str) -> Stack {
        let arguments = ["--latency", latency, "--faults", faults];
        let stack = Stack::against(Server::sandbox(&arguments));
        stack.write(text);
        stack
    }

    pub(crate) fn apply(&self) -> Ran {
        self.run(&["apply", "-auto-approve"])
    }

    /// How often this operation was called and answered with one of these statuses.
    fn called(&self, operation: &str, statuses: &Range<u64>) -> usize {
        let requests = self.server.get("/_sandbox/requests");
        let requests = requests.as_array().map_or(&[][..], Vec::as_slice);
        let is = |r: &&Json| {
            let status = r["status"].as_u64().unwrap_or_default();
            r["operation"] == operation && statuses.contains(&status)
        };
        requests.iter().filter(is).count()
    }

    /// Begins an apply and kills it once calls of this operation were refused.
    fn kill_while_refused(&self, operation: &str) {
        self.kill_while_called(operation, &(400..500));
    }

    /// Begins an apply and kills it once this operation was called twice and answered with one of these statuses.
    pub(crate) fn kill_while_called(&self, operation: &str, statuses: &Range<u64>) {
        let flag = self.server.flag();
        let mut child = self
            .folder
            .command(&["apply", "-auto-approve", &flag])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let patience = Instant::now();
        while self.called(operation, statuses) < 2 {
            let ended = child.try_wait().expect("can be asked");
            assert!(ended.is_none(), "it ended before it waited: {ended:?}");
            assert!(patience.elapsed().as_secs() < 60, "it never waits");
            std::thread::sleep(Duration::from_millis(50));
        }
        child.kill().expect("is killed");
        child.wait().expect("waits");
    }

    /// Nothing is left to do, and nothing is left when it is destroyed.
    pub(crate) fn end(&self) {
        self.run(&["plan", "-detailed-exitcode"]).expect(0);
        let all = [
            "destroy",
            "-auto-approve",
            "--unprotect",
            "--allow-data-loss",
            "**",
        ];
        self.run(&all).expect(0);
        let mut left = self.server.resources();
        // What a protected database leaves.
        left.retain(|r| r["type"] != "aws_db_snapshot");
        assert!(left.is_empty(), "left on the server: {left:#?}");
    }
}

/// One of every component whose parts use one another by identities, and an object in the cluster.
fn production(cloud: &str, place: &str) -> String {
    format!(
        r#"
[stack]
name = "shop"
[clouds.{cloud}]
{place}
[network.main]
cloud = "{cloud}"
[cluster.main]
network    = "main"
kubernetes = "1.34"
api        = {{ public_from = [] }}
[cluster.main.pools.general]
size = "small"
min  = 2
max  = 3
[database.orders]
network = "main"
engine  = "postgres"
version = "17"
size    = "small"
[bucket.assets]
cloud = "{cloud}"
[registry.images]
cloud = "{cloud}"
[resource.kubernetes_namespace.shop]
provider = "kubernetes.main"
metadata = {{ name = "shop" }}
"#
    )
}

/// Applies it where everything is known late, and who may enter the cluster later still; all that is waited for is said.
fn waits(cloud: &str, place: &str, said: &[&str]) {
    // Longer than a busy machine takes from making a thing to using it.
    let faults = "late=6000,late:kubernetes.*=15000";
    let stack = Stack::late(faults, &production(cloud, place));
    let applied = stack.apply().expect(0);
    let told = applied.told();
    for what in said {
        let words = format!("waits until {what}");
        assert!(told.contains(&words), "`{words}` is not in\n{told}");
    }
    stack.end();
}

#[test]
fn production_on_aws_waits_for_its_roles() {
    let said = [
        "the role shop-main-cluster is known everywhere: InvalidParameterException",
        "the policy of the bucket ",
        "your access to the cluster is known everywhere: Unauthorized",
    ];
    waits("aws", "region = \"eu-west-1\"", &said);
}

#[test]
fn production_on_google_waits_for_its_accounts_and_keys() {
    let said = [
        "the service account ",
        "the grant of the key is known everywhere: forbidden",
        "your access to the cluster is known everywhere: Forbidden",
    ];
    waits("google", "region = \"europe-west1\"", &said);
}

#[test]
fn production_on_azure_waits_for_its_assignments() {
    let said = [
        "your role in the vault is known everywhere: Forbidden",
        "the role of the identity is known everywhere: KeyVaultAuthenticationFailure",
        "the role of the identity is known everywhere: AzureKeyVaultMissingPermissions",
        "your access to the cluster is known everywhere: Forbidden",
    ];
    waits("azure", "location = \"westeurope\"", &said);
}

/// What is new in pieces: a trust in a role, an API, and a principal of which it is not said what it is.
#[test]
fn what_else_is_new_is_waited_for() {
    for (text, said) in [
        (
            TRUST,
            "the role inner is known everywhere: MalformedPolicyDocument",
        ),
        (
            ENABLED,
            "that artifactregistry.googleapis.com is enabled is known everywhere: SERVICE_DISABLED",
        ),
        (
            PRINCIPAL,
            "the identity is known everywhere: PrincipalNotFound",
        ),
    ] {
        let stack = Stack::late("late=2000", text);
        let applied = stack.apply().expect(0);
        applied.says(&[&format!("waits until {said}")]);
        stack.end();
    }
}

const TRUST: &str = r#"
[stack]
name = "shop"
[clouds.aws]
region = "eu-west-1"
[resource.aws_iam_role.inner]
name = "inner"
assume_role_policy = '''${jsonencode({ Version = "2012-10-17", Statement = [{
  Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" }
}] })}'''
[resource.aws_iam_role.outer]
name = "outer"
assume_role_policy = '''${jsonencode({ Version = "2012-10-17", Statement = [{
  Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = aws_iam_role.inner.arn }
}] })}'''
"#;

const ENABLED: &str = r#"
[stack]
name = "shop"
[clouds.google]
region = "europe-west1"
[resource.google_project_service.registry]
service            = "artifactregistry.googleapis.com"
disable_on_destroy = false
[resource.google_artifact_registry_repository.images]
repository_id = "images"
format        = "DOCKER"
location      = "europe-west1"
depends_on    = ["google_project_service.registry"]
"#;

const PRINCIPAL: &str = r#"
[stack]
name = "shop"
[clouds.azure]
location = "westeurope"
[resource.azurerm_resource_group.g]
name     = "shop"
location = "westeurope"
[resource.azurerm_user_assigned_identity.who]
name                = "who"
resource_group_name = "${azurerm_resource_group.g.name}"
location            = "westeurope"
[resource.azurerm_role_assignment.reader]
scope                = "${azurerm_resource_group.g.id}"
role_definition_name = "Reader"
principal_id         = "${azurerm_user_assigned_identity.who.principal_id}"
"#;

/// Of one identity with a role on a key, and on a network after that: what is encrypted and what joins the network.
#[test]
fn each_role_of_an_identity_is_waited_for() {
    let stack = Stack::late("late=2000", IDENTITY);
    let applied = stack.apply().expect(0);
    let waits = "waits until the role of the identity is known everywhere";
    applied.says(&[
        &format!("azurerm_disk_encryption_set.disks: {waits}: KeyVaultAccessForbidden"),
        &format!(
            "azurerm_kubernetes_cluster.k: {waits}: AzureKeyVaultKmsValidateIdentityPermissionCustomerError"
        ),
        &format!("azurerm_kubernetes_cluster_node_pool.p: {waits}: LinkedAuthorizationFailed"),
    ]);
    stack.end();
}

const IDENTITY: &str = r#"
[stack]
name = "shop"
[clouds.azure]
location = "westeurope"
[data.azurerm_client_config.me]
[resource.azurerm_resource_group.g]
name     = "shop"
location = "westeurope"
[resource.azurerm_key_vault.vault]
name                       = "shop-vault"
resource_group_name        = "${azurerm_resource_group.g.name}"
location                   = "westeurope"
tenant_id                  = "${data.azurerm_client_config.me.tenant_id}"
sku_name                   = "standard"
rbac_authorization_enabled = true
soft_delete_retention_days = 7
purge_protection_enabled   = true
[resource.azurerm_role_assignment.me]
scope                = "${azurerm_key_vault.vault.id}"
role_definition_name = "Key Vault Administrator"
principal_id         = "${data.azurerm_client_config.me.object_id}"
[resource.azurerm_key_vault_key.key]
name         = "key"
key_vault_id = "${azurerm_key_vault.vault.id}"
key_type     = "RSA"
key_size     = 3072
key_opts     = ["decrypt", "encrypt", "unwrapKey", "wrapKey"]
depends_on   = ["azurerm_role_assignment.me"]
[resource.azurerm_user_assigned_identity.who]
name                = "who"
resource_group_name = "${azurerm_resource_group.g.name}"
location            = "westeurope"
[resource.azurerm_role_assignment.key]
scope                = "${azurerm_key_vault_key.key.resource_versionless_id}"
role_definition_name = "Key Vault Crypto User"
principal_id         = "${azurerm_user_assigned_identity.who.principal_id}"
principal_type       = "ServicePrincipal"
[resource.azurerm_disk_encryption_set.disks]
name                = "disks"
resource_group_name = "${azurerm_resource_group.g.name}"
location            = "westeurope"
key_vault_key_id    = "${azurerm_key_vault_key.key.id}"
identity            = { type = "UserAssigned", identity_ids = ["${azurerm_user_assigned_identity.who.id}"] }
depends_on          = ["azurerm_role_assignment.key"]
[resource.azurerm_kubernetes_cluster.k]
name                   = "shop"
resource_group_name    = "${azurerm_resource_group.g.name}"
location               = "westeurope"
dns_prefix             = "shop"
identity               = { type = "UserAssigned", identity_ids = ["${azurerm_user_assigned_identity.who.id}"] }
default_node_pool      = { name = "system", vm_size = "Standard_D2s_v5", node_count = 1 }
key_management_service = { key_vault_key_id = "${azurerm_key_vault_key.key.id}" }
depends_on             = ["azurerm_role_assignment.key"]
[resource.azurerm_virtual_network.net]
name                = "net"
resource_group_name = "${azurerm_resource_group.g.name}"
location            = "westeurope"
address_space       = ["10.1.0.0/16"]
[resource.azurerm_subnet.nodes]
name                 = "nodes"
resource_group_name  = "${azurerm_resource_group.g.name}"
virtual_network_name = "${azurerm_virtual_network.net.name}"
address_prefixes     = ["10.1.0.0/20"]
[resource.azurerm_role_assignment.nodes]
scope                = "${azurerm_subnet.nodes.id}"
role_definition_name = "Network Contributor"
principal_id         = "${azurerm_user_assigned_identity.who.principal_id}"
principal_type       = "ServicePrincipal"
depends_on           = ["azurerm_kubernetes_cluster.k"]
[resource.azurerm_kubernetes_cluster_node_pool.p]
name                  = "p"
kubernetes_cluster_id = "${azurerm_kubernetes_cluster.k.id}"
vm_size               = "Standard_D2s_v5"
node_count            = 1
vnet_subnet_id        = "${azurerm_subnet.nodes.id}"
depends_on            = ["azurerm_role_assignment.nodes"]
"#;

/// Refusals that waiting does not change: of what is not there, of what was never granted, and of the caller.
#[test]
fn what_is_refused_for_good_is_refused_at_once() {
    let late = "late=1000";
    for (faults, text, words) in [
        (late, NO_ROLE, "one or more invalid principals"),
        (
            "late=1000,refuse:CreateRole=AccessDenied",
            TRUST,
            "AccessDenied",
        ),
        (
            late,
            NO_ACCOUNT,
            "Service account nobody@sandbox-project.iam.gserviceaccount.com does not exist",
        ),
        (late, NO_GRANT, "Permission denied on Cloud KMS key"),
        (
            late,
            NO_TRUST,
            "the trust policy of the role logs does not let vpc-flow-logs.amazonaws.com take it on",
        ),
        (
            late,
            NO_ASSIGNMENT,
            "Caller is not authorized to perform action on resource",
        ),
    ] {
        let stack = Stack::late(faults, text);
        let began = Instant::now();
        let told = stack.apply().expect(1).told();
        let took = began.elapsed();
        assert!(told.contains(words), "`{words}` is not in\n{told}");
        assert!(!told.contains("It was waited for"), "{told}");
        assert!(took < Duration::from_secs(20), "{took:?}: {told}");
    }
}

/// EKS says the same of a role that it does not know yet and of one that does not trust it.
#[test]
fn a_role_that_does_not_trust_the_service_is_told_from_one_that_is_new() {
    let role = |name: &str, service: &str| {
        format!(
            r#"[resource.aws_iam_role.{name}]
name = "{name}"
assume_role_policy = '''${{jsonencode({{ Version = "2012-10-17", Statement = [{{
  Effect = "Allow", Action = "sts:AssumeRole", Principal = {{ Service = "{service}" }}
}}] }})}}'''
"#
        )
    };
    let text = |cluster: &str, nodes: &str| {
        let roles = role("control", cluster) + &role("nodes", nodes);
        format!("{CLUSTER}{roles}")
    };
    let stack = Stack::late("late=1000", &text("ecs.amazonaws.com", "ec2.amazonaws.com"));
    let began = Instant::now();
    let told = stack.apply().expect(1).told();
    assert!(began.elapsed() < Duration::from_secs(20), "{told}");
    for said in [
        "the trust policy of the role control does not let eks.amazonaws.com take it on",
        "`Principal = { Service = \"eks.amazonaws.com\" }`",
        "── role_arn",
    ] {
        assert!(told.contains(said), "`{said}` is not in\n{told}");
    }
    // Put right, it is made; the role of the nodes is told apart as well.
    stack.write(&text("eks.amazonaws.com", "eks.amazonaws.com"));
    stack.apply().expect(1).says(&[
        "the trust policy of the role nodes does not let ec2.amazonaws.com take it on",
        "── node_role_arn",
    ]);
    stack.write(&text("eks.amazonaws.com", "ec2.amazonaws.com"));
    stack.apply().expect(0);
    stack.end();
}

/// The roles of an add-on's pods are looked at like those of associations.
#[test]
fn the_roles_of_an_addons_pods_must_trust_the_service_of_pods() {
    let role = |name: &str, service: &str| {
        format!(
            r#"[resource.aws_iam_role.{name}]
name = "{name}"
assume_role_policy = '''${{jsonencode({{ Version = "2012-10-17", Statement = [{{
  Effect = "Allow", Action = ["sts:AssumeRole", "sts:TagSession"], Principal = {{ Service = "{service}" }}
}}] }})}}'''
"#
        )
    };
    let text = |service: &str| {
        let roles = role("control", "eks.amazonaws.com")
            + &role("nodes", "ec2.amazonaws.com")
            + &role("disks", service);
        format!(
            r#"{CLUSTER}{roles}
[resource.aws_eks_addon.disks]
cluster_name             = "${{aws_eks_cluster.main.name}}"
addon_name               = "aws-ebs-csi-driver"
pod_identity_association = [{{ service_account = "ebs-csi-controller-sa", role_arn = "${{aws_iam_role.disks.arn}}" }}]
"#
        )
    };
    let stack = Stack::late("late=1000", &text("ec2.amazonaws.com"));
    stack.apply().expect(1).says(&[
        "the trust policy of the role disks does not let pods.eks.amazonaws.com take it on",
        "── pod_identity_association",
    ]);
    stack.write(&text("pods.eks.amazonaws.com"));
    stack.apply().expect(0);
    stack.end();
}

const CLUSTER: &str = r#"
[stack]
name = "shop"
[clouds.aws]
region = "eu-west-1"
[resource.aws_vpc.main]
cidr_block = "10.0.0.0/16"
[resource.aws_subnet.s]
for_each          = { a = "10.0.1.0/24", b = "10.0.2.0/24" }
vpc_id            = "${aws_vpc.main.id}"
cidr_block        = "${each.value}"
availability_zone = "eu-west-1${each.key}"
[resource.aws_eks_cluster.main]
name       = "main"
role_arn   = "${aws_iam_role.control.arn}"
vpc_config = { subnet_ids = "${values(aws_subnet.s)[*].id}" }
[resource.aws_eks_node_group.main]
cluster_name    = "${aws_eks_cluster.main.name}"
node_group_name = "main"
node_role_arn   = "${aws_iam_role.nodes.arn}"
subnet_ids      = "${values(aws_subnet.s)[*].id}"
scaling_config  = { desired_size = 1, min_size = 1, max_size = 1 }
"#;

const NO_ROLE: &str = r#"
[stack]
name = "shop"
[clouds.aws]
region = "eu-west-1"
[resource.aws_kms_key.key]
description = "for nobody"
policy = '''${jsonencode({ Version = "2012-10-17", Statement = [{
  Effect = "Allow", Action = "kms:*", Resource = "*", Principal = { AWS = "arn:aws:iam::123456789012:role/nobody" }
}] })}'''
"#;

const NO_TRUST: &str = r#"
[stack]
name = "shop"
[clouds.aws]
region = "eu-west-1"
[resource.aws_vpc.main]
cidr_block = "10.0.0.0/16"
[resource.aws_iam_role.logs]
name = "logs"
assume_role_policy = '''${jsonencode({ Version = "2012-10-17", Statement = [{
  Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" }
}] })}'''
[resource.aws_flow_log.main]
vpc_id          = "${aws_vpc.main.id}"
traffic_type    = "ALL"
iam_role_arn    = "${aws_iam_role.logs.arn}"
log_destination = "arn:aws:logs:eu-west-1:123456789012:log-group:flows"
"#;

const NO_ACCOUNT: &str = r#"
[stack]
name = "shop"
[clouds.google]
region = "europe-west1"
[resource.google_project_iam_member.nobody]
project = "sandbox-project"
role    = "roles/viewer"
member  = "serviceAccount:nobody@sandbox-project.iam.gserviceaccount.com"
"#;

const NO_GRANT: &str = r#"
[stack]
name = "shop"
[clouds.google]
region = "europe-west1"
[resource.google_kms_key_ring.ring]
name     = "ring"
location = "europe-west1"
[resource.google_kms_crypto_key.key]
name     = "key"
key_ring = "${google_kms_key_ring.ring.id}"
[resource.google_storage_bucket.bucket]
name                        = "shop-bucket"
location                    = "EUROPE-WEST1"
uniform_bucket_level_access = true
encryption                  = { default_kms_key_name = "${google_kms_crypto_key.key.id}" }
"#;

const NO_ASSIGNMENT: &str = r#"
[stack]
name = "shop"
[clouds.azure]
location = "westeurope"
[data.azurerm_client_config.me]
[resource.azurerm_resource_group.g]
name     = "shop"
location = "westeurope"
[resource.azurerm_key_vault.vault]
name                       = "shop-vault"
resource_group_name        = "${azurerm_resource_group.g.name}"
location                   = "westeurope"
tenant_id                  = "${data.azurerm_client_config.me.tenant_id}"
sku_name                   = "standard"
rbac_authorization_enabled = true
soft_delete_retention_days = 7
[resource.azurerm_key_vault_secret.secret]
name         = "secret"
key_vault_id = "${azurerm_key_vault.vault.id}"
value        = "hush"
"#;

/// Killed while it waits to be let into a new cluster, and while a role is not known: the next run goes on, and makes nothing twice.
#[test]
fn a_run_that_was_killed_while_it_waited_is_gone_on_with() {
    let cluster = production("aws", "region = \"eu-west-1\"");
    let cluster = cluster
        .split("[database")
        .next()
        .expect("a cluster")
        .to_owned()
        + "[resource.kubernetes_namespace.shop]\nprovider = \"kubernetes.main\"\nmetadata = { name = \"shop\" }\n";
    for (faults, text, operation) in [
        (
            "late:kubernetes.*=15000",
            cluster.as_str(),
            "get/namespaces",
        ),
        ("late:iam.*=6000", TRUST, "CreateRole"),
    ] {
        let stack = Stack::late(faults, text);
        stack.kill_while_refused(operation);
        stack.apply().expect(0);
        let roles = stack.server.resources();
        let mut ids: Vec<&str> = roles.iter().filter_map(|r| r["id"].as_str()).collect();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{ids:?}");
        stack.end();
    }
}
