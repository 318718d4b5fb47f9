"""What the sandbox tells before anything is made: quotas, versions, types and where each is offered, as official clients see it."""

import json

import googleapiclient.discovery
import pytest
from google.api_core.client_options import ClientOptions
from google.oauth2.credentials import Credentials

TRUST = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


def test_instance_types_by_zone(sandbox):
    ec2 = sandbox.client("ec2", "us-east-1")
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["m7i.large", "no.such"]}]
    )
    offers = [(o["InstanceType"], o["Location"]) for page in pages for o in page["InstanceTypeOfferings"]]
    assert ("m7i.large", "us-east-1a") in offers
    assert {kind for kind, _ in offers} == {"m7i.large"}
    # The oldest zone has none of the Nitro system.
    assert ("m7i.large", "us-east-1e") not in offers


def test_quotas_of_an_account(sandbox):
    rds = sandbox.client("rds")
    quotas = {q["AccountQuotaName"]: (q["Used"], q["Max"]) for q in rds.describe_account_attributes()["AccountQuotas"]}
    assert quotas["DBInstances"][0] == 0 < quotas["DBInstances"][1]
    assert "DBSubnetGroups" in quotas
    limits = {limit["Name"]: int(limit["Max"]) for limit in sandbox.client("elbv2").describe_account_limits()["Limits"]}
    assert {"application-load-balancers", "network-load-balancers", "target-groups"} <= set(limits)
    iam = sandbox.client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    sums = iam.get_account_summary()["SummaryMap"]
    assert (sums["Roles"], sums["Policies"]) == (1, 0)
    assert sums["RolesQuota"] > 1


def test_everything_of_an_account(sandbox):
    iam = sandbox.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=POLICY, Description="d")["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=True)
    for index in range(3):
        iam.create_role(RoleName=f"r{index}", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn, Tags=[{"Key": "n", "Value": str(index)}])
    iam.put_role_policy(RoleName="r1", PolicyName="inline", PolicyDocument=POLICY)
    iam.attach_role_policy(RoleName="r1", PolicyArn=arn)
    pages = iam.get_paginator("get_account_authorization_details").paginate(Filter=["Role"], PaginationConfig={"PageSize": 2})
    roles = [role for page in pages for role in page["RoleDetailList"]]
    assert [role["RoleName"] for role in roles] == ["r0", "r1", "r2"]
    role = roles[1]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert role["RolePolicyList"] == [{"PolicyName": "inline", "PolicyDocument": json.loads(POLICY)}]
    assert role["AttachedManagedPolicies"] == [{"PolicyName": "p", "PolicyArn": arn}]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert role["Tags"] == [{"Key": "n", "Value": "1"}]
    assert "Description" not in role and "MaxSessionDuration" not in role
    own = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])
    [policy] = own["Policies"]
    assert own["RoleDetailList"] == [] and (policy["Arn"], policy["Description"]) == (arn, "d")
    default = [version["VersionId"] for version in policy["PolicyVersionList"] if version["IsDefaultVersion"]]
    assert default == [policy["DefaultVersionId"]] == ["v2"]
    assert "Tags" not in policy
    everything = iam.get_account_authorization_details(MaxItems=1000)
    assert len(everything["Policies"]) > 10 and len(everything["RoleDetailList"]) == 3
    with pytest.raises(iam.exceptions.ClientError) as caught:
        iam.get_account_authorization_details(Filter=["Roles"])
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def google(sandbox, service, version):
    return googleapiclient.discovery.build(
        service,
        version,
        credentials=Credentials("sandbox"),
        client_options=ClientOptions(api_endpoint=f"{sandbox.google}/compute/v1/" if service == "compute" else sandbox.google),
        static_discovery=True,
    )


def test_machine_types(sandbox):
    compute = google(sandbox, "compute", "v1")
    types = compute.machineTypes()
    found = types.get(project="shop", zone="europe-west1-b", machineType="n2-standard-4").execute()
    assert (found["guestCpus"], found["memoryMb"], found["isSharedCpu"]) == (4, 16384, False)
    custom = types.get(project="shop", zone="europe-west1-b", machineType="n2-custom-6-10240").execute()
    assert (custom["guestCpus"], custom["memoryMb"]) == (6, 10240)
    with pytest.raises(googleapiclient.errors.HttpError) as caught:
        types.get(project="shop", zone="europe-west1-b", machineType="huge").execute()
    assert caught.value.status_code == 404

    def names(zone):
        listed, request = [], types.list(project="shop", zone=zone, maxResults=50)
        while request is not None:
            answer = request.execute()
            listed += [item["name"] for item in answer.get("items", [])]
            request = types.list_next(request, answer)
        return listed

    here, there = names("europe-west1-b"), names("europe-west4-a")
    assert "e2-medium" in here and len(here) == len(set(here)) > 50
    assert set(there) - set(here) == {f"t2a-standard-{n}" for n in (1, 2, 4, 8, 16, 32, 48)}


def test_databases(sandbox):
    sql = google(sandbox, "sqladmin", "v1")
    tiers = {tier["tier"]: tier["region"] for tier in sql.tiers().list(project="shop").execute()["items"]}
    assert "europe-west1" in tiers["db-n1-standard-1"] and "db-perf-optimized-N-2" in tiers
    flags = sql.flags().list(databaseVersion="MYSQL_8_4").execute()["items"]
    assert "slow_query_log" in {flag["name"] for flag in flags}
    assert all("MYSQL_8_4" in flag["appliesTo"] for flag in flags)
