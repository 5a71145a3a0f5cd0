"""The two sides of the delivery bench: nginx that answers 200, and a refire site whose
hook has recorded one push (or many) that nothing has taken in yet.

The refs are branches that moved from one commit to the next, so that each makes one
delivery of one request.
"""
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))
from sandbox import BUILD, Site, find_program  # noqa: E402
from servers import free_port, wait_port  # noqa: E402

NGINX = """daemon off;
%(user)s
pid %(dir)s/pid;
error_log %(dir)s/error.log;
worker_processes 1;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %(dir)s/body;
  proxy_temp_path %(dir)s/proxy;
  fastcgi_temp_path %(dir)s/fastcgi;
  uwsgi_temp_path %(dir)s/uwsgi;
  scgi_temp_path %(dir)s/scgi;
  client_body_buffer_size 64k;
  keepalive_requests 100000000;
  server {
    listen 127.0.0.1:%(port)d backlog=4096;
    location / { return 200 "ok"; }
    location = /count { stub_status; }
  }
}
"""


class Nginx:
    """One worker that answers every POST with 200; .requests() is how many it had."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="refire-bench-nginx.")
        self.port = free_port()
        self.url = "http://127.0.0.1:%d/" % self.port
        conf = os.path.join(self.dir, "conf")
        with open(conf, "w") as f:
            f.write(NGINX % {"dir": self.dir, "port": self.port,
                             "user": "user root;" if os.geteuid() == 0 else ""})
        log = os.path.join(self.dir, "error.log")
        self.process = subprocess.Popen([find_program("nginx"), "-e", log, "-c", conf],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port(self.port, self.process, log)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir)


class Refire:
    """A site with one bare repository `web` of `refs` branches and one pipeline, ci0;
    concurrency of the sender, own of the pipeline."""

    def __init__(self, url, refs, payload="github", concurrency=None, own=None, **keys):
        self.refs = refs
        self.site = Site()
        if concurrency:
            self.site.refire_keys["concurrency"] = concurrency
        self.site.pipeline("ci0", url, format=payload, concurrency=own, **keys)
        self.repo = self.site.repository("web", quiet=True)
        work = self.site.work()
        self.before, self.after = work.commit("one"), work.commit("two")
        work.git("push", "-q", "origin", "main:refs/hidden/base")
        self.names = ["refs/heads/b%06d" % i for i in range(refs)]
        self.forget()
        with open(os.path.join(self.repo, "packed-refs"), "w") as f:
            f.write("# pack-refs with: peeled fully-peeled sorted \n")
            f.writelines("%s %s\n" % (self.after, name) for name in self.names)

    def forget(self):
        """Nothing taken in, nothing waiting."""
        shutil.rmtree(self.site.state, ignore_errors=True)
        os.makedirs(os.path.join(self.site.state, "spool", "new"))

    def push(self, names=None):
        """The hook, as git runs it, for these branches: one spool file."""
        rc, _, err = self.site.hook_by_hand(
            self.repo, *[(self.before, self.after, name) for name in names or self.names])
        assert (rc, err) == (0, b""), err

    def push_quickly(self, name):
        """The hook for one branch; when (monotonic) it was started."""
        given = self.site.path("given")
        with open(given, "w") as f:
            f.write("%s %s %s\n" % (self.before, self.after, name))
        hook = os.path.join(self.repo, "hooks", "post-receive")
        begin = time.monotonic()
        pid = os.posix_spawn(hook, [hook], self.site.env(GIT_DIR=self.repo), file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, given, os.O_RDONLY, 0)])
        assert os.waitpid(pid, 0)[1] == 0
        return begin

    def wait_joined(self, count, timeout=120):
        """Until so many deliveries have been made."""
        path = os.path.join(self.site.state, "queue.db")
        end = time.monotonic() + timeout
        while True:
            time.sleep(0.2)
            db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
            with contextlib.suppress(sqlite3.OperationalError):
                if db.execute("SELECT count(*) FROM deliveries").fetchone()[0] >= count:
                    return
            db.close()
            assert time.monotonic() < end, "not joined within %d s" % timeout

    def send(self, *wrap):
        """`refire send` from its start to its end; the seconds it took."""
        begin = time.monotonic()
        done = subprocess.run([*wrap, os.path.join(BUILD, "refire-send"), "-q", "--config",
                               self.site.conf], env=self.site.env(), stdin=subprocess.DEVNULL,
                              check=False)
        took = time.monotonic() - begin
        assert done.returncode == 0, done.returncode
        return took

    def close(self):
        self.site.close()
