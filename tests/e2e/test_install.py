#!/usr/bin/env python3
"""`make install` and `make uninstall`: what is installed works from there alone, and
what was put there goes away again.
"""
import glob
import os
import re

import harness


def make(t, target, top, prefix="/usr"):
    """make TARGET into TOP; the installed files, relative to TOP."""
    rc, out, err = harness.run(["make", "-s", "--no-print-directory", "BUILD=" + harness.BUILD,
                                "DESTDIR=" + top, "prefix=" + prefix, target],
                               cwd=harness.ROOT, timeout=200)
    t.eq(rc, 0, "make %s: %s" % (target, (out + err).decode(errors="replace")))
    found = set()
    for folder, _, names in os.walk(top):
        found |= {os.path.relpath(os.path.join(folder, n), top) for n in names}
    return found


def run(site, program, *args):
    """PROGRAM ARGS with the site's configuration: (exit status, all it printed)."""
    rc, out, err = harness.run([program, *args], env=site.env(REFIRE_CONFIG=site.conf))
    return rc, (out + err).decode(errors="replace")


def test_what_is_installed_works(t):
    receiver = t.receiver()
    site = t.site()
    top = site.path("dest")
    found = make(t, "install", top)
    for name in ("usr/bin/refire", "usr/libexec/refire/refire-send",
                 "usr/libexec/refire/hooks/post-receive", "usr/share/man/man1/refire.1",
                 "usr/share/man/man5/refire.conf.5", "usr/lib/systemd/system/refire.service",
                 "usr/share/doc/refire/refire.conf", "usr/share/doc/refire/README.md"):
        t.ok(name in found, name + " is installed")
    refire = os.path.join(top, "usr/bin/refire")
    for path in glob.glob(os.path.join(top, "usr/libexec/refire/refire-*")):
        verb = os.path.basename(path)[7:]
        rc, out = run(site, refire, "help", verb)
        t.eq(rc, 0, "help " + verb)
        t.has(out, "Usage: refire " + verb, "help " + verb)
    site.pipeline("web-ci", receiver)
    path = site.repository(hook=False)
    rc, out = run(site, refire, "hooks", "install", path)
    t.eq(rc, 0, out)
    with open(os.path.join(path, "refire", "hook")) as f:
        t.lacks(f.read(), harness.BUILD, "the hook's settings")
    work = site.work()
    new = work.commit()
    work.push("main")
    receiver.wait(2)                    # create, push
    t.eq(receiver.requests[1].json()["after"], new, "after")


def test_units_name_the_installed_program(t):
    site = t.site()
    make(t, "install", site.path("dest"), "/opt/refire")
    units = glob.glob(site.path("dest", "opt/refire/lib/systemd/system/*.service"))
    t.ok(units, "there are units")
    for name in units + [site.path("dest", "opt/refire/share/doc/refire/refire.cron")]:
        with open(name) as f:
            programs = re.findall(r"(/\S*/bin/refire) ", f.read())
        t.eq(set(programs), {"/opt/refire/bin/refire"}, os.path.basename(name))


def test_uninstall_leaves_nothing(t):
    site = t.site()
    top = site.path("dest")
    make(t, "install", top)
    keep = os.path.join(top, "usr/bin/other")
    with open(keep, "w"):
        pass
    t.eq(make(t, "uninstall", top), {"usr/bin/other"}, "what is left")


if __name__ == "__main__":
    harness.main()
