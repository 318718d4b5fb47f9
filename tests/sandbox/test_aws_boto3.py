"""The sandbox's EC2, IAM and STS as boto3 sees them: shapes on the wire, refusals, states, pages, tokens, faults."""

import json
import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    return caught.value.response["Error"]["Message"]


def until(read, wanted, seconds=10):
    """Reads until the value is there; states change by themselves within milliseconds."""
    deadline = time.monotonic() + seconds
    while (value := read()) != wanted:
        assert time.monotonic() < deadline, f"still {value}"
        time.sleep(0.01)


def tags(kind, **pairs):
    return [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in pairs.items()]}]


@pytest.fixture
def ec2(sandbox):
    return sandbox.client("ec2")


@pytest.fixture
def iam(sandbox):
    return sandbox.client("iam")


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def subnet_of(ec2, vpc, cidr="10.0.1.0/24", **more):
    return ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, **more)["Subnet"]["SubnetId"]


def nat_in(ec2, vpc):
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnet = subnet_of(ec2, vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, ClientToken="one")["NatGateway"]
    return gateway, subnet, address, nat["NatGatewayId"]


def test_vpc_life(sandbox, ec2):
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc", Name="a<&>b"))["Vpc"]
    vpc = made["VpcId"]
    assert made["State"] in ("pending", "available")
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    found = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["a*"]}])["Vpcs"]
    assert found[0]["Tags"] == [{"Key": "Name", "Value": "a<&>b"}]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    read = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert read["EnableDnsHostnames"]["Value"] is True
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    assert [group["GroupName"] for group in groups] == ["default"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    assert tables[0]["Associations"][0]["Main"] is True
    assert tables[0]["Routes"][0]["GatewayId"] == "local"
    acls = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"]
    assert len(acls[0]["Entries"]) == 4
    assert [r["type"] for r in sandbox.control("resources")] == ["aws_vpc"]
    ec2.delete_vpc(VpcId=vpc)
    refused("InvalidVpcID.NotFound", ec2.delete_vpc, VpcId=vpc)
    assert sandbox.control("resources") == []
    assert sandbox.control("counts")["ec2"]["DeleteVpc"] == 2


def test_what_ec2_refuses(ec2, vpc):
    refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/8")
    refused("InvalidParameterValue", ec2.create_vpc, CidrBlock="nonsense")
    refused("DryRunOperation", ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
    refused("InvalidAction", ec2.describe_spot_price_history)
    refused("UnknownParameter", ec2.create_vpc, CidrBlock="10.0.0.0/16", Ipv4IpamPoolId="x")
    refused("InvalidParameterValue", ec2.describe_vpcs, Filters=[{"Name": "bogus", "Values": ["x"]}])
    refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="10.1.0.0/24")
    subnet = subnet_of(ec2, vpc)
    refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.1.128/25")
    refused("InvalidParameterValue", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="eu-west-1z")
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    ec2.delete_subnet(SubnetId=subnet)
    refused("InvalidSubnetID.NotFound", ec2.delete_subnet, SubnetId=subnet)
    refused("InvalidID", ec2.create_tags, Resources=["zzz-1"], Tags=[{"Key": "a", "Value": "b"}])
    refused("InvalidVpcID.NotFound", ec2.create_tags, Resources=["vpc-1"], Tags=[{"Key": "a", "Value": "b"}])


def test_subnets_page_and_filter(ec2, vpc):
    for index in range(12):
        subnet_of(ec2, vpc, f"10.0.{index}.0/24", AvailabilityZone=f"eu-west-1{'ab'[index % 2]}")
    first = ec2.describe_subnets(MaxResults=5)
    assert len(first["Subnets"]) == 5 and first["NextToken"]
    pages = ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5})
    assert len({s["SubnetId"] for page in pages for s in page["Subnets"]}) == 12
    in_zone = ec2.describe_subnets(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "availability-zone", "Values": ["eu-west-1a"]}]
    )["Subnets"]
    assert len(in_zone) == 6 and in_zone[0]["AvailabilityZoneId"] == "euw1-az1"
    one = in_zone[0]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=one, MapPublicIpOnLaunch={"Value": True})
    assert ec2.describe_subnets(SubnetIds=[one])["Subnets"][0]["MapPublicIpOnLaunch"] is True
    refused("InvalidNextToken", ec2.describe_subnets, NextToken="%%")


def test_nat_gateway_life(sandbox, ec2, vpc):
    gateway, subnet, address, nat = nat_in(ec2, vpc)
    again = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, ClientToken="one")["NatGateway"]
    assert again["NatGatewayId"] == nat
    refused("IdempotentParameterMismatch", ec2.create_nat_gateway, SubnetId=subnet, AllocationId="eipalloc-1", ClientToken="one")
    refused("Resource.AlreadyAssociated", ec2.create_nat_gateway, SubnetId=subnet, AllocationId=address)
    state = lambda: ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"]
    until(state, "available")
    addresses = ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["NatGatewayAddresses"]
    assert addresses[0]["AllocationId"] == address and addresses[0]["PublicIp"]
    held = ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    assert held["NetworkInterfaceId"] == addresses[0]["NetworkInterfaceId"]
    refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=address)
    refused("DependencyViolation", ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    until(state, "deleted")
    route = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"][1]
    assert route["State"] == "blackhole"
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_vpc(VpcId=vpc)
    assert sandbox.control("resources") == []


def test_nat_gateway_without_a_way_out_fails(ec2, vpc):
    subnet = subnet_of(ec2, vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    read = lambda: ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]
    until(lambda: read()["State"], "failed")
    assert read()["FailureCode"] == "Gateway.NotAttached"
    ec2.release_address(AllocationId=address)


def test_routes_and_associations(ec2, vpc):
    subnet = subnet_of(ec2, vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tags("route-table", a="b"))["RouteTable"]
    assert table["Tags"] == [{"Key": "a", "Value": "b"}]
    table = table["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    everywhere = dict(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    refused("InvalidParameterValue", ec2.create_route, **everywhere, GatewayId=gateway)
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    refused("InvalidRoute.NotFound", ec2.replace_route, **everywhere, GatewayId=gateway)
    ec2.create_route(**everywhere, GatewayId=gateway)
    refused("RouteAlreadyExists", ec2.create_route, **everywhere, GatewayId=gateway)
    refused("InvalidParameterValue", ec2.create_route, RouteTableId=table, DestinationCidrBlock="10.0.5.0/24", GatewayId=gateway)
    refused("InvalidParameterValue", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="10.0.0.0/16")
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"] == association
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=table)
    other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    refused("Resource.AlreadyAssociated", ec2.associate_route_table, RouteTableId=other, SubnetId=subnet)
    moved = ec2.replace_route_table_association(AssociationId=association, RouteTableId=other)["NewAssociationId"]
    ec2.delete_route_table(RouteTableId=table)
    by_subnet = [{"Name": "association.subnet-id", "Values": [subnet]}]
    assert ec2.describe_route_tables(Filters=by_subnet)["RouteTables"][0]["RouteTableId"] == other
    ec2.disassociate_route_table(AssociationId=moved)
    refused("InvalidAssociationID.NotFound", ec2.disassociate_route_table, AssociationId=moved)
    main = ec2.describe_route_tables(Filters=[{"Name": "association.main", "Values": ["true"]}])["RouteTables"][0]
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=main["RouteTableId"])


def test_security_groups_and_rules(ec2, vpc):
    make = lambda name: ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"]
    web, data = make("web"), make("data")
    refused("InvalidGroup.Duplicate", ec2.create_security_group, GroupName="web", Description="d", VpcId=vpc)
    permission = dict(IpProtocol="tcp", FromPort=80, ToPort=80, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "all"}])
    made = ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[permission])["SecurityGroupRules"]
    assert (made[0]["CidrIpv4"], made[0]["FromPort"], made[0]["IsEgress"]) == ("0.0.0.0/0", 80, False)
    refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=web, IpPermissions=[permission])
    from_web = [dict(IpProtocol="tcp", FromPort=5432, ToPort=5432, UserIdGroupPairs=[{"GroupId": web}])]
    rule = ec2.authorize_security_group_ingress(GroupId=data, IpPermissions=from_web)["SecurityGroupRules"][0]
    assert rule["ReferencedGroupInfo"]["GroupId"] == web
    refused("DependencyViolation", ec2.delete_security_group, GroupId=web)
    ec2.modify_security_group_rules(
        GroupId=data,
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "ReferencedGroupId": web, "Description": "x"},
            }
        ],
    )
    by_group = [{"Name": "group-id", "Values": [data]}]
    rules = ec2.describe_security_group_rules(Filters=by_group)["SecurityGroupRules"]
    assert sorted((r["IsEgress"], r["FromPort"], r.get("Description")) for r in rules) == [(False, 1, "x"), (True, -1, None)]
    ec2.revoke_security_group_ingress(GroupId=data, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    refused("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=data, IpPermissions=from_web)
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=web, IpPermissions=[{**permission, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "new"}]}]
    )
    group = ec2.describe_security_groups(GroupIds=[web])["SecurityGroups"][0]
    assert group["IpPermissions"][0]["IpRanges"][0]["Description"] == "new"
    assert group["IpPermissionsEgress"][0]["IpProtocol"] == "-1"
    ec2.delete_security_group(GroupId=web)
    refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=web)
    default = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]
    refused("CannotDelete", ec2.delete_security_group, GroupId=default["GroupId"])


def test_endpoints_flow_logs_and_templates(ec2, vpc):
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    service = "com.amazonaws.eu-west-1.s3"
    made = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, RouteTableIds=[table], ClientToken="e")["VpcEndpoint"]
    assert ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, RouteTableIds=[table], ClientToken="e")["VpcEndpoint"]["VpcEndpointId"] == made["VpcEndpointId"]
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    lists = ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [service]}])["PrefixLists"]
    assert routes[1]["DestinationPrefixListId"] == lists[0]["PrefixListId"]
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"], "vpce-1"])["Unsuccessful"][0]["ResourceId"] == "vpce-1"

    log = dict(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3", LogDestination="arn:aws:s3:::b")
    flow = ec2.create_flow_logs(**log)["FlowLogIds"][0]
    refused("FlowLogAlreadyExists", ec2.create_flow_logs, **log)
    assert ec2.describe_flow_logs(FlowLogIds=[flow])["FlowLogs"][0]["ResourceId"] == vpc
    ec2.delete_flow_logs(FlowLogIds=[flow])

    data = {
        "InstanceType": "m6i.large",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "Encrypted": True}}],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-1"]}],
        "TagSpecifications": tags("instance", a="b"),
    }
    template = ec2.create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data, ClientToken="t")["LaunchTemplate"]
    refused("InvalidLaunchTemplateName.AlreadyExistsException", ec2.create_launch_template, LaunchTemplateName="nodes", LaunchTemplateData=data)
    id = template["LaunchTemplateId"]
    read = ec2.describe_launch_template_versions(LaunchTemplateId=id, Versions=["$Latest"])["LaunchTemplateVersions"][0]
    of_all = ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
    assert read in of_all
    assert read["LaunchTemplateData"] == data
    ec2.create_launch_template_version(LaunchTemplateId=id, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.micro"})
    ec2.modify_launch_template(LaunchTemplateId=id, DefaultVersion="2")
    seen = ec2.describe_launch_templates(LaunchTemplateNames=["nodes"])["LaunchTemplates"][0]
    assert (seen["DefaultVersionNumber"], seen["LatestVersionNumber"]) == (2, 2)
    ec2.delete_launch_template(LaunchTemplateId=id)


def test_catalogue(ec2):
    assert [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    assert "us-east-1" in [r["RegionName"] for r in ec2.describe_regions()["Regions"]]
    kind = ec2.describe_instance_types(InstanceTypes=["m6i.xlarge"])["InstanceTypes"][0]
    assert (kind["VCpuInfo"]["DefaultVCpus"], kind["MemoryInfo"]["SizeInMiB"]) == (4, 16384)
    refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["m99.huge"])
    offered = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.micro"]}])
    assert len(offered["InstanceTypeOfferings"]) == 3
    assert ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"][0]["AttributeValues"]


def test_tags_of_anything(ec2, vpc):
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    rows = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc]}])["Tags"]
    assert [(r["Key"], r["ResourceType"]) for r in rows] == [("a", "vpc"), ("b", "vpc")]
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "other"}, {"Key": "b"}])
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"] == [{"Key": "a", "Value": "1"}]
    refused("InvalidParameterValue", ec2.create_tags, Resources=[vpc], Tags=[{"Key": "aws:x", "Value": "1"}])


def test_regions_are_apart(sandbox, ec2, vpc):
    assert sandbox.client("ec2", "us-east-1").describe_vpcs()["Vpcs"] == []
    refused("SignatureDoesNotMatch", sandbox.client("ec2", "mars-1").describe_vpcs)


TRUST = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
CLUSTER_POLICY = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"


def test_role_life(sandbox, iam):
    made = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}])["Role"]
    assert made["Arn"] == "arn:aws:iam::123456789012:role/r"
    assert made["AssumeRolePolicyDocument"] == json.loads(TRUST)
    refused("EntityAlreadyExists", iam.create_role, RoleName="R", AssumeRolePolicyDocument=TRUST)
    refused("MalformedPolicyDocument", iam.create_role, RoleName="x", AssumeRolePolicyDocument="{")
    refused("ValidationError", iam.create_role, RoleName="x[0]", AssumeRolePolicyDocument=TRUST)
    refused("ValidationError", iam.tag_role, RoleName="r", Tags=[{"Key": "a", "Value": "b[0]"}])
    refused("NoSuchEntity", iam.attach_role_policy, RoleName="r", PolicyArn=CLUSTER_POLICY + "X")
    iam.attach_role_policy(RoleName="r", PolicyArn=CLUSTER_POLICY)
    iam.attach_role_policy(RoleName="r", PolicyArn=CLUSTER_POLICY)
    assert iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"] == [{"PolicyName": "AmazonEKSClusterPolicy", "PolicyArn": CLUSTER_POLICY}]
    refused("MalformedPolicyDocument", iam.put_role_policy, RoleName="r", PolicyName="p", PolicyDocument=TRUST)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=POLICY)
    assert iam.get_role_policy(RoleName="r", PolicyName="p")["PolicyDocument"] == json.loads(POLICY)
    refused("DeleteConflict", iam.delete_role, RoleName="r")
    iam.detach_role_policy(RoleName="r", PolicyArn=CLUSTER_POLICY)
    refused("NoSuchEntity", iam.detach_role_policy, RoleName="r", PolicyArn=CLUSTER_POLICY)
    refused("DeleteConflict", iam.delete_role, RoleName="r")
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    iam.create_instance_profile(InstanceProfileName="ip")
    iam.add_role_to_instance_profile(InstanceProfileName="ip", RoleName="r")
    refused("LimitExceeded", iam.add_role_to_instance_profile, InstanceProfileName="ip", RoleName="r")
    assert iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"][0]["Roles"][0]["RoleName"] == "r"
    refused("DeleteConflict", iam.delete_role, RoleName="r")
    refused("DeleteConflict", iam.delete_instance_profile, InstanceProfileName="ip")
    iam.remove_role_from_instance_profile(InstanceProfileName="ip", RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="ip")
    iam.update_role(RoleName="r", Description="d", MaxSessionDuration=7200)
    iam.tag_role(RoleName="r", Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_role(RoleName="r", TagKeys=["a"])
    assert iam.list_role_tags(RoleName="r")["Tags"] == [{"Key": "c", "Value": "d"}]
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["Description"], role["MaxSessionDuration"], role["Tags"]) == ("d", 7200, [{"Key": "c", "Value": "d"}])
    iam.delete_role(RoleName="r")
    refused("NoSuchEntity", iam.get_role, RoleName="r")
    assert sandbox.control("resources") == []


def test_roles_page(iam):
    for index in range(7):
        iam.create_role(RoleName=f"r{index}", AssumeRolePolicyDocument=TRUST)
    first = iam.list_roles(MaxItems=3)
    assert first["IsTruncated"] and len(first["Roles"]) == 3
    pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 3})
    assert [r["RoleName"] for page in pages for r in page["Roles"]] == [f"r{i}" for i in range(7)]


def test_policy_versions(iam):
    arn = iam.create_policy(PolicyName="p", PolicyDocument=POLICY)["Policy"]["Arn"]
    refused("EntityAlreadyExists", iam.create_policy, PolicyName="p", PolicyDocument=POLICY)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=True)
    refused("LimitExceeded", iam.create_policy_version, PolicyArn=arn, PolicyDocument=POLICY)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v5"
    refused("DeleteConflict", iam.delete_policy_version, PolicyArn=arn, VersionId="v5")
    refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v5")["PolicyVersion"]["Document"] == json.loads(POLICY)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"][0]["RoleName"] == "r"
    iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert CLUSTER_POLICY in [p["Arn"] for p in iam.list_policies(Scope="AWS")["Policies"]]


def test_oidc_provider_and_linked_role(sandbox, iam):
    url = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC"
    arn = iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
    refused("EntityAlreadyExists", iam.create_open_id_connect_provider, Url=url)
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])
    read = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (read["Url"], read["ClientIDList"], read["ThumbprintList"]) == (url[8:], ["sts.amazonaws.com"], ["b" * 40])
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": arn}]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    refused("NoSuchEntity", iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)
    role = iam.create_service_linked_role(AWSServiceName="eks.amazonaws.com")["Role"]
    assert role["Path"] == "/aws-service-role/eks.amazonaws.com/"
    refused("InvalidInput", iam.create_service_linked_role, AWSServiceName="eks.amazonaws.com")
    refused("UnmodifiableEntity", iam.delete_role, RoleName=role["RoleName"])
    assert sandbox.control("resources") == []


def test_caller_identity(sandbox):
    identity = sandbox.client("sts").get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == ("123456789012", "arn:aws:iam::123456789012:user/sandbox")


def test_faults(sandbox, ec2):
    sandbox.control("faults", "throttle:CreateVpc*1,lost:AllocateAddress*1,refuse:CreateSubnet=SubnetLimitExceeded,reset:DescribeRegions")
    refused("RequestLimitExceeded", ec2.create_vpc, CidrBlock="10.0.0.0/16")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    refused("SubnetLimitExceeded", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.0/24")
    # A lost response: nothing is heard, but it is done.
    with pytest.raises(ConnectionClosedError):
        ec2.allocate_address(Domain="vpc")
    assert len(ec2.describe_addresses()["Addresses"]) == 1
    with pytest.raises(ConnectionClosedError):
        ec2.describe_regions()
    log = sandbox.control("requests")
    assert [r["fault"] for r in log if r.get("fault")] == ["throttle", "refuse", "lost", "reset"]
    assert sandbox.control("statistics")["throttled"] == 1
