"""The sandbox's Cloud Control as boto3 sees it: a resource's life, its waiter, tokens, refusals."""

import json

import pytest
from botocore.exceptions import ClientError

TYPE = "AWS::SQS::Queue"


@pytest.fixture
def cloud(sandbox):
    return sandbox.client("cloudcontrol")


def done(cloud, answer):
    """Waits for a request, by boto3's own waiter; its last event."""
    token = answer["ProgressEvent"]["RequestToken"]
    waiter = cloud.get_waiter("resource_request_success")
    waiter.wait(RequestToken=token, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    return cloud.get_resource_request_status(RequestToken=token)["ProgressEvent"]


def properties(cloud, identifier, kind=TYPE):
    found = cloud.get_resource(TypeName=kind, Identifier=identifier)
    return json.loads(found["ResourceDescription"]["Properties"])


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value


def test_a_queue_lives(cloud):
    made = done(
        cloud,
        cloud.create_resource(
            TypeName=TYPE,
            DesiredState=json.dumps({"QueueName": "jobs", "DelaySeconds": 5}),
        ),
    )
    url = made["Identifier"]
    assert url.endswith("/jobs")
    assert properties(cloud, url)["Arn"].endswith(":jobs")
    patch = [
        {"op": "replace", "path": "/DelaySeconds", "value": 9},
        {"op": "add", "path": "/Tags", "value": [{"Key": "a", "Value": "b"}]},
    ]
    done(cloud, cloud.update_resource(TypeName=TYPE, Identifier=url, PatchDocument=json.dumps(patch)))
    assert properties(cloud, url)["DelaySeconds"] == 9
    listed = cloud.list_resources(TypeName=TYPE)["ResourceDescriptions"]
    assert [one["Identifier"] for one in listed] == [url]
    done(cloud, cloud.delete_resource(TypeName=TYPE, Identifier=url))
    refused("ResourceNotFoundException", cloud.get_resource, TypeName=TYPE, Identifier=url)


def test_a_request_that_is_sent_twice_is_done_once(cloud):
    arguments = {"TypeName": "AWS::SNS::Topic", "DesiredState": "{}", "ClientToken": "once"}
    first, second = (cloud.create_resource(**arguments) for _ in range(2))
    token = first["ProgressEvent"]["RequestToken"]
    assert second["ProgressEvent"]["RequestToken"] == token
    done(cloud, first)
    assert len(cloud.list_resources(TypeName="AWS::SNS::Topic")["ResourceDescriptions"]) == 1
    arguments["DesiredState"] = '{"DisplayName": "x"}'
    refused("ClientTokenConflictException", cloud.create_resource, **arguments)


def test_what_a_type_does_not_have_fails_with_the_reason(cloud):
    for state, words in [
        ({"QueueNam": "x"}, "extraneous key [QueueNam]"),
        ({"DelaySeconds": "soon"}, "#/DelaySeconds: expected type: Integer"),
        ({"Arn": "x"}, "unsupported property Arn"),
    ]:
        answer = cloud.create_resource(TypeName=TYPE, DesiredState=json.dumps(state))
        token = answer["ProgressEvent"]["RequestToken"]
        with pytest.raises(Exception):
            done(cloud, answer)
        event = cloud.get_resource_request_status(RequestToken=token)["ProgressEvent"]
        assert event["OperationStatus"] == "FAILED"
        assert event["ErrorCode"] == "InvalidRequest"
        assert words in event["StatusMessage"]


def test_what_cannot_be_done(cloud):
    made = done(cloud, cloud.create_resource(TypeName=TYPE, DesiredState='{"QueueName": "q"}'))
    patch = json.dumps([{"op": "add", "path": "/QueueName", "value": "other"}])
    refused(
        "NotUpdatableException",
        cloud.update_resource,
        TypeName=TYPE,
        Identifier=made["Identifier"],
        PatchDocument=patch,
    )
    refused("TypeNotFoundException", cloud.create_resource, TypeName="AWS::No::Such", DesiredState="{}")
    refused("RequestTokenNotFoundException", cloud.get_resource_request_status, RequestToken="r")
    refused("ResourceNotFoundException", cloud.delete_resource, TypeName=TYPE, Identifier="q")
