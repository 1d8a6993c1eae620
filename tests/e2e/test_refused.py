"""Orders on a full disk: what is answered with an error happened nowhere, whichever order it is."""

import http.client
import json
import os
import random
import socket
import subprocess
import threading
import time
import unittest

from cluster import Cluster, job, needs_root, wait_for

MIB = 1 << 20


class Disk:
    """A tmpfs of our own under an agent's data directory."""

    def __init__(self, path, size=24 * MIB):
        self.path, self.file = path, os.path.join(path, "fill")
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)

    def free(self):
        fs = os.statvfs(self.path)
        return fs.f_bavail * fs.f_frsize

    def fill(self, leave=0):
        """Until nothing fits, or `leave` bytes are free."""
        with open(self.file, "ab") as file:
            for step in (MIB, 4096):
                while self.free() >= leave + step:
                    try:
                        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, step)
                    except OSError:
                        break

    def make_room(self):
        if os.path.exists(self.file):
            os.unlink(self.file)

    def unmount(self):
        for _ in range(50):
            if subprocess.run(["umount", self.path], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        subprocess.run(["umount", "-l", self.path], check=True)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def request(agent, method, target, body=b"", connection=None):
    """Status and JSON of an answer."""
    c = connection or UnixConnection(agent.socket)
    c.request(method, target, body)
    answer = c.getresponse()
    text = answer.read()
    if not connection:
        c.close()
    return answer.status, json.loads(text)


def job_text(name):
    return json.dumps({"job": name, "count": 0, "task": {"command": ["./x"]}}).encode()


def snapshot(agent):
    """All that an order could have changed, as this agent believes it."""
    jobs = {j["job"]: (j["version"], j["count"], j["status"] == "stopped") for j in agent.json("jobs")}
    return {
        "vars": {v["name"]: v.get("value") for v in agent.json("var", "ls")},
        "jobs": jobs,
        "members": {m["name"]: m.get("key_epoch") for m in agent.json("members")},
        "tasks": {i["name"]: i["pid"] for name in jobs for i in agent.instances(name)},
    }


def full_disk(test, nodes, index):
    """A cluster whose agent number `index` (from 0) has a small disk."""
    cluster = Cluster(nodes, profile="local")
    disk = Disk(cluster[index].data)
    cluster.__enter__()
    test.addCleanup(lambda: (cluster.__exit__(None, None, None)))
    test.addCleanup(disk.unmount)
    test.addCleanup(cluster[index].stop)
    test.addCleanup(disk.make_room)
    return cluster, cluster[index], disk


@needs_root
class Refused(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        # n4 is there to be forgotten.
        self.cluster, self.agent, self.disk = full_disk(self, 4, 2)
        self.addCleanup(lambda: self.cluster.end_tasks(self.agent))
        run = self.cluster.write("j.yaml", job("j", ["sleep", "1000"], 3))
        self.assertEqual(self.cluster[0].run("run", run).code, 0)
        idle = self.cluster.write("idle.yaml", job("idle", ["sleep", "1000"]))
        self.assertEqual(self.cluster[0].run("run", idle).code, 0)
        self.assertEqual(self.cluster[0].run("stop", "idle").code, 0)
        self.assertEqual(self.cluster[0].run("var", "set", "kept", "1").code, 0)
        self.new = self.cluster.write("new.yaml", job("new", ["sleep", "1000"]))
        self.peers = self.cluster.agents[:3]

    def settled(self, names):
        wait_for(lambda: all(a.alive() == names for a in self.peers), 20, "all agree who is alive")
        wait_for(lambda: all(len([i for i in a.healthy("j") if i["node"] in names]) == 3 for a in self.peers), 60,
                 "the work is where somebody lives")
        wait_for(lambda: len({a.digest() for a in self.peers}) == 1, 10, "one table")

    def steady(self):
        """What all believe, once nothing moves any more."""
        seen = []

        def is_same():
            time.sleep(0.4)
            seen.append([snapshot(a) for a in self.peers])
            return len(seen) > 6 and all(s == seen[-1] for s in seen[-6:])  # a restart pauses between two
        wait_for(is_same, 60, lambda: f"nothing moves: {seen[-2:]}")
        return seen[-1]

    def refuse(self, order, works):
        """`order` says whether it was refused, and is given twice, first of all that the full disk sees."""
        before = self.steady()
        self.disk.fill()
        said = [order(turn) for turn in ("the first", "the second")]
        time.sleep(3)
        self.assertEqual([snapshot(a) for a in self.peers], before)
        for text in said:
            self.assertIn("nothing was written", text)
            self.assertIn("make room there", text)
        self.disk.make_room()
        works()
        wait_for(lambda: len({a.digest() for a in self.peers}) == 1, 10, "one table")

    def command(self, *words):
        def refused(turn):
            answer = self.agent.run(*words)
            self.assertEqual(answer.code, 1, (turn, words, answer))
            return answer.err

        def works():
            answer = self.agent.run(*[w for w in words if w != "--detach"])  # to the end: then nothing moves
            self.assertEqual(answer.code, 0, (words, answer))
        self.refuse(refused, works)

    def call(self, method, target, body=b""):
        def refused(turn):
            status, answer = request(self.agent, method, target, body)
            self.assertEqual(status, 507, (turn, method, target, answer))
            self.assertEqual(answer["error"]["code"], "store")
            return answer["error"]["message"]

        def works():
            status, answer = request(self.agent, method, target, body)
            self.assertEqual(status, 200, (method, target, answer))
            self.assertEqual(sorted(answer["data"]["has"]), ["n1", "n2", "n3"])
        self.refuse(refused, works)

    def test_each_order_is_refused_truly_and_works_when_there_is_room(self):
        self.settled(["n1", "n2", "n3", "n4"])
        epochs = {m["key_epoch"] for m in self.agent.json("members")}
        self.command("secret", "rotate", "--detach")
        wait_for(lambda: {m["key_epoch"] for m in self.agent.json("members")}.isdisjoint(epochs), 30, "rotated")
        wait_for(lambda: not any(m["other_key_epoch"] for m in self.agent.json("members")), 30, "one secret")
        self.cluster[3].kill()
        self.settled(["n1", "n2", "n3"])
        # "k" is the plainest case: the value stood on all nodes, and stayed.
        self.command("var", "set", "k", "1")
        self.command("run", self.new, "--detach")
        self.command("stop", "j", "--detach")
        self.command("start", "idle", "--detach")
        self.command("scale", "new", "2", "--detach")
        self.command("restart", "new")
        self.command("rm", "idle")
        self.command("forget", "n4")
        self.command("var", "rm", "kept")
        self.call("PUT", "/v1/vars/other", b"2")
        self.call("PUT", "/v1/jobs/default/put", job_text("put"))
        self.call("POST", "/v1/jobs", job_text("post"))
        self.call("POST", "/v1/jobs/default/put/scale?count=0", b"")
        self.call("DELETE", "/v1/jobs/default/post")


class Orders:
    """Gives orders to one agent and holds each to its answer."""

    def __init__(self, agent, seed, n):
        self.agent, self.random, self.n = agent, random.Random(seed), n
        self.outcome = {}  # name -> "done", "refused", "unsure" of the order that made it
        self.ended = {}    # the same of the order that removed it
        self.lock = threading.Lock()
        self.next = 0

    def take(self):
        with self.lock:
            if self.next == self.n:
                return None
            self.next += 1
            made = [k for k, v in self.outcome.items() if v == "done" and k not in self.ended]
            if made and self.random.random() < 0.25:
                name = self.random.choice(made)
                self.ended[name] = "unsure"
                return "DELETE", name
            name = f"{'j' if self.random.random() < 0.2 else 'v'}{self.next}"
            self.outcome[name] = "unsure"
            return "PUT", name

    def work(self):
        connection = None
        while (order := self.take()) is not None:
            method, name = order
            target = f"/v1/jobs/default/{name}" if name[0] == "j" else f"/v1/vars/{name}"
            body = b"" if method == "DELETE" else job_text(name) if name[0] == "j" else name.encode()
            try:
                connection = connection or UnixConnection(self.agent.socket)
                status, answer = request(self.agent, method, target, body, connection)
            except (OSError, http.client.HTTPException, ValueError):
                connection = None  # nobody knows what became of it
                time.sleep(0.1)
                continue
            code = answer.get("error", {}).get("code")
            outcome = "done" if status == 200 else "unsure" if code == "unsure" else "refused"
            (self.ended if method == "DELETE" else self.outcome)[name] = outcome
            time.sleep(self.random.uniform(0, 0.08))  # the disk shall change between two of them
        if connection:
            connection.close()

    def run(self, threads):
        workers = [threading.Thread(target=self.work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        return workers

    def wrong(self, there):
        """What is not as it was answered, among the names that are there."""
        found = []
        for name, outcome in self.outcome.items():
            ended = self.ended.get(name)
            if outcome == "refused" and name in there:
                found.append(f"{name} was refused, and is there")
            if outcome == "done" and ended in (None, "refused") and name not in there:
                found.append(f"{name} was done, and is lost")
            if ended == "done" and name in there:
                found.append(f"{name} was removed, and is there")
        return found


def names(agent):
    return {v["name"] for v in agent.json("var", "ls")} | {j["job"] for j in agent.json("jobs")}


@needs_root
class Thousand(unittest.TestCase):
    N, SECONDS = 1000, 60

    def test_a_thousand_orders_on_a_disk_that_fills_at_random_steps(self):
        cluster, agent, disk = full_disk(self, 3, 2)
        seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        orders = Orders(agent, seed, self.N)
        start = time.monotonic()
        workers, n_filled, n_deaths = orders.run(4), 0, 0
        while any(w.is_alive() for w in workers) and time.monotonic() - start < self.SECONDS:
            disk.fill(chance.choice((0, 0, MIB, 3 * MIB, 5 * MIB)))
            n_filled += 1
            time.sleep(chance.uniform(0.005, 0.05))
            disk.make_room()
            time.sleep(chance.uniform(0.005, 0.08))
            if agent.process.poll() is not None:  # what it had not answered may stand
                n_deaths += 1
                agent.start()
        for worker in workers:
            worker.join(30)
        took = time.monotonic() - start
        disk.make_room()
        wait_for(agent.is_up, 10, "the agent answers")
        wait_for(lambda: all(a.alive() == ["n1", "n2", "n3"] for a in cluster.agents), 20, "all are there")
        wait_for(lambda: len({a.digest() for a in cluster.agents}) == 1, 20, "one table")
        made, ended = list(orders.outcome.values()), list(orders.ended.values())
        count = {k: made.count(k) + ended.count(k) for k in ("done", "refused", "unsure")}
        print(f"{sum(count.values())} orders in {took:.1f} s: {count['done']} done, {count['refused']} refused, "
              f"{count['unsure']} may stand; the disk was full {n_filled} times, the agent died {n_deaths} times",
              flush=True)
        for each in cluster.agents:
            self.assertEqual(orders.wrong(names(each)), [], each.name)
        self.assertEqual(sum(count.values()), self.N)
        self.assertGreater(count["done"], self.N // 10)
        self.assertGreater(count["refused"], self.N // 100)
        # What is on the disk says the same.
        agent.stop()
        agent.start()
        cluster.whole()
        self.assertEqual(orders.wrong(names(agent)), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
