//! Crossplane: apps ask for buckets and databases of the cloud by objects in their own namespaces.

pub(super) mod around;
mod compositions;
mod guard;

use crate::azure;
use crate::control::Control;
use crate::flow::{Peer, Pods, Port};
use crate::identity::{Grant, Identity, Lowered, Managed};
use crate::inside::{Inside, Release};
use crate::node::Wait;
use crate::objects::{object, resources};
use crate::pins;
use around::Around;
use infra_draft::cloud::Cloud;
use infra_model::Record;
use infra_model::diagnostic::meant;
use serde_json::{Value as Json, json};

/// Cloud resources from inside the cluster: whoever may write to a namespace asks there for a `Bucket` or a `Database` of
/// `platform.infra`, and Crossplane makes what the platform has decided that to be. It may touch nothing else in the cloud: the names
/// of all that it makes begin in the same way, or on Azure it is in a resource group of its own. What is behind a `Bucket`, the managed
/// resources, is written by Crossplane and by those who administer the cluster, and by nobody else. A `Database` named `orders` has its
/// address and login in the secret `orders-connection` of its namespace; services reach it by `to = ["crossplane.database"]`.
#[derive(Record)]
pub(crate) struct Config {
    /// What can be asked for: `bucket`, `database`. By default all that the cloud has a composition for.
    #[record(optional)]
    pub(crate) resources: Vec<String>,
}

/// Where it stands.
const NAMESPACE: &str = "crossplane-system";
/// The account of all providers, by which the cloud knows them.
const ACCOUNT: &str = "crossplane-provider";
/// The account of functions, which no cloud knows.
const FUNCTIONS: &str = "crossplane-function";

/// The label of the pods of packages.
const PACKAGE: (&str, &str) = ("infra/crossplane", "package");

/// A provider of managed resources.
struct Provider {
    /// `provider-aws-s3`
    name: &'static str,
    /// The managed resources of it that are used.
    activates: &'static [&'static str],
}

/// What one cloud needs for one resource.
type Offer = (&'static str, Provider);

const AWS: &[Offer] = &[
    (
        "bucket",
        Provider {
            name: "provider-aws-s3",
            activates: &[
                "buckets.s3.aws.m.upbound.io",
                "bucketpublicaccessblocks.s3.aws.m.upbound.io",
                "bucketversionings.s3.aws.m.upbound.io",
                "bucketserversideencryptionconfigurations.s3.aws.m.upbound.io",
            ],
        },
    ),
    (
        "database",
        Provider {
            name: "provider-aws-rds",
            activates: &["instances.rds.aws.m.upbound.io"],
        },
    ),
];
const GOOGLE: &[Offer] = &[
    (
        "bucket",
        Provider {
            name: "provider-gcp-storage",
            activates: &["buckets.storage.gcp.m.upbound.io"],
        },
    ),
    (
        "database",
        Provider {
            name: "provider-gcp-sql",
            activates: &["databaseinstances.sql.gcp.m.upbound.io"],
        },
    ),
];
const AZURE: &[Offer] = &[
    (
        "bucket",
        Provider {
            name: "provider-azure-storage",
            activates: &[
                "accounts.storage.azure.m.upbound.io",
                "containers.storage.azure.m.upbound.io",
            ],
        },
    ),
    (
        "database",
        Provider {
            name: "provider-azure-dbforpostgresql",
            activates: &[
                "flexibleservers.dbforpostgresql.azure.m.upbound.io",
                "flexibleserverdatabases.dbforpostgresql.azure.m.upbound.io",
            ],
        },
    ),
];

/// The control.
pub(crate) struct Crossplane;

impl Control for Crossplane {
    const NAME: &'static str = "crossplane";
    const BASELINE: bool = false;
    type Config = Config;

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        let (offers, system, version) = match &inside.site.cloud {
            Cloud::Aws(_) => (AWS, "crossplane-provider-aws", pins::CROSSPLANE_AWS),
            Cloud::Google(_) => (GOOGLE, "crossplane-provider-gcp", pins::CROSSPLANE_GOOGLE),
            Cloud::Azure(_) => (AZURE, "crossplane-provider-azure", pins::CROSSPLANE_AZURE),
        };
        let wanted = wanted(config, offers, inside);
        install(inside);
        inside.crds(system);
        let around = Around::new(wanted.iter().map(|(resource, _)| *resource), inside);
        let packages = Pods::of(NAMESPACE, "packages", &[PACKAGE]);
        let lowered = inside.identity(&Identity {
            name: "crossplane".to_owned(),
            pods: packages,
            service_account: inside.account(ACCOUNT),
            // What teams have asked for in the repository is there already, and a copy would take it over.
            grants: wanted
                .iter()
                .filter(|_| inside.origin.is_none())
                .map(|(resource, _)| {
                    Grant::Manage(Managed {
                        kind: resource,
                        prefix: around.prefix.clone(),
                        place: around.place(resource),
                        joins: around.joins(resource),
                    })
                })
                .collect(),
        });
        let account = inside.account(ACCOUNT);
        let providers_run = inside.object(runtime("infra", &account, &lowered));
        let functions = runtime("infra-functions", FUNCTIONS, &Lowered::default());
        let functions_run = inside.object(functions);
        let function = inside.waited(
            package(
                "Function",
                "function-patch-and-transform",
                pins::CROSSPLANE_FUNCTION,
                "infra-functions",
            ),
            Wait::default().condition("Installed").condition("Healthy"),
        );
        let core = "helm_release.crossplane".to_owned();
        inside.after(&function, [core.clone(), functions_run]);
        let groups = wanted.iter().flat_map(|(_, p)| p.activates);
        guard::write(groups.copied(), inside);
        let mut activated: Vec<&str> = Vec::new();
        let mut providers = Vec::new();
        for (_, provider) in &wanted {
            let address = inside.waited(
                package("Provider", provider.name, version, "infra"),
                Wait::default().condition("Installed").condition("Healthy"),
            );
            let before = [core.clone(), providers_run.clone()];
            inside.after(
                &address,
                before.into_iter().chain(lowered.before.iter().cloned()),
            );
            providers.push(address);
            activated.extend(provider.activates);
        }
        let activation = json!({ "spec": { "activate": activated } });
        let api = "apiextensions.crossplane.io/v1alpha1";
        let activation = inside.object(object(
            api,
            "ManagedResourceActivationPolicy",
            "",
            "infra",
            activation,
        ));
        inside.after(&activation, providers.iter().cloned());
        let settings = settings(inside);
        let settings = inside.object(settings);
        inside.after(&settings, providers.iter().cloned().chain([activation]));
        for (resource, _) in &wanted {
            let definition = inside.waited(
                compositions::definition(resource, &inside.site.cloud),
                Wait::default().condition("Established"),
            );
            inside.after(&definition, [core.clone()]);
            let Some(composition) = compositions::composition(resource, &around, inside) else {
                continue;
            };
            let composition = inside.object(composition);
            let before = [definition, function.clone(), settings.clone()];
            inside.after(
                &composition,
                before.into_iter().chain(around.before.clone()),
            );
        }
    }
}

/// What is asked for of what the cloud has.
fn wanted<'a>(config: &Config, offers: &'a [Offer], inside: &mut Inside<'_>) -> Vec<&'a Offer> {
    if config.resources.is_empty() {
        return offers.iter().collect();
    }
    let names = || offers.iter().map(|(name, _)| *name);
    for (index, resource) in config.resources.iter().enumerate() {
        if !names().any(|n| n == resource) {
            let meant = meant(resource, names());
            inside.draft.refuse(
                &format!("crossplane.resources[{index}]"),
                format!("there is no composition for `{resource}` on this cloud{meant}"),
                format!("there is: {}", names().collect::<Vec<_>>().join(", ")),
            );
        }
    }
    offers
        .iter()
        .filter(|(name, _)| config.resources.iter().any(|r| r == name))
        .collect()
}

fn install(inside: &mut Inside<'_>) {
    inside.namespace(NAMESPACE, "restricted");
    inside.crds("crossplane");
    let safe = json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    inside.release(Release {
        chart: "crossplane",
        namespace: NAMESPACE,
        values: json!({
            "replicas": 2,
            // Of a thousand kinds only those are there that are used.
            "provider": { "defaultActivations": [] },
            "priorityClassName": "system-cluster-critical",
            "podSecurityContextCrossplane": safe,
            "podSecurityContextRBACManager": safe,
            "securityContextCrossplane": container(65532),
            "securityContextRBACManager": container(65532),
            "resourcesCrossplane": resources(["100m", "256Mi"], ["500m", "1Gi"]),
            "resourcesRBACManager": resources(["50m", "128Mi"], ["200m", "512Mi"]),
            "metrics": { "enabled": true },
        }),
        serves: &["apiextensions.crossplane.io", "pkg.crossplane.io"],
        provides: &[
            "Deployment/crossplane",
            "Deployment/crossplane-rbac-manager",
        ],
        ..Release::default()
    });
    let core = Pods::of(NAMESPACE, "crossplane", &[("app", "crossplane")]);
    let roles = Pods::of(
        NAMESPACE,
        "rbac-manager",
        &[("app", "crossplane-rbac-manager")],
    );
    let packages = Pods::of(NAMESPACE, "packages", &[PACKAGE]);
    for pods in [&core, &roles, &packages] {
        inside.calls_api(pods);
        inside.scrape(pods, 8080, "/metrics");
    }
    inside.called_by_api(&core, 9443);
    inside.called_by_api(&packages, 9443);
    inside.allow(
        Peer::Pods(core.clone()),
        Peer::Pods(packages.clone()),
        &[Port::tcp(9443)],
    );
    // Packages come from a registry; providers call their cloud.
    for pods in [core, packages] {
        inside.allow(Peer::Pods(pods), Peer::Internet, &[Port::tcp(443)]);
    }
}

/// What a container may do in a namespace of the restricted standard.
fn container(user: u32) -> Json {
    json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "runAsUser": user,
        "runAsGroup": user,
        "capabilities": { "drop": ["ALL"] },
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

/// How the pods of packages run: by default a container of theirs has no profile and keeps capabilities, which the namespace's standard
/// refuses, and no label that flows are known by.
/// <https://github.com/crossplane/crossplane/blob/v2.3.4/internal/controller/pkg/runtime/runtime.go>
fn runtime(name: &str, account: &str, identity: &Lowered) -> Json {
    let container = json!({
        "name": "package-runtime",
        "resources": resources(["50m", "256Mi"], ["500m", "1Gi"]),
        "securityContext": container(2000),
    });
    let labels = identity.labelled(json!({ PACKAGE.0: PACKAGE.1 }));
    let template = json!({
        "metadata": { "labels": labels },
        "spec": {
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [container],
        },
    });
    let spec = json!({
        "serviceAccountTemplate": { "metadata": { "name": account, "annotations": identity.annotations } },
        // The selector is made by Crossplane.
        "deploymentTemplate": { "spec": { "selector": {}, "template": template } },
    });
    object(
        "pkg.crossplane.io/v1beta1",
        "DeploymentRuntimeConfig",
        "",
        name,
        json!({ "spec": spec }),
    )
}

fn package(kind: &str, name: &str, version: &str, runtime: &str) -> Json {
    let spec = json!({
        "package": format!("xpkg.crossplane.io/crossplane-contrib/{name}:{version}"),
        "runtimeConfigRef": { "name": runtime },
    });
    object(
        "pkg.crossplane.io/v1",
        kind,
        "",
        name,
        json!({ "spec": spec }),
    )
}

/// How providers log in to the cloud: as the pods that they are.
fn settings(inside: &Inside<'_>) -> Json {
    let site = &inside.site;
    let (api, spec) = match &site.cloud {
        Cloud::Aws(_) => (
            "aws.m.upbound.io/v1beta1",
            json!({ "credentials": { "source": "PodIdentity" } }),
        ),
        Cloud::Google(_) => (
            "gcp.m.upbound.io/v1beta1",
            json!({
                // The id of a cluster begins with its project.
                "projectID": format!("${{split(\"/\", {}.id)[1]}}", site.reference),
                "credentials": { "source": "InjectedIdentity" },
            }),
        ),
        Cloud::Azure(_) => (
            "azure.m.upbound.io/v1beta1",
            json!({
                "subscriptionID": format!("${{split(\"/\", {}.id)[2]}}", site.reference),
                "environment": azure::ENVIRONMENT,
                "credentials": { "source": "OIDCTokenFile" },
            }),
        ),
    };
    object(
        api,
        "ClusterProviderConfig",
        "",
        "default",
        json!({ "spec": spec }),
    )
}
