"""The sandbox's GKE, Cloud SQL, storage, IAM, KMS and other Google services as Google's own clients see them."""

import base64
import json
import time

import pytest
from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed
from google.cloud import storage
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError

PROJECT, REGION = "sandbox-project", "europe-west1"
PARENT = f"projects/{PROJECT}/locations/{REGION}"


@pytest.fixture
def google(sandbox):
    """Makes clients of services by name and version."""

    def client(name, version="v1"):
        document = json.loads(get_static_doc(name, version))
        document["rootUrl"] = sandbox.google + "/"
        document.pop("mtlsRootUrl", None)
        return build_from_document(document, credentials=Credentials("sandbox"))

    return client


def refused(status, request, reason=None):
    with pytest.raises(HttpError) as caught:
        request.execute()
    assert caught.value.resp.status == status, caught.value
    error = json.loads(caught.value.content)["error"]
    if reason:
        found = {error.get("status"), *(one.get("reason") for one in error.get("errors", []))}
        assert reason in found, error
    return error["message"]


def wait(read, seconds=20):
    """Reads an operation until it is done."""
    deadline = time.monotonic() + seconds
    while True:
        operation = read().execute()
        if operation.get("done") or operation.get("status") == "DONE":
            assert "error" not in operation, operation
            return operation
        assert time.monotonic() < deadline, operation
        time.sleep(0.01)


@pytest.fixture
def network(google):
    """A network with a subnetwork for pods and services."""
    compute = google("compute")

    def done(operation):
        place = {"region": operation["region"].rsplit("/")[-1]} if "region" in operation else {}
        service = compute.regionOperations() if place else compute.globalOperations()
        return wait(lambda: service.get(project=PROJECT, operation=operation["name"], **place))

    body = {"name": "net", "autoCreateSubnetworks": False}
    done(compute.networks().insert(project=PROJECT, body=body).execute())
    ranges = [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}, {"rangeName": "services", "ipCidrRange": "10.8.0.0/20"}]
    body = {"name": "sub", "network": "global/networks/net", "ipCidrRange": "10.0.0.0/20", "secondaryIpRanges": ranges}
    done(compute.subnetworks().insert(project=PROJECT, region=REGION, body=body).execute())
    compute.done = done
    return compute


def test_clusters(google, network, sandbox):
    gke = google("container").projects().locations()
    clusters, pools = gke.clusters(), gke.clusters().nodePools()

    def done(operation):
        name = f"{PARENT}/operations/{operation['name']}"
        return wait(lambda: gke.operations().get(name=name))

    cluster = {
        "name": "main",
        "network": "net",
        "subnetwork": "sub",
        "initialNodeCount": 1,
        "ipAllocationPolicy": {"useIpAliases": True, "clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "services"},
        "workloadIdentityConfig": {"workloadPool": f"{PROJECT}.svc.id.goog"},
        "resourceLabels": {"team": "core"},
    }
    wrong = {**cluster, "initialClusterVersion": "1.2"}
    assert "unsupported" in refused(400, clusters.create(parent=PARENT, body={"cluster": wrong}), "INVALID_ARGUMENT")
    operation = clusters.create(parent=PARENT, body={"cluster": cluster}).execute()
    name = f"{PARENT}/clusters/main"
    assert clusters.get(name=name).execute()["status"] == "PROVISIONING"
    done(operation)
    made = clusters.get(name=name).execute()
    assert made["status"] == "RUNNING" and made["endpoint"]
    assert base64.b64decode(made["masterAuth"]["clusterCaCertificate"]).startswith(b"-----BEGIN CERTIFICATE")
    assert [one["name"] for one in clusters.list(parent=f"projects/{PROJECT}/locations/-").execute()["clusters"]] == ["main"]
    refused(409, clusters.create(parent=PARENT, body={"cluster": cluster}), "ALREADY_EXISTS")

    done(pools.delete(name=f"{name}/nodePools/default-pool").execute())
    pool = {
        "name": "workers",
        "initialNodeCount": 1,
        "config": {"machineType": "n2-standard-4", "diskSizeGb": 50, "labels": {"a": "b"}},
        "autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 3},
    }
    operation = pools.create(parent=name, body={"nodePool": pool}).execute()
    busy = clusters.setResourceLabels(name=name, body={"resourceLabels": {}, "labelFingerprint": made["labelFingerprint"]})
    refused(400, busy, "FAILED_PRECONDITION")
    done(operation)
    workers = pools.get(name=f"{name}/nodePools/workers").execute()
    assert len(workers["instanceGroupUrls"]) == 3
    group = workers["instanceGroupUrls"][0].split("/")
    found = network.instanceGroupManagers().get(project=PROJECT, zone=group[-3], instanceGroupManager=group[-1]).execute()
    assert found["targetSize"] == 1
    autoscaling = {"autoscaling": {"enabled": True, "minNodeCount": 2, "maxNodeCount": 5}}
    done(pools.setAutoscaling(name=f"{name}/nodePools/workers", body=autoscaling).execute())
    done(pools.setSize(name=f"{name}/nodePools/workers", body={"nodeCount": 2}).execute())
    done(pools.update(name=f"{name}/nodePools/workers", body={"taints": {"taints": [{"key": "k", "value": "v", "effect": "NO_SCHEDULE"}]}}).execute())
    workers = pools.get(name=f"{name}/nodePools/workers").execute()
    assert workers["config"]["taints"][0]["effect"] == "NO_SCHEDULE" and workers["autoscaling"]["maxNodeCount"] == 5

    done(clusters.update(name=name, body={"update": {"desiredVerticalPodAutoscaling": {"enabled": True}}}).execute())
    assert clusters.get(name=name).execute()["verticalPodAutoscaling"] == {"enabled": True}
    window = {"window": {"dailyMaintenanceWindow": {"startTime": "03:00"}}}
    done(clusters.setMaintenancePolicy(name=name, body={"maintenancePolicy": window}).execute())
    config = gke.getServerConfig(name=PARENT).execute()
    assert config["defaultClusterVersion"] in config["validMasterVersions"]

    iam = google("iam").projects().serviceAccounts()
    account = iam.create(name=f"projects/{PROJECT}", body={"accountId": "runner"}).execute()["name"]
    member = f"serviceAccount:{PROJECT}.svc.id.goog[app/runner]"
    policy = {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]}
    assert iam.setIamPolicy(resource=account, body={"policy": policy}).execute()["bindings"] == policy["bindings"]

    refused(400, network.subnetworks().delete(project=PROJECT, region=REGION, subnetwork="sub"), "resourceInUseByAnotherResource")
    owned = {one["type"] for one in sandbox.control("resources") if one["owner"]}
    assert owned == {"google_compute_firewall", "google_compute_instance_group_manager"}
    done(clusters.delete(name=name).execute())
    refused(404, clusters.get(name=name), "NOT_FOUND")
    network.done(network.subnetworks().delete(project=PROJECT, region=REGION, subnetwork="sub").execute())
    network.done(network.networks().delete(project=PROJECT, network="net").execute())


@pytest.mark.parametrize("version", ["v1", "v1beta4"])
def test_databases(google, network, version):
    number = google("cloudresourcemanager").projects().get(projectId=PROJECT).execute()["projectNumber"]
    body = {"name": "range", "purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 16, "network": "global/networks/net"}
    network.done(network.globalAddresses().insert(project=PROJECT, body=body).execute())
    sql = google("sqladmin", version)

    def done(operation):
        return wait(lambda: sql.operations().get(project=PROJECT, operation=operation["name"]))

    private = {"ipv4Enabled": False, "privateNetwork": f"projects/{PROJECT}/global/networks/net"}
    instance = {
        "name": "db",
        "databaseVersion": "POSTGRES_16",
        "region": REGION,
        "settings": {"tier": "db-custom-2-7680", "edition": "ENTERPRISE", "ipConfiguration": private, "deletionProtectionEnabled": True},
    }
    assert "NETWORK_NOT_PEERED" in refused(400, sql.instances().insert(project=PROJECT, body=instance))
    peering = google("servicenetworking")
    connection = {"network": f"projects/{number}/global/networks/net", "reservedPeeringRanges": ["range"]}
    operation = peering.services().connections().create(parent="services/servicenetworking.googleapis.com", body=connection).execute()
    wait(lambda: peering.operations().get(name=operation["name"]))
    connections = peering.services().connections().list(parent="services/servicenetworking.googleapis.com", network=connection["network"])
    assert connections.execute()["connections"][0]["reservedPeeringRanges"] == ["range"]

    done(sql.instances().insert(project=PROJECT, body=instance).execute())
    made = sql.instances().get(project=PROJECT, instance="db").execute()
    assert made["state"] == "RUNNABLE" and made["ipAddresses"][0]["type"] == "PRIVATE"
    refused(400, sql.instances().delete(project=PROJECT, instance="db"))
    done(sql.databases().insert(project=PROJECT, instance="db", body={"name": "app"}).execute())
    assert "app" in [one["name"] for one in sql.databases().list(project=PROJECT, instance="db").execute()["items"]]
    done(sql.users().insert(project=PROJECT, instance="db", body={"name": "app", "password": "x"}).execute())
    done(sql.users().update(project=PROJECT, instance="db", name="app", body={"password": "y"}).execute())
    assert {one["name"] for one in sql.users().list(project=PROJECT, instance="db").execute()["items"]} == {"postgres", "app"}
    change = {"settings": {"deletionProtectionEnabled": False, "settingsVersion": made["settings"]["settingsVersion"]}}
    done(sql.instances().patch(project=PROJECT, instance="db", body=change).execute())
    refused(412, sql.instances().patch(project=PROJECT, instance="db", body=change), "staleData")
    done(sql.users().delete(project=PROJECT, instance="db", name="app").execute())
    done(sql.databases().delete(project=PROJECT, instance="db", database="app").execute())
    done(sql.instances().delete(project=PROJECT, instance="db").execute())
    refused(404, sql.instances().get(project=PROJECT, instance="db"), "instanceDoesNotExist")


def test_buckets(sandbox):
    client = storage.Client(project=PROJECT, credentials=Credentials("sandbox"), client_options={"api_endpoint": sandbox.google})
    bucket = client.bucket("sandbox-bucket")
    bucket.versioning_enabled = True
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.create(location=REGION)
    with pytest.raises(Conflict):
        client.create_bucket("sandbox-bucket")
    bucket = client.get_bucket("sandbox-bucket")
    assert (bucket.location, bucket.location_type, bucket.storage_class) == (REGION.upper(), "region", "STANDARD")
    bucket.labels = {"team": "core"}
    bucket.add_lifecycle_delete_rule(age=30)
    bucket.patch()
    assert client.get_bucket("sandbox-bucket").labels == {"team": "core"}
    assert [one.name for one in client.list_buckets()] == ["sandbox-bucket"]
    blob = bucket.blob("folder/file.txt")
    blob.upload_from_string("one")
    blob.upload_from_string("two", content_type="text/plain")
    assert bucket.blob("folder/file.txt").download_as_bytes() == b"two"
    big = bucket.blob("big")
    big.chunk_size = 256 * 1024
    big.upload_from_string(b"x" * 600_000)
    assert bucket.get_blob("big").size == 600_000
    assert [one.name for one in client.list_blobs(bucket, prefix="folder/")] == ["folder/file.txt"]
    with pytest.raises(PreconditionFailed):
        bucket.blob("big").upload_from_string("y", if_generation_match=0)
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    bucket.set_iam_policy(policy)
    assert "roles/storage.objectViewer" in [one["role"] for one in bucket.get_iam_policy(requested_policy_version=3).bindings]
    with pytest.raises(Conflict, match="not empty"):
        bucket.delete()
    for version in client.list_blobs(bucket, versions=True):
        version.delete()
    bucket.delete()
    with pytest.raises(NotFound):
        client.get_bucket("sandbox-bucket")


def test_service_accounts_and_policies(google):
    iam = google("iam").projects().serviceAccounts()
    made = iam.create(name=f"projects/{PROJECT}", body={"accountId": "runner", "serviceAccount": {"displayName": "Runner"}}).execute()
    refused(409, iam.create(name=f"projects/{PROJECT}", body={"accountId": "runner"}), "ALREADY_EXISTS")
    iam.patch(name=made["name"], body={"serviceAccount": {"description": "d"}, "updateMask": "description"}).execute()
    iam.disable(name=made["name"], body={}).execute()
    found = iam.get(name=f"projects/-/serviceAccounts/{made['email']}").execute()
    assert (found["displayName"], found["description"], found["disabled"]) == ("Runner", "d", True)
    assert [one["email"] for one in iam.list(name=f"projects/{PROJECT}").execute()["accounts"]] == [made["email"]]

    for projects, resource in ((google("cloudresourcemanager", "v3").projects(), f"projects/{PROJECT}"), (google("cloudresourcemanager").projects(), PROJECT)):
        policy = projects.getIamPolicy(resource=resource, body={}).execute()
        unknown = {"role": "roles/viewer", "members": [f"serviceAccount:none@{PROJECT}.iam.gserviceaccount.com"]}
        body = {"policy": {**policy, "bindings": [*policy["bindings"], unknown]}}
        assert "does not exist" in refused(400, projects.setIamPolicy(resource=resource, body=body))
        unknown["members"] = [f"serviceAccount:{made['email']}"]
        projects.setIamPolicy(resource=resource, body=body).execute()
        refused(409, projects.setIamPolicy(resource=resource, body=body), "ABORTED")
    iam.delete(name=made["name"]).execute()
    refused(404, iam.get(name=made["name"]), "NOT_FOUND")


def test_identities_from_outside(google):
    pools = google("iam").projects().locations().workloadIdentityPools()
    parent = f"projects/{PROJECT}/locations/global"
    pool = f"{parent}/workloadIdentityPools/builds"

    def done(request, operations):
        name = request.execute()["name"]
        return wait(lambda: operations.get(name=name))["response"]

    made = done(pools.create(parent=parent, workloadIdentityPoolId="builds", body={"displayName": "Builds"}), pools.operations())
    # It is named by the project's number.
    assert made["name"] != pool and made["name"].endswith("/locations/global/workloadIdentityPools/builds")
    refused(400, pools.create(parent=parent, workloadIdentityPoolId="gcp-builds", body={}), "INVALID_ARGUMENT")
    refused(409, pools.create(parent=parent, workloadIdentityPoolId="builds", body={}), "ALREADY_EXISTS")
    issuers = pools.providers()
    mapping = {"google.subject": "assertion.sub"}
    github = {"oidc": {"issuerUri": "https://token.actions.githubusercontent.com"}, "attributeMapping": mapping}
    for wrong in ({}, {**github, "attributeMapping": {}}, {**github, "oidc": {"issuerUri": "http://x"}}, {**github, "aws": {"accountId": "1"}}):
        refused(400, issuers.create(parent=pool, workloadIdentityPoolProviderId="github", body=wrong), "INVALID_ARGUMENT")
    done(issuers.create(parent=pool, workloadIdentityPoolProviderId="github", body=github), issuers.operations())
    issuer = f"{pool}/providers/github"
    change = {"attributeCondition": "assertion.ref == 'refs/heads/main'"}
    done(issuers.patch(name=issuer, updateMask="attributeCondition", body=change), issuers.operations())
    assert issuers.get(name=issuer).execute()["attributeCondition"] == change["attributeCondition"]
    # What is deleted stays for a while, with its name.
    done(issuers.delete(name=issuer), issuers.operations())
    assert issuers.get(name=issuer).execute()["state"] == "DELETED"
    assert "workloadIdentityPoolProviders" not in issuers.list(parent=pool).execute()
    refused(409, issuers.create(parent=pool, workloadIdentityPoolProviderId="github", body=github), "ALREADY_EXISTS")
    refused(404, issuers.delete(name=issuer), "NOT_FOUND")
    assert done(issuers.undelete(name=issuer, body={}), issuers.operations())["state"] == "ACTIVE"
    refused(400, issuers.undelete(name=issuer, body={}), "FAILED_PRECONDITION")


def test_service_agents(google):
    number = google("cloudresourcemanager").projects().get(projectId=PROJECT).execute()["projectNumber"]
    projects = google("cloudresourcemanager", "v3").projects()
    services = google("serviceusage", "v1beta1").services()

    def agent(domain):
        return f"service-{number}@{domain}.iam.gserviceaccount.com"

    def grant(email):
        policy = projects.getIamPolicy(resource=f"projects/{PROJECT}", body={}).execute()
        bindings = [*policy["bindings"], {"role": "roles/viewer", "members": [f"serviceAccount:{email}"]}]
        return projects.setIamPolicy(resource=f"projects/{PROJECT}", body={"policy": {**policy, "bindings": bindings}})

    def generate(service):
        answer = services.generateServiceIdentity(parent=f"projects/{PROJECT}/services/{service}.googleapis.com").execute()
        assert answer["done"]
        return answer["response"]

    # Of an API that was enabled, unless its service makes its agent later.
    grant(agent("container-engine-robot")).execute()
    registry = agent("gcp-sa-artifactregistry")
    assert registry in refused(400, grant(registry), "INVALID_ARGUMENT")
    made = generate("artifactregistry")
    assert made["email"] == registry and made == generate("artifactregistry")
    grant(registry).execute()
    # That of Cloud Storage is made when it is asked for, and not by Service Usage.
    buckets = agent("gs-project-accounts")
    assert "email" not in generate("storage")
    refused(400, grant(buckets), "INVALID_ARGUMENT")
    assert google("storage").projects().serviceAccount().get(projectId=PROJECT).execute()["email_address"] == buckets
    grant(buckets).execute()
    refused(400, grant(agent("gcp-sa-pubsub")), "INVALID_ARGUMENT")
    for service, reason in (("pubsub", "FAILED_PRECONDITION"), ("compute", "INVALID_ARGUMENT")):
        refused(400, services.generateServiceIdentity(parent=f"projects/{PROJECT}/services/{service}.googleapis.com"), reason)


def test_keys(google, sandbox):
    rings = google("cloudkms").projects().locations().keyRings()
    keys = rings.cryptoKeys()
    ring = rings.create(parent=PARENT, keyRingId="ring", body={}).execute()["name"]
    key = keys.create(parent=ring, cryptoKeyId="key", body={"purpose": "ENCRYPT_DECRYPT", "labels": {"a": "b"}}).execute()
    refused(409, rings.create(parent=PARENT, keyRingId="ring", body={}), "ALREADY_EXISTS")
    assert keys.list(parent=ring).execute()["totalSize"] == 1
    patched = keys.patch(name=key["name"], updateMask="rotationPeriod,nextRotationTime", body={"rotationPeriod": "7776000s", "nextRotationTime": "2099-01-01T00:00:00Z"})
    assert patched.execute()["rotationPeriod"] == "7776000s"
    policy = {"bindings": [{"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "members": ["user:a@example.com"]}]}
    keys.setIamPolicy(resource=key["name"], body={"policy": policy}).execute()
    assert keys.getIamPolicy(resource=key["name"]).execute()["bindings"] == policy["bindings"]
    versions = keys.cryptoKeyVersions()
    versions.create(parent=key["name"], body={}).execute()
    for version in versions.list(parent=key["name"]).execute()["cryptoKeyVersions"]:
        assert versions.destroy(name=version["name"], body={}).execute()["state"] == "DESTROY_SCHEDULED"
    assert sandbox.control("resources") == []
    assert keys.get(name=key["name"]).execute()["name"] == key["name"]


def test_secrets(google):
    secrets = google("secretmanager").projects().secrets()
    parent = f"projects/{PROJECT}"
    made = secrets.create(parent=parent, secretId="s", body={"replication": {"automatic": {}}, "labels": {"a": "b"}}).execute()
    data = base64.b64encode(b"hunter2").decode()
    version = secrets.addVersion(parent=f"{parent}/secrets/s", body={"payload": {"data": data}}).execute()
    assert secrets.versions().access(name=f"{made['name']}/versions/latest").execute()["payload"]["data"] == data
    secrets.versions().disable(name=version["name"], body={}).execute()
    refused(400, secrets.versions().access(name=version["name"]), "FAILED_PRECONDITION")
    secrets.versions().enable(name=version["name"], body={}).execute()
    secrets.versions().destroy(name=version["name"], body={}).execute()
    assert [one["state"] for one in secrets.versions().list(parent=made["name"]).execute()["versions"]] == ["DESTROYED"]
    patched = secrets.patch(name=made["name"], updateMask="labels", body={"labels": {"c": "d"}}).execute()
    assert patched["labels"] == {"c": "d"}
    assert [one["name"] for one in secrets.list(parent=parent).execute()["secrets"]] == [made["name"]]
    secrets.delete(name=made["name"]).execute()
    refused(404, secrets.get(name=made["name"]), "NOT_FOUND")


def test_repositories(google):
    places = google("artifactregistry").projects().locations()
    repositories = places.repositories()

    def done(operation):
        return wait(lambda: places.operations().get(name=operation["name"]))

    done(repositories.create(parent=PARENT, repositoryId="images", body={"format": "DOCKER"}).execute())
    name = f"{PARENT}/repositories/images"
    refused(409, repositories.create(parent=PARENT, repositoryId="images", body={"format": "DOCKER"}), "ALREADY_EXISTS")
    repositories.patch(name=name, updateMask="labels", body={"labels": {"a": "b"}}).execute()
    assert repositories.get(name=name).execute()["labels"] == {"a": "b"}
    assert len(repositories.list(parent=PARENT).execute()["repositories"]) == 1
    done(repositories.delete(name=name).execute())
    refused(404, repositories.get(name=name), "NOT_FOUND")


def test_names(google):
    dns = google("dns")
    zone = {"name": "zone", "dnsName": "example.com.", "description": "d", "labels": {"a": "b"}}
    made = dns.managedZones().create(project=PROJECT, body=zone).execute()
    assert len(made["nameServers"]) == 4
    refused(409, dns.managedZones().create(project=PROJECT, body=zone), "alreadyExists")
    record = {"name": "www.example.com.", "type": "A", "ttl": 300, "rrdatas": ["192.0.2.1"]}
    sets = dns.resourceRecordSets()
    sets.create(project=PROJECT, managedZone="zone", body=record).execute()
    change = {"deletions": [record], "additions": [{**record, "ttl": 60}]}
    assert dns.changes().create(project=PROJECT, managedZone="zone", body=change).execute()["status"] == "done"
    found = sets.list(project=PROJECT, managedZone="zone", name="www.example.com.").execute()["rrsets"]
    assert [one["ttl"] for one in found] == [60]
    dns.managedZones().patch(project=PROJECT, managedZone="zone", body={"description": "e"}).execute()
    assert dns.managedZones().get(project=PROJECT, managedZone="zone").execute()["description"] == "e"
    refused(400, dns.managedZones().delete(project=PROJECT, managedZone="zone"), "containerNotEmpty")
    sets.delete(project=PROJECT, managedZone="zone", name="www.example.com.", type="A").execute()
    dns.managedZones().delete(project=PROJECT, managedZone="zone").execute()
    refused(404, dns.managedZones().get(project=PROJECT, managedZone="zone"), "notFound")


def test_enabled_services(google, sandbox):
    usage = google("serviceusage")
    name = f"projects/{PROJECT}/services/run.googleapis.com"
    assert usage.services().get(name=name).execute()["state"] == "DISABLED"
    for request, state in ((usage.services().enable(name=name, body={}), "ENABLED"), (usage.services().disable(name=name, body={}), "DISABLED")):
        operation = request.execute()
        wait(lambda: usage.operations().get(name=operation["name"]))
        assert usage.services().get(name=name).execute()["state"] == state
    enabled = usage.services().list(parent=f"projects/{PROJECT}", filter="state:ENABLED").execute()["services"]
    assert any(one["name"].endswith("/compute.googleapis.com") for one in enabled)
    sandbox.control("faults", "refuse:container.clusters.list=SERVICE_DISABLED")
    clusters = google("container").projects().locations().clusters()
    refused(403, clusters.list(parent=PARENT), "PERMISSION_DENIED")


def test_service_account_keys_get_tokens(sandbox):
    """A key file whose token_uri is the sandbox works, as for any client."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from google.auth.transport.requests import Request

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    info = {"client_email": "a@b.iam.gserviceaccount.com", "token_uri": f"{sandbox.google}/token", "private_key": pem.decode()}
    credentials = service_account.Credentials.from_service_account_info(info, scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(Request())
    assert credentials.valid
