"""What a newcomer types, right and wrong, against real agents."""

import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from cluster import SLOWER, STRATOS, Agent, Cluster, job, needs_root, wait_for

CRASH = job("crash", "echo starting; echo oh no >&2; exit 3", more="restart: {attempts: 0}")


@needs_root
class Cli(unittest.TestCase):
    def start(self, nodes):
        cluster = Cluster(nodes)
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster

    def lone(self, cluster, *extra, index=9, join=None):
        """One more agent, not of the cluster's own."""
        agent = Agent(cluster, index)
        agent.start(*extra, join=join)
        self.addCleanup(agent.stop)
        return agent

    def test_a_peer_is_joined_by_name_and_an_unknown_name_is_survived(self):
        cluster = Cluster(1, addresses=["127.0.0.1"])
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        cluster.addresses = None
        named = self.lone(cluster, join="localhost")
        wait_for(lambda: named.alive() == ["n1", "n9"], 15, named.logged)
        lost = self.lone(cluster, index=8, join="no-such-host.invalid")
        wait_for(lambda: "no-such-host.invalid" in lost.logged(), 15, lost.logged)
        wait_for(lambda: lost.alive() == ["n8"], 15, lost.logged)
        self.assertIn("join name=no-such-host.invalid error=", lost.logged())

    def test_another_secret_is_told_on_both_sides(self):
        cluster = self.start(1)
        elder = cluster[0]
        secret = os.path.join(cluster.dir, "other")
        with open(secret, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            subprocess.run([STRATOS, "secret", "new"], stdout=file, check=True)
        stranger = self.lone(cluster, "--secret-file", secret, join=elder.address)
        said = f'join peer={elder.address}:7780 state=silent cause="another secret: '
        wait_for(lambda: said in stranger.logged(), 15, stranger.logged)
        heard = f'stranger from={stranger.address}:7780 cause="another secret"'
        wait_for(lambda: heard in elder.logged(), 15, elder.logged)
        self.assertNotIn(" join peer=", elder.logged())
        told = [e for e in elder.json("events") if e["kind"] == "stranger"]
        self.assertEqual([(e["subject"], e["level"], e["cause"]) for e in told],
                         [(f"{stranger.address}:7780", "warn", "it holds another secret")])
        # Each way by hand, and only as long as it takes to know.
        for one, other in ((stranger, elder), (elder, stranger)):
            start = time.monotonic()
            answer = one.run("join", other.address)
            self.assertEqual(answer.code, 1, answer)
            self.assertIn(f"no answer from {other.address}:7780: another secret: ", answer.err)
            self.assertLess(time.monotonic() - start, 6 * SLOWER)
        self.assertEqual(elder.logged().count("stranger from="), 1)  # a minute has not passed
        self.assertGreater(elder.metrics()["stratos_drop_forged_total"], 2)
        # Where nobody is, or somebody else.
        nobody = self.lone(cluster, index=8, join=cluster.address(200))
        wait_for(lambda: 'state=silent cause="nothing there: ' in nobody.logged(), 15, nobody.logged)
        with socket.create_server((cluster.address(201), 7780)) as server:
            threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
            answer = elder.run("join", cluster.address(201))
            self.assertEqual(answer.code, 1, answer)
            self.assertIn(f"no answer from {cluster.address(201)}:7780: something else: ", answer.err)

    def test_two_nodes_of_one_name_are_warned_of_and_the_gone_one_is_forgotten(self):
        cluster = self.start(2)
        twin = self.lone(cluster, "--name", "n2", join=cluster[0].address)
        wait_for(lambda: len(cluster[0].alive()) == 3, 15, twin.logged)
        [other] = [m["name"] for m in cluster[0].json("members") if m.get("namesake") == "n2"]
        self.assertEqual(cluster[0].alive(), sorted(["n1", "n2", other]))
        answer = cluster[0].run("members")
        self.assertIn(f"more than one node is named n2; the one at {twin.address} is called {other}:", answer.err)
        self.assertEqual(len(cluster[0].json("gossip")["peers"]), 2)
        twin.kill()
        wait_for(lambda: "dead" in [m["state"] for m in cluster[0].json("members")], 30, "the twin is dead")
        self.assertEqual(cluster[0].run("forget", other).code, 0)
        wait_for(lambda: len(cluster[0].json("members")) == 2, 10, "it is forgotten")
        self.assertEqual(cluster[0].alive(), ["n1", "n2"])

    def test_what_crashed_ends_with_its_reason_and_its_logs_are_still_there(self):
        agent = self.start(2)[0]
        answer = agent.run("run", agent.cluster.write("crash.yaml", CRASH), "--timeout", "60s")
        self.assertEqual(answer.code, 5, answer)
        self.assertIn("exited with 3", answer.err)
        self.assertIn("see: stratos logs crash --stderr; stratos status crash; stratos events", answer.err)
        self.assertIn("oh no", agent.run("logs", "crash", "--stderr").out)
        self.assertIn("starting", agent.run("logs", "crash.0").out)
        self.assertIn("exited with 3", agent.run("events").out)

    def test_what_has_no_health_check_is_believed_when_it_stays_up(self):
        agent = self.start(1)[0]
        dying = job("dying", "sleep 0.5; exit 4", more="restart: {attempts: 1, delay: 100ms}")
        self.assertEqual(agent.run("run", agent.cluster.write("dying.yaml", dying), "--timeout", "30s").code, 5)
        living = agent.cluster.write("living.yaml", job("living", ["sleep", "1000"]))
        self.assertEqual(agent.run("run", living, "--timeout", "30s").code, 0)
        start = time.monotonic()
        self.assertEqual(agent.run("run", living).code, 0)
        self.assertLess(time.monotonic() - start, 5, "an unchanged job that runs is done at once")

    def test_an_order_that_changes_nothing_writes_nothing(self):
        agent = self.start(1)[0]
        self.assertEqual(agent.run("run", agent.cluster.write("s.yaml", job("s", ["sleep", "1000"]))).code, 0)
        self.assertIn("told 1/1", agent.run("stop", "s").err)
        before = len(agent.json("events"))
        again = agent.run("stop", "s")
        self.assertEqual(again.code, 0)
        self.assertNotIn("told", again.err)
        self.assertEqual(len(agent.json("events")), before)
        kept = agent.run("scale", "s", "2")
        self.assertEqual(kept.code, 0, kept)
        self.assertIn("default/s: kept; it is stopped and will start with 2\n", kept.err)
        before = agent.digest()
        refused = agent.run("restart", "s")
        self.assertEqual(refused.code, 1, refused)
        self.assertEqual(refused.err, "stratos: s is stopped: `stratos start s` starts it\n")
        self.assertEqual(agent.digest(), before)
        self.assertIn("default/s: 2 of 2 healthy\n", agent.run("start", "s").err)

    def test_namespaces_are_kept_apart_and_pointed_at(self):
        agent = self.start(1)[0]
        text = job("web", ["sleep", "1000"]).replace("count", "namespace: shop\ncount")
        self.assertEqual(agent.run("run", agent.cluster.write("web.yaml", text)).code, 0)
        self.assertEqual([j["job"] for j in agent.json("jobs", "--namespace", "shop")], ["web"])
        self.assertEqual(agent.json("jobs", "--namespace", "default"), [])
        for words in (("status", "web"), ("scale", "web", "2"), ("logs", "web"), ("history", "web")):
            answer = agent.run(*words)
            self.assertEqual(answer.code, 3, (words, answer))
            self.assertIn("did you mean 'shop/web'", answer.err)

    def test_every_answer_is_json_when_asked_for(self):
        agent = self.start(2)[0]
        self.assertEqual(agent.run("run", agent.cluster.write("a.yaml", job("a", ["sleep", "9999"]))).code, 0)
        for words in ("status", "status a", "status a.0", "status n1", "jobs", "members", "gossip --all", "events",
                      "history a", "inspect a", "services", "var ls", "help", "help run", "version", "secret new",
                      "scale a 2", "restart a", "stop a", "start a", "logs zz", "status zz", "frob", "rm a"):
            answer = agent.run(*words.split(), "--json")
            self.assertEqual(len(answer.out.splitlines()), 1, (words, answer))
            self.assertTrue({"data", "error"} & set(json.loads(answer.out)), words)
            self.assertEqual(answer.err, "", words)
        peer = [m for m in agent.json("members") if m["name"] == "n2"][0]
        self.assertIsNotNone(peer["rtt_ms"])
        self.assertRegex(agent.run("members").out, r"n2 .* (<1|[0-9]+)ms ")

    def test_an_address_in_use_says_what_to_choose(self):
        cluster = self.start(1)
        twin = self.lone(cluster, "--bind", cluster[0].address)
        self.assertEqual(twin.process.wait(10), 1)
        self.assertIn("--bind, --http and --dns", twin.logged())
        wrong = self.lone(cluster, "--bind", "nonsense", index=8)
        self.assertEqual(wrong.process.wait(10), 2)


def groups():
    found = set()
    for at, below, _ in os.walk("/sys/fs/cgroup"):
        if os.path.basename(at).startswith("default.devtest."):
            found.add(at)
    return found


@needs_root
class Dev(unittest.TestCase):
    def test_every_row_is_there_when_it_says_ready_and_no_group_when_it_stopped(self):
        root = tempfile.mkdtemp(prefix="stratos-e2e.")
        dir = os.path.join(root, "dev")
        inside = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]  # dev's addresses are fixed

        def stratos(*words, prefix=()):
            return subprocess.run([*prefix, STRATOS, *words], capture_output=True, text=True, timeout=60)

        started = stratos("dev", "--detach", "--dir", dir, prefix=inside)
        self.addCleanup(stratos, "dev", "--stop", "--dir", dir)
        self.assertEqual(started.returncode, 0, started.stderr)
        socket = os.path.join(dir, "n1", "stratos.sock")
        members = json.loads(stratos("members", "--json", "--socket", socket).stdout)["data"]
        self.assertEqual([m["version"] != "" for m in members], [True] * 3)
        path = os.path.join(root, "job.yaml")
        with open(path, "w") as file:
            file.write(job("devtest", ["sleep", "1000"], count=3))
        ran = stratos("run", path, "--json", "--socket", socket)
        self.assertEqual(ran.returncode, 0, ran.stdout)
        nodes = [i["node"] for i in json.loads(ran.stdout)["data"]["status"][0]["instances"]]
        self.assertEqual(sorted(nodes), ["n1", "n2", "n3"])
        self.assertTrue(groups())
        with open(os.path.join(dir, "n2", "agent.pid")) as file:
            os.kill(int(file.read()), 9)
        self.assertEqual(stratos("dev", "--stop", "--dir", dir).returncode, 0)
        self.assertEqual(groups(), set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
