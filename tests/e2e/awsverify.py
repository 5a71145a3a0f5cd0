"""What AWS would say of a request: its signature recomputed, its shape checked, both with
Debian's python3-botocore, which shares no code with refire.

    why = signature_wrong(request, keys, region, service)      None: it is right
    why = shape_wrong("codepipeline", "StartPipelineExecution", params)

A request is a receiver.Request: raw head and body. Path and query are read as the real
services do: decoded, and encoded strictly again.
"""
import datetime
import hashlib
import re
import sys
import urllib.parse

try:
    import botocore
except ImportError:                     # another python3 stands first in PATH
    sys.path.append("/usr/lib/python3/dist-packages")
    import botocore
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.loaders
import botocore.model
import botocore.validate

AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                           r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})")
EMPTY = hashlib.sha256(b"").hexdigest()


def strict(text, safe=""):
    """As the services spell it, whatever came."""
    raw = urllib.parse.unquote_to_bytes(text.encode("latin-1"))
    return urllib.parse.quote(raw, safe=safe + "-_.~")


def strict_url(host, target, s3):
    path, _, query = target.partition("?")
    pairs = [p.partition("=")[::2] for p in query.split("&")] if query else []
    query = "&".join("%s=%s" % (strict(n), strict(v)) for n, v in pairs)
    return "http://%s%s?%s" % (host, strict(path, "/") if s3 else path, query)


def signature_of(secret, token, region, service, method, url, headers, body_hash, date):
    """By botocore: of these headers, all of which are signed."""
    keys = botocore.credentials.Credentials("AKID", secret, token)
    auth = (botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth)(
        keys, service, region)
    auth.payload = lambda request: body_hash
    request = botocore.awsrequest.AWSRequest(method=method, url=url)
    for name, value in headers:
        if name in request.headers:
            value = request.headers[name] + "," + value
            del request.headers[name]
        request.headers[name] = value
    request.context["timestamp"] = date
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def signature_wrong(request, secrets, region=None, service=None, skew=900):
    """secrets: {access key: (secret, session token or "")}. The code AWS would answer, and why."""
    match = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if not match:
        return "MissingAuthenticationToken", "no signature"
    access, day, at, of, names, signature = match.groups()
    if access not in secrets:
        return "InvalidClientTokenId", "the security token included in the request is invalid"
    secret, token = secrets[access]
    if region and at != region or service and of != service:
        return "SignatureDoesNotMatch", "scope is %s/%s" % (at, of)
    date = request.headers.get("x-amz-date", "")
    names = names.split(";")
    sent = [n.lower() for n, _ in request.header_list]
    must = [n for n in sent if n.startswith("x-amz-") or n in ("host", "content-type")]
    if [n for n in must if n not in names] or [n for n in names if n not in sent]:
        return "SignatureDoesNotMatch", "signed %s, sent %s" % (names, sent)
    if not date.startswith(day) or request.headers.get("x-amz-security-token", "") != token:
        return "InvalidClientTokenId", "date or session token"
    body_hash = hashlib.sha256(request.body).hexdigest()
    if of == "s3" and request.headers.get("x-amz-content-sha256") not in (body_hash, "UNSIGNED-PAYLOAD"):
        return "XAmzContentSHA256Mismatch", "x-amz-content-sha256"
    if of == "s3":
        body_hash = request.headers["x-amz-content-sha256"]
    when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((datetime.datetime.now(datetime.timezone.utc) - when).total_seconds()) > skew:
        return "RequestTimeTooSkewed", "The difference between the request time and the server's " \
            "time is too large."
    url = strict_url(request.headers["host"], request.path, of == "s3")
    headers = [(n, v) for n, v in request.header_list if n.lower() in names]
    want = signature_of(secret, token, at, of, request.method, url, headers, body_hash, date)
    return None if want == signature else (
        "SignatureDoesNotMatch", "signature %s, by botocore %s" % (signature, want))


LOADER = botocore.loaders.create_loader()


def shape_wrong(service, operation, params):
    """None, or what botocore says of these parameters of a call."""
    model = botocore.model.ServiceModel(LOADER.load_service_model(service, "service-2"), service)
    shape = model.operation_model(operation).input_shape
    report = botocore.validate.ParamValidator().validate(params, shape)
    return report.generate_report() if report.has_errors() else None
