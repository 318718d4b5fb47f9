//! Argo CD.

use super::held::{self, Kind};
use super::{Config, login, repository, secret};
use crate::app::App;
use crate::control::plain;
use crate::delivery;
use crate::flow::{Peer, Pods, Port};
use crate::inside::{Inside, Release};
use crate::objects::{object, resources};
use serde_json::{Map, Value as Json, json};

pub(super) const NAMESPACE: &str = "argocd";
const API: &str = "argoproj.io/v1alpha1";
const HERE: &str = "https://kubernetes.default.svc";
/// Where a browser comes back to with what the identity provider said.
const SSO: &str = "argocd-sso";

/// Waves of applications wait for each other only when Argo CD knows how an application is.
const HEALTH: &str = r#"hs = {}
hs.status = "Progressing"
hs.message = ""
if obj.status ~= nil and obj.status.health ~= nil then
  hs.status = obj.status.health.status
  if obj.status.health.message ~= nil then
    hs.message = obj.status.health.message
  end
end
return hs
"#;

pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    inside.namespace(NAMESPACE, "restricted");
    let definitions = inside.crds("argo-cd");
    let mut before = Vec::new();
    if let Some(credentials) = config.credentials.first() {
        let names = ["username", "password", "sshPrivateKey", "knownHosts"];
        let mut data = login(credentials, names);
        // The server's keys are the whole program's setting.
        data.shift_remove("knownHosts");
        data.insert("type".into(), json!("git"));
        data.insert("url".into(), repository(config));
        let labels = json!({ "argocd.argoproj.io/secret-type": "repository" });
        before.push(secret(inside, NAMESPACE, "config-repository", labels, data));
    }
    if let Some(sso) = config.sso.first() {
        let input = format!(
            "flatten([{}.sso])[0].client_secret",
            Inside::input("gitops")
        );
        let data = Map::from_iter([("clientSecret".to_owned(), sso.client_secret.json(&input))]);
        // It reads only Secrets that say they are its own.
        let labels = json!({ "app.kubernetes.io/part-of": "argocd" });
        before.push(secret(inside, NAMESPACE, SSO, labels, data));
    }
    inside.release(Release {
        chart: "argo-cd",
        namespace: NAMESPACE,
        values: values(config),
        provides: &[
            "Deployment/argo-cd-argocd-server",
            "Deployment/argo-cd-argocd-repo-server",
            "Deployment/argo-cd-argocd-applicationset-controller",
            "Deployment/argo-cd-argocd-redis",
            "StatefulSet/argo-cd-argocd-application-controller",
        ],
        after: before,
        ..Release::default()
    });
    let after = ["helm_release.argo_cd".to_owned()];
    inside.bootstrap(after.iter().cloned().chain([definitions]));
    if let Some(delivery) = inside.delivery.clone() {
        let [project, root] = delivery::argo_root(&delivery).map(|o| inside.object(o));
        inside.after(&project, after.iter().cloned());
        inside.after(&root, after.iter().cloned().chain([project.clone()]));
        inside.bootstrap([project, root]);
    }
    flows(inside);
}

/// The apps' folders, each with a project of its own: where a folder's objects go is judged by that, and not by what they say.
pub(super) fn folders(config: &Config, inside: &mut Inside<'_>) {
    let kinds = held::kinds(inside);
    let mut before = vec!["helm_release.argo_cd".to_owned()];
    for app in inside.apps.clone() {
        let project = inside.object(project(&app, &kinds, config));
        inside.after(&project, ["helm_release.argo_cd".to_owned()]);
        before.push(project);
    }
    let applications = applications(config, inside);
    let applications = inside.object(applications);
    inside.after(&applications, before);
}

fn values(config: &Config) -> Json {
    let base = |field: &str| format!("flatten([{}.sso])[0].{field}", Inside::input("gitops"));
    let mut cm = plain(json!({
        // There is no account that everybody knows the name of.
        "admin.enabled": "false",
        "exec.enabled": "false",
        "application.resourceTrackingMethod": "annotation",
        "resource.customizations.health.argoproj.io_Application": HEALTH,
        // Authorities write themselves in here, after it was applied.
        "resource.customizations.ignoreDifferences.admissionregistration.k8s.io_ValidatingWebhookConfiguration":
            "jqPathExpressions:\n- .webhooks[]?.clientConfig.caBundle\n",
        "resource.customizations.ignoreDifferences.admissionregistration.k8s.io_MutatingWebhookConfiguration":
            "jqPathExpressions:\n- .webhooks[]?.clientConfig.caBundle\n",
    }));
    let mut rbac = json!({ "policy.default": "" });
    if let Some(sso) = config.sso.first() {
        let text = |value: Json| value.as_str().unwrap_or_default().to_owned();
        let issuer = text(sso.issuer.json(&base("issuer")));
        let client = text(sso.client_id.json(&base("client_id")));
        cm["url"] = sso.url.json(&base("url"));
        cm["oidc.config"] = json!(format!(
            "name: SSO\nissuer: {issuer}\nclientID: {client}\nclientSecret: ${SSO}:clientSecret\nrequestedScopes: [openid, profile, email, groups]\n"
        ));
        rbac = json!({ "policy.default": "role:readonly", "scopes": "[groups]" });
        if let Some(admins) = &sso.admins {
            let admins = text(admins.json(&base("admins")));
            rbac["policy.csv"] = json!(format!("g, {admins}, role:admin\n"));
        }
    }
    let mut configs = json!({ "cm": cm, "rbac": rbac, "params": { "server.insecure": false } });
    if let Some(credentials) = config.credentials.first()
        && let Some(hosts) = &credentials.known_hosts
    {
        let input = format!(
            "flatten([{}.credentials])[0].known_hosts",
            Inside::input("gitops")
        );
        configs["ssh"] = json!({ "extraHosts": hosts.json(&input) });
    }
    let small = resources(["10m", "32Mi"], ["100m", "128Mi"]);
    json!({
        "crds": { "install": false },
        // Who talks to whom is said by the control `network`, once for everything.
        "global": {
            "networkPolicy": { "create": false },
            "priorityClassName": "system-cluster-critical",
        },
        "configs": configs,
        "redis-ha": { "enabled": false },
        "redis": { "resources": small },
        "redisSecretInit": { "resources": small },
        "controller": { "replicas": 1, "resources": resources(["250m", "512Mi"], ["1", "2Gi"]) },
        "server": {
            "replicas": 2,
            "pdb": { "enabled": true, "minAvailable": 1 },
            "resources": resources(["50m", "128Mi"], ["500m", "512Mi"]),
        },
        "repoServer": {
            "replicas": 2,
            "pdb": { "enabled": true, "minAvailable": 1 },
            "resources": resources(["50m", "256Mi"], ["1", "1Gi"]),
            "copyutil": { "resources": small },
        },
        "applicationSet": { "replicas": 2, "resources": resources(["50m", "64Mi"], ["200m", "256Mi"]) },
        "notifications": { "enabled": false },
        "dex": { "enabled": false },
    })
}

/// The project of an app.
fn project_name(app: &str) -> String {
    format!("app-{app}")
}

/// What an app's folder may do: make what it may hold in the app's namespace, and nothing elsewhere.
fn project(app: &App, kinds: &[Kind], config: &Config) -> Json {
    let spec = json!({
        "description": format!("The folder of {}", app.name),
        "sourceRepos": [repository(config)],
        "destinations": [{ "server": HERE, "namespace": app.namespace() }],
        "clusterResourceWhitelist": [],
        // Nothing else; an empty list would be everything.
        "namespaceResourceWhitelist": held::listed(kinds),
        "orphanedResources": { "warn": false },
    });
    let name = project_name(&app.name);
    object(API, "AppProject", NAMESPACE, &name, json!({ "spec": spec }))
}

/// One application for each app.
fn applications(config: &Config, inside: &Inside<'_>) -> Json {
    let elements: Vec<Json> = inside
        .apps
        .iter()
        .map(|app| json!({ "app": app.name, "namespace": app.namespace() }))
        .collect();
    let template = json!({
        "metadata": { "name": "{{ .app }}" },
        "spec": {
            "project": project_name("{{ .app }}"),
            "source": {
                "repoURL": repository(config),
                "targetRevision": config.branch,
                "path": format!("{}/{{{{ .app }}}}", config.path),
            },
            "destination": { "server": HERE, "namespace": "{{ .namespace }}" },
            "syncPolicy": {
                "automated": { "prune": true, "selfHeal": true },
                "syncOptions": [
                    "ServerSideApply=true",
                    "SkipDryRunOnMissingResource=true",
                    "CreateNamespace=false",
                    "PruneLast=true",
                ],
                "retry": { "limit": 10, "backoff": { "duration": "10s", "factor": 2, "maxDuration": "5m" } },
            },
        },
    });
    let spec = json!({
        "goTemplate": true,
        "goTemplateOptions": ["missingkey=error"],
        // Without this, deleting the set would delete everything that runs.
        "syncPolicy": { "preserveResourcesOnDeletion": true },
        "generators": [{ "list": { "elements": elements } }],
        "template": template,
    });
    object(
        API,
        "ApplicationSet",
        NAMESPACE,
        "apps",
        json!({ "spec": spec }),
    )
}

fn flows(inside: &mut Inside<'_>) {
    let part = |name: &str| Pods::of(NAMESPACE, name, &[("app.kubernetes.io/name", name)]);
    let [controller, server, repositories, sets, redis, job] = [
        "argocd-application-controller",
        "argocd-server",
        "argocd-repo-server",
        "argocd-applicationset-controller",
        "argocd-redis",
        "argocd-redis-secret-init",
    ]
    .map(part);
    for pods in [&controller, &server, &sets, &repositories, &job] {
        inside.calls_api(pods);
    }
    for (pods, port) in [
        (&controller, 8082),
        (&server, 8083),
        (&repositories, 8084),
        (&sets, 8080),
    ] {
        inside.scrape(pods, port, "/metrics");
    }
    for from in [&controller, &server, &sets] {
        inside.allow(
            Peer::Pods(from.clone()),
            Peer::Pods(repositories.clone()),
            &[Port::tcp(8081)],
        );
    }
    for from in [&controller, &server, &repositories] {
        inside.allow(
            Peer::Pods(from.clone()),
            Peer::Pods(redis.clone()),
            &[Port::tcp(6379)],
        );
    }
    // The repository, and for the server the identity provider.
    inside.allow(
        Peer::Pods(repositories),
        Peer::Internet,
        &[Port::tcp(443), Port::tcp(22)],
    );
    inside.allow(Peer::Pods(server), Peer::Internet, &[Port::tcp(443)]);
}
