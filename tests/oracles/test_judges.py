"""The judges see what is wrong, and nothing where all is right. Good and bad exchanges, and what must be said of them."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import aws_oracle
import azure_oracle
import google_oracle
import judge

TOKEN = "0123456789abcdef0123456789abcdef01234567"
UUID5 = "2ed6657d-e927-568b-95e1-2665a8aea6a2"


def aws(service, body, method="POST", url="/", answer=None, **headers):
    scope = f"AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/{service}/aws4_request, x"
    exchange = {"cloud": "aws", "method": method, "url": url, "body": body}
    exchange["headers"] = {"Authorization": scope, **{k.replace("_", "-"): v for k, v in headers.items()}}
    if answer is not None:
        exchange["answer"] = {"status": 200, "body": answer}
    return exchange


def google(method, url, body=None, answer=None):
    exchange = {"cloud": "google", "method": method, "url": url, "body": json.dumps(body) if body else ""}
    if answer is not None:
        exchange["answer"] = {"status": 200, "body": json.dumps(answer)}
    return exchange


def azure(method, url, body=None, answer=None, status=201):
    exchange = {"cloud": "azure", "method": method, "url": url, "headers": {}, "body": json.dumps(body) if body else ""}
    if answer is not None:
        exchange["answer"] = {"status": status, "body": json.dumps(answer)}
    return exchange


EC2 = "Version=2016-11-15"
NETWORKS = "/compute/v1/projects/p/global/networks"
NAT = f"Action=CreateNatGateway&{EC2}&SubnetId=subnet-1"
TAGGED = "TagSpecification.1.ResourceType=subnet&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b"
SUBNET = f"Action=CreateSubnet&{EC2}&VpcId=vpc-1&CidrBlock=10.0.0.0%2F24&{TAGGED}"
KMS = {"X_Amz_Target": "TrentService.CreateKey", "Content_Type": "application/x-amz-json-1.1"}
S3 = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>%s</Status>%s</VersioningConfiguration>'
GROUP = "Action=CreateTargetGroup&Version=2015-12-01&Name=t&Protocol=HTTP&Port=80&VpcId=v"

GROUP_OF = "/subscriptions/s/resourceGroups/g"
VNET = f"{GROUP_OF}/providers/Microsoft.Network/virtualNetworks/v?api-version=2026-03-01"
SPACE = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
AKS = f"{GROUP_OF}/providers/Microsoft.ContainerService/managedClusters/c?api-version=2026-08-01"
POOL = {"name": "np", "count": 3, "vmSize": "Standard_D2s_v5", "mode": "System", "osType": "linux"}
IDENTITY = f"{GROUP_OF}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i?api-version=2024-11-30"
VAULT = f"{GROUP_OF}/providers/Microsoft.KeyVault/vaults/v?api-version=2026-05-15"
SECRET = "/_vault/v/secrets/one?api-version=2026-04-01"

GOOD = [
    aws("ec2", SUBNET),
    aws("ec2", f"{NAT}&ClientToken={TOKEN}"),
    aws("elasticloadbalancing", f"{GROUP}&Tags.member.1.Key=a&Tags.member.1.Value=b"),
    aws("kms", '{"KeyUsage":"ENCRYPT_DECRYPT"}', answer='{"KeyMetadata":{"KeyId":"k"}}', **KMS),
    aws("s3", S3 % ("Enabled", ""), method="PUT", url="/bucket?versioning"),
    google("POST", f"{NETWORKS}?requestId={UUID5}", {"name": "n", "autoCreateSubnetworks": False}),
    google("GET", f"{NETWORKS}/n", answer={"kind": "compute#network", "name": "n", "id": "7"}),
    azure("PUT", "/subscriptions/s/resourcegroups/g?api-version=2025-04-01", {"location": "westeurope", "tags": {"a": "b"}}),
    azure("PUT", VNET, {"location": "westeurope", "properties": SPACE}, answer={"id": "/v", "properties": {"provisioningState": "Updating"}}),
    azure("PUT", AKS, {"location": "westeurope", "properties": {"agentPoolProfiles": [POOL]}}),
    azure("PATCH", VNET, {"tags": {"a": "b"}}),
    azure("PUT", IDENTITY, {"location": "westeurope", "properties": {"clientId": "as it was read"}}, answer={}, status=200),
    azure("PUT", SECRET, {"value": "x"}),
    azure("GET", "/subscriptions/s/operationresults/0f0e0d0c-0b0a-0908-0706-050403020100?api-version=x"),
    google("POST", "/v1/projects/p/serviceAccounts", {"accountId": "sa", "serviceAccount": {"displayName": "x"}}),
]

BAD = [
    (aws("ec2", SUBNET.replace("VpcId", "VpcID")), ["VpcId", "unknown parameter VpcID"]),
    (aws("ec2", NAT), ["no token in ClientToken"]),
    (aws("ec2", f"{NAT}&ClientToken=58e2c3a0-6c13-4c8e-9d6c-4c0e4f1f7d55"), ["is not the operation's token"]),
    (aws("ec2", f"{NAT}&ClientToken={TOKEN}&ConnectivityType=sideways"), ["is not one of private, public"]),
    (aws("ec2", f"Action=CreateSubnett&{EC2}"), ["no such operation"]),
    (aws("ec2", SUBNET.replace("2016-11-15", "2014-01-01")), ["Version"]),
    (aws("kms", '{"Tag":[]}', **KMS), ["unknown field .Tag"]),
    (aws("kms", "{}", answer='{"KeyMetadata":{"KeyId":"k","Id":"k"}}', **KMS), ["answer.KeyMetadata.Id is not in the model"]),
    (aws("s3", S3 % ("On", ""), method="PUT", url="/bucket?versioning"), ["is not one of Enabled, Suspended"]),
    (aws("s3", S3 % ("Enabled", "<On/>"), method="PUT", url="/bucket?versioning"), ["unknown element /On"]),
    (aws("eks", "", method="DELETE", url="/clusters/c/node-groups/n?force=1"), ["unknown query parameter force"]),
    (
        aws("ec2", f"Action=DescribeVpcs&{EC2}", answer="<R><requestId>r</requestId><vpcSet><item><vpcID>v</vpcID></item></vpcSet></R>"),
        ["answer.vpcSet[].vpcID is not in the model"],
    ),
    (azure("PUT", VNET.replace("virtualNetworks", "virtualNets"), {}), ["no operation has this path"]),
    (azure("POST", VNET, {}), ["no operation has this path; the path has DELETE, GET, PATCH, PUT"]),
    (azure("PUT", VNET.replace("2026-03-01", "2024-05-01"), {"location": "x"}), ["api-version is 2024-05-01"]),
    (azure("PUT", f"{VNET}&force=1", {"location": "x"}), ["unknown query parameter force"]),
    (azure("PUT", VNET, {"properties": {"addressspace": {}}}), ["no such field (did you mean addressSpace?)"]),
    (azure("PUT", VNET, {"properties": {"privateEndpointVNetPolicies": "Off"}}), ["'Off' is not one of Disabled, Basic"]),
    (azure("PUT", VNET, {"properties": {"encryption": {"enforcement": "DropUnencrypted"}}}), [".properties.encryption.enabled is missing"]),
    (azure("PUT", AKS, {"location": "x", "properties": {"agentPoolProfiles": [{**POOL, "count": "3"}]}}), ["agentPoolProfiles[].count: '3' is no integer"]),
    (azure("PUT", IDENTITY, {"location": "x", "properties": {"clientId": "c"}}, answer={}), [".properties.clientId is only for output"]),
    (azure("PUT", IDENTITY, {}, answer={"properties": {"client": "c"}}), ["answer.properties.client"]),
    (azure("PUT", VAULT, {"location": "x", "properties": {"tenantId": "t"}}), [".properties.sku is missing"]),
    (azure("PUT", SECRET, {"value": 7}), [".value: 7 is no text"]),
    (azure("DELETE", VNET, {"a": 1}), ["no body is taken"]),
    (google("POST", NETWORKS, {"name": "n"}), ["no token in requestId"]),
    (google("POST", f"{NETWORKS}?requestId=11111111-1111-4111-8111-111111111111", {"name": "n"}), ["not the operation's token"]),
    (google("POST", f"{NETWORKS}?requestId={UUID5}&foo=1", {"name": "N", "autoCreate": 1, "id": "5"}), ["foo", "does not match", "autoCreate", "only for output"]),
    (google("PUT", NETWORKS, {}), ["no method has this path"]),
    (google("DELETE", f"{NETWORKS}/n", {"a": 1}), ["no body is taken"]),
    (google("POST", "/storage/v1/b", {"name": "b"}), ["query parameter project is missing"]),
    (google("GET", f"{NETWORKS}/n", answer={"nome": "n", "name": 7}), ["answer.nome", "is no text"]),
]


def problems_of(exchange):
    oracles = {"aws": aws_oracle, "azure": azure_oracle, "google": google_oracle}
    return oracles[exchange["cloud"]].judge(exchange)[1]


@pytest.mark.parametrize("exchange", GOOD)
def test_what_is_right_passes(exchange):
    assert problems_of(exchange) == []


@pytest.mark.parametrize("exchange, said", BAD)
def test_what_is_wrong_is_seen(exchange, said):
    told = "\n".join(problems_of(exchange))
    for text in said:
        assert text in told


def test_an_exception_needs_its_operation_and_its_problem():
    known = [{"operation": r"ec2\.CreateNat.*", "problem": "no token"}]
    used = set()
    assert judge.excepted(known, used, "ec2.CreateNatGateway", "no token in ClientToken")
    assert used == {0}
    assert not judge.excepted(known, used, "ec2.CreateVpc", "no token in ClientToken")
    assert not judge.excepted(known, used, "ec2.CreateNatGateway", "another")
