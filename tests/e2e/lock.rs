//! `infra harden lock` against a repository and a registry on this machine: pins by version and digest, written into the stack file,
//! and used by what is planned then.

use crate::support::Folder;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

const OLD: &str = "a111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "b222222222222222222222222222222222222222222222222222222222222222";
const MANIFEST: &str = "3333333333333333333333333333333333333333333333333333333333333333";

/// A page: its head's further lines, and its body.
type Page = (String, String);

/// Serves pages by their paths until the test ends; its address. Paths under `/v2/` want a token that `/token` gives.
fn serve(pages: BTreeMap<String, Page>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (pages, own) = (Arc::new(pages), address.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (pages, own) = (pages.clone(), own.clone());
            std::thread::spawn(move || answer(stream, &pages, &own));
        }
    });
    address
}

fn answer(stream: TcpStream, pages: &BTreeMap<String, Page>, own: &str) {
    let mut reader = BufReader::new(stream);
    let (mut path, mut token) = (String::new(), false);
    for at in 0.. {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if at == 0 {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        token |= line
            .to_ascii_lowercase()
            .starts_with("authorization: bearer good");
    }
    let plain = path.split('?').next().unwrap_or_default();
    let (status, head, body) = match pages.get(&path).or_else(|| pages.get(plain)) {
        Some(_) if plain.starts_with("/v2/") && !token => {
            let challenge = format!(
                "www-authenticate: Bearer realm=\"http://{own}/token\",service=\"registry\",scope=\"repository:a:pull\"\r\n"
            );
            ("401 Unauthorized", challenge, String::new())
        }
        Some((head, body)) => ("200 OK", head.clone(), body.clone()),
        None => ("404 Not Found", String::new(), String::new()),
    };
    let length = body.len();
    let _ = write!(
        reader.get_mut(),
        "HTTP/1.1 {status}\r\n{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

fn index() -> String {
    let entry = |version: &str, digest: &str, more: &str| {
        format!("  - version: {version}\n    digest: {digest}\n    urls: [a.tgz]\n{more}")
    };
    format!(
        "apiVersion: v1\nentries:\n  sealed-secrets:\n{}{}{}{}{}",
        entry("2.19.1", OLD, ""),
        entry("2.20.0", NEW, ""),
        entry("2.21.0", OLD, "    deprecated: true\n"),
        entry("2.22.0-rc.1", OLD, ""),
        entry("3.0.0", OLD, ""),
    )
}

fn stack(pins: &str) -> String {
    format!(
        "[stack]\nname = \"shop\"\n[clouds.aws]\nregion = \"eu-west-1\"\n[network.main]\ncloud = \"aws\"\n[cluster.main]\nnetwork = \"main\"\nkubernetes = \"1.34\"\napi = {{ public_from = [] }}\n[cluster.main.pools.general]\nsize = \"small\"\nmin = 2\nmax = 4\n\n# The inside.\n[hardening.main]\ncluster = \"main\"\nprofile = [\"secrets\", \"quotas\"]\n\n{pins}"
    )
}

fn text(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path().join("stacks/shop.toml")).expect("a stack")
}

#[test]
fn charts_of_a_repository_are_pinned_by_its_index() {
    let pages = BTreeMap::from([("/charts/index.yaml".to_owned(), (String::new(), index()))]);
    let address = serve(pages);
    let folder = Folder::new();
    let mirror = format!(
        "[hardening.main.charts.sealed-secrets]\nrepository = \"http://{address}/charts\"\n"
    );
    folder.write("stacks/shop.toml", &stack(&mirror));
    let checked = folder.run(&["harden", "lock", "-check"]).expect(2);
    assert!(
        checked
            .stdout
            .contains("main: sealed-secrets 2.19.1 -> 2.20.0"),
        "{}",
        checked.stdout
    );
    assert_eq!(text(&folder), stack(&mirror), "a check writes nothing");

    folder.run(&["harden", "lock"]).expect(0);
    let pinned = format!("{mirror}version = \"2.20.0\"\ndigest = \"sha256:{NEW}\"\n");
    assert_eq!(text(&folder), stack(&pinned));
    // Nothing is newer now.
    let again = folder.run(&["harden", "lock"]).expect(0);
    assert!(
        again.stderr.contains("are pinned to their newest"),
        "{}",
        again.stderr
    );
    let server = crate::support::Server::sandbox(&["--latency", "none"]);
    let plan = folder.run(&["plan", &server.flag()]).expect(0).stdout;
    for part in ["\"2.20.0\"", NEW] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    let told = folder
        .run(&["harden", "lock", "-chart", "loki"])
        .expect(1)
        .stderr;
    assert!(told.contains("it installs: sealed-secrets"), "{told}");
}

#[test]
fn charts_of_a_registry_are_pinned_by_their_manifests() {
    let path = "/v2/mirror/sealed-secrets";
    let next = format!("link: <{path}/tags/list?n=1000&last=2.19.1>; rel=\"next\"\r\n");
    let digest = format!("docker-content-digest: sha256:{MANIFEST}\r\n");
    let pages = BTreeMap::from([
        (
            "/token".to_owned(),
            (String::new(), "{\"token\": \"good\"}".to_owned()),
        ),
        (
            format!("{path}/tags/list?n=1000"),
            (next, "{\"tags\": [\"2.19.0\", \"2.19.1\"]}".to_owned()),
        ),
        (
            format!("{path}/tags/list?n=1000&last=2.19.1"),
            (
                String::new(),
                "{\"tags\": [\"2.19.4\", \"latest\"]}".to_owned(),
            ),
        ),
        (
            format!("{path}/manifests/2.19.4"),
            (digest, "{}".to_owned()),
        ),
    ]);
    let address = serve(pages);
    let folder = Folder::new();
    let mirror = format!(
        "[hardening.main.charts.sealed-secrets]\nrepository = \"oci://{address}/mirror\"\n"
    );
    folder.write("stacks/shop.toml", &stack(&mirror));
    folder.run(&["harden", "lock"]).expect(0);
    let pinned = format!("{mirror}version = \"2.19.4\"\ndigest = \"sha256:{MANIFEST}\"\n");
    assert_eq!(text(&folder), stack(&pinned));
}

#[test]
fn without_a_network_the_pins_stay() {
    // Nobody listens there: the port was given back.
    let port = crate::kube::process::free_port();
    let folder = Folder::new();
    let mirror = format!(
        "[hardening.main.charts.sealed-secrets]\nrepository = \"http://127.0.0.1:{port}\"\n"
    );
    folder.write("stacks/shop.toml", &stack(&mirror));
    let told = folder.run(&["harden", "lock"]).expect(1).stderr;
    let told = told
        .split_whitespace()
        .filter(|w| *w != "│")
        .collect::<Vec<_>>()
        .join(" ");
    assert!(told.contains("cannot be reached"), "{told}");
    assert!(told.contains("nothing was changed"), "{told}");
    assert_eq!(text(&folder), stack(&mirror));
}

#[test]
fn a_pin_that_is_none_is_refused() {
    for (pins, words) in [
        (
            "[hardening.main.charts.sealed-secret]\nversion = \"1.0.0\"\n",
            "did you mean `sealed-secrets`",
        ),
        (
            "[hardening.main.charts.sealed-secrets]\nversion = \"2.20.0\"\ndigest = \"abc\"\n",
            "is no digest",
        ),
        (
            "[hardening.main.charts.sealed-secrets]\ndigest = \"sha256:2222222222222222222222222222222222222222222222222222222222222222\"\n",
            "is of no version",
        ),
    ] {
        let folder = Folder::new();
        folder.write("stacks/shop.toml", &stack(pins));
        let told = folder.run(&["validate"]).expect(1).stderr;
        let told = told
            .split_whitespace()
            .filter(|w| *w != "│")
            .collect::<Vec<_>>()
            .join(" ");
        assert!(told.contains(words), "{words}: {told}");
    }
}
