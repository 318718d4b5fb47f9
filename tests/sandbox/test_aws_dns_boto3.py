"""The sandbox's Route 53, Certificate Manager and Service Quotas as boto3 sees them: zones, records, certificates that wait
for their records, and limits."""

import time

import pytest
from botocore.exceptions import ClientError

from test_aws_services_boto3 import refused, until


@pytest.fixture
def dns(sandbox):
    """Route 53 as its global endpoint is signed for."""
    return sandbox.client("route53", region="us-east-1")


def zone(dns, name, **more):
    made = dns.create_hosted_zone(Name=name, CallerReference=f"{name} {time.monotonic_ns()}", **more)
    return made["HostedZone"]["Id"].removeprefix("/hostedzone/"), made


def change(dns, zone, *changes):
    batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
    return dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})["ChangeInfo"]


def record(name, kind, *values, **more):
    return {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": v} for v in values]} | more


def listed(dns, zone, **more):
    sets = dns.list_resource_record_sets(HostedZoneId=zone, **more)["ResourceRecordSets"]
    return [(s["Name"], s["Type"]) for s in sets]


def test_zones(sandbox, dns):
    made = dns.create_hosted_zone(Name="Example.org", CallerReference="one", HostedZoneConfig={"Comment": "c"})
    assert made["HostedZone"]["Name"] == "example.org." and made["HostedZone"]["Config"]["Comment"] == "c"
    assert len(made["DelegationSet"]["NameServers"]) == 4
    refused("HostedZoneAlreadyExists", dns.create_hosted_zone, Name="example.org", CallerReference="one")
    refused("InvalidDomainName", dns.create_hosted_zone, Name="a..b", CallerReference="two")
    ident = made["HostedZone"]["Id"]
    assert dns.get_hosted_zone(Id=ident)["HostedZone"]["ResourceRecordSetCount"] == 2
    dns.update_hosted_zone_comment(Id=ident, Comment="d")
    assert dns.get_hosted_zone(Id=ident)["HostedZone"]["Config"]["Comment"] == "d"
    bare = ident.removeprefix("/hostedzone/")
    dns.change_tags_for_resource(ResourceType="hostedzone", ResourceId=bare, AddTags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    dns.change_tags_for_resource(ResourceType="hostedzone", ResourceId=bare, RemoveTagKeys=["b"])
    sets = dns.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[bare])["ResourceTagSets"]
    assert sets[0]["Tags"] == [{"Key": "a", "Value": "1"}]
    other, _ = zone(dns, "a.example.org")
    names = [z["Name"] for z in dns.list_hosted_zones_by_name(DNSName="example.org")["HostedZones"]]
    assert names[:2] == ["example.org.", "a.example.org."]
    first = dns.list_hosted_zones(MaxItems="1")
    rest = dns.list_hosted_zones(Marker=first["NextMarker"])
    assert first["IsTruncated"] and ident not in [z["Id"] for z in rest["HostedZones"]] or first["HostedZones"][0]["Id"] != ident
    for each in (ident, other):
        dns.delete_hosted_zone(Id=each)
    refused("NoSuchHostedZone", dns.get_hosted_zone, Id=ident)


def test_private_zones(sandbox, dns):
    ec2 = sandbox.client("ec2")
    vpcs = [ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in (71, 72)]
    one, two = [{"VPCRegion": "eu-west-1", "VPCId": v} for v in vpcs]
    ident, made = zone(dns, "inside.test", VPC=one)
    assert "DelegationSet" not in made and made["HostedZone"]["Config"]["PrivateZone"]
    refused("InvalidVPCId", dns.associate_vpc_with_hosted_zone, HostedZoneId=ident, VPC=one | {"VPCId": "vpc-1"})
    dns.associate_vpc_with_hosted_zone(HostedZoneId=ident, VPC=two)
    assert len(dns.get_hosted_zone(Id=ident)["VPCs"]) == 2
    refused("ConflictingDomainExists", dns.create_hosted_zone, Name="inside.test", CallerReference="again", VPC=one)
    dns.disassociate_vpc_from_hosted_zone(HostedZoneId=ident, VPC=one)
    refused("VPCAssociationNotFound", dns.disassociate_vpc_from_hosted_zone, HostedZoneId=ident, VPC=one)
    refused("LastVPCAssociation", dns.disassociate_vpc_from_hosted_zone, HostedZoneId=ident, VPC=two)
    dns.delete_hosted_zone(Id=ident)
    for vpc in vpcs:
        ec2.delete_vpc(VpcId=vpc)


def test_records(dns):
    ident, _ = zone(dns, "records.test")
    www = record("www.records.test", "A", "192.0.2.1")
    info = change(dns, ident, ("CREATE", www), ("CREATE", record("*.apps.records.test", "CNAME", "www.records.test")))
    until(lambda: dns.get_change(Id=info["Id"])["ChangeInfo"]["Status"], "INSYNC")
    assert ("\\052.apps.records.test.", "CNAME") in listed(dns, ident)
    first = dns.list_resource_record_sets(HostedZoneId=ident, MaxItems="1")
    assert first["IsTruncated"] and first["ResourceRecordSets"][0]["Name"] == "records.test."
    assert listed(dns, ident, StartRecordName="www.records.test", StartRecordType="A") == [("www.records.test.", "A")]

    def wrong(code, *changes):
        with pytest.raises(ClientError) as caught:
            change(dns, ident, *changes)
        assert caught.value.response["Error"]["Code"] == code, caught.value
        return caught.value.response["Error"]["Message"]

    assert "already exists" in wrong("InvalidChangeBatch", ("CREATE", www))
    other = record("www.records.test", "A", "192.0.2.9")
    assert "do not match" in wrong("InvalidChangeBatch", ("DELETE", other))
    assert "not found" in wrong("InvalidChangeBatch", ("DELETE", record("no.records.test", "A", "192.0.2.1")))
    wrong("InvalidChangeBatch", ("UPSERT", record("www.records.test", "A", "nonsense")))
    wrong("InvalidChangeBatch", ("UPSERT", record("records.test", "CNAME", "x.test")))
    wrong("InvalidChangeBatch", ("UPSERT", record("www.records.test", "CNAME", "x.test")))
    wrong("InvalidChangeBatch", ("UPSERT", record("www.elsewhere.test", "A", "192.0.2.1")))
    wrong("InvalidChangeBatch", ("UPSERT", record("t.records.test", "TXT", "no quotation marks")))
    wrong("InvalidInput", ("UPSERT", record("w.records.test", "A", "192.0.2.1", Weight=1)))
    # A batch counts whole or not at all.
    wrong("InvalidChangeBatch", ("UPSERT", other), ("CREATE", www))
    change(dns, ident, ("DELETE", www), ("CREATE", other))
    change(dns, ident, *[("UPSERT", record("w.records.test", "A", "192.0.2.1", SetIdentifier=s, Weight=1)) for s in "ab"])
    refused("HostedZoneNotEmpty", dns.delete_hosted_zone, Id=ident)
    for found in dns.list_resource_record_sets(HostedZoneId=ident)["ResourceRecordSets"]:
        if found["Type"] not in ("NS", "SOA"):
            change(dns, ident, ("DELETE", found))
    dns.delete_hosted_zone(Id=ident)


def test_certificates(sandbox, dns):
    acm = sandbox.client("acm")
    ident, _ = zone(dns, "certificates.test")
    ask = {"DomainName": "a.certificates.test", "SubjectAlternativeNames": ["*.a.certificates.test"]}
    ask |= {"ValidationMethod": "DNS", "IdempotencyToken": "one"}
    arn = acm.request_certificate(**ask)["CertificateArn"]
    assert acm.request_certificate(**ask)["CertificateArn"] == arn
    refused("ValidationException", acm.request_certificate, DomainName="nodots", ValidationMethod="DNS")

    def options():
        found = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
        return [o.get("ResourceRecord") for o in found]

    until(lambda: None in options(), False)
    one, two = options()
    assert one == two and one["Type"] == "CNAME"
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "PENDING_VALIDATION"
    proof = record(one["Name"], "CNAME", one["Value"])
    change(dns, ident, ("CREATE", proof))
    until(lambda: acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"], "ISSUED")
    assert arn in [c["CertificateArn"] for c in acm.list_certificates()["CertificateSummaryList"]]
    acm.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": "a"}])
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == []
    acm.delete_certificate(CertificateArn=arn)
    refused("ResourceNotFoundException", acm.describe_certificate, CertificateArn=arn)
    refused("ValidationException", acm.import_certificate, Certificate=b"no", PrivateKey=b"no")
    change(dns, ident, ("DELETE", proof))
    dns.delete_hosted_zone(Id=ident)


def test_quotas(sandbox):
    quotas = sandbox.client("service-quotas")
    vpcs = quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]
    assert vpcs["Value"] == 300 and vpcs["QuotaName"] == "VPCs per Region"
    codes = [q["QuotaCode"] for q in quotas.list_service_quotas(ServiceCode="vpc", MaxResults=2)["Quotas"]]
    assert len(codes) == 2
    default = quotas.get_aws_default_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]
    assert default["Value"] == 5
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="vpc", PaginationConfig={"PageSize": 1})
    assert [len(page["Quotas"]) for page in pages] == [1, 1, 1, 1]
    refused("InvalidPaginationTokenException", quotas.list_service_quotas, ServiceCode="vpc", NextToken="\u00e9")
    refused("IllegalArgumentException", quotas.list_service_quotas, ServiceCode="vpc", MaxResults=0)
    refused("NoSuchResourceException", quotas.get_service_quota, ServiceCode="vpc", QuotaCode="L-0")
    refused("NoSuchResourceException", quotas.list_service_quotas, ServiceCode="nothing")
    # What counts for all regions is told in one of them.
    for service, code, default in [("s3", "L-DC2B2D3D", 10_000), ("route53", "L-4EA4796A", 500)]:
        refused("NoSuchResourceException", quotas.get_service_quota, ServiceCode=service, QuotaCode=code)
        quota = sandbox.client("service-quotas", "us-east-1").get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
        assert (quota["Value"], quota["GlobalQuota"]) == (default, True)
