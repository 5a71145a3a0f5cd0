"""`refire hooks install | status | uninstall`: every layout of repository, every kind
of hook that was there, real pushes; uninstall leaves what was there, byte for byte;
whatever a crash leaves, pushes and the earlier hook work.
run: timeout=400"""
import json
import os
import shutil
import stat

import harness
from harness import BUILD, ZERO, run
from hookrecord import POST_RECEIVE, difference, hold_lock, published, snapshot

EARLIER = ".before-refire"
# Data of git's that a push or git itself changes: not the installer's.
GITS = ("objects", "refs", "logs", "packed-refs", "FETCH_HEAD", "worktrees")


class Rig:
    """A site, a repository of some layout, and an earlier hook that writes what it
    gets to a log and ends with 3. Nothing takes the records in: resident programs seem
    to run."""

    def __init__(self, t, layout="bare", earlier=None):
        self.t, self.site = t, t.site()
        self.locks = {}
        for name in ("sender.lock", "poller.lock"):
            self.locks[name] = hold_lock(os.path.join(self.site.state, name))
            t.cleanup(self.let_go, name)
        self.log = self.site.path("earlier.log")
        self.layout, self.extra = layout, []        # extra: shared directories to watch
        LAYOUTS[layout](self)
        if earlier:
            os.makedirs(self.hooks, exist_ok=True)
            EARLIERS[earlier](self, os.path.join(self.hooks, self.hook_name()))
        self.site.repositories["web"] = {"path": self.git_dir.replace(" ;", " \\;")}
        self.site.write_conf()

    def hook_name(self):
        return "post-receive"

    def let_go(self, name):
        fd = self.locks.pop(name, None)
        if fd is not None:
            os.close(fd)

    def init(self, *args, path=None):
        self.site.git("init", "-q", *args, path)

    def see(self):
        """Everything the installer may touch. `git config` writes its file anew: what is
        in it counts, not when."""
        seen = snapshot(self.git_dir, GITS)
        seen["config"].pop()
        for n, path in enumerate(self.extra):
            seen.update({"extra%d/%s" % (n, k): v for k, v in snapshot(path).items()})
        return seen

    def hooks_cmd(self, verb, *args, rc=0):
        got, out, err = self.site.refire("hooks", verb, *args)
        self.t.eq(got, rc, "refire hooks %s %s\n%s%s" % (verb, args, out, err))
        return out + err

    def install(self, *args, rc=0):
        return self.hooks_cmd("install", *args, *([] if "--hooks-dir" in args else [self.arg]),
                              rc=rc)

    def status(self):
        rc, out, err = self.site.refire("hooks", "status", "--json", self.arg)
        row = json.loads(out)
        self.t.eq(rc, 1 if row["problems"] else 0, "status exits 1 for problems: %s" % row)
        return row

    def push(self, ref="main", options=()):
        """A real push of a new commit; (new object id, what the pusher saw)."""
        work = self.site.work(url=self.url)
        new = work.commit()
        return new, work.push("+main:refs/heads/" + ref, options=options)

    def records(self):
        return published(self.site.state)

    def earlier_runs(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, "rb") as f:
            return [x for x in f.read().split(b"--\n") if x]


def bare(rig):
    rig.git_dir = rig.arg = rig.url = rig.site.path("repos", "web.git")
    rig.init("--bare", path=rig.git_dir)
    rig.hooks = os.path.join(rig.git_dir, "hooks")


def work_tree(rig):
    rig.arg = rig.url = rig.site.path("repos", "web")
    rig.init(path=rig.arg)
    rig.git_dir = os.path.join(rig.arg, ".git")
    rig.site.git("-C", rig.arg, "config", "receive.denyCurrentBranch", "ignore")
    rig.hooks = os.path.join(rig.git_dir, "hooks")


def git_file(rig):
    rig.arg = rig.url = rig.site.path("repos", "web")
    rig.git_dir = rig.site.path("repos", "separate")
    rig.init("--separate-git-dir", rig.git_dir, path=rig.arg)
    rig.site.git("-C", rig.arg, "config", "receive.denyCurrentBranch", "ignore")
    rig.hooks = os.path.join(rig.git_dir, "hooks")


def linked_worktree(rig):
    work_tree(rig)
    rig.site.git("-C", rig.arg, "commit", "-q", "--allow-empty", "-m", "first")
    rig.site.git("-C", rig.arg, "worktree", "add", "-q", "-b", "side", rig.site.path("linked"))
    rig.arg = rig.url = rig.site.path("linked")


def hooks_path_absolute(rig):
    bare(rig)
    rig.hooks = rig.site.path("elsewhere")
    os.mkdir(rig.hooks)
    rig.extra.append(rig.hooks)
    rig.site.git("-C", rig.git_dir, "config", "core.hooksPath", rig.hooks)


def hooks_path_relative(rig):
    bare(rig)
    rig.hooks = os.path.join(rig.git_dir, "my", "hooks")
    os.makedirs(rig.hooks)
    rig.site.git("-C", rig.git_dir, "config", "core.hooksPath", "my/hooks")


def hooks_path_of_the_user(rig):
    bare(rig)
    rig.hooks = rig.site.path("everybodys hooks")
    os.mkdir(rig.hooks)
    rig.extra.append(rig.hooks)
    with open(rig.site.path("home", ".gitconfig"), "a") as f:
        f.write("[core]\n\thooksPath = \"~/../everybodys hooks\"\n")


def hooks_path_missing(rig):
    bare(rig)
    rig.hooks = rig.site.path("not", "yet")
    os.mkdir(os.path.dirname(rig.hooks))
    rig.extra.append(os.path.dirname(rig.hooks))
    rig.site.git("-C", rig.git_dir, "config", "core.hooksPath", rig.hooks)


def symlinked_hooks(rig):
    bare(rig)
    real = rig.site.path("real-hooks")
    shutil.move(rig.hooks, real)
    os.symlink(real, rig.hooks)
    rig.hooks = real
    rig.extra.append(real)


def no_hooks_directory(rig):
    bare(rig)
    shutil.rmtree(rig.hooks)


def odd_name(rig):
    rig.git_dir = rig.arg = rig.url = rig.site.path("repos", "od d $(id) '\" ; \u202e\u00e9.git")
    rig.init("--bare", path=rig.git_dir)
    rig.hooks = os.path.join(rig.git_dir, "hooks")


LAYOUTS = {f.__name__: f for f in (
    bare, work_tree, git_file, linked_worktree, hooks_path_absolute, hooks_path_relative,
    hooks_path_of_the_user, hooks_path_missing, symlinked_hooks, no_hooks_directory, odd_name)}


def write_script(path, text, mode=0o755):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    os.utime(path, ns=(10**18, 10**18 + 123456789))


def body(rig):
    return "{ echo \"args $#\"; cat; echo --; } >> '%s'\necho earlier speaks >&2\nexit 3\n" % rig.log


def script(rig, path):
    write_script(path, "#!/bin/sh\n" + body(rig))


def script_without_interpreter(rig, path):
    write_script(path, body(rig), 0o711)


def link_to_script(rig, path):
    write_script(rig.site.path("the script"), "#!/bin/sh\n" + body(rig))
    os.symlink("../" * path.count("/") + rig.site.path("the script"), path)


def binary(rig, path):
    source = rig.site.path("earlier.c")
    with open(source, "w") as f:
        f.write('''#include <stdio.h>
int main(int c, char **v) { FILE *f = fopen("%s", "a"); int k; (void)v;
fprintf(f, "args %%d\\n", c - 1); while ((k = getchar()) != EOF) fputc(k, f);
fputs("--\\n", f); fputs("earlier speaks\\n", stderr); return 3; }
''' % rig.log)
    rc, _, err = run(["gcc", "-o", path, source])
    rig.t.eq(rc, 0, err)
    os.chmod(path, 0o750)


def not_executable(rig, path):
    write_script(path, "#!/bin/sh\n" + body(rig), 0o644)


EARLIERS = {f.__name__: f for f in (
    script, script_without_interpreter, link_to_script, binary, not_executable)}


def whole_story(t, layout, earlier):
    """Install, push, install again, status, uninstall."""
    rig = Rig(t, layout, earlier)
    before = rig.see()
    t.has(rig.install(), "installed", "install says so")
    now = rig.see()
    t.has(rig.install(), "already installed", "the second install says so")
    t.eq(difference(now, rig.see()), "", "the second install changes nothing")
    row = rig.status()
    t.eq(row["problems"], [], "status finds nothing wrong")
    t.eq((row["hook"], row["repository"]), ("yes", "web"), "status")
    runs = earlier not in (None, "not_executable")
    t.eq(bool(row["chained"]), runs, "status knows what it chains to")
    new, said = rig.push("fresh")
    t.lacks(said, "refire: ", "nothing to tell the pusher")
    records = rig.records()
    t.eq(len(records), 1, "one record")
    t.eq(records[0].refs, [(ZERO.encode(), new.encode(), b"refs/heads/fresh")], "its refs")
    t.eq(records[0].one("path"), os.fsencode(rig.git_dir), "its path")
    t.eq(rig.earlier_runs(), [b"args 0\n%s %s refs/heads/fresh\n" %
                              (ZERO.encode(), new.encode())] if runs else [], "the earlier hook")
    if runs:
        t.has(said, "earlier speaks", "the pusher sees what the earlier hook says")
        rc, _, _ = run([os.path.join(rig.hooks, "post-receive")], cwd=rig.git_dir, stdin=b"x\n",
                       env=rig.site.env(GIT_DIR="."))
        t.eq(rc, 3, "the earlier hook's status is returned")
        t.eq(rig.earlier_runs()[1:], [b"args 0\nx\n"], "and it got the same stdin")
    t.has(rig.hooks_cmd("uninstall", rig.arg), "uninstalled", "uninstall says so")
    t.eq(difference(before, rig.see()), "", "uninstall leaves what was there before")
    t.has(rig.hooks_cmd("uninstall", rig.arg), "not installed", "the second uninstall")


def test_layouts(t):
    for layout in LAYOUTS:
        for earlier in (None, "script"):
            with t.case("%s, %s" % (layout, earlier or "no hook before")):
                whole_story(t, layout, earlier)


def test_earlier_hooks(t):
    for earlier in EARLIERS:
        with t.case("bare, " + earlier):
            whole_story(t, "bare", earlier)


def test_signals_and_arguments_reach_the_earlier_hook(t):
    rig = Rig(t)
    hook = os.path.join(rig.hooks, "post-receive")
    write_script(hook, "#!/bin/sh\necho \"$# $1|$2\"\ntrap\ncat >/dev/null\nkill -SEGV $$\n")
    rig.install()
    rc, out, err = run([hook, "a b", ""], cwd=rig.git_dir, stdin=b"0 1 refs/heads/x\n",
                       env=rig.site.env(GIT_DIR="."))
    t.eq((rc, out, err), (-11, b"2 a b|\n", b""), "arguments, default signals, death by signal")


def test_a_hook_that_reads_nothing_and_one_that_leaves_a_child(t):
    rig = Rig(t)
    write_script(os.path.join(rig.hooks, "post-receive"), "#!/bin/sh\nexit 0\n")
    rig.install()
    work = rig.site.work(url=rig.url)
    head = work.commit()
    many = ["%s:refs/heads/b%d" % (head, n) for n in range(3000)]
    work.push(*many)
    t.eq(len(rig.records()[0].refs), 3000, "all refs are in one record")


def test_large_input_reaches_the_earlier_hook(t):
    rig = Rig(t, earlier="script")
    rig.install()
    lines = b"".join(b"%040x %040x refs/heads/%s\n" % (n, n + 1, b"x" * 100)
                     for n in range(40000))
    rc, _, err = run([os.path.join(rig.hooks, "post-receive")], cwd=rig.git_dir, stdin=lines,
                     env=rig.site.env(GIT_DIR="."))
    t.eq((rc, err), (3, b"earlier speaks\n"), "ran")
    t.ok(rig.earlier_runs() == [b"args 0\n" + lines], "the same %d bytes" % len(lines))
    t.ok(rig.records()[0].one("refs") == lines, "recorded as they are")


# ---- gitolite: every repository's hooks are links into a common directory ----

class Gitolite(Rig):
    """Two repositories; relink() is what `gitolite setup` does."""

    def __init__(self, t, earlier):
        super().__init__(t)
        self.common = self.site.path("home", ".gitolite", "hooks", "common")
        os.makedirs(self.common)
        write_script(os.path.join(self.common, "update"), "#!/bin/sh\nexit 0\n")
        if earlier:
            script(self, os.path.join(self.common, "post-receive"))
        self.other = self.site.path("repos", "other.git")
        self.init("--bare", path=self.other)
        self.site.repositories["other"] = {"path": self.other}
        self.site.write_conf()
        self.relink()

    def relink(self):
        for repo in (self.git_dir, self.other):
            for name in sorted(os.listdir(self.common)):
                if name.startswith("."):
                    continue
                link = os.path.join(repo, "hooks", name)
                if os.path.lexists(link):
                    os.unlink(link)
                os.symlink(os.path.join(self.common, name), link)

    def push_to(self, repo):
        self.url = repo
        return self.push("b%d" % self.site.works)[1]


def test_gitolite(t):
    rig = Gitolite(t, "script")
    before = snapshot(rig.common)
    rig.install()
    t.eq(os.readlink(os.path.join(rig.common, "post-receive")), POST_RECEIVE,
         "the hook is in the common directory")
    for round_name in ("at once", "after gitolite setup"):
        done = len(rig.records())
        t.lacks(rig.push_to(rig.git_dir), "refire: ", round_name)
        t.eq(len(rig.records()), done + 1, "recorded " + round_name)
        t.lacks(rig.push_to(rig.other), "refire: ", "the other repository, " + round_name)
        t.eq(len(rig.records()), done + 1, "which did not ask, is not recorded")
        rig.relink()
    t.eq(len(rig.earlier_runs()), 4, "the earlier hook ran for all of them")
    t.eq(rig.status()["problems"], [], "status")
    rig.hooks_cmd("install", rig.other)
    rig.push_to(rig.other)
    t.eq(len(rig.records()), 3, "the other repository, once installed")
    t.has(rig.hooks_cmd("uninstall", rig.arg), "stays", "one of two leaves")
    rig.push_to(rig.other)
    t.eq(len(rig.records()), 4, "the other is still recorded")
    rig.hooks_cmd("uninstall", rig.other)
    t.eq(difference(before, snapshot(rig.common)), "", "the last one restores all")


def test_gitolite_common_directory(t):
    for earlier in (None, "script"):
        with t.case("--hooks-dir, %s" % (earlier or "no hook before")):
            rig = Gitolite(t, earlier)
            before = snapshot(rig.common)
            rig.install("--hooks-dir", rig.common)
            now = snapshot(rig.common)
            t.has(rig.install("--hooks-dir", rig.common), "already", "twice")
            t.eq(difference(now, snapshot(rig.common)), "", "changes nothing")
            rig.relink()
            for n, repo in enumerate((rig.git_dir, rig.other)):
                t.lacks(rig.push_to(repo), "refire: ", "push")
                t.eq(rig.records()[n].one("path"), os.fsencode(repo), "every repository")
            t.eq(len(rig.earlier_runs()), 2 if earlier else 0, "the earlier hook")
            rig.hooks_cmd("uninstall", "--hooks-dir", rig.common)
            t.eq(difference(before, snapshot(rig.common)), "", "restored")


# ---- Gitea: a dispatcher runs all of post-receive.d ----

GITEA = """#!/usr/bin/env bash
# as Gitea generates it: all of NAME.d, each with the same input
input=$(cat)
codes=""
name=$(basename "$0")
GIT_DIR=${GIT_DIR:-$(dirname "$0")/..}
for hook in "${GIT_DIR}/hooks/${name}.d"/*; do
	test -x "${hook}" && test -f "${hook}" || continue
	echo "${input}" | "${hook}"
	codes="${codes} $?"
done
for code in ${codes}; do
	[ "${code}" -eq 0 ] || exit "${code}"
done
"""


def test_gitea(t):
    rig = Rig(t)
    hook = os.path.join(rig.hooks, "post-receive")
    write_script(hook, GITEA)
    os.mkdir(hook + ".d")
    write_script(os.path.join(hook + ".d", "gitea"), "#!/bin/sh\n" + body(rig))
    before = rig.see()
    rig.install()
    t.eq(sorted(os.listdir(hook + ".d")), ["gitea", "refire"], "into post-receive.d")
    now = rig.see()
    t.has(rig.install(), "already installed", "twice")
    t.eq(difference(now, rig.see()), "", "changes nothing")
    rig.site.git("-C", rig.git_dir, "config", "user.name", "x")     # any env will do
    work = rig.site.work(url=rig.url)
    work.env = {"GITEA_PUSHER_NAME": "alice", "GITEA_PUSHER_ID": "7",
                "GITEA_REPO_USER_NAME": "team", "GITEA_REPO_NAME": "web"}
    new = work.commit()
    t.lacks(work.push("main"), "refire: ", "push")
    record, = rig.records()
    t.eq(record.refs, [(ZERO.encode(), new.encode(), b"refs/heads/main")], "recorded once")
    t.eq(record.one("claim.GITEA_PUSHER_NAME"), b"alice", "with Gitea's pusher")
    t.eq(len(rig.earlier_runs()), 1, "Gitea's own ran once")
    t.eq(rig.status()["problems"], [], "status")
    rc, _, err = run([os.path.join(hook + ".d", "refire")], cwd=rig.git_dir, stdin=b"\n",
                     env=rig.site.env(GIT_DIR="."))
    t.eq((rc, err, len(rig.records())), (0, b"", 1), "the empty line of an empty input is nothing")
    rig.site.git("-C", rig.git_dir, "config", "--unset", "user.name")
    rig.hooks_cmd("uninstall", rig.arg)
    after = rig.see()
    before.pop("config"), after.pop("config")
    t.eq(difference(before, after), "", "restored")


def test_a_directory_nobody_dispatches_to_is_no_place(t):
    rig = Rig(t, earlier="script")
    os.mkdir(os.path.join(rig.hooks, "post-receive.d"))
    rig.install()
    rig.push()
    t.eq(len(rig.records()), 1, "recorded")
    t.eq(len(rig.earlier_runs()), 1, "and chained")


# ---- what may have happened in between ----

def test_replaced_after_install(t):
    rig = Rig(t, earlier="script")
    rig.install()
    hook = os.path.join(rig.hooks, "post-receive")
    os.unlink(hook)
    write_script(hook, "#!/bin/sh\nexit 0\n")
    row = rig.status()
    t.eq(row["hook"], "replaced", "status")
    t.has(rig.install(rc=1), "in the way", "install refuses to lose either of them")
    mine = snapshot(rig.hooks)["post-receive"]
    out = rig.hooks_cmd("uninstall", rig.arg)
    t.has(out, "not refire's any more", "uninstall says so")
    t.has(out, "post-receive" + EARLIER, "and where the first one is")
    t.eq(snapshot(rig.hooks)["post-receive"], mine, "theirs stays")
    t.ok(os.path.exists(hook + EARLIER), "and so does the first one")
    t.ok(not os.path.exists(os.path.join(rig.git_dir, "refire")), "the settings are gone")


def test_removed_by_hand(t):
    rig = Rig(t, earlier="script")
    before = rig.see()
    rig.install()
    os.unlink(os.path.join(rig.hooks, "post-receive"))
    t.eq(rig.status()["hook"], "half-done", "status")
    rig.install()
    rig.push()
    t.eq((len(rig.records()), len(rig.earlier_runs())), (1, 1), "install repairs it")
    os.unlink(os.path.join(rig.hooks, "post-receive"))
    rig.hooks_cmd("uninstall", rig.arg)
    t.eq(difference(before, rig.see()), "", "uninstall puts the earlier hook back")


def test_settings_gone(t):
    rig = Rig(t, earlier="script")
    rig.install()
    os.unlink(os.path.join(rig.git_dir, "refire", "hook"))
    _, said = rig.push()
    t.has(said, "refire: this push was NOT recorded", "an installed hook without settings is loud")
    t.has(said, "tell the administrator", "and says what to do")
    t.eq(len(rig.earlier_runs()), 1, "the earlier hook runs all the same")
    t.has(str(rig.status()["problems"]), "settings", "status")
    t.eq(rig.hooks_cmd("install", rig.arg).count("NOT"), 0, "install repairs it")
    t.eq(rig.status()["problems"], [], "status")


def test_broken_settings(t):
    rig = Rig(t)
    rig.install()
    conf = os.path.join(rig.git_dir, "refire", "hook")
    with open(conf) as f:
        good = f.read()
    broken = {"empty": "", "another version": good.replace("refire-hook 1", "refire-hook 2"),
              "cut": good[:-20], "not absolute": good.replace("spool /", "spool "),
              "twice": good + "spool /tmp\n", "unknown word": good + "splool /tmp\n",
              "a control byte": good.replace("spool /", "spool /\x1b[31m"),
              "a NUL": good.replace("spool /", "spool /\0"), "too long": good + "x" * 30000,
              "no spool": good.replace("spool", "config", 1)}
    for name, text in broken.items():
        with t.case("settings: " + name):
            with open(conf, "w") as f:
                f.write(text)
            rc, out, err = run([os.path.join(rig.hooks, "post-receive")], cwd=rig.git_dir,
                               env=rig.site.env(GIT_DIR="."), stdin=b"a b c\n")
            t.eq((rc, out), (0, b""), "exits 0")
            t.ok(err.startswith(b"refire: this push was NOT recorded: ") and
                 err.count(b"\n") == 1 and err.isascii() and b"\x1b" not in err, err)


def test_hooks_path_changed_after_install(t):
    rig = Rig(t, earlier="script")
    before = rig.see()
    rig.install()
    new = rig.site.path("new-hooks")
    rig.site.git("-C", rig.git_dir, "config", "core.hooksPath", new)
    t.eq(rig.status()["hook"], "elsewhere", "status sees that git looks elsewhere")
    rig.install()
    rig.push()
    t.eq((len(rig.records()), rig.earlier_runs()), (1, []), "moved along")
    rig.site.git("-C", rig.git_dir, "config", "--unset", "core.hooksPath")
    rig.hooks_cmd("uninstall", rig.arg)
    t.ok(not os.path.exists(new), "uninstall finds it by its own notes, and removes what it made")
    after = rig.see()
    before.pop("config"), after.pop("config")
    t.eq(difference(before, after), "", "the first place was restored when it moved")


def test_another_installation(t):
    rig = Rig(t, earlier="script")
    before = rig.see()
    rig.install()
    hook = os.path.join(rig.hooks, "post-receive")
    for name, target in (("moved away", "/nowhere/refire/hooks/post-receive"),
                         ("copied", None)):
        with t.case("a hook of an installation that was " + name):
            os.unlink(hook)
            if target:
                os.symlink(target, hook)
            else:
                shutil.copy(POST_RECEIVE, hook)
            rig.install()
            t.eq(os.readlink(hook), POST_RECEIVE, "install points it here")
            rig.push("b-" + name.split()[0])
    t.eq((len(rig.records()), len(rig.earlier_runs())), (2, 2), "and it works")
    rig.hooks_cmd("uninstall", rig.arg)
    t.eq(difference(before, rig.see()), "", "restored")


def test_earlier_that_leads_back_to_refire(t):
    rig = Rig(t)
    rig.install()
    os.symlink(POST_RECEIVE, os.path.join(rig.hooks, "post-receive" + EARLIER))
    rig.push()
    t.eq(len(rig.records()), 1, "recorded once, and no endless loop")
    t.eq(rig.status()["hook"], "half-done", "status")
    rig.install()
    t.eq(rig.status()["problems"], [], "install cleans it up")


CHANGING = ("mkdir", "rmdir", "rename", "renameat2", "symlink", "unlink", "unlinkat", "fsync",
            "writev", "fchmod", "chmod", "flock")


def killed_at_every(rig, verb, *args):
    """Run refire-hooks VERB, killed at the n-th of each changing call in turn: yields
    where. Once a call no longer comes, the verb has run to its end: yields None."""
    for call in CHANGING:
        for n in range(1, 100):
            rc, _, err = run(["strace", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e",
                              "inject=%s:signal=KILL:when=%d" % (call, n),
                              os.path.join(BUILD, "refire-hooks"), verb, *args, "--config",
                              rig.site.conf, rig.arg], cwd="/",
                             env=rig.site.env(ASAN_OPTIONS="detect_leaks=0"))
            if rc == 0:
                yield None
                break
            rig.t.eq(rc, -9, "killed at %s %d: %s" % (call, n, err))
            yield "%s %d" % (call, n)


ALL = ("--reference-transaction", "--push-options")


def works(rig, what):
    """A push still runs the earlier hook, once."""
    was = len(rig.earlier_runs())
    rc, _, err = run([os.path.join(rig.hooks, "post-receive")], cwd=rig.git_dir,
                     stdin=b"0 1 refs/heads/x\n", env=rig.site.env(GIT_DIR="."))
    rig.t.eq((rc, err.decode().splitlines()[-1:]), (3, ["earlier speaks"]), what)
    rig.t.eq(len(rig.earlier_runs()), was + 1, "the earlier hook ran once " + what)


def test_install_killed_anywhere(t):
    t.need("strace")
    rig = Rig(t, earlier="script")
    before, points = rig.see(), 0
    for point in killed_at_every(rig, "install", *ALL):
        points += point is not None
        works(rig, "after %s" % point)
        rig.hooks_cmd("install", *ALL, rig.arg)
        t.eq(rig.status()["problems"], [], "install goes on after %s" % point)
        rig.hooks_cmd("uninstall", rig.arg)
        t.eq(difference(before, rig.see()), "", "uninstall restores after %s" % point)
        shutil.rmtree(os.path.join(rig.site.state, "spool"))
    t.diag("%d kill points" % points)
    t.ok(points >= 40, "enough of them: %d" % points)


def test_uninstall_killed_anywhere(t):
    t.need("strace")
    for layout in ("bare", "hooks_path_absolute"):
        with t.case("uninstall killed anywhere, " + layout):
            rig = Rig(t, layout, earlier="script")
            before, points = rig.see(), 0
            rig.install(*ALL)
            for point in killed_at_every(rig, "uninstall"):
                points += point is not None
                works(rig, "after %s" % point)
                rig.hooks_cmd("uninstall", rig.arg)
                t.eq(difference(before, rig.see()), "", "uninstall goes on after %s" % point)
                rig.install(*ALL)
            t.diag("%d kill points" % points)
            t.ok(points >= 10, "enough of them: %d" % points)


# ---- what goes with it ----

def test_push_options(t):
    for was in (None, "false", "true"):
        with t.case("receive.advertisePushOptions was %s" % was):
            rig = Rig(t)
            if was:
                rig.site.git("-C", rig.git_dir, "config", "receive.advertisePushOptions", was)
            before = rig.see()
            rig.install()
            t.eq(rig.status()["push_options"], was == "true", "not touched unasked")
            rig.install("--push-options")
            t.eq(rig.status()["push_options"], True, "set when asked for")
            rig.push("a", options=["ci.skip", "ci.variable=\"A=b c\""])
            t.eq(rig.records()[0].all("option"), [b"ci.skip", b"ci.variable=\"A=b c\""],
                 "the options are recorded")
            rig.install("--push-options")
            rig.hooks_cmd("uninstall", rig.arg)
            t.eq(difference(before, rig.see()), "", "the earlier value is back")


def test_push_options_changed_meanwhile(t):
    rig = Rig(t)
    rig.install("--push-options")
    rig.site.git("-C", rig.git_dir, "config", "receive.advertisePushOptions", "false")
    rig.hooks_cmd("uninstall", rig.arg)
    t.eq(rig.site.git("-C", rig.git_dir, "config", "receive.advertisePushOptions"), "false",
         "what somebody set since stays")


def test_reference_transaction(t):
    rig = Rig(t)
    for name in ("post-receive", "reference-transaction"):
        write_script(os.path.join(rig.hooks, name), "#!/bin/sh\n{ echo \"%s $*\"; cat; } >> '%s'\n"
                     % (name, rig.log))
    before = rig.see()
    rig.install("--reference-transaction")
    t.has(rig.install(), "already", "install without the option keeps it")
    poller = rig.site.path("poller")
    write_script(poller, "#!/bin/sh\necho \"$@\" > '%s.new'; mv '%s.new' '%s'\n" %
                 ((rig.site.path("polled"),) * 3))
    rig.let_go("poller.lock")
    conf = os.path.join(rig.git_dir, "refire", "hook")
    with open(conf) as f:
        text = f.read().replace(os.path.join(BUILD, "refire-poll"), poller)
    with open(conf, "w") as f:
        f.write(text)
    t.eq(rig.status()["reference_transaction"], "yes", "status")
    new, said = rig.push()
    t.lacks(said, "refire: ", "nothing to say")
    hints = [n for n in rig.site.spool() if n.startswith("h.")]
    t.eq(len(hints), 1, "one hint")
    with open(os.path.join(rig.site.state, "spool", "new", hints[0])) as f:
        t.eq(f.read(), rig.git_dir, "it names the repository")
    harness.wait_until(lambda: os.path.exists(rig.site.path("polled")), what="a poller")
    with open(rig.site.path("polled")) as f:
        t.eq(f.read(), "--hints --config %s\n" % rig.site.conf, "it is started for hints")
    main, head = ("%s %s %s\n" % (ZERO, new, ref) for ref in ("refs/heads/main", "HEAD"))
    with open(rig.log) as f:
        t.eq(f.read(), "reference-transaction prepared\n%sreference-transaction committed\n%s"
             "post-receive \n%s" % (main + head, main + head, main),
             "the earlier hooks get all of it")
    write_script(os.path.join(rig.hooks, "reference-transaction" + EARLIER),
                 "#!/bin/sh\n[ \"$1\" != prepared ]\n")
    work = rig.site.work(url=rig.url)
    work.commit()
    t.has(work.push("main:refs/heads/no", good=False), "aborted by hook", "a veto stays a veto")
    rig.hooks_cmd("uninstall", rig.arg)
    after = rig.see()
    before.pop("hooks/reference-transaction"), after.pop("hooks/reference-transaction")
    t.eq(difference(before, after), "", "restored")


def test_commit_in_a_work_tree_leaves_a_hint(t):
    for layout in ("work_tree", "git_file", "linked_worktree"):
        with t.case(layout):
            rig = Rig(t, layout)
            rig.install("--reference-transaction")
            os.mkdir(os.path.join(rig.arg, "sub"))
            rig.site.git("-C", os.path.join(rig.arg, "sub"), "commit", "-q", "--allow-empty",
                         "-m", "local")
            hint, = [n for n in rig.site.spool() if n.startswith("h.")]
            with open(os.path.join(rig.site.state, "spool", "new", hint)) as f:
                t.eq(f.read(), rig.git_dir, "of the shared git directory")


def test_what_install_says(t):
    rig = Rig(t)
    t.lacks(rig.install(), "no timer", "a resident sender is there")
    rig.let_go("sender.lock")
    out = rig.install()
    t.has(out, "no timer", "nobody retries: it warns")
    t.has(out, "* * * * *  %s poll --quiet --config %s; " % (
        os.path.join(BUILD, "refire"), rig.site.conf), "and shows a line for crontab")
    t.eq(rig.site.refire("hooks", "status", rig.arg)[0], 1, "for status something is wrong")
    os.close(os.open(os.path.join(rig.site.state, "sender.ran"), os.O_CREAT | os.O_WRONLY))
    t.lacks(rig.install(), "no timer", "no warning once a sender was seen")
    os.utime(os.path.join(rig.site.state, "sender.ran"), (1, 1))
    t.has(rig.install(), "no timer", "but again when that was long ago")
    rig.site.repositories.clear()
    rig.site.write_conf()
    out = rig.install()
    t.has(out, "[repository web]\n    path = %s\n" % rig.git_dir, "it prints what to add")
    t.has(str(rig.status()["problems"]), "no [repository]", "status says so too")
    os.chmod(rig.git_dir, 0o2775)
    t.has(rig.install(), "pushers", "a group may push, and `pushers` is not set")
    write_script(os.path.join(rig.hooks, "update"), "")
    os.unlink(os.path.join(rig.hooks, "post-receive"))
    write_script(os.path.join(rig.hooks, "post-receive"), "#!/bin/sh\ncase $(basename $0) in\nesac\n")
    t.has(rig.install(), "looks at its own name", "the earlier hook is called otherwise now")


def test_configuration(t):
    rig = Rig(t)
    nowhere = rig.site.path("none.conf")
    rc, out, err = rig.site.refire("hooks", "install", rig.arg, env={"REFIRE_CONFIG": nowhere})
    t.ok(rc != 0 and nowhere in err and not out, "no configuration: %d %s" % (rc, err))
    t.ok(not os.path.exists(os.path.join(rig.git_dir, "refire")), "and nothing done")
    with open(rig.site.conf, "a") as f:
        f.write("[repositry x]\n")
    rc, _, err = rig.site.refire("hooks", "install", rig.arg)
    t.eq(rc, 78, "a mistake in it: %s" % err)
    rig.site.write_conf()
    rig.install()
    rc, out, err = rig.site.refire("hooks", "uninstall", rig.arg, env={"REFIRE_CONFIG": nowhere})
    t.eq(rc, 0, "uninstall needs none: %s%s" % (out, err))


def test_command_line(t):
    site = t.site()
    site.write_conf()
    plain = site.path("plain")
    os.mkdir(plain)
    for args, rc, part in (
            ((), 64, "install, status or uninstall"), (("instal",), 64, "did you mean `install`"),
            (("--help",), 0, "Usage:"), (("install", "--help"), 0, "Usage:"),
            (("status", "--help"), 0, "Usage:"), (("uninstall", "--help"), 0, "Usage:"),
            (("install",), 64, "no repository"), (("uninstall",), 64, "no repository"),
            (("install", "--hook-dir", "x"), 64, "did you mean --hooks-dir"),
            (("install", "--hooks-dir", "x", "y"), 64, "not both"),
            (("install", "--push-options", "--no-push-options", "x"), 64, "contradict"),
            (("status", "--jason"), 64, "unknown option"),
            (("install", plain), 1, "plain"), (("install", site.path("none")), 1, "none"),
            (("status", site.path("none")), 1, "none")):
        with t.case("refire hooks " + " ".join(os.path.basename(a) for a in args)):
            got, out, err = site.refire("hooks", *args)
            t.eq(got, rc, out + err)
            t.has(out + err, part, "what it says")


def test_status_table(t):
    rig = Rig(t, earlier="script")
    rig.install()
    other = rig.site.repository("other", hook=False)
    rc, out, _ = rig.site.refire("hooks", "status")
    t.eq(rc, 1, "one of them is not installed")
    lines = out.splitlines()
    t.has(lines[0], "PATH", "a heading")
    t.ok(any(rig.git_dir in x and "yes" in x and EARLIER in x for x in lines), out)
    t.ok(any(x.startswith(other + ": ") and "not installed" in x for x in lines), out)
    rc, out, _ = rig.site.refire("hooks", "status", "--json")
    t.eq([json.loads(x)["hook"] for x in out.splitlines()], ["yes", "no"], "as JSON")


def test_files_it_leaves(t):
    old = os.umask(0o077)
    t.cleanup(os.umask, old)
    rig = Rig(t)
    rig.install()
    own = os.path.join(rig.git_dir, "refire")
    for path, mode in ((own, 0o755), (os.path.join(own, "hook"), 0o644),
                       (os.path.join(own, "installed"), 0o644)):
        t.eq(stat.S_IMODE(os.stat(path).st_mode), mode, "the mode of " + path)
    os.rename(own, own + ".real")
    os.symlink(own + ".real", own)
    t.has(rig.install(rc=78), "not a directory", "a link in its place is refused")


if __name__ == "__main__":
    harness.main()
