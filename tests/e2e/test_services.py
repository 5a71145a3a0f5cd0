"""Targets that start a pipeline by a service's own API: the exact request, looked at by
code of its own, and what a person is told when the service refuses."""
import base64
import calendar
import json
import os
import subprocess
import time
import urllib.parse

import harness
from receiver import status

TOKEN = "tok-SECRET-0123456789"


def body_json(r):
    return json.loads(r.body)


def form(r):
    return urllib.parse.parse_qs(r.body.decode(), strict_parsing=bool(r.body), keep_blank_values=True)


def split(r):
    """Path and query of a request."""
    path, _, query = r.path.partition("?")
    return path, urllib.parse.parse_qs(query, keep_blank_values=True)


def bearer(r):
    return r.headers.get("authorization")


def basic(r):
    return base64.b64decode(r.headers["authorization"].split(" ")[1]).decode()


def check_gitlab(t, r, new):
    t.eq((r.method, r.path), ("POST", "/api/v4/projects/team%2Fweb/trigger/pipeline"), "request")
    t.eq(r.headers["content-type"], "application/x-www-form-urlencoded", "type")
    t.eq(form(r), {"token": [TOKEN], "ref": ["feature/a+b&c"], "variables[COMMIT]": [new],
                   "variables[WHO]": ["root & co"]}, "form")


def check_gitea(t, r, new):
    t.eq((r.method, r.path), ("POST", "/api/v1/repos/team/web/actions/workflows/build.yml/dispatches"),
         "request")
    t.eq(bearer(r), "token " + TOKEN, "authorization")
    t.eq(body_json(r), {"ref": "refs/heads/feature/a+b&c", "inputs": {"COMMIT": new, "WHO": "root & co"}},
         "body")


def check_drone(t, r, new):
    path, query = split(r)
    t.eq((r.method, path), ("POST", "/api/repos/team/web/builds"), "request")
    t.eq(query, {"branch": ["feature/a+b&c"], "commit": [new], "COMMIT": [new], "WHO": ["root & co"]},
         "query")
    t.eq(bearer(r), "Bearer " + TOKEN, "authorization")


def check_buildkite(t, r, new):
    t.eq((r.method, r.path), ("POST", "/v2/organizations/team/pipelines/web/builds"), "request")
    t.eq(bearer(r), "Bearer " + TOKEN, "authorization")
    body = body_json(r)
    t.eq(body.pop("meta_data"), {"refire-delivery": r.headers["x-refire-delivery"]}, "meta_data")
    t.eq(body, {"commit": new, "branch": "feature/a+b&c", "env": {"COMMIT": new, "WHO": "root & co"}},
         "body")


def check_circleci(t, r, new):
    t.eq((r.method, r.path), ("POST", "/api/v2/project/gh/team/web/pipeline"), "request")
    t.eq(r.headers["circle-token"], TOKEN, "token")
    t.eq(body_json(r), {"branch": "feature/a+b&c", "parameters": {"COMMIT": new, "WHO": "root & co"}},
         "body")


def check_azure(t, r, new):
    path, query = split(r)
    t.eq((r.method, path), ("POST", "/team/web%20site/_apis/pipelines/7/runs"), "request")
    t.eq(query, {"api-version": ["7.1"]}, "query")
    t.eq(basic(r), ":" + TOKEN, "authorization")
    t.eq(body_json(r), {"resources": {"repositories": {"self": {"refName": "refs/heads/feature/a+b&c"}}},
                        "variables": {"COMMIT": {"value": new}, "WHO": {"value": "root & co"}}}, "body")


def check_tekton(t, r, new):
    t.eq((r.method, r.path), ("POST", "/apis/tekton.dev/v1/namespaces/ci/pipelineruns"), "request")
    t.eq(bearer(r), "Bearer " + TOKEN, "authorization")
    body = body_json(r)
    name = body["metadata"]["name"]
    t.eq(name, "build-" + r.headers["x-refire-delivery"], "a name of the delivery")
    t.ok(len(name) <= 63, "that is no longer than a label")
    t.eq((body["apiVersion"], body["kind"]), ("tekton.dev/v1", "PipelineRun"), "kind")
    t.eq(body["spec"], {"pipelineRef": {"name": "build"},
                        "params": [{"name": "COMMIT", "value": new}, {"name": "WHO", "value": "root & co"}]},
         "spec")


def check_woodpecker_id(t, r, new):
    t.eq((r.method, r.path), ("POST", "/api/repos/42/pipelines"), "request")
    t.eq(bearer(r), "Bearer " + TOKEN, "authorization")
    t.eq(body_json(r), {"branch": "feature/a+b&c", "variables": {"COMMIT": new, "WHO": "root & co"}}, "body")


def check_workflow(t, r, new):
    t.eq((r.method, r.path), ("POST", "/repos/team/web/actions/workflows/build.yml/dispatches"), "request")
    t.eq(bearer(r), "Bearer " + TOKEN, "authorization")
    t.eq(r.headers["accept"], "application/vnd.github+json", "accept")
    t.eq(r.headers["x-github-api-version"], "2022-11-28", "version")
    t.eq(body_json(r), {"ref": "feature/a+b&c", "inputs": {"COMMIT": new, "WHO": "root & co"}}, "body")


def check_dispatch(t, r, new):
    t.eq((r.method, r.path), ("POST", "/repos/team/web/dispatches"), "request")
    body = body_json(r)
    t.eq(body["event_type"], "pushed", "event_type")
    payload = body["client_payload"]
    t.ok(len(payload) <= 10, "GitHub takes ten members at most")
    t.eq((payload["ref"], payload["sha"], payload["repository"]),
         ("refs/heads/feature/a+b&c", new, "web"), "payload")
    t.eq(payload["variables"], {"COMMIT": new, "WHO": "root & co"}, "variables")


def check_notify(t, r, new):
    path, query = split(r)
    t.eq((r.method, path), ("GET", "/git/notifyCommit"), "request")
    t.eq(query, {"url": ["ssh://git@example.org/web.git"], "branches": ["feature/a+b&c"], "sha1": [new],
                 "token": [TOKEN]}, "query")


def check_generic(t, r, new):
    t.eq((r.method, r.path), ("POST", "/generic-webhook-trigger/invoke"), "request")
    t.eq(r.headers["token"], TOKEN, "token")
    t.eq(body_json(r)["after"], new, "the change")


VARIABLES = {"variables": "COMMIT={commit}, WHO={actor} & co"}
PROJECT = dict(VARIABLES, project="team/web")

# name, target, keys, check, an answer that is good, {status: (answer, words a person is told)}
SERVICES = [
    ("gitlab", "gitlab-pipeline", PROJECT, check_gitlab, 201,
     {401: "token-file", 404: "trigger token", 400: ".gitlab-ci.yml"}),
    ("gitea", "gitea-dispatch", dict(PROJECT, workflow="build.yml"), check_gitea, 204,
     {401: "token-file", 404: "workflow file", 422: "workflow_dispatch"}),
    ("drone", "drone", PROJECT, check_drone, 200, {401: "token-file", 404: "activated"}),
    ("buildkite", "buildkite", PROJECT, check_buildkite, 201,
     {401: "token-file", 404: "no such pipeline", 422: "build this branch"}),
    ("circleci", "circleci", dict(PROJECT, project="gh/team/web"), check_circleci, 201,
     {401: "personal API token", 404: "slug", 400: "parameters"}),
    ("azure", "azure-pipelines", dict(PROJECT, project="team/web site", job="7"), check_azure, 200,
     {203: "expired", 401: "Build (read and execute)", 404: "`job`"}),
    ("tekton", "tekton", dict(VARIABLES, project="ci", job="build"), check_tekton, 201,
     {401: "token-file", 403: "pipelineruns.tekton.dev", 404: "namespace", 422: "PipelineRun"}),
    ("woodpecker", "woodpecker", dict(VARIABLES, project="42"), check_woodpecker_id, 200,
     {401: "token-file", 404: "no such repository"}),
    ("workflow", "github-dispatch", dict(PROJECT, workflow="build.yml"), check_workflow, 204,
     {401: "expired", 404: "may not write", 422: "workflow_dispatch"}),
    ("dispatch", "github-dispatch", dict(PROJECT, **{"event-type": "pushed"}), check_dispatch, 204, {}),
    ("notify", "jenkins", {"trigger": "notify", "git-url": "ssh://git@example.org/web.git"}, check_notify,
     200, {401: "notifyCommit access token", 403: "does not know", 404: "git plugin"}),
    ("generic", "jenkins", {"trigger": "generic"}, check_generic, 200, {404: "Generic Webhook Trigger"}),
]


def pipeline(site, name, target, receiver, keys):
    token = os.path.join(site.path("secrets"), "token")
    os.makedirs(site.path("secrets"), exist_ok=True)
    with open(token, "w") as f:
        f.write(TOKEN + "\n")
    os.chmod(token, 0o600)
    site.pipelines[name] = dict({"repository": "web", "target": target, "token-file": token,
                                 "url": "http://127.0.0.1:%d/" % receiver.port}, **keys)
    site.write_conf()


def test_requests(t):
    """One push; every service gets its own request."""
    site = t.site()
    site.repository("web", quiet=True)
    receivers = {}
    for name, target, keys, _, good, _ in SERVICES:
        receivers[name] = t.receiver()
        receivers[name].then = status(good, body=b'{"message":"made"}')
        pipeline(site, name, target, receivers[name], keys)
    rc, out, err = site.refire("check")
    t.eq(rc, 0, "check: %s" % (out + err))
    work = site.work()
    new = work.commit()
    work.push(new + ":refs/heads/feature/a+b&c")
    site.send()
    for name, _, _, check, _, _ in SERVICES:
        with t.case(name):
            requests = receivers[name].requests
            t.eq(len(requests), 1, "one request")
            t.ok(requests[0].headers["x-refire-delivery"], "names its delivery")
            check(t, requests[0], new)
    t.eq(site.states(), {"DELIVERED": len(SERVICES)}, "all went well")
    t.lacks(json.dumps(site.trail_records()), TOKEN, "no token in the trail")


def test_refusals(t):
    """Each refusal is a sentence that says what to do, with what the service says."""
    site = t.site()
    site.repository("web", quiet=True)
    cases = []
    for name, target, keys, _, _, errors in SERVICES:
        for code, words in errors.items():
            receiver = t.receiver()
            receiver.then = status(code, body=b'{"message":"no: %s"}' % TOKEN.encode())
            cases.append(("%s-%d" % (name, code), code, words))
            pipeline(site, cases[-1][0], target, receiver, dict(keys, **{"rejected-tries": "1"}))
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    rows = {r["pipeline"]: r for r in site.queue_json()}
    for name, code, words in cases:
        with t.case(name):
            row = rows[name]
            t.eq((row["state"], row["http_status"]), ("FAILED", code), "state: %s" % row)
            t.has(row["error"], words, "what is told")
            t.has(row["error"], "it says", "and the service's own words")
            t.lacks(row["error"], TOKEN, "without the token that it repeats")
    rc, out, err = site.refire("explain", rows["gitlab-404"]["delivery"])
    t.has(out, "trigger token", "explain: %s" % err)
    t.lacks(json.dumps(site.trail_records()), TOKEN, "no token in the trail")


def test_jenkins_build(t):
    """A crumb and its session, then the build; and where there are no crumbs."""
    site = t.site()
    site.repository("web", quiet=True)
    receiver = t.receiver()
    crumb = status(200, headers={"Set-Cookie": "JSESSIONID.1=s3ss10n; Path=/; HttpOnly"},
                   body=b'{"crumbRequestField":"Jenkins-Crumb","crumb":"c0ffee-c0ffee"}')
    receiver.script(crumb, status(201), status(404), status(201), crumb, status(403, body=b"no crumb"))
    pipeline(site, "ci", "jenkins", receiver, dict(VARIABLES, trigger="build", job="team a/web",
                                                   username="robot", **{"rejected-tries": "1"}))
    work = site.work()
    for n in range(3):
        new = work.commit("number %d" % n)
        work.push("main")
        site.send()
        first, second = receiver.requests[2 * n:2 * n + 2]
        t.eq((first.method, first.path), ("GET", "/crumbIssuer/api/json"), "the crumb")
        t.eq(basic(first), "robot:" + TOKEN, "authorization")
        t.eq((second.method, second.path), ("POST", "/job/team%20a/job/web/buildWithParameters"), "the build")
        t.eq(basic(second), "robot:" + TOKEN, "authorization")
        t.eq(form(second), {"COMMIT": [new], "WHO": ["root & co"]}, "parameters")
        t.eq(second.headers.get("jenkins-crumb"), None if n == 1 else "c0ffee-c0ffee", "crumb")
        t.eq(second.headers.get("cookie"), None if n == 1 else "JSESSIONID.1=s3ss10n", "session")
    t.eq(site.states(), {"DELIVERED": 2, "FAILED": 1}, "states")
    t.has(site.queue_json()[-1]["error"], "Job/Build", "what is told")
    t.lacks(json.dumps(site.trail_records()), "c0ffee", "no crumb in the trail")


def test_woodpecker_lookup(t):
    """OWNER/NAME is looked up first."""
    site = t.site()
    site.repository("web", quiet=True)
    receiver = t.receiver()
    receiver.script(status(200, body=b'{"id":42,"full_name":"team/web"}'), status(200),
                    status(200, body=b"<html>"), status(404), status(200, body=b'{"id":42}'))
    pipeline(site, "ci", "woodpecker", receiver, dict(VARIABLES, project="team/web",
                                                      **{"rejected-tries": "1"}))
    work = site.work()
    for n in range(3):
        work.commit("number %d" % n)
        work.push("main")
        site.send()
    t.eq([(r.method, r.path) for r in receiver.requests],
         [("GET", "/api/repos/lookup/team/web"), ("POST", "/api/repos/42/pipelines"),
          ("GET", "/api/repos/lookup/team/web"), ("GET", "/api/repos/lookup/team/web")], "requests")
    rows = site.queue_json()
    t.eq([r["state"] for r in rows], ["DELIVERED", "FAILED", "FAILED"], "states")
    t.has(rows[1]["error"], "not Woodpecker", "what is told of something else")
    site.pipelines["ci"]["on"] = "tag"
    site.write_conf()
    work.git("tag", "v1")
    work.push("v1")
    site.send()
    row = site.queue_json()[-1]
    t.eq((row["state"], row["code"]), ("FAILED", "NothingToStart"), "it starts branches only: %s" % row)


def test_tekton_twice(t):
    """A run that is there already was started by the request before."""
    site = t.site()
    site.repository("web", quiet=True)
    receiver = t.receiver()
    receiver.script(status(409, body=b'{"message":"already exists"}'))
    pipeline(site, "ci", "tekton", receiver, {"project": "ci", "job": "build"})
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    t.eq(site.states(), {"DELIVERED": 1}, "it counts as started")


def jwt_parts(token):
    def part(text):
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    head, claims, signature = token.split(".")
    return json.loads(part(head)), json.loads(part(claims)), part(signature), (head + "." + claims).encode()


def check_jwt(t, site, request, public):
    """By openssl: the signature is that of the App's key."""
    head, claims, signature, signed = jwt_parts(bearer(request).split(" ")[1])
    t.eq(head, {"alg": "RS256", "typ": "JWT"}, "head")
    t.eq(claims["iss"], "Iv1.abc", "issuer")
    age = request.time - claims["iat"]
    t.ok(55 <= age <= 120, "issued a minute ago: %s" % age)
    t.ok(claims["exp"] - claims["iat"] <= 600, "for ten minutes at most")
    for name, data in (("signature", signature), ("signed", signed)):
        with open(site.path(name), "wb") as f:
            f.write(data)
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature",
                           site.path("signature"), site.path("signed")], stdout=subprocess.PIPE, check=False)
    t.eq(done.stdout, b"Verified OK\n", "openssl verifies it")


def app_rig(t, *script):
    site = t.site()
    site.repository("web", quiet=True)
    key, public = site.path("app.pem"), site.path("app.pub")
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], stderr=subprocess.DEVNULL, check=True)
    subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], stderr=subprocess.DEVNULL,
                   check=True)
    os.chmod(key, 0o600)
    receiver = t.receiver()
    receiver.script(*script)
    pipeline(site, "ci", "github-dispatch", receiver,
             {"project": "team/web", "workflow": "build.yml", "app-id": "Iv1.abc", "app-key-file": key,
              "rejected-tries": "1"})
    del site.pipelines["ci"]["token-file"]
    site.write_conf()
    return site, receiver, public


ACCESS = "ghs_ACCESS_0123456789"


def access(seconds):
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return status(201, body=json.dumps({"token": ACCESS, "expires_at": until}).encode())


def test_github_app(t):
    """JWT, installation, access token, dispatch; one token for many deliveries."""
    site, receiver, public = app_rig(t, status(200, body=b'{"id":4711}'), access(3600))
    receiver.then = status(204)
    rc, out, err = site.refire("check")
    t.eq(rc, 0, "check: %s" % (out + err))
    work = site.work()
    new = work.commit()
    work.push(*[new + ":refs/heads/b%d" % n for n in range(8)])
    site.send()
    t.eq(site.states(), {"DELIVERED": 8}, "states")
    requests = receiver.requests
    t.eq([(r.method, r.path) for r in requests[:2]],
         [("GET", "/repos/team/web/installation"), ("POST", "/app/installations/4711/access_tokens")],
         "once each")
    for r in requests[:2]:
        check_jwt(t, site, r, public)
    t.eq({r.path for r in requests[2:]}, {"/repos/team/web/actions/workflows/build.yml/dispatches"}, "the rest")
    t.eq(len(requests), 10, "and no more")
    t.eq({bearer(r) for r in requests[2:]}, {"Bearer " + ACCESS}, "by the access token")
    text = json.dumps(site.trail_records())
    t.lacks(text, ACCESS, "no access token in the trail")
    rc, out, _ = site.refire("fire", "ci", "--ref", "b1", "--dry-run")
    t.eq(rc, 0, "dry run")
    t.has(out, "/dispatches", "shows the dispatch")


def test_github_app_faults(t):
    """A limit is waited for; a refused JWT says what to look at."""
    site, receiver, _ = app_rig(
        t, status(200, body=b'{"id":1}'), access(60),
        status(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "%d" % (time.time() + 900)}),
        status(401, body=b'{"message":"A JSON web token could not be decoded"}'))
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    row = site.queue_json()[0]
    t.eq((row["state"], row["code"]), ("WAITING", "ReceiverThrottled"), "a limit: %s" % row)
    wait = calendar.timegm(time.strptime(row["due"], "%Y-%m-%dT%H:%M:%SZ")) - time.time()
    t.ok(800 < wait < 1000, "it waits until the limit is over: %s" % wait)
    site.must("queue", "drop", row["delivery"])
    work.commit("two")
    work.push("main")
    site.send()
    row = site.queue_json()[-1]
    t.eq((row["state"], row["http_status"]), ("FAILED", 401), "a refused JWT: %s" % row)
    t.has(row["error"], "clock", "what is told")
    t.has(row["error"], "could not be decoded", "and what GitHub says")


def test_mistakes(t):
    """Found by `refire check`, with line and key."""
    site = t.site()
    site.repository("web", quiet=True)
    receiver = t.receiver()
    good = {"gitlab-pipeline": PROJECT, "github-dispatch": dict(PROJECT, workflow="x.yml"),
            "jenkins": {"trigger": "build", "job": "x", "username": "u"}, "drone": PROJECT,
            "buildkite": PROJECT, "azure-pipelines": dict(PROJECT, job="1"),
            "tekton": {"project": "ci", "job": "build"}}
    for target, key, value, words in [
            ("gitlab-pipeline", "project", None, "`project`"),
            ("gitlab-pipeline", "variables", "novalue", "NAME=value"),
            ("gitlab-pipeline", "variables", "A={nope}", "{nope}"),
            ("gitlab-pipeline", "job", "x", "azure-pipelines"),
            ("gitlab-pipeline", "url", "http://127.0.0.1/?a=b", "query"),
            ("github-dispatch", "event-type", "x", "`event-type` or `workflow`"),
            ("github-dispatch", "project", "web", "OWNER/REPOSITORY"),
            ("github-dispatch", "app-id", "7", "go together"),
            ("jenkins", "job", None, "needs `job`"),
            ("jenkins", "trigger", None, "`trigger`"),
            ("jenkins", "trigger", "notify", "`trigger = build`"),
            ("buildkite", "project", "web", "ORGANIZATION/PIPELINE"),
            ("azure-pipelines", "job", "build", "definitionId"),
            ("tekton", "job", "Build It", "small letters"),
            ("drone", "url", None, "`url`")]:
        with t.case("%s: %s = %s" % (target, key, value)):
            site.pipelines.clear()
            pipeline(site, "ci", target, receiver, dict(good[target], **{key: value}))
            rc, out, err = site.refire("check")
            t.eq(rc, 78, "refused: %s" % (out + err))
            t.has(out + err, words, "its words")
            t.has(out + err, "refire.conf:", "file and line")
    site.pipelines.clear()
    pipeline(site, "ci", "drone", receiver, PROJECT)
    with open(site.pipelines["ci"]["token-file"], "w") as f:
        f.write("two words\n")
    rc, out, err = site.refire("check")
    t.eq(rc, 1, "a token with a blank")
    t.has(out, "no blanks", "its words")


if __name__ == "__main__":
    harness.main()
