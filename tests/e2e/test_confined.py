"""What a task in its sandbox can do with its host and with the agent, and what it cannot: tasks of root and of
nobody, on a real agent.  The probes are Python, run inside the task; they print one line of JSON."""

import errno
import json
import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from cluster import STRATOS, Agent, Cluster, needs_root, wait_for

USERS = (None, "nobody")

PRELUDE = """
import ctypes, errno, json, os, signal, socket, struct, subprocess, sys, time, urllib.error, urllib.request
C = ctypes.CDLL(None, use_errno=True)

def bind(address, port, protocol=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, protocol) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        return s.getsockname()[1]

def error_of(what, *args):
    try:
        what(*args)
    except OSError as e:
        return errno.errorcode[e.errno]

def ask(path, method="GET", token=None, body=None):
    request = urllib.request.Request(os.environ["STRATOS_API"] + path, method=method, data=body)
    if token:
        request.add_header("Authorization", "Bearer " + token)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code

def token():
    with open(os.environ["STRATOS_TOKEN_FILE"]) as f:
        return f.read()

said = {}
"""

ENDING = """
print(json.dumps(said), flush=True)
time.sleep(1000)
"""


def abi():
    import ctypes
    return max(0, ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


needs_ports = unittest.skipIf(abi() < 4, "this kernel's Landlock knows no ports")
needs_scope = unittest.skipIf(abi() < 6, "this kernel's Landlock knows no abstract sockets")


# 32-bit system calls from a process: int 0x80 with eax, ebx, ecx, edx of a table; a page below 4 GiB
CALL_32 = """
code = bytes.fromhex("53" "8b07" "8b5f04" "8b4f08" "8b570c" "cd80" "5b" "c3")
C.mmap.restype = ctypes.c_void_p
C.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
page = C.mmap(None, 4096, 7, 0x62, -1, 0)
ctypes.memmove(page, code, len(code))
run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(page)

def call32(*numbers):
    ctypes.memmove(page + 256, struct.pack("4I", *numbers), 16)
    return run(page + 256)
"""


def has_32_bit_calls():
    """Not every kernel takes them, nor every virtual machine: there the process ends by SIGSEGV."""
    script = "import ctypes, os, struct\nC = ctypes.CDLL(None)\n" + CALL_32 + \
        "\nraise SystemExit(call32(20, 0, 0, 0) != os.getpid())"
    return platform.machine() == "x86_64" and subprocess.run([sys.executable, "-c", script]).returncode == 0


@needs_root
class Confined(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1, profile="local")
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.agent = cls.cluster[0]
        cls.n_jobs = 0

    def submit(self, script, user=None, ports=None, isolation=None, ns="default"):
        """A job that runs `script`; returns its name."""
        Confined.n_jobs += 1
        name = f"probe-{self.n_jobs}"
        task = {"command": ["python3", "-c", script], "resources": {"cpu": 1, "memory": "128M"}}
        if user:
            task["user"] = user
        if isolation:
            task["isolation"] = isolation
        spec = {"job": name, "namespace": ns, "task": task, "ports": ports or {},
                "restart": {"attempts": 0}, "update": {"min_healthy_time": "50ms"}}
        if not ports:
            del spec["ports"]
        answer = self.agent.run("run", self.cluster.write(f"{name}.json", json.dumps(spec)), "--timeout", "20s",
                                "--namespace", ns)
        self.assertEqual(answer.code, 0, (answer, self.agent.run("logs", name, "--stderr", "--namespace", ns)))
        self.addCleanup(self.agent.run, "rm", name, "--namespace", ns, "-y")
        return name

    def lines(self, name, ns="default"):
        out = self.agent.run("logs", name, "--namespace", ns).out
        return [json.loads(line[line.index("{"):]) for line in out.splitlines() if "{" in line]

    def inside(self, script, **kw):
        """What the script said; `{{` is not special in it."""
        name = self.submit(PRELUDE + script + ENDING, **kw)
        wait_for(lambda: self.lines(name, kw.get("ns", "default")), 20,
                 lambda: self.agent.run("logs", name, "--namespace", kw.get("ns", "default")))
        return self.lines(name, kw.get("ns", "default"))[0]

    # ---- ports ----

    ALL_PORTS = """
for address in ("127.0.0.1", "0.0.0.0", "::1"):
    ports = range(1024, 65536) if address == "127.0.0.1" else range(1024, 65536, 97)
    errors = {}
    for port in ports:
        error = error_of(bind, address, port) or "bound"
        errors.setdefault(error, []).append(port)
    said[address] = {e: [len(p), p[:4]] for e, p in errors.items()}
said["own"] = [error_of(bind, "0.0.0.0", int(os.environ[p])) for p in ("PORT0", "PORT1") if p in os.environ]
said["any"] = [error_of(bind, a, 0) for a in ("127.0.0.1", "0.0.0.0")]
said["out"] = error_of(socket.create_connection, (os.environ["STRATOS_ADDRESS"], 7781))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    said["udp"] = error_of(s.bind, ("127.0.0.1", 0))
"""

    @needs_ports
    def test_a_task_without_ports_listens_nowhere_but_where_the_kernel_chooses(self):
        for user in USERS:
            said = self.inside(self.ALL_PORTS, user=user)
            for address in ("127.0.0.1", "0.0.0.0"):
                self.assertEqual(list(said[address]), ["EACCES"], (user, address, said[address]))
            self.assertIn(list(said["::1"]), (["EACCES"], ["EADDRNOTAVAIL"], ["EAFNOSUPPORT"]), said["::1"])
            self.assertEqual((said["any"], said["out"], said["udp"]), ([None, None], None, None), user)

    @needs_ports
    def test_a_task_listens_on_exactly_the_ports_of_its_job(self):
        for i, user in enumerate(USERS):
            fixed = 31231 + i
            said = self.inside(self.ALL_PORTS, user=user, ports={"http": fixed, "admin": "dynamic"})
            self.assertEqual(said["own"], [None, None], user)
            allowed = said["127.0.0.1"]["bound"]
            self.assertEqual((allowed[0], fixed in allowed[1]), (2, True), said)
            self.assertEqual(said["127.0.0.1"]["EACCES"][0], 65536 - 1024 - 2)

    @needs_ports
    def test_sockets_that_are_tcp_by_another_name_choose_no_port_either(self):
        script = """
for name, family, protocol in (("mptcp", 2, 262), ("mptcp6", 10, 262), ("smc", 43, 0), ("smc-ip", 2, 256)):
    fd = C.socket(family, 1, protocol)
    said[name] = errno.errorcode[ctypes.get_errno()] if fd < 0 else "made"
# the registers' upper halves are cut off by the kernel, and so by the filter
fd = C.syscall(41 if os.uname().machine == "x86_64" else 198, ctypes.c_long(2), ctypes.c_long(1), ctypes.c_long(262 | 1 << 40))
said["mptcp-wide"] = errno.errorcode[ctypes.get_errno()] if fd < 0 else "made"
with socket.socket() as s:
    said["range"] = error_of(s.setsockopt, 0, 51, struct.pack("I", 40001 << 16 | 40001))
said["self"] = error_of(lambda: socket.create_connection((os.environ["STRATOS_ADDRESS"], 7781),
                                                         source_address=("127.0.0.1", 0)))
"""
        for user in USERS:
            self.assertEqual(self.inside(script, user=user), {
                "mptcp": "EPROTONOSUPPORT", "mptcp6": "EPROTONOSUPPORT", "mptcp-wide": "EPROTONOSUPPORT",
                "smc": "EPROTONOSUPPORT", "smc-ip": "EPROTONOSUPPORT", "range": "ENOPROTOOPT", "self": None}, user)

    @needs_ports
    @unittest.skipUnless(has_32_bit_calls(), "this host has no 32-bit system calls of x86")
    def test_32_bit_calls_threads_and_children_are_confined_alike(self):
        script = "import threading\n" + CALL_32 + """
def name_of(result):
    return errno.errorcode[-result] if result < 0 else "done"

def bind32(port, is_multiplexed):
    address = struct.pack("<H", 2) + struct.pack(">H", port) + bytes([127, 0, 0, 1]) + bytes(8)
    ctypes.memmove(page + 512, address, 16)
    if not is_multiplexed:
        fd = call32(359, 2, 1, 0)
        return name_of(call32(361, fd, page + 512, 16))
    ctypes.memmove(page + 600, struct.pack("3I", 2, 1, 0), 12)
    fd = call32(102, 1, page + 600, 0)
    ctypes.memmove(page + 600, struct.pack("3I", fd, page + 512, 16), 12)
    return name_of(call32(102, 2, page + 600, 0))

own = int(os.environ["PORT"])
said["getpid"] = call32(20, 0, 0, 0) == os.getpid()
said["direct"] = [bind32(own, False), bind32(31000, False), bind32(0, False)]
said["multiplexed"] = [bind32(own, True), bind32(31000, True)]
threads = {}
t = threading.Thread(target=lambda: threads.update(other=error_of(bind, "127.0.0.1", 31000)))
t.start(); t.join()
said["thread"] = threads["other"]
said["child"] = subprocess.run([sys.executable, "-c", "import socket\\nsocket.socket().bind(('127.0.0.1', 31000))"],
                               capture_output=True, text=True).stderr.strip().splitlines()[-1]
"""
        for user in USERS:
            said = self.inside(script, user=user, ports={"http": "dynamic"})
            self.assertTrue(said["getpid"])
            self.assertEqual(said["direct"], ["done", "EACCES", "done"], user)
            self.assertEqual(said["multiplexed"], ["EADDRINUSE", "EACCES"], user)  # the first one holds it
            self.assertEqual(said["thread"], "EACCES")
            self.assertIn("Permission denied", said["child"])

    def test_the_agents_own_ports_are_given_to_no_task(self):
        for port, flag in ((7780, "--bind"), (7781, "--http"), (8600, "--dns")):
            path = self.cluster.write("own.json", json.dumps(
                {"job": f"own-{port}", "task": {"command": ["sleep", "100"]}, "ports": {"x": port},
                 "restart": {"attempts": 0}}))
            answer = self.agent.run("run", path, "--timeout", "5s")
            self.assertNotEqual(answer.code, 0)
            told = self.agent.run("why", f"own-{port}.0").out + self.agent.run("status", f"own-{port}").out
            self.agent.run("rm", f"own-{port}", "-y")
            self.assertIn(f"port {port} is the agent's own", told)
            self.assertIn(flag, told)

    def test_a_node_says_what_its_kernel_can_keep_tasks_from(self):
        self.assertEqual(self.agent.json("members")[0]["attributes"]["landlock"], str(abi()))
        self.assertEqual("state=weaker" in self.agent.logged(), abi() < 6)

    # ---- sockets and signals ----

    @needs_scope
    def test_abstract_sockets_of_the_host_are_out_of_reach_and_own_ones_are_not(self):
        name = f"\0stratos-confined-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as stream, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
            stream.bind(name)
            stream.listen(8)
            datagram.bind(name + "-d")
            script = f"""
name = {name!r}
said["stream"] = error_of(socket.socket(socket.AF_UNIX).connect, name)
said["datagram"] = error_of(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto, b"x", name + "-d")
own = socket.socket(socket.AF_UNIX)
own.bind(f"\\0of-the-task-{{os.getuid()}}")
own.listen(1)
said["own"] = subprocess.run([sys.executable, "-c", "import socket\\n"
                              "socket.socket(socket.AF_UNIX).connect('\\\\0of-the-task-%d')" % os.getuid()]).returncode
said["pair"] = error_of(socket.socketpair)
"""
            for user in USERS:
                self.assertEqual(self.inside(script, user=user),
                                 {"stream": "EPERM", "datagram": "EPERM", "own": 0, "pair": None}, user)

    def test_processes_of_a_task_signal_each_other_and_are_stopped_from_outside(self):
        script = """
child = subprocess.Popen(["sleep", "100"])
os.kill(child.pid, signal.SIGTERM)
said["child"] = child.wait()
got = []
signal.signal(signal.SIGUSR1, lambda *_: got.append(1))
subprocess.run(["/bin/sh", "-c", "kill -USR1 $PPID"])
said["parent"] = len(got)
said["group"] = error_of(os.killpg, os.getpgrp(), 0)
signal.signal(signal.SIGTERM, lambda *_: (print(json.dumps({"stopped": True}), flush=True), os._exit(0)))
"""
        for user in USERS:
            name = self.submit(PRELUDE + script + ENDING, user=user)
            wait_for(lambda: self.lines(name), 20, "it speaks")
            self.assertEqual(self.lines(name)[0], {"child": -15, "parent": 1, "group": None})
            self.assertEqual(self.agent.run("stop", name).code, 0)
            log = os.path.join(self.agent.data, "tasks", f"default.{name}.0", "stdout.log")

            def is_stopped():
                with open(log) as file:
                    return "stopped" in file.read()
            wait_for(is_stopped, 10, "TERM reaches it")

    # ---- device nodes ----

    def test_device_nodes_of_the_hosts_file_systems_cannot_be_opened(self):
        where = tempfile.mkdtemp(prefix="stratos-confined.", dir="/run")
        self.addCleanup(shutil.rmtree, where, True)
        os.chmod(where, 0o755)
        node = os.path.join(where, "zero")
        try:
            os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 5))
            os.chmod(node, 0o666)
            open(node, "rb").close()
        except OSError as error:
            self.skipTest(f"cannot make a device: {error}")
        script = f"""
said["seen"] = os.path.exists({node!r})
said["read"] = error_of(os.open, {node!r}, os.O_RDONLY)
said["write"] = error_of(os.open, {node!r}, os.O_WRONLY)
for name in ("null", "zero", "full", "random", "urandom", "ptmx"):
    said[name] = error_of(os.open, "/dev/" + name, os.O_RDWR)
flags = [line.split() for line in open("/proc/self/mountinfo")]
said["nosuid"] = [f[4] for f in flags if "nosuid" not in f[5]]
said["dev"] = sorted(f[4] for f in flags if "nodev" not in f[5] and f[3] != "/null")
"""
        for user in USERS:
            said = self.inside(script, user=user)
            self.assertEqual((said.pop("seen"), said.pop("read"), said.pop("write")), (True, "EACCES", "EACCES"), user)
            self.assertEqual((said.pop("nosuid"), said.pop("dev")), ([], ["/dev", "/dev/pts"]), user)
            self.assertEqual(set(said.values()), {None}, said)

    # ---- tokens ----

    def test_a_task_reaches_the_api_by_its_job_files_word_alone(self):
        asks = """
said["none"] = [ask("/v1/jobs"), ask("/v1/jobs/shop/nobody/stop", "POST")]
t = token() if "STRATOS_TOKEN_FILE" in os.environ else "st1.x.y"
said["read"] = [ask("/v1/jobs", token=t), ask("/v1/jobs/shop/nobody", token=t),
                ask("/v1/jobs/other/nobody", token=t)]
said["write"] = [ask("/v1/jobs/shop/nobody/stop", "POST", t), ask("/v1/jobs/other/nobody/stop", "POST", t),
                 ask("/v1/tokens", "POST", t), ask("/v1/leave", "POST", t)]
said["file"] = os.environ.get("STRATOS_TOKEN_FILE")
if said["file"]:
    info = os.stat(said["file"])
    said["mode"] = [oct(info.st_mode & 0o7777), info.st_uid == os.getuid()]
"""
        for user in USERS:
            write = self.inside(asks, user=user, isolation={"api": "write"}, ns="shop")
            self.assertEqual(write, {"none": [401, 401], "read": [200, 404, 403], "write": [404, 403, 403, 403],
                                     "file": "/dev/stratos/token", "mode": ["0o400", True]}, user)
            read = self.inside(asks, user=user, isolation={"api": "read"}, ns="shop")
            self.assertEqual((read["read"], read["write"]), ([200, 404, 403], [403, 403, 403, 403]), user)
        asks = asks.replace('os.environ["STRATOS_API"]', repr(f"http://{self.agent.http}:7781"))
        for isolation in (None, {"api": "none"}):
            said = self.inside(f'os.environ["STRATOS_API"] = "http://{self.agent.http}:7781"\n' + asks,
                               isolation=isolation, ns="shop")
            self.assertEqual((said["read"], said["write"], said["file"]), ([401] * 3, [401] * 4, None))

    def test_a_token_is_in_no_spec_and_no_file_of_the_agent(self):
        name = self.submit("import time\ntime.sleep(1000)", isolation={"api": "write"})
        pid = self.agent.instances(name)[0]["pid"]
        with open(f"/proc/{pid}/root/dev/stratos/token") as file:
            token = file.read()
        self.assertTrue(token.startswith("st1."), token)
        spec = json.loads(self.agent.run("inspect", name).out)
        self.assertEqual(spec["task"]["isolation"], {"api": "write"})
        self.assertIn("its tasks may write by the API", self.agent.run("status", name).out)
        self.assertEqual(self.agent.json("status", name)["isolation"], {"api": "write"})
        found = subprocess.run(["grep", "-rlF", token, self.cluster.dir], capture_output=True, text=True)
        self.assertEqual((found.returncode, found.stdout), (1, ""))
        for path in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{path}", "rb") as file:
                self.assertNotIn(token.encode(), file.read())


@needs_root
class Restarts(unittest.TestCase):
    """What becomes of tasks when the agent starts again, and when the secret changes."""

    def test_a_token_survives_the_agent_and_is_renewed_with_the_secret(self):
        with Cluster(2, profile="local") as cluster:
            agent = cluster[0]
            script = PRELUDE + """
old = None
while True:
    t = token()
    if t != old:
        print(json.dumps({"status": ask("/v1/jobs", token=t), "old": ask("/v1/jobs", token=old) if old else None}),
              flush=True)
        old = t
    time.sleep(0.05)
"""
            path = cluster.write("api.json", json.dumps(
                {"job": "api", "task": {"command": ["python3", "-c", script], "user": "nobody",
                                        "isolation": {"api": "read"}, "resources": {"cpu": 1, "memory": "128M"}},
                 "constraints": [{"attr": "hostname", "op": "==", "value": "n1"}],
                 "restart": {"attempts": 0}, "update": {"min_healthy_time": "50ms"}}))
            self.assertEqual(agent.run("run", path, "--timeout", "20s").code, 0)
            pid = agent.instances("api")[0]["pid"]

            def token():
                with open(f"/proc/{pid}/root/dev/stratos/token") as file:
                    return file.read()

            def asked_with(text):
                return agent.request("GET", "/v1/jobs", {"Authorization": f"Bearer {text}"})[0]
            first = token()
            self.assertEqual(asked_with(first), 200)
            agent.stop()
            self.assertEqual(token(), first)
            agent.start()
            cluster.whole()
            self.assertEqual(agent.instances("api")[0]["pid"], pid, "the task was adopted")
            self.assertEqual((asked_with(first), asked_with(token())), (200, 200))
            rotated = agent.run("secret", "rotate", "--timeout", "30s", timeout=60)
            self.assertEqual(rotated.code, 0, rotated)
            wait_for(lambda: asked_with(first) == 401, 10, "the old secret's tokens end")
            self.assertEqual(asked_with(token()), 200)
            info = os.stat(f"/proc/{pid}/root/dev/stratos/token")
            self.assertEqual((info.st_mode & 0o7777, info.st_uid), (0o400, 65534))
            self.assertEqual(agent.instances("api")[0]["pid"], pid, "and it was not restarted")
            said = agent.run("logs", "api").out
            self.assertNotIn("401", said.splitlines()[-1].split("old")[0], "what is in the file is good")


    def test_a_socket_of_the_next_agent_is_seen_by_no_older_task_and_serves_none(self):
        where = tempfile.mkdtemp(prefix="confined-", dir="/run")
        self.addCleanup(shutil.rmtree, where, True)
        os.chmod(where, 0o755)
        sock, go = os.path.join(where, "sock"), os.path.join(where, "go")
        with Cluster(1, profile="local") as cluster:
            agent = cluster[0]
            script = PRELUDE + f"""
def door(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"GET /v1/jobs HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
        return s.recv(12).decode()

print(json.dumps({{"seen": os.path.exists({sock!r})}}), flush=True)
while not os.path.exists({go!r}):
    time.sleep(0.05)
import stat
mode = os.stat({sock!r}).st_mode
print(json.dumps({{"socket": stat.S_ISSOCK(mode), "hidden": stat.S_ISCHR(mode), "door": error_of(door, {sock!r}),
                   "moved": door({sock!r} + "-2") if os.path.exists({sock!r} + "-2") else None}}), flush=True)
time.sleep(1000)
"""
            path = cluster.write("old.json", json.dumps(
                {"job": "old", "task": {"command": ["python3", "-c", script], "resources": {"memory": "128M"}},
                 "restart": {"attempts": 0}, "update": {"min_healthy_time": "50ms"}}))
            self.assertEqual(agent.run("run", path, "--timeout", "20s").code, 0)
            pid = agent.instances("old")[0]["pid"]
            agent.stop()
            agent.socket = sock
            agent.start()
            wait_for(agent.is_up, 10, agent.logged)
            self.assertEqual(agent.instances("old")[0]["pid"], pid, "it was adopted")
            os.link(sock, sock + "-2")  # a way that no mask is over
            open(go, "w").close()

            def lines():
                return [json.loads(line[line.index("{"):]) for line in agent.run("logs", "old").out.splitlines()]
            wait_for(lambda: len(lines()) == 2, 20, lambda: (lines(), agent.run("logs", "old", "--stderr")))
            self.assertEqual(lines()[0], {"seen": False})
            self.assertEqual(lines()[1], {"socket": False, "hidden": True, "door": "ECONNREFUSED",
                                          "moved": "HTTP/1.1 403"})


@needs_root
@unittest.skipUnless(shutil.which("setpriv"), "needs setpriv")
class Undumpable(unittest.TestCase):
    """An agent's keys and a task's token are in memory that others of the same user cannot see."""

    def look(self, pid, *setpriv):
        """Which of the process's files can be opened by a process like that.  (Those of the environment and the
        memory's layout, too, by who may profile the whole host, as an agent of root may: they are not asked for.)"""
        script = ("import os, sys\nfor n in sys.argv[2:]:\n"
                  "    try: os.close(os.open(f'/proc/{sys.argv[1]}/{n}', os.O_RDONLY)); print(n)\n"
                  "    except OSError: pass\n")
        names = ["mem", "fd/0", "exe", "root"] + (["environ", "maps", "auxv"] if "--reuid" in setpriv else [])
        done = subprocess.run(["setpriv", *setpriv, "python3", "-c", script, str(pid), *names],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_of_an_agent_of_an_ordinary_user(self):
        user = ["--reuid", "65534", "--regid", "65534", "--clear-groups"]
        with tempfile.TemporaryDirectory(prefix="stratos-e2e.") as where:
            shutil.copy(STRATOS, os.path.join(where, "stratos"))
            os.chown(where, 65534, 65534)
            words = ["setpriv", *user, os.path.join(where, "stratos")]
            secret = os.path.join(where, "secret")
            with open(secret, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                os.fchown(file.fileno(), 65534, 65534)
                subprocess.run([STRATOS, "secret", "new"], stdout=file, check=True)
            sock = os.path.join(where, "sock")
            agent = subprocess.Popen([*words, "agent", "--name", "n1", "--data", os.path.join(where, "data"),
                                      "--secret-file", secret, "--socket", sock, "--bind", "127.77.3.1:7780",
                                      "--http", "off", "--dns", "off", "--no-discover", "--profile", "local"],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                wait_for(lambda: subprocess.run([*words, "members", "--socket", sock],
                                                capture_output=True).returncode == 0, 10, "the agent works")
                sleeper = subprocess.Popen(["setpriv", *user, "sleep", "60"])
                try:
                    wait_for(lambda: self.look(sleeper.pid, *user), 5, "others of that user can be looked at")
                finally:
                    sleeper.kill()
                    sleeper.wait()
                self.assertEqual(self.look(agent.pid, *user), [])
                self.assertEqual(os.stat(f"/proc/{agent.pid}/environ").st_uid, 0)
            finally:
                agent.terminate()
                agent.wait(10)
                agent.stderr.close()

    def test_of_agent_shim_and_init_of_root_without_the_right_to_trace(self):
        less = ["--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
        with Cluster(1, profile="local", prefixes=[["setpriv", *less]]) as cluster:
            agent = cluster[0]
            path = cluster.write("calm.json", json.dumps({"job": "calm", "task": {"command": ["sleep", "1000"]}}))
            self.assertEqual(agent.run("run", path, "--timeout", "20s").code, 0)
            task = agent.instances("calm")[0]["pid"]

            def parent(pid):
                with open(f"/proc/{pid}/stat") as file:
                    return int(file.read().rsplit(")", 1)[1].split()[1])
            init = parent(task)
            shim = parent(init)
            self.assertNotEqual(self.look(task, *less), [], "a task is what its user may look at")
            for pid in (agent.process.pid, shim, init):
                self.assertEqual(self.look(pid, *less), [], (pid, agent.process.pid, shim, init))
            with open(f"/proc/{task}/limits") as file:
                core = next(line for line in file if line.startswith("Max core file size"))
            self.assertEqual(core.split()[4:6], ["0", "0"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
