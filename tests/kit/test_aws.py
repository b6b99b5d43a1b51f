"""Signature version 4: what we compute is what Amazon's own library computes."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jackfield.aws import AwsSignature, signed
from jackfield.exchange import FileUse, Request

PYTHON = Path(__file__).resolve().parents[2] / ".venv-services" / "more" / "bin" / "python"
NOW = datetime(2026, 1, 31, 12, 30, 45, tzinfo=UTC)
CREDENTIALS = {"region": "eu-central-1", "accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "wJalr/XUtnFEMI+K7MDENG"}
THEIRS = """
import datetime, json, sys
from unittest import mock
import botocore.auth, botocore.awsrequest, botocore.credentials
asked = json.load(sys.stdin)
key = botocore.credentials.Credentials(asked["accessKeyId"], asked["secretAccessKey"])
way = botocore.auth.S3SigV4Auth if asked["service"] == "s3" else botocore.auth.SigV4Auth
request = botocore.awsrequest.AWSRequest(asked["method"], asked["url"], dict(asked["headers"]), asked["body"].encode())
request.context["payload_signing_enabled"] = True
now = datetime.datetime.fromisoformat(asked["now"])
with mock.patch.object(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: now.replace(tzinfo=None)):
    way(key, asked["service"], asked["region"]).add_auth(request)
print(request.headers["Authorization"])
"""

needs_botocore = pytest.mark.skipif(
    not PYTHON.exists(), reason="botocore comes with: make .venv-services/more/.installed"
)


def theirs(request: Request, service: str) -> str:
    asked = {
        **CREDENTIALS,
        "service": service,
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "body": request.body.decode(),
        "now": NOW.isoformat(),
    }
    done = subprocess.run([PYTHON, "-c", THEIRS], input=json.dumps(asked), capture_output=True, text=True, check=True)
    return done.stdout.strip()


@needs_botocore
@pytest.mark.parametrize(
    ("service", "request_"),
    [
        ("s3", Request("GET", "https://s3.example.com/")),
        ("s3", Request("GET", "https://s3.example.com/mugs?list-type=2&prefix=a%2Fb&start-after=&max-keys=2")),
        ("s3", Request("PUT", "http://127.0.0.1:5000/mugs/a%20b/%C3%A9%2B~.txt", (("Content-Type", "a/b"),), b"tea")),
        ("s3", Request("POST", "https://s3.example.com/mugs/large?uploads", (("x-amz-acl", "private "),))),
        ("sqs", Request("POST", "https://sqs.example.com/queue", (("Content-Type", "a/b"),), b"{}")),
    ],
)
def test_a_signature_is_the_one_amazons_library_computes(service: str, request_: Request):
    ours = signed(request_, CREDENTIALS, service, NOW)

    bare = Request(ours.method, ours.url, tuple(pair for pair in ours.headers if pair[0] != "Authorization"), ours.body)
    assert dict(ours.headers)["Authorization"] == theirs(bare, service)


def test_what_may_be_encoded_is_encoded_before_it_is_signed():
    ours = signed(Request("GET", "https://s3.example.com/a+b/(c)%2fd?z=1&a=x y"), CREDENTIALS, "s3", NOW)

    assert ours.url == "https://s3.example.com/a%2Bb/%28c%29%2Fd?a=x%20y&z=1"


def test_the_body_of_a_file_is_not_looked_at():
    ours = signed(Request("PUT", "https://s3.example.com/a", files=FileUse(("file:a",))), CREDENTIALS, "s3", NOW)

    assert dict(ours.headers)["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"


def test_the_key_itself_is_in_no_request():
    ours = AwsSignature().sign(Request("GET", "https://s3.example.com/a"), CREDENTIALS)

    assert CREDENTIALS["secretAccessKey"] not in repr(ours)
    assert AwsSignature().secrets(CREDENTIALS) == [CREDENTIALS["secretAccessKey"]]
