"""The official Python client drives the sandbox's Kubernetes API: objects, watches, server-side apply, workloads."""

import json
import threading
import time

import pytest

kubernetes = pytest.importorskip("kubernetes")

from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient


def connect(sandbox, name="local", token="sandbox"):
    configuration = client.Configuration()
    configuration.host = f"{sandbox.control('world')['endpoints']['kubernetes']}/clusters/{name}"
    configuration.api_key = {"authorization": f"Bearer {token}"} if token else {}
    configuration.retries = False
    return client.ApiClient(configuration)


@pytest.fixture
def api(sandbox):
    return connect(sandbox)


@pytest.fixture
def core(api):
    core = client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": "shop"}})
    return core


def until(holds, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return found


def refused(code, call, *arguments, **named):
    with pytest.raises(ApiException) as raised:
        call(*arguments, **named)
    assert raised.value.status == code, raised.value.body
    return json.loads(raised.value.body)


def deployment(name="web", image="registry.k8s.io/pause:3.10", replicas=2, **spec):
    labels = {"app": name}
    return {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image, "ports": [{"containerPort": 80}]}], **spec},
            },
        },
    }


def test_a_token_must_be_there(sandbox):
    core = client.CoreV1Api(connect(sandbox, token=None))
    assert refused(401, core.list_namespace)["reason"] == "Unauthorized"
    core = client.CoreV1Api(connect(sandbox, token="k8s-aws-v1.bm9uc2Vuc2U"))
    refused(401, core.list_namespace)
    core = client.CoreV1Api(connect(sandbox, name="nowhere"))
    refused(404, core.list_namespace)


def test_objects_are_made_changed_and_deleted(core):
    made = core.create_namespaced_config_map("shop", {"metadata": {"name": "a"}, "data": {"k": "1"}})
    assert refused(409, core.create_namespaced_config_map, "shop", {"metadata": {"name": "a"}})["reason"] == "AlreadyExists"
    changed = core.patch_namespaced_config_map("a", "shop", {"data": {"l": "2"}})
    assert changed.data == {"k": "1", "l": "2"} and changed.metadata.uid == made.metadata.uid
    made.data = {"k": "3"}
    assert refused(409, core.replace_namespaced_config_map, "a", "shop", made)["reason"] == "Conflict"
    generated = core.create_namespaced_config_map("shop", {"metadata": {"generateName": "b-"}})
    assert generated.metadata.name.startswith("b-") and len(generated.metadata.name) == 7
    core.delete_namespaced_config_map("a", "shop")
    assert refused(404, core.read_namespaced_config_map, "a", "shop")["reason"] == "NotFound"


def test_lists_are_selected_and_paged(core):
    for index in range(7):
        core.create_namespaced_secret(
            "shop", {"metadata": {"name": f"s{index}", "labels": {"odd": str(index % 2)}}, "stringData": {"k": "v"}}
        )
    assert len(core.list_namespaced_secret("shop", label_selector="odd in (1)").items) == 3
    assert len(core.list_namespaced_secret("shop", field_selector="metadata.name=s4").items) == 1
    names, token = [], None
    while token != "":
        page = core.list_namespaced_secret("shop", limit=3, _continue=token)
        assert len(page.items) <= 3
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue or ""
    assert names == [f"s{index}" for index in range(7)]


def test_changes_are_watched_from_a_version_on(core):
    listed = core.list_namespaced_config_map("shop")
    core.create_namespaced_config_map("shop", {"metadata": {"name": "before"}})
    seen = []

    def follow():
        for event in watch.Watch().stream(
            core.list_namespaced_config_map, "shop", resource_version=listed.metadata.resource_version, timeout_seconds=20
        ):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                return

    thread = threading.Thread(target=follow)
    thread.start()
    until(lambda: seen)
    core.patch_namespaced_config_map("before", "shop", {"data": {"k": "v"}})
    core.delete_namespaced_config_map("before", "shop")
    thread.join(20)
    assert seen == [("ADDED", "before"), ("MODIFIED", "before"), ("DELETED", "before")]


def test_server_side_apply_names_who_manages(api, core):
    maps = DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}}
    maps.server_side_apply(body={**body, "data": {"k": "1", "l": "1"}}, field_manager="one")
    with pytest.raises(ApiException) as raised:
        maps.server_side_apply(body={**body, "data": {"k": "2"}}, field_manager="two")
    status = json.loads(raised.value.body)
    assert status["reason"] == "Conflict" and status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.k"}
    ]
    assert 'conflict with "one": .data.k' in status["message"]
    maps.server_side_apply(body={**body, "data": {"k": "2"}}, field_manager="two", force_conflicts=True)
    # What one no longer speaks of and nobody else does goes; what two has taken over stays.
    left = maps.server_side_apply(body={**body, "data": {}}, field_manager="one")
    assert left.data.to_dict() == {"k": "2"}
    version = left.metadata.resourceVersion
    again = maps.server_side_apply(body={**body, "data": {"k": "2"}}, field_manager="two")
    assert again.metadata.resourceVersion == version


def test_a_trial_changes_nothing(core):
    made = core.create_namespaced_config_map("shop", {"metadata": {"name": "a"}}, dry_run="All")
    assert made.metadata.uid
    refused(404, core.read_namespaced_config_map, "a", "shop")


def test_unknown_fields_are_refused_where_that_is_asked(core):
    body = {"metadata": {"name": "a"}, "data": {}, "dta": {}}
    status = refused(400, core.create_namespaced_config_map, "shop", body, field_validation="Strict")
    assert 'unknown field "dta"' in status["message"]
    _, _, headers = core.create_namespaced_config_map_with_http_info("shop", body)
    assert 'unknown field' in headers["warning"]


def test_workloads_become_ready_and_roll_out(api, core):
    apps = client.AppsV1Api(api)
    apps.create_namespaced_deployment("shop", deployment())
    core.create_namespaced_service("shop", {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
    until(lambda: apps.read_namespaced_deployment("web", "shop").status.ready_replicas == 2)
    until(lambda: (core.read_namespaced_endpoints("web", "shop").subsets or [None])[0])
    apps.patch_namespaced_deployment("web", "shop", {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "x:2"}]}}}})
    until(lambda: {pod.spec.containers[0].image for pod in core.list_namespaced_pod("shop").items} == {"x:2"})
    status = apps.read_namespaced_deployment("web", "shop").status
    assert status.observed_generation == 2 and status.updated_replicas == 2
    changed = deployment(replicas=1)
    changed["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    changed["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    assert "field is immutable" in refused(422, apps.replace_namespaced_deployment, "web", "shop", changed)["message"]
    apps.delete_namespaced_deployment("web", "shop", propagation_policy="Foreground")
    until(lambda: not core.list_namespaced_pod("shop").items and not apps.list_namespaced_replica_set("shop").items)


def test_stateful_sets_have_claims_and_jobs_end(api, core):
    body = deployment("db", replicas=2)
    body["spec"]["serviceName"] = "db"
    body["spec"]["volumeClaimTemplates"] = [
        {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    ]
    apps = client.AppsV1Api(api)
    apps.create_namespaced_stateful_set("shop", body)
    until(lambda: apps.read_namespaced_stateful_set("db", "shop").status.ready_replicas == 2)
    claims = core.list_namespaced_persistent_volume_claim("shop").items
    assert {claim.metadata.name for claim in claims} == {"data-db-0", "data-db-1"}
    assert {claim.status.phase for claim in claims} == {"Bound"}
    batch = client.BatchV1Api(api)
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}
    batch.create_namespaced_job("shop", {"metadata": {"name": "once"}, "spec": {"template": {"spec": pod}}})
    until(lambda: batch.read_namespaced_job("once", "shop").status.succeeded == 1)


def test_a_claim_without_a_class_waits_for_one_that_is_the_default(api, core):
    annotation = "storageclass.kubernetes.io/is-default-class"
    storage, apps = client.StorageV1Api(api), client.AppsV1Api(api)
    for other in storage.list_storage_class().items:
        storage.patch_storage_class(other.metadata.name, {"metadata": {"annotations": {annotation: "false"}}})
    body = deployment("db", replicas=1)
    body["spec"]["serviceName"] = "db"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    body["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": spec}]
    apps.create_namespaced_stateful_set("shop", body)

    def claim():
        return core.read_namespaced_persistent_volume_claim("data-db-0", "shop")

    until(lambda: core.list_namespaced_pod("shop").items)
    time.sleep(0.5)
    assert claim().status.phase == "Pending"
    assert claim().spec.storage_class_name is None
    assert not apps.read_namespaced_stateful_set("db", "shop").status.ready_replicas
    made = {
        "metadata": {"name": "encrypted", "annotations": {annotation: "true"}},
        "provisioner": "ebs.csi.aws.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    storage.create_storage_class(made)
    until(lambda: claim().status.phase == "Bound")
    assert claim().spec.storage_class_name == "encrypted"
    until(lambda: apps.read_namespaced_stateful_set("db", "shop").status.ready_replicas == 1)


def test_limits_quotas_and_pod_security_refuse(core):
    core.create_namespaced_limit_range(
        "shop", {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "default": {"cpu": "100m"}, "max": {"cpu": "1"}}]}}
    )
    core.create_namespaced_resource_quota("shop", {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}})
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "main", "image": "x"}]}}
    made = core.create_namespaced_pod("shop", pod)
    assert made.spec.containers[0].resources.limits == {"cpu": "100m"}
    pod["metadata"]["name"] = "b"
    assert "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" in refused(403, core.create_namespaced_pod, "shop", pod)["message"]
    until(lambda: (core.read_namespaced_resource_quota("q", "shop").status.used or {}).get("pods") == "1")
    core.delete_namespaced_resource_quota("q", "shop")
    pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "2"}}
    assert "maximum cpu usage per Container is 1, but limit is 2" in refused(403, core.create_namespaced_pod, "shop", pod)["message"]
    core.create_namespace({"metadata": {"name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
    del pod["spec"]["containers"][0]["resources"]
    until(lambda: core.list_namespaced_service_account("strict").items)
    assert 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in refused(403, core.create_namespaced_pod, "strict", pod)["message"]


def test_names_are_checked_as_kubernetes_says(core):
    status = refused(422, core.create_namespaced_config_map, "shop", {"metadata": {"name": "Bad_Name"}})
    assert status["reason"] == "Invalid" and status["details"]["causes"][0]["field"] == "metadata.name"
    status = refused(422, core.create_namespaced_service, "shop", {"metadata": {"name": "1a"}, "spec": {"ports": [{"port": 0}]}})
    assert {cause["field"] for cause in status["details"]["causes"]} >= {"metadata.name"}
    refused(404, core.create_namespaced_config_map, "nowhere", {"metadata": {"name": "a"}})


def test_a_namespace_goes_with_all_that_is_in_it(core):
    core.create_namespaced_config_map("shop", {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
    core.delete_namespace("shop")
    assert core.read_namespace("shop").status.phase == "Terminating"
    status = refused(403, core.create_namespaced_config_map, "shop", {"metadata": {"name": "b"}})
    assert status["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    core.patch_namespaced_config_map("a", "shop", {"metadata": {"finalizers": None}})
    until(lambda: "shop" not in [space.metadata.name for space in core.list_namespace().items])


CRD = {
    "metadata": {"name": "mugs.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Mug", "plural": "mugs", "singular": "mug", "shortNames": ["mg"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["colour"],
                                "properties": {
                                    "colour": {"type": "string", "enum": ["red", "blue"]},
                                    "size": {"type": "integer", "minimum": 1, "default": 3},
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                },
                            },
                            "status": {"type": "object", "properties": {"full": {"type": "boolean"}}},
                        },
                    }
                },
            }
        ],
    },
}


def test_custom_resources_are_checked_defaulted_and_pruned(api, core):
    extensions = client.ApiextensionsV1Api(api)
    extensions.create_custom_resource_definition(CRD)
    established = lambda: {
        condition.type: condition.status
        for condition in extensions.read_custom_resource_definition("mugs.example.com").status.conditions or []
    }
    until(lambda: established().get("Established") == "True")
    custom = client.CustomObjectsApi(api)
    place = ("example.com", "v1", "shop", "mugs")
    body = {"apiVersion": "example.com/v1", "kind": "Mug", "metadata": {"name": "a"}, "spec": {"colour": "green"}}
    status = refused(422, custom.create_namespaced_custom_object, *place, body)
    assert status["details"]["causes"][0]["field"] == "spec.colour"
    body["spec"] = {"colour": "red", "free": {"any": 1}, "extra": 1}
    body["status"] = {"full": True}
    made = custom.create_namespaced_custom_object(*place, body)
    assert made["spec"] == {"colour": "red", "free": {"any": 1}, "size": 3} and "status" not in made
    custom.patch_namespaced_custom_object_status(*place, "a", {"status": {"full": True}, "spec": {"colour": "blue"}})
    found = custom.get_namespaced_custom_object(*place, "a")
    assert found["status"] == {"full": True} and found["spec"]["colour"] == "red" and found["metadata"]["generation"] == 1
    extensions.delete_custom_resource_definition("mugs.example.com")
    until(lambda: not extensions.list_custom_resource_definition().items)
    refused(404, custom.list_namespaced_custom_object, *place)


def test_faults_strike_the_cluster_too(sandbox, core):
    sandbox.control("faults", "throttle:kubernetes.get/configmaps*1")
    status = refused(429, core.read_namespaced_config_map, "kube-root-ca.crt", "shop")
    assert status["reason"] == "TooManyRequests"
    core.read_namespaced_config_map("kube-root-ca.crt", "shop")
    assert sandbox.control("counts")["kubernetes"]["get/configmaps"] == 2


def test_what_clients_made_is_listed(sandbox, core):
    core.create_namespaced_config_map("shop", {"metadata": {"name": "a"}})
    listed = [resource["id"] for resource in sandbox.control("resources") if resource["cloud"] == "kubernetes"]
    assert listed == ["shop/a", "shop"]


def vpc_with_cluster(sandbox):
    ec2 = sandbox.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = []
    for index, zone in enumerate("ab"):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"eu-west-1{zone}")["Subnet"]["SubnetId"]
        ec2.create_tags(Resources=[subnet], Tags=[{"Key": "kubernetes.io/role/elb", "Value": "1"}])
        subnets.append(subnet)
    iam = sandbox.client("iam")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["eks.amazonaws.com", "ec2.amazonaws.com"]}}]})
    role = iam.create_role(RoleName="eks", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    for name in ("AmazonEKSClusterPolicy", "AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"):
        iam.attach_role_policy(RoleName="eks", PolicyArn=f"arn:aws:iam::aws:policy/{name}")
    eks = sandbox.client("eks")
    eks.create_cluster(name="main", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    until(lambda: eks.describe_cluster(name="main")["cluster"]["status"] == "ACTIVE")
    eks.create_nodegroup(clusterName="main", nodegroupName="n", subnets=subnets, nodeRole=role, scalingConfig={"minSize": 2, "maxSize": 2, "desiredSize": 2})
    until(lambda: eks.describe_nodegroup(clusterName="main", nodegroupName="n")["nodegroup"]["status"] == "ACTIVE")
    return ec2, eks, vpc


def test_a_cluster_of_eks_has_nodes_and_load_balancers_that_outlive_it(sandbox, tmp_path):
    import base64

    ec2, eks, vpc = vpc_with_cluster(sandbox)
    cluster = eks.describe_cluster(name="main")["cluster"]
    authority = tmp_path / "ca.crt"
    authority.write_bytes(base64.b64decode(cluster["certificateAuthority"]["data"]))
    configuration = client.Configuration()
    configuration.host = cluster["endpoint"]
    configuration.ssl_ca_cert = str(authority)
    configuration.api_key = {"authorization": "Bearer x"}
    core = client.CoreV1Api(client.ApiClient(configuration))
    assert len(core.list_node().items) == 2
    assert "eks" in client.VersionApi(core.api_client).get_code().git_version
    body = {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 443}]}}
    core.create_namespaced_service("default", body)
    host = until(lambda: core.read_namespaced_service("web", "default").status.load_balancer.ingress)[0].hostname
    assert host.endswith(".elb.eu-west-1.amazonaws.com")

    def owned():
        return sorted(r["type"] for r in sandbox.control("resources") if (r["owner"] or "").endswith(":cluster/main"))

    assert owned() == ["aws_lb", "aws_network_interface", "aws_network_interface", "aws_security_group"]
    core.delete_namespaced_service("web", "default")
    until(lambda: owned() == [])
    core.create_namespaced_service("default", body)
    until(lambda: core.read_namespaced_service("web", "default").status.load_balancer.ingress)
    eks.delete_nodegroup(clusterName="main", nodegroupName="n")
    until(lambda: not eks.list_nodegroups(clusterName="main")["nodegroups"])
    eks.delete_cluster(name="main")
    until(lambda: not eks.list_clusters()["clusters"])
    # Nobody takes away what the cluster's controller has made: it holds the network.
    assert len(owned()) == 4
    assert not [r for r in sandbox.control("resources") if r["cloud"] == "kubernetes"]
    with pytest.raises(Exception, match="DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    refused(404, client.CoreV1Api(connect(sandbox, name="main")).list_node)
