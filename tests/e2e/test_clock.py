"""Real agents, one of which has a wall clock of its own (shifted_clock.py)."""

import json
import os
import platform
import re
import subprocess
import sys
import unittest

from cluster import STRATOS, Agent, Cluster, wait_for

HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shifted_clock.py")
SLACK_MS = 60  # a probe on a busy host takes a while, and half of it is how wrong it may be
YEAR_MS = 365 * 24 * 3600 * 1000


class Shifted(Agent):
    """An agent of any host, but that its clock can be set."""

    def __init__(self, cluster, index):
        super().__init__(cluster, index)
        self.offset = os.path.join(self.dir, "offset")
        self.set_clock(0)
        self.prefix = [sys.executable, HELPER, self.offset]

    @property
    def http(self):
        return self.address

    def set_clock(self, ms):
        with open(self.offset + ".new", "w") as file:
            file.write(str(ms))
        os.replace(self.offset + ".new", self.offset)

    def says(self):
        return re.findall(r"(\w+) clock name=(\S+) state=(\S+)(?: cause=\"([^\"]*)\")?", self.logged())


def can_shift(directory):
    path = os.path.join(directory, "probe")
    with open(path, "w") as file:
        file.write("0")
    return subprocess.run([sys.executable, HELPER, path, STRATOS, "version"], capture_output=True).returncode == 0


@unittest.skipUnless(platform.machine() == "x86_64", "the clock is shifted by means of x86-64")
class Clock(unittest.TestCase):
    def start(self):
        cluster = Cluster(3, profile="local")
        self.addCleanup(cluster.__exit__, None, None, None)
        if not can_shift(cluster.dir):
            self.skipTest("this host does not let us trace and filter system calls")
        cluster.agents[1] = Shifted(cluster, 2)
        cluster.__enter__()
        return cluster, cluster[1]

    def skew(self, agent, of):
        return {m["name"]: m["clock_skew_ms"] for m in agent.json("members")}[of.name]

    def test_a_wrong_clock_is_said_then_refused_and_forgiven_once_it_is_set(self):
        cluster, bad = self.start()
        wait_for(lambda: all(p["clock_ms"] is not None for p in bad.json("gossip")["peers"]), 10, "measured clocks")
        self.assertEqual(bad.says(), [])

        bad.set_clock(300)
        wait_for(lambda: bad.says(), 10, bad.logged)
        [(level, name, state, cause)] = bad.says()
        self.assertEqual((level, name, state), ("warn", "n2", "off"))
        self.assertRegex(cause, r"^\d+ ms ahead of the median of its 2 peers$")
        self.assertAlmostEqual(int(cause.split()[0]), 300, delta=SLACK_MS)
        wait_for(lambda: self.skew(cluster[0], bad) >= 250, 5, lambda: repr(cluster[0].json("members")))
        wait_for(lambda: re.search(r"warning: the clock of n2 is \d+ ms ahead of its peers'\n",
                                   cluster[2].run("members").err), 5, lambda: repr(cluster[2].run("members")))
        self.assertEqual(bad.run("var", "set", "a", "1").code, 0)

        bad.set_clock(812)
        answer = bad.run("var", "set", "b", "1")
        self.assertEqual(answer.code, 1, answer)
        self.assertRegex(answer.err, r"this node's clock is \d+ ms ahead of the median of its 2 peers: "
                                     r"set it \(chrony, ntpd or timedatectl\), or submit on another node")
        status, _, text = bad.request("PUT", "/v1/vars/b", bad.token(), "1")
        self.assertEqual((status, json.loads(text)["error"]["code"]), (503, "clock"))
        self.assertEqual(bad.metrics()["stratos_clock_trusted"], 0)
        self.assertAlmostEqual(bad.metrics()["stratos_clock_skew_ms"], 812, delta=SLACK_MS)
        self.assertEqual(cluster[0].run("var", "get", "b").code, 3)
        self.assertEqual(cluster[0].run("var", "set", "b", "2").code, 0)

        bad.set_clock(0)
        self.assertEqual(bad.run("var", "set", "b", "3").code, 0)
        wait_for(lambda: self.skew(cluster[0], bad) == 0, 5, lambda: repr(cluster[0].json("members")))
        self.assertEqual([said[2] for said in bad.says()], ["off", "refusing", "right"])
        for agent in (cluster[0], cluster[2]):
            self.assertNotIn(" clock ", agent.logged())
            kinds = [(e["subject"], e["state"]) for e in agent.json("events") if e["kind"] == "clock"]
            self.assertEqual(kinds, [("n2", "off"), ("n2", "right")])

    def test_what_a_node_a_year_ahead_wrote_alone_can_be_changed_at_once_by_others(self):
        cluster, bad = self.start()
        wait_for(lambda: all(p["clock_ms"] is not None for p in bad.json("gossip")["peers"]), 10, "measured clocks")
        bad.set_clock(YEAR_MS)
        self.assertIn("365 days ahead", bad.run("var", "set", "a", "future").err)
        for agent in (cluster[0], cluster[2]):
            agent.kill()
        wait_for(lambda: bad.alive() == ["n2"], 20, lambda: repr(bad.run("members")))
        wait_for(lambda: bad.run("var", "set", "a", "future").code == 0, 10, lambda: repr(bad.run("var", "set", "a", "x")))
        for agent in (cluster[0], cluster[2]):
            agent.start(join=bad.address)
        cluster.whole()
        for agent in (cluster[0], cluster[2]):
            self.assertEqual(agent.json("var", "get", "a")["value"], "future")
        for i, agent in enumerate((cluster[0], cluster[2])):
            self.assertEqual(agent.run("var", "set", "a", f"now {i}").code, 0)
            wait_for(lambda: {a.json("var", "get", "a")["value"] for a in cluster.agents} == {f"now {i}"}, 2,
                     lambda: [a.json("var", "get", "a") for a in cluster.agents])


if __name__ == "__main__":
    unittest.main()
