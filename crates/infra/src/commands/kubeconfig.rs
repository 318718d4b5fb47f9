//! `infra kubeconfig`: lets `kubectl` and its like reach the clusters of a stack. Logging in is left to `infra cluster-token`, so
//! that no credential stands in the file.

use crate::cli::Kubeconfig;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::system::{home, replace_for_owner};
use crate::ui::Ui;
use infra_hardening::yaml::document;
use infra_model::codes::Code;
use infra_state::{State, World};
use serde_json::{Value as Json, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A cluster and how to log in to it.
#[derive(Debug, PartialEq)]
struct Cluster {
    name: String,
    host: String,
    /// In PEM form, in base64.
    certificate: Option<String>,
    /// The words after `infra cluster-token`; none for one that takes any token.
    login: Option<Vec<String>>,
}

pub(super) fn run(arguments: &Kubeconfig, ui: Ui) -> Outcome {
    let place = Place::find(arguments.stack.as_deref(), arguments.instance.as_deref())?;
    let store = place.look("kubeconfig")?.ok_or_else(|| place.no_state())?;
    let state = store.state();
    let stack = place.stack().name.to_string();
    let clusters = clusters(&state);
    if clusters.is_empty() {
        return Err(CommandError::hint(
            Code::NotInState,
            format!("{} has made no Kubernetes cluster", place.file.display()),
            "there is one after an apply of a stack with a `cluster`",
        ));
    }
    let program = std::env::current_exe()
        .map_or_else(|_| "infra".to_owned(), |path| path.display().to_string());
    if arguments.print {
        let mut config = json!({});
        add(&mut config, &stack, &clusters, &program);
        ui.result(&document(&config));
        return Ok(Exit::Done);
    }
    let path = match &arguments.file {
        Some(path) => path.clone(),
        None => default_path()?,
    };
    let mut config = match fs::read_to_string(&path) {
        Ok(text) => serde_saphyr::from_str(&text).map_err(|_| {
            CommandError::hint(
                Code::FileAccess,
                format!("{} is no kubeconfig", path.display()),
                "name another file with --file, or put that one right",
            )
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => json!({}),
        Err(error) => return Err(CommandError::io("read", &path, &error)),
    };
    if !config.is_object() {
        config = json!({});
    }
    let contexts = add(&mut config, &stack, &clusters, &program);
    write(&path, &document(&config)).map_err(|e| CommandError::io("write", &path, &e))?;
    for context in contexts {
        ui.talk(&format!(
            "{} has the context {context}: kubectl --context {context} get nodes",
            path.display()
        ));
    }
    Ok(Exit::Done)
}

fn default_path() -> Result<PathBuf, CommandError> {
    let named = std::env::var_os("KUBECONFIG").filter(|v| !v.is_empty());
    if let Some(first) = named.and_then(|all| std::env::split_paths(&all).next()) {
        return Ok(first);
    }
    let home = home().ok_or_else(|| {
        CommandError::hint(
            Code::Usage,
            "there is no home folder to look for ~/.kube/config in",
            "name a file with --file",
        )
    })?;
    Ok(home.join(".kube/config"))
}

/// The clusters of a state: by the configurations of `kubernetes` that were used, and by the clusters of each cloud.
fn clusters(state: &State) -> Vec<Cluster> {
    let mut found: Vec<Cluster> = Vec::new();
    let mut put = |cluster: Cluster| {
        if !cluster.host.is_empty() && !found.iter().any(|known| known.host == cluster.host) {
            found.push(cluster);
        }
    };
    let text = |json: &Json| json.as_str().map(str::to_owned);
    for (address, resource) in &state.resources {
        let all = &resource.attributes;
        let name = text(&all["name"]).unwrap_or_else(|| address.block.name.to_string());
        match &*address.block.type_name {
            "aws_eks_cluster" => {
                let arn = text(&all["arn"]).unwrap_or_default();
                let region = arn.split(':').nth(3).unwrap_or_default().to_owned();
                let mut login = vec!["eks".to_owned(), "--cluster".to_owned(), name.clone()];
                login.extend(["--region".to_owned(), region]);
                let config = &resource.provider_config;
                for (flag, value) in [
                    ("--profile", &config["profile"]),
                    ("--role-arn", &config["assume_role"][0]["role_arn"]),
                ] {
                    login.extend(
                        text(value)
                            .map(|v| [flag.to_owned(), v])
                            .into_iter()
                            .flatten(),
                    );
                }
                put(Cluster {
                    host: text(&all["endpoint"]).unwrap_or_default(),
                    certificate: text(&all["certificate_authority"][0]["data"]),
                    login: Some(login),
                    name,
                });
            }
            "google_container_cluster" => {
                let endpoint = text(&all["endpoint"]).unwrap_or_default();
                let host = if endpoint.is_empty() || endpoint.contains("://") {
                    endpoint
                } else {
                    format!("https://{endpoint}")
                };
                let mut login = vec!["gke".to_owned()];
                let account = text(&resource.provider_config["impersonate_service_account"]);
                login.extend(
                    account
                        .map(|a| ["--impersonate-service-account".to_owned(), a])
                        .into_iter()
                        .flatten(),
                );
                put(Cluster {
                    host,
                    certificate: text(&all["master_auth"][0]["cluster_ca_certificate"]),
                    login: Some(login),
                    name,
                });
            }
            "azurerm_kubernetes_cluster" => {
                let kubeconfig = &all["kube_config"][0];
                let host = text(&kubeconfig["host"])
                    .or_else(|| text(&all["fqdn"]).map(|fqdn| format!("https://{fqdn}:443")));
                put(Cluster {
                    host: host.unwrap_or_default(),
                    certificate: text(&kubeconfig["cluster_ca_certificate"]),
                    login: Some(aks(all, &resource.provider_config)),
                    name,
                });
            }
            _ => {}
        }
    }
    if matches!(state.world, World::Sandbox(_)) {
        for cluster in &mut found {
            cluster.login = None;
        }
    }
    found
}

/// How one logs in to a cluster of Azure's: by the directory of its tenant, in the Azure that it is in.
fn aks(cluster: &Json, config: &Json) -> Vec<String> {
    let directory = &cluster["azure_active_directory_role_based_access_control"][0];
    let tenant = directory["tenant_id"]
        .as_str()
        .or_else(|| config["tenant_id"].as_str());
    let mut words = vec!["aks".to_owned()];
    for (flag, value) in [
        ("--tenant", tenant),
        ("--environment", config["environment"].as_str()),
    ] {
        words.extend(
            value
                .into_iter()
                .flat_map(|v| [flag.to_owned(), v.to_owned()]),
        );
    }
    words
}

/// Puts the clusters of a stack into a kubeconfig, over those of the same names; the names of their contexts.
fn add(config: &mut Json, stack: &str, clusters: &[Cluster], program: &str) -> Vec<String> {
    config["apiVersion"] = json!("v1");
    config["kind"] = json!("Config");
    let mut contexts = Vec::new();
    for cluster in clusters {
        let name = format!("{stack}-{}", cluster.name);
        let mut server = json!({ "server": cluster.host });
        if let Some(certificate) = &cluster.certificate {
            server["certificate-authority-data"] = json!(certificate);
        }
        let user = match &cluster.login {
            Some(login) => {
                let words = [&["cluster-token".to_owned()][..], login].concat();
                json!({ "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": program,
                    "args": words,
                    "interactiveMode": "Never",
                    "provideClusterInfo": false,
                }})
            }
            None => json!({ "token": "sandbox" }),
        };
        for (list, item) in [
            ("clusters", json!({ "name": name, "cluster": server })),
            ("users", json!({ "name": name, "user": user })),
            (
                "contexts",
                json!({ "name": name, "context": { "cluster": name, "user": name } }),
            ),
        ] {
            if !config[list].is_array() {
                config[list] = json!([]);
            }
            if let Some(items) = config[list].as_array_mut() {
                items.retain(|known| known["name"] != *name);
                items.push(item);
            }
        }
        contexts.push(name);
    }
    // Which cluster is meant by default is for whoever has others in the file.
    let current = config["current-context"].as_str().unwrap_or_default();
    if current.is_empty()
        && let [only] = &contexts[..]
    {
        config["current-context"] = json!(only);
    }
    contexts
}

/// Whole or not at all, and for the owner only.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    replace_for_owner(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_of_another_azure_is_logged_in_to_there() {
        let cluster =
            json!({ "azure_active_directory_role_based_access_control": [{ "tenant_id": "t" }] });
        let config = json!({ "environment": "usgovernment", "tenant_id": "others" });
        assert_eq!(
            aks(&cluster, &config),
            ["aks", "--tenant", "t", "--environment", "usgovernment"]
        );
        assert_eq!(
            aks(&json!({}), &config),
            ["aks", "--tenant", "others", "--environment", "usgovernment"]
        );
        assert_eq!(aks(&json!({}), &json!({})), ["aks"]);
    }

    #[test]
    fn what_others_have_in_the_file_stays() {
        let text = "apiVersion: v1\nkind: Config\ncurrent-context: theirs\nclusters:\n- name: theirs\n  cluster:\n    server: https://a\n- name: shop-main\n  cluster:\n    server: https://old\nextensions:\n- name: x\n  extension:\n    n: 3\n";
        let mut config: Json = serde_saphyr::from_str(text).expect("is YAML");
        let cluster = Cluster {
            name: "main".to_owned(),
            host: "https://new".to_owned(),
            certificate: Some("Q0E=".to_owned()),
            login: Some(
                ["eks", "--cluster", "main", "--region", "eu-west-1"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
        };
        assert_eq!(
            add(&mut config, "shop", &[cluster], "/bin/infra"),
            ["shop-main"]
        );
        let text = document(&config);
        let again: Json = serde_saphyr::from_str(&text).expect("is YAML");
        assert_eq!(again, config, "{text}");
        assert_eq!(again["current-context"], "theirs");
        assert_eq!(again["clusters"][0]["cluster"]["server"], "https://a");
        assert_eq!(again["clusters"][1]["cluster"]["server"], "https://new");
        assert_eq!(again["clusters"].as_array().map(Vec::len), Some(2));
        assert_eq!(again["extensions"][0]["extension"]["n"].as_i64(), Some(3));
        let exec = &again["users"][0]["user"]["exec"];
        assert_eq!(exec["args"][0], "cluster-token");
        assert_eq!(exec["args"][5], "eu-west-1");
    }
}
