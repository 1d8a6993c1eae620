"""Real agents for the end-to-end tests: start, ask, break and stop them.

Every cluster lives in a temporary directory and on loopback addresses of its own, so tests do not meet
each other.  Only processes started here are ever signalled, by pid."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
STRATOS = os.path.abspath(os.environ.get("STRATOS", os.path.join(ROOT, "build/release/stratos")))
SLOWER = 3 if "/asan/" in STRATOS or "/tsan/" in STRATOS else 1  # than what ships, under a sanitizer
_next_net = [os.getpid() % 200 + 20]


def wait_for(condition, seconds, what):
    """Until `condition()` is true; returns how long it took."""
    start, seconds = time.monotonic(), seconds * SLOWER
    while True:
        if condition():
            return time.monotonic() - start
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)


def at(address, port):
    """As text: IPv6 addresses stand in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Answer:
    """What a command said."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def data(self):
        return json.loads(self.out)["data"]

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Agent:
    def __init__(self, cluster, index, prefix=()):
        self.cluster, self.index, self.prefix = cluster, index, list(prefix)
        self.wrapper = []  # words before the program's own
        self.name = f"n{index}"
        self.address = cluster.address(index)
        self.bind = at(self.address, 7780)  # None: the agent chooses
        self.dns = self.address
        self.dir = os.path.join(cluster.dir, self.name)
        os.makedirs(self.dir, exist_ok=True)
        self.socket = os.path.join(self.dir, "sock")
        self.data = os.path.join(self.dir, "data")
        self.log = os.path.join(self.dir, "log")
        self.process = None
        self.program = STRATOS

    def start(self, *extra, join=None, discover=False):
        first = 20000 + (self.index - 1) * 100
        if join is None and self.index != 1 and not discover:
            join = at(self.cluster.address(1), 7780)
        words = self.prefix + self.wrapper + [
            self.program, "agent", "--name", self.name, "--data", self.data, "--secret-file", self.cluster.secret,
            "--http", at(self.http, 7781), "--dns", at(self.dns, 8600),
            "--socket", self.socket, "--ports", f"{first}-{first + 99}",
            "--profile", self.cluster.profile, "--cpu", "8", "--memory", "8G"]
        if join:
            words += ["--join", join]
        if self.bind:
            words += ["--bind", self.bind]
        if not discover:
            words += ["--no-discover"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(words + list(extra), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    @property
    def http(self):
        return "127.0.0.1" if self.prefix else self.address

    def stop(self, seconds=10):
        """SIGTERM: tasks stay."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode if self.process else None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def run(self, *words, timeout=60, input=None):
        done = subprocess.run([self.program, "--socket", self.socket, *words], capture_output=True, text=True,
                              timeout=timeout, input=input, cwd=self.cluster.dir)
        return Answer(done)

    def json(self, *words, **kw):
        answer = self.run(*words, "--json", **kw)
        if answer.code != 0:
            raise AssertionError(f"stratos {' '.join(words)}: {answer!r}")
        return answer.data

    def is_up(self):
        return self.run("members", "--json").code == 0

    def alive(self):
        answer = self.run("members", "--json")
        return sorted(m["name"] for m in answer.data if m["state"] == "alive") if answer.code == 0 else []

    def digest(self):
        answer = self.run("members", "--json")
        return json.loads(answer.out)["view"]["digest"] if answer.code == 0 else None

    def instances(self, job):
        answer = self.run("status", job, "--json")
        return answer.data["instances"] if answer.code == 0 else []

    def healthy(self, job):
        return [i for i in self.instances(job) if i["state"] == "running" and i["health"] in ("passing", "none")]

    def dig(self, *words):
        done = subprocess.run([*self.prefix, "dig", f"@{self.dns}", "-p", "8600", "+time=2", "+tries=1", *words],
                              capture_output=True, text=True, timeout=20)
        return done.stdout

    def short(self, *words):
        return sorted(line for line in self.dig("+short", *words).splitlines() if line)

    def token(self, *words):
        """A header for `request`."""
        answer = self.run("token", *words)
        if answer.code != 0:
            raise AssertionError(f"no token: {answer!r}")
        return {"Authorization": f"Bearer {answer.out.strip()}"}

    def request(self, method, path, headers=None, body=None, timeout=10, port=7781):
        """Over HTTP: (status, headers, what was said)."""
        link = http.client.HTTPConnection(self.http, port, timeout=timeout)
        try:
            link.request(method, path, body=body, headers=headers or {})
            answer = link.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            link.close()

    def metrics(self):
        with urllib.request.urlopen(f"http://{at(self.http, 7781)}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in pairs}

    def logged(self):
        with open(self.log) as log:
            return log.read()


class Cluster:
    """`with Cluster(3) as c:` gives three agents that know each other."""

    def __init__(self, nodes, profile="lan", prefixes=None, addresses=None, extra=()):
        _next_net[0] = _next_net[0] % 250 + 1
        self.net, self.profile, self.extra, self.addresses = _next_net[0], profile, extra, addresses
        self.dir = tempfile.mkdtemp(prefix="stratos-e2e.")
        self.secret = os.path.join(self.dir, "secret")
        with open(self.secret, "w") as secret:
            os.fchmod(secret.fileno(), 0o600)
            subprocess.run([STRATOS, "secret", "new"], stdout=secret, check=True)
        prefixes = prefixes or [()] * nodes
        self.agents = [Agent(self, i + 1, prefixes[i]) for i in range(nodes)]

    def address(self, index):
        return self.addresses[index - 1] if self.addresses else f"127.77.{self.net}.{index}"

    def __getitem__(self, index):
        return self.agents[index]

    def __enter__(self):
        try:
            for agent in self.agents:
                agent.start(*self.extra)
            self.whole()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def whole(self, seconds=20):
        names = sorted(a.name for a in self.agents if a.process and a.process.poll() is None)
        wait_for(lambda: all(a.alive() == names for a in self.agents if a.name in names), seconds,
                 lambda: f"all see {names}: {[(a.name, a.alive()) for a in self.agents]}")
        # `members` is answered before the first sync; DNS and orders are not.
        wait_for(lambda: all(a.metrics()["stratos_ready"] == 1 for a in self.agents if a.name in names
                             and not a.prefix), seconds, "all are ready")
        wait_for(lambda: len({a.digest() for a in self.agents if a.name in names}) == 1, seconds, "one table")

    def __exit__(self, kind, value, trace):
        if kind and os.environ.get("E2E_LOGS"):
            for agent in self.agents:
                print(f"--- {agent.name}\n{agent.logged()}")
        for agent in self.agents:
            agent.stop()
        for agent in self.agents:
            self.end_tasks(agent)
        shutil.rmtree(self.dir, ignore_errors=True)

    def end_tasks(self, agent):
        """Tasks outlive agents: end the shims whose directory is this agent's."""
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if len(words) > 2 and words[1] == b"shim" and words[2].startswith(agent.data.encode() + b"/"):
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        return path


def job(name, command, count=1, more=""):
    return f"""job: {name}
count: {count}
task:
  command: {json.dumps(command)}
  resources: {{cpu: 0.1, memory: 64M}}
{more}
"""


def http_get(address, port, path="/", timeout=3):
    with urllib.request.urlopen(f"http://{at(address, port)}{path}", timeout=timeout) as answer:
        return answer.read().decode()


needs_root = unittest.skipUnless(os.geteuid() == 0, "needs root")
