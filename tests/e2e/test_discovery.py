"""Agents that find each other: hosts on a LAN without --join, and names in --join.

A host is a network namespace on a bridge."""

import os
import subprocess
import time
import unittest

from cluster import STRATOS, Cluster, needs_root, wait_for
from test_partition import ip


class Lan:
    """Namespaces sd<pid>-1..n on a bridge in sd<pid>-0, with addresses 10.78.0.1..n."""

    def __init__(self, case, hosts):
        self.tag = f"sd{os.getpid() % 100000}"
        if ip("netns", "add", f"{self.tag}-0", check=False).returncode != 0:
            case.skipTest("cannot make network namespaces")
        case.addCleanup(ip, "netns", "del", f"{self.tag}-0", check=False)
        self.hub = ["-n", f"{self.tag}-0"]
        ip(*self.hub, "link", "add", "br0", "type", "bridge")
        ip(*self.hub, "link", "set", "br0", "up")
        for i in range(1, hosts + 1):
            ns = f"{self.tag}-{i}"
            ip("netns", "add", ns)
            case.addCleanup(ip, "netns", "del", ns, check=False)
            ip(*self.hub, "link", "add", f"p{i}", "type", "veth", "peer", "name", "eth0", "netns", ns)
            ip(*self.hub, "link", "set", f"p{i}", "master", "br0", "up")
            ip("-n", ns, "addr", "add", f"10.78.0.{i}/24", "dev", "eth0")
            ip("-n", ns, "link", "set", "eth0", "up")
            ip("-n", ns, "link", "set", "lo", "up")
        self.prefixes = [["nsenter", f"--net=/run/netns/{self.tag}-{i}"] for i in range(1, hosts + 1)]
        self.addresses = [f"10.78.0.{i}" for i in range(1, hosts + 1)]

    def cut(self, host):
        ip(*self.hub, "link", "set", f"p{host}", "nomaster")

    def mend(self, host):
        ip(*self.hub, "link", "set", f"p{host}", "master", "br0")


def counters(agent):
    """/metrics of an agent in a namespace, asked from inside it."""
    text = subprocess.run([*agent.prefix, "curl", "-sS", "--max-time", "5", "http://127.0.0.1:7781/metrics"],
                          capture_output=True, text=True, check=True).stdout
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, value in pairs}


def is_ready(agent):
    return counters(agent)["stratos_ready"] == 1


@needs_root
class Discovery(unittest.TestCase):
    def cluster(self, hosts):
        self.lan = Lan(self, hosts)
        cluster = Cluster(hosts, prefixes=self.lan.prefixes, addresses=self.lan.addresses)
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster

    def assert_together(self, agents, seconds, start):
        names = sorted(a.name for a in agents)
        wait_for(lambda: all(a.alive() == names for a in agents), seconds,
                 lambda: [(a.name, a.alive(), a.logged()) for a in agents])
        print(f"{len(names)} found each other in {time.monotonic() - start:.1f} s")

    def test_hosts_with_one_secret_find_each_other_and_again_after_all_were_stopped(self):
        cluster = self.cluster(3)
        for agent in cluster:
            agent.start(discover=True)
        wait_for(lambda: all(a.is_up() for a in cluster), 10, "all are up")
        self.assert_together(cluster, 3, time.monotonic())
        wait_for(lambda: all(is_ready(a) for a in cluster), 3, "all are ready")
        self.assertTrue(any(counters(a)["stratos_beacons_in_total"] > 0 for a in cluster))
        for agent in cluster:
            agent.kill()
        start = time.monotonic()
        for agent in cluster:  # by what they remember: neither --join nor beacons
            agent.start(join=False)
        self.assert_together(cluster, 5, start)
        self.assertTrue(all(counters(a)["stratos_beacons_out_total"] == 0 for a in cluster))

    def test_a_newcomer_finds_a_cluster_that_runs_and_two_that_ran_apart_become_one(self):
        cluster = self.cluster(3)
        n1, n2, n3 = cluster
        n1.start(discover=True)
        wait_for(lambda: n1.is_up() and is_ready(n1), 10, "n1 believes to be alone")
        n2.start(discover=True)
        wait_for(n2.is_up, 10, "n2 is up")
        self.assert_together([n1, n2], 3, time.monotonic())
        self.lan.cut(3)
        n3.start(discover=True)
        wait_for(lambda: n3.alive() == ["n3"] and is_ready(n3), 5, "n3 believes to be alone")
        self.assertEqual(n3.run("var", "set", "colour", "green").code, 0)
        self.lan.mend(3)
        self.assert_together(cluster, 6, time.monotonic())  # a lone node speaks every three seconds
        wait_for(lambda: n1.run("var", "get", "colour").out.strip() == "green", 5, "its variable is everywhere")

    def test_an_interface_that_comes_up_later_is_spoken_on_at_once(self):
        cluster = self.cluster(2)
        n1, n2 = cluster
        ip("-n", f"{self.lan.tag}-2", "link", "set", "eth0", "down")
        n1.start(discover=True)
        n2.start(discover=True)
        wait_for(lambda: all(a.is_up() and is_ready(a) for a in cluster), 10, "both believe to be alone")
        ip("-n", f"{self.lan.tag}-2", "link", "set", "eth0", "up")
        self.assert_together(cluster, 3, time.monotonic())

    def test_a_lan_without_ipv4_will_do(self):
        cluster = self.cluster(2)
        for agent in cluster:
            ns = f"{self.lan.tag}-{agent.index}"
            ip("-n", ns, "addr", "flush", "dev", "eth0", "scope", "global")
            if ip("-n", ns, "-6", "addr", "add", f"fd78::{agent.index}/64", "dev", "eth0", "nodad",
                  check=False).returncode != 0:
                self.skipTest("no IPv6 here")
            agent.start("--bind", f"[fd78::{agent.index}]:7780", "--dns", "off", discover=True)
        wait_for(lambda: all(a.is_up() for a in cluster), 10, "both are up")
        self.assert_together(cluster, 8, time.monotonic())  # link-local addresses are tried out first

    def test_hosts_with_different_secrets_never_do_and_learn_nothing(self):
        cluster = self.cluster(2)
        n1, n2 = cluster
        secret = cluster.write("other", "")
        os.chmod(secret, 0o600)
        with open(secret, "w") as file:
            subprocess.run([STRATOS, "secret", "new"], stdout=file, check=True)
        n1.start(discover=True)
        n2.start("--secret-file", secret, discover=True)
        wait_for(lambda: all(a.alive() == [a.name] and is_ready(a) for a in cluster), 5, "both are alone")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            self.assertEqual((n1.alive(), n2.alive()), (["n1"], ["n2"]))
            time.sleep(0.5)
        for agent in cluster:
            c = counters(agent)
            self.assertGreater(c["stratos_drop_beacons_total"], 2)
            for name in ("beacons_in", "datagrams_in", "datagrams_out", "bytes_in", "streams_in", "streams_refused",
                         "drop_forged", "drop_malformed"):
                self.assertEqual(c[f"stratos_{name}_total"], 0, name)
            other = "n2" if agent is n1 else "n1"
            self.assertNotIn(f"name={other}", agent.logged())

    def test_no_discover_neither_speaks_nor_listens(self):
        cluster = self.cluster(2)
        n1, n2 = cluster
        n1.start(join=False)
        wait_for(lambda: n1.is_up() and is_ready(n1), 5, "n1 is up")
        n2.start(discover=True)
        wait_for(lambda: n2.alive() == ["n2"] and is_ready(n2), 5, "n2 is up")
        time.sleep(5)
        self.assertEqual((n1.alive(), n2.alive()), (["n1"], ["n2"]))
        c = counters(n1)
        self.assertEqual((c["stratos_beacons_in_total"], c["stratos_beacons_out_total"]), (0, 0))

    def test_a_name_in_join_that_does_not_resolve_is_said_and_the_others_are_used(self):
        cluster = self.cluster(2)  # no name server can be reached from these hosts
        n1, n2 = cluster
        n1.start(join=False)
        wait_for(n1.is_up, 5, "n1 is up")
        n2.start(join=f"nowhere.invalid,{n1.address}")
        wait_for(lambda: n1.alive() == n2.alive() == ["n1", "n2"], 15, lambda: n2.logged())
        self.assertIn("name=nowhere.invalid", n2.logged())


class Names(unittest.TestCase):
    def test_join_takes_a_host_name(self):
        cluster = Cluster(2)
        self.addCleanup(cluster.__exit__, None, None, None)
        n1, n2 = cluster
        port = 20000 + os.getpid() % 10000
        n1.start("--bind", f"127.0.0.1:{port}")
        wait_for(n1.is_up, 5, "n1 is up")
        n2.start(join=f"localhost:{port}")
        wait_for(lambda: n1.alive() == n2.alive() == ["n1", "n2"], 8, lambda: n2.logged())


if __name__ == "__main__":
    unittest.main(verbosity=2)
