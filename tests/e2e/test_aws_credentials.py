"""Where AWS credentials come from, by real servers: refire codecommit-credential, which
fetches them and signs a password. The password is recomputed here, from the same keys.
"""
import hashlib
import hmac
import json
import os
import tempfile
import time

import harness
from receiver import Reply, answer, status

HOST = "git-codecommit.eu-west-1.amazonaws.com"
ASKED = ("protocol=https\nhost=%s\npath=v1/repos/web\n\n" % HOST).encode()
LATER = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
SENT = json.dumps({"Code": "Success", "AccessKeyId": "AK", "SecretAccessKey": "sk", "Token": "tk/",
                   "Expiration": LATER}).encode()


def role(access):
    return ("<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId>"
            "<SecretAccessKey>rs</SecretAccessKey><SessionToken>rt</SessionToken>"
            "<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
            % (access, LATER)).encode()


def says(body, code=200):
    def play(connection, request):
        connection.sendall(answer(code, body=body))
        return True
    return Reply(play, "says")


def password(secret, date):
    """As git-remote-codecommit and the AWS CLI make it."""
    text = "GIT\n/v1/repos/web\n\nhost:%s\n\nhost\n" % HOST
    scope = date[:8] + "/eu-west-1/codecommit/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date[:-1], scope, hashlib.sha256(text.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/") + [text]:
        part = date[:8] if part == scope.split("/")[0] else part
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return date + key.hex()


class Home:
    """A home with AWS's files in it, and the helper run there."""

    def __init__(self, t, config="", credentials=""):
        folder = tempfile.TemporaryDirectory()
        t.cleanup(folder.cleanup)
        self.dir = folder.name
        self.env = {"AWS_CONFIG_FILE": self.file("config", config),
                    "AWS_SHARED_CREDENTIALS_FILE": self.file("credentials", credentials)}

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def ask(self, *args, asked=ASKED, **env):
        argv = [os.path.join(harness.BUILD, "refire-codecommit-credential"), *args, "get"]
        code, out, err = harness.run(argv, env={"PATH": os.environ["PATH"], **self.env, **env}, stdin=asked)
        return code, dict(x.split("=", 1) for x in out.decode().splitlines()), err.decode()


def right(t, got, access, secret):
    code, said, err = got
    t.eq((code, said.get("username")), (0, access), err)
    t.eq(said["password"], password(secret, said["password"][:16]), "the password")
    t.ok(abs(int(said["password_expiry_utc"]) - time.time() - 900) < 60, "good for 15 minutes")


def test_environment_and_files(t):
    home = Home(t, "[profile web]\nregion = eu-west-1\n",
                "[default]\naws_access_key_id=DK\naws_secret_access_key=ds\n"
                "[web]\naws_access_key_id=WK\naws_secret_access_key=ws\n")
    right(t, home.ask(AWS_ACCESS_KEY_ID="EK", AWS_SECRET_ACCESS_KEY="es"), "EK", "es")
    right(t, home.ask(AWS_ACCESS_KEY_ID="EK", AWS_SECRET_ACCESS_KEY="es", AWS_SESSION_TOKEN="t"), "EK%t", "es")
    right(t, home.ask(), "DK", "ds")
    right(t, home.ask("--profile", "web", AWS_ACCESS_KEY_ID="EK", AWS_SECRET_ACCESS_KEY="es"), "WK", "ws")


def test_program(t):
    home = Home(t)
    home.file("config", "[default]\ncredential_process = %s 'a b'\n" % home.file(
        "get", "#!/bin/sh\n[ \"$1\" = 'a b' ] || exit 3\n[ -z \"$AWS_CONFIG_FILE\" ] || exit 4\necho warning >&2\n"
        "echo '{\"Version\":1,\"AccessKeyId\":\"PK\",\"SecretAccessKey\":\"ps\"}'\n", 0o700))
    right(t, home.ask(), "PK", "ps")
    home.file("get", "#!/bin/sh\necho 'sign in first' >&2\nexit 1\n", 0o700)
    code, _, err = home.ask()
    t.eq(code, 77, err)
    t.has(err, "credential_process of [default]: it ended with status 1: sign in first", "the reason")


def test_container(t):
    server = t.receiver()
    server.then = says(SENT)
    home = Home(t)
    url = "http://127.0.0.1:%d/creds" % server.port
    right(t, home.ask(AWS_CONTAINER_CREDENTIALS_FULL_URI=url, AWS_CONTAINER_AUTHORIZATION_TOKEN="Basic x"),
          "AK%tk/", "sk")
    t.eq(server.requests[0].headers["authorization"], "Basic x", "the token is shown")
    right(t, home.ask(AWS_CONTAINER_CREDENTIALS_FULL_URI=url,
                      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=home.file("token", "from-file\n")), "AK%tk/", "sk")
    t.eq(server.requests[1].headers["authorization"], "from-file", "of a file")
    code, _, err = home.ask(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://example.org/creds")
    t.eq(code, 78, err)
    t.has(err, "must be https, or http to this machine", "elsewhere it is not sent")


def test_machine(t):
    server = t.receiver()
    server.script(says(b"TOK"), says(b"web-role\n"), says(SENT))
    home = Home(t)
    right(t, home.ask(AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:%d/" % server.port), "AK%tk/", "sk")
    asked = [(r.method, r.path, r.headers.get("x-aws-ec2-metadata-token")) for r in server.requests]
    t.eq(asked, [("PUT", "/latest/api/token", None),
                 ("GET", "/latest/meta-data/iam/security-credentials/", "TOK"),
                 ("GET", "/latest/meta-data/iam/security-credentials/web-role", "TOK")], "version 2 alone")
    server.script(status(403))
    code, _, err = home.ask(AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:%d" % server.port)
    t.eq((code, len(server.requests)), (77, 4), "a refused token is the end: " + err)
    code, _, err = home.ask(AWS_EC2_METADATA_DISABLED="true")
    t.eq(code, 78, err)
    t.has(err, "no AWS credentials: none in the environment", "what was looked at")


def test_roles(t):
    import awsverify
    server = t.receiver()
    server.then = says(role("RK"))
    home = Home(t, "[profile deploy]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = base\nexternal_id = e&x\n"
                "[profile both]\nrole_arn = arn:aws:iam::1:role/b\nsource_profile = deploy\nduration_seconds = 900\n",
                "[base]\naws_access_key_id=BK\naws_secret_access_key=bs\n")
    sts = {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:%d" % server.port}
    right(t, home.ask("--profile", "deploy", **sts), "RK%rt", "rs")
    t.eq(awsverify.signature_wrong(server.requests[0], {"BK": ("bs", "")}, "eu-west-1", "sts"), None, "signed")
    t.has(server.requests[0].body.decode(), "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa&RoleSessionName=refire"
               "&ExternalId=e%26x", "what is asked")
    right(t, home.ask("--profile", "both", "--role", "arn:aws:iam::2:role/c", **sts), "RK%rt", "rs")
    keys = {"BK": ("bs", ""), "RK": ("rs", "rt")}
    t.eq([awsverify.signature_wrong(r, keys) for r in server.requests[1:]], [None] * 3, "one role over another")
    t.has(server.requests[2].body.decode(), "DurationSeconds=900", "its length")
    server.script(says(b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: x is not authorized to "
                       b"perform: sts:AssumeRole</Message></Error></ErrorResponse>", 403))
    code, _, err = home.ask("--profile", "deploy", **sts)
    t.eq(code, 77, err)
    t.has(err, "AWS credentials from arn:aws:iam::1:role/a: AccessDenied: User: x is not authorized", "why")


def test_web_identity(t):
    server = t.receiver()
    server.then = says(role("WK"))
    home = Home(t)
    sts = {"AWS_ENDPOINT_URL": "http://127.0.0.1:%d" % server.port, "AWS_ROLE_ARN": "arn:aws:iam::1:role/w",
           "AWS_WEB_IDENTITY_TOKEN_FILE": home.file("jwt", "eyJ.a+b\n")}
    right(t, home.ask(**sts), "WK%rt", "rs")
    t.ok("authorization" not in server.requests[0].headers, "not signed: the token says who")
    t.has(server.requests[0].body.decode(), "Action=AssumeRoleWithWebIdentity", "the call")
    t.has(server.requests[0].body.decode(), "WebIdentityToken=eyJ.a%2Bb", "the token")


def test_git_asks(t):
    """As git itself asks it, and what it says where it cannot help."""
    home = Home(t, "", "[default]\naws_access_key_id=DK\naws_secret_access_key=ds\n")
    config = ["-c", "credential.helper=!%s/refire-codecommit-credential" % harness.BUILD]
    env = {"PATH": os.environ["PATH"], "GIT_TERMINAL_PROMPT": "0", **home.env}
    code, out, err = harness.run(["git", *config, "-c", "credential.useHttpPath=true", "credential", "fill"],
                                 env=env, stdin=ASKED)
    said = dict(x.split("=", 1) for x in out.decode().splitlines())
    t.eq((code, said["username"]), (0, "DK"), err)
    t.eq(said["password"], password("ds", said["password"][:16]), "the password")
    code, _, err = harness.run(["git", *config, "credential", "fill"], env=env, stdin=ASKED)
    t.has(err.decode(), "useHttpPath true", "what is to be set")
    code, _, err = home.ask(asked=b"protocol=https\nhost=example.org\npath=x\n\n")
    t.eq(code, 78, err)
    t.has(err, "is no host of CodeCommit", "another host")
    code, out, err = harness.run([os.path.join(harness.BUILD, "refire-codecommit-credential"), "store"], stdin=ASKED)
    t.eq((code, out), (0, b""), err)


if __name__ == "__main__":
    harness.main()
