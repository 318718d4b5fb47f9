"""The sandbox's S3, EKS, load balancers, RDS, KMS and Auto Scaling as boto3 sees them: a whole quickstart and its
end, shapes on the wire, refusals, states, pages, tokens."""

import base64
import json
import ssl
import time

import pytest
from botocore.exceptions import ClientError

REGION = "eu-west-1"


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"].get("Message", "")


def until(read, wanted, seconds=10):
    """Reads until the value is there; states change by themselves within milliseconds."""
    deadline = time.monotonic() + seconds
    while (value := read()) != wanted:
        assert time.monotonic() < deadline, f"still {value}"
        time.sleep(0.01)


def gone(code, call, seconds=10, **arguments):
    """Calls until the thing is not found."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            call(**arguments)
        except ClientError as error:
            assert error.response["Error"]["Code"] == code, error
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Cloud:
    """Clients, and the network and roles that most tests need."""

    def __init__(self, sandbox):
        for name in ["ec2", "iam", "eks", "elbv2", "rds", "s3", "kms", "autoscaling"]:
            setattr(self, name, sandbox.client(name))
        self.sandbox = sandbox

    def network(self):
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{REGION}{zone}")[
                "Subnet"
            ]["SubnetId"]
            for i, zone in enumerate("abc")
        ]
        return self

    def role(self, name, service):
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
        return self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]

    def group(self, name):
        return self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]

    def cluster(self, name="main", **more):
        role = self.role(f"{name}-cluster", "eks.amazonaws.com")
        made = self.eks.create_cluster(
            name=name, roleArn=role, resourcesVpcConfig={"subnetIds": self.subnets[:2]}, **more
        )["cluster"]
        until(lambda: self.eks.describe_cluster(name=name)["cluster"]["status"], "ACTIVE")
        return made

    def nodegroup(self, cluster="main", name="default", **more):
        role = self.role(f"{cluster}-{name}", "ec2.amazonaws.com")
        arguments = {"clusterName": cluster, "nodegroupName": name, "nodeRole": role, "subnets": self.subnets[:2]}
        arguments |= {"scalingConfig": {"minSize": 1, "maxSize": 3, "desiredSize": 2}} | more
        self.eks.create_nodegroup(**arguments)
        until(lambda: self.node_status(cluster, name), "ACTIVE")
        return self.eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]

    def node_status(self, cluster, name):
        return self.eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]["status"]


@pytest.fixture
def cloud(sandbox):
    return Cloud(sandbox)


@pytest.fixture
def net(cloud):
    return cloud.network()


def test_quickstart_and_its_end(net):
    key = net.kms.create_key(Description="cluster")["KeyMetadata"]["Arn"]
    net.kms.create_alias(AliasName="alias/cluster", TargetKeyId=key)
    net.cluster(encryptionConfig=[{"resources": ["secrets"], "provider": {"keyArn": key}}])
    group = net.nodegroup()["resources"]["autoScalingGroups"][0]["name"]
    net.eks.create_addon(clusterName="main", addonName="vpc-cni")
    sg = net.group("lb")
    balancer = net.elbv2.create_load_balancer(Name="web", Subnets=net.subnets[:2], SecurityGroups=[sg])
    balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    targets = net.elbv2.create_target_group(Name="web", Protocol="HTTP", Port=30080, VpcId=net.vpc)
    targets = targets["TargetGroups"][0]["TargetGroupArn"]
    listener = net.elbv2.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}],
    )["Listeners"][0]["ListenerArn"]
    net.autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[targets])
    health = lambda: {
        target["TargetHealth"]["State"]
        for target in net.elbv2.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]
    }
    until(health, {"healthy"})
    net.rds.create_db_subnet_group(
        DBSubnetGroupName="main", DBSubnetGroupDescription="main", SubnetIds=net.subnets[:2]
    )
    database_group = net.group("db")
    net.rds.create_db_instance(
        DBInstanceIdentifier="main",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="app",
        ManageMasterUserPassword=True,
        DBSubnetGroupName="main",
        VpcSecurityGroupIds=[database_group],
        StorageEncrypted=True,
        KmsKeyId=key,
    )
    net.s3.create_bucket(Bucket="quickstart", CreateBucketConfiguration={"LocationConstraint": REGION})
    database = lambda: net.rds.describe_db_instances(DBInstanceIdentifier="main")["DBInstances"][0]
    until(lambda: database()["DBInstanceStatus"], "available")
    assert database()["MasterUserSecret"]["SecretStatus"] == "active"
    assert database()["Endpoint"]["Port"] == 5432

    # Nothing under them can go first.
    for call, arguments in [
        (net.ec2.delete_subnet, {"SubnetId": net.subnets[0]}),
        (net.ec2.delete_security_group, {"GroupId": sg}),
        (net.ec2.delete_security_group, {"GroupId": database_group}),
        (net.ec2.delete_vpc, {"VpcId": net.vpc}),
    ]:
        refused("DependencyViolation", call, **arguments)
    refused("ResourceInUseException", net.eks.delete_cluster, name="main")
    refused("ResourceInUse", net.elbv2.delete_target_group, TargetGroupArn=targets)
    refused("InvalidDBSubnetGroupStateFault", net.rds.delete_db_subnet_group, DBSubnetGroupName="main")

    net.elbv2.delete_listener(ListenerArn=listener)
    net.elbv2.delete_load_balancer(LoadBalancerArn=balancer)
    net.autoscaling.detach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[targets])
    net.elbv2.delete_target_group(TargetGroupArn=targets)
    net.eks.delete_addon(clusterName="main", addonName="vpc-cni")
    net.eks.delete_nodegroup(clusterName="main", nodegroupName="default")
    gone("ResourceNotFoundException", net.eks.describe_nodegroup, clusterName="main", nodegroupName="default")
    net.eks.delete_cluster(name="main")
    gone("ResourceNotFoundException", net.eks.describe_cluster, name="main")
    net.rds.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    gone("DBInstanceNotFound", net.rds.describe_db_instances, DBInstanceIdentifier="main")
    net.rds.delete_db_subnet_group(DBSubnetGroupName="main")
    net.s3.delete_bucket(Bucket="quickstart")
    net.kms.delete_alias(AliasName="alias/cluster")
    net.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    for role in net.iam.list_roles()["Roles"]:
        if role["RoleName"].startswith("main-"):
            net.iam.delete_role(RoleName=role["RoleName"])
    interfaces = lambda: net.ec2.describe_network_interfaces()["NetworkInterfaces"]
    until(interfaces, [])
    net.ec2.delete_security_group(GroupId=sg)
    net.ec2.delete_security_group(GroupId=database_group)
    net.ec2.detach_internet_gateway(InternetGatewayId=net.gateway, VpcId=net.vpc)
    net.ec2.delete_internet_gateway(InternetGatewayId=net.gateway)
    for subnet in net.subnets:
        net.ec2.delete_subnet(SubnetId=subnet)
    net.ec2.delete_vpc(VpcId=net.vpc)
    assert net.sandbox.control("resources") == []


# --- S3


@pytest.fixture
def bucket(cloud):
    cloud.s3.create_bucket(Bucket="things", CreateBucketConfiguration={"LocationConstraint": REGION})
    return "things"


def test_buckets(cloud, sandbox, bucket):
    s3 = cloud.s3
    location = {"LocationConstraint": REGION}
    refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket=bucket, CreateBucketConfiguration=location)
    refused("IllegalLocationConstraintException", s3.create_bucket, Bucket="other")
    elsewhere = {"LocationConstraint": "eu-west-2"}
    refused("IllegalLocationConstraintException", s3.create_bucket, Bucket="other", CreateBucketConfiguration=elsewhere)
    refused("InvalidBucketName", s3.create_bucket, Bucket="Bad_Name", CreateBucketConfiguration=location)
    refused("404", s3.head_bucket, Bucket="missing")
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="missing")
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == REGION
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == [bucket]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == REGION
    first = sandbox.client("s3", "us-east-1")
    first.create_bucket(Bucket="first")
    first.create_bucket(Bucket="first")
    assert first.get_bucket_location(Bucket="first")["LocationConstraint"] is None
    for name in [bucket, "first"]:
        (s3 if name == bucket else first).delete_bucket(Bucket=name)


def test_bucket_settings(cloud, bucket):
    s3 = cloud.s3
    unset = {
        "NoSuchBucketPolicy": s3.get_bucket_policy,
        "NoSuchTagSet": s3.get_bucket_tagging,
        "NoSuchLifecycleConfiguration": s3.get_bucket_lifecycle_configuration,
        "NoSuchCORSConfiguration": s3.get_bucket_cors,
        "NoSuchWebsiteConfiguration": s3.get_bucket_website,
        "ReplicationConfigurationNotFoundError": s3.get_bucket_replication,
        "ObjectLockConfigurationNotFoundError": s3.get_object_lock_configuration,
    }
    for code, call in unset.items():
        refused(code, call, Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert len(s3.get_bucket_acl(Bucket=bucket)["Grants"]) == 1
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is True
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}

    key = cloud.kms.create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
        },
    )
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == default and rule["BucketKeyEnabled"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b=c"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b=c"}]
    s3.delete_bucket_tagging(Bucket=bucket)
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket)

    lifecycle = {
        "Rules": [
            {
                "ID": "old",
                "Status": "Enabled",
                "Filter": {"Prefix": "logs/"},
                "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}],
                "Expiration": {"Days": 90},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
            }
        ]
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=lifecycle)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == lifecycle["Rules"]
    lifecycle["Rules"][0]["Transitions"][0]["Days"] = 3
    refused("InvalidArgument", s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=lifecycle)

    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    statement["Effect"] = "Allow"
    public = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    refused("AccessDenied", s3.put_bucket_policy, Bucket=bucket, Policy=public)
    statement["Resource"] = "arn:aws:s3:::other"
    refused("MalformedPolicy", s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps({"Statement": [statement]}))
    refused("AccessControlListNotSupported", s3.put_bucket_acl, Bucket=bucket, ACL="public-read")


def test_objects(cloud, bucket):
    s3 = cloud.s3
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="a/b c+d", Body=b"one", ContentType="text/plain", Metadata={"x": "y"})
    second = s3.put_object(Bucket=bucket, Key="a/b c+d", Body=b"second")
    got = s3.get_object(Bucket=bucket, Key="a/b c+d", VersionId=first["VersionId"])
    assert got["Body"].read() == b"one" and got["Metadata"] == {"x": "y"} and got["ContentType"] == "text/plain"
    head = s3.head_object(Bucket=bucket, Key="a/b c+d")
    assert head["ContentLength"] == 6 and head["ETag"] == second["ETag"]
    assert s3.get_object(Bucket=bucket, Key="a/b c+d", Range="bytes=1-2")["Body"].read() == b"ec"
    s3.delete_object(Bucket=bucket, Key="a/b c+d")
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="a/b c+d")
    refused("404", s3.head_object, Bucket=bucket, Key="a/b c+d")
    for i in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x")
    listing = s3.list_objects_v2(Bucket=bucket, MaxKeys=2)
    assert [o["Key"] for o in listing["Contents"]] == ["k0", "k1"] and listing["IsTruncated"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [o["Key"] for page in pages for o in page.get("Contents", [])] == [f"k{i}" for i in range(5)]
    s3.put_object(Bucket=bucket, Key="dir/1", Body=b"")
    listing = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in listing["CommonPrefixes"]] == ["dir/"]
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
    versions = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3}):
        versions += page.get("Versions", []) + page.get("DeleteMarkers", [])
    assert len(versions) == 9
    targets = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": targets})["Deleted"]) == 9
    s3.delete_bucket(Bucket=bucket)


# --- KMS


def test_keys(cloud):
    kms = cloud.kms
    made = kms.create_key(Description="d", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    key = made["KeyId"]
    assert made["KeyState"] == "Enabled" and made["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
    kms.create_alias(AliasName="alias/x", TargetKeyId=key)
    assert kms.describe_key(KeyId="alias/x")["KeyMetadata"]["KeyId"] == key
    refused("AlreadyExistsException", kms.create_alias, AliasName="alias/x", TargetKeyId=key)
    refused("NotFoundException", kms.describe_key, KeyId="alias/y")
    refused("InvalidAliasNameException", kms.create_alias, AliasName="x", TargetKeyId=key)
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"])["Id"] == "key-default-1"
    refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=key, Policy="{}")
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 180
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "c", "TagValue": "d"}])
    kms.untag_resource(KeyId=key, TagKeys=["a"])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "c", "TagValue": "d"}]
    kms.update_key_description(KeyId=key, Description="new")
    kms.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert answer["KeyState"] == "PendingDeletion"
    refused("KMSInvalidStateException", kms.enable_key, KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    refused("ValidationException", kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=3)
    for _ in range(3):
        kms.create_key()
    page = kms.list_keys(Limit=2)
    assert page["Truncated"] and len(kms.list_keys(Marker=page["NextMarker"])["Keys"]) == 2
    assert [a["AliasName"] for a in kms.list_aliases(KeyId=key)["Aliases"]] == ["alias/x"]


# --- EKS


def test_cluster(net, sandbox):
    made = net.cluster(version="1.33", clientRequestToken="one", tags={"a": "b[0]"})
    assert made["status"] == "CREATING" and "endpoint" not in made
    again = dict(name="main", version="1.33", roleArn=made["roleArn"], clientRequestToken="one", tags={"a": "b[0]"})
    again["resourcesVpcConfig"] = {"subnetIds": net.subnets[:2]}
    assert net.eks.create_cluster(**again)["cluster"]["arn"] == made["arn"]
    refused("ResourceInUseException", net.eks.create_cluster, **again | {"clientRequestToken": "two"})
    refused("InvalidParameterException", net.eks.create_cluster, **again | {"version": "1.32"})
    cluster = net.eks.describe_cluster(name="main")["cluster"]
    assert cluster["identity"]["oidc"]["issuer"].startswith("https://oidc.eks.")
    pem = base64.b64decode(cluster["certificateAuthority"]["data"]).decode()
    ssl.create_default_context(cadata=pem)
    group = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    assert net.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"] == net.vpc
    assert cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.20.0.0/16"

    # Slowly, so that it is still going on when the next is asked for.
    sandbox.control("faults", "slow:UpdateClusterConfig=20")
    network = {"endpointPrivateAccess": True, "publicAccessCidrs": ["192.0.2.0/24"]}
    update = net.eks.update_cluster_config(name="main", resourcesVpcConfig=network)["update"]
    assert update["type"] == "EndpointAccessUpdate" and update["status"] == "InProgress"
    refused("ResourceInUseException", net.eks.update_cluster_config, name="main", deletionProtection=True)
    sandbox.control("faults", "")
    status = lambda: net.eks.describe_update(name="main", updateId=update["id"])["update"]["status"]
    until(status, "Successful")
    refused("InvalidParameterException", net.eks.update_cluster_config, name="main", resourcesVpcConfig=network)
    update = net.eks.update_cluster_version(name="main", version="1.34")["update"]
    assert net.eks.describe_cluster(name="main")["cluster"]["version"] == "1.33"
    until(status, "Successful")
    assert net.eks.describe_cluster(name="main")["cluster"]["version"] == "1.34"
    refused("InvalidParameterException", net.eks.update_cluster_version, name="main", version="1.33")
    update = net.eks.update_cluster_config(name="main", deletionProtection=True)["update"]
    until(status, "Successful")
    refused("InvalidRequestException", net.eks.delete_cluster, name="main")
    net.eks.tag_resource(resourceArn=made["arn"], tags={"c": "d"})
    net.eks.untag_resource(resourceArn=made["arn"], tagKeys=["a"])
    assert net.eks.list_tags_for_resource(resourceArn=made["arn"])["tags"] == {"c": "d"}
    assert net.eks.list_clusters()["clusters"] == ["main"]
    refused("ResourceNotFoundException", net.eks.describe_cluster, name="other")


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.20"},
        {"roleArn": "arn:aws:iam::123456789012:role/missing"},
        {"resourcesVpcConfig": {"subnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]}},
        {"name": "-bad"},
        {"encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:eu-west-1:1:key/x"}}]},
        {"logging": {"clusterLogging": [{"types": ["nothing"], "enabled": True}]}},
    ],
)
def test_cluster_refusals(net, change):
    arguments = {
        "name": "main",
        "roleArn": net.role("r", "eks.amazonaws.com"),
        "resourcesVpcConfig": {"subnetIds": net.subnets},
    }
    refused("InvalidParameterException", net.eks.create_cluster, **arguments | change)
    one_zone = {"subnetIds": net.subnets[:1]}
    refused("InvalidParameterException", net.eks.create_cluster, **arguments | {"resourcesVpcConfig": one_zone})


def test_nodegroup(net):
    net.cluster(version="1.33")
    group = net.nodegroup(
        labels={"a": "b"}, taints=[{"key": "k", "value": "v", "effect": "NO_SCHEDULE"}], instanceTypes=["m7g.large"]
    )
    assert group["amiType"] == "AL2023_ARM_64_STANDARD" and group["version"] == "1.33"
    scaling = {"minSize": 1, "maxSize": 5, "desiredSize": 3}
    name = {"clusterName": "main", "nodegroupName": "default"}
    update = net.eks.update_nodegroup_config(
        **name, scalingConfig=scaling, labels={"addOrUpdateLabels": {"c": "d"}, "removeLabels": ["a"]}
    )["update"]
    done = lambda: net.eks.describe_update(name="main", nodegroupName="default", updateId=update["id"])["update"]
    until(lambda: done()["status"], "Successful")
    group = net.eks.describe_nodegroup(**name)["nodegroup"]
    assert group["scalingConfig"] == scaling and group["labels"] == {"c": "d"}
    asg = group["resources"]["autoScalingGroups"][0]["name"]
    found = net.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[asg])["AutoScalingGroups"][0]
    assert len(found["Instances"]) == 3 and found["DesiredCapacity"] == 3
    assert len(net.ec2.describe_network_interfaces()["NetworkInterfaces"]) == 5
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    pages = net.ec2.get_paginator("describe_instances").paginate(Filters=running, PaginationConfig={"PageSize": 5})
    nodes = [node for page in pages for reservation in page["Reservations"] for node in reservation["Instances"]]
    assert sorted(node["InstanceId"] for node in nodes) == sorted(one["InstanceId"] for one in found["Instances"])
    assert {node["InstanceType"] for node in nodes} == {"m7g.large"} and nodes[0]["CpuOptions"] == {"CoreCount": 2, "ThreadsPerCore": 1}
    assert {node["SubnetId"] for node in nodes} <= set(net.subnets)
    refused("InvalidInstanceID.NotFound", net.ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"])
    tag = {"ResourceId": asg, "ResourceType": "auto-scaling-group", "Key": "k", "Value": "v", "PropagateAtLaunch": True}
    net.autoscaling.create_or_update_tags(Tags=[tag])
    assert tag in net.autoscaling.describe_tags()["Tags"]
    bad = {"minSize": 3, "maxSize": 2, "desiredSize": 3}
    refused("InvalidParameterException", net.eks.update_nodegroup_config, **name, scalingConfig=bad)
    refused("InvalidParameterException", net.eks.update_nodegroup_version, **name, version="1.34")
    role = group["nodeRole"]
    more = {"clusterName": "main", "nodegroupName": "x", "nodeRole": role, "subnets": net.subnets[:1]}
    refused("InvalidParameterException", net.eks.create_nodegroup, **more, instanceTypes=["t9.huge"])
    refused("InvalidParameterException", net.eks.create_nodegroup, **more, amiType="AL2023_ARM_64_STANDARD")
    assert net.eks.list_nodegroups(clusterName="main")["nodegroups"] == ["default"]


def test_addons_and_access(net):
    net.cluster(accessConfig={"authenticationMode": "API"})
    eks = net.eks
    offers = {a["addonName"] for a in eks.describe_addon_versions(kubernetesVersion="1.34")["addons"]}
    assert {"vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver", "eks-pod-identity-agent"} <= offers
    versions = eks.describe_addon_versions(addonName="coredns", kubernetesVersion="1.34")["addons"][0]["addonVersions"]
    role = net.role("addon", "pods.eks.amazonaws.com")
    made = eks.create_addon(
        clusterName="main",
        addonName="coredns",
        addonVersion=versions[-1]["addonVersion"],
        configurationValues='{"replicaCount":3}',
        podIdentityAssociations=[{"serviceAccount": "coredns", "roleArn": role}],
    )["addon"]
    assert made["status"] == "CREATING" and len(made["podIdentityAssociations"]) == 1
    status = lambda: eks.describe_addon(clusterName="main", addonName="coredns")["addon"]["status"]
    until(status, "ACTIVE")
    eks.update_addon(clusterName="main", addonName="coredns", addonVersion=versions[0]["addonVersion"])
    until(status, "ACTIVE")
    refused("ResourceInUseException", eks.create_addon, clusterName="main", addonName="coredns")
    refused("InvalidParameterException", eks.create_addon, clusterName="main", addonName="nothing")
    assert eks.list_addons(clusterName="main")["addons"] == ["coredns"]
    eks.delete_addon(clusterName="main", addonName="coredns")
    gone("ResourceNotFoundException", eks.describe_addon, clusterName="main", addonName="coredns")

    entry = {"clusterName": "main", "principalArn": role}
    eks.create_access_entry(**entry, kubernetesGroups=["viewers"])
    refused("ResourceInUseException", eks.create_access_entry, **entry)
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    assert policy in {p["arn"] for p in eks.list_access_policies()["accessPolicies"]}
    scope = {"type": "namespace", "namespaces": ["a"]}
    eks.associate_access_policy(**entry, policyArn=policy, accessScope=scope)
    found = eks.list_associated_access_policies(**entry)["associatedAccessPolicies"]
    assert found[0]["accessScope"] == scope
    bad = {"type": "cluster", "namespaces": ["a"]}
    refused("InvalidParameterException", eks.associate_access_policy, **entry, policyArn=policy, accessScope=bad)
    eks.disassociate_access_policy(**entry, policyArn=policy)
    assert len(eks.list_access_entries(clusterName="main")["accessEntries"]) == 2
    eks.delete_access_entry(**entry)
    refused("ResourceNotFoundException", eks.describe_access_entry, **entry)

    pod = {"clusterName": "main", "namespace": "n", "serviceAccount": "s", "roleArn": role}
    association = eks.create_pod_identity_association(**pod)["association"]["associationId"]
    refused("ResourceInUseException", eks.create_pod_identity_association, **pod)
    assert len(eks.list_pod_identity_associations(clusterName="main", namespace="n")["associations"]) == 1
    eks.delete_pod_identity_association(clusterName="main", associationId=association)


# --- load balancers


def balancer(net, name="web", **more):
    return net.elbv2.create_load_balancer(Name=name, Subnets=net.subnets[:2], **more)["LoadBalancers"][0]


def target_group(net, name="web", **more):
    arguments = {"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": net.vpc} | more
    return net.elbv2.create_target_group(**arguments)["TargetGroups"][0]


def test_load_balancers(net):
    elb = net.elbv2
    made = balancer(net, Tags=[{"Key": "a", "Value": "b"}])
    assert made["State"]["Code"] == "provisioning" and made["Type"] == "application"
    arn = made["LoadBalancerArn"]
    state = lambda: elb.describe_load_balancers(Names=["web"])["LoadBalancers"][0]["State"]["Code"]
    until(state, "active")
    assert balancer(net, Tags=[{"Key": "a", "Value": "b"}])["LoadBalancerArn"] == arn
    refused("DuplicateLoadBalancerName", balancer, net=net, Scheme="internal")
    refused("ValidationError", balancer, net=net, name="a" * 33)
    refused("ValidationError", elb.create_load_balancer, Name="x", Subnets=net.subnets[:1])
    refused("SubnetNotFound", elb.create_load_balancer, Name="x", Subnets=["subnet-1", "subnet-2"])
    refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=["missing"])
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn,
        Attributes=[
            {"Key": "deletion_protection.enabled", "Value": "true"},
            {"Key": "idle_timeout.timeout_seconds", "Value": "30"},
        ],
    )
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "30"} in attributes
    bad = [{"Key": "nothing", "Value": "1"}]
    refused("ValidationError", elb.modify_load_balancer_attributes, LoadBalancerArn=arn, Attributes=bad)
    refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)
    group = net.group("lb")
    elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[group])
    elb.set_subnets(LoadBalancerArn=arn, Subnets=net.subnets)
    found = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    assert found["SecurityGroups"] == [group] and len(found["AvailabilityZones"]) == 3
    refused("DependencyViolation", net.ec2.delete_security_group, GroupId=group)
    elb.add_tags(ResourceArns=[arn], Tags=[{"Key": "c", "Value": "d"}])
    elb.remove_tags(ResourceArns=[arn], TagKeys=["a"])
    tags = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "c", "Value": "d"}]


def test_listeners_and_rules(net):
    elb = net.elbv2
    arn = balancer(net)["LoadBalancerArn"]
    group = target_group(net, HealthCheckPath="/healthz", Matcher={"HttpCode": "200-299"})
    assert group["HealthCheckPath"] == "/healthz" and group["Matcher"] == {"HttpCode": "200-299"}
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    make = {"LoadBalancerArn": arn, "Protocol": "HTTP", "Port": 80, "DefaultActions": forward}
    listener = elb.create_listener(**make)["Listeners"][0]
    assert listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"][0]["Weight"] == 1
    assert elb.create_listener(**make)["Listeners"][0]["ListenerArn"] == listener["ListenerArn"]
    other = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    refused("DuplicateListener", elb.create_listener, **make | {"DefaultActions": other})
    refused("ValidationError", elb.create_listener, **make | {"Protocol": "HTTPS", "Port": 443})
    missing = [{"CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1"}]
    secure = make | {"Protocol": "HTTPS", "Port": 443, "Certificates": missing}
    refused("CertificateNotFound", elb.create_listener, **secure)
    certificate = [{"CertificateArn": "arn:aws:iam::123456789012:server-certificate/web"}]
    secure |= {"Certificates": certificate}
    refused("SSLPolicyNotFound", elb.create_listener, **secure, SslPolicy="nothing")
    secure = elb.create_listener(**secure, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06")["Listeners"][0]
    assert secure["Certificates"] == certificate
    missing = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"] + "0"}]
    refused("TargetGroupNotFound", elb.modify_listener, ListenerArn=listener["ListenerArn"], DefaultActions=missing)
    redirect = [{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}]
    changed = elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=redirect)["Listeners"][0]
    assert changed["DefaultActions"][0]["RedirectConfig"]["Host"] == "#{host}"
    assert len(elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]) == 2
    assert elb.describe_listener_attributes(ListenerArn=listener["ListenerArn"])["Attributes"]

    rule = {"ListenerArn": listener["ListenerArn"], "Priority": 10, "Actions": forward}
    rule["Conditions"] = [{"Field": "path-pattern", "Values": ["/api/*"]}]
    made = elb.create_rule(**rule)["Rules"][0]
    assert made["Conditions"][0]["PathPatternConfig"] == {"Values": ["/api/*"]}
    refused("PriorityInUse", elb.create_rule, **rule)
    rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    assert [r["Priority"] for r in rules] == ["10", "default"]
    refused("OperationNotPermitted", elb.delete_rule, RuleArn=rules[1]["RuleArn"])
    elb.delete_listener(ListenerArn=secure["ListenerArn"])
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group["TargetGroupArn"])
    elb.delete_rule(RuleArn=made["RuleArn"])
    elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    refused("TargetGroupNotFound", elb.describe_target_groups, Names=["web"])
    elb.delete_load_balancer(LoadBalancerArn=arn)
    refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[listener["ListenerArn"]])


def test_target_groups(net):
    elb = net.elbv2
    made = target_group(net, TargetType="ip")
    arn = made["TargetGroupArn"]
    assert target_group(net, TargetType="ip")["TargetGroupArn"] == arn
    refused("DuplicateTargetGroupName", target_group, net=net, TargetType="instance")
    refused("ValidationError", target_group, net=net, name="x", VpcId="vpc-1")
    refused("ValidationError", target_group, net=net, name="x", HealthCheckTimeoutSeconds=60)
    elb.modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=60)
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}]
    )
    attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "10"} in attributes
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])
    health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"][0]
    assert health["Target"] == {"Id": "10.0.0.9", "Port": 80} and health["TargetHealth"]["State"] == "unused"
    elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])
    assert elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] == []
    for i in range(3):
        target_group(net, name=f"t{i}")
    pages = elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 2})
    assert len([group for page in pages for group in page["TargetGroups"]]) == 4


# --- RDS


def database(net, name="main", **more):
    arguments = {
        "DBInstanceIdentifier": name,
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": "app",
        "MasterUserPassword": "long-enough",
        "DBSubnetGroupName": "main",
    } | more
    return net.rds.create_db_instance(**arguments)["DBInstance"]


@pytest.fixture
def rds(net):
    net.rds.create_db_subnet_group(
        DBSubnetGroupName="Main", DBSubnetGroupDescription="d", SubnetIds=net.subnets[:2]
    )
    return net


def describe(net, name="main"):
    return net.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def test_database_life(rds):
    made = database(rds, EngineVersion="16.8", Tags=[{"Key": "a", "Value": "b"}])
    assert made["DBInstanceStatus"] == "creating" and "Endpoint" not in made
    assert made["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres16"
    refused("InvalidDBInstanceState", rds.rds.modify_db_instance, DBInstanceIdentifier="main", MultiAZ=True)
    until(lambda: describe(rds)["DBInstanceStatus"], "available")
    refused("DBInstanceAlreadyExists", database, net=rds)
    change = {"DBInstanceIdentifier": "main", "DBInstanceClass": "db.t4g.small", "DeletionProtection": True}
    later = rds.rds.modify_db_instance(**change)["DBInstance"]
    assert later["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.small"} and later["DeletionProtection"]
    refused("InvalidParameterCombination", rds.rds.delete_db_instance, DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    now = rds.rds.modify_db_instance(**change | {"DeletionProtection": False, "ApplyImmediately": True})["DBInstance"]
    assert now["DBInstanceStatus"] == "modifying" and now["DBInstanceClass"] == "db.t4g.small"
    until(lambda: describe(rds)["DBInstanceStatus"], "available")
    upgrade = {"DBInstanceIdentifier": "main", "EngineVersion": "17", "ApplyImmediately": True}
    refused("InvalidParameterCombination", rds.rds.modify_db_instance, **upgrade)
    upgraded = rds.rds.modify_db_instance(**upgrade, AllowMajorVersionUpgrade=True)["DBInstance"]
    assert upgraded["EngineVersion"].startswith("17.") and upgraded["DBInstanceStatus"] == "upgrading"
    until(lambda: describe(rds)["DBInstanceStatus"], "available")
    rds.rds.add_tags_to_resource(ResourceName=made["DBInstanceArn"], Tags=[{"Key": "c", "Value": "d"}])
    rds.rds.remove_tags_from_resource(ResourceName=made["DBInstanceArn"], TagKeys=["a"])
    assert rds.rds.list_tags_for_resource(ResourceName=made["DBInstanceArn"])["TagList"] == [{"Key": "c", "Value": "d"}]
    end = {"DBInstanceIdentifier": "main"}
    refused("InvalidParameterCombination", rds.rds.delete_db_instance, **end)
    assert rds.rds.delete_db_instance(**end, FinalDBSnapshotIdentifier="last")["DBInstance"]["DBInstanceStatus"] == "deleting"
    gone("DBInstanceNotFound", rds.rds.describe_db_instances, **end)
    snapshot = lambda: rds.rds.describe_db_snapshots(DBInstanceIdentifier="main")["DBSnapshots"][0]["Status"]
    until(snapshot, "available")
    rds.rds.delete_db_snapshot(DBSnapshotIdentifier="last")


@pytest.mark.parametrize(
    "code, change",
    [
        ("InvalidParameterValue", {"DBInstanceClass": "db.x.huge"}),
        ("InvalidParameterValue", {"Engine": "oracle"}),
        ("InvalidParameterCombination", {"EngineVersion": "9.6"}),
        ("InvalidParameterValue", {"AllocatedStorage": 5}),
        ("InvalidParameterCombination", {"StorageType": "gp3", "Iops": 4000}),
        ("InvalidParameterValue", {"MasterUserPassword": "short"}),
        ("InvalidParameterValue", {"MasterUsername": "admin"}),
        ("InvalidParameterCombination", {"ManageMasterUserPassword": True}),
        ("DBSubnetGroupNotFoundFault", {"DBSubnetGroupName": "missing"}),
        ("DBParameterGroupNotFound", {"DBParameterGroupName": "missing"}),
        ("InvalidParameterCombination", {"DBParameterGroupName": "default.mysql8.0"}),
        ("KMSKeyNotAccessibleFault", {"StorageEncrypted": True, "KmsKeyId": "alias/missing"}),
        ("InvalidParameterValue", {"VpcSecurityGroupIds": ["sg-1"]}),
        ("InvalidParameterCombination", {"MonitoringInterval": 60}),
        ("InvalidParameterValue", {"BackupRetentionPeriod": 36}),
        ("InvalidParameterValue", {"name": "bad--name"}),
    ],
)
def test_database_refusals(rds, code, change):
    refused(code, database, net=rds, **change)


def test_database_parts(rds):
    client = rds.rds
    one_zone = {"DBSubnetGroupName": "x", "DBSubnetGroupDescription": "d", "SubnetIds": rds.subnets[:1]}
    refused("DBSubnetGroupDoesNotCoverEnoughAZs", client.create_db_subnet_group, **one_zone)
    refused("DBSubnetGroupAlreadyExists", client.create_db_subnet_group, **one_zone | {"DBSubnetGroupName": "main"})
    client.modify_db_subnet_group(DBSubnetGroupName="main", SubnetIds=rds.subnets)
    assert len(client.describe_db_subnet_groups(DBSubnetGroupName="main")["DBSubnetGroups"][0]["Subnets"]) == 3

    group = {"DBParameterGroupName": "pg", "DBParameterGroupFamily": "postgres17", "Description": "d"}
    client.create_db_parameter_group(**group)
    refused("DBParameterGroupAlreadyExists", client.create_db_parameter_group, **group)
    set_to = lambda name, value, method: [{"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}]
    modify = lambda parameters: client.modify_db_parameter_group(DBParameterGroupName="pg", Parameters=parameters)
    modify(set_to("work_mem", "65536", "immediate"))
    refused("InvalidParameterValue", lambda: modify(set_to("work_mem", "1", "immediate")))
    refused("InvalidParameterValue", lambda: modify(set_to("nothing", "1", "immediate")))
    refused("InvalidParameterCombination", lambda: modify(set_to("max_connections", "100", "immediate")))
    user = client.describe_db_parameters(DBParameterGroupName="pg", Source="user")["Parameters"]
    assert [(p["ParameterName"], p["ParameterValue"]) for p in user] == [("work_mem", "65536")]
    pages = client.get_paginator("describe_db_parameters").paginate(
        DBParameterGroupName="pg", PaginationConfig={"PageSize": 20}
    )
    names = [p["ParameterName"] for page in pages for p in page["Parameters"]]
    assert len(names) == len(set(names)) > 60
    database(rds, DBParameterGroupName="pg")
    refused("InvalidDBParameterGroupState", client.delete_db_parameter_group, DBParameterGroupName="pg")
    client.reset_db_parameter_group(DBParameterGroupName="pg", ResetAllParameters=True)
    assert client.describe_db_parameters(DBParameterGroupName="pg", Source="user")["Parameters"] == []

    versions = client.describe_db_engine_versions(Engine="postgres", EngineVersion="17")["DBEngineVersions"]
    assert versions and all(v["DBParameterGroupFamily"] == "postgres17" for v in versions)
    default = client.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"]
    assert len(default) == 1
    options = client.describe_orderable_db_instance_options(
        Engine="postgres", EngineVersion=default[0]["EngineVersion"], DBInstanceClass="db.t4g.micro"
    )["OrderableDBInstanceOptions"]
    assert "gp3" in {option["StorageType"] for option in options}
