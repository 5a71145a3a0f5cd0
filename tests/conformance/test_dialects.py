"""run: timeout=300
Every dialect against the verifiers that receivers use (receivers.mjs), by real pushes:
each kind of change, names and messages in UTF-8 and in none, forced updates, deletes,
2,100 commits at once, and wrong secrets. `make conformance` installs the verifiers.
"""
import base64
import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import harness      # noqa: E402
from harness import BUILD, ROOT     # noqa: E402

MODULES = os.environ.get("REFIRE_CONFORMANCE_MODULES") or os.path.join(BUILD, "conformance")
CDEVENTS = os.path.join(os.path.dirname(ROOT), "shared", "data", "cdevents")
STANDARD = "whsec_" + base64.b64encode(b"a new key of thirty-two bytes ok").decode()
STANDARD_OLD = "whsec_" + base64.b64encode(b"the old key, while all change over").decode()
# path of the receiver -> (format, secret file's lines)
SECRETS = {"github": "GitHub's secret", "gitea": "Gitea's secret", "gitlab": "GitLab's token",
           "codecommit": "CodeCommit's secret"}


class Receivers:
    """receivers.mjs, and what it logged."""

    def __init__(self, site, secrets):
        self.lines, self.errors = [], site.path("receivers.log")
        os.makedirs(site.path("receivers"))
        with open(site.path("receivers", "secrets.json"), "w") as f:
            json.dump(secrets, f)
        argv = ["node", os.path.join(ROOT, "tests", "conformance", "receivers.mjs"),
                site.path("receivers")]
        if os.path.isdir(CDEVENTS):
            argv.append(CDEVENTS)
        env = dict(os.environ, REFIRE_CONFORMANCE_MODULES=MODULES)
        with open(self.errors, "wb") as log:
            self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log,
                                            stdin=subprocess.DEVNULL, env=env)
        first = self.process.stdout.readline()
        if not first:
            with open(self.errors) as f:
                raise harness.Gone("receivers.mjs ended:\n%s" % f.read()[-2000:])
        self.port = json.loads(first)["port"]
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def url(self, path):
        return "http://127.0.0.1:%d/%s" % (self.port, path)

    def of(self, path):
        return [x for x in self.lines if x["path"] == "/" + path]

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.reader.join(10)


def ed25519(site):
    """A key made as the manual says: (whsk_ line, public key in DER and base64)."""
    site_key = site.path("ed25519.pem")
    for argv in (["openssl", "genpkey", "-algorithm", "ed25519", "-out", site_key],):
        subprocess.run(argv, check=True)
    der = subprocess.run(["openssl", "pkey", "-in", site_key, "-outform", "DER"],
                         check=True, stdout=subprocess.PIPE).stdout
    public = subprocess.run(["openssl", "pkey", "-in", site_key, "-pubout", "-outform", "DER"],
                            check=True, stdout=subprocess.PIPE).stdout
    return "whsk_" + base64.b64encode(der[-32:]).decode(), base64.b64encode(public).decode()


PATHS = {       # receiver -> (format, name of its secret)
    "octokit": ("github", "github"), "github-webhook-handler": ("github", "github"),
    "github-schema": ("github", "github"), "gitea": ("gitea", "gitea"),
    "gitea-signature": ("gitea", "gitea"), "gitlab": ("gitlab", "gitlab"),
    "gitlab-token": ("gitlab", "gitlab"), "standard": ("standard", "standard"),
    "standard-old": ("standard", "standard"), "standard-v1a": ("standard", "standard"),
    "cloudevents": ("cloudevents", "github"),
    "cloudevents-binary": ("cloudevents-binary", "github"),
    "cdevents": ("cdevents", "github"), "codecommit": ("codecommit", "codecommit"),
}


def rig(t, wrong=False):
    """A repository whose every push goes to every receiver."""
    if not harness.find_program("node") or not os.path.isdir(
            os.path.join(MODULES, "node_modules", "standardwebhooks")):
        t.skip("the verifiers are not installed: make conformance")
    site = t.site()
    private, public = ed25519(site)
    receivers = t.use(Receivers(site, dict(SECRETS, standard=STANDARD, standardOld=STANDARD_OLD,
                                           v1aPublic=public)))
    lines = {name: value + "\n" for name, value in SECRETS.items()}
    lines["gitlab"] += STANDARD + "\n"
    lines["standard"] = "\n".join([STANDARD, private, STANDARD_OLD]) + "\n"
    if wrong:
        other = "whsec_" + base64.b64encode(b"a key nobody else has, wrong here").decode()
        lines = {name: "wrong\n" for name in lines}
        lines["standard"] = other + "\n"
    for path, (form, secret) in PATHS.items():
        site.pipeline(path, receivers.url(path), format=form, rejected_tries="1",
                      secret_file=site.secret(path + ".own", lines[secret].encode()))
    site.refire_keys["account-id"] = "123456789012"
    site.repository("web")
    if not os.path.isdir(CDEVENTS):
        t.diag("not run: CDEvents' own schemas are not here (%s)" % CDEVENTS)
    return site, receivers


def settle(site, deliveries):
    site.must("send", "--config", site.conf)
    site.wait_states(120, DELIVERED=deliveries)


def check_all(t, receivers, expected):
    """Every request was accepted, and each path has as many as the change has messages.
    What a receiver answered may be logged a moment later."""
    harness.wait_until(lambda: all(len(receivers.of(path)) >= len(expected.get(path, [1]))
                                   for path in PATHS), 20, "the receivers' log")
    bad = [x for x in receivers.lines if x["status"] >= 300 or x.get("error")]
    t.eq([(x["path"], x["status"], x.get("error")) for x in bad], [], "refused")
    for path, events in expected.items():
        t.eq([x.get("event") for x in receivers.of(path)], events, path)


def push(t, site, receivers, work, refspecs, deliveries, **expected):
    """Push, wait, and compare the events of each GitHub, Gitea and GitLab receiver."""
    del receivers.lines[:]
    work.push(*refspecs)
    settle(site, deliveries * len(PATHS))
    check_all(t, receivers, {"octokit": expected["github"],
                             "github-webhook-handler": expected["github"],
                             "github-schema": expected["github"], "gitea": expected["gitea"],
                             "gitea-signature": expected["gitea"],
                             "gitlab-token": [expected["gitlab"]]})
    return {path: receivers.of(path) for path in PATHS}


def raw_message(work, message):
    """The last commit again, with a message that git itself would have made UTF-8."""
    head = work.git("cat-file", "commit", "HEAD").split("\n\n")[0]
    new = work.git("hash-object", "-t", "commit", "-w", "--stdin",
                   stdin=head.encode() + b"\n\n" + message)
    work.git("update-ref", "refs/heads/main", new)
    return new


HOSTILE = "Grüße, 世界 \u202e $(id) \"'\\ <b>\n\nbody\n".encode()


def test_every_kind_of_change(t):
    """create, update, forced, tags, deletes; in one repository, to fourteen receivers."""
    site, receivers = rig(t)
    work = site.work()
    first = work.commit("first")
    got = push(t, site, receivers, work, ["main"], 1, github=["create", "push"],
               gitea=["create", "push"], gitlab="Push Hook")
    t.eq(got["cdevents"][0]["body"]["context"]["type"], "dev.cdevents.branch.created.0.3.0", "type")
    t.eq(got["codecommit"][0]["body"]["detail"]["event"], "referenceCreated", "codecommit")

    work.commit(HOSTILE, {"ünï/文件 x": "1", b"latin-\xe9": b"2"})
    work.commit("to be given another message", {"b": "2"})
    second = raw_message(work, b"not UTF-8: \xe9\xff\n")
    got = push(t, site, receivers, work, ["main"], 2, github=["push"], gitea=["push"],
               gitlab="Push Hook")
    check_update(t, got, first, second)

    work.git("commit", "-q", "--amend", "-m", "instead")
    push(t, site, receivers, work, ["+main"], 3, github=["push"], gitea=["push"],
         gitlab="Push Hook")
    t.eq(receivers.of("cdevents")[0]["body"]["context"]["type"],
         "dev.cdeventsx.refire-branch.updated.0.1.0", "a forced update is no merge")

    work.git("tag", "-a", "-m", "v1\n\nnotes", "v1")
    got = push(t, site, receivers, work, ["v1"], 4, github=["create", "push"], gitea=["create"],
               gitlab="Tag Push Hook")
    t.eq(got["gitlab-token"][0]["body"]["checkout_sha"], work.git("rev-parse", "HEAD"),
         "the tag's commit")
    t.eq(got["gitlab-token"][0]["body"]["message"], "v1\n\nnotes", "the tag's message")
    push(t, site, receivers, work, ["HEAD:refs/tags/light-ü"], 5, github=["create", "push"],
         gitea=["create"], gitlab="Tag Push Hook")
    push(t, site, receivers, work, [":refs/tags/v1"], 6, github=["push", "delete"],
         gitea=["delete"], gitlab="Tag Push Hook")
    push(t, site, receivers, work, ["HEAD:refs/heads/topic/ü"], 7, github=["create", "push"],
         gitea=["create", "push"], gitlab="Push Hook")
    got = push(t, site, receivers, work, [":refs/heads/topic/ü"], 8, github=["push", "delete"],
               gitea=["delete"], gitlab="Push Hook")
    t.eq(got["cdevents"][0]["body"]["subject"]["id"], "topic/%C3%BC", "an id in ASCII")


def check_update(t, got, first, second):
    """Lists, attributes, ids of one update are those of the push, in every dialect."""
    for path in ("octokit", "github-webhook-handler", "gitea"):
        t.eq((got[path][0]["body"]["before"], got[path][0]["body"]["after"]), (first, second), path)
    github, gitea = got["octokit"][0]["body"], got["gitea"][0]["body"]
    t.eq([c["id"] for c in gitea["commits"]], [c["id"] for c in github["commits"]][::-1],
         "Gitea has the newest first")
    t.eq(github["commits"][0]["added"], ["latin-\ufffd", "ünï/文件 x"], "paths")
    t.eq(github["commits"][0]["message"].split("\n")[0],
         HOSTILE.decode().split("\n")[0], "the message as it is")
    gitlab = got["gitlab-token"][0]["body"]
    t.eq((gitlab["total_commits_count"], gitlab["commits"][1]["title"]),
         (2, "not UTF-8: \ufffd\ufffd"), "GitLab's list")
    for path in ("cloudevents", "cloudevents-binary", "cdevents"):
        attributes = got[path][0]["attributes"]
        t.eq(attributes["id"], got[path][0]["delivery"], path + ": id")
        t.eq(attributes["source"], "refire:web", path + ": source")
    for path in ("cloudevents", "cloudevents-binary"):
        event = got[path][0]
        t.eq((event["attributes"]["type"], event["attributes"]["subject"]),
             ("refire.ref.updated", "refs/heads/main"), path)
        t.eq(event["attributes"]["time"][:19], event["body"]["time"][:19], path + ": time")
        t.eq(event["body"]["after"], second, path + ": after")
    event = got["cdevents"][0]
    t.eq((event["body"]["subject"]["id"], event["attributes"]["subject"]), (second, second),
         "change.merged names the commit")
    t.eq(event["body"]["context"]["id"], event["attributes"]["id"], "context and ce-id")
    for path in ("standard", "standard-old", "standard-v1a"):
        t.eq(got[path][0]["body"]["data"]["after"], second, path)
        t.eq(got[path][0]["headers"]["webhook-id"], got[path][0]["delivery"], path + ": id")
    detail = got["codecommit"][0]["body"]["detail"]
    t.eq((detail["commitId"], detail["oldCommitId"]), (second, first), "codecommit")


def test_2100_commits(t):
    """More than GitHub and GitLab list: shortened as they do, and said where there is room."""
    site, receivers = rig(t)
    work = site.work()
    work.commit("first")
    work.push("main")
    settle(site, len(PATHS))
    stream = "".join("commit refs/heads/main\ncommitter a <a@example.org> %d +0000\n"
                     "data 2\nc\n%sM 644 inline f\ndata %d\n%d\n"
                     % (1700000000 + i, "from refs/heads/main^0\n" if i == 0 else "",
                        len(str(i)) + 1, i) for i in range(2100))
    work.git("fast-import", "--quiet", "--force", stdin=stream.encode())
    del receivers.lines[:]
    work.push("main")
    settle(site, 2 * len(PATHS))
    check_all(t, receivers, {"octokit": ["push"], "gitea": ["push"]})
    t.eq(len(receivers.of("octokit")[0]["body"]["commits"]), 2048, "GitHub")
    gitlab = receivers.of("gitlab-token")[0]["body"]
    t.eq((len(gitlab["commits"]), gitlab["total_commits_count"]), (20, 2100), "GitLab")
    t.eq(receivers.of("gitea")[0]["body"]["total_commits"], 2100, "Gitea")
    data = receivers.of("standard")[0]["body"]["data"]
    t.eq((data["total_commits"], data["commits_shortened"]), (2100, True), "refire's own fields")


def test_wrong_secret(t):
    """Every receiver that checks refuses, and nothing counts as delivered there."""
    site, receivers = rig(t, wrong=True)
    work = site.work()
    work.commit("first")
    work.push("main")
    site.must("send", "--config", site.conf)
    unsigned = {"github-schema", "gitlab", "cloudevents", "cloudevents-binary", "cdevents"}
    harness.wait_until(lambda: len(site.queue_json()) == len(PATHS) and not
                       {"READY", "INFLIGHT"} & set(site.states()), 60, "all tried")
    states = {row["pipeline"]: (row["state"], row["http_status"]) for row in site.queue_json()}
    for path in PATHS:
        want = "DELIVERED" if path in unsigned else "FAILED"
        t.eq(states[path][0], want, "%s (%s)" % (path, states[path][1]))
        if want == "FAILED":
            t.ok(400 <= states[path][1] < 500, "%s says %s" % (path, states[path][1]))


if __name__ == "__main__":
    harness.main()
