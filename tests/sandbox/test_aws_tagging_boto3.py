"""The sandbox's Resource Groups Tagging API as boto3 sees it: tags of everything that a region has, by type, tag, ARN and page."""

import json

import pytest
from botocore.exceptions import ClientError

REGION = "eu-west-1"
ACCOUNT = "123456789012"


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"].get("Message", "")


def arns(answer):
    return [found["ResourceARN"] for found in answer["ResourceTagMappingList"]]


def tags(answer):
    return {
        found["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in found["Tags"]}
        for found in answer["ResourceTagMappingList"]
    }


@pytest.fixture
def tagging(sandbox):
    return sandbox.client("resourcegroupstaggingapi")


def test_what_has_tags_is_found_by_type_tag_and_arn(sandbox, tagging):
    ecr, logs, ec2, kms, s3, iam = map(sandbox.client, ["ecr", "logs", "ec2", "kms", "s3", "iam"])
    repository = ecr.create_repository(repositoryName="web", tags=[{"Key": "team", "Value": "shop"}])["repository"]["repositoryArn"]
    ecr.create_repository(repositoryName="bare")
    logs.create_log_group(logGroupName="/app/web", tags={"team": "ops", "env": "test"})
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "team", "Value": "net"}]}])
    key = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "shop"}])["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="tagged-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket="tagged-bucket", Tagging={"TagSet": [{"Key": "env", "Value": "prod"}]})
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}), Tags=[{"Key": "team", "Value": "shop"}])
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}), Tags=[{"Key": "team", "Value": "shop"}])["Policy"]["Arn"]

    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/app/web"
    network = f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/{vpc['Vpc']['VpcId']}"
    bucket = "arn:aws:s3:::tagged-bucket"
    answer = tagging.get_resources()
    assert answer["PaginationToken"] == ""
    # What has no tags is not there, nor what is global.
    assert tags(answer) == {
        repository: {"team": "shop"},
        group: {"team": "ops", "env": "test"},
        network: {"team": "net"},
        key: {"team": "shop"},
        bucket: {"env": "prod"},
    }
    for kinds, expected in [
        (["ecr"], {repository}),
        (["ecr:repository", "s3"], {repository, bucket}),
        (["logs:log-group"], {group}),
        (["ec2:vpc", "kms:key"], {network, key}),
        (["ec2:subnet"], set()),
    ]:
        assert set(arns(tagging.get_resources(ResourceTypeFilters=kinds))) == expected, kinds
    for filters, expected in [
        ([{"Key": "team", "Values": ["shop"]}], {repository, key}),
        ([{"Key": "team", "Values": ["shop", "net"]}], {repository, key, network}),
        ([{"Key": "team"}, {"Key": "env", "Values": ["test"]}], {group}),
        ([{"Key": "team"}, {"Key": "env", "Values": ["prod"]}], set()),
    ]:
        assert set(arns(tagging.get_resources(TagFilters=filters))) == expected, filters
    # By ARN: what is not there is left out, and is no error.
    gone = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/gone"
    answer = tagging.get_resources(ResourceARNList=[repository, gone, group])
    assert set(arns(answer)) == {repository, group}
    # IAM's policies are in us-east-1; roles nowhere.
    assert arns(sandbox.client("resourcegroupstaggingapi", "us-east-1").get_resources()) == [policy]

    assert tagging.get_tag_keys()["TagKeys"] == ["env", "team"]
    assert tagging.get_tag_values(Key="team")["TagValues"] == ["net", "ops", "shop"]
    answer = tagging.get_resources(ResourceTypeFilters=["ecr"], IncludeComplianceDetails=True)
    assert answer["ResourceTagMappingList"][0]["ComplianceDetails"] == {"ComplianceStatus": True}
    # A change shows, and what loses its last tag goes.
    ecr.untag_resource(resourceArn=repository, tagKeys=["team"])
    assert arns(tagging.get_resources(ResourceTypeFilters=["ecr"])) == []


def test_pages(sandbox, tagging):
    logs = sandbox.client("logs")
    for i in range(120):
        logs.create_log_group(logGroupName=f"g{i:03}", tags={"a": "1", "b": "2", "c": "3"})
    names = [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g{i:03}" for i in range(120)]
    assert len(arns(tagging.get_resources())) == 50
    pages = list(tagging.get_paginator("get_resources").paginate(ResourcesPerPage=100))
    assert [len(arns(page)) for page in pages] == [100, 20]
    assert [arn for page in pages for arn in arns(page)] == names
    # A page of so many tags has whole resources.
    pages = list(tagging.get_paginator("get_resources").paginate(TagsPerPage=100))
    assert [len(arns(page)) for page in pages] == [33, 33, 33, 21]
    assert sorted(arns(tagging.get_resources(ResourceARNList=names[:100]))) == names[:100]


def test_refusals(tagging):
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/web"
    wrong = "InvalidParameterException"
    for arguments in [
        {"ResourcesPerPage": 0},
        {"ResourcesPerPage": 101},
        {"TagsPerPage": 99},
        {"ResourceARNList": []},
        {"ResourceARNList": [f"{arn}{i}" for i in range(101)]},
        {"ResourceARNList": ["web"]},
        {"ResourceARNList": [arn], "ResourcesPerPage": 10},
        {"ResourceARNList": [arn], "TagFilters": [{"Key": "a"}]},
        {"ResourceARNList": [arn], "ResourceTypeFilters": ["ecr"]},
        {"TagFilters": [{"Values": ["x"]}]},
        {"TagFilters": [{"Key": "a", "Values": [str(i) for i in range(21)]}]},
        {"ExcludeCompliantResources": True},
    ]:
        refused(wrong, tagging.get_resources, **arguments)
    refused("PaginationTokenExpiredException", tagging.get_resources, PaginationToken="?!")
    assert arns(tagging.get_resources(IncludeComplianceDetails=True, ExcludeCompliantResources=True)) == []
