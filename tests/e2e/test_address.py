"""Addresses that come late, change and go under real agents: hosts are network namespaces, the kernel tells
of the changes."""

import os
import time
import unittest

from cluster import Cluster, job, needs_root, wait_for
from test_discovery import Lan, is_ready
from test_partition import ip

# A task that listens on all addresses, unlike one that takes the address it was started with.
HELLO = """job: hello
count: 3
task:
  command: [/usr/bin/env, -u, STRATOS_ADDRESS, "${STRATOS_BIN}", demo-http]
  resources: {cpu: 0.1, memory: 64M}
ports: {http: dynamic}
health:
  - {name: http, http: /health, port: http, interval: 1s, timeout: 1s, grace: 5s, max_failures: 3}
"""


@needs_root
class Addresses(unittest.TestCase):
    def cluster(self, hosts):
        self.lan = Lan(self, hosts)
        cluster = Cluster(hosts, prefixes=self.lan.prefixes, addresses=self.lan.addresses)
        self.addCleanup(cluster.__exit__, None, None, None)
        for agent in cluster:
            agent.bind, agent.dns = None, "127.0.0.1"
        return cluster

    def take(self, host, address=None):
        ip("-n", f"{self.lan.tag}-{host}", "addr", "del", f"{address or f'10.78.0.{host}'}/24", "dev", "eth0")

    def give(self, host, address=None):
        ip("-n", f"{self.lan.tag}-{host}", "addr", "add", f"{address or f'10.78.0.{host}'}/24", "dev", "eth0")

    def together(self, agents, seconds):
        """How long until all see all and are ready."""
        names = sorted(a.name for a in agents)
        return wait_for(lambda: all(a.alive() == names and is_ready(a) for a in agents), seconds,
                        lambda: [(a.name, a.alive(), a.logged()) for a in agents])

    def start_all(self, agents, **how):
        for agent in agents:
            agent.start(**how)
        wait_for(lambda: all(a.is_up() for a in agents), 20, "all are up")
        self.together(agents, 20)

    def count(self, mark):
        """Processes of tasks, whatever agent they belong to."""
        n = 0
        for pid in os.listdir("/proc"):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    n += f.read().split(b"\0")[:2] == [b"sleep", mark.encode()]
            except OSError:
                pass
        return n

    def assert_waits(self, agent, reason):
        self.assertFalse(is_ready(agent))
        answer = agent.run("var", "set", "colour", "red")
        self.assertNotEqual(answer.code, 0, answer)
        self.assertIn(reason, answer.err + answer.out)
        wait_for(lambda: "status: SERVFAIL" in agent.dig("hello.service.stratos"), 2,  # the catalog follows in a moment
                 lambda: agent.dig("hello.service.stratos"))
        shown = agent.run("members")
        self.assertIn("address", shown.err, shown)

    def test_a_host_that_reboots_before_dhcp_runs_nothing_twice(self):
        cluster = self.cluster(3)
        n1, n2, n3 = cluster
        mark = str(70000 + os.getpid() % 10000)
        self.start_all(cluster)
        self.assertEqual(n1.run("run", cluster.write("six.yaml", job("six", ["sleep", mark], 6))).code, 0)
        wait_for(lambda: len(n1.healthy("six")) == 6 and self.count(mark) == 6, 20, "six run")
        n3.kill()
        cluster.end_tasks(n3)
        self.take(3)
        wait_for(lambda: len([i for i in n1.healthy("six") if i["node"] != "n3"]) == 6 and self.count(mark) == 6, 60,
                 lambda: n1.run("status", "six").out)
        n3.start()
        wait_for(n3.is_up, 20, "n3 is up")
        until = time.monotonic() + 15
        while time.monotonic() < until:
            self.assertLessEqual(self.count(mark), 6, n3.logged())
            time.sleep(0.2)
        self.assert_waits(n3, "no address yet")
        self.give(3)
        took = self.together(cluster, 10)
        print(f"member and ready {took:.1f} s after the address came")
        until = time.monotonic() + 5
        while time.monotonic() < until:
            self.assertLessEqual(self.count(mark), 6, n3.logged())
            time.sleep(0.2)
        self.assertEqual(len(n3.healthy("six")), 6)

    def test_tasks_are_kept_by_an_agent_that_waits_for_an_address(self):
        cluster = self.cluster(3)
        n1, n2, n3 = cluster
        mark = str(80000 + os.getpid() % 10000)
        self.start_all(cluster)
        self.assertEqual(n1.run("run", cluster.write("six.yaml", job("six", ["sleep", mark], 6))).code, 0)
        wait_for(lambda: len(n1.healthy("six")) == 6 and self.count(mark) == 6, 20, "six run")
        before = {i["name"]: i["pid"] for i in n1.healthy("six")}
        n3.stop()
        self.take(3)
        n3.start()
        wait_for(n3.is_up, 20, "n3 is up")
        time.sleep(3)
        self.give(3, "10.78.0.33")
        self.together(cluster, 10)
        time.sleep(2)
        self.assertEqual({i["name"]: i["pid"] for i in n1.healthy("six")}, before)

    def test_a_first_start_without_join_goes_to_the_real_address_when_it_comes(self):
        cluster = self.cluster(2)
        n1, n2 = cluster
        self.start_all([n1], discover=True)
        self.take(2)
        n2.start(discover=True)
        wait_for(n2.is_up, 20, "n2 is up")
        time.sleep(1)
        self.give(2)
        took = self.together(cluster, 10)
        print(f"member {took:.1f} s after the address came, without --join")
        self.assertEqual(n1.run("members").out.count("10.78.0.2"), 1)

    def test_an_address_that_is_given_is_waited_for(self):
        cluster = self.cluster(2)
        n1, n2 = cluster
        self.start_all([n1])
        n2.bind = "10.78.0.22:7780"
        n2.start()
        wait_for(n2.is_up, 20, "n2 is up")
        time.sleep(2)
        self.assertFalse(is_ready(n2))
        self.assertIn("10.78.0.22 of --bind", n2.logged())
        self.give(2, "10.78.0.22")
        self.together(cluster, 10)

    def test_an_address_that_changes_kills_nobody_and_moves_nothing(self):
        cluster = self.cluster(3)
        n1, n2, n3 = cluster
        self.start_all(cluster)
        self.assertEqual(n1.run("run", cluster.write("hello.yaml", HELLO)).code, 0)
        wait_for(lambda: len(n1.healthy("hello")) == 3, 30, lambda: n1.run("status", "hello").out)
        wait_for(lambda: "10.78.0.3" in n1.short("hello.service.stratos", "A"), 10, "n3's task is in DNS")
        before = {i["name"]: i["pid"] for i in n1.healthy("hello")}
        old = "10.78.0.3"
        for new in ("10.78.0.33", "10.78.0.34", "10.78.0.3"):
            self.take(3, old)
            self.give(3, new)
            took = wait_for(lambda: new in n1.short("hello.service.stratos", "A")
                            and old not in n1.short("hello.service.stratos", "A"), 6, n3.logged)
            print(f"{new} is in DNS after {took:.1f} s")
            until = time.monotonic() + 6
            while time.monotonic() < until:
                for agent in (n1, n2, n3):
                    self.assertEqual(agent.alive(), ["n1", "n2", "n3"], agent.logged())
                time.sleep(0.2)
            self.assertTrue(all(is_ready(a) for a in cluster))
            old = new
        for agent in cluster:
            self.assertNotIn("state=dead", agent.logged())
        wait_for(lambda: {i["name"]: i["pid"] for i in n1.healthy("hello")} == before, 5,
                 lambda: n1.run("status", "hello").out)
        self.assertEqual(n3.run("var", "set", "colour", "red", "--ack", "all").code, 0)

    def test_a_node_that_is_cut_off_goes_on_and_comes_back_by_itself(self):
        cluster = self.cluster(3)
        n1, n2, n3 = cluster
        mark = str(90000 + os.getpid() % 10000)
        self.start_all(cluster)
        self.assertEqual(n1.run("run", cluster.write("six.yaml", job("six", ["sleep", mark], 6))).code, 0)
        wait_for(lambda: len(n1.healthy("six")) == 6, 20, "six run")
        own = {i["pid"] for i in n3.healthy("six") if i["node"] == "n3"}
        self.take(3)
        wait_for(lambda: "state=\"cut off\"" in n3.logged(), 10, n3.logged)
        self.assert_waits(n3, "cut off")
        wait_for(lambda: n1.alive() == ["n1", "n2"], 20, "n3 is dead to the others")
        time.sleep(3)
        self.assertEqual(n3.alive(), ["n1", "n2", "n3"], "it judges nobody")
        self.assertTrue(all(os.path.exists(f"/proc/{pid}") for pid in own), "what runs goes on")
        self.give(3)
        took = self.together(cluster, 10)
        print(f"back {took:.1f} s after the address")
        wait_for(lambda: self.count(mark) == 6 and len(n1.healthy("six")) == 6, 60,
                 lambda: n1.run("status", "six").out)


if __name__ == "__main__":
    unittest.main()
