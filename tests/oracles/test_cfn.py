"""The AWS provider and CloudFormation's schemas agree about what forces a replacement and what cannot be written."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import cfn

RULE = "ModifySecurityGroupRules changes a rule in place; CloudFormation does not use it"
NO_CALL = "no call of the API changes it; CloudFormation refuses the change instead"

# Where the two differ on purpose, and why.
ON_PURPOSE = {
    ("aws_cloudwatch_log_group", "log_group_class: replaces here, not there"): NO_CALL,
    ("aws_acm_certificate", "arn: can be written there"): "the schema forgets to say that the id, which is the ARN, is read only",
    ("aws_acm_certificate", "validation_method: replaces here, not there"): "as in Terraform; the other method waits for another proof",
    ("aws_db_instance", "identifier: replaces there, not here"): "ModifyDBInstance renames an instance (NewDBInstanceIdentifier)",
    ("aws_db_instance", "db_subnet_group_name: replaces there, not here"): "ModifyDBInstance moves an instance (DBSubnetGroupName)",
    ("aws_eip", "domain: replaces here, not there"): NO_CALL,
    ("aws_eip", "public_ipv4_pool: replaces here, not there"): NO_CALL,
    ("aws_eks_cluster", "encryption_config: replaces there, not here"): "AssociateEncryptionConfig adds one in place; the plan replaces for any other change",
    ("aws_kms_key", "customer_master_key_spec: replaces here, not there"): NO_CALL,
    ("aws_kms_key", "key_usage: replaces here, not there"): NO_CALL,
    ("aws_kms_key", "multi_region: replaces here, not there"): NO_CALL,
    ("aws_nat_gateway", "secondary_allocation_ids: replaces here, not there"): "AssociateNatGatewayAddress would do it in place, which is not built yet",
    **{
        ("aws_route53_record", f"{name}: replaces here, not there"): "the record of another name, type or identifier is another one"
        for name in ("name", "set_identifier", "type")
    },
    ("aws_route_table_association", "route_table_id: replaces there, not here"): "ReplaceRouteTableAssociation changes it in place",
    ("aws_s3_bucket", "object_lock_enabled: replaces here, not there"): "as in Terraform: it can never be switched off, and is meant for new buckets",
    **{
        (f"aws_vpc_security_group_{way}_rule", f"{name}: replaces there, not here"): RULE
        for way in ("egress", "ingress")
        for name in ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id", "from_port", "ip_protocol", "to_port")
    },
}


@pytest.fixture(scope="module")
def found():
    infra = os.environ["INFRA_BIN"]
    return {type_name: cfn.differences(infra, type_name) for type_name in cfn.TYPES}


def test_what_replaces_and_what_is_read_only_agrees(found):
    differences = {(name, what) for name, (all, _) in found.items() for what in all}
    assert differences == set(ON_PURPOSE)


def test_enough_is_compared(found):
    assert sum(compared for _, compared in found.values()) >= 280
    unmatched = [name for name, (_, compared) in found.items() if compared == 0]
    assert unmatched == [], "their names are not matched"
