"""The sandbox's Compute Engine as Google's own client sees it: networks, NAT, an HTTPS load balancer and its end."""

import uuid

import pytest
from google.api_core.exceptions import BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed
from google.cloud import compute_v1 as compute
from google.oauth2.credentials import Credentials

PROJECT, REGION, ZONE = "sandbox-project", "europe-west1", "europe-west1-b"


class Client:
    """Clients of all services at the sandbox."""

    def __init__(self, url):
        self.host = url.removeprefix("http://")

    def __getattr__(self, name):
        client = self.make(name)
        # What waits for operations makes clients of its own, which do not know the host.
        waiters = getattr(client.transport, "_extended_operations_services", {})
        for place in ("Global", "Region", "Zone"):
            waiters[f"{place.lower()}_operations"] = self.make(f"{place}Operations")
        return client

    def make(self, name):
        kind = getattr(compute, f"{name}Client")
        transport = kind.get_transport_class("rest")
        return kind(transport=transport(host=self.host, url_scheme="http", credentials=Credentials("sandbox")))


@pytest.fixture
def google(sandbox):
    return Client(sandbox.google)


def network(google, name="net"):
    body = compute.Network(name=name, auto_create_subnetworks=False)
    google.Networks.insert(project=PROJECT, network_resource=body).result()
    return google.Networks.get(project=PROJECT, network=name)


def subnetwork(google, net, name="sub", cidr="10.0.0.0/20", **more):
    body = compute.Subnetwork(name=name, network=net.self_link, ip_cidr_range=cidr, **more)
    google.Subnetworks.insert(project=PROJECT, region=REGION, subnetwork_resource=body).result()
    return google.Subnetworks.get(project=PROJECT, region=REGION, subnetwork=name)


def test_networks_and_subnetworks(google, sandbox):
    net = network(google)
    assert net.id > 0 and net.routing_config.routing_mode == "REGIONAL"
    with pytest.raises(Conflict):
        network(google)
    pods = compute.SubnetworkSecondaryRange(range_name="pods", ip_cidr_range="10.4.0.0/14")
    sub = subnetwork(google, net, secondary_ip_ranges=[pods], private_ip_google_access=True)
    assert sub.gateway_address == "10.0.0.1" and sub.private_ip_google_access
    with pytest.raises(BadRequest, match="conflicts with existing subnetwork 'sub'"):
        subnetwork(google, net, name="other", cidr="10.5.0.0/24")
    request = compute.SubnetworksExpandIpCidrRangeRequest(ip_cidr_range="10.0.0.0/19")
    google.Subnetworks.expand_ip_cidr_range(
        project=PROJECT, region=REGION, subnetwork="sub", subnetworks_expand_ip_cidr_range_request_resource=request
    ).result()
    patch = compute.Subnetwork(fingerprint="AAAAAAAAAAA=", private_ip_google_access=False)
    with pytest.raises(PreconditionFailed):
        google.Subnetworks.patch(project=PROJECT, region=REGION, subnetwork="sub", subnetwork_resource=patch)
    sub = google.Subnetworks.get(project=PROJECT, region=REGION, subnetwork="sub")
    assert sub.ip_cidr_range == "10.0.0.0/19"
    assert [one.name for one in google.Subnetworks.list(project=PROJECT, region=REGION)] == ["sub"]
    places = {place: len(scoped.subnetworks) for place, scoped in google.Subnetworks.aggregated_list(project=PROJECT)}
    assert places == {f"regions/{REGION}": 1}
    with pytest.raises(BadRequest, match="already being used"):
        google.Networks.delete(project=PROJECT, network="net")
    listed = {one["type"]: one for one in sandbox.control("resources")}
    assert listed["google_compute_subnetwork"]["region"] == REGION
    google.Subnetworks.delete(project=PROJECT, region=REGION, subnetwork="sub").result()
    google.Networks.delete(project=PROJECT, network="net").result()
    assert sandbox.control("resources") == []


def test_request_ids_name_one_operation(google):
    request = compute.InsertNetworkRequest(
        project=PROJECT, request_id=str(uuid.uuid4()), network_resource=compute.Network(name="n", auto_create_subnetworks=False)
    )
    first, again = google.Networks.insert(request), google.Networks.insert(request)
    assert first.name == again.name
    request.network_resource.name = "m"
    with pytest.raises(BadRequest):
        google.Networks.insert(request)


def test_auto_mode_and_pages(google):
    body = compute.Network(name="auto", auto_create_subnetworks=True)
    google.Networks.insert(project=PROJECT, network_resource=body).result()
    assert len(google.Networks.get(project=PROJECT, network="auto").subnetworks) > 40
    for name in ("a", "b", "c"):
        network(google, name)
    pages = google.Networks.list(request=compute.ListNetworksRequest(project=PROJECT, max_results=2)).pages
    assert [len(page.items) for page in pages] == [2, 2]
    found = google.Networks.list(request=compute.ListNetworksRequest(project=PROJECT, filter='name = "b"'))
    assert [one.name for one in found] == ["b"]
    zones = google.Zones.list(request=compute.ListZonesRequest(project=PROJECT, filter=f"name eq {REGION}-.*"))
    assert [zone.name for zone in zones] == [f"{REGION}-{letter}" for letter in "bcd"]
    assert google.Regions.get(project=PROJECT, region=REGION).quotas


def test_nat(google):
    net = network(google)
    subnetwork(google, net)
    router = compute.Router(name="router", network=net.self_link)
    google.Routers.insert(project=PROJECT, region=REGION, router_resource=router).result()
    google.Addresses.insert(project=PROJECT, region=REGION, address_resource=compute.Address(name="nat")).result()
    address = google.Addresses.get(project=PROJECT, region=REGION, address="nat")
    nat = compute.RouterNat(
        name="nat",
        nat_ip_allocate_option="MANUAL_ONLY",
        nat_ips=[address.self_link],
        source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
    )
    google.Routers.patch(project=PROJECT, region=REGION, router="router", router_resource=compute.Router(nats=[nat])).result()
    assert google.Routers.get(project=PROJECT, region=REGION, router="router").nats[0].type_ == "PUBLIC"
    with pytest.raises(BadRequest, match="already being used"):
        google.Addresses.delete(project=PROJECT, region=REGION, address="nat")
    google.Routers.delete(project=PROJECT, region=REGION, router="router").result()
    google.Addresses.delete(project=PROJECT, region=REGION, address="nat").result()


def test_a_load_balancer(google, sandbox):
    net = network(google)
    sub = subnetwork(google, net)
    neg = compute.NetworkEndpointGroup(
        name="neg", network=net.self_link, subnetwork=sub.self_link, network_endpoint_type="GCE_VM_IP_PORT", default_port=80
    )
    google.NetworkEndpointGroups.insert(project=PROJECT, zone=ZONE, network_endpoint_group_resource=neg).result()
    neg = google.NetworkEndpointGroups.get(project=PROJECT, zone=ZONE, network_endpoint_group="neg")
    check = compute.HealthCheck(name="hc", type_="HTTP", http_health_check=compute.HTTPHealthCheck(port=80))
    google.HealthChecks.insert(project=PROJECT, health_check_resource=check).result()
    check = google.HealthChecks.get(project=PROJECT, health_check="hc")
    backend = compute.Backend(group=neg.self_link, balancing_mode="RATE", max_rate_per_endpoint=100)
    service = compute.BackendService(name="bs", health_checks=[check.self_link], backends=[backend], protocol="HTTP")
    google.BackendServices.insert(project=PROJECT, backend_service_resource=service).result()
    service = google.BackendServices.get(project=PROJECT, backend_service="bs")
    google.UrlMaps.insert(project=PROJECT, url_map_resource=compute.UrlMap(name="um", default_service=service.self_link)).result()
    urls = google.UrlMaps.get(project=PROJECT, url_map="um")
    managed = compute.SslCertificateManagedSslCertificate(domains=["example.com"])
    certificate = compute.SslCertificate(name="cert", type_="MANAGED", managed=managed)
    google.SslCertificates.insert(project=PROJECT, ssl_certificate_resource=certificate).result()
    certificate = google.SslCertificates.get(project=PROJECT, ssl_certificate="cert")
    assert certificate.managed.status == "PROVISIONING"
    proxy = compute.TargetHttpsProxy(name="proxy", url_map=urls.self_link, ssl_certificates=[certificate.self_link])
    google.TargetHttpsProxies.insert(project=PROJECT, target_https_proxy_resource=proxy).result()
    proxy = google.TargetHttpsProxies.get(project=PROJECT, target_https_proxy="proxy")
    google.GlobalAddresses.insert(project=PROJECT, address_resource=compute.Address(name="ip")).result()
    address = google.GlobalAddresses.get(project=PROJECT, address="ip")
    rule = compute.ForwardingRule(
        name="fr", target=proxy.self_link, port_range="443", I_p_address=address.self_link, load_balancing_scheme="EXTERNAL_MANAGED"
    )
    google.GlobalForwardingRules.insert(project=PROJECT, forwarding_rule_resource=rule).result()
    rule = google.GlobalForwardingRules.get(project=PROJECT, forwarding_rule="fr")
    assert rule.I_p_address == address.address and rule.port_range == "443-443"
    assert google.GlobalAddresses.get(project=PROJECT, address="ip").users == [rule.self_link]
    labels = compute.GlobalSetLabelsRequest(labels={"team": "core"}, label_fingerprint=rule.label_fingerprint)
    google.GlobalForwardingRules.set_labels(project=PROJECT, resource="fr", global_set_labels_request_resource=labels).result()
    with pytest.raises(PreconditionFailed):
        google.GlobalForwardingRules.set_labels(project=PROJECT, resource="fr", global_set_labels_request_resource=labels)
    tags = {one["type"]: one["tags"] for one in sandbox.control("resources")}
    assert tags["google_compute_global_forwarding_rule"] == {"team": "core"}
    change = compute.BackendService(timeout_sec=60, fingerprint=service.fingerprint)
    google.BackendServices.patch(project=PROJECT, backend_service="bs", backend_service_resource=change).result()
    assert google.BackendServices.get(project=PROJECT, backend_service="bs").timeout_sec == 60
    with pytest.raises(BadRequest, match="The urlMap resource .* is already being used"):
        google.UrlMaps.delete(project=PROJECT, url_map="um")
    google.GlobalForwardingRules.delete(project=PROJECT, forwarding_rule="fr").result()
    google.TargetHttpsProxies.delete(project=PROJECT, target_https_proxy="proxy").result()
    google.SslCertificates.delete(project=PROJECT, ssl_certificate="cert").result()
    google.UrlMaps.delete(project=PROJECT, url_map="um").result()
    google.BackendServices.delete(project=PROJECT, backend_service="bs").result()
    google.HealthChecks.delete(project=PROJECT, health_check="hc").result()
    with pytest.raises(NotFound):
        google.HealthChecks.get(project=PROJECT, health_check="hc")


def rule(priority, action, *ranges):
    config = compute.SecurityPolicyRuleMatcherConfig(src_ip_ranges=list(ranges))
    match = compute.SecurityPolicyRuleMatcher(versioned_expr="SRC_IPS_V1", config=config)
    return compute.SecurityPolicyRule(priority=priority, action=action, match=match)


LAST = 2147483647


def test_security_policies(google):
    policies = google.SecurityPolicies
    body = compute.SecurityPolicy(name="armor", rules=[rule(LAST, "deny(403)", "*")])
    policies.insert(project=PROJECT, security_policy_resource=body).result()
    office = rule(1000, "allow", "203.0.113.0/24")
    policies.add_rule(project=PROJECT, security_policy="armor", security_policy_rule_resource=office).result()
    with pytest.raises(BadRequest, match="same priorities"):
        policies.add_rule(project=PROJECT, security_policy="armor", security_policy_rule_resource=office)
    many = rule(1001, "allow", *(f"10.{n}.0.0/16" for n in range(11)))
    with pytest.raises(BadRequest, match="At most 10"):
        policies.add_rule(project=PROJECT, security_policy="armor", security_policy_rule_resource=many)
    change = compute.PatchRuleSecurityPolicyRequest(
        project=PROJECT, security_policy="armor", priority=1000, security_policy_rule_resource=rule(1000, "deny(404)", "203.0.113.0/25")
    )
    policies.patch_rule(change).result()
    found = policies.get(project=PROJECT, security_policy="armor")
    assert [(one.priority, one.action) for one in found.rules] == [(1000, "deny(404)"), (LAST, "deny(403)")]
    assert list(found.rules[0].match.config.src_ip_ranges) == ["203.0.113.0/25"]
    with pytest.raises(BadRequest, match="default rule"):
        policies.remove_rule(compute.RemoveRuleSecurityPolicyRequest(project=PROJECT, security_policy="armor", priority=LAST))
    policies.remove_rule(compute.RemoveRuleSecurityPolicyRequest(project=PROJECT, security_policy="armor", priority=1000)).result()

    # It stands before what the internet reaches, by a call of its own, and only there.
    for name, scheme in (("outside", "EXTERNAL_MANAGED"), ("inside", "INTERNAL_MANAGED")):
        service = compute.BackendService(name=name, load_balancing_scheme=scheme, security_policy=found.self_link)
        google.BackendServices.insert(project=PROJECT, backend_service_resource=service).result()
        assert google.BackendServices.get(project=PROJECT, backend_service=name).security_policy == ""
    reference = compute.SecurityPolicyReference(security_policy=found.self_link)
    given = {"project": PROJECT, "security_policy_reference_resource": reference}
    google.BackendServices.set_security_policy(backend_service="outside", **given).result()
    assert google.BackendServices.get(project=PROJECT, backend_service="outside").security_policy == found.self_link
    with pytest.raises(BadRequest, match="not supported"):
        google.BackendServices.set_security_policy(backend_service="inside", **given)
    with pytest.raises(BadRequest, match="already being used"):
        policies.delete(project=PROJECT, security_policy="armor")
    given["security_policy_reference_resource"] = compute.SecurityPolicyReference()
    google.BackendServices.set_security_policy(backend_service="outside", **given).result()
    policies.delete(project=PROJECT, security_policy="armor").result()


def test_internal_load_balancers_have_proxies_in_their_network(google):
    net = network(google)
    sub = subnetwork(google, net)
    service = compute.BackendService(name="bs", load_balancing_scheme="INTERNAL_MANAGED", protocol="TCP")
    google.BackendServices.insert(project=PROJECT, backend_service_resource=service).result()
    service = google.BackendServices.get(project=PROJECT, backend_service="bs")
    proxy = compute.TargetTcpProxy(name="proxy", service=service.self_link)
    google.TargetTcpProxies.insert(project=PROJECT, target_tcp_proxy_resource=proxy).result()
    proxy = google.TargetTcpProxies.get(project=PROJECT, target_tcp_proxy="proxy")

    def listen(port, scheme="INTERNAL_MANAGED", **more):
        body = compute.ForwardingRule(name=f"fr{port}", target=proxy.self_link, port_range=str(port), load_balancing_scheme=scheme, **more)
        google.GlobalForwardingRules.insert(project=PROJECT, forwarding_rule_resource=body).result()
        return google.GlobalForwardingRules.get(project=PROJECT, forwarding_rule=f"fr{port}")

    inside = {"network": net.self_link, "subnetwork": sub.self_link}
    with pytest.raises(BadRequest, match="proxy-only subnetwork"):
        listen(5432, **inside)
    proxies = {"purpose": "GLOBAL_MANAGED_PROXY", "role": "ACTIVE"}
    with pytest.raises(BadRequest, match="64 addresses"):
        subnetwork(google, net, name="small", cidr="10.1.0.0/27", **proxies)
    subnetwork(google, net, name="proxies", cidr="10.1.0.0/24", **proxies)
    with pytest.raises(BadRequest, match="active subnetwork 'proxies'"):
        subnetwork(google, net, name="more", cidr="10.1.1.0/24", **proxies)
    subnetwork(google, net, name="regional", cidr="10.1.2.0/24", purpose="REGIONAL_MANAGED_PROXY", role="ACTIVE")
    with pytest.raises(BadRequest, match="does not match"):
        listen(5432, scheme="EXTERNAL_MANAGED")
    with pytest.raises(BadRequest, match="subnetwork"):
        listen(5432, network=net.self_link)
    rule = listen(5432, **inside)
    assert rule.I_p_address.startswith("10.0.") and rule.network == net.self_link
    # An address is shared only where it was reserved for that.
    with pytest.raises(BadRequest, match="in-use"):
        listen(5433, I_p_address=rule.I_p_address, **inside)
    for name, purpose in (("alone", "GCE_ENDPOINT"), ("shared", "SHARED_LOADBALANCER_VIP")):
        body = compute.Address(name=name, address_type="INTERNAL", purpose=purpose, subnetwork=sub.self_link)
        google.Addresses.insert(project=PROJECT, region=REGION, address_resource=body).result()
    alone, shared = (google.Addresses.get(project=PROJECT, region=REGION, address=name).address for name in ("alone", "shared"))
    listen(6000, I_p_address=alone, **inside)
    with pytest.raises(BadRequest, match="in-use"):
        listen(6001, I_p_address=alone, **inside)
    listen(7000, I_p_address=shared, **inside)
    listen(7001, I_p_address=shared, **inside)
    with pytest.raises(BadRequest, match="already being used"):
        google.Addresses.delete(project=PROJECT, region=REGION, address="shared")


def test_firewalls(google):
    net = network(google)
    allowed = compute.Allowed(I_p_protocol="tcp", ports=["22", "8000-9000"])
    rule = compute.Firewall(name="ssh", network=net.self_link, allowed=[allowed], source_ranges=["192.0.2.0/24"])
    google.Firewalls.insert(project=PROJECT, firewall_resource=rule).result()
    google.Firewalls.patch(project=PROJECT, firewall="ssh", firewall_resource=compute.Firewall(priority=900)).result()
    found = google.Firewalls.get(project=PROJECT, firewall="ssh")
    assert (found.priority, list(found.allowed[0].ports)) == (900, ["22", "8000-9000"])
    rule.allowed[0].ports = ["99999"]
    rule.name = "bad"
    with pytest.raises(BadRequest):
        google.Firewalls.insert(project=PROJECT, firewall_resource=rule)
    google.Firewalls.delete(project=PROJECT, firewall="ssh").result()


def test_instance_groups(google):
    group = compute.InstanceGroup(name="g")
    google.InstanceGroups.insert(project=PROJECT, zone=ZONE, instance_group_resource=group).result()
    ports = compute.InstanceGroupsSetNamedPortsRequest(named_ports=[compute.NamedPort(name="http", port=80)])
    google.InstanceGroups.set_named_ports(
        project=PROJECT, zone=ZONE, instance_group="g", instance_groups_set_named_ports_request_resource=ports
    ).result()
    found = google.InstanceGroups.get(project=PROJECT, zone=ZONE, instance_group="g")
    assert (found.named_ports[0].port, found.size) == (80, 0)
    google.InstanceGroups.delete(project=PROJECT, zone=ZONE, instance_group="g").result()


def test_faults(google, sandbox):
    sandbox.control("faults", "throttle:compute.networks.list*1,fail:compute.networks.insert*1")
    with pytest.raises(Forbidden) as caught:
        google.Networks.list(project=PROJECT, retry=None)
    assert caught.value.errors[0]["reason"] == "rateLimitExceeded"
    body = compute.Network(name="n", auto_create_subnetworks=False)
    operation = google.Networks.insert(project=PROJECT, network_resource=body)
    with pytest.raises(Exception, match="500|Internal"):
        operation.result()
    with pytest.raises(NotFound):
        google.Networks.get(project=PROJECT, network="n")
    counts = sandbox.control("counts")["compute"]
    assert counts["networks.list"] >= 1 and counts["networks.insert"] == 1
