"""Where requests may go: addresses that are refused, and what is said of them."""
import json

import harness


def rig(t, url=None, **keys):
    """A site with one recorded push, whose pipeline goes to a receiver or a URL."""
    receiver = t.receiver()
    site = t.site()
    site.pipeline("ci", url or receiver, format="generic", **keys)
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push("main")
    return site, receiver


def only(site):
    rows = site.queue_json()
    assert len(rows) == 1, rows
    return rows[0]


def test_metadata_address(t):
    """It waits, says by which rule and what key allows it, and nothing is connected to."""
    site, _ = rig(t, "http://169.254.169.254/latest/meta-data/")
    t.eq(site.send()[0], 0, "refire send")
    row = only(site)
    t.eq((row["state"], row["attempts"]), ("WAITING", 1), "it is tried again")
    for word in ("169.254.169.254", "169.254.0.0/16", "credentials", "`allow-addresses`"):
        t.has(row["error"], word, "the reason")
    record = site.trail_records("DeliverWebhook")[0]
    t.eq(record["errorCode"], "AddressRefused", "errorCode in the trail")
    t.eq(record["additionalEventData"]["connectUs"], 0, "no connection")
    rc, out, _ = site.refire("check", "--online", "--json")
    found = [json.loads(x) for x in out.splitlines()]
    t.eq(rc, 1, "refire check --online")
    t.ok(any(x["result"] == "fail" and "169.254.0.0/16" in x["text"] and
             "allow-addresses" in x["text"] for x in found), "it says so: %s" % found)


def test_lists(t):
    """The global list refuses, the pipeline's allows: after a reload it arrives."""
    site, receiver = rig(t)
    site.refire_keys["deny-addresses"] = "127.0.0.0/8, ::1"
    site.write_conf()
    site.send()
    row = only(site)
    t.eq(row["state"], "WAITING", "state")
    t.has(row["error"], "127.0.0.0/8", "the rule")
    t.has(row["error"], "`deny-addresses` in [refire]", "whose it is")
    t.eq(receiver.requests, [], "nothing arrived")
    site.pipelines["ci"]["allow-addresses"] = "127.0.0.1"
    site.write_conf()
    site.retry(row["delivery"])
    t.eq(site.states(), {"DELIVERED": 1}, "allowed")


def test_slips(t):
    """A list with a mistake is refused with its line."""
    site, _ = rig(t)
    for value, word in (("10.0.0.1/8", "expected 10.0.0.0/8"), ("10.0.0", "no address"),
                        ("localhost", "no address"), (",", "no value")):
        with t.case(value):
            site.pipelines["ci"]["deny-addresses"] = value
            site.write_conf()
            rc, _, err = site.send()
            t.eq(rc, 78, "exit status")
            t.has(err, "`deny-addresses`", "the key")
            t.has(err, word, "what is wrong")


if __name__ == "__main__":
    harness.main()
