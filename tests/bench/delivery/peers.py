"""What refire's delivery is measured beside: three job queues of Node.js and the stores
they stand on, each in a directory of its own, durable, and tuned as its manual advises.
"""
import json
import os
import pwd
import shutil
import subprocess
import tempfile

from rig import BUILD
from sandbox import PEERS, find_program, run
from servers import free_port, wait_port

PROGRAMS = os.path.join(BUILD, "bench-peers")
POSTGRES = os.path.join(PEERS, "usr/lib/postgresql/15/bin")
# Every commit is on the disk before it is answered (the defaults), room for a busy queue.
POSTGRES_CONF = """
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = '%s'
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 256MB
max_wal_size = 2GB
jit = off
"""


class Store:
    """A server in a directory of its own under another account where we are root."""

    def __init__(self, name):
        self.dir = tempfile.mkdtemp(prefix="refire-bench-%s." % name)
        self.port = free_port()
        self.log = os.path.join(self.dir, "log")
        self.account = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.dir, nobody.pw_uid, nobody.pw_gid)
            self.account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def start(self, argv):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, cwd=self.dir, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, **self.account)
        wait_port(self.port, self.process, self.log, 30)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir)


class Redis(Store):
    """appendfsync: always (an acknowledged job survives a power cut) or everysec (the last
    second is lost)."""

    def __init__(self, appendfsync):
        super().__init__("redis")
        self.start([find_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
                    "--dir", self.dir, "--appendonly", "yes", "--appendfsync", appendfsync,
                    "--save", "", "--maxmemory-policy", "noeviction"])

    def env(self):
        return {"REDIS": str(self.port)}

    def empty(self):
        run([find_program("redis-cli"), "-p", str(self.port), "flushall"])


class Postgres(Store):
    def __init__(self):
        super().__init__("postgres")
        data = os.path.join(self.dir, "data")
        done = subprocess.run([os.path.join(POSTGRES, "initdb"), "-D", data, "-U", "bench",
                               "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"],
                              cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False, **self.account)
        assert done.returncode == 0, done.stdout.decode()
        with open(os.path.join(data, "postgresql.conf"), "a") as f:
            f.write(POSTGRES_CONF % (self.port, self.dir))
        self.start([os.path.join(POSTGRES, "postgres"), "-D", data])

    def env(self):
        return {"PGURL": "postgres://bench@127.0.0.1:%d/postgres" % self.port}

    def empty(self):
        pass                        # what is done is gone, or of another state


def deliver(program, store, url, count, body):
    """One run of a peer: (seconds to put the jobs, seconds until all are delivered)."""
    env = dict(os.environ, NODE_ENV="production", NODE_NO_WARNINGS="1", **store.env())
    rc, out, err = run(["node", program + ".mjs", url, str(count), body], cwd=PROGRAMS, env=env)
    assert rc == 0, (program, out.decode()[-500:], err.decode()[-2000:])
    took = json.loads(out.splitlines()[-1])
    store.empty()
    return took["enqueue"], took["all"]
