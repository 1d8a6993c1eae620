"""Changing the cluster's secret while it runs."""

import json
import os
import shutil
import subprocess
import threading
import time
import unittest

from cluster import STRATOS, Agent, Cluster, needs_root, wait_for


def own_secrets(cluster):
    """Each agent gets a copy of the secret file, as on hosts of their own."""
    for agent in cluster.agents:
        agent.secret = os.path.join(agent.dir, "secret")
        shutil.copy(cluster.secret, agent.secret)
        agent.start("--secret-file", agent.secret)
    cluster.whole()


def secret_lines(agent):
    with open(agent.secret) as f:
        return f.read().split("\n")


def first_line(agent):
    return secret_lines(agent)[0]


class Writer(threading.Thread):
    """Writes variables through one agent until told to stop; keeps what was acknowledged."""

    def __init__(self, agent):
        super().__init__()
        self.agent, self.written, self.refused, self.is_over = agent, [], [], False

    def run(self):
        while not self.is_over:
            name = f"w{len(self.written) + len(self.refused)}"
            answer = self.agent.run("var", "set", name, name)
            (self.written if answer.code == 0 else self.refused).append((name, answer))

    def stop(self):
        self.is_over = True
        self.join()


@needs_root
class Rotation(unittest.TestCase):
    def start(self, nodes):
        cluster = Cluster(nodes)
        self.addCleanup(cluster.__exit__, None, None, None)
        own_secrets(cluster)
        return cluster

    def epochs(self, agent):
        return {(m["key_epoch"], m["other_key_epoch"]) for m in agent.json("members") if m["state"] == "alive"}

    def test_members_change_the_secret_under_writes_and_strangers_stay_out(self):
        cluster = self.start(3)
        old = first_line(cluster[0])
        before = self.epochs(cluster[0])
        self.assertEqual(len(before), 1)
        writer = Writer(cluster[1])
        writer.start()
        try:
            done = cluster[0].run("secret", "rotate", "--timeout", "40s", timeout=60)
        finally:
            writer.stop()
        self.assertEqual(done.code, 0, done)
        self.assertIn("3/3 refuse the old one", done.err)
        self.assertEqual(writer.refused, [])
        self.assertGreater(len(writer.written), 3)
        for agent in cluster.agents:
            wait_for(lambda: self.epochs(agent) != before and len(self.epochs(agent)) == 1, 5, "one new epoch")
            self.assertNotIn("state=suspect", agent.logged())
            self.assertNotIn("state=dead", agent.logged())
            self.assertEqual(len([line for line in secret_lines(agent) if line]), 1)
            with open(agent.secret) as file:
                self.assertEqual(file.read().count("\n"), 1)  # and no empty ones behind it
            self.assertNotEqual(first_line(agent), old)
            self.assertEqual(os.stat(agent.secret).st_mode & 0o777, 0o600)
        self.assertEqual(len({first_line(a) for a in cluster.agents}), 1)
        wait_for(lambda: len({a.digest() for a in cluster.agents}) == 1, 10, "one table")
        for name, _ in writer.written:
            self.assertEqual(cluster[2].run("var", "get", name).out.strip(), name)

        # With the old secret there is no way in, for a node or for the command line.
        stranger = Agent(cluster, 9)
        stranger.secret = cluster.secret
        stranger.start("--secret-file", stranger.secret, join=cluster[0].address)
        self.addCleanup(stranger.stop)
        wait_for(lambda: stranger.alive() == ["n9"], 10, "the stranger is up")
        time.sleep(2)
        self.assertEqual(stranger.alive(), ["n9"])
        self.assertEqual(cluster[0].alive(), ["n1", "n2", "n3"])
        for path, code in ((cluster.secret, 6), (cluster[0].secret, 0)):
            remote = subprocess.run([STRATOS, "members", "--host", cluster[0].address, "--secret-file", path],
                                    capture_output=True, text=True, timeout=20)
            self.assertEqual(remote.returncode, code, remote.stderr)

        # It lasts: agents come back with what they wrote down, and can change it again.
        cluster[2].stop()
        cluster[2].start("--secret-file", cluster[2].secret)
        cluster.agents = cluster.agents[:3]
        cluster.whole()
        self.assertEqual(cluster[1].run("secret", "rotate", "--timeout", "40s", timeout=60).code, 0)

    def test_a_node_that_slept_through_it_comes_back_with_the_new_file(self):
        cluster = self.start(3)
        sleeper = cluster[2]
        sleeper.kill()
        wait_for(lambda: cluster[0].alive() == ["n1", "n2"], 30, "n3 is dead")
        refused = cluster[0].run("secret", "rotate")
        self.assertEqual(refused.code, 7, refused)
        self.assertIn("n3", refused.err)
        done = cluster[0].run("secret", "rotate", "--force", "--timeout", "40s", "--json", timeout=60)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(json.loads(done.out)["data"]["members"], 2)
        sleeper.start("--secret-file", sleeper.secret)
        wait_for(lambda: sleeper.alive() != [], 10, "n3 answers")
        time.sleep(2)
        self.assertEqual(cluster[0].alive(), ["n1", "n2"])
        sleeper.stop()
        shutil.copy(cluster[0].secret, sleeper.secret)
        sleeper.start("--secret-file", sleeper.secret)
        cluster.whole(30)


if __name__ == "__main__":
    unittest.main()
