"""Ports with real strangers, and refusals that end when their causes end: what is given is free on every
address, is found before anything is tried and costs no attempt; a wait says until when, and is over in time."""

import contextlib
import json
import os
import signal
import socket
import time
import unittest

from cluster import STRATOS, Cluster, needs_root, wait_for

LOW, HIGH = 25000, 25003
TCP, UDP, V4, V6 = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.AF_INET, socket.AF_INET6


def file(name="web", command=None, ports=None, **keys):
    spec = {"job": name, "ports": ports or {"http": "dynamic"},
            "health": [{"http": "/health", "interval": "500ms", "grace": "5s"}],
            "restart": {"attempts": 0},
            "task": {"command": command or [STRATOS, "demo-http"], "resources": {"cpu": 0.1, "memory": "32M"}}}
    if command:
        del spec["health"]
    spec.update(keys)
    return json.dumps(spec)


class Stranger:
    """Another program's sockets."""

    def __init__(self, ports, family=V4, kind=TCP, address="0.0.0.0", listens=True):
        self.sockets = []
        for port in ports:
            one = socket.socket(family, kind)
            if family == V6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0 if kind == UDP else 1)
            one.bind((address, port))
            if kind == TCP and listens:
                one.listen(1)
            self.sockets.append(one)

    def close(self):
        for one in self.sockets:
            one.close()
        self.sockets = []


@needs_root
class Ports(unittest.TestCase):
    def agent(self, low=LOW, high=HIGH):
        cluster = Cluster(1, extra=("--ports", f"{low}-{high}"))
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster[0]

    def stranger(self, *args, **keys):
        stranger = Stranger(*args, **keys)
        self.addCleanup(stranger.close)
        return stranger

    def submit(self, agent, text, *flags, code=0):
        answer = agent.run("run", "-", *flags, input=text)
        self.assertEqual(answer.code, code, answer)
        return answer

    def one(self, agent, job="web"):
        instances = agent.instances(job)
        self.assertEqual(len(instances), 1, instances)
        return instances[0]

    def port(self, agent, job="web"):
        return self.one(agent, job)["ports"]["http"]

    def runs(self, agent, job="web"):
        return bool(agent.healthy(job))

    # ---- strangers ----

    def test_of_six_jobs_one_by_one_each_gets_the_only_port_that_is_free(self):
        agent = self.agent()
        self.stranger(range(LOW, HIGH))
        for i in range(6):
            self.submit(agent, file(f"j{i}"), "--timeout", "20s")
            one = self.one(agent, f"j{i}")
            self.assertEqual((one["ports"]["http"], one["restarts"]), (HIGH, 0))
            self.assertEqual(agent.run("rm", f"j{i}", "-y").code, 0)

    def test_a_port_that_anybody_has_on_any_address_is_not_given(self):
        kinds = ({"family": V6, "address": "::"}, {"kind": UDP}, {"address": "127.9.9.9"}, {"listens": False},
                 {"family": V6, "kind": UDP, "address": "::1"})
        for i, keys in enumerate(kinds):
            low = LOW + 10 * i  # where a task has just ended its port lingers, as a socket that does not listen does
            with self.subTest(keys):
                agent = self.agent(low, low + 3)
                self.stranger(range(low, low + 3), **keys)
                self.submit(agent, file(), "--timeout", "20s")
                one = self.one(agent)
                self.assertEqual((one["ports"]["http"], one["restarts"]), (low + 3, 0))

    def test_with_four_of_ten_ports_free_nothing_is_tried_in_vain(self):
        agent = self.agent(40000, 40999)
        self.stranger(p for p in range(40000, 41000) if p % 10 < 6)
        took = time.monotonic()
        self.submit(agent, file(count=20), "--timeout", "60s")
        took = time.monotonic() - took
        for one in agent.instances("web"):
            self.assertEqual(one["restarts"], 0, one)
            self.assertGreaterEqual(one["ports"]["http"] % 10, 6)
        self.assertLess(took, 30)
        self.assertEqual(agent.metrics()["stratos_tasks_started_total"], 20)

    def test_a_fixed_port_is_waited_for_without_attempts_and_taken_in_a_moment(self):
        agent = self.agent()
        stranger = self.stranger([8080])
        self.submit(agent, file(ports={"http": 8080}), "--detach")
        wait_for(lambda: "8080" in (self.one(agent)["reason"] or ""), 5, lambda: self.one(agent))
        one = self.one(agent)
        self.assertIn("port 8080 is in use on this host: this one starts as soon as it is free", one["reason"])
        self.assertIsNone(one["again_at"], "its end is no matter of time")
        self.assertIn("port 8080 is in use", agent.run("why", "web.0").out)
        time.sleep(3)
        self.assertEqual(agent.metrics()["stratos_tasks_started_total"], 0)
        stranger.close()
        wait_for(lambda: self.runs(agent), 5, lambda: self.one(agent))
        self.assertEqual(self.one(agent)["restarts"], 0)

    def test_what_a_stranger_took_while_the_task_was_down_is_not_given_again(self):
        agent = self.agent()
        self.submit(agent, file(command=["sleep", "1000"], restart={"attempts": 3, "delay": "2s"}))
        before = self.one(agent)
        with open(f"/proc/{before['pid']}/status") as status:
            self.assertIn("sleep", status.readline())
        os.kill(before["pid"], signal.SIGKILL)
        wait_for(lambda: self.one(agent)["state"] == "pending", 5, lambda: self.one(agent))
        self.assertRegex(self.one(agent)["reason"], r"; started again in \ds")
        self.assertIsNotNone(self.one(agent)["again_at"])
        self.stranger([before["ports"]["http"]])
        wait_for(lambda: self.runs(agent), 10, lambda: self.one(agent))
        self.assertNotEqual(self.port(agent), before["ports"]["http"])
        self.assertEqual(self.one(agent)["restarts"], 1)

    # ---- tasks of ours ----

    def test_a_fifth_job_for_four_ports_starts_when_the_first_is_removed(self):
        agent = self.agent()
        for i in range(4):
            self.submit(agent, file(f"j{i}"), "--timeout", "20s")
        self.submit(agent, file("late"), "--detach")
        wait_for(lambda: "no port of --ports" in (self.one(agent, "late")["reason"] or ""), 5,
                 lambda: self.one(agent, "late"))
        self.assertIn(f"no port of --ports {LOW}-{HIGH} is free: 0 in use on this host, 4 given to tasks; "
                      "this one starts as soon as one is free", self.one(agent, "late")["reason"])
        time.sleep(2)
        self.assertEqual(agent.run("rm", "j0", "-y").code, 0)
        took = wait_for(lambda: self.runs(agent, "late"), 10, lambda: self.one(agent, "late"))
        self.assertLess(took, 4)
        self.assertEqual(self.one(agent, "late")["restarts"], 0)

    def test_after_an_early_exit_another_port_is_drawn_while_one_is_free(self):
        agent = self.agent()
        self.submit(agent, file(command=["sh", "-c", "echo port $PORT; sleep 0.2; exit 3"],
                                restart={"attempts": 12, "delay": "100ms", "max_delay": "100ms"}), "--detach")
        wait_for(lambda: self.one(agent)["restarts"] >= 6, 20, lambda: self.one(agent))
        ports = [line.split()[-1] for line in agent.run("logs", "web").out.splitlines() if "port" in line]
        self.assertGreaterEqual(len(ports), 6)
        for a, b in zip(ports, ports[1:]):
            self.assertNotEqual(a, b, ports)
        agent.run("rm", "web", "-y")
        wait_for(lambda: not agent.instances("web"), 10, "gone")
        self.stranger(range(LOW, HIGH))  # then the one that is free is better than none
        self.submit(agent, file("last", command=["sh", "-c", "exit 3"],
                                restart={"attempts": 4, "delay": "100ms"}), "--detach")
        wait_for(lambda: "gave up after 5 exits" in (self.one(agent, "last")["reason"] or ""), 20,
                 lambda: self.one(agent, "last"))

    def test_the_ports_of_adopted_tasks_are_theirs(self):
        agent = self.agent(LOW, LOW + 1)
        self.submit(agent, file("a", command=["sleep", "1000"]))  # it binds nothing
        port = self.port(agent, "a")
        agent.kill()
        agent.start("--ports", f"{LOW}-{LOW + 1}")
        wait_for(lambda: self.runs(agent, "a"), 15, "adopted")
        self.submit(agent, file("b"), "--timeout", "20s")
        self.assertEqual({self.port(agent, "a"), self.port(agent, "b")}, {LOW, LOW + 1})
        self.assertEqual(self.port(agent, "a"), port)

    def test_another_range_is_for_what_starts_from_then_on(self):
        agent = self.agent()
        self.submit(agent, file())
        port = self.port(agent)
        agent.stop()
        agent.start("--ports", "26000-26003")
        wait_for(lambda: self.runs(agent), 15, "adopted")
        self.assertEqual(self.port(agent), port)
        self.assertEqual(agent.run("restart", "web", "--timeout", "20s").code, 0)
        self.assertIn(self.port(agent), range(26000, 26004))

    # ---- what kept failing ----

    def refused(self):
        agent = self.agent()
        text = file(command=["sh", "-c", "exit 3"], restart={"attempts": 1, "delay": "100ms"})
        self.submit(agent, text, "--detach")
        self.wait_refused(agent)
        return agent, text

    def wait_refused(self, agent):
        wait_for(lambda: "gave up after 2 exits" in (self.one(agent)["reason"] or ""), 10, lambda: self.one(agent))

    def test_a_wait_says_until_when(self):
        agent, _ = self.refused()
        one = self.one(agent)
        self.assertRegex(one["reason"], r"; tried again in (5\d|60)s$")
        self.assertIsNotNone(one["again_at"])
        self.assertRegex(agent.run("why", "web.0").out, r"tried again in \d+s")
        self.assertRegex(agent.run("status", "web").out, r"tried again in \d+s")

    def test_each_order_for_it_has_it_tried_at_once(self):
        agent, text = self.refused()
        orders = (("restart", "web", "--detach"), ("start", "web", "--detach"), ("run", "-", "--detach"))
        for n, words in enumerate(orders, start=2):
            with contextlib.suppress(KeyError):
                self.assertEqual(agent.metrics()["stratos_tasks_started_total"], 2 * (n - 1))
            answer = agent.run(*words, input=text if words[0] == "run" else None)
            self.assertEqual(answer.code, 0, answer)
            wait_for(lambda: agent.metrics()["stratos_tasks_started_total"] == 2 * n, 5, f"tried after {words}")
            self.wait_refused(agent)

    def test_an_agent_that_is_started_again_tries_at_once(self):
        agent, _ = self.refused()
        agent.stop()
        agent.start("--ports", f"{LOW}-{HIGH}")
        wait_for(lambda: agent.is_up(), 10, "up")
        wait_for(lambda: agent.metrics()["stratos_tasks_started_total"] >= 1, 8, lambda: self.one(agent))


if __name__ == "__main__":
    unittest.main()
