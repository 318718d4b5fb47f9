//! What the stack says that it closes is closed: by its own word, by what it renders, and by the cluster. And every volume that is claimed
//! there has come.

use super::Life;
use crate::hostile::Hostile;
use serde_json::Value as Json;

/// Beside these stacks stands no code, and so no pipeline.
const OPEN: &[&str] = &["Automated Pipelines (CI)"];
/// Volumes that charts claim, and operators for them: what name of a claim begins so, of which control's alternative.
const CLAIMS: &[(&str, &str)] = &[
    ("prometheus-", "monitoring"),
    ("alertmanager-", "monitoring"),
    ("storage-loki-", "logging"),
    ("elasticsearch-data-", "logging"),
    ("data-vault-", "vault"),
    ("audit-vault-", "vault"),
    ("data-trivy-server-", "trivy-system"),
];

impl Life {
    /// The rows that an audit finds open.
    fn open(&self, arguments: &[&str]) -> Vec<String> {
        let mut all = vec!["harden", "audit", "-json"];
        all.extend(arguments);
        if arguments.is_empty() {
            for variable in &self.case.variables {
                all.extend(["-var", variable.as_str()]);
            }
        }
        let rows = self.folder.run(&all).expect(2).json();
        let open = rows.as_array().expect("rows").iter();
        open.filter(|row| row["open"] == true)
            .map(|row| {
                format!(
                    "{}: {}",
                    row["row"].as_str().unwrap_or_default(),
                    row["missing"]
                )
            })
            .collect()
    }

    fn render(&self) {
        let mut all = vec!["harden", "render", "-out", "manifests"];
        for variable in &self.case.variables {
            all.extend(["-var", variable.as_str()]);
        }
        self.folder.run(&all).expect(0);
    }

    /// After an apply.
    pub(super) fn audited(&self) {
        self.render();
        let cluster = format!("{}-main", self.case.name);
        let config = self.server.kubeconfig(&cluster);
        self.folder.write("audited", &config);
        for arguments in [
            &[][..],
            &["-manifests", "manifests"],
            &["-kubeconfig", "audited"],
        ] {
            let open = self.open(arguments);
            let other = open
                .iter()
                .filter(|row| !OPEN.iter().any(|o| row.starts_with(o)));
            let other: Vec<&String> = other.collect();
            assert!(other.is_empty(), "{arguments:?}: {other:#?}");
            assert_eq!(open.len(), OPEN.len(), "{arguments:?}: {open:?}");
        }
        let path = self.folder.path().join("audited");
        claims(
            &Hostile::against(&path, None),
            self.case.text.contains("engine = \"vault\""),
        );
    }
}

/// Each claim has a volume, and those that name no class one of the cluster's default.
fn claims(inside: &Hostile, others: bool) {
    let all = inside.get("/api/v1/persistentvolumeclaims");
    let all = all["items"].as_array().expect("claims");
    let name = |claim: &Json| {
        claim["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for claim in all {
        assert_eq!(claim["status"]["phase"], "Bound", "{claim:#}");
        let class = claim["spec"]["storageClassName"]
            .as_str()
            .unwrap_or_default();
        assert!(!class.is_empty() && class != "gp2", "{claim:#}");
    }
    for (start, place) in CLAIMS {
        let alternative = start.contains("vault") || start.contains("elasticsearch");
        if alternative != others && (alternative || start.contains("loki")) {
            continue;
        }
        let found = all
            .iter()
            .any(|c| name(c).starts_with(start) && c["metadata"]["namespace"] == *place);
        let names: Vec<String> = all.iter().map(name).collect();
        assert!(found, "nobody claims {start}: {names:?}");
    }
}
