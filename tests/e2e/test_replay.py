"""Agents that write down what they are told, and `stratos replay`, which tells it to a node again."""

import os
import subprocess
import unittest

from cluster import STRATOS, Cluster, at, needs_root, wait_for

JOB = """
job: web
count: 4
task: {command: ["sh", "-c", "echo up; exec sleep 1000"]}
ports: {http: dynamic}
restart: {delay: 100ms}
update: {max_parallel: 3, min_healthy_time: 100ms}
"""


def replay(*words):
    done = subprocess.run([STRATOS, "replay", *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@needs_root
class Replay(unittest.TestCase):
    def recording(self, agent, name="recording"):
        return os.path.join(agent.dir, name)

    def recorded(self, n):
        cluster = Cluster(n, profile="local")
        self.addCleanup(cluster.__exit__, None, None, None)
        for agent in cluster.agents:
            agent.start("--record", self.recording(agent))
        cluster.whole(30)
        return cluster

    def test_a_run_with_orders_tasks_a_death_and_a_restart_is_told_again_and_does_the_same(self):
        cluster = self.recorded(3)
        first, second, third = cluster.agents
        self.assertEqual(first.run("run", cluster.write("web.yaml", JOB)).code, 0)
        self.assertEqual(second.run("var", "set", "color", "blue").code, 0)
        self.assertEqual(second.run("scale", "web", "6").code, 0)
        pids = [i["pid"] for i in first.instances("web") if i["node"] == first.name]
        os.kill(pids[0], 9)
        wait_for(lambda: any(i["restarts"] for i in first.instances("web")), 20, lambda: first.run("status", "web"))
        third.kill()
        wait_for(lambda: {i["node"] for i in first.instances("web") if i["state"] == "running"} <= {"n1", "n2"}, 60,
                 lambda: first.run("status", "web"))
        third.start("--record", self.recording(third, "again"))
        cluster.whole(30)
        self.assertEqual(first.run("restart", "web", "--timeout", "60s").code, 0)
        self.assertEqual(second.run("rm", "web", "-y").code, 0)
        first.stop()
        second.stop()
        third.stop()
        for path, ends in ((self.recording(first), "its agent has ended"), (self.recording(second), "its agent has ended"),
                           (self.recording(third), None), (self.recording(third, "again"), "its agent has ended")):
            self.assertEqual(os.stat(path).st_mode & 0o7777, 0o600)
            code, out, err = replay(path)
            self.assertEqual(code, 0, (path, out, err))
            self.assertRegex(out, r"^n[123] \S+ was told [0-9]{2,} inputs in [0-9.]+ s, after [0-9]+ entr(y|ies) of its store, "
                                  r"and asks for the same: [0-9]+ effects\.\n")
            if ends:
                self.assertIn(f"The recording ends because {ends}.\n", out)
        self.assertNotIn("after 0 entries", replay(self.recording(third, "again"))[1])

    def test_a_cut_damaged_or_foreign_file_is_said_to_be_that(self):
        cluster = self.recorded(1)
        agent = cluster[0]
        self.assertEqual(agent.run("var", "set", "color", "blue").code, 0)
        agent.stop()
        with open(self.recording(agent), "rb") as file:
            whole = file.read()
        cut, damaged = self.recording(agent, "cut"), self.recording(agent, "damaged")
        with open(cut, "wb") as file:
            file.write(whole[:len(whole) // 2 + 1])
        code, out, err = replay(cut)
        self.assertEqual(code, 0, (out, err))
        self.assertIn("The recording is cut off: its last input was ", out)
        where = whole.index(b"blue")
        with open(damaged, "wb") as file:
            file.write(whole[:where] + b"grey" + whole[where + 4:])
        code, out, err = replay(damaged)
        self.assertEqual(code, 1, (out, err))
        self.assertIn("asks for something else after the last: an order", out)
        code, out, err = replay(damaged, "--json")
        self.assertEqual((code, '"same":false' in out), (1, True), out)
        code, out, err = replay(cluster.secret)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("it is no recording of `stratos agent --record`", err)
        code, out, err = replay(self.recording(agent, "nothing"))
        self.assertEqual(code, 1)
        self.assertIn("No such file", err)

    def test_a_file_that_is_there_is_never_written_over(self):
        cluster = self.recorded(1)
        agent = cluster[0]
        agent.stop()
        done = subprocess.run([STRATOS, "agent", "--data", agent.data, "--secret-file", cluster.secret, "--socket", agent.socket,
                               "--bind", at(agent.address, 7780), "--record", self.recording(agent)],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("there is a file already: choose a new name", done.stderr)


if __name__ == "__main__":
    unittest.main()
