//! How old the last backup is. Zalando's operator measures none, and Patroni tells of none: so a job looks every hour whether there is one
//! that is young enough, and ends well only then. Whether it does is what is alerted of.

use super::super::{NAME, Wanted, within};
use super::{API, NAMESPACE};
use crate::flow::Pods;
use crate::identity::{Grant, Identity};
use crate::inside::Inside;
use crate::objects::{object, resources};
use crate::storage::{COPIER, remote};
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

/// What asks the cluster.
const ASKER: &str = "docker.io/curlimages/curl:8.16.0";
/// The database's object: archives stand under its uid, which is another one for each life.
const WHO: &str = r#"set -eu
cd /var/run/secrets/kubernetes.io/serviceaccount
curl --silent --show-error --fail --cacert ca.crt --header "Authorization: Bearer $(cat token)" \
  --header "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1" \
  "https://kubernetes.default.svc/apis/$DATABASE" | grep -o '"uid": *"[0-9a-f-]*"' | head -n 1 | grep -o '[0-9a-f-]\{36\}' > /work/uid
"#;
/// Spilo's folders, and the file that WAL-G writes when a backup is whole.
/// <https://github.com/zalando/spilo/blob/master/postgres-appliance/scripts/configure_spilo.py>,
/// <https://github.com/wal-g/wal-g/blob/master/docs/PostgreSQL.md>
pub(in crate::controls) const LOOK: &str = r#"set -eu
uid=$(cat /work/uid)
found=$(rclone lsf --recursive --files-only --use-server-modtime --max-age "${HOURS}h" \
  --include "/*/basebackups_005/*_backup_stop_sentinel.json" "$BUCKET/$uid/wal")
if [ -z "$found" ]; then
  echo "no backup under $uid is younger than $HOURS hours" >&2
  exit 1
fi
"#;

/// What the job of a database is called.
pub(in crate::controls) fn job(namespace: &str) -> String {
    infra_draft::names::fit(&format!("backup-of-{namespace}"), "", 52)
}

/// Looks after the backups of a database in a bucket.
pub(super) fn watch(wanted: &Wanted<'_>, bucket: &str, schedule: &str, inside: &mut Inside<'_>) {
    let (namespace, name) = (wanted.namespace(), job(wanted.namespace()));
    let account = inside.account(&name);
    let pods = Pods::of(NAMESPACE, &name, &[("app.kubernetes.io/name", &name)]);
    let identity = inside.identity(&Identity {
        name: name.clone(),
        pods: pods.clone(),
        service_account: account.clone(),
        grants: vec![Grant::List(bucket.to_owned())],
    });
    inside.calls_api(&pods);
    let metadata = json!({ "metadata": { "annotations": identity.annotations } });
    let mut before = identity.before.clone();
    before.push(inside.object(object(
        "v1",
        "ServiceAccount",
        NAMESPACE,
        &account,
        metadata,
    )));
    before.extend(rights(namespace, &name, &account).map(|right| inside.object(right)));
    let job = object(
        "batch/v1",
        "CronJob",
        NAMESPACE,
        &name,
        spec(
            wanted,
            bucket,
            schedule,
            &name,
            &account,
            &identity.labelled(json!({ "app.kubernetes.io/name": name })),
            inside,
        ),
    );
    let job = inside.object(job);
    inside.after(&job, before);
}

/// To read the one object.
fn rights(namespace: &str, name: &str, account: &str) -> [Json; 2] {
    let rbac = "rbac.authorization.k8s.io/v1";
    let rules = json!([{
        "apiGroups": [API.split('/').next().unwrap_or_default()],
        "resources": ["postgresqls"], "resourceNames": [NAME], "verbs": ["get"],
    }]);
    let binding = json!({
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": NAMESPACE }],
    });
    [
        object(rbac, "Role", namespace, name, json!({ "rules": rules })),
        object(rbac, "RoleBinding", namespace, name, binding),
    ]
}

fn spec(
    wanted: &Wanted<'_>,
    bucket: &str,
    schedule: &str,
    name: &str,
    account: &str,
    labels: &Json,
    inside: &Inside<'_>,
) -> Json {
    let container = |name: &str, image: &str, script: &str, env: Json| {
        json!({
            "name": name,
            "image": image,
            "command": ["/bin/sh", "-c", escape(script)],
            "env": env,
            "volumeMounts": [{ "name": "work", "mountPath": "/work" }],
            "resources": resources(["10m", "32Mi"], ["200m", "128Mi"]),
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
            },
        })
    };
    let path = format!("{API}/namespaces/{}/postgresqls/{NAME}", wanted.namespace());
    let who = container(
        "who",
        ASKER,
        WHO,
        json!([{ "name": "DATABASE", "value": path }]),
    );
    let folder = remote(&inside.site.cloud, bucket, &format!("spilo/{NAME}"));
    let look = container(
        "look",
        COPIER,
        LOOK,
        json!([
            { "name": "BUCKET", "value": folder },
            { "name": "HOURS", "value": within(schedule).to_string() },
            { "name": "RCLONE_CONFIG", "value": "/work/rclone.conf" },
            { "name": "HOME", "value": "/work" },
        ]),
    );
    let pod = json!({
        "restartPolicy": "Never",
        "serviceAccountName": account,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 100, "runAsGroup": 101, "fsGroup": 101,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "initContainers": [who],
        "containers": [look],
        "volumes": [{ "name": "work", "emptyDir": { "sizeLimit": "16Mi" } }],
    });
    json!({ "metadata": { "labels": { "app.kubernetes.io/name": name } }, "spec": {
        "schedule": "23 * * * *",
        "concurrencyPolicy": "Forbid",
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": { "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 600,
            "template": { "metadata": { "labels": labels }, "spec": pod },
        } },
    } })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The script beside an `rclone` that finds what it is told to, or fails.
    fn looked(found: &str, answer: u8) -> (bool, String, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let fake = format!(
            "#!/bin/sh\necho \"$@\" > '{}'\nprintf '%s' '{found}'\nexit {answer}\n",
            at("asked").display()
        );
        std::fs::write(at("rclone"), fake).expect("written");
        std::fs::write(at("uid"), "0f8fad5b-d9cb-469f-a165-70867728950e\n").expect("written");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(at("rclone"), executable).expect("executable");
        let script = LOOK.replace("/work/", &format!("{}/", folder.path().display()));
        let path = std::env::var("PATH").unwrap_or_default();
        let ran = Command::new("/bin/sh")
            .args(["-c", &script])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .env("BUCKET", ":s3:backups/spilo/postgres")
            .env("HOURS", "26")
            .output()
            .expect("it runs");
        let asked = std::fs::read_to_string(at("asked")).expect("asked");
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        (ran.status.success(), asked, told)
    }

    #[test]
    fn only_a_young_backup_of_this_life_is_good() {
        let (good, asked, _) = looked("17/basebackups_005/base_0_backup_stop_sentinel.json\n", 0);
        assert!(good);
        assert!(asked.contains("--max-age 26h"), "{asked}");
        assert!(
            asked
                .trim()
                .ends_with(":s3:backups/spilo/postgres/0f8fad5b-d9cb-469f-a165-70867728950e/wal"),
            "{asked}"
        );
        let (good, _, told) = looked("", 0);
        assert!(!good && told.contains("younger than 26 hours"), "{told}");
        let (good, ..) = looked("", 3);
        assert!(!good, "what cannot be asked is no backup");
    }
}
