//! The platform's rules are enforced in the apply in which a scan of it is clean; else the apply ends with the list of what breaks them.

use super::STACK;
use crate::support::{Folder, Server};

/// A workload of two pods in a namespace. Under the sandbox pods say themselves what they break.
fn workload(name: &str, namespace: &str, labels: &str, annotations: &str) -> String {
    format!(
        r#"
[resource.kubernetes_manifest.{name}]
provider   = "kubernetes.main"
depends_on = ["hardening.main"]
wait       = {{ rollout = true }}
[resource.kubernetes_manifest.{name}.manifest]
apiVersion = "apps/v1"
kind       = "Deployment"
metadata   = {{ name = "{name}", namespace = "{namespace}" }}
[resource.kubernetes_manifest.{name}.manifest.spec]
replicas = 2
selector = {{ matchLabels = {{ {labels} }} }}
[resource.kubernetes_manifest.{name}.manifest.spec.template]
metadata = {{ labels = {{ {labels} }}, annotations = {{ {annotations} }} }}
[resource.kubernetes_manifest.{name}.manifest.spec.template.spec]
securityContext = {{ runAsNonRoot = true, seccompProfile = {{ type = "RuntimeDefault" }} }}
[[resource.kubernetes_manifest.{name}.manifest.spec.template.spec.containers]]
name            = "main"
image           = "ghcr.io/acme/{name}:1.0"
resources       = {{ requests = {{ cpu = "100m", memory = "64Mi" }}, limits = {{ cpu = "1", memory = "128Mi" }} }}
securityContext = {{ allowPrivilegeEscalation = false, capabilities = {{ drop = ["ALL"] }} }}
"#
    )
}

fn stack(engine: &str, platform: &str, more: &str) -> String {
    let base = STACK
        .replace(
            r#""secrets", "network", "quotas"]"#,
            r#""network", "policy"]"#,
        )
        .replace(r#"size = "small""#, r#"size = "large""#);
    format!(
        "{base}\n[hardening.main.policy]\nengine = \"{engine}\"\nplatform = \"{platform}\"\nregistries = [\"ghcr.io/acme/\"]\n{more}"
    )
}

#[test]
fn the_platform_is_judged_once_a_scan_is_clean_and_else_the_list_is_told() {
    for engine in ["kyverno", "gatekeeper"] {
        let server = Server::sandbox(&[]);
        let folder = Folder::new();
        let write = |platform: &str, more: &str| {
            folder.write("stacks/shop.toml", &stack(engine, platform, more));
        };
        let apply = || folder.run(&["apply", "-auto-approve", &server.flag()]);
        let breaks = "\"sandbox.infra/breaks\" = \"no-root\"";
        let agent = workload("agent", "cert-manager", "app = \"agent\"", breaks);

        write("audit", &agent);
        apply().expect(0);
        write("enforce", &agent);
        let told = apply().expect(1);
        let told = format!("{}{}", told.stdout, told.stderr);
        for part in [
            "Creation failed",
            "1 thing that runs would be refused by rules that are not enforced yet",
            "cert-manager: Deployment agent: no-root: ",
            "[[hardening.main.policy.exceptions]]",
            "labels    = { \"app\" = \"agent\" }",
        ] {
            assert!(told.contains(part), "{engine}: {part}: {told}");
        }
        // Nothing of the platform's is enforced, and it is told again.
        let judged = || {
            let state = folder.run(&["state", "list"]).expect(0).stdout;
            state.contains("platform_no_root") || state.contains("infranoroot_platform")
        };
        assert!(!judged(), "{engine}");
        apply().expect(1);

        let except = "\n[[hardening.main.policy.exceptions]]\nnamespace = \"cert-manager\"\nlabels = { app = \"agent\" }\n\
            rules = [\"no-root\"]\nreason = \"until it is mended\"\n";
        write("enforce", &format!("{agent}{except}"));
        apply().expect(0);
        assert!(judged(), "{engine}");
        let settled = folder.run(&["plan", "-detailed-exitcode", &server.flag()]);
        settled.expect(0);
        // Without the exception it is looked at again, and what was enforced stays.
        write("enforce", &agent);
        apply().expect(1);
        assert!(judged(), "{engine}");
    }
}

#[test]
fn a_service_that_selects_no_pod_is_a_warning() {
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    let front = workload(
        "front",
        "shop",
        "\"app.kubernetes.io/name\" = \"front\"",
        "",
    );
    let base = STACK.replace(r#""tls", "secrets", "network", "quotas"]"#, r#""network"]"#);
    folder.write("stacks/shop.toml", &format!("{base}{front}"));
    let none = |service: &str| format!("the service `shop.{service}` selects no pod");
    let said = |text: &str| {
        text.split_whitespace()
            .filter(|w| *w != "│")
            .collect::<Vec<_>>()
            .join(" ")
    };
    let told = folder
        .run(&["apply", "-auto-approve", &server.flag()])
        .expect(0);
    let first = said(&told.stderr);
    assert!(first.contains(&none("back")), "{first}");
    // Its pods are made by this very run.
    assert!(!first.contains(&none("front")), "{first}");
    let plan = folder
        .run(&["plan", "-detailed-exitcode", &server.flag()])
        .expect(0);
    let told = said(&plan.stderr);
    assert!(
        told.contains(&none("back")) && told.contains("other labels than app=back"),
        "{told}"
    );
    assert!(!told.contains(&none("front")), "{told}");
}
