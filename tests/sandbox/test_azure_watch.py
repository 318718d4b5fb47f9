"""The sandbox's Azure as Microsoft's own clients see it, further: locks, records of traffic, registries in several regions, and the
names of the government's and China's."""

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.storage import StorageManagementClient
from test_azure import GROUP, REGION, SUBSCRIPTION, azure, net, refused, wait  # noqa: F401

WATCHERS, WATCHER = "NetworkWatcherRG", f"NetworkWatcher_{REGION}"


def test_locks(azure):  # noqa: F811
    locks = azure.client(ManagementLockClient).management_locks
    identities = azure.client(ManagedServiceIdentityClient).user_assigned_identities
    who = identities.create_or_update(GROUP, "who", {"location": REGION})
    other = identities.create_or_update(GROUP, "other", {"location": REGION})
    # The client puts a slash before it.
    at = who.id[1:]
    made = locks.create_or_update_by_scope(at, "kept", {"level": "CanNotDelete", "notes": "For a test"})
    assert made.id == f"{who.id}/providers/Microsoft.Authorization/locks/kept"
    assert locks.get_by_scope(at, "kept").notes == "For a test"
    refused("ScopeLocked", lambda: identities.delete(GROUP, "who"), 409)
    refused("ScopeLocked", lambda: azure.resources.resource_groups.begin_delete(GROUP).result(), 409)
    # It may still be changed, and so may what is beside it.
    identities.create_or_update(GROUP, "who", {"location": REGION, "tags": {"a": "b"}})
    identities.delete(GROUP, "other")
    assert other.id
    locks.create_or_update_by_scope(at, "kept", {"level": "ReadOnly"})
    refused("ScopeLocked", lambda: identities.create_or_update(GROUP, "who", {"location": REGION}), 409)
    refused("InvalidLockLevel", lambda: locks.create_or_update_by_scope(at, "x", {"level": "Loosely"}))
    assert [one.name for one in locks.list_by_scope(at)] == ["kept"]
    assert [one.name for one in locks.list_at_resource_group_level(GROUP)] == ["kept"]
    assert [one.name for one in locks.list_at_subscription_level()] == ["kept"]
    locks.delete_by_scope(at, "kept")
    locks.delete_by_scope(at, "kept")
    with pytest.raises(ResourceNotFoundError):
        locks.get_by_scope(at, "kept")
    identities.delete(GROUP, "who")
    # A lock of a group holds for what is in it.
    group = azure.resources.resource_groups.get(GROUP).id[1:]
    locks.create_or_update_by_scope(group, "all", {"level": "CanNotDelete"})
    identities.create_or_update(GROUP, "who", {"location": REGION})
    refused("ScopeLocked", lambda: identities.delete(GROUP, "who"), 409)
    locks.delete_by_scope(group, "all")
    azure.resources.resource_groups.begin_delete(GROUP).result()


def test_watchers_and_flow_logs(net):  # noqa: F811
    # The first network of a region brought its watcher.
    watchers = net.network.network_watchers
    assert [one.name for one in watchers.list_all()] == [WATCHER]
    assert watchers.get(WATCHERS, WATCHER).location == REGION
    refused("NetworkWatcherCountLimitReached", lambda: watchers.create_or_update(GROUP, "second", {"location": REGION}), 400)
    other = watchers.create_or_update(GROUP, "elsewhere", {"location": "northeurope"})
    wait(lambda: watchers.get(GROUP, "elsewhere").provisioning_state == "Succeeded")
    assert other.location == "northeurope"
    watchers.begin_delete(GROUP, "elsewhere").result()
    storage = net.client(StorageManagementClient).storage_accounts
    account = storage.begin_create(GROUP, "testslogs", {"location": REGION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}).result()
    away = storage.begin_create(GROUP, "testslogsaway", {"location": "eastus", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}).result()
    network = net.network.virtual_networks.get(GROUP, "net")
    logs = net.network.flow_logs

    def body(**others):
        properties = {"targetResourceId": network.id, "storageId": account.id, "enabled": True}
        return {"location": REGION, "properties": properties | others}

    made = logs.begin_create_or_update(WATCHERS, WATCHER, "traffic", body(retentionPolicy={"enabled": True, "days": 7})).result()
    assert made.target_resource_guid and made.retention_policy.days == 7 and made.format.type == "JSON"
    refused("BadRequest", lambda: logs.begin_create_or_update(WATCHERS, WATCHER, "again", body()).result())
    refused("BadRequest", lambda: logs.begin_create_or_update(WATCHERS, WATCHER, "traffic", body(storageId=away.id)).result())
    refused("InvalidResourceLocation", lambda: logs.begin_create_or_update(WATCHERS, WATCHER, "traffic", {**body(), "location": "eastus"}).result())
    storage.update(GROUP, "testslogs", {"properties": {"allowSharedKeyAccess": False}})
    refused("BadRequest", lambda: logs.begin_create_or_update(WATCHERS, WATCHER, "traffic", body()).result())
    who = net.client(ManagedServiceIdentityClient).user_assigned_identities.create_or_update(GROUP, "who", {"location": REGION})
    identity = {"type": "UserAssigned", "userAssignedIdentities": {who.id: {}}}
    changed = logs.begin_create_or_update(WATCHERS, WATCHER, "traffic", {**body(enabled=False), "identity": identity}).result()
    assert not changed.enabled and list(changed.identity.user_assigned_identities) == [who.id]
    tagged = logs.update_tags(WATCHERS, WATCHER, "traffic", {"tags": {"a": "b"}})
    assert tagged.tags == {"a": "b"} and tagged.storage_id == account.id
    assert [one.name for one in logs.list(WATCHERS, WATCHER)] == ["traffic"]
    logs.begin_delete(WATCHERS, WATCHER, "traffic").result()
    with pytest.raises(ResourceNotFoundError):
        logs.get(WATCHERS, WATCHER, "traffic")


def test_registries_in_several_regions(azure):  # noqa: F811
    azure.register("Microsoft.ContainerRegistry")
    client = azure.client(ContainerRegistryManagementClient)
    body = {"location": REGION, "sku": {"name": "Standard"}, "properties": {}}
    client.registries.begin_create(GROUP, "testsregions", body).result()
    replica = {"location": "northeurope", "properties": {"zoneRedundancy": "Enabled"}}
    client_create = client.replications.begin_create
    refused("ReplicationNotAllowed", lambda: client_create(GROUP, "testsregions", "northeurope", replica).result())
    client.registries.begin_create(GROUP, "testsregions", {**body, "sku": {"name": "Premium"}}).result()
    made = client_create(GROUP, "testsregions", "northeurope", replica).result()
    assert made.region_endpoint_enabled and made.zone_redundancy == "Enabled"
    refused("ReplicationLocationInUse", lambda: client_create(GROUP, "testsregions", "another", replica).result())
    same = {"location": REGION, "properties": {}}
    refused("ReplicationLocationInUse", lambda: client_create(GROUP, "testsregions", "another", same).result())
    zoneless = {"location": "westus", "properties": {"zoneRedundancy": "Enabled"}}
    refused("ZoneRedundancyNotSupported", lambda: client_create(GROUP, "testsregions", "westus", zoneless).result())
    assert {one.location for one in client.replications.list(GROUP, "testsregions")} == {REGION, "northeurope"}
    changed = client.replications.begin_update(GROUP, "testsregions", "northeurope", {"properties": {"regionEndpointEnabled": False}}).result()
    assert not changed.region_endpoint_enabled
    refused("CannotDeleteHomeReplication", lambda: client.replications.begin_delete(GROUP, "testsregions", REGION).result())
    client.replications.begin_delete(GROUP, "testsregions", "northeurope").result()
    assert [one.location for one in client.replications.list(GROUP, "testsregions")] == [REGION]


@pytest.mark.parametrize(
    ("region", "storage", "registry", "postgres"),
    [
        ("usgovvirginia", "core.usgovcloudapi.net", "azurecr.us", "postgres.database.usgovcloudapi.net"),
        ("chinanorth3", "core.chinacloudapi.cn", "azurecr.cn", "postgres.database.chinacloudapi.cn"),
    ],
)
def test_names_of_other_azures(azure, region, storage, registry, postgres):  # noqa: F811
    for name in ("Microsoft.ContainerRegistry", "Microsoft.DBforPostgreSQL"):
        azure.register(name)
    accounts = azure.client(StorageManagementClient).storage_accounts
    account = accounts.begin_create(GROUP, "testsnames", {"location": region, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}).result()
    assert account.primary_endpoints.blob == f"https://testsnames.blob.{storage}/"
    registries = azure.client(ContainerRegistryManagementClient).registries
    made = registries.begin_create(GROUP, "testsnames", {"location": region, "sku": {"name": "Basic"}, "properties": {}}).result()
    assert made.login_server == f"testsnames.{registry}"
    network = azure.client(NetworkManagementClient)
    space = {"location": region, "properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}}
    net = network.virtual_networks.begin_create_or_update(GROUP, "there", space).result()  # noqa: F811
    delegation = {"name": "pg", "properties": {"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}}
    data = {"properties": {"addressPrefix": "10.1.16.0/24", "delegations": [delegation]}}
    subnet = network.subnets.begin_create_or_update(GROUP, "there", "data", data).result().id
    private = azure.client(PrivateDnsManagementClient)
    servers = azure.client(PostgreSQLManagementClient).servers

    def create(zone):
        made = private.private_zones.begin_create_or_update(GROUP, zone, {"location": "global"}).result()
        link = {"location": "global", "properties": {"virtualNetwork": {"id": net.id}, "registrationEnabled": False}}
        private.virtual_network_links.begin_create_or_update(GROUP, zone, "there", link).result()
        body = {
            "location": region, "sku": {"name": "Standard_B2s", "tier": "Burstable"},
            "properties": {
                "administratorLogin": "shop", "administratorLoginPassword": "correct-Horse-7", "version": "17",
                "storage": {"storageSizeGB": 32}, "network": {"delegatedSubnetResourceId": subnet, "privateDnsZoneArmResourceId": made.id},
            },
        }
        return servers.begin_create_or_update(GROUP, "tests-names", body).result()

    refused("InvalidPrivateDnsZoneName", lambda: create("db.private.postgres.database.azure.com"))
    assert create(f"db.private.{postgres}").fully_qualified_domain_name == f"tests-names.{postgres}"
    assert SUBSCRIPTION in net.id
