"""What the agent, its store and its tasks survive."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from cluster import ROOT, STRATOS, Cluster, http_get, job, needs_root, wait_for

TOGGLE = os.path.join(ROOT, "examples/toggle.yaml")


@needs_root
class Survival(unittest.TestCase):
    def one(self, **kw):
        cluster = Cluster(1, profile="local", **kw)
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster, cluster[0]

    def test_tasks_outlive_a_killed_agent_and_are_found_again(self):
        cluster, agent = self.one()
        path = cluster.write("a.yaml", job("stay", ["sleep", "1000"], 2))
        self.assertEqual(agent.run("run", path).code, 0)
        before = {i["name"]: i["pid"] for i in agent.instances("stay")}
        agent.kill()
        for pid in before.values():
            os.kill(pid, 0)
        agent.start()
        wait_for(agent.is_up, 10, "the agent is back")
        wait_for(lambda: len(agent.healthy("stay")) == 2, 10, lambda: repr(agent.run("status", "stay")))
        after = {i["name"]: i["pid"] for i in agent.instances("stay")}
        self.assertEqual(before, after)
        self.assertTrue(all(i["restarts"] == 0 for i in agent.instances("stay")))

    def test_tasks_whose_files_did_not_reach_the_disk_before_the_power_went_are_placed_again(self):
        cluster, agent = self.one()
        path = cluster.write("a.yaml", job("lit", ["sleep", "1000"], 3))
        self.assertEqual(agent.run("run", path).code, 0)
        before = {i["name"]: i["pid"] for i in agent.instances("lit")}
        agent.kill()
        cluster.end_tasks(agent)
        tasks = os.path.join(agent.data, "tasks")
        for index, cut in ((0, ("note", "launch")), (1, ("note",)), (2, ("launch",))):
            for name in cut:
                os.truncate(os.path.join(tasks, f"default.lit.{index}", name), 0)
        agent.start()
        wait_for(agent.is_up, 10, "the agent is back")
        wait_for(lambda: len(agent.healthy("lit")) == 3, 20, lambda: repr(agent.run("status", "lit")))
        after = {i["name"]: i["pid"] for i in agent.instances("lit")}
        self.assertFalse(set(before.values()) & set(after.values()))

    def test_an_exit_while_the_agent_was_away_is_seen(self):
        cluster, agent = self.one()
        path = cluster.write("a.yaml", job("brief", "trap 'exit 7' TERM; while :; do sleep 0.1; done", 1,
                                           "restart: {delay: 1s}"))
        self.assertEqual(agent.run("run", path).code, 0)
        pid = agent.instances("brief")[0]["pid"]
        agent.kill()
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the task has ended")
        agent.start()
        wait_for(agent.is_up, 10, "the agent is back")
        wait_for(lambda: agent.instances("brief") and (agent.instances("brief")[0]["last_exit"] or {}).get("code") == 7, 10,
                 lambda: repr(agent.run("status", "brief", "--json")))
        wait_for(lambda: agent.instances("brief")[0]["restarts"] >= 1, 10, lambda: repr(agent.run("status", "brief")))

    def test_a_damaged_identity_is_refused_with_the_remedy(self):
        _, agent = self.one()
        node = agent.json("members")[0]["id"]
        agent.stop()
        path = os.path.join(agent.data, "identity")
        with open(path, "rb") as file:
            kept = file.read()
        damaged = {"its keys do not belong together": kept[:50] + bytes([kept[50] ^ 1]) + kept[51:],
                   "it is too short": kept[:-1], "it is too long": kept + b"x"}
        for why, content in damaged.items():
            with open(path, "wb") as file:
                file.write(content)
            agent.start()
            self.assertNotEqual(agent.process.wait(10), 0)
            self.assertIn(f"{path} is damaged ({why}): restore it, or remove it to start as a new node", agent.logged())
        with open(path, "wb") as file:
            file.write(kept)
        agent.start()
        wait_for(agent.is_up, 10, "the agent is back")
        self.assertEqual(agent.json("members")[0]["id"], node)
        agent.stop()
        os.unlink(path)
        agent.start()
        wait_for(agent.is_up, 10, "a new node")
        self.assertNotIn(node, [m["id"] for m in agent.json("members") if m["state"] == "alive"])

    def test_acknowledged_means_there_after_a_kill(self):
        cluster, agent = self.one()
        for attempt in range(3):
            acked = []

            def submit():
                for i in range(40):
                    name = f"v{attempt}-{i}"
                    if agent.run("var", "set", name, "x").code != 0:
                        return
                    acked.append(name)
            thread = threading.Thread(target=submit)
            thread.start()
            wait_for(lambda: acked, 10, "something is acknowledged before the kill")
            time.sleep(0.07 * attempt)
            agent.kill()
            thread.join()
            agent.start()
            wait_for(agent.is_up, 10, "the agent is back")
            there = {v["name"] for v in agent.json("var", "ls")}
            self.assertEqual(set(acked) - there, set())

    def test_a_damaged_store_is_set_aside_with_a_message(self):
        cluster, agent = self.one()
        self.assertEqual(agent.run("var", "set", "a", "1").code, 0)
        agent.stop()
        store = os.path.join(agent.data, "store")
        for name in os.listdir(store):
            if name.startswith("MANIFEST") or name == "CURRENT":
                with open(os.path.join(store, name), "wb") as f:
                    f.write(b"garbage")
        agent.start()
        wait_for(agent.is_up, 10, lambda: agent.logged())
        self.assertTrue(any(n.startswith("store.damaged-") for n in os.listdir(agent.data)))
        self.assertIn("damaged", agent.logged())

    def test_tasks_run_on_when_the_store_is_damaged_and_peers_fill_it_again(self):
        cluster = Cluster(2, profile="local")
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        n1, n2 = cluster
        path = cluster.write("a.yaml", job("stay", ["sleep", "1000"], 2))
        self.assertEqual(n1.run("run", path).code, 0)
        before = {i["name"]: i["pid"] for i in n1.instances("stay")}
        n2.stop()
        with open(os.path.join(n2.data, "store", "CURRENT"), "wb") as f:
            f.write(b"garbage")
        n2.start()
        wait_for(lambda: n1.alive() == ["n1", "n2"] and n2.alive() == ["n1", "n2"], 15, lambda: n2.logged()[-800:])
        wait_for(lambda: len(n1.healthy("stay")) == 2 and n1.digest() == n2.digest(), 10,
                 lambda: n1.run("status", "stay").out)
        self.assertEqual({i["name"]: i["pid"] for i in n1.instances("stay")}, before)
        self.assertIn("damaged", n2.logged())

    def test_a_full_disk_refuses_the_order_and_the_agent_lives(self):
        disk = tempfile.mkdtemp(prefix="stratos-disk.")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk]).returncode != 0:
            os.rmdir(disk)
            self.skipTest("cannot mount a tmpfs")
        self.addCleanup(os.rmdir, disk)
        self.addCleanup(subprocess.run, ["umount", disk])
        cluster = Cluster(1, profile="local")
        cluster[0].data = os.path.join(disk, "data")
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        agent = cluster[0]
        self.assertEqual(agent.run("var", "set", "before", "1").code, 0)
        filler = os.path.join(disk, "filler")
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 65536)
            except OSError:
                pass
        refused = None
        for i in range(40):
            answer = agent.run("var", "set", f"big{i}", "x" * 50000)
            if answer.code != 0:
                refused = answer
                break
        self.assertIsNotNone(refused, "a full disk must show")
        self.assertIn("space", (refused.err + refused.out).lower())
        self.assertEqual(agent.run("members").code, 0)
        os.unlink(filler)
        wait_for(lambda: agent.run("var", "set", "after", "1").code == 0, 15, lambda: agent.logged()[-600:])
        agent.kill()
        agent.start()
        wait_for(agent.is_up, 10, lambda: agent.logged()[-600:])
        names = {v["name"] for v in agent.json("var", "ls")}
        self.assertTrue({"before", "after"} <= names, names)

    def test_toggle_is_restarted_when_its_health_fails(self):
        cluster, agent = self.one()
        self.assertEqual(agent.run("run", TOGGLE).code, 0)
        first = agent.healthy("toggle")[0]
        http_get(first["address"], first["ports"]["http"], "/fail")
        wait_for(lambda: agent.instances("toggle")[0]["restarts"] >= 1, 20, lambda: agent.run("status", "toggle").out)
        wait_for(lambda: agent.healthy("toggle"), 20, lambda: agent.run("status", "toggle").out)
        again = agent.healthy("toggle")[0]
        self.assertNotEqual(first["pid"], again["pid"])
        said = json.dumps(agent.json("events"))
        self.assertIn("failed 3 times", said)

    def test_a_task_that_keeps_failing_is_given_up_and_says_why(self):
        cluster, agent = self.one()
        path = cluster.write("bad.yaml", job("bad", "exit 3", 1, "restart: {attempts: 2, delay: 100ms}"))
        answer = agent.run("run", path, "--timeout", "8s")
        self.assertIn(answer.code, (4, 5, 124), answer)
        status = agent.run("status", "bad", "--json").out
        self.assertIn("exit", status)
        self.assertTrue(any(e.get("state") == "failed" and "exit" in (e["cause"] or "") for e in agent.json("events")))

    def test_imported_marathon_apps_run_and_are_found(self):
        cluster, agent = self.one()
        app = {"id": "/http-server", "cmd": "/opt/mesosphere/bin/python -m http.server $PORT0", "cpus": 0.1,
               "mem": 64, "disk": 0, "instances": 1}
        path = cluster.write("app.json", json.dumps(app))
        done = subprocess.run([STRATOS, "import", "marathon", path], capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 0, done)
        ours = cluster.write("app.yaml", done.stdout)
        self.assertEqual(agent.run("validate", ours).code, 0)
        self.assertEqual(agent.run("run", ours).code, 0)
        wait_for(lambda: agent.short("http-server.service.stratos", "SRV"), 10, "it is found by name")
        port = agent.short("http-server.service.stratos", "SRV")[0].split()[2]
        wait_for(lambda: "Directory listing" in self.try_get(agent.address, port), 10, "it serves HTTP")

    @staticmethod
    def try_get(address, port):
        try:
            return http_get(address, port)
        except OSError:
            return ""


if __name__ == "__main__":
    unittest.main(verbosity=2)
