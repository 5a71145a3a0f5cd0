"""Debian's webhook 2.8.0 as the receiver: it checks the HMAC by itself and runs a
command. It answers a wrong signature with 500, so the delivery waits for the mend."""
import os

import harness

SECRET = b"the right secret"


def hooks(site):
    """Run `pipeline` with the ref and the event, when the HMAC is right."""
    command = site.path("pipeline")
    with open(command, "w") as f:
        f.write('#!/bin/sh\nprintf "%%s %%s\\n" "$1" "$2" >> %s\n' % site.path("ran"))
    os.chmod(command, 0o755)
    return [{
        "id": "ci", "execute-command": command,
        "pass-arguments-to-command": [{"source": "payload", "name": "ref"},
                                      {"source": "header", "name": "X-GitHub-Event"}],
        "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": SECRET.decode(),
                                   "parameter": {"source": "header",
                                                 "name": "X-Hub-Signature-256"}}},
    }]


def ran(site):
    if not os.path.exists(site.path("ran")):
        return []
    with open(site.path("ran")) as f:
        return f.read().splitlines()


def rig(t, secret):
    t.need("webhook")
    site = t.site()
    server = t.use(harness.Webhook(site, hooks(site)))
    site.pipeline("ci", server.url("ci"))
    site.secret("ci", secret)
    site.repository("web")
    work = site.work()
    work.commit()
    work.push("main")
    return site


def test_runs_the_pipeline(t):
    """GitHub's create, then its push. (webhook answers before its command has run, so the
    commands may overtake each other.)"""
    site = rig(t, SECRET)
    harness.wait_until(lambda: len(ran(site)) == 2, 20, "two runs")
    site.wait_states(DELIVERED=1)
    t.eq(sorted(ran(site)), ["main create", "refs/heads/main push"], "what ran")


def test_wrong_secret(t):
    """Nothing runs until the secret is right."""
    site = rig(t, b"a wrong secret")
    site.wait_states(WAITING=1)
    row = site.queue_json()[0]
    t.eq(row["http_status"], 500, "http_status")
    t.eq(ran(site), [], "nothing ran")
    site.secret("ci", SECRET)
    site.retry(row["delivery"])
    t.eq(site.states(), {"DELIVERED": 1}, "after the mend")
    t.eq(len(ran(site)), 2, "both messages ran")


if __name__ == "__main__":
    harness.main()
