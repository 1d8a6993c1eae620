"""From 0.1.0 to this build under running tasks, and the way back, which 0.1.0 refuses by itself."""

import os
import subprocess
import threading
import time
import unittest

from cluster import ROOT, STRATOS, Cluster, job, needs_root, wait_for

COMMIT = "6eaaa5b"  # 0.1.0
SOURCE = os.path.join(ROOT, "build", "base-0.1.0", "src")
BASE = os.path.join(SOURCE, "build", "release", "stratos")
TASKS = 50


def base():
    """The binary of 0.1.0, built once from its commit."""
    if not os.path.exists(BASE):
        known = subprocess.run(["git", "-C", ROOT, "cat-file", "-e", COMMIT + "^{commit}"], capture_output=True)
        if known.returncode:
            raise unittest.SkipTest(f"{COMMIT} is not in this clone, which is shallow")
        subprocess.run(["make", "-C", ROOT, "base"], check=True, capture_output=True)
    return BASE


def variables(agent):
    return {(v["namespace"], v["name"]): v["value"] for v in agent.json("var", "ls")}


class Poll(threading.Thread):
    """Asks an agent's API for as long as it is there; keeps how long each answer took."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.agent, self.took, self.is_over = agent, [], False

    def run(self):
        while not self.is_over:
            start = time.monotonic()
            try:
                self.agent.request("GET", "/healthz")
                self.took.append(time.monotonic() - start)
            except OSError:
                pass  # it does not listen yet
            time.sleep(0.01)


def lives(agent):
    """Of each instance that runs: its process and how often it was restarted."""
    return {i["name"]: (i["node"], i["pid"], i["restarts"]) for i in agent.instances("web") if i["state"] == "running"}


@needs_root
class Upgrade(unittest.TestCase):
    def use(self, cluster, program):
        """Replaces all agents; tasks run on."""
        for agent in cluster.agents:
            agent.stop()
        for agent in cluster.agents:
            agent.program = program
            agent.start()

    def test_up_with_running_tasks_and_back_to_a_refusal(self):
        old = base()
        cluster = Cluster(3)
        for agent in cluster.agents:
            agent.program = old
        with cluster:
            path = cluster.write("web.yaml", job("web", ["sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.2; done"],
                                                 TASKS, "restart: {attempts: 1}"))
            self.assertEqual(cluster[0].run("run", path, "--detach").code, 0)
            wait_for(lambda: len(lives(cluster[0])) == TASKS, 60, lambda: lives(cluster[0]))
            before = lives(cluster[0])

            self.use(cluster, STRATOS)
            polls = [Poll(a) for a in cluster.agents]
            for poll in polls:
                poll.start()
            cluster.whole(30)
            time.sleep(3)
            for poll in polls:
                poll.is_over = True
                poll.join()
            wait_for(lambda: lives(cluster[0]) == before, 10, lambda: (before, lives(cluster[0])))
            took = sorted(t for p in polls for t in p.took)
            print(f"upgrade: {len(took)} answers, median {took[len(took) // 2] * 1000:.1f} ms, "
                  f"longest {took[-1] * 1000:.0f} ms", flush=True)
            self.assertLess(took[-1], 0.5)  # 0.1.0 stood still for 2 s a task; a busy machine takes its time

            # What the older agent started can still be stopped: its init tells the main process.
            victim = lives(cluster[0])[f"web.{TASKS - 1}"][1]
            self.assertEqual(cluster[0].run("scale", "web", str(TASKS - 1)).code, 0)
            wait_for(lambda: not os.path.exists(f"/proc/{victim}"), 10, "it ends")
            # And what this one starts is kept over its own restart.
            self.assertEqual(cluster[0].run("scale", "web", str(TASKS), "--detach").code, 0)
            wait_for(lambda: len(lives(cluster[0])) == TASKS, 20, lambda: lives(cluster[0]))
            before = lives(cluster[0])

            for agent in cluster.agents:
                agent.stop()
            for agent in cluster.agents:
                agent.program = old
                agent.start()
                self.assertNotEqual(agent.process.wait(20), 0)
                self.assertIn("needs-stratos-0.2", agent.logged())
            for name, (_, pid, _) in before.items():
                self.assertTrue(os.path.exists(f"/proc/{pid}"), f"{name} runs on")
            for agent in cluster.agents:
                agent.program = STRATOS
                agent.start()
            cluster.whole(30)
            wait_for(lambda: lives(cluster[0]) == before, 20, lambda: (before, lives(cluster[0])))

    def test_variables_become_those_of_namespace_default(self):
        """On each node by itself, whatever their names, and whenever a start is cut short."""
        old, names = base(), ["a", "default/a", "default/default/a", "default", "db/host", "shop/greeting", "zoo"]
        cluster = Cluster(3)
        for agent in cluster.agents:
            agent.program = old
        with cluster:
            for i, name in enumerate(names + ["default/gone"]):
                self.assertEqual(cluster[i % 3].run("var", "set", name, f"of {name}").code, 0)
            self.assertEqual(cluster[0].run("var", "rm", "default/gone").code, 0)
            wait_for(lambda: len({a.digest() for a in cluster.agents}) == 1, 10, lambda: [a.digest() for a in cluster.agents])
            for agent in cluster.agents:
                agent.stop()
            for pause in (0, 0.02, 0.05, 0.1, 0.15):  # one of them is killed, sooner or later in its start
                cluster[1].program = STRATOS
                cluster[1].start()
                time.sleep(pause)
                cluster[1].kill()
            self.use(cluster, STRATOS)
            cluster.whole(30)

            wanted = {("default", name): f"of {name}" for name in names}
            for agent in cluster.agents:
                self.assertEqual(variables(agent), wanted)
                self.assertEqual(agent.run("var", "get", "shop/greeting").out, "of shop/greeting\n")
                self.assertEqual(agent.run("var", "get", "greeting", "-n", "shop").code, 3)
                self.assertNotIn("state=damaged", agent.logged())
                self.assertEqual([e for e in agent.json("events") if e["kind"] == "conflict"], [])
            wait_for(lambda: len({a.digest() for a in cluster.agents}) == 1, 10, lambda: [a.digest() for a in cluster.agents])

            # What looks like an old one is not turned by a later start.
            self.assertEqual(cluster[2].run("var", "set", "greeting", "hello", "-n", "shop").code, 0)
            wanted["shop", "greeting"] = "hello"
            self.use(cluster, STRATOS)
            cluster.whole(30)
            for agent in cluster.agents:
                wait_for(lambda: variables(agent) == wanted, 5, lambda: variables(agent))

    def test_an_older_store_on_a_full_disk_is_read_and_turned_later(self):
        """Its node is a member with its work; nothing of that needs room."""
        old = base()
        cluster = Cluster(2)
        for agent in cluster.agents:
            agent.program = old
        data = cluster[0].data
        os.makedirs(data)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", data], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", data])
        with cluster:
            for name in ("a", "default/a"):
                self.assertEqual(cluster[0].run("var", "set", name, f"of {name}").code, 0)
            for agent in cluster.agents:
                agent.stop()
            filler, wanted = os.path.join(data, "filler"), {("default", n): f"of {n}" for n in ("a", "default/a")}
            free = os.statvfs(data)
            with open(filler, "wb") as f:
                os.posix_fallocate(f.fileno(), 0, free.f_bavail * free.f_frsize - 65536)
            for agent in cluster.agents:
                agent.program = STRATOS
                agent.start()
            wait_for(lambda: cluster[1].alive() == ["n1", "n2"], 30, lambda: cluster[0].logged()[-1500:])
            disk = lambda: [m.get("disk", {}).get("state") for m in cluster[1].json("members") if m["name"] == "n1"]
            wait_for(lambda: disk() == ["full"], 10, disk)
            self.assertEqual(variables(cluster[0]), wanted)
            self.assertEqual(variables(cluster[1]), wanted)
            os.unlink(filler)
            wait_for(lambda: cluster[0].run("var", "set", "late", "1").code == 0, 20, lambda: cluster[0].logged()[-1500:])
            wanted["default", "late"] = "1"
            self.use(cluster, STRATOS)
            cluster.whole(30)
            for agent in cluster.agents:
                wait_for(lambda: variables(agent) == wanted, 5, lambda: variables(agent))
                self.assertNotIn("state=damaged", agent.logged())


if __name__ == "__main__":
    unittest.main()
