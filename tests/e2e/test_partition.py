"""A real partition: three network namespaces on a bridge, two against one."""

import os
import subprocess
import time
import unittest

from cluster import Agent, Cluster, job, needs_root, wait_for


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


@needs_root
class Partition(unittest.TestCase):
    """Namespaces st<pid>-1..3 on a bridge in st<pid>-0; the partition is taking n3's port off the bridge."""

    def setUp(self):
        self.tag = f"st{os.getpid() % 100000}"
        self.nap = str(1000000 + os.getpid())  # tells our tasks from everybody else's
        if ip("netns", "add", f"{self.tag}-0", check=False).returncode != 0:
            self.skipTest("cannot make network namespaces")
        self.addCleanup(ip, "netns", "del", f"{self.tag}-0", check=False)
        hub = ["-n", f"{self.tag}-0"]
        ip(*hub, "link", "add", "br0", "type", "bridge")
        ip(*hub, "link", "set", "br0", "up")
        for i in (1, 2, 3):
            ns = f"{self.tag}-{i}"
            ip("netns", "add", ns)
            self.addCleanup(ip, "netns", "del", ns, check=False)
            ip(*hub, "link", "add", f"p{i}", "type", "veth", "peer", "name", "eth0", "netns", ns)
            ip(*hub, "link", "set", f"p{i}", "master", "br0", "up")
            ip("-n", ns, "addr", "add", f"10.77.0.{i}/24", "dev", "eth0")
            ip("-n", ns, "link", "set", "eth0", "up")
            ip("-n", ns, "link", "set", "lo", "up")
        self.hub = hub
        self.cluster = Cluster(3, prefixes=[["nsenter", f"--net=/run/netns/{self.tag}-{i}"] for i in (1, 2, 3)],
                               addresses=[f"10.77.0.{i}" for i in (1, 2, 3)])
        self.addCleanup(self.cluster.__exit__, None, None, None)
        self.cluster.__enter__()

    def test_both_sides_submit_and_meet_again(self):
        n1, n2, n3 = self.cluster
        path = self.cluster.write("base.yaml", job("base", ["sleep", self.nap], 3))
        answer = n1.run("run", path)
        self.assertEqual(answer.code, 0, (answer, n1.run("status", "base"), n1.logged()))
        ip(*self.hub, "link", "set", "p3", "nomaster")
        wait_for(lambda: n1.alive() == ["n1", "n2"] and n3.alive() == ["n3"], 30,
                 lambda: (n1.alive(), n3.alive()))
        left = self.cluster.write("left.yaml", job("left", ["sleep", self.nap], 2))
        right = self.cluster.write("right.yaml", job("right", ["sleep", self.nap], 1))
        self.assertEqual(n1.run("run", left, "--detach").code, 0)
        self.assertEqual(n3.run("run", right, "--detach").code, 0)
        wait_for(lambda: len(n1.healthy("left")) == 2 and len(n3.healthy("right")) == 1, 15, "each side runs its own")
        ip(*self.hub, "link", "set", "p3", "master", "br0")
        start = time.monotonic()

        def is_whole():
            for agent in self.cluster:
                for name, count in (("base", 3), ("left", 2), ("right", 1)):
                    instances = agent.instances(name)
                    names = sorted(i["name"] for i in instances)
                    if names != [f"{name}.{i}" for i in range(count)] or len(agent.healthy(name)) != count:
                        return False
            return True
        wait_for(is_whole, 10, lambda: "\n".join(
            a.name + a.run("status", j).out for a in self.cluster for j in ("base", "left", "right")))
        print(f"whole again {time.monotonic() - start:.1f} s after the heal")
        # One holder each means one process each, counted over all namespaces.
        wait_for(lambda: self.running() == 6, 10, lambda: f"{self.running()} processes run, not 6")

    def test_of_two_submissions_one_wins_and_history_tells_both(self):
        n1, n2, n3 = self.cluster
        sides = {}
        for side in ("base", "left", "right"):
            sides[side] = self.cluster.write(f"{side}.yaml", job("web", ["sleep", self.nap], 1, f"labels: {{side: {side}}}"))
        self.assertEqual(n1.run("run", sides["base"]).code, 0)
        ip(*self.hub, "link", "set", "p3", "nomaster")
        wait_for(lambda: n1.alive() == ["n1", "n2"] and n3.alive() == ["n3"], 30, "the two sides part")
        self.assertEqual(n2.run("run", sides["left"], "--detach").code, 0)
        self.assertEqual(n3.run("run", sides["right"], "--detach").code, 0)
        ip(*self.hub, "link", "set", "p3", "master", "br0")
        wait_for(lambda: len({a.digest() for a in self.cluster}) == 1 and len(n1.alive()) == 3, 30, "one table")
        wait_for(lambda: all([v["outcome"] for v in a.json("history", "web")] == ["running", "lost", "superseded"]
                             for a in self.cluster), 20, lambda: n1.run("history", "web"))
        told = [a.json("history", "web") for a in self.cluster]
        self.assertEqual(told[0], told[1])
        self.assertEqual(told[0], told[2])
        won, lost, base = told[0]
        self.assertEqual([v["version"] for v in told[0]], ["v2", "v2", "v1"])
        self.assertEqual({won["by"], lost["by"]}, {"root@n2", "root@n3"})
        self.assertEqual([v["conflict"] for v in told[0]], [True, True, False])
        self.assertEqual(lost["lost_to"], won["spec"])
        side_of = {"root@n2": "left", "root@n3": "right"}
        for agent in self.cluster:
            word = f"web@{lost['spec'][:8]}"
            self.assertEqual(agent.json("inspect", word)["spec"]["labels"], {"side": side_of[lost["by"]]})
            self.assertEqual(agent.json("inspect", "web")["spec"]["labels"], {"side": side_of[won["by"]]})
            text = agent.run("history", "web")
            self.assertIn(f"conflict: lost to {won['spec'][:8]}", text.out)
            self.assertIn(f"stratos inspect default/{word} --file", text.err)
        for agent in (n2, n3):
            conflicts = [e for e in agent.json("events") if e["kind"] == "conflict"]
            self.assertIn("job/default/web", [e["subject"] for e in conflicts], (agent.name, conflicts))
        # What lost can be had back.
        file = self.cluster.write("back.yaml", n1.run("inspect", f"web@{lost['spec'][:8]}", "--file").out)
        self.assertEqual(n1.run("run", file).code, 0)
        self.assertEqual(n3.json("history", "web")[0]["spec"], lost["spec"])

    def running(self):
        done = subprocess.run(["pgrep", "-cxf", f"sleep {self.nap}"], capture_output=True, text=True)
        return int(done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
