"""What is told of a task's end is what happened: on a full disk, and with agents and shims that are killed."""

import json
import os
import signal
import time
import unittest

from cluster import Cluster, job, needs_root, wait_for
from test_refused import Disk

MIB = 1 << 20


def shims(agent):
    """The shims of an agent's tasks: {key: pid}."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        # A task's init has the same words; the shim leads its own session, and init is its child.
        if len(words) > 2 and words[1] == b"shim" and words[2].startswith(agent.data.encode() + b"/"):
            key = os.path.basename(words[2].decode().rstrip("/"))
            found[key] = min(int(pid), found.get(key, int(pid)))
    return found



@needs_root
class Exits(unittest.TestCase):
    def ends(self, agent, cluster, name, script, more=""):
        path = cluster.write(f"{name}.yaml", job(name, ["sh", "-c", script], 1,
                                                 "restart: {attempts: 20, delay: 60s, max_delay: 60s}\n" + more))
        answer = agent.run("run", path, "--detach")
        self.assertEqual(answer.code, 0, answer)

    def last(self, agent, name):
        found = agent.instances(name)
        return (found[0]["last_exit"], found[0]["reason"]) if found else (None, None)

    def told(self, agent, name, exit, *words):
        wait_for(lambda: self.last(agent, name)[0], 15, lambda: agent.instances(name))
        last, reason = self.last(agent, name)
        self.assertEqual({key: last[key] for key in ("code", "signal", "oom", "lost")}, exit, (name, reason))
        for word in words:
            self.assertIn(word, reason, name)

    def test_code_signal_oom_and_lost_are_told_apart(self):
        with Cluster(1) as c:
            n = c[0]
            self.ends(n, c, "code", "exit 137")
            self.told(n, "code", dict(code=137, signal=None, oom=False, lost=False), "exited with 137")
            self.ends(n, c, "signal", "kill -9 $$")
            self.told(n, "signal", dict(code=None, signal=9, oom=False, lost=False), "killed by signal 9 (KILL)")
            self.ends(n, c, "usr", "kill -USR1 $$")
            self.told(n, "usr", dict(code=None, signal=10, oom=False, lost=False), "signal 10 (USR1)")
            self.ends(n, c, "child", "sort /dev/zero; sleep 0.5; exit 1")
            self.told(n, "child", dict(code=1, signal=None, oom=False, lost=False), "exited with 1", "64 MiB")
            self.ends(n, c, "main", "exec sort /dev/zero")
            self.told(n, "main", dict(code=None, signal=9, oom=True, lost=False), "out of memory")
            self.ends(n, c, "shim", "exec sleep 1000")
            wait_for(lambda: n.healthy("shim"), 10, "it runs")
            os.kill(shims(n)["default.shim.0"], signal.SIGKILL)
            self.told(n, "shim", dict(code=None, signal=None, oom=False, lost=True), "lost: its shim was killed")

    def test_a_full_disk_changes_nothing_that_is_told(self):
        cluster = Cluster(1)
        n = cluster[0]
        disk = Disk(n.data, 48 * MIB)
        try:
            with cluster as c:
                rows = {"three": ("exit 3", dict(code=3, signal=None)), "zero": ("exit 0", dict(code=0, signal=None)),
                        "usr": ("kill -USR1 $$", dict(code=None, signal=10))}
                for name, (script, _) in rows.items():
                    self.ends(n, c, name, f"while [ ! -e $HOME/go ]; do sleep 0.05; done; {script}")
                    wait_for(lambda: n.healthy(name), 10, "it runs")
                    with open(os.path.join(n.data, "tasks", f"default.{name}.0", "work", "go.not"), "w"):
                        pass
                disk.fill()
                for name, (_, exit) in rows.items():
                    work = os.path.join(n.data, "tasks", f"default.{name}.0", "work")
                    os.rename(os.path.join(work, "go.not"), os.path.join(work, "go"))
                    self.told(n, name, dict(oom=False, lost=False, **exit))
                disk.make_room()
        finally:
            disk.unmount()

    def test_a_full_disk_costs_no_restart(self):
        cluster = Cluster(1)
        n = cluster[0]
        disk = Disk(n.data, 48 * MIB)
        try:
            with cluster as c:
                for name, delay in (("quick", "0s"), ("slow", "100ms")):
                    path = c.write(f"{name}.yaml", job(name, ["sh", "-c", "exec sleep 1000"], 1,
                                                       f"restart: {{attempts: 3, delay: {delay}, max_delay: 1s}}\n"))
                    self.assertEqual(n.run("run", path).code, 0)
                time.sleep(1)
                disk.fill()
                for round in range(2):
                    for name in ("quick", "slow"):
                        pid = n.instances(name)[0]["pid"]
                        os.kill(pid, signal.SIGKILL)
                        wait_for(lambda: n.instances(name) and n.instances(name)[0]["pid"] not in (None, pid), 15,
                                 lambda: n.run("status", name))
                        found = n.instances(name)[0]
                        self.assertEqual((found["state"], found["restarts"]), ("running", round + 1), found)
                        self.assertEqual((found["last_exit"]["signal"], found["last_exit"]["lost"]), (9, False), found)
                disk.make_room()
        finally:
            disk.unmount()

    def test_an_exit_while_no_agent_is_there(self):
        with Cluster(1) as c:
            n = c[0]
            self.ends(n, c, "away", "while [ ! -e $HOME/go ]; do sleep 0.02; done; exit 9")
            wait_for(lambda: n.healthy("away"), 10, "it runs")
            n.kill()
            with open(os.path.join(n.data, "tasks", "default.away.0", "work", "go"), "w"):
                pass
            wait_for(lambda: not shims(n), 10, "its shim has ended")
            n.start()
            wait_for(n.is_up, 10, "the agent is back")
            self.told(n, "away", dict(code=9, signal=None, oom=False, lost=False), "exited with 9")

    def test_files_that_cannot_be_read_stop_nothing(self):
        with Cluster(1) as c:
            n = c[0]
            for name in ("launch", "state", "note"):
                self.ends(n, c, name, "exec sleep 1000")
                wait_for(lambda: n.healthy(name), 10, "it runs")
            before = {name: n.healthy(name)[0]["pid"] for name in ("launch", "state", "note")}
            n.stop()
            for name in before:
                with open(os.path.join(n.data, "tasks", f"default.{name}.0", name), "r+b") as file:
                    file.write(b"STRS\x09 of a later release, or of nobody")
                    if name == "state":  # which has a second slot that would hold
                        file.seek(512)
                        file.write(b"STRS\x09 of a later release, or of nobody")
            n.start()
            wait_for(n.is_up, 10, "the agent is back")
            wait_for(lambda: all(n.healthy(name) for name in before), 5, "they are shown")
            for name, pid in before.items():
                found = n.instances(name)[0]
                self.assertEqual((found["state"], found["restarts"]), ("running", 0), found)
                self.assertIn(f"its {name}", found["reason"])
                self.assertIn("cannot be read", found["reason"])
                self.assertTrue(os.path.exists(f"/proc/{pid}"), name)
                self.assertEqual(n.run("rm", name).code, 0)
                wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 15, f"{name} is stopped")

    def test_an_agent_that_is_killed_in_the_middle_of_starts(self):
        count, rounds = int(os.environ.get("STARTS", "40")), int(os.environ.get("ROUNDS", "2"))
        with Cluster(1) as c:
            n = c[0]
            for turn in range(rounds):
                name = f"burst{turn}"
                path = c.write(f"{name}.yaml", f"""job: {name}
count: {count}
restart: {{attempts: 1}}
task:
  command: [sh, -c, "echo started; exec sleep 1000"]
  resources: {{cpu: 0.01, memory: 16M}}
""")
                self.assertEqual(n.run("run", path, "--detach").code, 0)
                wait_for(lambda: len(shims(n)) >= count // 4, 30, "some have started")
                n.kill()
                n.start()
                wait_for(n.is_up, 20, "the agent is back")
                wait_for(lambda: len(n.healthy(name)) == count, 60, lambda: n.instances(name)[:3])
                for i in n.instances(name):
                    self.assertEqual((i["restarts"], i["last_exit"]), (0, None), i)
                self.assertEqual(len(shims(n)), count)
                for index in range(count):  # once each: one line, of one start
                    log = os.path.join(n.data, "tasks", f"default.{name}.{index}", "stdout.log")

                    def said():
                        with open(log) as file:
                            return file.read().count("started")
                    wait_for(said, 5, "it has said so")
                    self.assertEqual(said(), 1, index)
                self.assertEqual(n.run("rm", name).code, 0)
                wait_for(lambda: not shims(n), 40, lambda: len(shims(n)))

    def test_a_shim_that_is_killed_at_any_step(self):
        with Cluster(1) as c:
            n = c[0]
            path = c.write("s.yaml", job("s", ["sh", "-c", "exec sleep 1000"], 1,
                                         "restart: {attempts: 1, delay: 100ms, max_delay: 100ms}"))
            self.assertEqual(n.run("run", path, "--detach").code, 0)
            for step in range(12):
                pid = None
                start = time.monotonic()
                while pid is None:
                    pid = shims(n).get("default.s.0")
                    self.assertLess(time.monotonic() - start, 10, n.instances("s"))
                time.sleep(step * 0.003)
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                wait_for(lambda: shims(n).get("default.s.0") != pid, 5, "it is gone")
            wait_for(lambda: n.healthy("s"), 10, lambda: n.instances("s"))  # nobody saw it fail: no attempt is used
            found = n.instances("s")[0]
            self.assertTrue(found["last_exit"] is None or found["last_exit"]["lost"], found)


if __name__ == "__main__":
    unittest.main()
