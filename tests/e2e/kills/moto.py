"""What moto has of the stack's types: for every line of input, one line of JSON with all `[type, id]`.

The moto server's own page lists what was deleted too, so its API is asked, as anybody would.
"""

import json
import os
import sys

import boto3

REGION = os.environ["AWS_REGION"]


def client(service):
    return boto3.client(service, region_name=REGION)


def listed(client, operation, key, **arguments):
    """Everything of a listing, page by page where it has pages."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page.get(key, [])
    else:
        yield from getattr(client, operation)(**arguments).get(key, [])


def main():
    ec2, iam, kms, s3 = (client(name) for name in ("ec2", "iam", "kms", "s3"))
    default = {v["VpcId"] for v in listed(ec2, "describe_vpcs", "Vpcs") if v["IsDefault"]}

    def everything():
        for vpc in listed(ec2, "describe_vpcs", "Vpcs"):
            if vpc["VpcId"] not in default:
                yield "aws_vpc", vpc["VpcId"]
        for subnet in listed(ec2, "describe_subnets", "Subnets"):
            if subnet["VpcId"] not in default:
                yield "aws_subnet", subnet["SubnetId"]
        for table in listed(ec2, "describe_route_tables", "RouteTables"):
            # A network's main table and its default group come and go with it.
            main_one = any(a.get("Main") for a in table["Associations"])
            if table["VpcId"] not in default and not main_one:
                yield "aws_route_table", table["RouteTableId"]
        for group in listed(ec2, "describe_security_groups", "SecurityGroups"):
            if group["VpcId"] not in default and group["GroupName"] != "default":
                yield "aws_security_group", group["GroupId"]
        for gateway in listed(ec2, "describe_internet_gateways", "InternetGateways"):
            if not any(a["VpcId"] in default for a in gateway["Attachments"]):
                yield "aws_internet_gateway", gateway["InternetGatewayId"]
        for address in listed(ec2, "describe_addresses", "Addresses"):
            yield "aws_eip", address["AllocationId"]
        for role in listed(iam, "list_roles", "Roles"):
            yield "aws_iam_role", role["RoleName"]
        for key in listed(kms, "list_keys", "Keys"):
            state = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
            if state != "PendingDeletion":
                yield "aws_kms_key", key["KeyId"]
        for alias in listed(kms, "list_aliases", "Aliases"):
            if not alias["AliasName"].startswith("alias/aws/"):
                yield "aws_kms_alias", alias["AliasName"]
        for bucket in listed(s3, "list_buckets", "Buckets"):
            yield "aws_s3_bucket", bucket["Name"]

    for _ in sys.stdin:
        print(json.dumps(sorted(everything())), flush=True)


main()
