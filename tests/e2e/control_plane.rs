//! The control plane itself: what these tests stand on really judges.

use crate::kube::{ControlPlane, tool, upstream_crds};
use crate::support::root;
use std::process::Command;

const NAMESPACE: &str = r"
apiVersion: v1
kind: Namespace
metadata:
  name: limits
  labels: {pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/enforce-version: latest}
---
apiVersion: v1
kind: LimitRange
metadata: {name: limits, namespace: limits}
spec:
  limits:
    - type: Container
      default: {cpu: 500m, memory: 256Mi}
      defaultRequest: {cpu: 100m, memory: 128Mi}
      max: {cpu: '2', memory: 1Gi}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: limits}
spec:
  hard: {pods: '2', requests.cpu: '1', limits.memory: 1Gi}
";

fn pod(name: &str, container: &str) -> String {
    format!(
        r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "{name}", "namespace": "limits"}},
             "spec": {{"securityContext": {{"runAsNonRoot": true, "seccompProfile": {{"type": "RuntimeDefault"}}}},
             "containers": [{{"name": "main", "image": "example.com/app:1", {container}}}]}}}}"#
    )
}

const SAFE: &str =
    r#""securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}"#;

#[test]
fn limits_quotas_and_pod_security_refuse() {
    let Some(plane) = ControlPlane::shared("limits_quotas_and_pod_security_refuse") else {
        return;
    };
    plane.apply(NAMESPACE).done();
    plane.until("the quota is counted", || {
        plane.get(&["resourcequota", "quota", "-n", "limits"])["status"]["used"]["pods"] == "0"
    });

    plane.apply(&pod("small", SAFE)).done();
    let small = plane.get(&["pod", "small", "-n", "limits"]);
    let resources = &small["spec"]["containers"][0]["resources"];
    assert_eq!(resources["limits"]["memory"], "256Mi", "{resources}");
    plane.until("the pod runs", || {
        plane.get(&["pod", "small", "-n", "limits"])["status"]["phase"] == "Running"
    });

    let root = plane.apply(&pod("root", r#""securityContext": {"runAsUser": 0}"#));
    let told = root.refused();
    assert!(told.contains("violates PodSecurity"), "{told}");
    let large = format!(r#"{SAFE}, "resources": {{"limits": {{"memory": "2Gi"}}}}"#);
    let told = plane.apply(&pod("large", &large)).refused();
    assert!(
        told.contains("maximum memory usage per Container"),
        "{told}"
    );
    let hungry = format!(r#"{SAFE}, "resources": {{"limits": {{"memory": "900Mi"}}}}"#);
    let told = plane.apply(&pod("hungry", &hungry)).refused();
    assert!(told.contains("exceeded quota"), "{told}");

    plane.apply(&pod("second", SAFE)).done();
    let told = plane.apply(&pod("third", SAFE)).refused();
    assert!(told.contains("exceeded quota"), "{told}");
}

#[test]
fn unknown_fields_and_wrong_custom_resources_are_refused() {
    let test = "unknown_fields_and_wrong_custom_resources_are_refused";
    let Some(crds) = upstream_crds(test) else {
        return;
    };
    let Some(plane) = ControlPlane::shared(test) else {
        return;
    };
    let told = plane
        .apply(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}, dat: {}}",
        )
        .refused();
    assert!(told.contains(".dat"), "{told}");

    plane.install_crds(&crds, &["cert-manager"]);
    let issuer = |spec: &str| {
        format!(
            "{{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {{name: self-signed}}, spec: {spec}}}"
        )
    };
    plane.apply(&issuer("{selfSigned: {}}")).done();
    let told = plane.apply(&issuer("{selfSignd: {}}")).refused();
    assert!(told.contains("selfSignd"), "{told}");
}

#[test]
fn a_chart_lives() {
    let test = "a_chart_lives";
    let Some(helm) = tool("helm", test) else {
        return;
    };
    let Some(plane) = ControlPlane::shared(test) else {
        return;
    };
    let chart = root().join("tests/charts/hello").display().to_string();
    let helm = |arguments: &[&str]| {
        let output = Command::new(&helm)
            .args(arguments)
            .args(["--namespace", "hello"])
            .env("KUBECONFIG", plane.kubeconfig())
            .output()
            .expect("helm runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    helm(&["lint", &chart]);
    let wait = ["--wait", "--timeout", "60s"];
    helm(
        &[
            &["install", "hello", &chart, "--create-namespace"],
            &wait[..],
        ]
        .concat(),
    );
    let replicas =
        || plane.get(&["deployment", "hello", "-n", "hello"])["status"]["readyReplicas"].clone();
    assert_eq!(replicas(), 2);
    helm(
        &[
            &["upgrade", "hello", &chart, "--set", "replicas=3"],
            &wait[..],
        ]
        .concat(),
    );
    assert_eq!(replicas(), 3);
    helm(&[&["rollback", "hello", "1"], &wait[..]].concat());
    assert_eq!(replicas(), 2);
    helm(&[&["uninstall", "hello"], &wait[..]].concat());
    let left = plane
        .kubectl(&["get", "all", "-n", "hello", "-o", "name"])
        .done();
    assert!(!left.contains("deployment"), "{left}");
}
