"""The API's contract: routes, parameters, bodies, views, and what Prometheus and generators read."""

import json
import re
import threading
import time
import unittest
import urllib.parse

from cluster import Cluster, job, needs_root, wait_for


@needs_root
class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2, profile="local")
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.agent = cls.cluster[0]
        cls.token = cls.agent.token()

    def ask(self, method, path, body=None, agent=None, **headers):
        status, said, text = (agent or self.agent).request(
            method, path, {**self.token, **{k.replace("_", "-"): v for k, v in headers.items()}}, body)
        return status, said, json.loads(text)

    def test_what_a_route_does_not_take_is_400_and_never_ignored(self):
        for method, path in (
                ("GET", "/v1/jobs?foo=1"), ("GET", "/v1/jobs?limit=x"), ("GET", "/v1/jobs?limit=-1"),
                ("GET", "/v1/jobs?limit=1&limit=2"), ("GET", "/v1/events?limit=1000000"),
                ("GET", "/v1/events?follow=perhaps"), ("GET", "/v1/gossip?map=yes"), ("GET", "/v1/members?name=n1"),
                ("GET", "/v1/resolve"), ("GET", "/v1/resolve?name="), ("GET", "/metrics?x"), ("GET", "/?t=1"),
                ("GET", "/v1/jobs/a/b/why?index=x"), ("GET", "/v1/jobs/a/b/logs?stream=stdin"),
                ("GET", "/v1/jobs/a/b/logs?since_ms=now"), ("GET", "/v1/jobs/a/b/trace?version=latest"),
                ("POST", "/v1/jobs?if_version=x"), ("POST", "/v1/jobs?ack=many"), ("POST", "/v1/jobs/a/b/stop?ack=0"),
                ("POST", "/v1/leave?ack=1"), ("POST", "/v1/join"), ("POST", "/v1/join?address=a%20b"),
                ("GET", "/v1/jobs?after=zz"), ("GET", "/v1/jobs?after="), ("GET", "/v1/jobs?wait=1s"),
                ("GET", "/v1/jobs?after=0123456789abcdef&wait=soon"),
                ("GET", "/v1/jobs?after=0123456789abcdef&wait=1h"), ("GET", "/v1/jobs/a%/b")):
            status, _, said = self.ask(method, path)
            self.assertEqual((status, said["error"]["code"] in ("invalid", "malformed")), (400, True), (path, said))

    def test_a_body_is_taken_where_one_is_wanted_and_as_it_is(self):
        self.assertEqual(self.ask("POST", "/v1/jobs/a/b/stop", "{}")[0], 400)
        status, said, text = self.ask("POST", "/v1/jobs", "x", Content_Encoding="gzip")
        self.assertEqual((status, said["Accept-Encoding"], text["error"]["code"]), (415, "identity", "unsupported"))
        self.assertEqual(self.ask("PUT", "/v1/vars/coded", "1", Content_Encoding="identity")[0], 200)

    def test_segments_are_decoded_after_routing(self):
        self.assertEqual(self.ask("PUT", "/v1/vars/a%2Fb", "1")[0], 200)
        self.assertEqual(self.ask("GET", "/v1/vars/a/b")[2]["data"]["value"], "1")
        status, _, said = self.ask("GET", "/v1/jobs/default/a%2Fb")
        self.assertEqual((status, said["error"]["code"]), (404, "not_found"))
        self.assertIn("a-z, 0-9 and '-'", said["error"]["message"])
        self.assertEqual(self.ask("GET", "/v1%2Fjobs")[0], 404)
        self.assertEqual(self.ask("GET", "/v1/jobs/")[0], 404)

    def test_scale_takes_a_body_or_a_parameter(self):
        path = self.cluster.write("s.yaml", job("sized", ["sleep", "1000"]))
        self.assertEqual(self.agent.run("run", path).code, 0)
        url = "/v1/jobs/default/sized/scale"
        for target, body, count in ((url, '{"count":2}', 2), (url + "?count=1", None, 1), (url, ' {"count": 0} ', 0)):
            self.assertEqual(self.ask("POST", target, body)[0], 200, (target, body))
            self.assertEqual(self.agent.json("status", "sized")["count"], count)
        for target, body in ((url, None), (url, "2"), (url, '{"count":"2"}'), (url, '{"count":-1}'), (url, '{"count":1.5}'),
                             (url, '{"count":2,"x":1}'), (url, '{"count":2,"count":3}'), (url, "{"), (url, '{"count":100001}'),
                             (url + "?count=2", '{"count":2}'), (url + "?count=", None), (url + "?count=2x", None)):
            self.assertEqual(self.ask("POST", target, body)[0], 400, (target, body))
        self.assertEqual(self.agent.json("status", "sized")["count"], 0)

    def test_limit_gives_the_first_and_of_events_the_newest(self):
        for name in ("la", "lb", "lc"):
            path = self.cluster.write("l.yaml", job(name, ["true"], 0))
            self.assertEqual(self.agent.run("run", path, "--detach").code, 0)
        all_jobs = self.ask("GET", "/v1/jobs")[2]["data"]
        self.assertEqual(self.ask("GET", "/v1/jobs?limit=2")[2]["data"], all_jobs[:2])
        self.assertEqual(self.ask("GET", "/v1/jobs?limit=0")[2]["data"], [])
        self.assertEqual(len(self.ask("GET", "/v1/members?limit=1")[2]["data"]), 1)
        events = self.ask("GET", "/v1/events")[2]["data"]
        self.assertEqual(self.ask("GET", "/v1/events?limit=1")[2]["data"], events[-1:])

    def test_after_reads_on_any_node_what_was_written_on_one(self):
        other = self.cluster[1]
        for i in range(20):
            status, said, _ = self.ask("PUT", f"/v1/vars/after{i}?ack=1", str(i))
            self.assertEqual(status, 200)
            view = urllib.parse.quote(said["X-Stratos-View"])
            status, _, text = self.ask("GET", f"/v1/vars/after{i}?after={view}&wait=5s", agent=other)
            self.assertEqual((status, text["data"]["value"]), (200, str(i)))
        digest = self.ask("GET", "/v1/jobs")[2]["view"]["digest"]
        self.assertEqual(self.ask("GET", f"/v1/jobs?after={digest}&wait=5s", agent=other)[0], 200)
        # Of a view that this node cannot have, and of a writer that nobody knows.
        for view in ("00000000000000ff", re.sub(r"\.[0-9a-f]+$", ".ffffffff", said["X-Stratos-View"])):
            start = time.monotonic()
            status, _, text = self.ask("GET", f"/v1/jobs?after={view}&wait=400ms", agent=other)
            self.assertEqual((status, text["error"]["code"]), (504, "timeout"))
            self.assertGreater(time.monotonic() - start, 0.35)
            self.assertEqual(self.ask("GET", f"/v1/jobs?after={view}", agent=other)[0], 504)

    def test_many_that_wait_for_a_view_are_answered_when_it_comes(self):
        other, done = self.cluster[1], []
        view = self.ask("PUT", "/v1/vars/crowd", "0")[1]["X-Stratos-View"].rsplit(".", 1)
        later = f"{view[0]}.{int(view[1], 16) + 1:x}"

        def wait():
            done.append(self.ask("GET", f"/v1/vars/crowd?after={later}&wait=20s", agent=other)[2]["data"]["value"])
        threads = [threading.Thread(target=wait) for _ in range(30)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        self.assertEqual(done, [])
        self.ask("PUT", "/v1/vars/crowd", "1")
        for thread in threads:
            thread.join(10)
        self.assertEqual(done, ["1"] * 30)

    def test_openapi_lists_what_is_there(self):
        doc = json.loads(self.agent.request("GET", "/v1/openapi.json", self.token)[2])
        self.assertEqual(doc["openapi"], "3.0.3")
        for path, item in doc["paths"].items():
            for method, operation in item.items():
                self.assertIn(method, ("get", "put", "post", "delete"))
                self.assertTrue(operation["summary"] and "200" in operation["responses"], path)
                named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
                self.assertEqual(named, set(re.findall(r"{(\w+)}", path)))
                is_open = operation["security"] == []
                if method == "get" and not named:
                    status = self.agent.request("GET", path, timeout=5)[0]
                    self.assertEqual(status == 401, not is_open, path)
        self.assertIn("put", doc["paths"]["/v1/jobs/{ns}/{job}"])

    def test_prometheus_finds_every_port_of_every_instance(self):
        text = job("found", ["sleep", "1000"], 2, "ports: {http: dynamic, metrics: dynamic}")
        path = self.cluster.write("found.yaml", text)
        self.assertEqual(self.agent.run("run", path).code, 0)
        want = {(i["address"] + ":" + str(port), name, i["name"]) for i in self.agent.instances("found")
                for name, port in i["ports"].items()}
        self.assertEqual(len(want), 4)

        def found():
            groups = json.loads(self.agent.request("GET", "/v1/sd/prometheus")[2])
            return {(target, g["labels"]["__meta_stratos_port"], g["labels"]["__meta_stratos_instance"])
                    for g in groups for target in g["targets"] if g["labels"]["__meta_stratos_service"] == "found"}
        wait_for(lambda: found() == want, 5, lambda: (found(), want))


if __name__ == "__main__":
    unittest.main(verbosity=2)
