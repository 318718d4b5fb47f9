"""The sandbox's CloudWatch Logs, ECR, Secrets Manager, Systems Manager and machine images as boto3 sees them: made, read,
listed, changed, deleted, and what is refused."""

import hashlib
import json

import pytest
from botocore.exceptions import ClientError
from test_aws_services_boto3 import Cloud

REGION = "eu-west-1"
ACCOUNT = "123456789012"


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"].get("Message", "")


def live(sandbox, kind):
    return sorted(r["id"] for r in sandbox.control("resources") if r["type"] == kind)


def key_policy(*services):
    statements = [
        {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    ]
    for service in services:
        actions = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        principal = {"Service": service}
        statements.append({"Effect": "Allow", "Action": actions, "Resource": "*", "Principal": principal})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_a_log_group_lives(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="/app/web", tags={"team": "shop"})
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName="/app/web")
    group = logs.describe_log_groups(logGroupNamePrefix="/app/")["logGroups"][0]
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/app/web"
    assert (group["arn"], group["logGroupArn"], group["logGroupClass"]) == (f"{arn}:*", arn, "STANDARD")
    assert "retentionInDays" not in group
    logs.put_retention_policy(logGroupName="/app/web", retentionInDays=30)
    refused("InvalidParameterException", logs.put_retention_policy, logGroupName="/app/web", retentionInDays=31)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 30
    logs.delete_retention_policy(logGroupName="/app/web")
    logs.tag_resource(resourceArn=arn, tags={"env": "test"})
    logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"env": "test"}
    refused("InvalidParameterException", logs.list_tags_for_resource, resourceArn=f"{arn}:*")
    assert live(sandbox, "aws_cloudwatch_log_group") == ["/app/web"]
    logs.delete_log_group(logGroupName="/app/web")
    refused("ResourceNotFoundException", logs.delete_log_group, logGroupName="/app/web")
    assert live(sandbox, "aws_cloudwatch_log_group") == []


def test_log_groups_are_listed_in_pages_and_by_name(sandbox):
    logs = sandbox.client("logs")
    for i in range(60):
        logs.create_log_group(logGroupName=f"g{i:02}")
    pages = list(logs.get_paginator("describe_log_groups").paginate())
    assert [len(page["logGroups"]) for page in pages] == [50, 10]
    named = logs.describe_log_groups(logGroupIdentifiers=["g07", "absent", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g41"])
    assert [group["logGroupName"] for group in named["logGroups"]] == ["g07", "g41"]
    refused(
        "InvalidParameterException", logs.describe_log_groups, logGroupIdentifiers=["g07"], logGroupNamePrefix="g"
    )
    refused("InvalidParameterException", logs.describe_log_groups, limit=51)
    refused("InvalidParameterException", logs.create_log_group, logGroupName="with space")


def test_logs_use_only_a_key_that_lets_them(sandbox):
    logs, kms = sandbox.client("logs"), sandbox.client("kms")
    closed = kms.create_key()["KeyMetadata"]["Arn"]
    elsewhere = kms.create_key(Policy=key_policy("logs.us-east-1.amazonaws.com"))["KeyMetadata"]["Arn"]
    opened = kms.create_key(Policy=key_policy(f"logs.{REGION}.amazonaws.com"))["KeyMetadata"]
    for key in [closed, elsewhere]:
        refused("AccessDeniedException", logs.create_log_group, logGroupName="a", kmsKeyId=key)
    refused("InvalidParameterException", logs.create_log_group, logGroupName="a", kmsKeyId=opened["KeyId"])
    logs.create_log_group(logGroupName="a", kmsKeyId=opened["Arn"])
    group = lambda: logs.describe_log_groups()["logGroups"][0]
    assert group()["kmsKeyId"] == opened["Arn"]
    logs.disassociate_kms_key(logGroupName="a")
    assert "kmsKeyId" not in group()
    refused("AccessDeniedException", logs.associate_kms_key, logGroupName="a", kmsKeyId=closed)
    logs.associate_kms_key(logGroupName="a", kmsKeyId=opened["Arn"])
    assert group()["kmsKeyId"] == opened["Arn"]


def test_a_protected_log_group_stays(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="a", deletionProtectionEnabled=True)
    refused("ValidationException", logs.delete_log_group, logGroupName="a")
    logs.put_log_group_deletion_protection(logGroupIdentifier="a", deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName="a")


def test_eks_makes_its_log_group_and_leaves_it(sandbox):
    cloud, logs = Cloud(sandbox).network(), sandbox.client("logs")
    cloud.cluster("quiet")
    assert live(sandbox, "aws_cloudwatch_log_group") == []
    on = {"clusterLogging": [{"types": ["api"], "enabled": True}]}
    cloud.cluster("loud", logging=on)
    name = "/aws/eks/loud/cluster"
    assert live(sandbox, "aws_cloudwatch_log_group") == [name]
    # One that goes before its cluster comes back with what is logged last.
    logs.delete_log_group(logGroupName=name)
    cloud.eks.delete_cluster(name="loud")
    assert live(sandbox, "aws_cloudwatch_log_group") == [name]
    # One that somebody made stays as it is.
    logs.create_log_group(logGroupName="/aws/eks/quiet/cluster", tags={"team": "shop"})
    logs.put_retention_policy(logGroupName="/aws/eks/quiet/cluster", retentionInDays=7)
    cloud.eks.update_cluster_config(name="quiet", logging=on)
    group = logs.describe_log_groups(logGroupNamePrefix="/aws/eks/quiet/")["logGroups"]
    assert [g["retentionInDays"] for g in group] == [7]


def policy(*rules):
    return json.dumps({"rules": list(rules)})


def rule(priority, status="untagged", **more):
    selection = {"tagStatus": status, "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14} | more
    return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}


def test_a_repository_lives(sandbox):
    ecr, kms = sandbox.client("ecr"), sandbox.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    made = ecr.create_repository(
        repositoryName="shop/web",
        imageScanningConfiguration={"scanOnPush": True},
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key},
        tags=[{"Key": "team", "Value": "shop"}],
    )["repository"]
    assert made["repositoryUri"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop/web"
    assert made["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key}
    assert (made["registryId"], made["imageTagMutability"]) == (ACCOUNT, "MUTABLE")
    refused("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName="shop/web")
    refused("InvalidParameterException", ecr.create_repository, repositoryName="Shop")
    absent = {"encryptionType": "KMS", "kmsKey": key[:-4] + "0000"}
    refused("KmsException", ecr.create_repository, repositoryName="other", encryptionConfiguration=absent)
    ecr.put_image_tag_mutability(repositoryName="shop/web", imageTagMutability="IMMUTABLE")
    ecr.put_image_scanning_configuration(
        repositoryName="shop/web", imageScanningConfiguration={"scanOnPush": False}
    )
    found = ecr.describe_repositories(repositoryNames=["shop/web"])["repositories"][0]
    assert (found["imageTagMutability"], found["imageScanningConfiguration"]) == ("IMMUTABLE", {"scanOnPush": False})
    ecr.tag_resource(resourceArn=made["repositoryArn"], tags=[{"Key": "env", "Value": "test"}])
    ecr.untag_resource(resourceArn=made["repositoryArn"], tagKeys=["team"])
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "env", "Value": "test"}]
    message = refused(
        "RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=["shop/web", "absent"]
    )
    assert "'absent'" in message
    ecr.delete_repository(repositoryName="shop/web")
    refused("RepositoryNotFoundException", ecr.delete_repository, repositoryName="shop/web")
    assert live(sandbox, "aws_ecr_repository") == []


def test_images_hold_a_repository_and_tags_stay_where_they_are(sandbox):
    ecr = sandbox.client("ecr")
    ecr.create_repository(
        repositoryName="web",
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev-*"}],
    )
    put = lambda text, tag: ecr.put_image(repositoryName="web", imageManifest=json.dumps({"x": text}), imageTag=tag)
    digest = put("a", "1")["image"]["imageId"]["imageDigest"]
    assert digest == "sha256:" + hashlib.sha256(json.dumps({"x": "a"}).encode()).hexdigest()
    put("a", "dev-1")
    refused("ImageAlreadyExistsException", put, text="a", tag="1")
    refused("ImageTagAlreadyExistsException", put, text="b", tag="1")
    put("b", "dev-1")
    assert len(ecr.list_images(repositoryName="web")["imageIds"]) == 2
    refused("RepositoryNotEmptyException", ecr.delete_repository, repositoryName="web")
    gone = ecr.batch_delete_image(repositoryName="web", imageIds=[{"imageTag": "1"}, {"imageTag": "2"}])
    assert [i["imageTag"] for i in gone["imageIds"]] == ["1"]
    assert [f["failureCode"] for f in gone["failures"]] == ["ImageNotFound"]
    ecr.delete_repository(repositoryName="web", force=True)
    mutable = {"repositoryName": "x1", "imageTagMutability": "MUTABLE_WITH_EXCLUSION"}
    refused("InvalidParameterException", ecr.create_repository, **mutable)


def test_repositories_are_listed_in_pages(sandbox):
    ecr = sandbox.client("ecr")
    for i in range(5):
        ecr.create_repository(repositoryName=f"r{i}")
    pages = ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["repositories"]) for page in pages] == [2, 2, 1]


def test_a_lifecycle_policy_lives_with_its_repository(sandbox):
    ecr = sandbox.client("ecr")
    ecr.create_repository(repositoryName="web")
    of_web = {"repositoryName": "web"}
    refused("LifecyclePolicyNotFoundException", ecr.get_lifecycle_policy, **of_web)
    good = policy(rule(1), rule(2, "tagged", tagPrefixList=["v"]))
    ecr.put_lifecycle_policy(lifecyclePolicyText=good, **of_web)
    assert json.loads(ecr.get_lifecycle_policy(**of_web)["lifecyclePolicyText"]) == json.loads(good)
    for bad in [
        policy(),
        "x" * 200,
        policy(rule(1), rule(1)),
        policy(rule(1, "any"), rule(2)),
        policy(rule(1, "tagged")),
        policy(rule(1, countNumber=0)),
        policy(rule(1, countType="imageCountMoreThan")),
    ]:
        refused("InvalidParameterException", ecr.put_lifecycle_policy, lifecyclePolicyText=bad, **of_web)
    ecr.delete_lifecycle_policy(**of_web)
    refused("LifecyclePolicyNotFoundException", ecr.delete_lifecycle_policy, **of_web)
    ecr.put_lifecycle_policy(lifecyclePolicyText=good, **of_web)
    assert live(sandbox, "aws_ecr_lifecycle_policy") == ["web"]
    ecr.delete_repository(**of_web)
    assert live(sandbox, "aws_ecr_lifecycle_policy") == []
    refused("RepositoryNotFoundException", ecr.get_lifecycle_policy, **of_web)


def test_a_secret_lives(sandbox):
    secrets, kms = sandbox.client("secretsmanager"), sandbox.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    made = secrets.create_secret(Name="app/db", Description="a", Tags=[{"Key": "team", "Value": "shop"}])
    start = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:app/db"
    assert made["ARN"].startswith(f"{start}-") and len(made["ARN"]) == len(start) + 7
    assert "VersionId" not in made
    refused("ResourceExistsException", secrets.create_secret, Name="app/db")
    secrets.update_secret(SecretId="app/db", Description="b", KmsKeyId=key)
    secrets.tag_resource(SecretId=made["ARN"], Tags=[{"Key": "env", "Value": "test"}])
    secrets.untag_resource(SecretId=made["ARN"], TagKeys=["team"])
    # By name, ARN, and ARN without its end.
    for name in ["app/db", made["ARN"], start]:
        found = secrets.describe_secret(SecretId=name)
        assert (found["Description"], found["KmsKeyId"]) == ("b", key)
        assert found["Tags"] == [{"Key": "env", "Value": "test"}]
    refused("ResourceNotFoundException", secrets.describe_secret, SecretId=f"{start}-000000")
    listed = secrets.list_secrets(Filters=[{"Key": "name", "Values": ["app/"]}])["SecretList"]
    assert [s["Name"] for s in listed] == ["app/db"]
    assert secrets.list_secrets(Filters=[{"Key": "name", "Values": ["other"]}])["SecretList"] == []
    secrets.delete_secret(SecretId="app/db", ForceDeleteWithoutRecovery=True)
    refused("ResourceNotFoundException", secrets.describe_secret, SecretId="app/db")
    secrets.create_secret(Name="app/db")


def test_a_deleted_secret_keeps_its_name_until_its_window_ends(sandbox):
    secrets = sandbox.client("secretsmanager")
    secrets.create_secret(Name="a", SecretString="x")
    both = {"SecretId": "a", "RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}
    refused("InvalidParameterException", secrets.delete_secret, **both)
    refused("InvalidParameterException", secrets.delete_secret, SecretId="a", RecoveryWindowInDays=3)
    secrets.delete_secret(SecretId="a", RecoveryWindowInDays=7)
    assert "DeletedDate" in secrets.describe_secret(SecretId="a")
    assert live(sandbox, "aws_secretsmanager_secret") == []
    assert secrets.list_secrets()["SecretList"] == []
    assert len(secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]) == 1
    message = refused("InvalidRequestException", secrets.create_secret, Name="a")
    assert "scheduled for deletion" in message
    refused("InvalidRequestException", secrets.get_secret_value, SecretId="a")
    refused("InvalidRequestException", secrets.delete_secret, SecretId="a")
    secrets.restore_secret(SecretId="a")
    assert secrets.get_secret_value(SecretId="a")["SecretString"] == "x"


def test_versions_and_their_labels(sandbox):
    secrets = sandbox.client("secretsmanager")
    secrets.create_secret(Name="a")
    refused("ResourceNotFoundException", secrets.get_secret_value, SecretId="a")
    first, second = "1" * 32, "2" * 32
    put = lambda token, text, **more: secrets.put_secret_value(
        SecretId="a", ClientRequestToken=token, SecretString=text, **more
    )
    assert put(first, "x")["VersionStages"] == ["AWSCURRENT"]
    # The same again is the same; the token with another value is not.
    assert put(first, "x")["VersionId"] == first
    refused("ResourceExistsException", put, token=first, text="y")
    put(second, "y")
    stages = lambda: secrets.describe_secret(SecretId="a")["VersionIdsToStages"]
    assert stages() == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}
    assert secrets.get_secret_value(SecretId="a", VersionStage="AWSPREVIOUS")["SecretString"] == "x"
    move = lambda **more: secrets.update_secret_version_stage(SecretId="a", **more)
    refused("InvalidParameterException", move, VersionStage="AWSCURRENT", MoveToVersionId=first)
    refused("InvalidParameterException", move, VersionStage="AWSCURRENT", RemoveFromVersionId=second)
    move(VersionStage="AWSCURRENT", RemoveFromVersionId=second, MoveToVersionId=first)
    assert stages() == {first: ["AWSCURRENT"], second: ["AWSPREVIOUS"]}
    move(VersionStage="blue", MoveToVersionId=second)
    move(VersionStage="AWSPREVIOUS", RemoveFromVersionId=second)
    move(VersionStage="blue", RemoveFromVersionId=second)
    ids = lambda **more: [v["VersionId"] for v in secrets.list_secret_version_ids(SecretId="a", **more)["Versions"]]
    assert (ids(), ids(IncludeDeprecated=True)) == ([first], [first, second])
    put("3" * 32, "z", VersionStages=["next"])
    assert secrets.get_secret_value(SecretId="a")["SecretString"] == "x"
    secrets.put_secret_value(SecretId="a", SecretBinary=b"\x00\x01")
    assert secrets.get_secret_value(SecretId="a")["SecretBinary"] == b"\x00\x01"
    refused("InvalidParameterException", secrets.put_secret_value, SecretId="a")
    refused("InvalidParameterException", put, token="short", text="x")


def test_policies_of_secrets(sandbox):
    secrets = sandbox.client("secretsmanager")
    secrets.create_secret(Name="a")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId="a")
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    text = lambda principal: json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Principal": principal}]})
    one = text({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    secrets.put_resource_policy(SecretId="a", ResourcePolicy=one, BlockPublicPolicy=True)
    assert json.loads(secrets.get_resource_policy(SecretId="a")["ResourcePolicy"]) == json.loads(one)
    everybody = {"SecretId": "a", "ResourcePolicy": text("*"), "BlockPublicPolicy": True}
    refused("PublicPolicyException", secrets.put_resource_policy, **everybody)
    refused("MalformedPolicyDocumentException", secrets.put_resource_policy, SecretId="a", ResourcePolicy="{}")
    secrets.delete_resource_policy(SecretId="a")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId="a")


def test_public_parameters_name_the_newest_images(sandbox):
    ssm, ec2 = sandbox.client("ssm"), sandbox.client("ec2")
    get = lambda name, **more: ssm.get_parameter(Name=name, **more)["Parameter"]
    linux = get("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64")
    assert (linux["Type"], linux["DataType"]) == ("String", "aws:ec2:image")
    image = ec2.describe_images(ImageIds=[linux["Value"]])["Images"][0]
    assert (image["Architecture"], image["ImageOwnerAlias"], image["State"]) == ("arm64", "amazon", "available")
    own = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended"
    whole = json.loads(get(own)["Value"])
    assert whole["image_id"] == get(f"{own}/image_id")["Value"]
    names = [{"Name": "name", "Values": ["amazon-eks-node-al2023-x86_64-standard-1.34-v*"]}]
    found = ec2.describe_images(Owners=["amazon"], Filters=names)["Images"]
    newest = max(found, key=lambda image: image["CreationDate"])
    assert len(found) > 1 and newest["ImageId"] == whole["image_id"]
    refused("ParameterNotFound", ssm.get_parameter, Name="/nothing")
    refused("ParameterVersionNotFound", ssm.get_parameter, Name=f"{own}:9")
    assert get(f"{own}:1")["Selector"] == ":1"
    refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=["ami-00000000000000000"])
    refused("InvalidAMIID.Malformed", ec2.describe_images, ImageIds=["x"])
    assert ec2.describe_images(Owners=["self"])["Images"] == []


def test_nodes_have_the_release_of_the_newest_image(sandbox):
    cloud = Cloud(sandbox).network()
    cloud.cluster("main", version="1.34")
    nodes = cloud.nodegroup("main", "a", amiType="AL2023_x86_64_STANDARD")
    name = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/release_version"
    release = sandbox.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    assert nodes["releaseVersion"] == release
