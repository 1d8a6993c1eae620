"""Health checks against a server that misbehaves on demand: states, names over time, restarts, words."""

import json
import time
import unittest

from cluster import Cluster, http_get, job, needs_root, wait_for

# A server of few words: /set/MODE says how /health is answered from now on, /stats what came of it.
# "reset" there is what an application would log as a fault: its client went away without a word.
SERVER = r"""
import json, os, socket, struct, threading, time
mode, left = os.environ.get("MODE", "ok"), -1
stats = {}
lock = threading.Lock()
OK = b"HTTP/1.1 200 OK\r\nServer: odd\r\n"

def count(what):
    with lock:
        stats[what] = stats.get(what, 0) + 1

def drip(link, text, pause):
    for i in range(len(text)):
        link.sendall(text[i:i + 1])
        time.sleep(pause)

def answer(link, name):
    if name == "ok":
        link.sendall(OK + b"Content-Length: 3\r\n\r\nok\n")
    elif name == "header5k":
        link.sendall(OK + b"X-Long: " + b"a" * 5000 + b"\r\nContent-Length: 2\r\n\r\nok")
    elif name == "headers60k":
        link.sendall(OK + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 100) for i in range(500)) + b"\r\nok")
    elif name == "body64k":
        link.sendall(OK + b"Content-Length: 65000\r\n\r\n" + b"z" * 65000)
    elif name == "body20m":
        link.sendall(OK + b"Content-Length: 20971520\r\n\r\n")
        for i in range(320):
            link.sendall(b"z" * 65536)
    elif name == "chunked":
        link.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=\"b\"\r\nlo\r\n0\r\nTrailer: x\r\n\r\n")
    elif name == "continue":
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        time.sleep(0.1)
        link.sendall(OK + b"Content-Length: 2\r\n\r\nok")
    elif name == "http10":
        link.sendall(b"HTTP/1.0 200 Fine\r\n\r\nuntil the end")
    elif name == "bare":
        link.sendall(b"\r\nHTTP/1.1 204\n\n")
    elif name == "redirect":
        link.sendall(b"HTTP/1.1 302 Found\r\nLocation: /nowhere\r\nContent-Length: 0\r\n\r\n")
    elif name == "slow":
        drip(link, OK + b"Content-Length: 2\r\n\r\nok", 0.005)
    elif name == "keepopen":
        link.sendall(OK + b"Content-Length: 2\r\n\r\nok")
        return False
    elif name == "error":
        link.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 26\r\n\r\n\r\nno \x1b[31mdatabase\nat line 7")
    elif name == "clock":
        text = b"busy since %d" % time.monotonic_ns()
        link.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    elif name == "silent":
        time.sleep(3)
    elif name == "drip":
        drip(link, OK + b"X-Never: " + b"z" * 60, 0.05)
    elif name == "reset":
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif name == "tls":
        link.sendall(b"\x15\x03\x01\x00\x02\x02\x16")
    elif name == "ssh":
        link.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    elif name == "cut":
        link.sendall(OK)
    return True

def serve(link):
    global mode, left
    name = "?"
    try:
        link.settimeout(5)
        request = b""
        while b"\r\n\r\n" not in request:
            piece = link.recv(65536)
            if not piece:
                return
            request += piece
        path = request.split()[1].decode()
        if path.startswith("/set/"):
            with lock:
                stats.clear()
            mode, _, n = path[5:].partition(",")
            left = int(n or -1)
            link.sendall(OK + b"Content-Length: 0\r\n\r\n")
            return
        if path == "/stats":
            with lock:
                body = json.dumps(dict(stats, request=seen.get("request", ""))).encode()
            link.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            return
        seen["request"] = request.decode()
        if left == 0:
            mode = "ok"
        left -= left > 0
        name = mode
        count("asked")
        count("asked " + name)
        if answer(link, name) and name not in ("reset",):
            link.shutdown(socket.SHUT_WR)
        if name != "reset":
            while link.recv(65536):
                pass
            count("ended")
    except (ConnectionResetError, BrokenPipeError):
        count("reset")
        count("reset " + name)
    except OSError:
        count("late")
    finally:
        link.close()

seen = {}
if mode != "deaf":
    server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", int(os.environ["PORT"])))
    server.listen(128)
while mode == "deaf":
    time.sleep(1)
while True:
    link, _ = server.accept()
    threading.Thread(target=serve, args=(link,), daemon=True).start()
"""

QUICK = "http: /health?x=y, name: up, interval: 200ms, timeout: 700ms, grace: 2s"


def odd(name, check, mode="ok", more=""):
    return job(name, ["python3", "-u", "-c", SERVER], 1,
               f"ports: {{http: dynamic}}\nhealth: [{{{check}}}]\nupdate: {{min_healthy_time: 200ms}}\n{more}"
               ).replace("  resources:", f"  env: {{MODE: {mode}}}\n  stop: {{timeout: 1s}}\n  resources:")


@needs_root
class Health(unittest.TestCase):
    def begin(self, nodes=1, **kw):
        cluster = Cluster(nodes, **kw)
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        self.cluster = cluster
        return cluster[0]

    def submit(self, agent, text, *words):
        return agent.run("run", "-", *words, input=text)

    def one(self, agent, name):
        found = agent.instances(name)
        return found[0] if found else {}

    def ask(self, agent, name, path):
        one = self.one(agent, name)
        return http_get(one["address"], one["ports"]["http"], path)

    def set(self, agent, name, mode):
        self.ask(agent, name, f"/set/{mode}")

    def stats(self, agent, name):
        return json.loads(self.ask(agent, name, "/stats"))

    def wait_health(self, agent, name, health, seconds=10):
        wait_for(lambda: self.one(agent, name).get("health") == health, seconds,
                 lambda: f"{name} is {health}: {agent.run('status', name).out}")

    def served(self, agent, name):
        return bool(agent.short(f"{name}.service.stratos"))

    def test_every_answer_that_is_allowed_passes_and_leaves_no_reset(self):
        agent = self.begin()
        self.assertEqual(self.submit(agent, odd("odd", QUICK + ", kind: ready, unready_after: 1")).code, 0)
        for mode in ("ok", "header5k", "headers60k", "body64k", "body20m", "chunked", "continue", "http10", "bare",
                     "redirect", "slow", "keepopen"):
            with self.subTest(mode=mode):
                self.set(agent, "odd", mode)
                wait_for(lambda: self.stats(agent, "odd").get("ended", 0) >= 4, 10,
                         lambda: f"{mode}: {self.stats(agent, 'odd')}")
                stats = self.stats(agent, "odd")
                self.assertEqual(stats.get("reset", 0), 0, (mode, stats))
                self.assertEqual(stats.get("late", 0), 0, (mode, stats))
                self.assertEqual(self.one(agent, "odd")["health"], "passing", (mode, agent.run("status", "odd").out))
                self.assertTrue(self.served(agent, "odd"), mode)
        self.assertEqual(self.one(agent, "odd")["restarts"], 0)
        lines = self.stats(agent, "odd")["request"].split("\r\n")
        one = self.one(agent, "odd")
        self.assertEqual(lines[0], "GET /health?x=y HTTP/1.1")
        self.assertIn(f"Host: {one['address']}:{one['ports']['http']}", lines)
        self.assertIn("Connection: close", lines)
        self.assertRegex("\n".join(lines), r"(?m)^User-Agent: stratos/[0-9]")

    def test_what_fails_has_its_words_leaves_dns_and_is_back_with_the_first_pass(self):
        agent = self.begin()
        self.assertEqual(self.submit(agent, odd("odd", QUICK + ", kind: ready, max_failures: 3")).code, 0)
        wait_for(lambda: self.served(agent, "odd"), 5, "it is served")
        pid = self.one(agent, "odd")["pid"]
        rows = {"error": "answered 500 Internal Server Error: no ?[31mdatabase",
                "silent": "no answer within 700ms",
                "drip": "no whole answer within 700ms",
                "reset": "the connection was reset without an answer",
                "tls": "not HTTP: it speaks TLS",
                "ssh": "not HTTP: SSH-2.0-OpenSSH_9.2p1",
                "cut": "the connection was closed in the middle of the answer"}
        for mode, said in rows.items():
            with self.subTest(mode=mode):
                self.set(agent, "odd", mode)
                self.wait_health(agent, "odd", "failing")
                one = self.one(agent, "odd")
                self.assertEqual(one["state"], "running")
                self.assertEqual(one["check"]["name"], "up")
                self.assertEqual(one["check"]["said"], said)
                self.assertGreaterEqual(one["check"]["failures"], 2)
                self.assertRegex(one["check"]["since"], r"^20\d\d-.*Z$")
                wait_for(lambda: not self.served(agent, "odd"), 3, "it is out of DNS")
                text = agent.run("status", "odd").out
                self.assertIn("failing", text)
                self.assertRegex(text, r"odd\.0: health check 'up' fails \(\d+ or more in a row, never restarts\): ")
                self.assertIn(said, text)
                self.assertIn(said, agent.run("status", "odd.0").out)
                self.assertIn(said, agent.run("why", "odd.0").out)
                resolved = agent.run("resolve", "odd.service.stratos")
                self.assertIn(said, resolved.out + resolved.err)
                # three times max_failures: a ready check never restarts
                asked = self.stats(agent, "odd")["asked"]
                if mode not in ("silent", "drip"):
                    wait_for(lambda: self.stats(agent, "odd")["asked"] > asked + 9, 10, "it goes on asking")
                start = time.monotonic()
                self.set(agent, "odd", "ok")
                wait_for(lambda: self.served(agent, "odd"), 5, "it is served again")
                self.assertLess(time.monotonic() - start, 4)
                one = self.one(agent, "odd")
                self.assertEqual((one["health"], one["check"], one["restarts"], one["pid"]), ("passing", None, 0, pid))
                self.assertNotIn("health check", agent.run("status", "odd").out)
        causes = [e["cause"] or "" for e in agent.json("events") if e["subject"] == "odd.0"]
        for said in rows.values():
            self.assertTrue(any(said in cause for cause in causes), (said, causes))

    def test_seven_failures_of_eight_are_failing_and_not_a_restart(self):
        agent = self.begin()
        check = QUICK.replace("200ms", "500ms") + ", max_failures: 8"
        self.assertEqual(self.submit(agent, odd("odd", check)).code, 0)
        wait_for(lambda: self.served(agent, "odd"), 5, "it is served")
        self.set(agent, "odd", "error,7")
        seen = []
        while self.stats(agent, "odd").get("asked ok", 0) < 2:
            seen.append((self.one(agent, "odd")["health"], self.served(agent, "odd")))
        self.assertIn(("failing", False), seen)
        self.assertIn("restarts after 8", agent.run("events").out)
        self.assertEqual(self.stats(agent, "odd")["asked error"], 7)
        wait_for(lambda: self.served(agent, "odd"), 3, "it is served again")
        self.assertEqual(self.one(agent, "odd")["restarts"], 0)
        # the eighth restarts it, and the restart is counted and explained
        pid = self.one(agent, "odd")["pid"]
        self.set(agent, "odd", "error,8")
        wait_for(lambda: self.one(agent, "odd").get("restarts") == 1, 15, lambda: agent.run("status", "odd").out)
        self.wait_health(agent, "odd", "passing")
        self.assertNotEqual(self.one(agent, "odd")["pid"], pid)
        self.assertIn("health check 'up' failed 8 times in a row: answered 500 Internal Server Error",
                      json.dumps(agent.json("events")))

    def test_one_failure_between_passes_is_told_to_nobody(self):
        agent = self.begin()
        self.assertEqual(self.submit(agent, odd("odd", QUICK)).code, 0)
        for _ in range(4):
            self.set(agent, "odd", "error,1")
            wait_for(lambda: self.stats(agent, "odd").get("asked ok", 0) >= 1, 5, "it passes again")
            self.assertEqual(self.one(agent, "odd")["health"], "passing")
        kinds = [e for e in agent.json("events") if e["subject"] == "odd.0" and "failing" in e["text"]]
        self.assertEqual(kinds, [])

    def test_words_that_change_each_time_do_not_write_each_time(self):
        agent = self.begin()
        check = QUICK.replace("200ms", "100ms") + ", kind: ready"
        self.assertEqual(self.submit(agent, odd("odd", check)).code, 0)
        self.set(agent, "odd", "clock")
        self.wait_health(agent, "odd", "failing")

        def written():
            return {s["node"]: s["number"] for s in agent.json("gossip")["seen"]}["n1"]
        before, asked = written(), self.stats(agent, "odd")["asked"]
        wait_for(lambda: self.stats(agent, "odd")["asked"] > asked + 40, 15, "forty more failures")
        self.assertLessEqual(written() - before, 7)
        self.assertIn("answered 503 Service Unavailable: busy since ", self.one(agent, "odd")["check"]["said"])

    def test_run_says_what_the_check_said_while_it_waits_and_when_it_gives_up(self):
        agent = self.begin()
        check = QUICK.replace("grace: 2s", "grace: 500ms") + ", max_failures: 4"
        answer = self.submit(agent, odd("sick", check, "error", "restart: {attempts: 50, delay: 100ms}"),
                             "--timeout", "40s")
        self.assertEqual(answer.code, 5, answer)
        self.assertIn("answered 500 Internal Server Error: no ?[31mdatabase", answer.err)
        self.assertRegex(answer.err, r"sick fails: sick\.0: .*restarted \d+ times: health check 'up' ")
        answer = self.submit(agent, odd("deaf", QUICK.replace("grace: 2s", "grace: 0s") + ", kind: ready", "deaf"),
                             "--timeout", "9s")
        self.assertEqual(answer.code, 5, answer)
        self.assertIn("waiting for deaf.0: running on n1, health failing: health check 'up' fails (", answer.err)
        self.assertIn("never restarts): connection refused", answer.err)
        # within the grace it is not failing, and still said
        answer = self.submit(agent, odd("late", QUICK.replace("grace: 2s", "grace: 1h"), "error"),
                             "--timeout", "7s", "--json")
        self.assertEqual(answer.code, 124, answer)
        self.assertIn("health unknown: health check 'up' has not passed yet: answered 500", answer.out + answer.err)
        self.assertEqual(self.one(agent, "late")["restarts"], 0)

    def test_a_restarted_agent_takes_nothing_out_of_dns(self):
        agent = self.begin()
        self.assertEqual(self.submit(agent, odd("well", QUICK)).code, 0)
        self.assertEqual(self.submit(agent, odd("sick", QUICK + ", kind: ready")).code, 0)
        self.set(agent, "sick", "error")
        self.wait_health(agent, "sick", "failing")
        pids = [self.one(agent, name)["pid"] for name in ("well", "sick")]
        agent.stop()
        agent.start()
        wait_for(agent.is_up, 10, lambda: agent.logged()[-600:])
        seen = set()
        for _ in range(20):
            seen.add((self.one(agent, "well").get("health"), self.one(agent, "sick").get("health")))
        self.assertEqual(seen, {("passing", "failing")})
        self.assertEqual([self.one(agent, name)["pid"] for name in ("well", "sick")], pids)
        said = "answered 500 Internal Server Error"
        wait_for(lambda: said in (self.one(agent, "sick")["check"] or {}).get("said", ""), 5, "it is asked again")
        self.set(agent, "sick", "ok")
        self.wait_health(agent, "sick", "passing")

    def test_a_node_with_an_ipv6_address_is_probed_there(self):
        agent = self.begin(addresses=["::1"])
        self.assertEqual(self.submit(agent, odd("odd", QUICK)).code, 0)
        one = self.one(agent, "odd")
        self.assertEqual((one["health"], one["address"]), ("passing", "::1"))
        port = one["ports"]["http"]
        self.assertIn(f"\r\nHost: [::1]:{port}\r\n", json.loads(http_get("::1", port, "/stats"))["request"])

    def test_a_file_that_cannot_be_meant_is_refused(self):
        agent = self.begin()
        for check, words in (("tcp: true, unready_after: 5", "unready_after: must be at most max_failures (3)"),
                             ("tcp: true, kind: startup", "kind: wants live"),
                             ("exec: [./check]", "exec is not supported by this version")):
            path = self.cluster.write("bad.yaml", odd("bad", check))
            answer = agent.run("validate", path)
            self.assertEqual(answer.code, 2, answer)
            self.assertIn(words, answer.out + answer.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
