"""Sealed files and digests: what is read is the same, what is changed is seen, what a
crash leaves is mended. TORTURE=1: 10,000 mutations."""
import base64
import glob
import gzip
import json
import os
import shutil
import time

import cloudtrail
import harness

MUTATIONS = 10000 if os.environ.get("TORTURE") else 80


def chain(t, seals=3):
    """A trail of so many digests, with records in each; (site, witness)."""
    receiver = t.receiver()
    site = t.site()
    witness = site.path("witness")
    site.refire_keys.update({"trail-witness": witness, "account-id": "111122223333"})
    site.pipeline("web-ci", receiver, format="generic")
    site.repository("web", quiet=True)
    work = site.work()
    for n in range(seals):
        work.commit("commit %d" % n)
        work.push("main")
        site.attempt()
        time.sleep(1.01)                        # a digest's name has the second
        t.has(site.must("trail", "seal"), "sealed in 1 file, 1 digest written" if n else "sealed in",
              "seal %d" % n)
    return site, witness


def lookup(site, *args):
    return site.must("trail", "lookup", "--json", *args).splitlines()


def test_the_same_records(t):
    """Every reader finds sealed and live records alike, by every way."""
    receiver = t.receiver()
    site = t.site()
    site.pipeline("web-ci", receiver, format="generic")
    site.repository("web", quiet=True)
    work = site.work()
    for n in range(4):
        work.commit("commit %d" % n)
        work.push("main:refs/heads/b%d" % n)
        site.attempt()
    before = lookup(site)
    row = site.queue_json("--state", "all")[0]
    asked = [("--change", row["change"]), ("--delivery", row["delivery"][:9]),
             ("--event-id", json.loads(before[0])["eventID"]), ("--text", "refs/heads/b2"),
             ("--since", "1h"), ("--until", "1h"), ("--change", "ffff")]
    live = [lookup(site, *args) for args in asked]
    site.must("trail", "seal")
    t.eq(cloudtrail.live_files(site.path_of_trail()), [], "no live file is left")
    t.eq(lookup(site), before, "newest first")
    t.eq(lookup(site, "--oldest-first"), before[::-1], "oldest first")
    document = json.loads(site.must("trail", "lookup", "--records"))
    t.eq(document["Records"], [json.loads(x) for x in before], "--records")
    for args, want in zip(asked, live):
        t.eq(lookup(site, *args), want, "sealed as live: %s" % (args,))
        for name in glob.glob(os.path.join(site.path_of_trail(), "refire/**/*.idx"), recursive=True):
            os.unlink(name)
        t.eq(lookup(site, *args), want, "without an index: %s" % (args,))
    work.commit("after")
    work.push("main:refs/heads/after")
    site.attempt()
    sequences = [r["additionalEventData"]["sequence"] for r in site.trail_records()]
    t.eq(sequences, list(range(1, len(sequences) + 1)), "each once, over the seal")
    t.eq(len(lookup(site)), len(sequences), "and in lookup")


def test_verify(t):
    site, witness = chain(t)
    t.has(site.must("trail", "verify"), "3 of 3 digests valid, 3 of 3 log files valid", "all well")
    folder = site.path_of_trail()
    digests = sorted(glob.glob(os.path.join(folder, "refire/AWSLogs/*/CloudTrail-Digest/**/*.json.gz"),
                               recursive=True))
    logs = cloudtrail.sealed_files(folder)
    keep = site.path("kept")
    shutil.copytree(folder, keep)

    def after(change, words, what):
        change()
        rc, out, err = site.refire("trail", "verify", "--json")
        states = {(json.loads(x)["kind"], json.loads(x)["state"]) for x in out.splitlines()}
        t.eq(rc, 1, "exit status, %s: %s" % (what, err))
        for word in words:
            t.has(states, word, what)
        shutil.rmtree(folder)
        shutil.copytree(keep, folder)

    def append(path, data):
        with open(path, "ab") as f:
            f.write(data)

    after(lambda: append(logs[1], gzip.compress(b"{}")), [("log", "changed")], "a member appended")
    after(lambda: os.unlink(logs[0]), [("log", "missing")], "a log removed")
    after(lambda: os.unlink(digests[1]), [("digest", "missing")], "a digest removed")
    after(lambda: (os.unlink(digests[2]), os.unlink(logs[2])), [("digest", "cut")],
          "the newest digest and its log removed")
    after(lambda: shutil.copy(logs[0], logs[1]), [("log", "changed")], "one log in place of another")
    after(lambda: shutil.copy(digests[0], digests[1]), [("digest", "changed")], "an older digest")
    with open(witness) as f:
        t.eq(len(f.read().splitlines()), 3, "heads that the witness has")


def test_mutations(t):
    """One random change of any byte, length or presence of a sealed file, a digest or its
    signature: each is seen."""
    site, _ = chain(t, 2)
    random = t.seed()
    folder = site.path_of_trail()
    files = glob.glob(os.path.join(folder, "refire/**/*.json.gz"), recursive=True) + \
        glob.glob(os.path.join(folder, "refire/**/*.sig"), recursive=True)
    missed = []
    for n in range(MUTATIONS):
        path = random.choice(files)
        with open(path, "rb") as f:
            whole = f.read()
        kind = random.choice(["bit", "bit", "byte", "cut", "append", "drop", "insert"])
        at = random.randrange(len(whole))
        data = bytearray(whole)
        if kind == "bit":
            data[at] ^= 1 << random.randrange(8)
        elif kind == "byte":
            data[at] = (data[at] + random.randrange(1, 256)) % 256
        elif kind == "cut":
            del data[at:]
        elif kind == "append":
            data += bytes(random.randrange(256) for _ in range(random.randrange(1, 40)))
        elif kind == "insert":
            data.insert(at, random.randrange(256))
        if kind == "drop":
            os.unlink(path)
        else:
            with open(path, "wb") as f:
                f.write(data)
        if site.refire("trail", "verify", "--json")[0] != 1:
            missed.append((os.path.basename(path), kind, at))
        with open(path, "wb") as f:
            f.write(whole)
    t.eq(missed, [], "mutations that were not seen")
    t.eq(site.refire("trail", "verify")[0], 0, "all is as it was")


def test_a_crash_between_the_steps(t):
    """What a seal leaves that was ended before its digest, or before it removed the live
    file, is mended by the next one, and read once meanwhile."""
    site, _ = chain(t, 1)
    work = site.work()
    work.git("pull", "-q", "origin", "main")
    work.commit("second")
    work.push("main")
    site.attempt()
    live, = cloudtrail.live_files(site.path_of_trail())
    before = lookup(site)
    with open(live, "rb") as f:
        text = f.read()
    time.sleep(1.01)
    site.must("trail", "seal")
    with open(live, "wb") as f:                 # before the live file was removed
        f.write(text)
    t.eq(lookup(site), before, "each record once, though it is in both")
    time.sleep(1.01)
    site.must("trail", "seal")
    t.eq(lookup(site), before, "each record once, after the next seal")
    newest = max(glob.glob(os.path.join(site.path_of_trail(), "refire/**/CloudTrail-Digest/**/*.json.gz"),
                           recursive=True))
    t.ok(newest, "a digest")
    t.eq(site.refire("trail", "verify")[0], 0, "and the chain is valid")


def test_key(t):
    site, _ = chain(t, 1)
    der = site.refire("trail", "key", "export", raw=True)[1]
    out = site.path("key.der")
    with open(out, "wb") as f:
        f.write(der)
    site.must("trail", "verify", "--key", out)
    old = site.must("trail", "key").split()[0]
    t.ok(site.must("trail", "key", "rotate").split()[0] != old, "another key")
    time.sleep(1.01)
    site.must("trail", "seal")
    site.must("trail", "verify")
    t.eq(site.refire("trail", "verify", "--key", out)[0], 1, "the old key alone is not enough")
    t.ok(base64.b64encode(der), "exported")


def test_a_sender_seals_when_asked(t):
    site, _ = chain(t, 1)
    work = site.work()
    work.git("pull", "-q", "origin", "main")
    sender = site.start_sender("--watch")
    work.commit("second")
    work.push("main")
    harness.wait_until(lambda: site.states() == {} or len(site.queue_json("--state", "all")) == 2, 20,
                       "it was sent")
    time.sleep(1.01)
    site.must("trail", "seal")
    t.has(site.must("trail", "verify"), "2 of 2 digests valid", "two digests")
    sender.terminate()
    sender.wait()


if __name__ == "__main__":
    harness.main()
