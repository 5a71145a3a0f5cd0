"""Real servers on 127.0.0.1 for the tests: nginx with git http-backend, sshd,
and Debian's `webhook`. None is started by its package; each runs in the
foreground with files of its own, on a port of its own, and is ended by pid.
"""
import base64
import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import time

from sandbox import Gone, clean_env, find_program, run


def free_port():
    """A port nobody listens on just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, process, log, timeout=15):
    """Until something listens on port; Gone when process ends first."""
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if process.poll() is not None or time.monotonic() > end:
            with open(log, errors="replace") as f:
                raise Gone("%s: no server on port %d (status %s)\n%s" % (
                    process.args, port, process.poll(), f.read()[-2000:]))
        time.sleep(0.02)


class Server:
    """A process in the foreground, in its own session, with a log."""

    def __init__(self, site, name):
        self.dir = site.path(name)
        os.makedirs(self.dir, exist_ok=True)
        self.log = os.path.join(self.dir, "log")
        self.site = site
        self.processes = []

    def start(self, argv, env=None):
        with open(self.log, "ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True,
                                       env=env or clean_env(self.site.path("home")))
        self.processes.append(process)
        return process

    def logged(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def close(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes = []


NGINX = """
daemon off;
%(user)s
pid %(dir)s/nginx.pid;
error_log %(dir)s/error.log;
worker_processes 1;
events { worker_connections 256; }
http {
  access_log %(dir)s/access.log;
  client_max_body_size 0;
  client_body_temp_path %(dir)s/body;
  proxy_temp_path %(dir)s/proxy;
  fastcgi_temp_path %(dir)s/fastcgi;
  uwsgi_temp_path %(dir)s/uwsgi;
  scgi_temp_path %(dir)s/scgi;
  server {
    listen 127.0.0.1:%(port)d%(tls)s;
    location / {
      %(auth)s
      fastcgi_pass unix:%(dir)s/fcgi;
      fastcgi_param SCRIPT_FILENAME %(backend)s;
      fastcgi_param GIT_PROJECT_ROOT %(root)s;
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_read_timeout 300s;
    }
  }
}
"""


class GitHttpServer(Server):
    """Smart HTTP over site/repos: nginx, fcgiwrap and git http-backend. With users
    ({name: password}) basic authentication is asked for, and REMOTE_USER set; without,
    anyone may push. tls (paths cert, key, ca): https, and only with a client certificate
    that ca has signed. url("web") is the address of a repository."""

    def __init__(self, site, users=None, root=None, tls=None):
        super().__init__(site, "http-server")
        self.users = users or {}
        self.tls = tls
        self.root = root or site.path("repos")
        self.port = free_port()
        if not self.users:
            for name in os.listdir(self.root):
                site.git("-C", os.path.join(self.root, name), "config", "http.receivepack", "true")
        self.configure()
        wrap = find_program("fcgiwrap")
        nginx = find_program("nginx")
        if not wrap or not nginx:
            raise Gone("nginx and fcgiwrap are not here (tests/packages test)")
        self.start([wrap, "-c", "3", "-s", "unix:" + os.path.join(self.dir, "fcgi")])
        end = time.monotonic() + 10
        while not os.path.exists(os.path.join(self.dir, "fcgi")):
            if time.monotonic() > end:
                raise Gone("fcgiwrap made no socket: " + self.logged())
            time.sleep(0.01)
        self.start([nginx, "-p", self.dir, "-e", os.path.join(self.dir, "error.log"),
                    "-c", os.path.join(self.dir, "nginx.conf")])
        wait_port(self.port, self.processes[-1], self.log)

    def configure(self):
        auth = ""
        if self.users:
            names = os.path.join(self.dir, "users")
            with open(names, "w") as f:
                for name, word in self.users.items():
                    f.write("%s:{PLAIN}%s\n" % (name, word))
            auth = 'auth_basic "git"; auth_basic_user_file %s;' % names
        backend = os.path.join(self.site.git("--exec-path"), "git-http-backend")
        with open(os.path.join(self.dir, "nginx.conf"), "w") as f:
            f.write(NGINX % {"dir": self.dir, "port": self.port, "auth": auth, "root": self.root,
                             "backend": backend, "tls": self.tls_lines(),
                             "user": "user root;" if os.getuid() == 0 else ""})

    def tls_lines(self):
        if not self.tls:
            return ""
        return (" ssl; ssl_certificate %s; ssl_certificate_key %s; ssl_client_certificate %s; "
                "ssl_verify_client on" % (self.tls["cert"], self.tls["key"], self.tls["ca"]))

    def url(self, name="web", user=None):
        who = "%s:%s@" % (user, self.users[user]) if user else ""
        return "http%s://%s127.0.0.1:%d/%s.git" % ("s" if self.tls else "", who, self.port, name)

    def basic(self, user):
        """The Authorization header's value for a user."""
        return "Basic " + base64.b64encode(
            ("%s:%s" % (user, self.users[user])).encode()).decode()


class SshServer(Server):
    """A real sshd with its own host key, letting in one key as this Unix user.
    env() makes git use it; url("web") is the address of a repository. accept_protocol:
    pass GIT_PROTOCOL on (Debian's own configuration does not)."""

    def __init__(self, site, accept_protocol=True, root=None):
        super().__init__(site, "ssh-server")
        self.root = root or site.path("repos")
        self.port = free_port()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.made_run = False
        sshd = find_program("sshd")
        if not sshd:
            raise Gone("sshd is not here (tests/packages test)")
        self.key, self.host_key = self.keygen("id"), self.keygen("host")
        os.rename(self.key + ".pub", self.file("authorized_keys"))
        self.write_known_hosts()
        self.configure(accept_protocol)
        env = clean_env(site.path("home"), **self.privilege_env())
        self.start([sshd, "-D", "-e", "-f", self.file("sshd_config")], env)
        wait_port(self.port, self.processes[-1], self.log)

    def file(self, name):
        return os.path.join(self.dir, name)

    def keygen(self, name):
        rc, _, err = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.file(name)])
        if rc:
            raise Gone("ssh-keygen: %s" % err.decode())
        return self.file(name)

    def write_known_hosts(self):
        with open(self.host_key + ".pub") as f:
            kind, key = f.read().split()[:2]
        with open(self.file("known_hosts"), "w") as f:
            f.write("[127.0.0.1]:%d %s %s\n" % (self.port, kind, key))

    def configure(self, accept_protocol):
        with open(self.file("sshd_config"), "w") as f:
            f.write("\n".join([
                "ListenAddress 127.0.0.1", "Port %d" % self.port,
                "HostKey " + self.host_key, "PidFile none",
                "AuthorizedKeysFile " + self.file("authorized_keys"),
                "StrictModes no", "UsePAM no", "PermitRootLogin prohibit-password",
                "PasswordAuthentication no", "KbdInteractiveAuthentication no",
                "AcceptEnv LANG LC_*" + (" GIT_PROTOCOL" if accept_protocol else ""),
                "MaxStartups 100", ""]))

    def privilege_env(self):
        """As root sshd wants a user `sshd` and /run/sshd, which its package would make.
        The user is shown to it alone by libnss_wrapper, where there is none."""
        if os.getuid():
            return {}
        if not os.path.isdir("/run/sshd"):
            os.mkdir("/run/sshd", 0o755)
            self.made_run = True
        with contextlib.suppress(KeyError):
            pwd.getpwnam("sshd")
            return {}
        with open("/etc/passwd") as f, open(self.file("passwd"), "w") as out:
            out.write(f.read() + "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n")
        return {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_PASSWD": self.file("passwd"),
                "NSS_WRAPPER_GROUP": "/etc/group"}

    def command(self):
        """The ssh command line that reaches this server and trusts nothing else."""
        return ("ssh -F /dev/null -i %s -o IdentitiesOnly=yes -o BatchMode=yes "
                "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=%s"
                % (self.key, self.file("known_hosts")))

    def env(self):
        """More environment for git."""
        return {"GIT_SSH_COMMAND": self.command(), "GIT_SSH_VARIANT": "ssh"}

    def url(self, name="web"):
        return "ssh://%s@127.0.0.1:%d%s/%s.git" % (self.user, self.port, self.root, name)

    def close(self):
        super().close()
        if self.made_run:
            with contextlib.suppress(OSError):
                os.rmdir("/run/sshd")


class Webhook(Server):
    """Debian's webhook 2.8.0: hooks is the list of its hooks.json. url("id") is the
    address of one."""

    def __init__(self, site, hooks):
        super().__init__(site, "webhook")
        self.port = free_port()
        program = find_program("webhook")
        if not program:
            raise Gone("webhook is not here (tests/packages test)")
        path = os.path.join(self.dir, "hooks.json")
        with open(path, "w") as f:
            json.dump(hooks, f)
        self.start([program, "-ip", "127.0.0.1", "-port", str(self.port), "-hooks", path,
                    "-verbose"])
        wait_port(self.port, self.processes[-1], self.log)

    def url(self, hook):
        return "http://127.0.0.1:%d/hooks/%s" % (self.port, hook)
