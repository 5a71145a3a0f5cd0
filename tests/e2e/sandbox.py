"""Site: one refire installation in a temporary directory, and git beside it.

    TOP/home                    HOME of git and of refire
    TOP/refire.conf             written from site.refire, .repositories, .pipelines
    TOP/state                   state-dir: spool/, queue.db, trail/
    TOP/secrets/NAME            mode 0600
    TOP/repos/NAME.git          bare repositories, made by site.repository(NAME)
    TOP/work*                   clones, made by site.work(NAME)

Every process that has TOP in its arguments or as its working directory is ended
by close(), a sender that the hook started included.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import cloudtrail

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("REFIRE_BUILD") or os.path.join(ROOT, "build"))
PEERS = os.path.abspath(os.environ.get("REFIRE_PEERS") or os.path.join(ROOT, "build", "peers"))
ZERO = "0" * 40
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Gone(Exception):
    """A program ended, or could not be run, where it should not."""


def find_program(name):
    """Where a program of another package is: unpacked under build/peers, or in PATH."""
    for folder in ("usr/sbin", "usr/bin"):
        path = os.path.join(PEERS, folder, name)
        if os.access(path, os.X_OK):
            return path
    return shutil.which(name, path=PATH)


def clean_env(home, **more):
    """An environment made from nothing: what git and refire run with here."""
    env = {"PATH": PATH, "HOME": home, "LC_ALL": "C.UTF-8", "TZ": "UTC",
           "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
           "GIT_AUTHOR_NAME": "alice", "GIT_AUTHOR_EMAIL": "alice@example.org",
           "GIT_COMMITTER_NAME": "alice", "GIT_COMMITTER_EMAIL": "alice@example.org",
           "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(more)
    return env


def run(argv, cwd=None, env=None, stdin=b"", timeout=120, **keys):
    """Run to its end: (exit status, stdout, stderr), as bytes."""
    done = subprocess.run(argv, cwd=cwd, env=env, input=stdin, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **keys)
    return done.returncode, done.stdout, done.stderr


def build_tool(t, source, *flags):
    """Compile a C file of this folder for one test; its path."""
    if not shutil.which("gcc"):
        t.skip("gcc is not here")
    folder = tempfile.mkdtemp(prefix="refire-tool.")
    t.cleanup(shutil.rmtree, folder)
    out = os.path.join(folder, source.split(".")[0])
    rc, _, err = run(["gcc", "-D_GNU_SOURCE", "-std=c11", *flags, "-o", out,
                      os.path.join(os.path.dirname(os.path.abspath(__file__)), source)])
    if rc:
        raise Gone("gcc %s: %s" % (source, err.decode()))
    return out


def processes_with(text):
    """Pids of the processes (not us) that have text in an argument or their cwd."""
    found = []
    for pid in (int(n) for n in os.listdir("/proc") if n.isdigit()):
        if pid == os.getpid():
            continue
        with contextlib.suppress(OSError):
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                if os.fsencode(text) in f.read() or \
                        os.readlink("/proc/%d/cwd" % pid).startswith(text):
                    found.append(pid)
    return found


def end_processes(text, timeout=10):
    """SIGTERM to processes_with(text), SIGKILL after 3 s, until none is left."""
    end, number = time.monotonic() + timeout, signal.SIGTERM
    first = time.monotonic()
    while True:
        pids = processes_with(text)
        if not pids:
            return
        if time.monotonic() > end:
            raise Gone("processes do not end: %s" % pids)
        if time.monotonic() - first > 3:
            number = signal.SIGKILL
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        time.sleep(0.02)


class Work:
    """A clone (or a new repository) to commit and push from."""

    def __init__(self, site, path, url):
        self.site, self.path, self.url = site, path, url
        self.env = {}               # more environment, for git of this clone
        site.git("init", "-q", "-b", "main", path)
        self.git("remote", "add", "origin", url)

    def git(self, *args, **keys):
        """git in this clone; its stdout, stripped. Gone when it fails."""
        return self.site.git("-C", self.path, *args, env=dict(self.env, **keys.pop("env", {})),
                             **keys)

    def commit(self, message="a commit", files=None, **env):
        """Write files ({path: text or bytes}; default: one new line in `file`), commit;
        the commit's object id."""
        if files is None:
            name = os.path.join(self.path, "file")
            old = open(name).read() if os.path.exists(name) else ""
            files = {"file": old + "line %d\n" % (old.count("\n") + 1)}
        for name, text in files.items():
            path = os.path.join(os.fsencode(self.path), os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-F", "-", env=env,
                 stdin=message if isinstance(message, bytes) else message.encode())
        return self.git("rev-parse", "HEAD")

    def push(self, *refspecs, options=(), good=True, **keys):
        """git push origin; what the pusher saw (stderr). Gone when it fails and good."""
        argv = [x for o in options for x in ("-o", o)]
        rc, _, err = self.site.git_raw("-C", self.path, "push", *argv, "origin", *refspecs,
                                       env=self.env, **keys)
        if good and rc:
            raise Gone("git push failed (%d): %s" % (rc, err.decode(errors="replace")))
        return err.decode(errors="replace")


class Site:
    """See the top of this file."""

    def __init__(self, mode=0o700):
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="refire-e2e."))
        os.chmod(self.top, mode)
        for name in ("home", "repos", "secrets"):
            os.mkdir(self.path(name))
        self.refire_keys = {"state-dir": self.path("state")}
        self.repositories = {}
        self.pipelines = {}
        self.extra = ""             # text put at the end of refire.conf as it is
        self.conf = self.path("refire.conf")
        self.works = 0
        self.senders = []
        self.secrets = []           # must not be found in any record
        self.trail_is_ours = True   # False: a test wrote into it what refire never would
        self.owner = {}             # keys for run(): the user that refire runs as here
        self.program = os.path.join(BUILD, "refire")
        with open(self.path("home", ".gitconfig"), "w") as f:
            f.write("[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n"
                    "[maintenance]\n\tauto = false\n[advice]\n\tdetachedHead = false\n")

    def path(self, *names):
        return os.path.join(self.top, *names)

    @property
    def state(self):
        return self.refire_keys["state-dir"]

    def close(self):
        """End every process of this site and remove its directory."""
        end_processes(self.top)
        for sender in self.senders:
            sender.wait()
        try:
            self.check_trail()
        finally:
            self.remove()

    def remove(self):
        shutil.rmtree(self.top, ignore_errors=True)
        if os.path.exists(self.top):
            run(["chmod", "-R", "u+rwX", self.top])
            shutil.rmtree(self.top)

    # ---- configuration ----
    def section(self, word, name, keys):
        """Text of one section; _ in a key stands for -; None leaves a key out."""
        lines = ["[%s]" % " ".join(x for x in (word, name) if x)]
        for key, value in keys.items():
            if value is not None:
                lines.append("%s = %s" % (key.replace("_", "-"), value))
        return "\n".join(lines) + "\n\n"

    def conf_text(self):
        text = self.section("refire", "", self.refire_keys)
        for name, keys in self.repositories.items():
            text += self.section("repository", name, keys)
        for name, keys in self.pipelines.items():
            text += self.section("pipeline", name, keys)
        return text + self.extra

    def write_conf(self):
        """(Re)write refire.conf from refire_keys, repositories, pipelines and extra."""
        with open(self.conf + ".new", "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(self.conf_text())
        os.chmod(self.conf + ".new", 0o644)
        os.rename(self.conf + ".new", self.conf)

    def secret(self, name, value=b"not a secret"):
        """A secret file of mode 0600; its path."""
        path = self.path("secrets", name)
        self.secrets += [value] if len(value) > 8 else []
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(value)
        return path

    def repository(self, name="web", hook=True, quiet=False, **keys):
        """A bare repository in the configuration, with the hook; its path. quiet: the
        hook records, but cannot start a sender."""
        path = self.path("repos", name + ".git")
        self.git("init", "-q", "--bare", "-b", "main", path)
        self.git("-C", path, "config", "receive.advertisePushOptions", "true")
        self.git("-C", path, "config", "core.fsync", "none")    # git's own, for speed
        self.repositories[name] = dict({"path": path}, **keys)
        self.write_conf()
        if hook:
            self.install_hook(path, quiet)
        return path

    def install_hook(self, path, quiet=False):
        self.must("hooks", "install", path)
        if quiet:
            self.hook_sender(path, "/bin/true")

    def hook_sender(self, path, program):
        """Make an installed hook start program instead of refire-send."""
        name = os.path.join(path, "refire", "hook")
        with open(name) as f:
            lines = ["sender %s\n" % program if x.startswith("sender ") else x for x in f]
        with open(name, "w") as f:
            f.writelines(lines)

    def hook_by_hand(self, path, *lines, env=None, **keys):
        """post-receive as git runs it, for lines of (old, new, ref); (status, out, err)."""
        text = "".join("%s %s %s\n" % line for line in lines)
        return run([os.path.join(path, "hooks", "post-receive")], cwd=path, stdin=text.encode(),
                   env=self.env(GIT_DIR=".", **(env or {})), **keys)

    def pipeline(self, name, receiver, repository="web", **keys):
        """A webhook pipeline of this name that fires at receiver (or a URL)."""
        url = receiver if isinstance(receiver, str) else receiver.url
        secret = b"not a secret" if isinstance(receiver, str) else receiver.secret
        own = {"repository": repository, "on": "push, tag, delete", "target": "webhook",
               "url": url, "format": "github", "secret-file": self.secret(name, secret)}
        own.update({k.replace("_", "-"): v for k, v in keys.items()})
        self.pipelines[name] = own
        self.write_conf()

    def standard(self, receiver, **keys):
        """Repository web with the hook, pipeline web-ci at receiver. Returns self."""
        self.pipeline("web-ci", receiver, **keys)
        self.repository("web")
        return self

    # ---- git ----
    def env(self, **more):
        return clean_env(self.path("home"), **more)

    def git_raw(self, *args, env=None, stdin=b"", timeout=180, **keys):
        return run(["git", *args], env=self.env(**(env or {})), stdin=stdin, timeout=timeout,
                   **keys)

    def git(self, *args, **keys):
        """git; its stdout, stripped. Gone when it fails."""
        rc, out, err = self.git_raw(*args, **keys)
        if rc:
            raise Gone("git %r failed (%d): %s" % (args, rc, err.decode(errors="replace")))
        return out.decode(errors="surrogateescape").strip()

    def work(self, name="web", url=None):
        """A new Work for a repository (or a URL)."""
        self.works += 1
        return Work(self, self.path("work%d" % self.works),
                    url or self.path("repos", name + ".git"))

    # ---- refire ----
    def refire(self, *args, env=None, timeout=120, raw=False, stdin=b"", **keys):
        """build/refire ARGS with this configuration: (exit status, stdout, stderr). Text
        as str with undecodable bytes kept (surrogateescape), or bytes when raw."""
        more = dict({"REFIRE_CONFIG": self.conf}, **(env or {}))
        rc, out, err = run([self.program, *args], env=self.env(**more), timeout=timeout,
                           stdin=stdin, **dict(self.owner, **keys))
        if raw:
            return rc, out, err
        return rc, out.decode(errors="surrogateescape"), err.decode(errors="surrogateescape")

    def must(self, *args, **keys):
        """refire ARGS that must end with 0; its stdout."""
        rc, out, err = self.refire(*args, **keys)
        if rc:
            raise Gone("refire %r: exit status %d\n%s%s" % (args, rc, out, err))
        return out

    def send(self, **keys):
        """One `refire send` to its end: (exit status, stdout, stderr)."""
        return self.refire("send", "--config", self.conf, **keys)

    def start_sender(self, *args, env=None, wrap=()):
        """A sender that stays (`refire-send --watch`), or with other args; its Popen.
        Its stderr goes to TOP/sender.log."""
        argv = [*wrap, os.path.join(BUILD, "refire-send"), "--config", self.conf,
                *(args or ("--watch",))]
        with open(self.path("sender.log"), "ab") as log:
            sender = subprocess.Popen(argv, env=self.env(**(env or {})), stdout=log, stderr=log,
                                      stdin=subprocess.DEVNULL, start_new_session=True)
        self.senders.append(sender)
        return sender

    def attempt(self, timeout=60):
        """One `refire send`, then wait until nothing is READY or INFLIGHT (a sender that
        a command started may be at it). The exit status of `refire send`."""
        rc, _, _ = self.send()
        end = time.monotonic() + timeout
        while {"READY", "INFLIGHT"} & set(self.states()):
            if time.monotonic() > end:
                raise Gone("still under way after %g s: %s" % (timeout, self.states()))
            time.sleep(0.03)
        return rc

    def retry(self, delivery):
        """`refire queue retry`, and wait until it has been tried."""
        self.must("queue", "retry", delivery)
        self.attempt()

    def sender_pids(self):
        """Pids of every sender of this site, those that hooks started too."""
        found = []
        for pid in processes_with(self.top):
            with contextlib.suppress(OSError):
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    if b"refire-send" in f.read().split(b"\0")[0]:
                        found.append(pid)
        return found

    def kill_senders(self, number=signal.SIGKILL):
        """Signal every sender, wait until they are gone; how many there were."""
        pids = self.sender_pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + 20
        while self.sender_pids():
            for sender in self.senders:
                sender.poll()
            if time.monotonic() > end:
                raise Gone("senders do not end: %s" % self.sender_pids())
            time.sleep(0.005)
        return len(pids)

    def queue_json(self, *args):
        """`refire queue list --json`: a list of objects, oldest first."""
        out = self.must("queue", "list", *args, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def show(self, delivery):
        """`refire queue show ID`: its text."""
        return self.must("queue", "show", delivery)

    def trail_records(self, event=None):
        """Records of the trail in order of their sequence, of one eventName or all."""
        records = [json.loads(x.decode()) for x in cloudtrail.records(self.path_of_trail())]
        records.sort(key=lambda r: r["additionalEventData"]["sequence"])
        return [r for r in records if event in (None, r["eventName"])]

    def path_of_trail(self):
        return os.path.join(self.state, "trail")

    def check_trail(self):
        """Gone when a record is not as CloudTrail publishes it, or holds a secret."""
        for line in cloudtrail.records(self.path_of_trail()) if self.trail_is_ours else ():
            found = cloudtrail.faults(line)
            found += ["a secret" for s in self.secrets if s in line]
            if found:
                raise Gone("a record is not as published: %s\n%s" % ("; ".join(found), line[:3000]))

    def states(self):
        """{state: how many} over the queue."""
        counts = {}
        for row in self.queue_json():
            counts[row["state"]] = counts.get(row["state"], 0) + 1
        return counts

    def wait_states(self, timeout=30, **want):
        """Until the queue's states are exactly these, as in wait_states(DELIVERED=3)."""
        end = time.monotonic() + timeout
        while True:
            have = self.states() if os.path.exists(os.path.join(self.state, "queue.db")) else {}
            if have == want:
                return
            if time.monotonic() > end:
                raise Gone("the queue's states are %s, not %s, after %g s" % (have, want, timeout))
            time.sleep(0.05)

    def spool(self, folder="new"):
        """Names of the files in spool/FOLDER."""
        path = os.path.join(self.state, "spool", folder)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def describe(self):
        """What this site knows, for the diagnostics of a failed test."""
        text = "site %s\n" % self.top
        for folder in ("new", "drop", "done", "quarantine"):
            names = self.spool(folder)
            text += "spool/%s: %d %s\n" % (folder, len(names), names[:5])
        rc, out, err = self.refire("queue", "list", "--json")
        lines = out.splitlines()
        text += "queue: exit status %d, %d rows %s\n%s\n" % (rc, len(lines), err.strip(),
                                                           "\n".join(lines[-10:]))
        for name in ("sender.log",):
            with contextlib.suppress(OSError):
                with open(self.path(name), errors="replace") as f:
                    text += "%s:\n%s" % (name, f.read()[-3000:])
        return text
