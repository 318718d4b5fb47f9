"""The sandbox's STS as boto3 sees it: roles that are taken on, by credentials and by tokens, and who is refused."""

import base64
import json

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code


@pytest.fixture
def iam(sandbox):
    return sandbox.client("iam")


def test_roles_are_taken_on(sandbox, iam):
    sts = sandbox.client("sts")
    me = "arn:aws:iam::123456789012:user/sandbox"
    trust = lambda **statement: json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **statement}]})
    role = iam.create_role(
        RoleName="deploy",
        AssumeRolePolicyDocument=trust(Principal={"AWS": me}, Condition={"StringEquals": {"sts:ExternalId": "shop-1"}}),
    )["Role"]
    take = lambda **more: sts.assume_role(**{"RoleArn": role["Arn"], "RoleSessionName": "ci", "ExternalId": "shop-1", **more})
    refused("AccessDenied", take, ExternalId="other")
    refused("AccessDenied", take, RoleArn="arn:aws:iam::123456789012:role/none")
    refused("AccessDenied", take, Tags=[{"Key": "a", "Value": "b"}])
    refused("ValidationError", take, DurationSeconds=7200)
    refused("ValidationError", take, DurationSeconds=60)
    refused("ValidationError", take, RoleSessionName="a b")
    refused("MalformedPolicyDocument", take, Policy="{")
    taken = take(DurationSeconds=900)
    assert taken["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/deploy/ci"
    keys = taken["Credentials"]
    assert keys["AccessKeyId"].startswith("ASIA") and len(keys["AccessKeyId"]) == 20

    def as_role(service, token=keys["SessionToken"]):
        return boto3.client(
            service,
            endpoint_url=sandbox.url,
            region_name="eu-west-1",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    assert as_role("sts").get_caller_identity()["Arn"] == taken["AssumedRoleUser"]["Arn"]
    # The keys are good with their session's token alone, in each service's words.
    refused("InvalidClientTokenId", as_role("sts", None).get_caller_identity)
    refused("AuthFailure", as_role("ec2", "other").describe_vpcs)
    refused("UnrecognizedClientException", as_role("eks", "other").list_clusters)
    # A session is nobody whom the policy names, and takes on other roles for an hour at most.
    chained = lambda **more: as_role("sts").assume_role(RoleSessionName="next", **more)
    refused("AccessDenied", chained, RoleArn=role["Arn"], ExternalId="shop-1")
    other = iam.create_role(RoleName="audit", AssumeRolePolicyDocument=trust(Principal={"AWS": role["Arn"]}), MaxSessionDuration=7200)["Role"]
    refused("ValidationError", chained, RoleArn=other["Arn"], DurationSeconds=7200)
    assert chained(RoleArn=other["Arn"])["AssumedRoleUser"]["Arn"].endswith("assumed-role/audit/next")


def test_roles_are_taken_on_by_token(sandbox, iam):
    part = lambda claims: base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    claims = {"iss": "https://ci.example.com", "sub": "repo:shop", "aud": "sts.amazonaws.com", "exp": 4_000_000_000}
    token = lambda **more: f"{part({'alg': 'RS256'})}.{part({**claims, **more})}.c2ln"
    provider = iam.create_open_id_connect_provider(Url="https://ci.example.com", ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {"ci.example.com:sub": "repo:*"}},
        }],
    }
    role = iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"]
    # Nothing is signed.
    sts = boto3.client("sts", endpoint_url=sandbox.url, region_name="eu-west-1", config=Config(signature_version=UNSIGNED))
    take = lambda token: sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="build", WebIdentityToken=token)
    taken = take(token())
    assert taken["SubjectFromWebIdentityToken"] == "repo:shop" and taken["Audience"] == "sts.amazonaws.com"
    assert taken["AssumedRoleUser"]["Arn"].endswith("assumed-role/ci/build")
    refused("AccessDenied", take, token=token(sub="user:ada"))
    refused("InvalidIdentityToken", take, token=token(aud="others"))
    refused("InvalidIdentityToken", take, token=token(iss="https://else.example.com"))
    refused("InvalidIdentityToken", take, token="no.token")
    refused("ExpiredTokenException", take, token=token(exp=1_000))
