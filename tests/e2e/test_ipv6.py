"""Agents where there is no IPv4: on ::1, and on a LAN that has IPv6 alone."""

import json
import subprocess
import time
import unittest

from cluster import STRATOS, Agent, Cluster, at, needs_root, wait_for
from test_discovery import Lan, counters, is_ready
from test_partition import ip

WEB = f"""job: web
count: 2
task:
  command: [{json.dumps(STRATOS)}, demo-http]
  resources: {{cpu: 0.1, memory: 64M}}
ports: {{http: dynamic}}
service: {{port: http}}
health:
  - {{name: http, http: /health, port: http, interval: 1s, timeout: 1s, grace: 5s, max_failures: 3}}
"""


def strip_v4(case, lan, index):
    """A host of the LAN with IPv6 alone."""
    ns = f"{lan.tag}-{index}"
    ip("-n", ns, "addr", "flush", "dev", "eth0", "scope", "global")
    add_v6(case, lan, index)
    ip("-n", ns, "addr", "del", "127.0.0.1/8", "dev", "lo", check=False)


def add_v6(case, lan, index):
    if ip("-n", f"{lan.tag}-{index}", "-6", "addr", "add", f"fd78::{index}/64", "dev", "eth0", "nodad",
          check=False).returncode != 0:
        case.skipTest("no IPv6 here")


class V6Agent(Agent):
    """Its HTTP is on its own address, for ::1 is no address of 127/8."""

    @property
    def http(self):
        return "::1" if self.prefix else self.address

    def curl(self, *words):
        return subprocess.run([*self.prefix, "curl", "-gsS", "--max-time", "5", *words], capture_output=True, text=True)


@needs_root
class Ipv6(unittest.TestCase):
    def lan(self, hosts):
        lan = Lan(self, hosts)
        for i in range(1, hosts + 1):
            strip_v4(self, lan, i)
        cluster = Cluster(hosts, prefixes=lan.prefixes, addresses=[f"fd78::{i}" for i in range(1, hosts + 1)])
        cluster.agents = [V6Agent(cluster, i + 1, lan.prefixes[i]) for i in range(hosts)]
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster

    def test_a_lan_without_ipv4_has_all_that_others_have(self):
        cluster = self.lan(3)
        n1, n2, n3 = cluster
        for agent in cluster:
            agent.start()
        cluster.whole()
        # Streams: more than datagrams carry, and a join by hand.
        self.assertEqual(n1.run("var", "set", "large", "x" * 60000).code, 0)
        wait_for(lambda: len(n3.run("var", "get", "large").out) > 60000 - 1, 10, "the large variable is everywhere")
        joined = n2.run("join", at(n3.address, 7780))
        self.assertEqual((joined.code, joined.err), (0, f"joined: n3 at [{n3.address}]:7780\n"), joined)
        self.assertEqual({m["address"] for m in n1.json("members")}, {a.address for a in cluster})
        # Tasks, their ports, health checks and services.
        answer = n1.run("run", cluster.write("web.yaml", WEB), "--timeout", "60s")
        self.assertEqual(answer.code, 0, (answer, n1.run("status", "web").out, n1.run("logs", "web", "--stderr").out))
        holders = {i["node"] for i in n1.healthy("web")}
        addresses = sorted(a.address for a in cluster if a.name in holders)
        wait_for(lambda: n2.short("web.service.stratos", "AAAA") == addresses, 10,
                 lambda: n2.dig("web.service.stratos", "AAAA"))
        self.assertEqual(n2.short("web.service.stratos", "A"), [])
        self.assertEqual(n2.short("n3.node.stratos", "AAAA"), [n3.address])
        self.assertEqual(n2.short("-x", n3.address), ["n3.node.stratos."])
        self.assertEqual(len(n2.short("web.service.stratos", "SRV")), 2)
        port = n2.short("web.service.stratos", "SRV")[0].split()[2]
        self.assertIn("job web", n3.curl(f"http://{at(addresses[0], port)}/").stdout)
        # HTTP and the command line from another host.
        self.assertIn("stratos_ready 1", n2.curl(f"http://{at(n2.http, 7781)}/metrics").stdout)
        far = subprocess.run([*n3.prefix, STRATOS, "members", "--json", "--host", at(n1.address, 7780),
                              "--secret-file", cluster.secret], capture_output=True, text=True)
        self.assertEqual(far.returncode, 0, far.stderr)
        self.assertEqual(len(json.loads(far.stdout)["data"]), 3)
        # A death, and the work of who died.
        dead = next(a for a in cluster if a.name in holders)
        dead.kill()
        left = [a for a in cluster if a is not dead]
        wait_for(lambda: left[0].alive() == sorted(a.name for a in left), 15, left[0].alive)

    def mixed(self, discover):
        """n1 has both families and chooses its addresses itself, n2 has IPv4 alone, n3 IPv6."""
        lan = Lan(self, 3)
        add_v6(self, lan, 1)
        strip_v4(self, lan, 3)
        cluster = Cluster(3, prefixes=lan.prefixes, addresses=["10.78.0.1", "10.78.0.2", "fd78::3"])
        cluster.agents = [V6Agent(cluster, i + 1, lan.prefixes[i]) for i in range(3)]
        self.addCleanup(cluster.__exit__, None, None, None)
        joins = [None, "10.78.0.1:7780", "[fd78::1]:7780"]
        for agent, join in zip(cluster, joins):
            agent.bind = None
            agent.dns = "fd78::3" if agent is cluster[2] else "127.0.0.1"
            agent.start(discover=discover, join=join if join and not discover else False)
        return cluster

    def test_hosts_of_one_family_each_meet_through_one_that_has_both(self):
        cluster = self.mixed(discover=False)
        n1, n2, n3 = cluster
        names = ["n1", "n2", "n3"]
        wait_for(lambda: all(a.alive() == names for a in cluster), 30, lambda: [a.logged() for a in cluster])
        self.assertIn("address second=[fd78::1]:7780", n1.logged())
        for writer, reader, name in ((n2, n3, "four"), (n3, n2, "six")):
            # Members are known before the first comparison of tables makes a node ready.
            wait_for(lambda: writer.run("var", "set", name, "x" * 30000).code == 0, 5, writer.logged)
            wait_for(lambda: len(reader.run("var", "get", name).out) > 30000 - 1, 15, "it crosses")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            self.assertEqual([a.alive() for a in cluster], [names] * 3)
            time.sleep(0.5)
        n3.kill()
        wait_for(lambda: n2.alive() == ["n1", "n2"], 20, n2.alive)

    def test_beacons_are_heard_by_hosts_of_either_family(self):
        cluster = self.mixed(discover=True)
        names = ["n1", "n2", "n3"]
        wait_for(lambda: all(a.alive() == names for a in cluster), 30, lambda: [a.logged() for a in cluster])

    def test_agents_on_the_loopback_address_know_each_other(self):
        cluster = Cluster(3, addresses=["::1"] * 3)
        cluster.agents = [V6Agent(cluster, i + 1) for i in range(3)]
        self.addCleanup(cluster.__exit__, None, None, None)
        base = 20800
        for agent in cluster:
            offset = 10 * agent.index
            agent.start("--bind", f"[::1]:{base + offset}", "--http", f"[::1]:{base + offset + 1}",
                        "--dns", f"[::1]:{base + offset + 2}", join=agent.index > 1 and f"[::1]:{base + 10}")
        names = ["n1", "n2", "n3"]
        wait_for(lambda: all(a.alive() == names for a in cluster), 20, lambda: [a.logged() for a in cluster])
        self.assertEqual(cluster[2].run("var", "set", "a", "1").code, 0)
        wait_for(lambda: cluster[0].run("var", "get", "a").out == "1\n", 10, "a variable crosses")
        silent = cluster[0].run("join", f"[::1]:{base + 99}")
        self.assertIn(f"no answer from [::1]:{base + 99} within 3 s: nothing there: ", silent.err)


@needs_root
class DemoHttp(unittest.TestCase):
    def test_it_listens_on_both_families(self):
        demo = subprocess.Popen([STRATOS, "demo-http", "--port", "20799"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(demo.wait)
        self.addCleanup(demo.terminate)
        self.addCleanup(demo.stdout.close)
        self.assertEqual(demo.stdout.readline(), "listening on port 20799\n")
        for address in ("127.0.0.1", "[::1]"):
            done = subprocess.run(["curl", "-gsS", "--max-time", "5", f"http://{address}:20799/health"],
                                  capture_output=True, text=True)
            self.assertEqual(done.stdout, "ok\n", (address, done.stderr))


if __name__ == "__main__":
    unittest.main()
