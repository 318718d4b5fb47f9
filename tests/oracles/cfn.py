"""What CloudFormation's schemas, as cfn-lint brings them along, say of the types that our AWS provider has too: which
properties force a replacement when they change, and which cannot be written.

Both sides are compared at the top level, where names can be matched; `test_cfn.py` says which differences are on purpose.
"""

import json
import pathlib
import re
import subprocess

import cfnlint

SCHEMAS = pathlib.Path(cfnlint.__file__).parent / "data/schemas"
_region = json.loads((SCHEMAS / "providers/us-east-1.json").read_text())

# Types that are one thing in both. Left out are those that CloudFormation has as a part of another type.
TYPES = {
    "aws_acm_certificate": "AWS::CertificateManager::Certificate",
    "aws_cloudwatch_log_group": "AWS::Logs::LogGroup",
    "aws_db_instance": "AWS::RDS::DBInstance",
    "aws_db_parameter_group": "AWS::RDS::DBParameterGroup",
    "aws_db_subnet_group": "AWS::RDS::DBSubnetGroup",
    "aws_ecr_repository": "AWS::ECR::Repository",
    "aws_egress_only_internet_gateway": "AWS::EC2::EgressOnlyInternetGateway",
    "aws_eip": "AWS::EC2::EIP",
    "aws_eks_access_entry": "AWS::EKS::AccessEntry",
    "aws_eks_addon": "AWS::EKS::Addon",
    "aws_eks_cluster": "AWS::EKS::Cluster",
    "aws_eks_node_group": "AWS::EKS::Nodegroup",
    "aws_eks_pod_identity_association": "AWS::EKS::PodIdentityAssociation",
    "aws_flow_log": "AWS::EC2::FlowLog",
    "aws_iam_openid_connect_provider": "AWS::IAM::OIDCProvider",
    "aws_iam_policy": "AWS::IAM::ManagedPolicy",
    "aws_iam_role": "AWS::IAM::Role",
    "aws_iam_role_policy": "AWS::IAM::RolePolicy",
    "aws_internet_gateway": "AWS::EC2::InternetGateway",
    "aws_kms_alias": "AWS::KMS::Alias",
    "aws_kms_key": "AWS::KMS::Key",
    "aws_launch_template": "AWS::EC2::LaunchTemplate",
    "aws_lb": "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "aws_lb_listener": "AWS::ElasticLoadBalancingV2::Listener",
    "aws_lb_listener_rule": "AWS::ElasticLoadBalancingV2::ListenerRule",
    "aws_lb_target_group": "AWS::ElasticLoadBalancingV2::TargetGroup",
    "aws_nat_gateway": "AWS::EC2::NatGateway",
    "aws_route": "AWS::EC2::Route",
    "aws_route_table": "AWS::EC2::RouteTable",
    "aws_route_table_association": "AWS::EC2::SubnetRouteTableAssociation",
    "aws_route53_record": "AWS::Route53::RecordSet",
    "aws_route53_zone": "AWS::Route53::HostedZone",
    "aws_s3_bucket": "AWS::S3::Bucket",
    "aws_s3_bucket_policy": "AWS::S3::BucketPolicy",
    "aws_secretsmanager_secret": "AWS::SecretsManager::Secret",
    "aws_security_group": "AWS::EC2::SecurityGroup",
    "aws_subnet": "AWS::EC2::Subnet",
    "aws_vpc": "AWS::EC2::VPC",
    "aws_vpc_endpoint": "AWS::EC2::VPCEndpoint",
    "aws_vpc_security_group_egress_rule": "AWS::EC2::SecurityGroupEgress",
    "aws_vpc_security_group_ingress_rule": "AWS::EC2::SecurityGroupIngress",
}

# Properties whose names are not Terraform's in another case.
NAMES = {
    ("aws_cloudwatch_log_group", "LogGroupName"): "name",
    ("aws_acm_certificate", "DomainValidationOptions"): "validation_option",
    ("aws_acm_certificate", "Id"): "arn",
    ("aws_db_instance", "DBInstanceClass"): "instance_class",
    ("aws_db_instance", "DBInstanceIdentifier"): "identifier",
    ("aws_db_instance", "DBParameterGroupName"): "parameter_group_name",
    ("aws_db_instance", "EnableIAMDatabaseAuthentication"): "iam_database_authentication_enabled",
    ("aws_db_instance", "MasterUserPassword"): "password",
    ("aws_db_instance", "MasterUsername"): "username",
    ("aws_db_instance", "MultiAZ"): "multi_az",
    ("aws_db_instance", "SourceDBInstanceIdentifier"): "replicate_source_db",
    ("aws_db_parameter_group", "DBParameterGroupName"): "name",
    ("aws_db_subnet_group", "DBSubnetGroupDescription"): "description",
    ("aws_db_subnet_group", "DBSubnetGroupName"): "name",
    ("aws_ecr_repository", "EmptyOnDelete"): "force_delete",
    ("aws_ecr_repository", "ImageTagMutabilityExclusionFilters"): "image_tag_mutability_exclusion_filter",
    ("aws_ecr_repository", "RepositoryName"): "name",
    ("aws_ecr_repository", "RepositoryUri"): "repository_url",
    ("aws_eks_access_entry", "Username"): "user_name",
    ("aws_eks_cluster", "EncryptionConfig"): "encryption_config",
    ("aws_eks_cluster", "Logging"): "enabled_cluster_log_types",
    ("aws_eks_cluster", "ResourcesVpcConfig"): "vpc_config",
    ("aws_eks_node_group", "NodegroupName"): "node_group_name",
    ("aws_eks_node_group", "NodeRole"): "node_role_arn",
    ("aws_eks_node_group", "Subnets"): "subnet_ids",
    ("aws_iam_openid_connect_provider", "ClientIdList"): "client_id_list",
    ("aws_iam_policy", "ManagedPolicyName"): "name",
    ("aws_iam_policy", "PolicyDocument"): "policy",
    ("aws_iam_role", "AssumeRolePolicyDocument"): "assume_role_policy",
    ("aws_iam_role", "RoleName"): "name",
    ("aws_iam_role", "RoleId"): "unique_id",
    ("aws_iam_role_policy", "PolicyDocument"): "policy",
    ("aws_iam_role_policy", "PolicyName"): "name",
    ("aws_iam_role_policy", "RoleName"): "role",
    ("aws_kms_alias", "AliasName"): "name",
    ("aws_kms_key", "Enabled"): "is_enabled",
    ("aws_kms_key", "KeyPolicy"): "policy",
    ("aws_kms_key", "KeySpec"): "customer_master_key_spec",
    ("aws_kms_key", "PendingWindowInDays"): "deletion_window_in_days",
    ("aws_launch_template", "LaunchTemplateName"): "name",
    ("aws_launch_template", "VersionDescription"): "description",
    ("aws_lb", "Type"): "load_balancer_type",
    ("aws_lb", "CanonicalHostedZoneID"): "zone_id",
    ("aws_lb", "DNSName"): "dns_name",
    ("aws_lb_listener", "Certificates"): "certificate_arn",
    ("aws_lb_listener", "DefaultActions"): "default_action",
    ("aws_lb_listener_rule", "Actions"): "action",
    ("aws_lb_listener_rule", "Conditions"): "condition",
    ("aws_route", "GatewayId"): "gateway_id",
    ("aws_s3_bucket", "BucketName"): "bucket",
    ("aws_s3_bucket_policy", "PolicyDocument"): "policy",
    ("aws_security_group", "GroupDescription"): "description",
    ("aws_security_group", "GroupName"): "name",
    ("aws_subnet", "EnableDns64"): "enable_dns64",
    ("aws_vpc_security_group_egress_rule", "GroupId"): "security_group_id",
    ("aws_vpc_security_group_egress_rule", "CidrIp"): "cidr_ipv4",
    ("aws_vpc_security_group_egress_rule", "CidrIpv6"): "cidr_ipv6",
    ("aws_vpc_security_group_egress_rule", "DestinationPrefixListId"): "prefix_list_id",
    ("aws_vpc_security_group_egress_rule", "DestinationSecurityGroupId"): "referenced_security_group_id",
    ("aws_vpc_security_group_ingress_rule", "GroupId"): "security_group_id",
    ("aws_vpc_security_group_ingress_rule", "CidrIp"): "cidr_ipv4",
    ("aws_vpc_security_group_ingress_rule", "CidrIpv6"): "cidr_ipv6",
    ("aws_vpc_security_group_ingress_rule", "SourcePrefixListId"): "prefix_list_id",
    ("aws_vpc_security_group_ingress_rule", "SourceSecurityGroupId"): "referenced_security_group_id",
}


def snake(name):
    """`DBSubnetGroupName` is db_subnet_group_name; `SubnetIds` subnet_ids."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()


def schema_of(name):
    found = _region[name]
    if isinstance(found, str):
        found = json.loads((SCHEMAS / "resources" / f"{found}.json").read_text())
    return found


def attributes_of(infra, type_name):
    """The provider's attributes at the top level: name → words in brackets, and whether it can be written."""
    command = [infra, "docs", "--format", "markdown", type_name]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    attributes, section = {}, ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line[3:]
        match = re.match(r"- `(\w+)` \((.*?)\):", line)
        if match and section in ("Arguments", "Attributes", "Blocks"):
            attributes[match.group(1)] = (match.group(2), section == "Arguments")
        block = re.match(r"### `(\w+)`(?: \((.*)\))?", line)
        if block:
            attributes.setdefault(block.group(1), (block.group(2) or "", True))
    return attributes


def differences(infra, type_name):
    """`name: what` for each property in which the two do not agree."""
    schema = schema_of(TYPES[type_name])
    attributes = attributes_of(infra, type_name)

    def top(key):
        pointers = schema.get(key, [])
        return {p.split("/")[2] for p in pointers if p.count("/") == 2}

    create_only, conditional = top("createOnlyProperties"), top("conditionalCreateOnlyProperties")
    read_only = top("readOnlyProperties")
    found, compared = [], 0
    for property in schema["properties"]:
        name = NAMES.get((type_name, property), snake(property))
        if name not in attributes:
            continue
        compared += 1
        words, writable = attributes[name]
        replaces = "a change replaces it" in words
        if writable and property in create_only and not replaces:
            found.append(f"{name}: replaces there, not here")
        if writable and replaces and property not in create_only | conditional:
            found.append(f"{name}: replaces here, not there")
        if writable and property in read_only:
            found.append(f"{name}: cannot be written there")
        if not writable and property not in read_only:
            found.append(f"{name}: can be written there")
    return found, compared
