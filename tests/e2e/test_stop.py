"""A stop reaches every process of a task, each has the grace, and the end comes without the agent too."""

import json
import os
import time
import unittest

from cluster import SLOWER, Cluster, job, needs_root, wait_for

# Needs 1.5 s after TERM, as a server that writes its data out.
SERVER = "sh -c 'trap \"sleep 1.5; echo flushed >>$HOME/said; sleep 0.2; exit 0\" TERM; echo up >>$HOME/said; while :; do sleep 0.05; done'"


def text_job(name, command, timeout="5s", count=1):
    return f"""job: {name}
count: {count}
task:
  command: {json.dumps(command)}
  resources: {{cpu: 0.1, memory: 64M}}
  stop: {{timeout: {timeout}}}
"""


@needs_root
class Stop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1)
        cls.cluster.__enter__()
        cls.agent = cls.cluster[0]
        cls.inits = {}

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def said(self, name, index=0):
        path = os.path.join(self.agent.data, "tasks", f"default.{name}.{index}", "work", "said")
        try:
            with open(path) as file:
                return file.read()
        except OSError:
            return ""

    def start(self, name, command, timeout="5s", count=1):
        path = self.cluster.write(f"{name}.yaml", text_job(name, command, timeout, count))
        answer = self.agent.run("run", path, "--detach")
        self.assertEqual(answer.code, 0, answer)
        wait_for(lambda: all("up" in self.said(name, i) for i in range(count)), 15, lambda: self.agent.instances(name))
        pids = {i["name"]: i["pid"] for i in self.agent.instances(name)}
        for pid in pids.values():
            with open(f"/proc/{pid}/status") as file:
                self.inits[pid] = int(next(line for line in file if line.startswith("PPid:")).split()[1])
        return pids

    def grace(self, name, pid):
        """How long it took until all of the task was gone; its words are looked at while they are there."""
        start = time.monotonic()
        words, init = "", self.inits.get(pid, pid)
        while os.path.exists(f"/proc/{init}"):
            words = self.said(name) or words
            self.assertLess(time.monotonic() - start, 20)
            time.sleep(0.001)  # the next run may begin a few ms later
        return time.monotonic() - start, self.said(name) or words

    def flushed(self, name, command, order, *words):
        pid = self.start(name, command)[f"{name}.0"]
        start = time.monotonic()
        self.assertEqual(self.agent.run(order, name, *words, *([] if order == "rm" else ["--detach"])).code, 0)
        _, said = self.grace(name, pid)
        took = time.monotonic() - start
        self.assertIn("flushed", said, f"{order}: {took:.1f} s")
        self.assertLess(took, 4.5 * SLOWER)
        self.assertGreater(took, 1.3)

    def test_a_text_command_is_flushed_by_stop(self):
        self.flushed("a", SERVER + "; echo bye", "stop")

    def test_b_by_restart_rm_scale_and_update(self):
        for order, words in (("restart", ()), ("scale", ("0",)), ("rm", ())):
            name = "b" + order
            self.flushed(name, SERVER + "; echo bye", order, *words)
        pid = self.start("update", SERVER + "; echo bye")["update.0"]
        path = self.cluster.write("update.yaml", text_job("update", "exec sleep 1000"))
        self.assertEqual(self.agent.run("run", path, "--detach").code, 0)
        self.assertIn("flushed", self.grace("update", pid)[1])

    def test_c_what_ignores_it_is_killed_and_that_is_told(self):
        pid = self.start("deaf", "trap '' TERM; echo up >>$HOME/said; while :; do sleep 0.05; done", "1s")["deaf.0"]
        start = time.monotonic()
        self.assertEqual(self.agent.run("stop", "deaf", "--detach").code, 0)
        self.grace("deaf", pid)
        self.assertLess(time.monotonic() - start, 4 * SLOWER)
        self.assertGreater(time.monotonic() - start, 0.9)
        wait_for(lambda: "did not end within 1s: killed" in self.agent.run("events", "--json").out, 5,
                 lambda: self.agent.run("events", "--json").out[-2000:])

    def test_d_the_agent_is_killed_after_the_order(self):
        pid = self.start("orphan", "trap '' TERM; echo up >>$HOME/said; while :; do sleep 0.05; done", "1500ms")["orphan.0"]
        start = time.monotonic()
        self.assertEqual(self.agent.run("stop", "orphan", "--detach").code, 0)
        wait_for(lambda: self.agent.instances("orphan")[0]["state"] == "stopping", 5, "it is stopping")
        self.agent.kill()
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 8, "its shim ends it")
        self.assertLess(time.monotonic() - start, 6 * SLOWER)
        self.agent.start()
        wait_for(self.agent.is_up, 10, "the agent is back")
        wait_for(lambda: not self.agent.healthy("orphan"), 10, lambda: self.agent.instances("orphan"))

    def test_f_a_stop_for_the_main_process_alone(self):
        guide = ("(trap 'echo child >>$HOME/said; exit' TERM; while :; do sleep 0.02; done) & "
                 "trap 'sleep 0.5; echo main >>$HOME/said; exit 0' TERM; sleep 0.2; echo up >>$HOME/said; while :; do sleep 0.02; done")
        for to, wanted in (("all", "up child main"), ("main", "up main child")):
            path = self.cluster.write("guide.yaml", text_job("guide" + to, guide).replace("timeout: 5s", f"timeout: 5s, to: {to}"))
            self.assertEqual(self.agent.run("run", path, "--detach").code, 0)
            wait_for(lambda: "up" in self.said("guide" + to), 15, lambda: self.agent.instances("guide" + to))
            words, until = "", time.monotonic() + 10
            self.assertEqual(self.agent.run("stop", "guide" + to, "--detach").code, 0)
            while len(words.split()) < 3 and time.monotonic() < until:
                words = self.said("guide" + to) or words
            self.assertEqual(words.split(), wanted.split())

    def test_e_nothing_is_left_behind(self):
        bomb = "trap '' TERM; echo up >>$HOME/said; f() { while :; do sleep 0.05 & sleep 0.02; done; }; f & f & f"
        double = "(setsid sh -c 'trap \"\" TERM; sleep 1000' &); trap '' TERM; echo up >>$HOME/said; while :; do sleep 0.1; done"
        for name, command, timeout in (("bomb", bomb, "1s"), ("double", double, "0s")):
            pid = self.start(name, command, timeout)[f"{name}.0"]
            with open(f"/proc/{pid}/status") as file:
                parent = int(next(line for line in file if line.startswith("PPid:")).split()[1])
            space = os.readlink(f"/proc/{pid}/ns/pid")
            self.assertEqual(self.agent.run("rm", name).code, 0)
            wait_for(lambda: not os.path.exists(f"/proc/{parent}"), 10, f"{name} is over")

            def left():
                spaces = []
                for entry in filter(str.isdigit, os.listdir("/proc")):
                    try:
                        spaces.append(os.readlink(f"/proc/{entry}/ns/pid"))
                    except OSError:
                        pass
                return spaces.count(space)
            wait_for(lambda: left() == 0, 5, left)


@needs_root
class Left(unittest.TestCase):
    """What an agent that is gone has left running."""

    def test_it_is_stopped_with_its_grace_and_not_while_an_agent_is_there(self):
        with Cluster(2, profile="local") as cluster:
            agent, other = cluster[0], cluster[1]
            path = cluster.write("s.yaml", text_job("s", SERVER, count=2))
            self.assertEqual(agent.run("run", path, "--detach").code, 0)
            wait_for(lambda: all(i["pid"] for i in agent.instances("s")) and len(agent.instances("s")) == 2, 15, "they run")
            pids = {i["node"]: i["pid"] for i in agent.instances("s")}
            words = ("agent", "--stop-tasks", "--data", agent.data)
            there = agent.run(*words)
            self.assertEqual(there.code, 1, there)
            self.assertIn("an agent runs on", there.err)
            self.assertIn("`stratos leave` hands its tasks over", there.err)
            agent.kill()
            begun = time.monotonic()
            done = agent.run(*words)
            self.assertEqual((done.code, done.err), (0, "1 task stopped\n"), done)
            self.assertGreater(time.monotonic() - begun, 1, "it had the time that it asked for")
            self.assertFalse(os.path.exists(f"/proc/{pids['n1']}"))
            self.assertTrue(os.path.exists(f"/proc/{pids['n2']}"), "another node's is not touched")
            with open(os.path.join(agent.data, "tasks", next(d for d in os.listdir(os.path.join(agent.data, "tasks")) if ".s." in d),
                                   "work", "said")) as file:
                self.assertIn("flushed", file.read())
            again = agent.run(*words)
            self.assertEqual((again.code, again.err), (0, "0 tasks stopped\n"), again)
            self.assertEqual(json.loads(agent.run(*words, "--json").out)["data"], {"stopped": 0})
            self.assertIn("No such file or directory", agent.run("agent", "--stop-tasks", "--data", "/nonexistent").err)
            # An agent that does come back knows what became of it.
            agent.start(join=None)
            wait_for(lambda: len([i for i in other.instances("s") if i["state"] == "running"]) == 2, 60, lambda: other.run("status", "s"))


if __name__ == "__main__":
    unittest.main()
