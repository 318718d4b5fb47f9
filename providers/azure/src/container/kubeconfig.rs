//! What a kubeconfig of AKS's says: one cluster and one user.

use infra_model::Record;
use serde_json::Value as Json;

/// How to reach a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Record)]
pub(crate) struct KubeConfig {
    /// The API server's URL.
    #[record(computed)]
    pub(crate) host: Option<String>,
    /// The user's name in the kubeconfig.
    #[record(computed)]
    pub(crate) username: Option<String>,
    /// The user's token.
    #[record(computed, sensitive)]
    pub(crate) password: Option<String>,
    /// The user's certificate, in base 64.
    #[record(computed, sensitive)]
    pub(crate) client_certificate: Option<String>,
    /// The user's key, in base 64.
    #[record(computed, sensitive)]
    pub(crate) client_key: Option<String>,
    /// The certificate authority of the API server, in base 64.
    #[record(computed, sensitive)]
    pub(crate) cluster_ca_certificate: Option<String>,
}

/// Reads one: its first cluster and its first user. What is no kubeconfig says nothing.
pub(crate) fn parse(text: &str) -> KubeConfig {
    let config: Json = serde_saphyr::from_str(text).unwrap_or_default();
    let text = |json: &Json| json.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let (cluster, user) = (&config["clusters"][0], &config["users"][0]);
    let (at, who) = (&cluster["cluster"], &user["user"]);
    KubeConfig {
        host: text(&at["server"]),
        username: text(&user["name"]),
        password: text(&who["token"]),
        client_certificate: text(&who["client-certificate-data"]),
        client_key: text(&who["client-key-data"]),
        cluster_ca_certificate: text(&at["certificate-authority-data"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_is_read() {
        let text = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: Q0E=\n    server: https://c.hcp.westeurope.azmk8s.io:443\n  name: c\n\
                    contexts:\n- context:\n    cluster: c\n    user: clusterUser_g_c\n  name: c\ncurrent-context: c\nkind: Config\n\
                    users:\n- name: clusterUser_g_c\n  user:\n    client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ\n    token: \"abc\"\n";
        let of = |s: &str| Some(s.to_owned());
        assert_eq!(
            parse(text),
            KubeConfig {
                host: of("https://c.hcp.westeurope.azmk8s.io:443"),
                username: of("clusterUser_g_c"),
                password: of("abc"),
                client_certificate: of("Q0VSVA=="),
                client_key: of("S0VZ"),
                cluster_ca_certificate: of("Q0E="),
            }
        );
        assert_eq!(parse("{}"), KubeConfig::default());
    }
}
