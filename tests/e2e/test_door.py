"""Who may command an agent, and who may read what it keeps: by socket, by token, not at all."""

import json
import os
import socket
import time
import unittest

from cluster import Cluster, Agent, job, needs_root, wait_for

OPEN = ["/", "/healthz", "/metrics", "/v1/sd/prometheus", "/v1/services", "/v1/resolve?name=n1.node.stratos"]
# (method, path, what a token needs: read, write, all = write in every namespace, secret = no token is enough)
ROUTES = [
    ("GET", "/v1/openapi.json", "read"), ("GET", "/v1/members", "read"), ("GET", "/v1/gossip", "read"),
    ("GET", "/v1/events", "read"), ("GET", "/v1/jobs", "read"), ("GET", "/v1/vars", "read"),
    ("GET", "/v1/jobs/shop/web", "read"), ("GET", "/v1/jobs/shop/web/why", "read"),
    ("GET", "/v1/jobs/shop/web/trace", "read"), ("GET", "/v1/jobs/shop/web/spec", "read"),
    ("GET", "/v1/jobs/shop/web/history", "read"), ("GET", "/v1/jobs/shop/web/logs", "read"),
    ("POST", "/v1/jobs/shop/web/scale?count=1", "write"), ("POST", "/v1/jobs/shop/web/stop", "write"),
    ("POST", "/v1/jobs/shop/web/start", "write"), ("POST", "/v1/jobs/shop/web/restart", "write"),
    ("POST", "/v1/nodes/nobody/forget", "all"), ("POST", "/v1/join?address=127.0.0.1:1", "all"),
    ("POST", "/v1/secret/rotate", "secret"), ("POST", "/v1/tokens", "secret"),
]


def says(text):
    error = json.loads(text)["error"]
    return error["code"], error["message"]


@needs_root
class Door(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2, profile="local")
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        path = cls.cluster.write("web.yaml", job("web", ["sleep", "1000"], more="namespace: shop"))
        answer = cls.cluster[0].run("run", path)
        if answer.code != 0:
            raise AssertionError(repr(answer))

    def status(self, method, path, headers=None, **kw):
        return self.cluster[0].request(method, path, headers, **kw)[0]

    def test_without_a_token_only_what_dns_tells_is_open(self):
        for path in OPEN:
            self.assertEqual(self.status("GET", path), 200, path)
            self.assertEqual(self.status("HEAD", path), 200, path)
        for method, path, _ in ROUTES:
            status, headers, text = self.cluster[0].request(method, path)
            self.assertEqual((status, says(text)[0]), (401, "unauthorized"), path)
            self.assertIn("Bearer", headers["WWW-Authenticate"])
            self.assertIn("stratos token", says(text)[1])
            self.assertNotIn("X-Stratos-View", headers)
        for method, path in (("GET", "/v1/dashboard"), ("GET", "/v1/vars/k"), ("PUT", "/v1/vars/k"),
                             ("DELETE", "/v1/vars/k"), ("DELETE", "/v1/jobs/shop/web"), ("POST", "/v1/leave"),
                             ("PUT", "/v1/jobs/shop/web"), ("POST", "/v1/jobs")):
            self.assertEqual(self.status(method, path), 401, (method, path))
        self.assertEqual(self.cluster[0].alive(), ["n1", "n2"])

    def test_each_route_wants_what_the_table_says(self):
        agent = self.cluster[0]
        agent.run("var", "set", "k", "1")
        expired = agent.token("--expires", "1s")
        kinds = {"write": agent.token(), "read": agent.token("--read"), "shop": agent.token("--namespace", "shop"),
                 "other": agent.token("--namespace", "other"), "expired": expired}
        time.sleep(1.1)
        for method, path, need in ROUTES:
            in_namespace = "/jobs/" in path
            want = {
                "expired": 401,
                "read": 0 if need == "read" else 403,
                "write": 403 if need == "secret" else 0,
                "shop": 0 if need in ("read", "write") else 403,
                "other": 403 if in_namespace or need in ("all", "secret") else 0,
            }
            for kind, token in kinds.items():
                if kind == "write" and need == "all":
                    continue  # would be done
                status = self.status(method, path, token)
                if want[kind]:
                    self.assertEqual(status, want[kind], (kind, method, path))
                else:
                    self.assertLess(status, 300, (kind, method, path))
        for method, path in (("POST", "/v1/nodes/nobody/forget"), ("POST", "/v1/join?address=x")):
            self.assertIn(self.status(method, path, kinds["write"]), (400, 404))

    def test_a_token_of_one_namespace_sees_and_changes_nothing_of_another(self):
        agent = self.cluster[0]
        shop, other = agent.token("--namespace", "shop"), agent.token("--namespace", "other")
        agent.run("var", "set", "secret", "blue")
        names = lambda token: [j["job"] for j in json.loads(agent.request("GET", "/v1/jobs", token)[2])["data"]]
        self.assertEqual((names(shop), names(other)), (["web"], []))
        for token in (shop, other):
            self.assertEqual(agent.request("GET", "/v1/vars/secret", token)[0], 403)
            self.assertEqual(agent.request("PUT", "/v1/vars/secret", token, body="red")[0], 403)
            self.assertEqual(json.loads(agent.request("GET", "/v1/vars", token)[2])["data"], [])
        agent.run("var", "set", "colour", "green", "-n", "shop")
        at = "/v1/vars/colour?namespace=shop"
        self.assertEqual(json.loads(agent.request("GET", at, shop)[2])["data"]["value"], "green")
        self.assertEqual(agent.request("PUT", at, shop, body="red")[0], 200)
        self.assertEqual([(v["namespace"], v["value"]) for v in json.loads(agent.request("GET", "/v1/vars", shop)[2])["data"]],
                         [("shop", "red")])
        for method in ("GET", "PUT", "DELETE"):
            self.assertEqual(agent.request(method, at, other, body="blue" if method == "PUT" else None)[0], 403)
        self.assertEqual(json.loads(agent.request("GET", "/v1/vars", other)[2])["data"], [])
        self.assertEqual(agent.run("var", "get", "colour", "-n", "shop").out, "red\n")
        self.assertEqual(agent.run("var", "get", "colour").code, 3)
        self.assertEqual(agent.request("DELETE", at, shop)[0], 200)
        events = lambda token: json.loads(agent.request("GET", "/v1/events?limit=1000", token)[2])["data"]
        self.assertTrue(any(e["subject"].startswith("web") for e in events(shop)))
        self.assertFalse(any(e["subject"].startswith("web") or e["kind"] == "var" for e in events(other)))
        # Of a file with two jobs, one of them of another namespace, none is taken.
        both = json.dumps({"jobs": [{"job": "a", "namespace": "other", "task": {"command": ["true"]}},
                                    {"job": "b", "namespace": "shop", "task": {"command": ["true"]}}]})
        status, _, text = agent.request("POST", "/v1/jobs", other, both)
        self.assertEqual((status, says(text)[0]), (403, "denied"))
        self.assertIn("shop", says(text)[1])
        self.assertNotIn("a", [j["job"] for j in agent.json("jobs")])
        with_default = json.dumps({"job": "c", "task": {"command": ["true"]}})
        self.assertEqual(agent.request("POST", "/v1/jobs", shop, with_default)[0], 403)
        self.assertEqual(agent.request("PUT", "/v1/jobs/shop/c", shop, with_default)[0], 422)

    def test_no_word_of_a_path_leads_out_of_its_namespace(self):
        """The same words for every route that has some: what no job can be called is no job, and no file."""
        agent = self.cluster[0]
        text = job("hidden", "echo a secret; exec sleep 1000").replace("job:", "namespace: other\njob:", 1)
        self.assertEqual(agent.run("run", "-", input=text).code, 0)
        wait_for(lambda: "a secret" in agent.run("logs", "hidden", "-n", "other").out, 20, "it has written")
        holder = next(a for a in self.cluster.agents if os.path.isdir(f"{a.data}/tasks/other.hidden.0"))
        shop, every = holder.token("--namespace", "shop"), holder.token()
        # A directory that a task of this namespace may fill, and what it put there.
        os.makedirs(os.path.join(holder.data, "tasks/shop.x.0/work"), exist_ok=True)
        os.symlink(f"{holder.data}/tasks/other.hidden.0", f"{holder.data}/tasks/shop.x.0/work/evil.0")
        os.symlink(f"{holder.data}/tasks/other.hidden.0", f"{holder.data}/tasks/shop.link.0")
        words = ["x.0%2F..%2Fother.hidden", "x.0%2Fwork%2Fevil", "..", ".", "..%2F..", "%2e%2e", "a%20b", "a%2Fb", "web.0",
                 "web%0d%0aX:1", "Web", "web-", "w%C3%A4b", "%2F", "a" * 64, "web%20HTTP%2F1.1", "web%3Fx", "a%C3%A4" * 30]
        routes = [(method.upper(), path) for path, methods in
                  json.loads(holder.request("GET", "/v1/openapi.json", every)[2])["paths"].items()
                  for method in methods if "{job}" in path]
        self.assertGreater(len(routes), 10)
        for method, path in routes:
            query = "?index=0" if path.endswith("/logs") else "?count=1" if path.endswith("/scale") else ""
            for word in words:
                for ns, name in (("shop", word), (word, "web")):
                    at = path.replace("{ns}", ns).replace("{job}", name) + query
                    for token in (shop, every):
                        status, _, said = holder.request(method, at, token)
                        wanted = (403, 404) if ns != "shop" and token is shop else (404,)
                        wanted = (400,) if "%0" in word else wanted  # for every route
                        self.assertIn(status, wanted, (method, at, said))
                        self.assertNotIn("a secret", said)
            status, _, said = holder.request(method, path.replace("{ns}", "shop").replace("{job}", "web%00") + query, every)
            self.assertEqual(status, 400, (method, path, said))
        # A link in the place of an instance's directory is none.
        self.assertNotIn("a secret", holder.request("GET", "/v1/jobs/shop/link/logs?index=0", shop)[2])
        # Variables have slashes in their names, and are no files; nodes are found by what they are called.
        for word in ("..%2F..%2Fetc", "..", "%2F"):
            self.assertIn(holder.request("GET", f"/v1/vars/{word}?namespace=shop", shop)[0], (404,), word)
        for ns in ("a%2Fb", "..", "a%20b", "Shop", ""):
            for method in ("GET", "PUT", "DELETE"):
                status, _, said = holder.request(method, f"/v1/vars/k?namespace={ns}", every, "1" if method == "PUT" else None)
                self.assertEqual(status, 422 if method == "PUT" else 404, (method, ns, said))
        for word in ("..%2Fn1", "n1%2F", "n%201", "%2e%2e"):
            self.assertEqual(holder.request("POST", f"/v1/nodes/{word}/forget", every)[0], 404, word)

    def test_a_token_is_good_on_every_node_and_ends_with_the_secret(self):
        with Cluster(2, profile="local") as cluster:
            token = cluster[0].token()
            for agent in cluster.agents:
                self.assertEqual(agent.request("GET", "/v1/jobs", token)[0], 200)
            self.assertEqual(cluster[0].run("secret", "rotate", timeout=60).code, 0)
            for agent in cluster.agents:
                status, _, text = agent.request("GET", "/v1/jobs", token)
                self.assertEqual(status, 401)
                self.assertIn("rotate", says(text)[1])
            self.assertEqual(cluster[1].request("GET", "/v1/jobs", cluster[0].token())[0], 200)

    def test_a_stream_ends_with_its_token(self):
        agent = self.cluster[0]
        token = agent.token("--read", "--expires", "2s")
        start = time.monotonic()
        for path in ("/v1/dashboard", "/v1/events?follow=1"):
            status, _, _ = agent.request("GET", path, token, timeout=12)
            if status == 401:
                continue
            self.assertEqual(status, 200)
            if path.startswith("/v1/events"):
                agent.run("var", "set", "nudge", str(time.time()))
        self.assertLess(time.monotonic() - start, 12)

    def test_the_refusal_comes_before_the_body(self):
        agent = self.cluster[0]
        link = socket.create_connection((agent.http, 7781), timeout=5)
        link.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
                     b"Expect: 100-continue\r\n\r\n")
        self.assertTrue(link.recv(4096).startswith(b"HTTP/1.1 401 "))
        link.close()

    def test_unknown_methods_are_405_and_do_nothing(self):
        agent = self.cluster[0]
        token = agent.token()
        agent.run("var", "set", "kept", "1")
        for method in ("OPTIONS", "PATCH", "POST"):
            for path in ("/v1/jobs/shop/web", "/v1/vars/kept"):
                for headers in ({}, token):
                    status, said, text = agent.request(method, path, headers)
                    self.assertEqual((status, says(text)[0]), (405, "method_not_allowed"), (method, path))
                    self.assertEqual(said["Allow"], "GET, HEAD, PUT, DELETE")
        for method, path, allow in (("DELETE", "/healthz", "GET, HEAD"), ("PUT", "/", "GET, HEAD"),
                                    ("GET", "/v1/leave", "POST"), ("DELETE", "/v1/jobs", "GET, HEAD, POST")):
            status, said, _ = agent.request(method, path, token)
            self.assertEqual((status, said["Allow"]), (405, allow), (method, path))
        self.assertEqual(agent.run("status", "shop/web").code, 0)
        self.assertEqual(agent.run("var", "get", "kept").code, 0)

    def test_tasks_are_refused_at_the_socket_and_over_http(self):
        """Whatever its user: no order, no secret, no other job's words."""
        agent = self.cluster[0]
        with open("/opt/stratos-e2e-probe.py", "w") as f:
            f.write(PROBE)
        self.addCleanup(os.unlink, "/opt/stratos-e2e-probe.py")
        agent.run("var", "set", "password", "hunter2")
        for user in ("root", "nobody"):
            with self.subTest(user=user):
                text = job(f"probe-{user}", ["/usr/bin/python3", "/opt/stratos-e2e-probe.py", agent.http, agent.socket])
                path = agent.cluster.write("probe.yaml", text.replace("task:\n", f"task:\n  user: {user}\n"))
                self.assertEqual(agent.run("run", path, "--detach").code, 0)
                logs = lambda: agent.run("logs", f"probe-{user}").out
                wait_for(lambda: "done" in logs(), 30, logs)
                lines = [line.split(" | ")[-1].split() for line in logs().splitlines()]
                tried = [words for words in lines if len(words) == 2]
                self.assertEqual(len(tried), 14, lines)
                for what, got in tried:
                    self.assertIn(got, ("401", "403", "refused"), what)
                agent.run("rm", f"probe-{user}", "-y")
        self.assertEqual(self.cluster[0].alive(), ["n1", "n2"])
        self.assertEqual(agent.run("var", "get", "password").out, "hunter2\n")

    def test_a_task_that_reaches_the_socket_is_told_that_it_has_no_part_in_it(self):
        """Sockets are hidden from tasks; here one is put where they look."""
        agent = self.cluster[0]
        place = "/opt/stratos-e2e-door.sock"
        if os.path.exists(place):
            os.unlink(place)
        os.link(agent.socket, place) if os.stat(agent.socket).st_dev == os.stat("/opt").st_dev else self.skipTest(
            "the socket and /opt are on two file systems")
        self.addCleanup(os.unlink, place)
        text = job("caller", ["/bin/sh", "-c", f"curl -s --unix-socket {place} http://x/v1/members; echo; sleep 1000"])
        path = agent.cluster.write("caller.yaml", text)
        self.assertEqual(agent.run("run", path, "--detach").code, 0)
        logs = lambda: agent.run("logs", "caller").out
        wait_for(lambda: "error" in logs() or "data" in logs(), 20, logs)
        self.assertIn("tasks give no orders here", logs())
        self.assertNotIn('"data"', logs())

    def test_http_open_asks_nobody_and_says_so_everywhere(self):
        with Cluster(1, profile="local", extra=("--http-open",)) as cluster:
            agent = cluster[0]
            self.assertEqual(agent.request("GET", "/v1/jobs")[0], 200)
            self.assertEqual(agent.request("PUT", "/v1/vars/k", body="1")[0], 200)
            self.assertEqual(agent.request("POST", "/v1/tokens")[0], 403)
            self.assertIn("warn http state=open", agent.logged())
            self.assertIn("--http-open", agent.run("status").err)

    def test_http_beyond_loopback_is_no_wider(self):
        cluster = Cluster(1, profile="local")
        agent = Agent(cluster, 1)
        agent.start("--http", "0.0.0.0:7799")
        self.addCleanup(cluster.__exit__, None, None, None)
        cluster.agents = [agent]
        wait_for(agent.is_up, 10, agent.logged)
        for host in (agent.address, "10.1.2.3", "n1:7781"):
            self.assertEqual(agent.request("GET", "/v1/services", {"Host": host}, port=7799)[0], 200)
            self.assertEqual(agent.request("GET", "/v1/jobs", {"Host": host}, port=7799)[0], 401)
        self.assertEqual(agent.request("GET", "/v1/services", {"Host": "evil.example"}, port=7799)[0], 421)

    def test_token_and_ui_print_what_can_be_used(self):
        agent = self.cluster[0]
        self.assertRegex(agent.run("token").out, r"^st1\.[\w-]+\.[\w-]+\n$")
        self.assertRegex(agent.run("token", "--header").out, r"^Authorization: Bearer st1\.[\w.-]+\n$")
        self.assertRegex(agent.run("ui").out, rf"^http://{agent.http}:7781/#t=st1\.[\w.-]+\n$")
        said = agent.json("token", "--read", "--namespace", "shop", "--expires", "90d")
        self.assertEqual((said["scope"], said["namespaces"]), ("read", ["shop"]))
        for words in (("--expires", "0s"), ("--expires", "x"), ("--expires", "20000d"), ("--namespace", "A b")):
            self.assertEqual(agent.run("token", *words).code, 2, words)
        self.assertNotIn(said["token"], agent.logged())


PROBE = r"""
import http.client, socket, sys
host, path = sys.argv[1:]


def ask(method, target, body=None):
    try:
        link = http.client.HTTPConnection(host, 7781, timeout=5)
        link.request(method, target, body=body)
        return link.getresponse().status
    except OSError as e:
        return "refused"


order = '{"job":"mine","task":{"command":["true"]}}'
for method, target, body in (
        ("POST", "/v1/jobs", order), ("PUT", "/v1/jobs/default/mine", order), ("GET", "/v1/jobs", None),
        ("GET", "/v1/jobs/shop/web/spec", None), ("GET", "/v1/jobs/shop/web/logs", None),
        ("GET", "/v1/vars/password", None), ("PUT", "/v1/vars/password", "x"), ("GET", "/v1/dashboard", None),
        ("DELETE", "/v1/jobs/shop/web", None), ("POST", "/v1/leave", None), ("POST", "/v1/tokens", None),
        ("POST", "/v1/secret/rotate", None), ("GET", "/v1/events?follow=1", None)):
    print(method + target, ask(method, target, body), flush=True)
try:
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    link.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n")
    print("socket", link.recv(100).split()[1].decode(), flush=True)
except OSError:
    print("socket refused", flush=True)
print("done", flush=True)
import time
time.sleep(1000)
"""


if __name__ == "__main__":
    unittest.main(verbosity=2)
