//! Application gateways on Azure and their certificates in vaults: a grant that comes late is waited for, in the words that gateways have
//! for it; what they cannot read is told at once.

use crate::support::Stack;
use std::time::{Duration, Instant};

/// A gateway in front of a machine, and a vault with a certificate: the vault's own settings are `vault`, what is granted `grant`, and what
/// the gateway shows `front`.
fn gateway(vault: &str, grant: &str, kind: &str, front: &str) -> String {
    format!(
        r#"
[stack]
name = "shop"

[clouds.azure]
location = "westeurope"

[data.azurerm_client_config.me]

[resource.azurerm_resource_group.g]
name     = "shop"
location = "westeurope"

[resource.azurerm_user_assigned_identity.gateway]
name                = "gateway"
resource_group_name = "${{azurerm_resource_group.g.name}}"
location            = "westeurope"

[resource.azurerm_key_vault.vault]
name                       = "shop-vault"
resource_group_name        = "${{azurerm_resource_group.g.name}}"
location                   = "westeurope"
tenant_id                  = "${{data.azurerm_client_config.me.tenant_id}}"
sku_name                   = "standard"
soft_delete_retention_days = 7
{vault}

{grant}

[resource.tls_private_key.k]
algorithm   = "ECDSA"
ecdsa_curve = "P256"

[resource.tls_self_signed_cert.c]
private_key_pem       = "${{tls_private_key.k.private_key_pem}}"
validity_period_hours = 720
allowed_uses          = ["server_auth"]
subject               = {{ common_name = "shop.example.com" }}

[resource.azurerm_key_vault_certificate.c]
name               = "shop"
key_vault_id       = "${{azurerm_key_vault.vault.id}}"
certificate        = {{ contents = "${{tls_self_signed_cert.c.cert_pem}}${{tls_private_key.k.private_key_pem}}" }}
certificate_policy = {{ secret_properties = {{ content_type = "application/{kind}" }} }}
{after}

[resource.azurerm_virtual_network.net]
name                = "net"
resource_group_name = "${{azurerm_resource_group.g.name}}"
location            = "westeurope"
address_space       = ["10.20.0.0/16"]

[resource.azurerm_subnet.sub]
name                 = "sub"
resource_group_name  = "${{azurerm_resource_group.g.name}}"
virtual_network_name = "${{azurerm_virtual_network.net.name}}"
address_prefixes     = ["10.20.0.0/24"]

[resource.azurerm_public_ip.address]
name                = "address"
resource_group_name = "${{azurerm_resource_group.g.name}}"
location            = "westeurope"
allocation_method   = "Static"

[resource.azurerm_application_gateway.g]
name                      = "gateway"
resource_group_name       = "${{azurerm_resource_group.g.name}}"
location                  = "westeurope"
sku                       = {{ name = "Standard_v2", tier = "Standard_v2", capacity = 1 }}
gateway_ip_configuration  = {{ name = "subnet", subnet_id = "${{azurerm_subnet.sub.id}}" }}
frontend_ip_configuration = {{ name = "public", public_ip_address_id = "${{azurerm_public_ip.address.id}}" }}
frontend_port             = {{ name = "https", port = 443 }}
backend_address_pool      = {{ name = "nodes", ip_addresses = ["10.20.0.4"] }}
backend_http_settings     = {{ name = "nodes", port = 80, protocol = "Http", cookie_based_affinity = "Disabled" }}
request_routing_rule      = {{ name = "all", rule_type = "Basic", priority = 100, http_listener_name = "https", backend_address_pool_name = "nodes", backend_http_settings_name = "nodes" }}
{front}
"#,
        after = match grant.is_empty() {
            true => "",
            false => "depends_on = [\"azurerm_role_assignment.me\"]",
        },
    )
}

/// A listener with the vault's certificate, which an identity reads.
const TLS: &str = r#"
identity        = { type = "UserAssigned", identity_ids = ["${azurerm_user_assigned_identity.gateway.id}"] }
ssl_certificate = { name = "shop", key_vault_secret_id = "${azurerm_key_vault_certificate.c.secret_id}" }
http_listener   = { name = "https", frontend_ip_configuration_name = "public", frontend_port_name = "https", protocol = "Https", ssl_certificate_name = "shop" }
"#;

/// One without.
const PLAIN: &str = r#"
http_listener = { name = "https", frontend_ip_configuration_name = "public", frontend_port_name = "https", protocol = "Http" }
"#;

/// What comes after the gateway's role.
const GRANTED: &str = "depends_on = [\"azurerm_role_assignment.gateway\"]";

const ROLES: &str = "rbac_authorization_enabled = true";

/// A role for who applies, and none for the gateway.
const MINE: &str = r#"
[resource.azurerm_role_assignment.me]
scope                = "${azurerm_key_vault.vault.id}"
role_definition_name = "Key Vault Administrator"
principal_id         = "${data.azurerm_client_config.me.object_id}"
"#;

/// What the gateway needs, beside it.
const ITS: &str = r#"
[resource.azurerm_role_assignment.gateway]
scope                = "${azurerm_key_vault.vault.id}"
role_definition_name = "Key Vault Secrets User"
principal_id         = "${azurerm_user_assigned_identity.gateway.principal_id}"
principal_type       = "ServicePrincipal"
depends_on           = ["azurerm_key_vault_certificate.c"]
"#;

/// The same by the vault's own list.
const POLICIES: &str = r#"
access_policy = [
  { tenant_id = "${data.azurerm_client_config.me.tenant_id}", object_id = "${data.azurerm_client_config.me.object_id}", certificate_permissions = ["Get", "Import", "Delete", "Purge"], secret_permissions = ["Get"] },
  { tenant_id = "${data.azurerm_client_config.me.tenant_id}", object_id = "${azurerm_user_assigned_identity.gateway.principal_id}", secret_permissions = ["Get"] },
]
"#;

const WAITS: &str = "waits until the role of the identity is known everywhere: ApplicationGatewayKeyVaultSecretException";

/// A gateway that may read the certificate by a role.
fn by_role(kind: &str) -> String {
    let front = format!("{TLS}{GRANTED}");
    gateway(ROLES, &format!("{MINE}{ITS}"), kind, &front)
}

/// Where a role or a policy of a vault is known late, the gateway waits.
#[test]
fn a_gateway_waits_until_its_identity_may_read_the_certificate() {
    for text in [by_role("x-pkcs12"), gateway(POLICIES, "", "x-pkcs12", TLS)] {
        let stack = Stack::late("late=3000", &text);
        stack.apply().expect(0).says(&[WAITS]);
        stack.end();
    }
}

/// A certificate that is added to a gateway is waited for too.
#[test]
fn a_change_of_a_gateway_waits_as_well() {
    let stack = Stack::late("late=3000", &gateway(ROLES, MINE, "x-pkcs12", PLAIN));
    stack.apply().expect(0);
    stack.write(&by_role("x-pkcs12"));
    stack.apply().expect(0).says(&[WAITS]);
    stack.end();
}

/// A run that was killed while a gateway waited goes on where it was, and waits again.
#[test]
fn a_gateway_that_was_left_waiting_is_gone_on_with() {
    let stack = Stack::late("late=6000", &by_role("x-pkcs12"));
    stack.kill_while_called("ApplicationGateways_CreateOrUpdate", &(200..300));
    stack.apply().expect(0);
    stack.end();
}

/// What waiting does not change: no grant, and a certificate in a form that gateways do not read.
#[test]
fn what_a_gateway_cannot_read_is_told_at_once() {
    for (text, words) in [
        (
            gateway(ROLES, MINE, "x-pkcs12", TLS),
            "Make sure that Identity assigned to Application Gateway has access",
        ),
        (by_role("x-pem-file"), "Data or Password for certificate"),
    ] {
        let stack = Stack::late("late=1000", &text);
        let began = Instant::now();
        let told = stack.apply().expect(1).told();
        assert!(told.contains(words), "`{words}` is not in\n{told}");
        assert!(!told.contains("It was waited for"), "{told}");
        assert!(began.elapsed() < Duration::from_secs(30), "{told}");
    }
}

/// A load balancer's certificate for a domain, by an authority whose account stands in a vault with a password, or without.
fn ordered(password: &str) -> String {
    format!(
        r#"
[stack]
name = "shop"

[clouds.azure]
subscription_id = "00000000-0000-4000-8000-5a4db0c50001"
location        = "westeurope"

[data.azurerm_client_config.me]

[resource.azurerm_resource_group.g]
name     = "certificates"
location = "westeurope"

[resource.azurerm_key_vault.vault]
name                       = "shop-authorities"
resource_group_name        = "${{azurerm_resource_group.g.name}}"
location                   = "westeurope"
tenant_id                  = "${{data.azurerm_client_config.me.tenant_id}}"
sku_name                   = "standard"
rbac_authorization_enabled = true
soft_delete_retention_days = 7

{MINE}

[resource.azurerm_key_vault_certificate_issuer.ca]
name          = "digicert"
key_vault_id  = "${{azurerm_key_vault.vault.id}}"
provider_name = "DigiCert"
account_id    = "1000"
org_id        = "12345"
{password}
depends_on    = ["azurerm_role_assignment.me"]

[network.main]
cloud = "azure"

[cluster.main]
network    = "main"
kubernetes = "1.34"
pools      = {{ work = {{ size = "small", min = 1, max = 2 }} }}

[load_balancer.web]
network = "main"
listen  = {{ port = 443, protocol = "https", certificate = {{ domain = "shop.example.com", issuer = {{ vault = "${{azurerm_key_vault.vault.id}}", name = "${{azurerm_key_vault_certificate_issuer.ca.name}}" }} }} }}
target  = {{ cluster = "main", node_port = 30080 }}
"#
    )
}

/// A certificate for a domain is ordered and waited for; where the authority gives none, it is told why, and had once it does.
#[test]
fn a_certificate_for_a_domain_comes_from_an_issuer_that_a_vault_knows() {
    let stack = Stack::paced("fast", "slow:CreateCertificate=50", &ordered(""));
    let told = stack.apply().expect(1).told();
    let words = "the issuer `digicert` gave no certificate, its request ended as `failed`: Certificate issuer error: The issuer does not know its customer";
    assert!(told.contains(words), "`{words}` is not in\n{told}");
    stack.write(&ordered("password = \"key\""));
    let applied = stack.apply().expect(0);
    applied.says(&["waits for the issuer digicert"]);
    stack.end();
}
