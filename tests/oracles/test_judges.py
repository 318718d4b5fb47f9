"""The judges see what is wrong, and nothing where all is right. Good and bad exchanges, and what must be said of them."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import aws_oracle
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


EC2 = "Version=2016-11-15"
NETWORKS = "/compute/v1/projects/p/global/networks"
NAT = f"Action=CreateNatGateway&{EC2}&SubnetId=subnet-1"
TAGGED = "TagSpecification.1.ResourceType=subnet&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b"
SUBNET = f"Action=CreateSubnet&{EC2}&VpcId=vpc-1&CidrBlock=10.0.0.0%2F24&{TAGGED}"
KMS = {"X_Amz_Target": "TrentService.CreateKey", "Content_Type": "application/x-amz-json-1.1"}
S3 = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>%s</Status>%s</VersioningConfiguration>'
GROUP = "Action=CreateTargetGroup&Version=2015-12-01&Name=t&Protocol=HTTP&Port=80&VpcId=v"

GOOD = [
    aws("ec2", SUBNET),
    aws("ec2", f"{NAT}&ClientToken={TOKEN}"),
    aws("elasticloadbalancing", f"{GROUP}&Tags.member.1.Key=a&Tags.member.1.Value=b"),
    aws("kms", '{"KeyUsage":"ENCRYPT_DECRYPT"}', answer='{"KeyMetadata":{"KeyId":"k"}}', **KMS),
    aws("s3", S3 % ("Enabled", ""), method="PUT", url="/bucket?versioning"),
    google("POST", f"{NETWORKS}?requestId={UUID5}", {"name": "n", "autoCreateSubnetworks": False}),
    google("GET", f"{NETWORKS}/n", answer={"kind": "compute#network", "name": "n", "id": "7"}),
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
    (google("POST", NETWORKS, {"name": "n"}), ["no token in requestId"]),
    (google("POST", f"{NETWORKS}?requestId=11111111-1111-4111-8111-111111111111", {"name": "n"}), ["not the operation's token"]),
    (google("POST", f"{NETWORKS}?requestId={UUID5}&foo=1", {"name": "N", "autoCreate": 1, "id": "5"}), ["foo", "does not match", "autoCreate", "only for output"]),
    (google("PUT", NETWORKS, {}), ["no method has this path"]),
    (google("DELETE", f"{NETWORKS}/n", {"a": 1}), ["no body is taken"]),
    (google("POST", "/storage/v1/b", {"name": "b"}), ["query parameter project is missing"]),
    (google("GET", f"{NETWORKS}/n", answer={"nome": "n", "name": 7}), ["answer.nome", "is no text"]),
]


def problems_of(exchange):
    oracle = aws_oracle if exchange["cloud"] == "aws" else google_oracle
    return oracle.judge(exchange)[1]


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
