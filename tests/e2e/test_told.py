"""What an acknowledgement is worth: who has a write, who is wanted to have it, and what may stand."""

import json
import signal
import socket
import threading
import time
import unittest

from cluster import Cluster, needs_root, wait_for

JOB = "job: idle\ncount: 0\ntask: {command: [./x]}\n"


def started(test, nodes, **kw):
    cluster = Cluster(nodes, **{"profile": "local", **kw})
    cluster.__enter__()
    test.addCleanup(cluster.__exit__, None, None, None)
    return cluster


def variables(agent):
    return {v["name"]: v["value"] for v in agent.json("var", "ls")}


def lose(cluster, *indexes):
    for index in indexes:
        cluster[index].kill()
    names = {f"n{index + 1}" for index in indexes}
    wait_for(lambda: names == {m["name"] for m in cluster[0].json("members") if m["state"] == "dead"}, 30, "they are dead")


@needs_root
class Told(unittest.TestCase):
    def test_an_answer_says_what_it_is_worth(self):
        cluster = started(self, 3)
        agent = cluster[0]
        path = cluster.write("idle.yaml", JOB)
        whole = agent.json("run", path, "--detach")
        self.assertEqual((whole["known_by"], whole["members"], whole["total"]), (3, 3, 3))
        self.assertEqual((whole["has"], whole["missing"]), (["n1", "n2", "n3"], []))
        for other in cluster:
            same = other.json("run", path, "--detach")
            self.assertEqual((same["known_by"], same["text"]), (3, "unchanged"), other.name)
        self.assertIn("unchanged: 3/3 members have it", agent.run("run", path, "--detach").err)

        lose(cluster, 1, 2)
        alone = agent.run("var", "set", "a", "1")
        self.assertEqual(alone.code, 0, alone)
        self.assertEqual(alone.err, "told 1 of 3 (n2, n3 dead): on this disk only\n")
        data = agent.json("var", "set", "a", "2")
        self.assertEqual([(m["name"], m["state"]) for m in data["missing"]], [("n2", "dead"), ("n3", "dead")])
        self.assertTrue(all(m["silent_ms"] > 0 for m in data["missing"]))

        digest = agent.digest()
        for ack in ("2", "majority"):
            refused = agent.run("var", "set", "b", "1", "--ack", ack)
            self.assertEqual(refused.code, 1, refused)
            self.assertEqual(refused.err, "stratos: 2 wanted, 1 within reach: --ack 1 to write here alone\n")
        for words in (("var", "set", "b", "1"), ("run", path, "--detach"), ("stop", "idle"), ("rm", "idle"),
                      ("forget", "n2"), ("var", "rm", "a")):
            refused = agent.run(*words, "--ack", "9")
            self.assertEqual(refused.code, 2, refused)
            self.assertIn("the cluster has 3 members", refused.err)
        self.assertEqual(agent.digest(), digest)
        self.assertEqual(agent.run("var", "set", "b", "1", "--ack", "1").code, 0)

        left = agent.run("leave")
        self.assertEqual(left.code, 1, left)
        self.assertEqual(left.err, "stratos: told 0 of 2: they will believe that n1 died; it departs all the same\n")
        self.assertEqual(agent.process.wait(15), 0)

    def test_who_leaves_among_others_or_quite_alone_is_done(self):
        cluster = started(self, 2)
        for index in (1, 0):
            if index == 0:
                wait_for(lambda: cluster[0].run("forget", "n2").code == 0, 10, "n2 is forgotten")
            left = cluster[index].run("leave")
            self.assertEqual(left.code, 0, left)
            self.assertEqual(cluster[index].process.wait(15), 0)

    def test_an_order_that_members_do_not_confirm_names_them(self):
        cluster = started(self, 3, profile="wan")  # nobody is dead before the answer
        cluster[2].process.send_signal(signal.SIGSTOP)
        self.addCleanup(cluster[2].process.send_signal, signal.SIGCONT)
        late = cluster[0].run("var", "set", "a", "1", "--ack", "3", "--json")
        self.assertEqual(late.code, 1, late)
        error = json.loads(late.out)["error"]
        self.assertEqual(error["code"], "unsure")
        self.assertRegex(error["message"], r"^may stand: written here and on n2; missing n3 silent [0-9]+s: 3 members")
        self.assertEqual(error["has"], ["n1", "n2"])
        self.assertEqual([m["name"] for m in error["missing"]], ["n3"])
        self.assertEqual(variables(cluster[1]), {"a": "1"})

    def test_an_agent_that_ends_in_the_middle_says_so_or_its_client_does(self):
        for how, words in ((signal.SIGTERM, "before this agent was stopped"),
                           (signal.SIGKILL, "the agent went away before it answered")):
            with Cluster(3, profile="wan") as cluster:
                cluster[2].process.send_signal(signal.SIGSTOP)
                threading.Timer(2, lambda: cluster[0].process.send_signal(how)).start()
                answer = cluster[0].run("var", "set", "a", "1", "--ack", "3")
                cluster[2].process.send_signal(signal.SIGCONT)
                self.assertEqual(answer.code, 1, answer)
                self.assertIn("may stand: ", answer.err)
                self.assertIn(words, answer.err)
                self.assertEqual(variables(cluster[1]), {"a": "1"})

    def test_the_agents_own_default_and_its_first_seconds(self):
        cluster = Cluster(2, profile="lan")
        self.addCleanup(cluster.__exit__, None, None, None)
        config = cluster.write("stratos.yaml", "ack: 2\n")
        wrong = cluster.write("wrong.yaml", "ack: most\n")
        cluster[0].start("--config", config)
        cluster[1].start()
        cluster.whole()
        self.assertEqual(cluster[0].run("var", "set", "a", "1").code, 0)
        cluster[0].stop()
        lose_one = cluster[1]
        lose_one.kill()
        cluster[0].start()
        wait_for(lambda: cluster[0].is_up() and cluster[0].metrics()["stratos_ready"] == 1, 20, "n1 is ready")
        first = cluster[0].run("var", "set", "a", "2")
        self.assertEqual(first.code, 1, first)
        self.assertRegex(first.err, r"remembers 1 other member and hears none: it takes orders in [12][0-9] s; "
                                    r"--ack 1 to write here alone")
        self.assertEqual(variables(cluster[0]), {"a": "1"})
        self.assertEqual(cluster[0].run("var", "set", "a", "3", "--ack", "1").code, 0)
        cluster[0].stop()
        cluster[0].start("--config", config, "--profile", "local")
        wait_for(lambda: cluster[0].is_up() and cluster[0].metrics()["stratos_ready"] == 1, 20, "n1 is ready")
        time.sleep(1)
        second = cluster[0].run("var", "set", "a", "4")
        self.assertEqual(second.err, "stratos: 2 wanted, 1 within reach: --ack 1 to write here alone\n")
        cluster[0].stop()
        cluster[0].start("--config", wrong)
        self.assertEqual(cluster[0].process.wait(10), 2)
        self.assertIn("--ack 'most': want a number of members, majority or all", cluster[0].logged())

    def test_a_join_waits_for_an_answer(self):
        cluster = Cluster(2, profile="local")
        self.addCleanup(cluster.__exit__, None, None, None)
        for agent in cluster:
            agent.start(join=False)
        wait_for(lambda: all(a.is_up() and a.metrics()["stratos_ready"] == 1 for a in cluster.agents), 10, "both are up")
        start = time.monotonic()
        lost = cluster[0].run("join", cluster.address(200))
        self.assertEqual(lost.code, 1, lost)
        self.assertIn(f"no answer from {cluster.address(200)}:7780 within 3 s", lost.err)
        self.assertTrue(2.5 < time.monotonic() - start < 5)
        found = cluster[0].run("join", cluster.address(2))
        self.assertEqual(found.code, 0, found)
        self.assertEqual(found.err, f"joined: n2 at {cluster.address(2)}:7780\n")
        cluster.whole()
        self.assertEqual(cluster[0].run("join", cluster.address(1)).code, 2)

    def test_only_if_new_is_taken_and_a_value_comes_from_a_pipe(self):
        agent = started(self, 1)[0]
        path = agent.cluster.write("idle.yaml", JOB)
        for word in ("0", "new"):
            self.assertEqual(agent.run("run", path, "--detach", "--if-version", word).code, 0)
            again = agent.run("run", path, "--detach", "--if-version", word)
            self.assertEqual(again.code, 7, again)
            self.assertEqual(agent.run("rm", "idle").code, 0)
        for given, kept in (("secret\n", "secret"), ("two\n\n", "two\n"), ("bare", "bare"), ("", ""), (" \n", " ")):
            self.assertEqual(agent.run("var", "set", "v", "-", input=given).code, 0)
            self.assertEqual(variables(agent), {"v": kept})
        large = agent.run("var", "set", "v", "-", input="x" * 65537)
        self.assertEqual(large.code, 2, large)
        self.assertIn("65536", large.err)

    def test_orders_on_one_connection_are_done_one_after_another(self):
        cluster = started(self, 2)
        names = [f"v{i}" for i in range(60)]
        orders = b"".join(f"PUT /v1/vars/{n} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx".encode() for n in names)
        orders += b"PUT /v1/vars/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(cluster[0].socket)
            s.sendall(orders)
            said = b""
            while more := s.recv(65536):
                said += more
        self.assertEqual(said.count(b"HTTP/1.1 200"), len(names) + 1)
        self.assertEqual(said.count(b'"told":"told 2/2 members'), len(names) + 1)
        for agent in cluster:
            self.assertEqual(sorted(variables(agent)), sorted(names + ["last"]))

    def test_a_client_that_goes_away_leaves_an_order_whole_or_none(self):
        cluster = started(self, 2)
        body = json.dumps({"jobs": [{"job": f"j{i}", "count": 0, "task": {"command": ["./x"]}} for i in range(50)]}).encode()
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for sent, expected in ((head + body[:-1], 0), (head, 0), (head + body, 50)):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(cluster[0].socket)
                s.sendall(sent)
            time.sleep(1.5)
            self.assertEqual([len(a.json("jobs")) for a in cluster.agents], [expected] * 2, len(sent))


if __name__ == "__main__":
    unittest.main(verbosity=2)
