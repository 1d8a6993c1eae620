"""Edits of jobs with real agents: what a task cannot see restarts nothing, what it can see restarts it, and
`run` says which; a count that was set with `scale` never falls without a word, nor below what an update
may take."""

import json
import threading
import time
import unittest

from cluster import STRATOS, Cluster, needs_root, wait_for


def file(count=1, name="web", **keys):
    """A job file, as JSON; `task` is laid over the usual one, None takes a key away."""
    spec = {"job": name, "count": count, "ports": {"http": "dynamic"},
            "health": [{"http": "/health", "interval": "1s", "grace": "5s"}],
            "update": {"min_healthy_time": "1s"},
            "task": {"command": [STRATOS, "demo-http"], "resources": {"cpu": 0.1, "memory": "64M"}}}
    spec["task"].update(keys.pop("task", {}))
    spec.update(keys)
    return json.dumps({key: value for key, value in spec.items() if value is not None})


BAD = {"command": [STRATOS, "demo-http", "--no-such-flag"]}


class Edits(unittest.TestCase):
    def cluster(self, nodes):
        cluster = Cluster(nodes)
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster

    def submit(self, agent, text, *flags, code=0):
        answer = agent.run("run", "-", *flags, input=text)
        self.assertEqual(answer.code, code, answer)
        return answer

    def pids(self, agent, job="web"):
        return {i["name"]: i["pid"] for i in agent.instances(job) if i["state"] == "running"}

    def expect_version(self, agent, version):
        for instance in agent.instances("web"):
            self.assertEqual(instance["version"], f"v{version}", instance)
            self.assertIsNone(instance["update"], instance)

    def env_of(self, pid, name):
        with open(f"/proc/{pid}/environ", "rb") as environ:
            pairs = dict(word.split(b"=", 1) for word in environ.read().split(b"\0") if b"=" in word)
        return pairs[name.encode()].decode()


@needs_root
class Unseen(Edits):
    # Keys that are changed against the file of before, all on one task.
    STEPS = (
        ("labels", {"labels": {"a": "b"}}),
        ("priority", {"priority": 60}),
        ("restart", {"restart": {"attempts": 9}}),
        ("constraints", {"constraints": [{"attr": "hostname", "op": "like", "value": "n.*"}]}),
        ("health", {"health": [{"http": "/health", "interval": "2s"}]}),
        ("health", {"health": [{"http": "/health", "interval": "2s"}, {"tcp": True, "interval": "1s"}]}),
        ("health", {"health": None}),
        ("health", {}),
        ("update", {"update": {"min_healthy_time": "2s", "max_parallel": 2}}),
        ("service", {"service": {"name": "shop"}}),
        ("stop", {"task": {"stop": {"signal": "INT", "timeout": "3s"}}}),
        ("logs", {"task": {"logs": {"max_size": "1M", "max_files": 2}}}),
    )

    def test_each_key_that_the_task_cannot_see_leaves_its_process_alone(self):
        n1, n2 = self.cluster(2)
        self.submit(n1, file(2))
        pids, version = self.pids(n1), 1
        self.assertEqual(len(pids), 2)
        for key, keys in self.STEPS:
            answer = self.submit(n1, file(2, **keys))
            version += 1
            self.assertEqual(self.pids(n1), pids, (key, answer))
            self.assertIn(f"default/web v{version}: nothing restarts: ", answer.err)
            self.assertIn(key, answer.err)
            self.expect_version(n2, version)
            self.assertEqual([i["health"] for i in n1.instances("web")],
                             ["none" if keys.get("health", 1) is None else "passing"] * 2, key)
        for instance in n1.instances("web"):
            self.assertEqual(instance["restarts"], 0)
            self.assertEqual(self.env_of(instance["pid"], "STRATOS_VERSION"), "v1", "as it was started")

    def test_it_stays_so_over_restarts_of_the_agent_and_for_edits_while_it_is_away(self):
        n1, n2 = self.cluster(2)
        self.submit(n1, file(2))
        pids = self.pids(n1)
        self.submit(n1, file(2, labels={"a": "b"}))
        for agent, other, text in ((n1, n2, file(2, labels={"a": "c"})), (n2, n1, file(2, priority=70))):
            agent.stop()
            self.submit(other, text, "--detach")
            agent.start()
            self.cluster_of(agent).whole()
            wait_for(lambda: all(i["update"] is None for i in n1.instances("web")), 10, lambda: n1.run("status", "web"))
            self.assertEqual(self.pids(n1), pids)
        self.expect_version(n2, 4)
        n1.kill()
        n1.start()
        self.cluster_of(n1).whole()
        wait_for(lambda: self.pids(n1) == pids, 10, lambda: n1.run("status", "web"))
        self.submit(n1, file(2, priority=71))
        self.assertEqual(self.pids(n1), pids)
        self.submit(n1, file(2, priority=71, task={"env": {"A": "b"}}))
        self.assertFalse(set(self.pids(n1).values()) & set(pids.values()), "this they see")

    def cluster_of(self, agent):
        return agent.cluster

    def test_a_constraint_that_its_node_does_not_meet_moves_it(self):
        n1, n2 = self.cluster(2)
        self.submit(n1, file())
        instance = n1.instances("web")[0]
        other = "n2" if instance["node"] == "n1" else "n1"
        answer = self.submit(n1, file(constraints=[{"attr": "hostname", "op": "==", "value": other}]))
        self.assertIn("v2: moves 1 instance: constraints changed\n", answer.err)
        moved = n1.healthy("web")
        self.assertEqual([i["node"] for i in moved], [other])
        self.assertNotEqual(moved[0]["pid"], instance["pid"])

    def test_a_service_stays_in_dns_while_its_checks_change(self):
        n1, _ = self.cluster(2)
        self.submit(n1, file(health=None))
        wait_for(lambda: n1.short("web.service.stratos"), 5, "it is in DNS")
        missing, is_over = [], threading.Event()

        def watch():
            while not is_over.is_set():
                if not n1.short("web.service.stratos"):
                    missing.append(time.monotonic())
                time.sleep(0.05)
        watcher = threading.Thread(target=watch)
        watcher.start()
        for health in ([{"http": "/health", "interval": "1s"}], [{"tcp": True}], None):
            self.submit(n1, file(health=health))
            time.sleep(0.5)
        is_over.set()
        watcher.join()
        self.assertEqual(missing, [])
        # One that fails takes it out, and restarts it, as its words say.
        self.submit(n1, file(health=[{"http": "/no-such-page", "interval": "200ms", "grace": "0s", "status": 204}]),
                    "--detach")
        wait_for(lambda: not n1.short("web.service.stratos"), 10, lambda: n1.run("status", "web"))

    def test_a_check_that_fails_reaches_one_instance_of_three(self):
        n1, n2, _ = self.cluster(3)
        self.submit(n1, file(3))
        pids = self.pids(n1)
        answer = self.submit(n1, file(3, health=[{"http": "/health", "interval": "300ms", "grace": "0s",
                                                  "status": 204}]), "--timeout", "30s", code=5)
        self.assertIn("nothing restarts: health changed", answer.err)
        after = self.pids(n2)
        self.assertEqual({name: pid for name, pid in after.items() if pids[name] == pid}.keys(), {"web.1", "web.2"})


@needs_root
class Seen(Edits):
    STEPS = (
        ("command", {"task": {"command": [STRATOS, "demo-http", "--fail-health-after", "1h"]}}),
        ("env", {"task": {"env": {"A": "b"}}}),
        ("dir", {"task": {"dir": "/"}}),
        ("user", {"task": {"user": "nobody"}}),
        ("resources", {"task": {"resources": {"cpu": 0.2, "memory": "64M"}}}),
        ("resources", {"task": {"resources": {"cpu": 0.1, "memory": "65M"}}}),
        ("ports", {"ports": {"http": "dynamic", "admin": "dynamic"}}),
        ("isolation", {"task": {"isolation": {"api": "read"}}}),
    )

    def test_each_key_that_the_task_can_see_restarts_it_and_run_says_why(self):
        n1, _ = self.cluster(2)
        self.submit(n1, file())
        pid, version = self.pids(n1)["web.0"], 1
        for key, keys in self.STEPS:
            for text, words in ((file(**keys), key), (file(**keys, labels={"a": "b"}), "labels"),
                                (file(), None)):
                answer = self.submit(n1, text)
                version += 1
                now = self.pids(n1)["web.0"]
                if words == "labels":
                    self.assertEqual(now, pid, answer)
                    self.assertIn(f"v{version}: nothing restarts: labels changed", answer.err)
                else:
                    self.assertNotEqual(now, pid, answer)
                    self.assertIn(f"v{version}: restarts 1 instance: {key} changed", answer.err)
                pid = now
                self.expect_version(n1, version)

    def test_json_says_it_to_programs(self):
        n1, _ = self.cluster(2)
        self.submit(n1, file(2))
        for text, restarts, n, changed in ((file(2, labels={"a": "b"}), False, 0, ["labels"]),
                                           (file(2, task={"env": {"A": "b"}}), True, 2, ["env", "labels"]),
                                           (file(2, task={"env": {"A": "b"}}), False, 0, [])):
            job = self.submit(n1, text, "--json").data
            job = job["jobs"][0]
            self.assertEqual((job["restarts"], job["restarting"], job["changed"]), (restarts, n, changed))

    def test_the_way_back_from_a_broken_version_is_done_at_once(self):
        n1, _, _ = self.cluster(3)
        self.submit(n1, file(3))
        pids = self.pids(n1)
        self.submit(n1, file(3, task=BAD), "--timeout", "40s", code=5)
        start = time.monotonic()
        answer = self.submit(n1, file(3))
        self.assertLess(time.monotonic() - start, 5, answer)
        self.assertIn("default/web v3: 3 of 3 healthy", answer.out)
        now = self.pids(n1)
        self.assertEqual([name for name in pids if now[name] != pids[name]], ["web.0"], "only that one had left")
        self.expect_version(n1, 3)

    def test_a_rolling_update_says_how_many_serve(self):
        n1, _, _ = self.cluster(3)
        self.submit(n1, file(3))
        answer = self.submit(n1, file(3, task={"env": {"A": "b"}}))
        self.assertIn("web v2: 0/3 replaced, 3 serving\n", answer.err)
        self.assertIn("web v2: 3/3 healthy\n", answer.err)
        answer = n1.run("restart", "web")
        self.assertEqual(answer.code, 0, answer)
        self.assertIn("web: 0/3 replaced, 3 serving\n", answer.err)


@needs_root
class Scale(Edits):
    SCALED = r"default/web v1: count 5 -> 3 \(the scale of \d\d:\d\d by root@n2 is dropped\)\n"

    def test_a_scale_is_dropped_with_a_word_or_kept(self):
        n1, n2 = self.cluster(2)
        self.submit(n1, file(3))
        self.assertEqual(n2.run("scale", "web", "5").code, 0)
        answer = self.submit(n1, file(3), "--keep-scale")
        self.assertRegex(answer.err, r"count 5 \(the scale of \d\d:\d\d by root@n2 is kept; the file says 3\)")
        self.assertEqual(len(n1.healthy("web")), 5)
        answer = self.submit(n1, file(3))
        self.assertRegex(answer.err, self.SCALED)
        self.assertNotIn("unchanged", answer.err)
        self.assertEqual(len(n1.instances("web")), 3)
        self.assertEqual(n1.run("stop", "web").code, 0)
        self.assertIn("count 0 -> 3 (it was stopped)", self.submit(n1, file(3)).err)
        self.assertIn("unchanged", self.submit(n1, file(3)).err)

    def watch(self, agent, work):
        """The fewest that served while `work` was going on, looked at every 50 ms."""
        least, is_over = [99], threading.Event()

        def look():
            while not is_over.is_set():
                least[0] = min(least[0], len(agent.healthy("web")))
                time.sleep(0.05)
        looker = threading.Thread(target=look)
        looker.start()
        try:
            return work(), least
        finally:
            is_over.set()
            looker.join()

    def test_a_broken_version_with_a_lower_count_costs_no_more_than_one(self):
        n1, n2, n3 = self.cluster(3)
        self.submit(n1, file(3))
        self.assertEqual(n2.run("scale", "web", "5").code, 0)
        answer, least = self.watch(n3, lambda: n1.run("run", "-", "--timeout", "20s", input=file(3, task=BAD)))
        self.assertEqual(answer.code, 5, answer)
        self.assertRegex(answer.err, r"count 5 -> 3 \(the scale of")
        self.assertGreaterEqual(least[0], 4, answer)
        self.assertEqual(len(n1.healthy("web")), 4)
        # And the way back from it is the file that was asked for.
        self.submit(n1, file(3))
        self.assertEqual(len(n1.instances("web")), 3)

    def test_a_good_version_with_a_lower_count_ends_there_and_never_serves_less(self):
        n1, n2, n3 = self.cluster(3)
        self.submit(n1, file(5))
        answer, least = self.watch(n3, lambda: self.submit(n1, file(3, task={"env": {"A": "b"}})))
        self.assertGreaterEqual(least[0], 3, answer)
        self.assertIn("v2: restarts 3 instances: env changed; count, too\n", answer.err)
        self.assertIn("default/web v2: count 5 -> 3\n", answer.err)
        self.assertEqual(len(n1.instances("web")), 3)


if __name__ == "__main__":
    unittest.main()
