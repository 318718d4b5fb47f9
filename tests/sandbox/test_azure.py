"""The sandbox's Azure as Microsoft's own clients see it: create, read, list, update and delete of each main type."""

import base64
import datetime
import json
import ssl
import time
import urllib.error
import urllib.request
import uuid

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.dns import DnsManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.loganalytics import LogAnalyticsManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.mysqlflexibleservers import MySQLManagementClient
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.mgmt.storage import StorageManagementClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES
from cryptography.x509.oid import NameOID

SUBSCRIPTION = "00000000-0000-4000-8000-5a4db0c50001"
TENANT = "00000000-0000-4000-8000-5a4db0c50000"
REGION, GROUP = "westeurope", "tests"


class Token(SansIOHTTPPolicy):
    """Brings a token also over http, which the usual policy refuses to do."""

    def on_request(self, request):
        request.http_request.headers["Authorization"] = "Bearer sandbox"


class Azure:
    """Clients of the sandbox, and a resource group."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.url = sandbox.control("world")["endpoints"]["azure"]
        self.resources = self.client(ResourceManagementClient)
        self.network = self.client(NetworkManagementClient)
        self.resources.resource_groups.create_or_update(GROUP, {"location": REGION, "tags": {"team": "a"}})

    def client(self, kind, **others):
        return kind(
            credential=object(),
            subscription_id=SUBSCRIPTION,
            base_url=self.url,
            authentication_policy=Token(),
            polling_interval=0,
            retry_total=0,
            **others,
        )

    def register(self, name):
        self.resources.providers.register(name)
        wait(lambda: self.resources.providers.get(name).registration_state == "Registered")

    def live(self):
        """Types of live resources, without those that others own."""
        return sorted(one["type"] for one in self.sandbox.control("resources") if one["cloud"] == "azure" and not one["owner"])

    def call(self, method, path, body=None):
        """A request to a vault's own API."""
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", "Bearer sandbox")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return json.loads(text) if text else None


@pytest.fixture
def azure(sandbox):
    return Azure(sandbox)


def wait(done, seconds=20):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refused(code, call, status=None):
    with pytest.raises(HttpResponseError) as caught:
        call()
    assert caught.value.error is not None, caught.value
    assert caught.value.error.code == code, caught.value
    if status:
        assert caught.value.status_code == status
    return caught.value


@pytest.fixture
def net(azure):
    """A network with a subnet for nodes and one for databases."""
    body = {"location": REGION, "properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}}
    azure.network.virtual_networks.begin_create_or_update(GROUP, "net", body).result()
    nodes = {"properties": {"addressPrefix": "10.1.0.0/20"}}
    azure.nodes = azure.network.subnets.begin_create_or_update(GROUP, "net", "nodes", nodes).result().id
    delegation = {"name": "pg", "properties": {"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}}
    data = {"properties": {"addressPrefix": "10.1.16.0/24", "delegations": [delegation]}}
    azure.data = azure.network.subnets.begin_create_or_update(GROUP, "net", "data", data).result().id
    return azure


def test_subscriptions_groups_and_providers(azure):
    subscriptions = SubscriptionClient(credential=object(), base_url=azure.url, authentication_policy=Token(), retry_total=0)
    assert [one.subscription_id for one in subscriptions.subscriptions.list()] == [SUBSCRIPTION]
    assert REGION in [one.name for one in subscriptions.subscriptions.list_locations(SUBSCRIPTION)]
    groups = azure.resources.resource_groups
    assert groups.check_existence(GROUP) and not groups.check_existence("other")
    assert groups.get(GROUP).properties.provisioning_state == "Succeeded"
    assert groups.update(GROUP, {"tags": {"team": "b"}}).tags == {"team": "b"}
    assert [one.name for one in groups.list(filter="tagName eq 'team' and tagValue eq 'b'")] == [GROUP]
    refused("ResourceGroupNotFound", lambda: groups.get("other"), 404)
    assert azure.resources.providers.get("Microsoft.Network").registration_state == "Registered"
    assert azure.resources.providers.get("Microsoft.ContainerService").registration_state == "NotRegistered"
    azure.register("Microsoft.ContainerService")
    groups.begin_delete(GROUP).result()
    assert azure.live() == []


def test_network(net):
    network = net.network
    read = network.virtual_networks.get(GROUP, "net")
    assert sorted(one.name for one in read.subnets) == ["data", "nodes"]
    refused(
        "NetcfgSubnetRangesOverlap",
        lambda: network.subnets.begin_create_or_update(GROUP, "net", "x", {"properties": {"addressPrefix": "10.1.0.0/24"}}).result(),
        400,
    )
    rule = {
        "name": "https",
        "properties": {
            "protocol": "Tcp", "access": "Allow", "direction": "Inbound", "priority": 100, "sourceAddressPrefix": "Internet",
            "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "443",
        },
    }
    group = network.network_security_groups.begin_create_or_update(
        GROUP, "nsg", {"location": REGION, "properties": {"securityRules": [rule]}}
    ).result()
    assert [one.name for one in group.security_rules] == ["https"] and len(group.default_security_rules) == 6
    second = {"properties": dict(rule["properties"], priority=110, destinationPortRange="80")}
    network.security_rules.begin_create_or_update(GROUP, "nsg", "http", second).result()
    same = {"properties": dict(second["properties"], destinationPortRange="81")}
    refused("SecurityRuleConflict", lambda: network.security_rules.begin_create_or_update(GROUP, "nsg", "more", same).result())
    assert [one.name for one in network.security_rules.list(GROUP, "nsg")] == ["https", "http"]
    network.security_rules.begin_delete(GROUP, "nsg", "http").result()
    table = network.route_tables.begin_create_or_update(
        GROUP, "routes",
        {"location": REGION, "properties": {"routes": [{"name": "out", "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "Internet"}}]}},
    ).result()
    address = network.public_ip_addresses.begin_create_or_update(
        GROUP, "ip", {"location": REGION, "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    ).result()
    assert address.ip_address
    gateway = network.nat_gateways.begin_create_or_update(
        GROUP, "nat", {"location": REGION, "sku": {"name": "Standard"}, "properties": {"publicIpAddresses": [{"id": address.id}]}}
    ).result()
    subnet = {
        "properties": {
            "addressPrefix": "10.1.0.0/20", "natGateway": {"id": gateway.id}, "networkSecurityGroup": {"id": group.id},
            "routeTable": {"id": table.id},
        }
    }
    network.subnets.begin_create_or_update(GROUP, "net", "nodes", subnet).result()
    assert [one.id for one in network.nat_gateways.get(GROUP, "nat").subnets] == [net.nodes]
    assert network.public_ip_addresses.get(GROUP, "ip").nat_gateway.id == gateway.id
    refused("PublicIPAddressCannotBeDeleted", lambda: network.public_ip_addresses.begin_delete(GROUP, "ip").result(), 400)
    refused("InUseNetworkSecurityGroupCannotBeDeleted", lambda: network.network_security_groups.begin_delete(GROUP, "nsg").result())
    refused("InUseRouteTableCannotBeDeleted", lambda: network.route_tables.begin_delete(GROUP, "routes").result())
    refused("InUseNatGatewayCannotBeDeleted", lambda: network.nat_gateways.begin_delete(GROUP, "nat").result())
    usage = {one.name.value: one.current_value for one in network.usages.list(REGION)}
    assert usage["PublicIPAddresses"] == 1 and usage["VirtualNetworks"] == 1
    tagged = network.virtual_networks.update_tags(GROUP, "net", {"tags": {"a": "b"}})
    assert tagged.tags == {"a": "b"} and len(tagged.subnets) == 2
    assert [one.name for one in net.resources.resources.list(filter="tagName eq 'a'", expand="createdTime")] == ["net"]
    network.subnets.begin_delete(GROUP, "net", "nodes").result()
    for delete, name in [
        (network.nat_gateways.begin_delete, "nat"),
        (network.public_ip_addresses.begin_delete, "ip"),
        (network.network_security_groups.begin_delete, "nsg"),
        (network.route_tables.begin_delete, "routes"),
        (network.virtual_networks.begin_delete, "net"),
    ]:
        delete(GROUP, name).result()
    assert net.live() == ["azurerm_resource_group"]


def test_load_balancer(net):
    network = net.network
    address = network.public_ip_addresses.begin_create_or_update(
        GROUP, "ip", {"location": REGION, "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    ).result()
    own = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network/loadBalancers/lb"
    body = {
        "location": REGION, "sku": {"name": "Standard"},
        "properties": {
            "frontendIPConfigurations": [
                {"name": "public", "properties": {"publicIPAddress": {"id": address.id}}},
                {"name": "private", "properties": {"subnet": {"id": net.nodes}}},
            ],
            "backendAddressPools": [{"name": "pool"}],
            "probes": [{"name": "tcp", "properties": {"protocol": "Tcp", "port": 443}}],
            "loadBalancingRules": [{
                "name": "https",
                "properties": {
                    "protocol": "Tcp", "frontendPort": 443, "backendPort": 443,
                    "frontendIPConfiguration": {"id": f"{own}/frontendIPConfigurations/public"},
                    "backendAddressPool": {"id": f"{own}/backendAddressPools/pool"}, "probe": {"id": f"{own}/probes/tcp"},
                },
            }],
        },
    }
    made = network.load_balancers.begin_create_or_update(GROUP, "lb", body).result()
    assert made.frontend_ip_configurations[1].private_ip_address == "10.1.0.4"
    assert made.backend_address_pools[0].load_balancing_rules[0].id == f"{own}/loadBalancingRules/https"
    network.load_balancer_backend_address_pools.begin_create_or_update(GROUP, "lb", "second", {"properties": {}}).result()
    assert [one.name for one in network.load_balancer_backend_address_pools.list(GROUP, "lb")] == ["pool", "second"]
    error = refused("InUseSubnetCannotBeDeleted", lambda: network.subnets.begin_delete(GROUP, "net", "nodes").result(), 400)
    assert "frontendIPConfigurations/private" in error.message
    body["properties"]["loadBalancingRules"][0]["properties"]["probe"]["id"] = f"{own}/probes/none"
    refused("InvalidResourceReference", lambda: network.load_balancers.begin_create_or_update(GROUP, "lb", body).result())
    network.load_balancers.begin_delete(GROUP, "lb").result()
    network.subnets.begin_delete(GROUP, "net", "nodes").result()


def test_application_gateway(net):
    network = net.network
    address = network.public_ip_addresses.begin_create_or_update(
        GROUP, "ip", {"location": REGION, "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    ).result()
    own = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network/applicationGateways/gw"
    ref = lambda kind, name: {"id": f"{own}/{kind}/{name}"}
    body = {
        "location": REGION,
        "properties": {
            "sku": {"name": "Standard_v2", "tier": "Standard_v2"}, "autoscaleConfiguration": {"minCapacity": 1, "maxCapacity": 2},
            "gatewayIPConfigurations": [{"name": "gw", "properties": {"subnet": {"id": net.nodes}}}],
            "frontendIPConfigurations": [{"name": "public", "properties": {"publicIPAddress": {"id": address.id}}}],
            "frontendPorts": [{"name": "http", "properties": {"port": 80}}],
            "backendAddressPools": [{"name": "pool", "properties": {"backendAddresses": [{"ipAddress": "10.1.0.9"}]}}],
            "backendHttpSettingsCollection": [{"name": "plain", "properties": {"port": 80, "protocol": "Http"}}],
            "httpListeners": [{
                "name": "http",
                "properties": {
                    "protocol": "Http", "frontendIPConfiguration": ref("frontendIPConfigurations", "public"),
                    "frontendPort": ref("frontendPorts", "http"),
                },
            }],
            "requestRoutingRules": [{
                "name": "all",
                "properties": {
                    "ruleType": "Basic", "priority": 10, "httpListener": ref("httpListeners", "http"),
                    "backendAddressPool": ref("backendAddressPools", "pool"),
                    "backendHttpSettings": ref("backendHttpSettingsCollection", "plain"),
                },
            }],
        },
    }
    made = network.application_gateways.begin_create_or_update(GROUP, "gw", body).result()
    assert made.operational_state == "Running"
    health = network.application_gateways.begin_backend_health(GROUP, "gw")
    assert health.result().backend_address_pools
    del body["properties"]["requestRoutingRules"][0]["properties"]["priority"]
    refused(
        "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
        lambda: network.application_gateways.begin_create_or_update(GROUP, "gw", body).result(),
    )
    refused("InUseSubnetCannotBeDeleted", lambda: network.subnets.begin_delete(GROUP, "net", "nodes").result())
    network.application_gateways.begin_delete(GROUP, "gw").result()


def test_zones(net):
    dns = net.client(DnsManagementClient)
    zone = dns.zones.create_or_update(GROUP, "example.com", {"location": "global"})
    assert len(zone.name_servers) == 4
    dns.record_sets.create_or_update(GROUP, "example.com", "www", "A", {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.1"}]}})
    refused(
        "BadRequest",
        lambda: dns.record_sets.create_or_update(GROUP, "example.com", "www", "CNAME", {"properties": {"TTL": 60, "CNAMERecord": {"cname": "x.example"}}}),
    )
    assert [one.name for one in dns.record_sets.list_by_type(GROUP, "example.com", "A")] == ["www"]
    assert len(list(dns.record_sets.list_by_dns_zone(GROUP, "example.com"))) == 3
    dns.record_sets.delete(GROUP, "example.com", "www", "A")
    dns.zones.begin_delete(GROUP, "example.com").result()

    private = net.client(PrivateDnsManagementClient)
    private.private_zones.begin_create_or_update(GROUP, "db.private.postgres.database.azure.com", {"location": "global"}).result()
    name = "db.private.postgres.database.azure.com"
    vnet = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
    link = {"location": "global", "properties": {"virtualNetwork": {"id": vnet}, "registrationEnabled": False}}
    made = private.virtual_network_links.begin_create_or_update(GROUP, name, "net", link).result()
    assert made.virtual_network_link_state == "Completed"
    refused("CannotDeleteResource", lambda: private.private_zones.begin_delete(GROUP, name).result(), 409)
    record = {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": "10.1.0.7"}]}}
    private.record_sets.create_or_update(GROUP, name, "A", "x", record)
    assert private.record_sets.get(GROUP, name, "A", "x").a_records[0].ipv4_address == "10.1.0.7"
    private.record_sets.delete(GROUP, name, "A", "x")
    private.virtual_network_links.begin_delete(GROUP, name, "net").result()
    private.private_zones.begin_delete(GROUP, name).result()


def test_identities_and_roles(azure):
    identities = azure.client(ManagedServiceIdentityClient)
    identity = identities.user_assigned_identities.create_or_update(GROUP, "app", {"location": REGION})
    assert identity.principal_id and identity.client_id
    credential = {"properties": {"issuer": "https://issuer.example/", "subject": "system:serviceaccount:a:b", "audiences": ["api://AzureADTokenExchange"]}}
    identities.federated_identity_credentials.create_or_update(GROUP, "app", "k8s", credential)
    refused("Conflict", lambda: identities.federated_identity_credentials.create_or_update(GROUP, "app", "again", credential), 409)
    roles = azure.client(AuthorizationManagementClient, api_version="2022-04-01")
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    role = next(iter(roles.role_definitions.list(scope, filter="roleName eq 'Network Contributor'")))
    name = str(uuid.uuid4())
    body = {"properties": {"principalId": identity.principal_id, "roleDefinitionId": role.id, "principalType": "ServicePrincipal"}}
    made = roles.role_assignments.create(scope, name, body)
    assert made.principal_id == identity.principal_id
    refused("RoleAssignmentExists", lambda: roles.role_assignments.create(scope, str(uuid.uuid4()), body), 409)
    unknown = {"properties": {"principalId": str(uuid.uuid4()), "roleDefinitionId": role.id}}
    refused("PrincipalNotFound", lambda: roles.role_assignments.create(scope, str(uuid.uuid4()), unknown), 400)
    assert [one.name for one in roles.role_assignments.list_for_scope(scope, filter=f"principalId eq '{identity.principal_id}'")] == [name]
    roles.role_assignments.delete(scope, name)
    identities.federated_identity_credentials.delete(GROUP, "app", "k8s")
    identities.user_assigned_identities.delete(GROUP, "app")
    assert azure.live() == ["azurerm_resource_group"]


@pytest.fixture
def cluster(net):
    net.register("Microsoft.ContainerService")
    net.aks = net.client(ContainerServiceClient)
    pool = {
        "name": "system", "mode": "System", "count": 2, "vmSize": "Standard_D2s_v5", "vnetSubnetID": net.nodes,
        "availabilityZones": ["1", "2", "3"],
    }
    net.body = {
        "location": REGION, "identity": {"type": "SystemAssigned"},
        "properties": {
            "dnsPrefix": "tests", "kubernetesVersion": "1.33", "agentPoolProfiles": [pool], "oidcIssuerProfile": {"enabled": True},
            "securityProfile": {"workloadIdentity": {"enabled": True}},
            "networkProfile": {"networkPlugin": "azure", "networkPluginMode": "overlay", "networkDataplane": "cilium", "networkPolicy": "cilium"},
        },
    }
    net.made = net.aks.managed_clusters.begin_create_or_update(GROUP, "k", net.body).result()
    return net


def test_kubernetes(cluster):
    aks = cluster.aks
    made = cluster.made
    assert made.provisioning_state == "Succeeded" and made.current_kubernetes_version == "1.33.5"
    assert made.oidc_issuer_profile.issuer_url.startswith("https://") and made.identity.principal_id
    assert made.node_resource_group == f"MC_{GROUP}_k_{REGION}" and made.identity_profile["kubeletidentity"].object_id
    versions = aks.managed_clusters.list_kubernetes_versions(REGION)
    assert "1.34" in [one.version for one in versions.values_property]
    owned = sorted({one["type"] for one in cluster.sandbox.control("resources") if one["owner"] == made.id})
    assert "azurerm_lb" in owned and "azurerm_linux_virtual_machine_scale_set" in owned and "azurerm_resource_group" in owned
    pool = {"properties": {"mode": "User", "count": 1, "vmSize": "Standard_D4s_v5", "vnetSubnetID": cluster.nodes, "nodeLabels": {"a": "b"}}}
    poller = aks.agent_pools.begin_create_or_update(GROUP, "k", "apps", pool)
    refused("OperationNotAllowed", lambda: aks.agent_pools.begin_create_or_update(GROUP, "k", "more", pool).result(), 409)
    assert poller.result().node_image_version
    assert [one.name for one in aks.agent_pools.list(GROUP, "k")] == ["apps", "system"]
    pool["properties"]["count"] = 3
    assert aks.agent_pools.begin_create_or_update(GROUP, "k", "apps", pool).result().count == 3
    pool["properties"]["vmSize"] = "Standard_D8s_v5"
    refused("PropertyChangeNotAllowed", lambda: aks.agent_pools.begin_create_or_update(GROUP, "k", "apps", pool).result(), 400)
    config = aks.managed_clusters.list_cluster_admin_credentials(GROUP, "k").kubeconfigs[0]
    assert json.loads(bytes(config.value))["clusters"][0]["name"] == "k"
    inside(cluster, json.loads(bytes(config.value)))
    current = aks.managed_clusters.get(GROUP, "k").as_dict()
    current["properties"]["kubernetesVersion"] = "1.34.1"
    upgraded = aks.managed_clusters.begin_create_or_update(GROUP, "k", current).result()
    assert upgraded.current_kubernetes_version == "1.34.1" and len(upgraded.agent_pool_profiles) == 2
    with pytest.raises(ResourceModifiedError):
        from azure.core import MatchConditions

        aks.managed_clusters.begin_create_or_update(
            GROUP, "k", current, etag=made.e_tag, match_condition=MatchConditions.IfNotModified
        ).result()
    refused("InUseSubnetCannotBeDeleted", lambda: cluster.network.subnets.begin_delete(GROUP, "net", "nodes").result(), 400)
    aks.agent_pools.begin_delete(GROUP, "k", "apps").result()
    refused("OperationNotAllowed", lambda: aks.agent_pools.begin_delete(GROUP, "k", "system").result())
    aks.managed_clusters.begin_delete(GROUP, "k").result()
    assert not cluster.resources.resource_groups.check_existence(made.node_resource_group)
    cluster.network.subnets.begin_delete(GROUP, "net", "nodes").result()


def inside(cluster, config):
    """The cluster's own API: nodes of both pools, and a Service that gets a frontend of the cluster's load balancer."""
    target = config["clusters"][0]["cluster"]
    trust = ssl.create_default_context(cadata=base64.b64decode(target["certificate-authority-data"]).decode())

    def call(method, path, body=None):
        request = urllib.request.Request(target["server"] + path, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {config['users'][0]['user']['token']}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, context=trust) as answer:
            return json.load(answer)

    nodes = call("GET", "/api/v1/nodes")["items"]
    assert sorted(node["metadata"]["labels"]["agentpool"] for node in nodes) == ["apps", "apps", "apps", "system", "system"]
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 443, "targetPort": 8443}]},
    }
    path = "/api/v1/namespaces/default/services"
    call("POST", path, service)
    balancers = cluster.network.load_balancers
    group = cluster.made.node_resource_group
    wait(lambda: call("GET", f"{path}/web")["status"].get("loadBalancer", {}).get("ingress"))
    assert [rule.frontend_port for rule in balancers.get(group, "kubernetes").load_balancing_rules] == [443]
    call("DELETE", f"{path}/web")
    wait(lambda: not balancers.get(group, "kubernetes").load_balancing_rules)
    wait(lambda: len(list(cluster.network.public_ip_addresses.list(group))) == 1)


def test_kubernetes_refusals(net):
    net.register("Microsoft.ContainerService")
    aks = net.client(ContainerServiceClient)
    pool = {"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_D2s_v5"}
    good = {"location": REGION, "identity": {"type": "SystemAssigned"}, "properties": {"dnsPrefix": "t", "agentPoolProfiles": [pool]}}

    def put(**properties):
        body = json.loads(json.dumps(good))
        body["properties"].update(properties)
        return lambda: aks.managed_clusters.begin_create_or_update(GROUP, "k", body).result()

    refused("K8sVersionNotSupported", put(kubernetesVersion="1.20.1"), 400)
    refused("InvalidParameter", put(agentPoolProfiles=[dict(pool, name="System")]), 400)
    refused("InvalidVMSize", put(agentPoolProfiles=[dict(pool, vmSize="Standard_X9")]), 400)
    refused("InvalidParameter", put(disableLocalAccounts=True), 400)
    refused("UnmarshalError", put(colour="red"), 400)
    refused(
        "ServiceCidrOverlapExistingSubnetsCidr",
        put(agentPoolProfiles=[dict(pool, vnetSubnetID=net.nodes)], networkProfile={"serviceCidr": "10.1.0.0/24", "dnsServiceIP": "10.1.0.10"}),
        400,
    )
    refused(
        "ExistingNATGatewayNotAssociatedWithSubnet",
        put(agentPoolProfiles=[dict(pool, vnetSubnetID=net.nodes)], networkProfile={"outboundType": "userAssignedNATGateway"}),
        400,
    )
    refused("ResourceNotFound", lambda: aks.managed_clusters.get(GROUP, "k"), 404)


def test_postgresql(net):
    net.register("Microsoft.DBforPostgreSQL")
    postgres = net.client(PostgreSQLManagementClient)
    body = {
        "location": REGION, "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
        "properties": {
            "version": "16", "administratorLogin": "app", "administratorLoginPassword": "Correct-horse-9", "storage": {"storageSizeGB": 64},
            "network": {"delegatedSubnetResourceId": net.data}, "highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": "2"},
        },
    }
    refused("EmptyPrivateDnsZoneArmResourceId", lambda: postgres.servers.begin_create_or_update(GROUP, "tests-db", body).result(), 400)
    private = net.client(PrivateDnsManagementClient)
    name = "tests.postgres.database.azure.com"
    zone = private.private_zones.begin_create_or_update(GROUP, name, {"location": "global"}).result()
    body["properties"]["network"]["privateDnsZoneArmResourceId"] = zone.id
    refused("PrivateDnsZoneNotLinked", lambda: postgres.servers.begin_create_or_update(GROUP, "tests-db", body).result(), 400)
    vnet = net.nodes.rsplit("/subnets/")[0]
    link = {"location": "global", "properties": {"virtualNetwork": {"id": vnet}, "registrationEnabled": False}}
    private.virtual_network_links.begin_create_or_update(GROUP, name, "net", link).result()
    made = postgres.servers.begin_create_or_update(GROUP, "tests-db", body).result()
    assert made.state == "Ready" and made.fully_qualified_domain_name == "tests-db.postgres.database.azure.com"
    assert not made.administrator_login_password and made.network.public_network_access == "Disabled"
    postgres.databases.begin_create(GROUP, "tests-db", "shop", {"properties": {}}).result()
    assert "shop" in [one.name for one in postgres.databases.list_by_server(GROUP, "tests-db")]
    setting = postgres.configurations.begin_update(GROUP, "tests-db", "max_connections", {"properties": {"value": "200", "source": "user-override"}}).result()
    assert setting.value == "200" and setting.is_config_pending_restart
    postgres.servers.begin_restart(GROUP, "tests-db").result()
    assert not postgres.configurations.get(GROUP, "tests-db", "max_connections").is_config_pending_restart
    refused("InvalidParameterValue", lambda: postgres.configurations.begin_update(GROUP, "tests-db", "max_connections", {"properties": {"value": "x"}}).result())
    bigger = postgres.servers.begin_update(GROUP, "tests-db", {"properties": {"storage": {"storageSizeGB": 128}}}).result()
    assert bigger.storage.storage_size_gb == 128
    refused("StorageSizeCannotBeReduced", lambda: postgres.servers.begin_update(GROUP, "tests-db", {"properties": {"storage": {"storageSizeGB": 32}}}).result())
    refused("InUseSubnetCannotBeDeleted", lambda: net.network.subnets.begin_delete(GROUP, "net", "data").result(), 400)
    postgres.databases.begin_delete(GROUP, "tests-db", "shop").result()
    postgres.servers.begin_delete(GROUP, "tests-db").result()
    with pytest.raises(ResourceNotFoundError):
        postgres.servers.get(GROUP, "tests-db")
    net.network.subnets.begin_delete(GROUP, "net", "data").result()
    assert next(iter(postgres.capabilities_by_location.list(REGION))).supported_server_editions


def test_mysql(net):
    net.register("Microsoft.DBforMySQL")
    mysql = net.client(MySQLManagementClient)
    delegation = {"name": "mysql", "properties": {"serviceName": "Microsoft.DBforMySQL/flexibleServers"}}
    subnet = {"properties": {"addressPrefix": "10.1.17.0/24", "delegations": [delegation]}}
    subnet = net.network.subnets.begin_create_or_update(GROUP, "net", "mysql", subnet).result().id
    private = net.client(PrivateDnsManagementClient)
    name = "tests.private.mysql.database.azure.com"
    zone = private.private_zones.begin_create_or_update(GROUP, name, {"location": "global"}).result()
    vnet = net.nodes.rsplit("/subnets/")[0]
    link = {"location": "global", "properties": {"virtualNetwork": {"id": vnet}, "registrationEnabled": False}}
    private.virtual_network_links.begin_create_or_update(GROUP, name, "mysql", link).result()
    network = {"delegatedSubnetResourceId": net.data, "privateDnsZoneResourceId": zone.id}
    body = {
        "location": REGION, "sku": {"name": "Standard_D2ds_v4", "tier": "GeneralPurpose"},
        "properties": {
            "version": "8.0.21", "administratorLogin": "app", "administratorLoginPassword": "Correct-horse-9", "network": network,
            "storage": {"storageSizeGB": 30, "autoGrow": "Disabled"}, "highAvailability": {"mode": "ZoneRedundant"},
            "maintenanceWindow": {"customWindow": "Enabled", "dayOfWeek": 2, "startHour": 3, "startMinute": 0},
        },
    }
    create = lambda: mysql.servers.begin_create(GROUP, "tests-mysql", body).result()  # noqa: E731
    # A subnet is one service's.
    refused("SubnetNotDelegated", create, 400)
    network["delegatedSubnetResourceId"] = subnet
    made = create()
    assert made.state == "Ready" and made.fully_qualified_domain_name == "tests-mysql.mysql.database.azure.com"
    assert not made.administrator_login_password and made.network.public_network_access == "Disabled"
    # With a standby storage grows, over zones; a window is set by itself alone.
    assert made.storage.auto_grow == "Enabled" and made.storage.storage_redundancy == "ZoneRedundancy" and made.storage.iops == 390
    assert made.maintenance_window.custom_window == "Disabled"
    update = lambda **properties: mysql.servers.begin_update(GROUP, "tests-mysql", {"properties": properties}).result()  # noqa: E731
    window = body["properties"]["maintenanceWindow"]
    assert update(maintenanceWindow=window).maintenance_window.start_hour == 3
    assert update(storage={"storageSizeGB": 60}).storage.storage_size_gb == 60
    refused("StorageSizeCannotBeReduced", lambda: update(storage={"storageSizeGB": 20}))
    # A version by itself alone too, and upwards.
    refused("MajorVersionUpgradeWithOtherChanges", lambda: update(version="8.4", backup={"backupRetentionDays": 9}))
    assert update(version="8.4").full_version.startswith("8.4")
    refused("MajorVersionDowngradeNotSupported", lambda: update(version="5.7"))
    assert update(highAvailability={"mode": "Disabled"}).high_availability.state == "NotEnabled"
    refused("ZoneRedundantHAOnlyAtCreation", lambda: update(highAvailability={"mode": "ZoneRedundant"}))
    assert update(highAvailability={"mode": "SameZone"}).high_availability.state == "Healthy"
    mysql.databases.begin_create_or_update(GROUP, "tests-mysql", "shop", {"properties": {"charset": "utf8mb4"}}).result()
    assert {"shop", "mysql"} <= {one.name for one in mysql.databases.list_by_server(GROUP, "tests-mysql")}
    wrong = {"properties": {"charset": "utf8mb4", "collation": "latin1_bin"}}
    refused("InvalidCollation", lambda: mysql.databases.begin_create_or_update(GROUP, "tests-mysql", "x", wrong).result())
    set_to = lambda name, value: mysql.configurations.begin_update(  # noqa: E731
        GROUP, "tests-mysql", name, {"properties": {"value": value, "source": "user-override"}}
    ).result()
    assert set_to("event_scheduler", "on").value == "ON"
    assert set_to("tls_version", "TLSv1.3").is_config_pending_restart == "True"
    mysql.servers.begin_restart(GROUP, "tests-mysql", {"restartWithFailover": "Disabled"}).result()
    assert mysql.configurations.get(GROUP, "tests-mysql", "tls_version").is_config_pending_restart == "False"
    refused("InvalidParameterValue", lambda: set_to("tls_version", "TLSv1.1"))
    assert next(iter(mysql.backups.list_by_server(GROUP, "tests-mysql"))).backup_type == "FULL"
    taken = mysql.check_name_availability_without_location.execute({"name": "tests-mysql"})
    assert not taken.name_available and taken.reason == "AlreadyExists"
    offer = mysql.location_based_capability_set.get(REGION, "default")
    assert [one.name for one in offer.supported_server_versions] == ["5.7", "8.0.21", "8.4"]
    mysql.databases.begin_delete(GROUP, "tests-mysql", "shop").result()
    mysql.servers.begin_delete(GROUP, "tests-mysql").result()
    with pytest.raises(ResourceNotFoundError):
        mysql.servers.get(GROUP, "tests-mysql")
    net.network.subnets.begin_delete(GROUP, "net", "mysql").result()


def test_storage(azure):
    storage = azure.client(StorageManagementClient)
    body = {"location": REGION, "kind": "StorageV2", "sku": {"name": "Standard_ZRS"}, "properties": {"allowSharedKeyAccess": False}}
    made = storage.storage_accounts.begin_create(GROUP, "teststore1", body).result()
    assert made.provisioning_state == "Succeeded" and made.primary_endpoints.blob == "https://teststore1.blob.core.windows.net/"
    assert not storage.storage_accounts.check_name_availability({"name": "teststore1", "type": "Microsoft.Storage/storageAccounts"}).name_available
    refused("AccountNameInvalid", lambda: storage.storage_accounts.begin_create(GROUP, "Bad-Name", body).result(), 400)
    assert [one.key_name for one in storage.storage_accounts.list_keys(GROUP, "teststore1").keys_property] == ["key1", "key2"]
    storage.blob_services.set_service_properties(GROUP, "teststore1", {"properties": {"isVersioningEnabled": True}})
    assert storage.blob_services.get_service_properties(GROUP, "teststore1").is_versioning_enabled
    container = storage.blob_containers.create(GROUP, "teststore1", "data", {"properties": {}})
    assert container.public_access == "None"
    refused("PublicAccessNotPermitted", lambda: storage.blob_containers.create(GROUP, "teststore1", "open", {"properties": {"publicAccess": "Blob"}}), 409)
    rule = {
        "name": "old", "type": "Lifecycle", "enabled": True,
        "definition": {"actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}}, "filters": {"blobTypes": ["blockBlob"]}},
    }
    refused("ManagementPolicyNotFound", lambda: storage.management_policies.get(GROUP, "teststore1", "default"), 404)
    storage.management_policies.create_or_update(GROUP, "teststore1", "default", {"properties": {"policy": {"rules": [rule]}}})
    assert storage.management_policies.get(GROUP, "teststore1", "default").policy.rules[0].name == "old"
    updated = storage.storage_accounts.update(GROUP, "teststore1", {"tags": {"a": "b"}, "properties": {"minimumTlsVersion": "TLS1_3"}})
    assert updated.tags == {"a": "b"} and updated.minimum_tls_version == "TLS1_3" and updated.allow_shared_key_access is False
    storage.management_policies.delete(GROUP, "teststore1", "default")
    storage.blob_containers.delete(GROUP, "teststore1", "data")
    storage.storage_accounts.delete(GROUP, "teststore1")
    assert [one.name for one in storage.deleted_accounts.list()] == ["teststore1"]
    assert azure.live() == ["azurerm_resource_group"]


def test_vaults(azure):
    vaults = azure.client(KeyVaultManagementClient)
    body = {"location": REGION, "properties": {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}}
    made = vaults.vaults.begin_create_or_update(GROUP, "tests-vault", body).result()
    uri = made.properties.vault_uri
    assert uri == f"{azure.url}/_vault/tests-vault/"
    base = "/_vault/tests-vault"
    secret = azure.call("PUT", f"{base}/secrets/password?api-version=7.4", {"value": "hunter2", "tags": {"a": "b"}})
    assert secret["id"].startswith(f"{uri}secrets/password/")
    azure.call("PUT", f"{base}/secrets/password?api-version=7.4", {"value": "hunter3"})
    assert azure.call("GET", f"{base}/secrets/password/?api-version=7.4")["value"] == "hunter3"
    version = secret["id"].rsplit("/", 1)[1]
    assert azure.call("GET", f"{base}/secrets/password/{version}?api-version=7.4")["value"] == "hunter2"
    assert len(azure.call("GET", f"{base}/secrets/password/versions?api-version=7.4")["value"]) == 2
    key = azure.call("POST", f"{base}/keys/disk/create?api-version=7.4", {"kty": "RSA", "key_size": 2048})
    assert key["key"]["kid"].startswith(f"{uri}keys/disk/") and len(base64.urlsafe_b64decode(key["key"]["n"] + "==")) == 256
    assert [one.name for one in vaults.secrets.list(GROUP, "tests-vault")] == ["password"]
    azure.call("DELETE", f"{base}/secrets/password?api-version=7.4")
    assert azure.call("GET", f"{base}/deletedsecrets/password?api-version=7.4")["recoveryId"]
    azure.call("POST", f"{base}/deletedsecrets/password/recover?api-version=7.4")
    azure.call("DELETE", f"{base}/secrets/password?api-version=7.4")
    azure.call("DELETE", f"{base}/deletedsecrets/password?api-version=7.4")
    refused("BadRequest", lambda: vaults.vaults.update(GROUP, "tests-vault", {"properties": {"enablePurgeProtection": False}}))
    vaults.vaults.delete(GROUP, "tests-vault")
    assert [one.name for one in vaults.vaults.list_deleted()] == ["tests-vault"]
    refused("ConflictError", lambda: vaults.vaults.begin_create_or_update(GROUP, "tests-vault", body).result(), 409)
    body["properties"]["createMode"] = "recover"
    vaults.vaults.begin_create_or_update(GROUP, "tests-vault", body).result()
    assert azure.call("GET", f"{base}/keys/disk?api-version=7.4")["key"]["kty"] == "RSA"
    vaults.vaults.delete(GROUP, "tests-vault")
    vaults.vaults.begin_purge_deleted("tests-vault", REGION).result()
    assert list(vaults.vaults.list_deleted()) == [] and azure.live() == ["azurerm_resource_group"]


def self_signed(name, key):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=30)).sign(key, hashes.SHA256())
    return made, made.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key, form):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_certificates_in_vaults(azure):
    vaults = azure.client(KeyVaultManagementClient)
    body = {"location": REGION, "properties": {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}}
    vaults.vaults.begin_create_or_update(GROUP, "tests-certs", body).result()
    base = "/_vault/tests-certs"
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, pem = self_signed("shop.example.com", key)
    policy = {"secret_props": {"contentType": "application/x-pem-file"}}

    def bring(text, name="shop"):
        return azure.call("POST", f"{base}/certificates/{name}/import?api-version=7.4", {"value": text, "policy": policy, "tags": {"a": "b"}})

    def fails(status, call):
        with pytest.raises(urllib.error.HTTPError) as caught:
            call()
        assert caught.value.code == status

    pkcs8 = key_pem(key, serialization.PrivateFormat.PKCS8)
    made = bring(pem + pkcs8)
    assert base64.b64decode(made["cer"]) == certificate.public_bytes(serialization.Encoding.DER)
    assert base64.urlsafe_b64decode(made["x5t"] + "=") == certificate.fingerprint(hashes.SHA1())
    assert made["policy"]["key_props"] == {"exportable": True, "reuse_key": False, "kty": "EC", "crv": "P-256"}
    assert made["attributes"]["exp"] == int(certificate.not_valid_after_utc.timestamp())
    assert bring(pem + pkcs8)["id"] != made["id"]
    assert len(azure.call("GET", f"{base}/certificates/shop/versions?api-version=7.4")["value"]) == 2
    # It is a secret besides, which nobody changes but by the certificate.
    secret = azure.call("GET", f"{base}/secrets/shop?api-version=7.4")
    assert secret["value"] == pem + pkcs8 and secret["managed"] and secret["contentType"] == "application/x-pem-file"
    fails(403, lambda: azure.call("PUT", f"{base}/secrets/shop?api-version=7.4", {"value": "x"}))
    # A key in another form than PKCS#8, none, or somebody else's.
    old = key_pem(key, serialization.PrivateFormat.TraditionalOpenSSL)
    other = key_pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.PKCS8)
    for wrong in (pem, pem + old, pem + other, "no certificate"):
        fails(400, lambda: bring(wrong, "wrong"))
    # PKCS#12, of old and new ciphers, comes back without its password; another one, or none, does not open it.
    issuer, _ = self_signed("an issuer", ec.generate_private_key(ec.SECP256R1()))
    for cipher, mac in ((PBES.PBESv1SHA1And3KeyTripleDESCBC, hashes.SHA1()), (PBES.PBESv2SHA256AndAES256CBC, hashes.SHA256())):
        form = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2000).key_cert_algorithm(cipher).hmac_hash(mac)
        file = pkcs12.serialize_key_and_certificates(b"shop", key, certificate, [issuer], form.build(b"hush"))

        def bring_file(**more):
            body = {"value": base64.b64encode(file).decode(), "policy": {"secret_props": {"contentType": "application/x-pkcs12"}}, **more}
            return azure.call("POST", f"{base}/certificates/file/import?api-version=7.4", body)

        for wrong in ({}, {"pwd": "Hush"}):
            fails(400, lambda: bring_file(**wrong))
        assert bring_file(pwd="hush")["cer"] == made["cer"]
        secret = azure.call("GET", f"{base}/secrets/file?api-version=7.4")
        assert secret["contentType"] == "application/x-pkcs12"
        whole = pkcs12.load_key_and_certificates(base64.b64decode(secret["value"]), None)
        assert whole[0].private_numbers() == key.private_numbers() and whole[1] == certificate and whole[2] == [issuer]
    # Of what kind the contents are, the policy says: PKCS#12, unless it says otherwise.
    fails(400, lambda: azure.call("POST", f"{base}/certificates/file/import?api-version=7.4", {"value": pem + pkcs8}))
    azure.call("DELETE", f"{base}/certificates/file?api-version=7.4")
    azure.call("DELETE", f"{base}/deletedcertificates/file?api-version=7.4")
    version = made["id"].rsplit("/", 1)[1]
    tagged = azure.call("PATCH", f"{base}/certificates/shop/{version}?api-version=7.4", {"tags": {"c": "d"}})
    assert tagged["id"] == made["id"] and tagged["tags"] == {"c": "d"}
    assert azure.live() == ["azurerm_key_vault", "azurerm_key_vault_certificate", "azurerm_resource_group"]
    azure.call("DELETE", f"{base}/certificates/shop?api-version=7.4")
    fails(404, lambda: azure.call("GET", f"{base}/secrets/shop?api-version=7.4"))
    azure.call("POST", f"{base}/deletedcertificates/shop/recover?api-version=7.4")
    azure.call("DELETE", f"{base}/certificates/shop?api-version=7.4")
    azure.call("DELETE", f"{base}/deletedcertificates/shop?api-version=7.4")
    vaults.vaults.delete(GROUP, "tests-certs")
    vaults.vaults.begin_purge_deleted("tests-certs", REGION).result()


def test_certificates_that_vaults_make(azure):
    vaults = azure.client(KeyVaultManagementClient)
    body = {"location": REGION, "properties": {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}}
    vaults.vaults.begin_create_or_update(GROUP, "tests-made", body).result()

    def call(method, path, body=None):
        return azure.call(method, f"/_vault/tests-made/{path}?api-version=7.4", body)

    def fails(status, method, path, body=None):
        with pytest.raises(urllib.error.HTTPError) as caught:
            call(method, path, body)
        assert caught.value.code == status
        return json.load(caught.value)["error"]

    def create(name, issuer, subject, **more):
        policy = {"issuer": {"name": issuer}, "x509_props": {"subject": subject, **more}, "key_props": {"kty": "EC", "crv": "P-256"}}
        return call("POST", f"certificates/{name}/create", {"policy": policy, "tags": {"a": "b"}})

    def ended(name):
        wait(lambda: call("GET", f"certificates/{name}/pending")["status"] != "inProgress")
        return call("GET", f"certificates/{name}/pending")

    def issued(name):
        done = ended(name)
        assert done["status"] == "completed" and done["target"].endswith(f"/certificates/{name}")
        return x509.load_der_x509_certificate(base64.b64decode(call("GET", f"certificates/{name}")["cer"]))

    begun = create("own", "Self", "CN=shop.example.com, O=Shop", sans={"dns_names": ["shop.example.com"]}, validity_months=3)
    assert begun["id"].endswith("/certificates/own/pending") and x509.load_der_x509_csr(base64.b64decode(begun["csr"])).is_signature_valid
    own = issued("own")
    assert own.subject.rfc4514_string() == "O=Shop,CN=shop.example.com" and own.issuer == own.subject
    assert own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["shop.example.com"]
    assert 85 <= (own.not_valid_after_utc - own.not_valid_before_utc).days <= 95
    key, found, _ = pkcs12.load_key_and_certificates(base64.b64decode(call("GET", "secrets/own")["value"]), None)
    assert found == own and key.public_key() == own.public_key()

    # Of an issuer: not one that is not there, nor one that does not know its customer.
    fails(400, "POST", "certificates/of/create", {"policy": {"issuer": {"name": "ca"}, "x509_props": {"subject": "CN=a"}}})
    ca = {"provider": "DigiCert", "credentials": {"account_id": "1"}}
    assert fails(400, "PUT", "certificates/issuers/ca", ca)["message"] == "Id in organization details is not set"
    made = call("PUT", "certificates/issuers/ca", {**ca, "org_details": {"id": "5"}})
    assert made["provider"] == "DigiCert" and made["id"].endswith("/certificates/issuers/ca")
    create("of", "ca", "CN=a")
    failed = ended("of")
    assert (failed["status"], failed["error"]["code"]) == ("failed", "Certificate issuer error")
    call("PATCH", "certificates/issuers/ca", {"credentials": {"account_id": "1", "pwd": "hush"}})
    assert "pwd" not in call("GET", "certificates/issuers/ca")["credentials"]
    create("of", "ca", "CN=a")
    assert issued("of").issuer.rfc4514_string() == "CN=The sandbox's certificate authority"
    assert len(call("GET", "certificates/issuers")["value"]) == 1
    call("DELETE", "certificates/issuers/ca")
    fails(404, "GET", "certificates/issuers/ca")

    # By hand: the request is signed by whomever, and merged; nothing else is made meanwhile.
    waiting = create("hand", "Unknown", "CN=hand.example.com")
    fails(409, "POST", "certificates/hand/create", {"policy": {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a"}}})
    assert call("GET", "certificates/hand")["attributes"]["enabled"] is False
    fails(404, "GET", "secrets/hand")
    request = x509.load_der_x509_csr(base64.b64decode(waiting["csr"]))
    authority = ec.generate_private_key(ec.SECP256R1())
    stranger, _ = self_signed("hand.example.com", authority)
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = x509.CertificateBuilder().subject_name(request.subject).issuer_name(stranger.subject).public_key(request.public_key())
    signed = signed.serial_number(9).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=9)).sign(authority, hashes.SHA256())

    def merged(certificate):
        der = certificate.public_bytes(serialization.Encoding.DER)
        return {"x5c": [base64.b64encode(der).decode()]}

    assert "does not match" in fails(400, "POST", "certificates/hand/pending/merge", merged(stranger))["message"]
    whole = call("POST", "certificates/hand/pending/merge", merged(signed))
    assert whole["attributes"]["enabled"] and [whole["cer"]] == merged(signed)["x5c"] and whole["tags"] == {"a": "b"}

    # What is asked to stop, stops; what is said to be done at the end can change.
    create("stops", "Unknown", "CN=stops")
    call("PATCH", "certificates/stops/pending", {"cancellation_requested": True})
    assert ended("stops")["status"] == "cancelled"
    call("DELETE", "certificates/stops/pending")
    assert fails(404, "GET", "certificates/stops/pending")["code"] == "PendingCertificateNotFound"
    action = {"trigger": {"days_before_expiry": 9}, "action": {"action_type": "AutoRenew"}}
    call("PATCH", "certificates/own/policy", {"lifetime_actions": [action]})
    assert call("GET", "certificates/own")["policy"]["lifetime_actions"] == [action]
    vaults.vaults.delete(GROUP, "tests-made")
    vaults.vaults.begin_purge_deleted("tests-made", REGION).result()


def test_registries_and_workspaces(azure):
    azure.register("Microsoft.ContainerRegistry")
    registries = azure.client(ContainerRegistryManagementClient)
    made = registries.registries.begin_create(GROUP, "testsregistry", {"location": REGION, "sku": {"name": "Basic"}, "properties": {}}).result()
    assert made.login_server == "testsregistry.azurecr.io"
    refused("UnAuthorizedForCredentialOperations", lambda: registries.registries.list_credentials(GROUP, "testsregistry"))
    updated = registries.registries.begin_update(GROUP, "testsregistry", {"properties": {"adminUserEnabled": True}}).result()
    assert updated.admin_user_enabled
    assert len(registries.registries.list_credentials(GROUP, "testsregistry").passwords) == 2
    registries.registries.begin_delete(GROUP, "testsregistry").result()
    logs = azure.client(LogAnalyticsManagementClient)
    workspace = logs.workspaces.begin_create_or_update(GROUP, "logs-1", {"location": REGION, "properties": {"retentionInDays": 30}}).result()
    assert workspace.customer_id and workspace.sku.name == "PerGB2018"
    assert logs.shared_keys.get_shared_keys(GROUP, "logs-1").primary_shared_key
    logs.workspaces.begin_delete(GROUP, "logs-1").result()
    again = logs.workspaces.begin_create_or_update(GROUP, "logs-1", {"location": REGION, "properties": {}}).result()
    assert again.customer_id == workspace.customer_id


def test_disk_encryption(azure):
    vaults = azure.client(KeyVaultManagementClient)
    compute = azure.client(ComputeManagementClient)
    properties = {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enablePurgeProtection": True}
    vault = vaults.vaults.begin_create_or_update(GROUP, "tests-keys", {"location": REGION, "properties": properties}).result()
    key = azure.call("POST", "/_vault/tests-keys/keys/disk/create?api-version=7.4", {"kty": "RSA"})
    body = {
        "location": REGION, "identity": {"type": "SystemAssigned"},
        "properties": {"activeKey": {"keyUrl": key["key"]["kid"], "sourceVault": {"id": vault.id}}},
    }
    made = compute.disk_encryption_sets.begin_create_or_update(GROUP, "des", body).result()
    assert made.identity.principal_id
    compute.disk_encryption_sets.begin_delete(GROUP, "des").result()
    assert {one.name.value for one in compute.usage.list(REGION)} >= {"cores", "standardDSv5Family"}
    names = {one.name for one in compute.resource_skus.list(filter=f"location eq '{REGION}'")}
    assert "Standard_D2s_v5" in names


def test_private_endpoint(net):
    storage = net.client(StorageManagementClient)
    account = storage.storage_accounts.begin_create(GROUP, "teststore2", {"location": REGION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}).result()
    private = net.client(PrivateDnsManagementClient)
    zone = private.private_zones.begin_create_or_update(GROUP, "privatelink.blob.core.windows.net", {"location": "global"}).result()
    body = {
        "location": REGION,
        "properties": {
            "subnet": {"id": net.nodes},
            "privateLinkServiceConnections": [{"name": "blob", "properties": {"privateLinkServiceId": account.id, "groupIds": ["blob"]}}],
        },
    }
    made = net.network.private_endpoints.begin_create_or_update(GROUP, "pe", body).result()
    assert made.custom_dns_configs[0].fqdn == "teststore2.blob.core.windows.net"
    group = {"properties": {"privateDnsZoneConfigs": [{"name": "blob", "properties": {"privateDnsZoneId": zone.id}}]}}
    net.network.private_dns_zone_groups.begin_create_or_update(GROUP, "pe", "default", group).result()
    assert private.record_sets.get(GROUP, "privatelink.blob.core.windows.net", "A", "teststore2").a_records[0].ipv4_address
    interface = made.network_interfaces[0].id.rsplit("/", 1)[1]
    refused("NicInUseWithPrivateEndpoint", lambda: net.network.network_interfaces.begin_delete(GROUP, interface).result(), 400)
    net.network.private_endpoints.begin_delete(GROUP, "pe").result()
    with pytest.raises(ResourceNotFoundError):
        net.network.network_interfaces.get(GROUP, interface)
    with pytest.raises(ResourceNotFoundError):
        private.record_sets.get(GROUP, "privatelink.blob.core.windows.net", "A", "teststore2")


def test_conditions_faults_and_the_log(azure):
    body = {"location": REGION, "properties": {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}}}
    networks = azure.network.virtual_networks
    azure.sandbox.control("faults", "fail:VirtualNetworks_CreateOrUpdate*1")
    refused("InternalServerError", lambda: networks.begin_create_or_update(GROUP, "net", body).result())
    assert networks.get(GROUP, "net").provisioning_state == "Failed"
    made = networks.begin_create_or_update(GROUP, "net", body).result()
    with pytest.raises(HttpResponseError) as caught:
        networks.begin_create_or_update(GROUP, "net", body, headers={"If-Match": 'W/"stale"'})
    assert caught.value.status_code == 412
    networks.begin_create_or_update(GROUP, "net", body, headers={"If-Match": made.etag}).result()
    with pytest.raises((ResourceExistsError, HttpResponseError)):
        networks.begin_create_or_update(GROUP, "net", body, headers={"If-None-Match": "*"})
    azure.sandbox.control("faults", "throttle:network.VirtualNetworks_Get*1")
    refused("SubscriptionRequestsThrottled", lambda: networks.get(GROUP, "net"), 429)
    assert networks.get(GROUP, "net").name == "net"
    azure.sandbox.control("faults", "")
    counts = azure.sandbox.control("counts")["network"]
    assert counts["VirtualNetworks_CreateOrUpdate"] >= 5 and counts["VirtualNetworks_Get"] >= 3
