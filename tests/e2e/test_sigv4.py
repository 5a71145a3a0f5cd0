"""The signer agrees with botocore, on paper and live through curl: Lambda's ARNs in a path,
queries in any order, bodies that are streamed, headers that begin alike, S3's own rules.
"""
import datetime
import hashlib
import json
import os
import subprocess
import tempfile
import time
from unittest import mock

import awsverify
import harness

SIGNER = os.path.join(harness.BUILD, "tests/test-sigv4")
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjE//+=="

# what, method, target, service, headers, body, session
CASES = [
    ("JSON 1.1", "POST", "/", "codepipeline",
     ["Content-Type: application/x-amz-json-1.1", "X-Amz-Target: CodePipeline_20150709.StartPipelineExecution"],
     b'{"name":"web"}', False),
    ("with a session", "POST", "/", "codepipeline", ["Content-Type: application/x-amz-json-1.1"], b"{}", True),
    ("a body of 2 MB", "POST", "/", "events", ["Content-Type: application/x-amz-json-1.1"], b"x" * 2000000, False),
    ("a form", "POST", "/", "sns", ["Content-Type: application/x-www-form-urlencoded; charset=utf-8"],
     b"Action=Publish&Version=2010-03-31&Message=%C3%A9+b", False),
    ("an encoded ARN in the path", "POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3A"
     "function%3Af/invocations?Qualifier=v1", "lambda", ["X-Amz-Invocation-Type: Event"], b"{}", False),
    ("a raw ARN in the path", "POST", "/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/"
     "invocations?Qualifier=v1", "lambda", [], b"{}", False),
    ("an encoded qualifier", "POST", "/2015-03-31/functions/f/invocations?Qualifier=%24LATEST", "lambda", [], b"{}", True),
    ("a raw qualifier", "POST", "/2015-03-31/functions/f/invocations?Qualifier=$LATEST", "lambda", [], b"{}", False),
    ("a space in a path", "GET", "/a%20b/c", "lambda", [], b"", False),
    ("UTF-8 in a path", "GET", "/%E1%88%B4", "lambda", [], b"", False),
    ("sorted parameters", "GET", "/?a=1&b=2", "lambda", [], b"", False),
    ("unsorted parameters", "GET", "/?b=2&a=1&B=3&a=0", "lambda", [], b"", False),
    ("a parameter without a value", "GET", "/bucket?versioning", "s3", [], b"", False),
    ("one with an empty value", "GET", "/bucket?versioning=", "s3", [], b"", False),
    ("S3, a streamed body", "PUT", "/bucket/key.zip", "s3", [], b"zip" * 100000, False),
    ("S3, a space", "PUT", "/bucket/a%20b.zip", "s3", [], b"zip", True),
    ("S3, UTF-8", "PUT", "/bucket/%C3%A9/b/c.zip", "s3", [], b"zip", False),
    ("S3, lower-case digits", "PUT", "/bucket/%c3%a9.zip", "s3", [], b"zip", False),
    ("S3, +", "PUT", "/bucket/a%2Bb", "s3", [], b"zip", False),
    ("S3, a raw + and =", "PUT", "/bucket/a+b=c", "s3", [], b"zip", False),
    ("S3, two slashes", "PUT", "/bucket//a", "s3", [], b"zip", False),
    ("S3, dots", "PUT", "/bucket/a/../b", "s3", [], b"zip", False),
    ("S3, metadata", "PUT", "/bucket/k", "s3", ["x-amz-meta-commit: abc", "Content-Type: application/zip"], b"z", True),
    ("blanks within a value", "PUT", "/bucket/k", "s3", ["x-amz-meta-a: x   y  z"], b"z", False),
    ("names that begin alike", "PUT", "/bucket/k", "s3", ["x-amz-meta-ref-name: main", "x-amz-meta-ref: refs/heads/main"], b"z", False),
    ("a repeated name", "PUT", "/bucket/k", "s3", ["x-amz-meta-a: 1", "x-amz-meta-a: 2"], b"z", False),
    ("names in mixed case", "PUT", "/bucket/k", "s3", ["X-Amz-Meta-Ref: a", "CONTENT-type: text/plain"], b"z", False),
    ("a user agent, and an Expect that is not sent", "POST", "/", "sqs", ["User-Agent: refire/1", "Expect:"], b"{}", False),
]


def body_file(t):
    folder = tempfile.TemporaryDirectory()
    t.cleanup(folder.cleanup)
    return os.path.join(folder.name, "body")


def sign(port, case, date=None):
    _, method, target, service, headers, body, session = case
    date = date or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    url = "http://127.0.0.1:%d%s" % (port, target)
    fields = [date, method, url, service, "us-east-1", hashlib.sha256(body).hexdigest(),
              ACCESS, SECRET, TOKEN if session else ""]
    fields += [h.replace(": ", ":", 1) for h in headers]
    done = subprocess.run([SIGNER, "--sign"], input=("\t".join(fields) + "\n").encode(), check=True,
                          stdout=subprocess.PIPE)
    return url, json.loads(done.stdout)


def send(case, url, signed, file):
    """By curl, which streams a PUT from a file."""
    _, method, _, _, headers, body, _ = case
    argv = ["curl", "-sS", "-m", "20", "--expect100-timeout", "0.05", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, url]
    for header in headers:
        argv += ["-H", header]
    names = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256")
    for name in names:
        if signed[name]:
            argv += ["-H", "%s: %s" % (name, signed[name])]
    with open(file, "wb") as f:
        f.write(body)
    if method == "PUT":
        argv += ["-T", file]
    elif body:
        argv += ["--data-binary", "@" + file]
        if not any(h.lower().startswith("content-type") for h in headers):
            argv += ["-H", "Content-Type:"]
    status, out, err = harness.run(argv)
    if status:
        raise harness.Failed("curl: %d: %s" % (status, err))
    return out.decode()


def test_live_through_curl(t):
    receiver = t.receiver()
    file = body_file(t)
    for n, case in enumerate(CASES):
        with t.case(case[0]):
            url, signed = sign(receiver.port, case)
            t.eq(send(case, url, signed, file), "200", "curl")
            secrets = {ACCESS: (SECRET, TOKEN if case[6] else "")}
            t.eq(awsverify.signature_wrong(receiver.requests[n], secrets, "us-east-1", case[3]), None,
                 "botocore's word")


def test_it_can_tell(t):
    """The judge refuses what is wrong, or it would prove nothing."""
    receiver = t.receiver()
    file = body_file(t)
    url, signed = sign(receiver.port, CASES[0])
    last = signed["Authorization"][-1]
    other = dict(signed, Authorization=signed["Authorization"][:-1] + ("1" if last == "0" else "0"))
    send(CASES[0], url, other, file)
    send(CASES[0][:5] + (b"{}", False), url, signed, file)
    url, late = sign(receiver.port, CASES[0], "2015-08-30T12:36:00Z")
    send(CASES[0], url, late, file)
    secrets = {ACCESS: (SECRET, "")}
    t.eq([awsverify.signature_wrong(r, secrets)[0] for r in receiver.requests],
         ["SignatureDoesNotMatch", "SignatureDoesNotMatch", "RequestTimeTooSkewed"], "what it says")
    t.eq(awsverify.signature_wrong(receiver.requests[0], {}, None)[0], "InvalidClientTokenId", "another key")


def test_presigned(t):
    """The same URL as botocore makes."""
    case = ("", "GET", "/bucket/a%20b.zip?versionId=x/y&response-content-type=a", "s3", [], b"", True)
    url, signed = sign(8080, case, "2024-05-01T10:00:00Z")
    moment = datetime.datetime(2024, 5, 1, 10)
    keys = awsverify.botocore.credentials.Credentials(ACCESS, SECRET, TOKEN)
    request = awsverify.botocore.awsrequest.AWSRequest("GET", url.split("?")[0], params={
        "versionId": "x/y", "response-content-type": "a"})
    auth = awsverify.botocore.auth.S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=900)
    with mock.patch("botocore.auth.datetime") as when:
        when.datetime.utcnow.return_value = moment
        with mock.patch("botocore.auth.get_current_datetime", return_value=moment, create=True):
            auth.add_auth(request)
    ours = signed["presigned"]
    t.eq(ours.split("X-Amz-Signature=")[1], request.url.split("X-Amz-Signature=")[1], "signature")
    t.eq(sorted(ours.split("?")[1].split("&")), sorted(request.url.split("?")[1].split("&")), "parameters")


if __name__ == "__main__":
    harness.main()
