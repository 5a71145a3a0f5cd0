"""What a record of the trail must be: CloudTrail's published record contents
(eventVersion 1.11), and what docs/trail.md says of ours.

    for fault in cloudtrail.faults(record): ...
    records = cloudtrail.records(trail_directory)       # sealed and live, as bytes each

Every record that any end-to-end test makes goes through this, when its site is
closed (sandbox.py).
"""
import glob
import gzip
import json
import os
import re
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KB = 1024
IDENTITIES = {"Root", "IAMUser", "AssumedRole", "Role", "FederatedUser", "Directory", "AWSAccount",
              "AWSService", "Unknown", "SAMLUser", "WebIdentityUser"}
EVENT_TYPES = {"AwsApiCall", "AwsServiceEvent"}
NULLABLE = (dict, type(None))
REQUIRED = {"eventTime": str, "eventVersion": str, "userIdentity": dict, "eventSource": str,
            "eventName": str, "awsRegion": str, "sourceIPAddress": str,
            "requestParameters": NULLABLE, "responseElements": NULLABLE, "eventID": str,
            "eventType": str, "eventCategory": str}
OPTIONAL = {"userAgent": str, "errorCode": str, "errorMessage": str, "additionalEventData": dict,
            "requestID": str, "apiVersion": str, "managementEvent": bool, "readOnly": bool,
            "resources": list, "recipientAccountId": str, "serviceEventDetails": dict,
            "sharedEventID": str, "tlsDetails": dict}
SHORT = ("userAgent", "errorCode", "errorMessage", "requestID")         # 1 KB
LONG = {"requestParameters": 100 * KB, "responseElements": 100 * KB, "serviceEventDetails": 100 * KB,
        "additionalEventData": 28 * KB}
WHOLE = 256 * KB


def table_words(heading_from, heading_to, column):
    """Words in backquotes, or of the first column, in tables of docs/trail.md."""
    with open(os.path.join(ROOT, "docs", "trail.md"), encoding="utf-8") as f:
        text = f.read().split("\n## " + heading_from)[1].split("\n## " + heading_to)[0]
    words = set()
    for line in text.splitlines():
        cells = [c.strip() for c in line.split("|")]
        if line.startswith("|") and len(cells) > column and not set(cells[1]) <= set("-"):
            words |= set(re.findall(r"\w+(?:[.-]\w+)*", cells[column]))
    return words


EVENTS = table_words("Events", "Error codes", 1)
SOURCES = table_words("Events", "Error codes", 2)
CODES = table_words("Error codes", "Sealed files", 1)


def is_uuid(text):
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def size(value):
    """Bytes as the trail writes it: compact, and not escaped where it need not be."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8",
                                                                                  "surrogatepass"))


def kinds(record):
    for key, kind in REQUIRED.items():
        if key not in record:
            yield "%s is missing" % key
        elif not isinstance(record[key], kind):
            yield "%s is a %s" % (key, type(record[key]).__name__)
    for key, value in record.items():
        if key not in REQUIRED and key not in OPTIONAL:
            yield "%s is not a field of CloudTrail's" % key
        elif key in OPTIONAL and not isinstance(value, OPTIONAL[key]):
            yield "%s is a %s" % (key, type(value).__name__)


def sizes(record, line):
    if len(line) > WHOLE:
        yield "the record has %d bytes" % len(line)
    for key in SHORT:
        if len(record.get(key, "").encode()) > KB:
            yield "%s has %d bytes" % (key, len(record[key].encode()))
    for key, most in LONG.items():
        if record.get(key) is not None and size(record[key]) > most:
            yield "%s has %d bytes" % (key, size(record[key]))


def values(record):
    if record["eventVersion"] != "1.11":
        yield "eventVersion is %s" % record["eventVersion"]
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["eventTime"]):
        yield "eventTime is %s" % record["eventTime"]
    if record["userIdentity"].get("type") not in IDENTITIES:
        yield "userIdentity.type is %s" % record["userIdentity"].get("type")
    if record["eventType"] not in EVENT_TYPES:
        yield "eventType is %s" % record["eventType"]
    if record["eventCategory"] != "Management":
        yield "eventCategory is %s" % record["eventCategory"]
    if not re.fullmatch(r"\d{12}", record.get("recipientAccountId", "0" * 12)):
        yield "recipientAccountId is %s" % record["recipientAccountId"]
    for key in ("eventID", "requestID", "sharedEventID"):
        if not is_uuid(record.get(key, "0" * 8 + "-0000-0000-0000-" + "0" * 12)):
            yield "%s is %s" % (key, record[key])
    for resource in record.get("resources", []):
        if not {"ARN", "accountId", "type"} >= set(resource) >= {"ARN"} or \
                not resource["ARN"].startswith("arn:"):
            yield "a resource is %s" % resource


def own(record):
    """What docs/trail.md promises."""
    code = record.get("errorCode", "")
    if record["eventSource"].endswith(".refire"):
        if record["eventName"] not in EVENTS or record["eventSource"] not in SOURCES:
            yield "docs/trail.md has no %s of %s" % (record["eventName"], record["eventSource"])
        if record["userIdentity"]["type"] != "Unknown":
            yield "userIdentity.type is %s" % record["userIdentity"]["type"]
        if code and code not in CODES:
            yield "docs/trail.md has no errorCode %s" % code
    if record.get("errorMessage") and not code:
        yield "an errorMessage without an errorCode"
    if not record["userIdentity"].get("principalId") or not record["userIdentity"].get("userName"):
        yield "userIdentity says nobody: %s" % record["userIdentity"]
    sequence = record.get("additionalEventData", {}).get("sequence")
    if not isinstance(sequence, int) or sequence < 1:
        yield "additionalEventData.sequence is %s" % sequence


def faults(line):
    """Sentences about one line; none when it is a record as published."""
    try:
        record = json.loads(line.decode("utf-8", "strict"))
    except ValueError as error:
        return ["no JSON: %s" % error]
    if any(c < 0x20 or c == 0x7f for c in line.rstrip(b"\n")):
        return ["a raw control character"]
    found = list(kinds(record))
    return found or [*sizes(record, line), *values(record), *own(record)]


def live_files(folder):
    return sorted(glob.glob(os.path.join(folder, "*.jsonl")))


def sealed_files(folder):
    return sorted(glob.glob(os.path.join(folder, "refire/AWSLogs/*/CloudTrail/*/*/*/*/*.json.gz")))


def records(folder):
    """Every line of the live files (a torn last one left out), and each sealed record."""
    lines = []
    for name in sealed_files(folder):
        with gzip.open(name) as f:
            text = f.read()
        json.loads(text)
        lines += [x.rstrip(b",") for x in text.split(b"\n")[1:-2]]
    for name in live_files(folder):
        with open(name, "rb") as f:
            lines += f.read().split(b"\n")[:-1]
    return lines
