"""A newcomer's first hour: three nodes, a service, names, orders, a lost node."""

import os
import re
import subprocess
import time
import unittest

from cluster import ROOT, SLOWER, STRATOS, Cluster, http_get, job, needs_root, wait_for

HELLO = os.path.join(ROOT, "examples/hello.yaml")


@needs_root
class Service(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext_(Cluster(3))

    def enterContext_(self, context):
        result = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return result

    def test_hello_is_healthy_within_three_seconds_and_found_by_name(self):
        n1, n2, n3 = self.cluster
        start = time.monotonic()
        answer = n1.run("run", HELLO)
        took = time.monotonic() - start
        self.assertEqual(answer.code, 0, answer)
        self.assertIn("told 3/3 members", answer.err + answer.out)
        self.assertLess(took, 3.0 * SLOWER)
        self.assertEqual({i["node"] for i in n2.healthy("hello")}, {"n1", "n2", "n3"})
        wait_for(lambda: len(n3.short("hello.service.stratos", "SRV")) == 3, 3, "three SRV records")
        self.assertEqual(n3.short("hello.service.stratos", "A"), sorted(a.address for a in self.cluster))
        _, _, port, target = n3.short("hello.service.stratos", "SRV")[0].split()
        address = n3.short(target, "A")[0]
        self.assertIn("job hello", http_get(address, port))
        # What peers are known to know is as old as their last word.
        wait_for(lambda: n1.json("trace", "hello@v1")["known_by"] == 3, 3, lambda: n1.run("trace", "hello@v1"))
        self.assertEqual(n1.json("trace", "hello@v1")["members"], 3)
        self.assertEqual(n1.run("trace", "hello@v2").code, 3)
        verdicts = {c["node"]: c["verdict"] for c in n2.json("why", "hello.0")["candidates"]}
        self.assertEqual(sorted(verdicts), ["n1", "n2", "n3"])
        self.assertIn("chosen", verdicts.values())

    def test_a_lost_node_is_replaced_and_out_of_dns_within_twenty_seconds(self):
        n1, n2, n3 = self.cluster
        self.assertEqual(n1.run("run", HELLO).code, 0)
        lost = n3.address
        n3.kill()
        self.cluster.end_tasks(n3)
        start = time.monotonic()

        def is_replaced():
            live = [i for i in n1.healthy("hello") if i["node"] != "n3"]
            return len(live) == 3 and lost not in n2.short("hello.service.stratos", "A")
        wait_for(is_replaced, 20, lambda: n1.run("status", "hello").out)
        self.assertLess(time.monotonic() - start, 20)
        self.assertIn("member name=n3 state=dead", n1.logged())

    def test_names_that_are_not_there_are_denied_correctly(self):
        n1 = self.cluster[0]
        self.assertEqual(n1.run("run", HELLO).code, 0)
        wait_for(lambda: n1.short("hello.service.stratos"), 3, "an answer")
        for words, status, soa in ((("nobody.service.stratos",), "NXDOMAIN", True),
                                   (("hello.service.stratos", "MX"), "NOERROR", True),
                                   (("example.org",), "REFUSED", False),
                                   (("n9.node.stratos",), "NXDOMAIN", True)):
            text = n1.dig(*words)
            self.assertIn(f"status: {status}", text, words)
            self.assertEqual("SOA" in text, soa, text)
        self.assertEqual(n1.short("n2.node.stratos"), [self.cluster[1].address])
        self.assertEqual(n1.short("+tcp", "hello.service.stratos"), n1.short("hello.service.stratos"))
        self.assertEqual(len(n1.short("0.hello.service.stratos")), 1)

    def test_a_long_log_arrives_whole_on_every_node_and_through_a_slow_reader(self):
        n1 = self.cluster[0]
        text = ("job: big\ntype: service\ncount: 1\ntask:\n"
                "  command: \"seq -f 'line %08.0f of a rather long log' 400000; sleep 1000\"\n"
                "  resources: {cpu: 0.5, memory: 64M}\n  logs: {max_size: 32M}\n")
        self.assertEqual(n1.run("run", "-", input=text).code, 0)
        last = "line 00400000 of a rather long log"
        wait_for(lambda: last in n1.run("logs", "big.0").out[-200:], 20, "the whole log")
        for agent in self.cluster:
            slow = subprocess.run(f"{STRATOS} logs big.0 --socket {agent.socket} | (sleep 2; cat) | "
                                  "awk 'END {print NR, $0}'", shell=True, capture_output=True, text=True, timeout=60)
            self.assertEqual(slow.stdout.strip(), f"400000 {last}", agent.name)

    def test_orders_scale_stop_start_restart_and_remove(self):
        n1, n2, _ = self.cluster
        self.assertEqual(n1.run("run", HELLO).code, 0)
        self.assertEqual(n2.run("scale", "hello", "5").code, 0)
        self.assertEqual(len(n1.healthy("hello")), 5)
        self.assertEqual(n2.run("scale", "hello", "1").code, 0)
        wait_for(lambda: len(n1.instances("hello")) == 1, 15, lambda: n1.run("status", "hello").out)
        pid = n1.healthy("hello")[0]["pid"]
        self.assertEqual(n1.run("restart", "hello").code, 0)
        wait_for(lambda: n1.healthy("hello") and n1.healthy("hello")[0]["pid"] != pid, 15, "another process")
        self.assertEqual(n1.run("stop", "hello").code, 0)
        wait_for(lambda: n1.instances("hello") == [], 15, lambda: n1.run("status", "hello").out)
        self.assertEqual(n1.json("status", "hello")["status"], "stopped")
        self.assertEqual(n1.run("start", "hello").code, 0)
        wait_for(lambda: len(n1.healthy("hello")) >= 1, 15, "it runs again")
        self.assertEqual(n1.run("rm", "hello").code, 0)
        wait_for(lambda: n2.run("status", "hello").code == 3, 10, "the job is gone")
        wait_for(lambda: "NXDOMAIN" in n1.dig("hello.service.stratos"), 10, "its name is gone")

    def test_a_new_version_replaces_one_copy_at_a_time(self):
        n1 = self.cluster[0]
        text = job("web", ["sleep", "1000"], 3, "update: {max_parallel: 1, min_healthy_time: 500ms}")
        path = self.cluster.write("web.yaml", text)
        self.assertEqual(n1.run("run", path).code, 0)
        self.cluster.write("web.yaml", text.replace("1000", "2000"))
        self.assertEqual(n1.run("run", path, "--detach").code, 0)
        fewest = 3
        for _ in range(200):
            now = n1.instances("web")
            fewest = min(fewest, sum(i["state"] == "running" for i in now))
            if all(i["version"] == "v2" and i["state"] == "running" for i in now):
                break
            time.sleep(0.05)
        self.assertEqual({i["version"] for i in n1.instances("web")}, {"v2"})
        self.assertGreaterEqual(fewest, 2)

    def test_logs_of_every_node_are_read_anywhere(self):
        n1 = self.cluster[0]
        path = self.cluster.write("talk.yaml", job(
            "talk", "echo I am $STRATOS_INSTANCE; echo oops >&2; exec sleep 1000", 3))
        self.assertEqual(n1.run("run", path).code, 0)

        def has_all():
            out = n1.run("logs", "talk").out
            return all(re.search(rf"talk\.{i} \| I am {i}$", out, re.M) for i in range(3))
        wait_for(has_all, 5, lambda: repr(n1.run("logs", "talk")))
        self.assertEqual(n1.run("logs", "talk.2", "--stdout").out, "I am 2\n")
        self.assertEqual(n1.run("logs", "talk.0", "--stderr").out, "oops\n")

    def test_variables_and_events_spread(self):
        n1, n2, n3 = self.cluster
        self.assertEqual(n1.run("var", "set", "colour", "blue").code, 0)
        self.assertEqual(n3.run("var", "get", "colour").out.strip(), "blue")
        self.assertIn("colour", n2.run("var", "ls").out)
        self.assertEqual(n2.run("var", "set", "colour", "red", "-n", "shop").code, 0)
        self.assertEqual(n1.run("var", "get", "colour").out.strip(), "blue")
        self.assertEqual(n1.run("var", "get", "colour", "-n", "shop").out.strip(), "red")
        self.assertIn("var name=colour namespace=shop", n3.logged())
        self.assertEqual([v["namespace"] for v in n1.json("var", "ls", "-n", "shop")], ["shop"])
        self.assertEqual(n2.run("var", "set", "x", "1", "-n", "No").code, 2)
        self.assertEqual(n2.run("var", "rm", "colour").code, 0)
        self.assertEqual(n1.run("var", "get", "colour", "-n", "shop").out.strip(), "red")
        self.assertEqual(n2.run("var", "rm", "colour", "-n", "shop").code, 0)
        self.assertEqual(n1.run("var", "get", "colour").code, 3)
        wait_for(lambda: "var name=colour" in n3.logged(), 5, "it is logged")
        self.assertTrue(any(e["kind"] == "var" for e in n3.json("events")))

    def test_a_node_leaves_and_hands_over(self):
        n1, n2, n3 = self.cluster
        self.assertEqual(n1.run("run", HELLO).code, 0)
        self.assertEqual(n3.run("leave").code, 0)
        n3.process.wait(60)
        self.assertEqual(n3.process.returncode, 0)
        self.assertEqual({i["node"] for i in n1.healthy("hello")}, {"n1", "n2"})
        self.assertEqual(len(n1.healthy("hello")), 3)
        wait_for(lambda: any(m["name"] == "n3" and m["state"] == "left" for m in n1.json("members")), 5, "left")
        self.assertEqual(n2.run("forget", "n3").code, 0)
        wait_for(lambda: all(m["name"] != "n3" for m in n1.json("members")), 10, "forgotten")


if __name__ == "__main__":
    unittest.main(verbosity=2)
