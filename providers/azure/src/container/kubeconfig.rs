//! What a kubeconfig of AKS's says: one cluster and one user, as plain `key: value` lines.

use infra_model::Record;

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

/// The value of the first line with a key.
fn value(text: &str, key: &str) -> Option<String> {
    let found = text.lines().find_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("- ").unwrap_or(line);
        line.strip_prefix(key)?.strip_prefix(": ")
    });
    let plain = found.map(|v| v.trim().trim_matches(['"', '\'']).to_owned());
    plain.filter(|v| !v.is_empty())
}

/// Reads one.
pub(crate) fn parse(text: &str) -> KubeConfig {
    KubeConfig {
        host: value(text, "server"),
        username: value(text, "user"),
        password: value(text, "token"),
        client_certificate: value(text, "client-certificate-data"),
        client_key: value(text, "client-key-data"),
        cluster_ca_certificate: value(text, "certificate-authority-data"),
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
