"""nginx on 127.0.0.1 for the benchmarks: answers of git's protocol 2 that never change.

/NAME.git/info/refs is a greeting, /NAME.git/git-upload-pack an ls-refs answer of six
refs, the same bytes for every NAME.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import servers                      # noqa: E402
from sandbox import Gone, find_program      # noqa: E402

REFS = ["refs/heads/dev", "refs/heads/main", "refs/heads/next", "refs/tags/v1", "refs/tags/v2"]
CONF = """
daemon off;
%(user)s
pid %(dir)s/nginx.pid;
error_log %(dir)s/error.log;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %(dir)s/body;
  proxy_temp_path %(dir)s/proxy;
  fastcgi_temp_path %(dir)s/fastcgi;
  uwsgi_temp_path %(dir)s/uwsgi;
  scgi_temp_path %(dir)s/scgi;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:%(port)d;
    location ~ /info/refs$ {
      default_type application/x-git-upload-pack-advertisement;
      return 200 "%(greeting)s";
    }
    location ~ /git-upload-pack$ {
      default_type application/x-git-upload-pack-result;
      return 200 "%(refs)s";
    }
  }
}
"""


def pkt(text):
    return "%04x%s\n" % (len(text) + 5, text)


def greeting():
    return pkt("# service=git-upload-pack") + "0000" + "".join(map(pkt, (
        "version 2", "agent=git/2.39.5", "ls-refs=unborn", "fetch=shallow wait-for-done",
        "server-option", "object-format=sha1"))) + "0000"


def answer():
    lines = ["%040x HEAD symref-target:refs/heads/main" % 2]
    lines += ["%040x %s" % (i + 1, ref) for i, ref in enumerate(REFS)]
    return "".join(map(pkt, lines)) + "0000"


class CannedServer(servers.Server):
    """url("r1") is the address of a repository."""

    def __init__(self, site):
        super().__init__(site, "canned")
        self.port = servers.free_port()
        nginx = find_program("nginx")
        if not nginx:
            raise Gone("nginx is not here (tests/packages test)")
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write(CONF % {"dir": self.dir, "port": self.port, "greeting": greeting(),
                            "refs": answer(), "user": "user root;" if os.getuid() == 0 else ""})
        self.start([nginx, "-p", self.dir, "-e", os.path.join(self.dir, "error.log"), "-c", conf])
        servers.wait_port(self.port, self.processes[-1], self.log)

    def url(self, name):
        return "http://127.0.0.1:%d/%s.git" % (self.port, name)
