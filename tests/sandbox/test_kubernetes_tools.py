"""`kubectl` and `helm` drive the sandbox's Kubernetes API as they are."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

CHART = pathlib.Path(__file__).parent.parent / "charts" / "hello"


def tool(name):
    """Where a program is: among those that the tests' tools are built to, or on the path."""
    built = pathlib.Path.home() / ".cache/infra/tools/bin" / name
    found = str(built) if built.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"there is no {name}")
    return found


@pytest.fixture
def run(sandbox, tmp_path):
    """Runs a tool against the cluster that is always there, over TLS with the sandbox's authority."""
    server = sandbox.control("world")["endpoints"]["kubernetes"].replace("http:", "https:")
    configuration = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "sandbox",
        "contexts": [{"name": "sandbox", "context": {"cluster": "local", "user": "me"}}],
        "clusters": [{"name": "local", "cluster": {"server": f"{server}/clusters/local", "insecure-skip-tls-verify": True}}],
        "users": [{"name": "me", "user": {"token": "sandbox"}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(configuration))
    environment = {**os.environ, "KUBECONFIG": str(file), "HOME": str(tmp_path), "NO_COLOR": "1"}
    programs = {name: tool(name) for name in ("kubectl", "helm")}

    def run(program, *arguments, text=None, code=0):
        done = subprocess.run(
            [programs[program], *arguments], input=text, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr if code else done.stdout

    return run


WEB = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1", ports: [{containerPort: 80}]}]}
"""


def test_kubectl_applies_waits_shows_and_deletes(run):
    assert "deployment.apps/web created" in run("kubectl", "apply", "-f", "-", text=WEB)
    run("kubectl", "-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s")
    assert "unchanged" in run("kubectl", "apply", "-f", "-", text=WEB)
    run("kubectl", "diff", "-f", "-", text=WEB)
    changed = WEB.replace("nginx:1", "nginx:2")
    assert "nginx:2" in run("kubectl", "diff", "-f", "-", text=changed, code=1)
    run("kubectl", "apply", "-f", "-", text=changed)
    run("kubectl", "-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s")
    rows = run("kubectl", "-n", "shop", "get", "deploy", "web").split()
    assert rows[:9] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "web", "2/2", "2", "2"]
    run("kubectl", "-n", "shop", "scale", "deploy/web", "--replicas=3")
    run("kubectl", "-n", "shop", "wait", "--for=jsonpath={.status.readyReplicas}=3", "deploy/web", "--timeout=20s")
    run("kubectl", "-n", "shop", "rollout", "undo", "deploy/web")
    run("kubectl", "-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s")
    image = run("kubectl", "-n", "shop", "get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
    assert image == "nginx:1"
    run("kubectl", "delete", "ns", "shop", "--timeout=30s")
    assert "NotFound" in run("kubectl", "get", "ns", "shop", code=1)


def test_kubectl_makes_what_it_sends_in_protobuf(run):
    run("kubectl", "create", "namespace", "shop")
    run("kubectl", "-n", "shop", "create", "configmap", "a", "--from-literal=k=v")
    run("kubectl", "-n", "shop", "create", "secret", "generic", "b", "--from-literal=p=q")
    run("kubectl", "-n", "shop", "create", "deployment", "web", "--image=x:1", "--replicas=2")
    run("kubectl", "-n", "shop", "expose", "deployment", "web", "--port=80")
    run("kubectl", "-n", "shop", "create", "job", "once", "--image=x:1")
    run("kubectl", "-n", "shop", "wait", "--for=condition=Complete", "job/once", "--timeout=20s")
    run("kubectl", "-n", "shop", "wait", "--for=condition=Available", "deploy/web", "--timeout=20s")
    assert json.loads(run("kubectl", "-n", "shop", "get", "cm", "a", "-o", "json"))["data"] == {"k": "v"}
    assert run("kubectl", "-n", "shop", "get", "secret", "b", "-o", "jsonpath={.data.p}") == "cQ=="


def test_kubectl_tells_of_conflicts_and_of_fields(run):
    run("kubectl", "apply", "--server-side", "-f", "-", text=WEB)
    changed = WEB.replace("replicas: 2", "replicas: 5")
    said = run("kubectl", "apply", "--server-side", "--field-manager=other", "-f", "-", text=changed, code=1)
    assert 'conflict with "kubectl": .spec.replicas' in said
    run("kubectl", "apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", text=changed)
    said = run("kubectl", "apply", "-f", "-", text=WEB.replace("replicas", "replikas"), code=1)
    assert 'unknown field "spec.replikas"' in said
    assert "maxSurge" in run("kubectl", "explain", "deployment.spec.strategy.rollingUpdate")


def test_helm_installs_upgrades_rolls_back_and_uninstalls(run):
    helm = lambda *arguments, **named: run("helm", *arguments, "-n", "hello", **named)
    helm("install", "greeting", str(CHART), "--create-namespace", "--wait", "--timeout", "30s")
    assert json.loads(helm("list", "-o", "json"))[0]["status"] == "deployed"
    helm("upgrade", "greeting", str(CHART), "--set", "replicas=3", "--wait", "--timeout", "30s")
    deployments = json.loads(run("kubectl", "-n", "hello", "get", "deploy", "-o", "json"))["items"]
    assert [deployment["status"]["readyReplicas"] for deployment in deployments] == [3]
    helm("rollback", "greeting", "1", "--wait", "--timeout", "30s")
    assert [entry["status"] for entry in json.loads(helm("history", "greeting", "-o", "json"))] == ["superseded", "superseded", "deployed"]
    helm("upgrade", "greeting", str(CHART), "--set", "hook=pre-upgrade", "--wait", "--timeout", "30s")
    helm("uninstall", "greeting", "--wait")
    assert json.loads(run("kubectl", "-n", "hello", "get", "deploy,svc,cm,secret", "-o", "json", "-l", "app.kubernetes.io/managed-by=Helm"))["items"] == []
