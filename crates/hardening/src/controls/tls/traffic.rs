//! Who talks to whom for certificates and for what comes in, and whose the hosts are.

mod claims;

use super::{CERT_MANAGER, Config, ENVOY, GATEWAY, Host, gateway};
use crate::app::App;
use crate::flow::{Peer, Pods, Port};
use crate::inside::Inside;

/// The proxies of the Gateway.
fn proxies() -> Pods {
    let labels = [
        ("gateway.envoyproxy.io/owning-gateway-name", gateway::NAME),
        ("gateway.envoyproxy.io/owning-gateway-namespace", GATEWAY),
    ];
    Pods::of(ENVOY, "proxy", &labels)
}

pub(super) fn expand(config: &Config, hosts: &[Host], inside: &mut Inside<'_>) {
    let part = |name: &str, label: &str| {
        Pods::of(CERT_MANAGER, name, &[("app.kubernetes.io/name", label)])
    };
    let controller = part("controller", "cert-manager");
    let webhook = part("webhook", "webhook");
    let injector = part("cainjector", "cainjector");
    let check = part("startupapicheck", "startupapicheck");
    for pods in [&controller, &webhook, &injector, &check] {
        inside.calls_api(pods);
    }
    inside.called_by_api(&webhook, 10250);
    for pods in [&controller, &webhook, &injector] {
        inside.scrape(pods, 9402, "/metrics");
    }

    // The jobs of the chart have no label that the controller does not have.
    let control = Pods::of(
        ENVOY,
        "controller",
        &[("app.kubernetes.io/name", "gateway-helm")],
    );
    let certgen = Pods::of(ENVOY, "certgen", &[("app", "certgen")]);
    inside.calls_api(&control);
    inside.calls_api(&certgen);
    inside.called_by_api(&control, 9443);
    inside.scrape(&control, 19001, "/metrics");
    let proxies = proxies();
    inside.scrape(&proxies, 19001, "/stats/prometheus");
    let configuration = [Port::tcp(18000), Port::tcp(18001), Port::tcp(18002)];
    inside.allow(
        Peer::Pods(proxies.clone()),
        Peer::Pods(control),
        &configuration,
    );
    // Ports below 1024 are not the proxy's: it listens ten thousand higher.
    inside.allow(
        Peer::Internet,
        Peer::Pods(proxies.clone()),
        &[Port::tcp(10080), Port::tcp(10443)],
    );
    claims::write(hosts, inside);
    for host in hosts {
        for (namespace, running) in &host.routes {
            let target = running.pods(namespace);
            let port = App::port(&running.service);
            inside.allow(
                Peer::Pods(proxies.clone()),
                Peer::Pods(target),
                port.as_slice(),
            );
        }
    }
    if config.issuer.starts_with("letsencrypt") {
        // Some engines send what is meant for the Gateway's public address to the proxies at once.
        inside.allow(
            Peer::Pods(controller.clone()),
            Peer::Pods(proxies.clone()),
            &[Port::tcp(10080)],
        );
        let solver = Pods::of(
            GATEWAY,
            "acme-solver",
            &[("acme.cert-manager.io/http01-solver", "true")],
        );
        inside.allow(Peer::Pods(proxies), Peer::Pods(solver), &[Port::tcp(8089)]);
        // Let's Encrypt itself, and the challenge as the world sees it, before Let's Encrypt is asked to look.
        inside.allow(
            Peer::Pods(controller),
            Peer::Internet,
            &[Port::tcp(443), Port::tcp(80)],
        );
    } else if config.issuer == "vault" {
        inside.allow(
            Peer::Pods(controller),
            Peer::Internet,
            &[Port::tcp(443), Port::tcp(8200)],
        );
    }
}
