"""Restarts without a delay, by a shim that was ready before: quick, and never a second copy, whoever is killed when."""

import os
import random
import signal
import time
import unittest

from cluster import STRATOS, Cluster, job, needs_root, wait_for

QUICK = "restart: {attempts: 60, window: 1s, delay: 0s}\n"
# Says so when another copy of it lives.
ALONE = "exec 9>one; flock -n 9 || echo twice >>twice; echo $$ >>runs; exec sleep 1000"


def waiting(agent):
    """The processes of an agent's spares."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        if words[1:2] == [b"shim"] and words[2].startswith(agent.data.encode() + b"/") and words[3:4] == [b"spare"]:
            found.append(int(pid))
    return found


@needs_root
class Spares(unittest.TestCase):
    def up(self, agent, cluster, name, script, more=""):
        path = cluster.write(f"{name}.yaml", job(name, ["sh", "-c", script], 1, more + QUICK))
        answer = agent.run("run", path)
        self.assertEqual(answer.code, 0, answer)

    def pid(self, agent, name):
        found = agent.instances(name)
        return found[0]["pid"] if found and found[0]["state"] == "running" else 0

    def again(self, agent, name, before, seconds=20):
        wait_for(lambda: self.pid(agent, name) not in (0, before), seconds, lambda: agent.run("status", name))
        return self.pid(agent, name)

    def test_a_task_comes_back_with_all_that_it_had(self):
        with Cluster(1) as c:
            n = c[0]
            self.up(n, c, "j", "echo up; test -s $STRATOS_TOKEN_FILE && echo token; touch /tmp/left; ls /tmp; exec sleep 1000",
                    "  isolation: {api: read}\n")
            for round in range(3):
                wait_for(lambda: waiting(n), 10, "there is a spare")
                before = self.pid(n, "j")
                os.kill(before, signal.SIGKILL)
                self.again(n, "j", before)
                self.assertEqual(n.instances("j")[0]["restarts"], round + 1)
                last = n.instances("j")[0]["last_exit"]
                self.assertEqual((last["code"], last["signal"], last["lost"]), (None, 9, False))
            wait_for(lambda: n.run("logs", "j").out.count("up") == 4, 5, lambda: n.run("logs", "j"))
            said = n.run("logs", "j").out
            self.assertEqual(said.count("token"), 4, said)
            self.assertEqual(said.count("left"), 4, said)  # each life sees its own alone
            self.assertEqual(n.run("stop", "j").code, 0)
            wait_for(lambda: not waiting(n), 5, lambda: waiting(n))

    def test_a_shim_and_its_init_weigh_little(self):
        with open(STRATOS, "rb") as file:
            if os.path.getsize(STRATOS) > 64 << 20 or b"libasan" in file.read():
                self.skipTest("not a binary as it ships")
        with Cluster(1) as c:
            n = c[0]
            path = c.write("j.yaml", job("j", ["sleep", "1000"]))
            self.assertEqual(n.run("run", path).code, 0)
            parent = self.pid(n, "j")
            weight = []
            for _ in range(2):  # init, shim
                with open(f"/proc/{parent}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{parent}/smaps_rollup") as file:
                    weight.append(next(int(line.split()[1]) for line in file if line.startswith("Pss:")))
            self.assertLess(sum(weight), 330, weight)

    def test_an_edit_is_obeyed_by_the_next_life(self):
        with Cluster(1) as c:
            n = c[0]
            self.up(n, c, "j", "echo one; exec sleep 1000")
            wait_for(lambda: waiting(n), 10, "there is a spare")
            self.up(n, c, "j", "echo two; exec sleep 1000")
            before = self.pid(n, "j")
            wait_for(lambda: waiting(n), 10, "there is a spare")
            os.kill(before, signal.SIGKILL)
            self.again(n, "j", before)
            wait_for(lambda: n.run("logs", "j").out.count("two") == 2, 5, lambda: n.run("logs", "j"))

    def test_killed_agents_and_shims_leave_one_copy_and_true_facts(self):
        chance = random.Random(9)
        with Cluster(1) as c:
            n = c[0]
            self.up(n, c, "j", ALONE)
            work = os.path.join(n.data, "tasks", "default.j.0", "work")
            for round in range(10):
                if round:  # what another agent started has no spare yet
                    before = self.pid(n, "j")
                    os.kill(before, signal.SIGKILL)
                    self.again(n, "j", before)
                wait_for(lambda: waiting(n), 10, "there is a spare")
                time.sleep(0.3)  # it is ready
                before = self.pid(n, "j")
                os.kill(before, signal.SIGKILL)
                time.sleep(chance.random() * 0.008)
                n.kill()
                wait_for(lambda: not waiting(n), 5, lambda: f"spares without an agent: {waiting(n)}")
                n.start()
                wait_for(n.is_up, 10, "the agent is back")
                self.again(n, "j", before)
                last = n.instances("j")[0]["last_exit"]
                self.assertIn((last and last["signal"], last and last["lost"]), ((9, False),), last)
            self.assertFalse(os.path.exists(os.path.join(work, "twice")))
            with open(os.path.join(work, "runs")) as file:
                runs = len(file.read().split())
            self.assertEqual(runs, 20)

    def test_a_spare_that_cannot_be_made_costs_nothing(self):
        with Cluster(1) as c:
            n = c[0]
            self.up(n, c, "j", "exec sleep 1000")
            wait_for(lambda: waiting(n), 10, "there is a spare")
            for pid in waiting(n):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.2)
            self.assertEqual(waiting(n), [])  # one attempt a life
            before = self.pid(n, "j")
            os.kill(before, signal.SIGKILL)
            self.again(n, "j", before)
            self.assertEqual(n.instances("j")[0]["restarts"], 1)


if __name__ == "__main__":
    unittest.main()
