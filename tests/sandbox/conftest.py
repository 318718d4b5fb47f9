"""Starts the sandbox once for all tests: `infra sandbox` of INFRA_BIN, or the example server of SANDBOX_BIN."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config


class Sandbox:
    """A running sandbox and clients for it."""

    def __init__(self, url):
        self.url = url
        self.google = self.control("world")["endpoints"]["google"]

    def client(self, service, region="eu-west-1"):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )

    def control(self, path, body=None):
        data = None if body is None else body.encode()
        with urllib.request.urlopen(f"{self.url}/_sandbox/{path}", data=data) as answer:
            return json.load(answer)


def free_port():
    """The first of four ports that are free now."""
    while True:
        with contextlib.ExitStack() as stack:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            try:
                for following in range(port + 1, port + 4):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", following))
            except (OSError, OverflowError):
                continue
            return port


@pytest.fixture(scope="session")
def server():
    port = free_port()
    if binary := os.environ.get("INFRA_BIN"):
        command = [binary, "sandbox", "--listen", f"127.0.0.1:{port}"]
    elif binary := os.environ.get("SANDBOX_BIN"):
        command = [binary, str(port)]
    else:
        pytest.skip("INFRA_BIN does not name the program")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"{url}/_sandbox/world")
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, "the sandbox did not start"
            time.sleep(0.02)
    yield Sandbox(url)
    process.kill()
    process.wait()


@pytest.fixture
def sandbox(server):
    """The sandbox with an empty world and no faults."""
    server.control("faults", "")
    server.control("reset", "")
    return server
