"""Crowds and squatters: thousands of idle connections, clients that never stop asking, and programs that have
the agent's ports.  None of them keeps anybody else out, and none stops an agent."""

import json
import os
import resource
import socket
import subprocess
import sys
import time
import unittest

from cluster import Cluster, http_get, needs_root, wait_for

IDLE = 5000

# Opens connections as another user and holds them until its input ends.  What that user may not read is
# imported before.
HOLD = """
import encodings.idna, os, resource, socket, sys
address, port, n, uid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_NOFILE, (8000, 8000))
os.setuid(uid)
held = [socket.create_connection((address, port)) for _ in range(n)]
print("held", flush=True)
sys.stdin.read()
"""

# Sends the same request on many connections without end, and reads what comes.
FLOOD = """
import encodings.idna, os, selectors, socket, sys
address, port, n, uid, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
os.setuid(uid)
request = f"GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode() * 200
chooser = selectors.DefaultSelector()
for _ in range(n):
    one = socket.create_connection((address, port))
    one.setblocking(False)
    chooser.register(one, selectors.EVENT_READ | selectors.EVENT_WRITE)
print("flooding", flush=True)
while True:
    for key, what in chooser.select():
        try:
            if what & selectors.EVENT_READ and not key.fileobj.recv(65536):
                raise OSError
            if what & selectors.EVENT_WRITE:
                key.fileobj.send(request)
        except BlockingIOError:
            pass
        except OSError:
            chooser.unregister(key.fileobj)
"""


def many_files(case):
    """This process may have that many files open, or the test is skipped."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 1000:
        case.skipTest(f"at most {hard} files can be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, IDLE + 1000), hard))
    case.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


def connect_all(case, address, port, n):
    held = []

    def close_all():
        while held:
            held.pop().close()

    case.addCleanup(close_all)
    for _ in range(n):
        held.append(socket.create_connection((address, port), timeout=10))
    return close_all


def rss_kb(agent):
    with open(f"/proc/{agent.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def median_s(ask, times=5):
    """How long `ask` takes: the middle of some, since the machine does other things too."""
    took = []
    for _ in range(times):
        start = time.monotonic()
        ask()
        took.append(time.monotonic() - start)
    return sorted(took)[times // 2]


def ask_socket(agent, path="/healthz"):
    """One request over the unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(agent.socket)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := s.recv(65536):
            answer += part
    return answer


class Squatter:
    """Has the address of an agent's HTTP and DNS, as any program may while the agent is down."""

    def __init__(self, address):
        self.sockets = []
        for port, kind in ((7781, socket.SOCK_STREAM), (8600, socket.SOCK_STREAM), (8600, socket.SOCK_DGRAM)):
            s = socket.socket(socket.AF_INET, kind)
            if kind == socket.SOCK_STREAM:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, port))
            if kind == socket.SOCK_STREAM:
                s.listen(8)
            self.sockets.append(s)

    def leave(self):
        for s in self.sockets:
            s.close()


class Crowd(unittest.TestCase):
    def start(self, *words, stdin=subprocess.PIPE):
        process = subprocess.Popen([sys.executable, "-c", *map(str, words)], stdin=stdin, stdout=subprocess.PIPE,
                                   text=True)

        def end():
            process.kill()
            process.wait()
            process.stdout.close()
            if process.stdin:
                process.stdin.close()

        self.addCleanup(end)
        self.assertNotEqual(process.stdout.readline(), "", "it got its connections")
        return end

    def all_alive(self, c):
        for agent in c.agents:
            self.assertEqual(agent.alive(), [f"n{i + 1}" for i in range(len(c.agents))])
            for word in ("suspect", "dead"):
                self.assertNotIn(f"state={word}", agent.logged())

    def test_idle_connections_to_http_keep_nobody_out(self):
        many_files(self)
        with Cluster(2) as c:
            agent = c[0]
            time.sleep(18)  # what a start needed is given back by then
            before = rss_kb(agent)
            leave = connect_all(self, agent.address, 7781, IDLE)
            took = median_s(lambda: self.assertEqual(http_get(agent.address, 7781, "/healthz"), "ok\n"))
            self.assertLess(took, 0.1)
            evicted = agent.metrics()["stratos_connections_evicted_total"]
            self.assertGreater(evicted, IDLE - 1100, "one user has a quarter of 4,096 places")
            self.assertLess(rss_kb(agent) - before, 4096, "an idle connection is cheap")
            self.all_alive(c)
            leave()
            if before < 16384:  # a sanitizer's build, which is larger, keeps what was freed
                wait_for(lambda: rss_kb(agent) - before <= 1024, 30,
                         lambda: f"{before} kB before, {rss_kb(agent)} kB after")

    @needs_root
    def test_however_many_users_there_are_the_next_one_is_heard(self):
        with Cluster(1) as c:
            for uid in range(61001, 61006):  # more than there is room for
                self.start(HOLD, c[0].address, 7781, 1020, uid)
            self.assertLess(median_s(lambda: http_get(c[0].address, 7781, "/healthz")), 0.1)
            self.assertGreater(c[0].metrics()["stratos_connections_evicted_total"], 900)

    def test_idle_connections_to_dns_keep_nobody_out(self):
        many_files(self)
        with Cluster(2) as c:
            connect_all(self, c[0].address, 8600, IDLE)
            for _ in range(5):
                answer = c[0].dig("+tcp", "n2.node.stratos")
                self.assertIn("status: NOERROR", answer)
                self.assertIn(c[1].address, answer)
            self.assertGreater(c[0].metrics()["stratos_connections_evicted_total"], IDLE - 400)
            self.all_alive(c)

    @needs_root
    def test_who_asks_without_end_has_a_share_of_the_loop(self):
        with Cluster(3) as c:
            self.start(FLOOD, c[0].address, 7781, 64, 61001, "/metrics", stdin=None)
            end = time.monotonic() + 15
            took = []
            while time.monotonic() < end:
                took.append(median_s(lambda: self.assertIn(b"ok\n", ask_socket(c[0])), 1))
                time.sleep(0.1)
            took.sort()
            self.assertLess(took[len(took) // 2], 0.05)
            self.assertLess(median_s(lambda: http_get(c[0].address, 7781, "/healthz")), 0.1)
            self.assertGreater(c[0].metrics()["stratos_http_held_back_total"], 10)
            self.all_alive(c)

    def test_a_squatter_does_not_stop_an_agent(self):
        with Cluster(2) as c:
            agent = c[1]
            agent.kill()
            squatter = Squatter(agent.address)
            self.addCleanup(squatter.leave)
            agent.start()
            wait_for(agent.is_up, 10, "the socket answers")
            wait_for(lambda: agent.alive() == ["n1", "n2"], 20, agent.alive)
            self.assertEqual(agent.run("var", "set", "k", "1").code, 0)
            time.sleep(3)
            said = agent.logged()
            for subject in ("http", "dns"):
                self.assertEqual(said.count(f" {subject} state=waiting"), 1, said)
                self.assertIn("Address already in use", said)
            squatter.leave()
            wait_for(lambda: ": listening" in str(self.reach(agent)), 2, lambda: self.reach(agent))
            self.assertIn("status: NOERROR", agent.dig("n1.node.stratos"))
            self.assertIn("status: NOERROR", agent.dig("+tcp", "n1.node.stratos"))
            said = agent.logged()
            for subject in ("http", "dns"):
                self.assertEqual(said.count(f" {subject} state=listening"), 1, said)

    def reach(self, agent):
        """': listening' once HTTP and DNS answer, by TCP as by UDP; else what is wrong."""
        try:
            http_get(agent.address, 7781, "/healthz")
            socket.create_connection((agent.address, 8600), timeout=1).close()
        except OSError as error:
            return error
        return f"{agent.name}: listening"

    def test_an_address_of_ipv6_is_waited_for_alike(self):
        squatter = socket.socket(socket.AF_INET6)
        self.addCleanup(squatter.close)
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            squatter.bind(("::1", 7781))
        except OSError as error:
            self.skipTest(f"no ::1 here: {error}")
        squatter.listen(8)
        with Cluster(1) as c:
            agent = c[0]
            agent.kill()
            agent.start("--http", "[::1]:7781")
            wait_for(agent.is_up, 10, "the socket answers")
            wait_for(lambda: "http state=waiting address=[::1]:7781" in agent.logged(), 5, agent.logged)
            squatter.close()

            def answers():
                try:
                    return http_get("::1", 7781, "/healthz") == "ok\n"
                except OSError:
                    return False

            wait_for(answers, 2, agent.logged)

    def test_half_of_dns_is_not_kept(self):
        with Cluster(1) as c:
            agent = c[0]
            agent.kill()
            tcp = socket.socket()
            self.addCleanup(tcp.close)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((agent.address, 8600))
            tcp.listen(8)
            agent.start()
            wait_for(agent.is_up, 10, "the socket answers")
            time.sleep(1.5)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind((agent.address, 8600))  # the agent lets go of it at once
            tcp.close()
            wait_for(lambda: ": listening" in str(self.reach(agent)), 3, lambda: self.reach(agent))
            self.assertIn("status: NOERROR", agent.dig("n1.node.stratos"))

    def test_what_is_in_the_sockets_way_is_named(self):
        with Cluster(1) as c:
            agent = c[0]
            agent.kill()
            os.unlink(agent.socket)
            os.mkdir(agent.socket)
            agent.start()
            self.assertEqual(agent.process.wait(10), 1)
            self.assertIn("is in the way and is no socket", agent.logged())
            os.rmdir(agent.socket)
            agent.start()
            wait_for(agent.is_up, 10, "it is up again")

    def test_refusals_come_as_the_error_object(self):
        """Before the body, with a sentence, whatever is wrong."""
        rows = [
            (b"GET / HTTP/1.1\r\nHost: localhost\r\n X: 1\r\n\r\n", 400, "malformed"),
            (b"GET / HTTP/1.1\r\nHost: localhost:77:81\r\n\r\n", 400, "malformed"),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 17000 + b"\r\n\r\n", 431, "too_large"),
            (b"PUT /v1/vars/k HTTP/1.1\r\nHost: localhost\r\nExpect: foo\r\nContent-Length: 1\r\n\r\n", 417,
             "unsupported"),
            (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501, "unsupported"),
            (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505, "unsupported"),
        ]
        with Cluster(1) as c:
            for request, status, code in rows:
                with socket.create_connection((c[0].address, 7781), timeout=5) as s:
                    s.sendall(request)
                    answer = b""
                    while part := s.recv(65536):
                        answer += part
                head, body = answer.split(b"\r\n\r\n", 1)
                self.assertTrue(head.startswith(f"HTTP/1.1 {status} ".encode()), answer)
                self.assertIn(b"Content-Type: application/json", head)
                error = json.loads(body)["error"]
                self.assertEqual(error["code"], code)
                self.assertGreater(len(error["message"]), 20)


if __name__ == "__main__":
    unittest.main()
