"""The sandbox's fault `late` as the clouds' own clients see it: what is new is refused in the services' words, and known later."""

import json
import time
import urllib.error
import urllib.request

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.resource.resources import ResourceManagementClient
from botocore.exceptions import ClientError
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError

LATE = 1.5
SUBSCRIPTION = "00000000-0000-4000-8000-5a4db0c50001"
TENANT = "00000000-0000-4000-8000-5a4db0c50000"
CLIENT = "00000000-0000-4000-8000-5a4db0c5c11e"


@pytest.fixture
def late(sandbox):
    sandbox.control("faults", f"late={int(LATE * 1000)}")
    yield sandbox
    sandbox.control("faults", "")


def later():
    time.sleep(LATE + 0.1)


def test_roles_and_policies_of_buckets_on_aws(late):
    iam, kms, s3, ec2, secrets = map(late.client, ["iam", "kms", "s3", "ec2", "secretsmanager"])
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    s3.create_bucket(Bucket="late-logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    secret = secrets.create_secret(Name="late", SecretString="x")["ARN"]

    def policy(principal, resource="*", action="kms:*"):
        statement = {"Effect": "Allow", "Action": action, "Resource": resource, "Principal": principal}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def trust(principal):
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    arn = iam.create_role(RoleName="late", AssumeRolePolicyDocument=trust({"Service": "vpc-flow-logs.amazonaws.com"}))["Role"]["Arn"]
    who = {"AWS": arn}
    bucket = policy(who, "arn:aws:s3:::late-logs/*", "s3:GetObject")
    to_logs = dict(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="g", DeliverLogsPermissionArn=arn)
    calls = [
        ("MalformedPolicyDocumentException", kms.create_key, dict(Policy=policy(who))),
        ("MalformedPolicyDocumentException", secrets.put_resource_policy, dict(SecretId=secret, ResourcePolicy=policy(who, action="secretsmanager:GetSecretValue"))),
        ("MalformedPolicyDocument", iam.create_role, dict(RoleName="other", AssumeRolePolicyDocument=trust(who))),
        ("MalformedPolicy", s3.put_bucket_policy, dict(Bucket="late-logs", Policy=bucket)),
        ("InvalidParameter", ec2.create_flow_logs, to_logs),
    ]
    for code, call, arguments in calls:
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == code
    later()
    for _, call, arguments in calls:
        call(**arguments)

    # The bucket's policy is new now; and what is not done is told in an answer that is no error.
    to_bucket = dict(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3", LogDestination="arn:aws:s3:::late-logs")
    answer = ec2.create_flow_logs(**to_bucket)
    assert answer["FlowLogIds"] == []
    error = answer["Unsuccessful"][0]["Error"]
    assert (error["Code"], error["Message"]) == ("400", "Access Denied for LogDestination: late-logs. Please check LogDestination permission")
    later()
    assert len(ec2.create_flow_logs(**to_bucket)["FlowLogIds"]) == 1


def test_accounts_grants_and_services_on_google(late):
    def client(name, version="v1"):
        document = json.loads(get_static_doc(name, version))
        document["rootUrl"] = late.google + "/"
        document.pop("mtlsRootUrl", None)
        return build_from_document(document, credentials=Credentials("sandbox"))

    def refused(status, request, words):
        with pytest.raises(HttpError) as caught:
            request.execute()
        assert caught.value.resp.status == status, caught.value
        assert words in json.loads(caught.value.content)["error"]["message"]

    project = "projects/sandbox-project"
    rings = client("cloudkms").projects().locations().keyRings()
    place = f"{project}/locations/europe-west1"
    ring = rings.create(parent=place, keyRingId="r", body={}).execute()["name"]
    key = rings.cryptoKeys().create(parent=ring, cryptoKeyId="k", body={"purpose": "ENCRYPT_DECRYPT"}).execute()["name"]
    account = client("iam").projects().serviceAccounts().create(name=project, body={"accountId": "late-account"}).execute()["email"]

    def grant(member):
        binding = {"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "members": [f"serviceAccount:{member}"]}
        return rings.cryptoKeys().setIamPolicy(resource=key, body={"policy": {"bindings": [binding]}})

    def bucket():
        body = {"name": "late-bucket", "location": "EUROPE-WEST1", "encryption": {"defaultKmsKeyName": key}}
        return client("storage").buckets().insert(project="sandbox-project", body=body)

    refused(400, grant(account), f"Service account {account} does not exist")
    refused(403, bucket(), "Permission denied on Cloud KMS key")
    later()
    grant(account).execute()
    # It has a role now, but is not the agent.
    later()
    refused(403, bucket(), "Permission denied on Cloud KMS key")
    # Asking for the agent makes it.
    agent = client("storage").projects().serviceAccount().get(projectId="sandbox-project").execute()["email_address"]
    grant(agent).execute()
    refused(403, bucket(), "Permission denied on Cloud KMS key")
    later()
    bucket().execute()

    client("serviceusage").services().enable(name=f"{project}/services/sqladmin.googleapis.com", body={}).execute()
    instances = client("sqladmin").instances().list(project="sandbox-project")
    # Enabling takes its own time first.
    deadline = time.monotonic() + 20
    refused(403, instances, "wait a few minutes for the action to propagate")
    while True:
        try:
            instances.execute()
            break
        except HttpError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


class Token(SansIOHTTPPolicy):
    def on_request(self, request):
        request.http_request.headers["Authorization"] = "Bearer sandbox"


def test_principals_and_assignments_on_azure(late):
    url = late.control("world")["endpoints"]["azure"]

    def client(kind):
        return kind(
            credential=object(),
            subscription_id=SUBSCRIPTION,
            base_url=url,
            authentication_policy=Token(),
            polling_interval=0,
            retry_total=0,
        )

    def refused(status, code, call):
        with pytest.raises(HttpResponseError) as caught:
            call()
        assert (caught.value.status_code, caught.value.error.code) == (status, code), caught.value
        return caught.value.error

    client(ResourceManagementClient).resource_groups.create_or_update("g", {"location": "westeurope"})
    vault = client(KeyVaultManagementClient).vaults.begin_create_or_update("g", "late-vault", {
        "location": "westeurope",
        "properties": {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True},
    }).result()
    identity = client(ManagedServiceIdentityClient).user_assigned_identities.create_or_update("g", "who", {"location": "westeurope"})
    assignments = client(AuthorizationManagementClient).role_assignments
    roles = client(AuthorizationManagementClient).role_definitions.list(vault.id, filter="roleName eq 'Key Vault Administrator'")
    role = next(iter(roles)).id

    def assign(name, principal, **more):
        properties = {"roleDefinitionId": role, "principalId": principal, **more}
        return assignments.create(vault.id, f"00000000-0000-4000-8000-00000000000{name}", {"properties": properties})

    # With its type said, a principal is believed.
    refused(400, "PrincipalNotFound", lambda: assign(1, identity.principal_id))

    def secret():
        body = json.dumps({"value": "b"}).encode()
        headers = {"Authorization": "Bearer sandbox", "Content-Type": "application/json"}
        return urllib.request.Request(f"{vault.properties.vault_uri}secrets/a?api-version=7.4", data=body, headers=headers, method="PUT")

    def denied():
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(secret())
        error = json.load(caught.value)["error"]
        assert (caught.value.code, error["code"], error["innererror"]["code"]) == (403, "Forbidden", "ForbiddenByRbac")
        assert error["message"].startswith("Caller is not authorized to perform action on resource.")

    denied()
    assign(2, CLIENT)
    denied()
    later()
    assign(1, identity.principal_id)
    assert json.load(urllib.request.urlopen(secret()))["value"] == "b"
