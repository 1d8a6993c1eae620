"""Agents that find each other: hosts on a LAN without --join, and names in --join.

A host is a network namespace on a bridge."""

import os
import shutil
import subprocess
import time
import unittest

from cluster import STRATOS, Cluster, job, needs_root, wait_for
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
            said = [line for line in agent.logged().splitlines() if " stranger " in line]
            self.assertEqual(len(said), 1, "once a minute, however often it is heard")
            self.assertIn(f"from=10.78.0.{3 - agent.index}:", said[0])
            self.assertIn("lacks a copy of this secret file", said[0])

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


@needs_root
class NamesOfNodes(unittest.TestCase):
    """db1 has a service; a newcomer takes the same name."""

    def test_a_name_stays_with_its_first_holder_on_every_node(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.__exit__, None, None, None)
        n1, n2, n3 = cluster
        n1.name, n2.name, n3.name = "db1", "web1", "db1"
        for agent in (n1, n2):
            agent.start()
        wait_for(lambda: all(a.is_up() and a.alive() == ["db1", "web1"] for a in (n1, n2)), 20, "two are together")
        path = cluster.write("db.yaml", job("db", "sleep 1000", more="constraints: [{attr: hostname, op: ==, value: db1}]\n"
                                            "ports: {pg: 25432}\n"))
        self.assertEqual(n2.run("run", path).code, 0)
        n3.start()
        wait_for(lambda: n3.is_up() and len(n1.json("members")) == 3, 20, "the third is there")
        by_address = {m["address"]: m for m in n1.json("members")}
        other = by_address[n3.address]["id"]
        told = lambda a: "clash" in a.logged() and other in a.logged()
        wait_for(lambda: all(told(a) for a in cluster), 10, lambda: [a.logged() for a in cluster])
        for agent in cluster:
            members = {m["address"]: m for m in agent.json("members")}
            self.assertEqual(members[n1.address]["name"], "db1", agent.name)
            self.assertEqual(members[n3.address]["name"], other, agent.name)
            self.assertEqual(members[n3.address]["namesake"], "db1")
            wait_for(lambda: agent.short("db1.node.stratos") == [n1.address], 5, "its address in DNS")
            self.assertEqual(agent.short(f"{other}.node.stratos"), [n3.address])
            answer = agent.run("status", "db1")
            self.assertIn(n1.address, answer.out)
            self.assertIn(f"at {n3.address} (alive), is called {other}", answer.err)
            self.assertIn("more than one node is named db1", agent.run("members").err)
        self.assertEqual([i["node"] for i in n3.instances("db")], ["db1"])
        srv = n2.short("db.service.stratos", "SRV")
        self.assertEqual(len(srv), 1, srv)
        target = srv[0].split()[3]
        self.assertTrue(target.endswith(".addr.stratos."), srv)
        self.assertEqual(n2.short(target), [n1.address])
        # Over a restart of the holder, and to the other only when the holder is gone.
        n1.kill()
        n1.start()
        wait_for(lambda: n1.is_up() and len(n1.json("members")) == 3, 20, "it is back")
        wait_for(lambda: n2.short("db1.node.stratos") == [n1.address], 15, "and keeps its name")
        n1.kill()
        wait_for(lambda: n2.short("db1.node.stratos") == [n3.address], 60, "the name of one that is gone goes on")

    def test_an_instance_has_one_name(self):
        with Cluster(1) as cluster:
            n1 = cluster[0]
            n1.start()
            wait_for(n1.is_up, 20, "up")
            self.assertEqual(n1.run("run", cluster.write("web.yaml", job("web", "sleep 1000"))).code, 0)
            for verb in ("status", "logs", "why"):
                answer = n1.run(verb, "web.00")
                self.assertEqual(answer.code, 3, answer)
                self.assertIn("no web.00: web.0?", answer.err, verb)
            self.assertEqual(n1.run("status", "web.0").code, 0)
            path = cluster.write("long.yaml", job("a" * 63, "sleep 1", more="ports: {http: dynamic}\n"))
            answer = n1.run("validate", path)
            self.assertEqual(answer.code, 0, answer)
            self.assertIn("63 octets", answer.err)


@needs_root
class Machine(unittest.TestCase):
    """The machine id of a host is changed for one agent, in a mount namespace of its own."""

    def test_data_of_another_host_is_not_started_on_without_a_word(self):
        if not os.path.exists("/etc/machine-id"):
            self.skipTest("this host has no machine id")
        cluster = Cluster(1)
        self.addCleanup(cluster.__exit__, None, None, None)
        n1 = cluster[0]
        other = cluster.write("machine-id", "0123456789abcdef0123456789abcdef\n")
        move = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/machine-id && exec "$@"', other]
        if subprocess.run([*move, "true"], check=False).returncode != 0:
            self.skipTest("cannot mount here")
        identity = lambda: n1.json("members")[0]["id"]
        n1.start()
        wait_for(n1.is_up, 20, "up")
        first = identity()
        self.assertEqual(n1.run("var", "set", "k", "v").code, 0)
        self.assertEqual(n1.run("run", cluster.write("w.yaml", job("web", ["sleep", "1000"]))).code, 0)
        n1.stop()
        cluster.end_tasks(n1)  # they run where the data was made
        n1.wrapper = move
        n1.start()
        self.assertNotEqual(n1.process.wait(timeout=30), 0)
        self.assertIn("was made on another host: --adopt if this host replaces it", n1.logged())
        n1.start("--adopt")
        wait_for(n1.is_up, 20, "up")
        self.assertEqual(identity(), first)
        self.assertEqual(n1.run("var", "get", "k").out.strip(), "v")
        n1.stop()
        n1.wrapper = []  # the data is of the other host now
        n1.start()
        self.assertNotEqual(n1.process.wait(timeout=30), 0)
        cluster.end_tasks(n1)
        n1.start("--new-identity")
        wait_for(n1.is_up, 20, "up")
        self.assertNotEqual(identity(), first)
        self.assertNotIn("default.web.0", os.listdir(os.path.join(n1.data, "tasks")))
        aside = [name for name in os.listdir(n1.data) if ".other-host-" in name]
        self.assertEqual(sorted(name.split(".")[0] for name in aside), ["identity", "machine", "store", "tasks"])
        second = identity()
        n1.stop()
        n1.start("--new-identity")  # left in the unit file
        wait_for(n1.is_up, 20, "up")
        self.assertEqual(identity(), second)


@needs_root
class Twins(unittest.TestCase):
    """The data of n2 is copied to a second host, and both run."""

    def test_the_younger_of_two_lives_of_one_identity_stops_and_every_node_says_so(self):
        cluster = Cluster(4)
        self.addCleanup(cluster.__exit__, None, None, None)
        n1, n2, n3, copy = cluster
        for agent in (n1, n2, n3):
            agent.start()
        wait_for(lambda: all(a.is_up() and len(a.alive()) == 3 for a in (n1, n2, n3)), 20, "three are together")
        path = cluster.write("web.yaml", job("web", "sleep 1000", count=3,
                                             more="constraints: [{attr: hostname, op: unique}]\n"))
        self.assertEqual(n1.run("run", path).code, 0)
        n2.stop()
        shutil.copytree(n2.data, copy.data, ignore=shutil.ignore_patterns("tasks"))
        n2.start()
        wait_for(lambda: n2.is_up() and n2.name in n1.alive(), 20, "n2 is back")
        time.sleep(2)  # of two seconds of start the epochs differ for certain
        copy.name = "n2"
        copy.start("--adopt")
        wait_for(copy.is_up, 20, "the copy serves its own command line")
        told = lambda a: "identity" in a.logged() and "state=cloned" in a.logged()
        wait_for(lambda: all(told(a) for a in cluster), 30, lambda: [(a.name, a.logged()[-500:]) for a in cluster])
        for agent in (n1, n2, n3):
            members = {m["name"]: m for m in agent.json("members")}
            self.assertEqual(members["n2"]["state"], "alive")
            self.assertEqual(members["n2"]["address"], n2.address)
            self.assertEqual(members["n2"]["cloned_at"], f"{copy.address}:7780")
            self.assertIn("cloned", agent.run("members").out)
        answer = copy.run("var", "set", "k", "v")
        self.assertNotEqual(answer.code, 0)
        self.assertIn(f"its identity lives at {n2.address}:7780", answer.err)
        self.assertIn("SERVFAIL", copy.dig("n1.node.stratos"))
        self.assertEqual(n2.run("var", "set", "k", "v").code, 0)
        self.assertEqual(sorted(i["node"] for i in n1.instances("web")), ["n1", "n2", "n3"])
        time.sleep(3)
        tasks = os.path.join(copy.data, "tasks")
        self.assertEqual([d for d in os.listdir(tasks)] if os.path.isdir(tasks) else [], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
