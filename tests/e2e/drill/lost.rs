//! The real disaster: the state is gone too. What the stack has made is found by its marks; what is archived is told by the archive; and
//! nothing of it is changed.

use super::{KEY, Real};
use crate::support::Ran;
use serde_json::Value as Json;
use std::fs;

/// A life of a database, as its archive calls it.
const EARLIER: &str = "postgres-00000000";

/// A stack on a cloud, with what a drill looks for.
fn stack(cloud: &str, place: &str) -> String {
    format!(
        r#"
[stack]
name    = "shop"
protect = true
[clouds.{cloud}]
{place}
[network.main]
cloud = "{cloud}"
[cluster.main]
network    = "main"
kubernetes = "1.34"
api        = {{ public_from = [] }}
[cluster.main.pools.general]
size = "medium"
min  = 3
max  = 6
[bucket.backups]
cloud = "{cloud}"
[database.orders]
network = "main"
engine  = "postgres"
version = "17"
size    = "small"
[database.cache]
network = "main"
engine  = "postgres"
version = "17"
size    = "small"
backups = {{ retention_days = DAYS, point_in_time = false }}
[hardening.main]
cluster = "main"
profile = ["tls", "secrets", "network", "database"]
[hardening.main.tls]
issuer = "self-signed"
[hardening.main.apps.shop]
[hardening.main.apps.shop.services.back]
port = 8000
[hardening.main.apps.shop.postgres]
instances = 2
from      = ["back"]
backup    = {{ bucket = "backups" }}
"#
    )
}

impl Real {
    /// Whatever tells of the real stack on this machine is gone, but for its file and the repository.
    fn lose_state(&self) -> Vec<(String, Vec<u8>)> {
        let folder = self.folder.path().join("state");
        let mut kept = Vec::new();
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if name.starts_with("shop.") && !name.ends_with(".world") && path.is_file() {
                kept.push((name, fs::read(&path).expect("a file")));
                fs::remove_file(&path).expect("removed");
            }
        }
        assert!(kept.iter().any(|(name, _)| name == "shop.json"), "{kept:?}");
        kept
    }

    fn find_state(&self, kept: Vec<(String, Vec<u8>)>) {
        for (name, bytes) in kept {
            let path = self.folder.path().join("state").join(name);
            fs::write(path, bytes).expect("written");
        }
    }

    /// What the state says of a resource.
    fn attribute(&self, address: &str, name: &str) -> String {
        let state = self.folder.run(&["state", "pull"]).expect(0).json();
        let text = state["resources"][address]["attributes"][name].as_str();
        text.unwrap_or_else(|| panic!("{address} has no {name}"))
            .to_owned()
    }

    /// The bucket, and what the archive of the database is called in it.
    fn archive(&self, cloud: &str) -> (String, String) {
        let of =
            |kind: &str, name: &str| self.attribute(&format!("bucket.backups.{kind}.this"), name);
        let bucket = match cloud {
            "google" => of("google_storage_bucket", "name"),
            "azure" => {
                let container = of("azurerm_storage_container", "name");
                format!("{}/{container}", of("azurerm_storage_account", "name"))
            }
            _ => of("aws_s3_bucket", "bucket"),
        };
        let life = self.attribute("hardening.main.random_id.shop_postgres_life", "hex");
        (bucket, format!("postgres-{life}"))
    }

    /// Archives as the operator does: a backup, and changes after it.
    fn fill(&self, cloud: &str, bucket: &str, server: &str) {
        let log = "wals/0000000100000002/00000001000000020000";
        for name in [
            "base/20260130T020000/backup.info".to_owned(),
            "base/20260131T020000/backup.info".to_owned(),
            "base/20260131T020000/data.tar.gz".to_owned(),
            "wals/0000000100000001/0000000100000001000000FF.gz".to_owned(),
            format!("{log}0029.gz"),
            format!("{log}002A.gz"),
            "wals/00000002.history".to_owned(),
        ] {
            let name = format!("postgres/shop/{server}/{name}");
            self.server.put_object(cloud, bucket, &name);
        }
    }

    /// The last event of a drill for programs.
    fn facts(ran: &Ran) -> Json {
        let last = ran.stdout.lines().last().expect("a line");
        let event: Json = serde_json::from_str(last).expect("JSON");
        assert_eq!(event["type"], "drill_report", "{last}");
        event
    }
}

#[test]
fn without_its_state_a_stack_is_made_again_from_what_its_cloud_has() {
    let real = Real::new();
    real.seal();
    let (bucket, server) = real.archive("aws");
    real.fill("aws", &bucket, EARLIER);
    real.fill("aws", &bucket, &server);
    let before = real.all();
    let kept = real.lose_state();
    real.drill(&[]).expect(0).says(&[
        "has no state here",
        "✓ state there is none: ",
        "✓ keys 2026-10: from AWS Secrets Manager",
        "✓ keys 2026-11: from AWS Secrets Manager",
        "3 sealed secrets open",
        "of 2 lives in ",
        &format!("/postgres/shop/{server}; last backup begun "),
        "ago: what was written up to ",
        "✓ database shop/postgres is ready, recovered to its last archived change",
        "✓ gone nothing of the copy is left",
        "All that was looked at can be made again.",
    ]);
    // Killed half-way it is gone on with, also without a state.
    real.kill_after(40);
    real.drill(&[])
        .expect(0)
        .says(&["beside those that an earlier drill had made", "✓ gone"]);
    real.find_state(kept);
    real.unharmed(&before);
    // The state may be there and not be looked at; with it, the archive tells how far it reaches.
    let told = real.drill(&["-without-state", "-json"]).expect(0);
    let facts = Real::facts(&told);
    let archive = &facts["archives"][0];
    assert_eq!(archive["database"], "shop/postgres");
    assert_eq!(archive["last_archived_segment"], "00000001000000020000002A");
    assert_eq!(archive["last_backup"], "2026-01-31T02:00:00Z");
    assert!(
        archive["recovery_point_age_seconds"].as_u64() < Some(600),
        "{archive}"
    );
    assert_eq!(facts["lost"], 0, "{facts}");
    let told = real.drill(&["-to", "2099-01-31T12:00:00Z"]).expect(1);
    told.says(&[
        "is still to come",
        "the last moment that all archives reach is 20",
    ]);
    real.unharmed(&before);
}

#[test]
fn without_a_state_what_is_not_found_is_named() {
    let real = Real::new();
    real.lose(
        "hardening.main.aws_secretsmanager_secret.sealing_2026_10",
        "recovery_window_in_days = 7",
    );
    let before = real.things();
    let told = real.drill(&["-without-state"]).expect(2);
    told.says(&[
        "! state hardening.main.aws_secretsmanager_secret.sealing_2026_10 is not found: nothing in the cloud carries its marks",
        "✗ keys 2026-10: neither the state has it nor the cloud",
        "a backup of it is taken by `-key FILE`",
        // The sandbox's operator archives nothing.
        "✗ archive shop/postgres: which of the lives in s3://shop-backups-",
        "there is none",
        "copy none was made",
    ]);
    assert_eq!(real.things(), before);
    real.lose("bucket.backups.aws_s3_bucket.this", "force_destroy = true");
    real.drill(&["-without-state"]).expect(2).says(&[
        "! state bucket.backups.aws_s3_bucket.this is not found",
        "✗ archive shop/postgres: the bucket of its archive is not found",
    ]);
    // Another stack of the same account carries other marks.
    let text = fs::read_to_string(real.folder.path().join("stacks/shop.toml")).expect("a file");
    let other = text.replace("name    = \"shop\"", "name    = \"other\"");
    real.folder.write("stacks/other.toml", &other);
    let flag = real.server.flag();
    let drill = [
        "harden",
        "drill",
        "-auto-approve",
        "stacks/other.toml",
        &flag,
    ];
    real.folder
        .run(&drill)
        .expect(1)
        .says(&["nothing in its clouds carries its marks"]);
}

/// On a cloud: with its state and without.
fn drilled(cloud: &str, place: &str, manager: &str) {
    // Azure keeps backups for at least a week.
    let days = if cloud == "azure" { "7" } else { "0" };
    let real = Real::of(&stack(cloud, place).replace("DAYS", days));
    let (bucket, server) = real.archive(cloud);
    real.fill(cloud, &bucket, &server);
    let key = format!("✓ keys first: from {manager}");
    let backups = "managed database.orders: backups are on, the last restorable moment is ";
    let none = if cloud == "azure" {
        "managed database.cache: backups are on"
    } else {
        "! managed database.cache makes no backups"
    };
    let told = real.drill(&[]).expect(0);
    told.says(&[&key, backups, none, "what was written up to ", "✓ gone"]);
    let before = real.things();
    let told = real.drill(&["-without-state"]).expect(0);
    told.says(&[
        "✓ state there is none: ",
        &key,
        backups,
        none,
        "last backup begun ",
        "✓ database shop/postgres is ready",
        "✓ gone",
    ]);
    assert!(!told.stdout.contains(KEY), "tells a key");
    assert_eq!(real.things(), before, "left or gone with the copy");
}

#[test]
fn on_aws_managed_databases_tell_how_they_could_be_had_back() {
    drilled("aws", "region = \"eu-west-1\"", "AWS Secrets Manager");
}

#[test]
fn on_google_the_keys_are_read_from_the_secret_manager() {
    let place = "project = \"acme\"\nregion = \"europe-west1\"";
    drilled("google", place, "Google Secret Manager");
}

#[test]
fn on_azure_the_keys_are_read_from_the_vault() {
    drilled("azure", "location = \"westeurope\"", "the Key Vault");
}

#[test]
fn what_a_killed_drill_leaves_says_when_it_ends() {
    let real = Real::new();
    let before = real.things();
    real.kill_after(25);
    let left = real.server.resources();
    let new = left.iter().filter(|r| !before.contains(&r.to_string()));
    let tagged: Vec<&Json> = new
        .filter(|r| r["tags"]["infra:instance"] == "drill")
        .collect();
    assert!(tagged.len() > 5, "{left:#?}");
    for resource in tagged {
        let ends = resource["tags"]["infra:expires"]
            .as_str()
            .unwrap_or_default();
        assert!(ends.starts_with("20") && ends.contains('T'), "{resource}");
    }
    let all = ["destroy", "-auto-approve", "--instance", "drill"];
    real.run(&all).expect(0);
    assert_eq!(real.things(), before);
}
