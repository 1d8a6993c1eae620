"""Hostile input: strangers, garbage, floods, oversized files."""

import http.client
import os
import socket
import subprocess
import time
import unittest

from cluster import ROOT, STRATOS, Cluster, Agent, job, needs_root, wait_for

HELLO = os.path.join(ROOT, "examples/hello.yaml")


@needs_root
class Hostile(unittest.TestCase):
    def start(self, nodes):
        cluster = Cluster(nodes)
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster

    def test_another_secret_gets_nothing_and_is_counted(self):
        cluster = self.start(2)
        stranger = Agent(cluster, 9)
        secret = os.path.join(cluster.dir, "other")
        with open(secret, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            subprocess.run([STRATOS, "secret", "new"], stdout=f, check=True)
        stranger.start("--secret-file", secret, join=cluster[0].address)
        self.addCleanup(stranger.stop)
        wait_for(lambda: cluster[0].metrics()["stratos_drop_forged_total"] +
                 cluster[0].metrics()["stratos_streams_refused_total"] > 0, 15, "the stranger is counted")
        self.assertEqual(stranger.alive(), ["n9"])
        self.assertEqual(cluster[0].alive(), ["n1", "n2"])
        answer = stranger.run("run", HELLO, "--detach")
        self.assertNotEqual(answer.code, 0)

    def test_garbage_and_half_open_connections_do_not_stop_service(self):
        cluster = self.start(2)
        agent = cluster[0]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for i in range(20000):
            udp.sendto(os.urandom(1 + i % 1200), (agent.address, 7780 if i % 2 else 8600))
        udp.close()
        held = []
        for port in (7780, 7781, 8600):
            for _ in range(340):
                s = socket.socket()
                s.settimeout(1)
                try:
                    s.connect((agent.address, port))
                    s.send(b"\x00\x01")
                    held.append(s)
                except OSError:
                    s.close()
        self.assertGreater(len(held), 500)
        try:
            self.assertEqual(agent.run("run", HELLO).code, 0)
            self.assertTrue(agent.short("hello.service.stratos"))
            time.sleep(3)
            self.assertEqual(agent.alive(), ["n1", "n2"])
            self.assertEqual(cluster[1].alive(), ["n1", "n2"])
        finally:
            for s in held:
                s.close()
        wait_for(lambda: agent.metrics()["stratos_drop_forged_total"] > 0, 5, "garbage is counted")

    def test_pages_of_other_sites_neither_read_nor_order(self):
        agent = self.start(1)[0]
        self.assertEqual(agent.run("var", "set", "color", "blue").code, 0)

        token = agent.token()

        def ask(method, path, **headers):
            link = http.client.HTTPConnection(agent.http, 7781, timeout=5)
            link.request(method, path, headers={**token, **headers})
            answer = link.getresponse()
            said = answer.status, "" if answer.getheader("Transfer-Encoding") else answer.read().decode()
            link.close()
            return said
        own = f"{agent.http}:7781"
        self.assertEqual(ask("GET", "/v1/vars/color")[0], 200)
        self.assertEqual(ask("GET", "/v1/vars/color", Host="localhost:9999")[0], 200)
        for host in ("evil.example:7781", "evil.example", "127.0.0.1.evil.example"):
            for path in ("/", "/v1/vars/color", "/metrics", "/v1/dashboard"):
                status, text = ask("GET", path, Host=host)
                self.assertEqual((status, "blue" in text), (421, False), (host, path))
        for origin, status in (("http://evil.example", 403), ("null", 403), ("http://localhost:8000", 403),
                               (f"http://{own}", 200)):
            self.assertEqual(ask("DELETE", "/v1/vars/color", Origin=origin)[0], status, origin)

    def test_oversized_and_broken_job_files_are_refused_clearly(self):
        cluster = self.start(1)
        agent = cluster[0]
        big = cluster.write("big.yaml", "# " + "x" * (10 << 20))
        answer = agent.run("run", big)
        self.assertEqual(answer.code, 2)
        self.assertIn("1 MiB", answer.err)
        broken = cluster.write("broken.yaml", "job: web\ninstances: 3\ntask: {comand: [./web]}\n")
        answer = agent.run("run", broken)
        self.assertEqual(answer.code, 2)
        self.assertIn("broken.yaml:2:1: error:", answer.err)
        self.assertIn("count", answer.err)
        self.assertIn("did you mean 'command'", answer.err)
        self.assertEqual(agent.run("members").code, 0)

    def test_what_cannot_be_placed_says_why(self):
        cluster = self.start(1)
        path = cluster.write("huge.yaml", job("huge", ["sleep", "9"]).replace("64M", "900G"))
        answer = cluster[0].run("run", path, "--timeout", "3s")
        self.assertEqual(answer.code, 4, answer)
        self.assertIn("memory", answer.err + answer.out)

    def test_typing_errors_get_suggestions_and_the_right_exit_code(self):
        cluster = self.start(1)
        agent = cluster[0]
        for words, code, text in ((("stauts",), 2, "status"), (("status", "nobody"), 3, "nobody"),
                                  (("scale", "hello"), 2, "usage"), (("run", "/no/such/file"), 2, "no such file"),
                                  (("members", "--jsn"), 2, "--json")):
            answer = agent.run(*words)
            self.assertEqual(answer.code, code, (words, answer))
            self.assertIn(text, (answer.err + answer.out).lower(), words)
        done = subprocess.run([STRATOS, "members", "--socket", "/nonexistent"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 6)
        self.assertIn("stratos agent", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
