"""Disks that are full at a start or fill up later, have no inodes left, or answer errors: the agent lives,
says so on every node, keeps its work (or gives it away), and mends itself."""

import errno
import fcntl
import os
import random
import shutil
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from cluster import Cluster, job, needs_root, wait_for
from failing_calls import FailingCalls

LEFT = [0, 4096, 65536, 1 << 20]  # bytes that are free at a start
MENDS_S = 10


class Mount:
    """A file system of our own, gone with the test."""

    def __init__(self, test, *words):
        self.path = tempfile.mkdtemp(prefix="stratos-disk.")
        test.addCleanup(shutil.rmtree, self.path, ignore_errors=True)
        if subprocess.run(["mount", *words, self.path], capture_output=True).returncode != 0:
            test.skipTest(f"cannot mount: {' '.join(words)}")
        test.addCleanup(subprocess.run, ["umount", "-l", self.path], capture_output=True)

    @property
    def data(self):
        return os.path.join(self.path, "data")

    @property
    def filler(self):
        return os.path.join(self.path, "filler")

    def fill(self, left=0):
        with open(self.filler, "ab", buffering=0) as file:
            size = 1 << 16
            while size >= 4096:
                try:
                    size = size if file.write(b"x" * size) == size else size // 2
                except OSError:
                    size //= 2
            os.ftruncate(file.fileno(), max(0, os.fstat(file.fileno()).st_size - left))

    def make_room(self):
        try:
            os.unlink(self.filler)
        except FileNotFoundError:
            pass


def tmpfs(test, options="size=24m"):
    return Mount(test, "-t", "tmpfs", "-o", options, "tmpfs")


def get(agent, path):
    try:
        with urllib.request.urlopen(f"http://{agent.http}:7781{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def disk_of(observer, name):
    """What `observer` says of that member's disk: "full", "broken", or "ok"."""
    answer = observer.run("members", "--json")
    found = [m for m in answer.data if m["name"] == name] if answer.code == 0 else []
    return found[0].get("disk", {}).get("state", "ok") if found else None


def is_well(agent):
    try:
        return get(agent, "/healthz")[0] == 200
    except OSError:  # it is just starting
        return False


@needs_root
class Disk(unittest.TestCase):
    def cluster(self, nodes, mounts):
        """`mounts` by number of node, from 1 on."""
        cluster = Cluster(nodes, profile="local")
        for number, mount in mounts.items():
            cluster[number - 1].data = mount.data
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster

    def expect_full(self, agent, observers, ready, takes_orders=False):
        wait_for(agent.is_up, 5, lambda: agent.logged()[-1500:])
        for observer in observers:
            wait_for(lambda: disk_of(observer, agent.name) == "full", 5,
                     lambda: f"{observer.name} of {agent.name}: {observer.run('members')}\n{agent.logged()[-1500:]}")
            self.assertRegex(observer.run("members").out, rf"(?m)^{agent.name} +alive, disk full ")
        code, said = get(agent, "/healthz")
        self.assertEqual(code, 503)
        self.assertRegex(said, r"^disk full: .* free under .*: make room there")
        self.assertEqual(get(agent, "/healthz?live")[0], 200)
        self.assertEqual(get(agent, "/healthz?live=1")[0], 200)
        metrics = agent.metrics()
        self.assertEqual(metrics["stratos_disk_state"], 1)
        self.assertEqual(metrics["stratos_ready"], ready)
        ordered = agent.run("var", "set", "taken" if takes_orders else "refused", agent.name)
        self.assertEqual(ordered.code, 0 if takes_orders else 1, ordered)
        if not takes_orders:
            self.assertIn("disk is full", ordered.err)

    def expect_mended(self, agents, observers):
        for agent in agents:
            wait_for(lambda: is_well(agent), MENDS_S, lambda: f"{get(agent, '/healthz')}\n{agent.logged()[-1500:]}")
        for agent in agents:
            for observer in observers:
                wait_for(lambda: disk_of(observer, agent.name) == "ok", 5, lambda: repr(observer.run("members")))
            self.assertEqual(agent.run("var", "set", f"after-{agent.name}", "1").code, 0)
            wait_for(lambda: self.has_ballast(agent), MENDS_S, lambda: f"{agent.name}: no ballast")
            self.assertEqual(agent.metrics()["stratos_disk_state"], 0)

    def has_ballast(self, agent):
        try:
            st = os.stat(os.path.join(agent.data, "ballast"))
        except FileNotFoundError:
            return False
        self.assertEqual(st.st_mode & 0o777, 0o600)
        return st.st_blocks * 512 >= 7 << 20

    @staticmethod
    def pids(observer, name):
        return {i["name"]: (i["node"], i["pid"], i["restarts"]) for i in observer.instances(name)
                if i["state"] == "running"}

    def test_a_start_at_any_fullness_is_up_says_so_keeps_its_tasks_and_mends(self):
        mounts = {i + 2: tmpfs(self) for i in range(len(LEFT))}
        cluster = self.cluster(5, mounts)
        cluster.__enter__()
        first, small = cluster[0], cluster.agents[1:]
        path = cluster.write("stay.yaml", job("stay", ["sleep", "1000"], 10))
        self.assertEqual(first.run("run", path).code, 0)
        before = self.pids(first, "stay")
        self.assertEqual(len(before), 10)
        for with_ballast in (True, False):
            for agent, left in zip(small, LEFT):
                wait_for(lambda: self.has_ballast(agent), MENDS_S, "a ballast")
                agent.kill()
                if not with_ballast:
                    os.unlink(os.path.join(agent.data, "ballast"))
                mounts[agent.index].fill(left)
                agent.start()
            for agent, left in zip(small, LEFT):
                # Without a ballast the store of all but the last can only be read; its log decides there.
                wait_for(agent.is_up, 5, lambda: agent.logged()[-1500:])
                ready = 1 if with_ballast else agent.metrics()["stratos_ready"]
                self.expect_full(agent, cluster.agents, ready, takes_orders=with_ballast)
                if not with_ballast and left < 1 << 20:
                    self.assertEqual(agent.metrics()["stratos_ready"], 0)
                    self.assertIn("SERVFAIL", agent.dig("x.service.stratos"))
                    second = subprocess.run([*agent.process.args[:-1], "--no-discover"], capture_output=True, text=True,
                                            timeout=10)
                    self.assertEqual(second.returncode, 1)
                    self.assertIn("another agent is running on this data directory", second.stderr)
            self.assertEqual(self.pids(first, "stay"), before)
            for mount in mounts.values():
                mount.make_room()
            self.expect_mended(small, cluster.agents)
        self.assertEqual(self.pids(first, "stay"), before)
        self.assertNotIn("refused", [v["name"] for v in first.json("var", "ls")])
        wait_for(lambda: len({a.digest() for a in cluster.agents}) == 1, 10, "one table")

    def test_orders_that_come_all_the_time_do_not_keep_it_from_mending(self):
        mount = tmpfs(self)
        cluster = self.cluster(2, {2: mount})
        cluster.__enter__()
        agent, is_over = cluster[1], threading.Event()
        agent.kill()
        if self.has_ballast(agent):
            os.unlink(os.path.join(agent.data, "ballast"))
        mount.fill(4096)
        agent.start()
        self.expect_full(agent, cluster.agents, 0)

        def order():
            while not is_over.is_set():
                try:
                    agent.run("var", "set", "k", "1")
                except subprocess.TimeoutExpired:
                    pass  # a busy host

        customers = [threading.Thread(target=order, daemon=True) for _ in range(3)]
        for customer in customers:
            customer.start()
        time.sleep(1)
        mount.make_room()
        try:
            self.expect_mended([agent], cluster.agents)
        finally:
            is_over.set()
        for customer in customers:
            customer.join(20)

    def test_a_first_start_on_a_full_disk_answers_waits_and_joins(self):
        mounts = {i + 2: tmpfs(self) for i in range(len(LEFT))}
        cluster = self.cluster(5, mounts)
        for agent, left in zip(cluster.agents[1:], [0, 4096, 65536, 512 << 10]):
            mounts[agent.index].fill(left)
            agent.start()
        cluster[0].start()
        for agent in cluster.agents[1:]:
            self.expect_own(agent)
        self.assertEqual(cluster[0].alive(), ["n1"])
        for mount in mounts.values():
            mount.make_room()
        self.expect_mended(cluster.agents[1:], [])
        cluster.whole()

    def expect_own(self, agent):
        wait_for(agent.is_up, 5, lambda: agent.logged()[-1500:])
        own = agent.json("members")
        self.assertEqual([(m["name"], m["disk"]["state"], m["disk"]["waiting"]) for m in own],
                         [(agent.name, "full", True)])
        said = agent.run("members")
        self.assertIn("waits for that before it joins the others", said.err)
        self.assertEqual(get(agent, "/healthz")[0], 503)
        self.assertEqual(get(agent, "/healthz?live")[0], 200)
        for words in (["var", "set", "k", "1"], ["leave"], ["join", "127.0.0.1"]):
            refused = agent.run(*words)
            self.assertEqual(refused.code, 1, refused)
            self.assertIn("has not joined the others yet, for its disk is full", refused.err)
        self.assertIn("state=waiting", agent.logged())
        self.assertIsNone(agent.process.poll())

    def test_a_disk_that_fills_up_gets_no_new_work_and_one_event_each_way(self):
        mount = tmpfs(self)
        cluster = self.cluster(3, {2: mount})
        cluster.__enter__()
        n1, n2, n3 = cluster
        path = cluster.write("stay.yaml", job("stay", ["sleep", "1000"], 3))
        self.assertEqual(n1.run("run", path).code, 0)
        before = self.pids(n1, "stay")
        mount.fill()
        self.expect_full(n2, cluster.agents, 1)
        self.assertEqual(n1.run("scale", "stay", "8").code, 0)
        wait_for(lambda: len(self.pids(n1, "stay")) == 8, 10, lambda: n1.run("status", "stay").out)
        after = self.pids(n1, "stay")
        self.assertEqual({k: after[k] for k in before}, before)
        self.assertNotIn("n2", [node for name, (node, _, _) in after.items() if name not in before])
        why = n1.run("why", "stay.7").out
        self.assertIn("its disk is full", why)
        mount.make_room()
        self.expect_mended([n2], cluster.agents)
        for agent in cluster:
            said = [(e["subject"], e["state"]) for e in agent.json("events") if e["kind"] == "disk"]
            self.assertEqual(said, [("n2", "full"), ("n2", "ok")], agent.name)
        self.assertEqual(n2.logged().count("warn disk name=n2 state=full"), 1)
        self.assertLess(n2.logged().count("error store state=failing"), 4)

    def test_without_inodes_a_disk_is_full(self):
        mount = tmpfs(self, "size=64m,nr_inodes=200")
        cluster = self.cluster(2, {2: mount})
        cluster.__enter__()
        n1, n2 = cluster
        files = os.path.join(mount.path, "files")
        for is_start in (False, True):
            os.mkdir(files)
            for i in range(1000):
                try:
                    os.mkdir(os.path.join(files, str(i)))
                except OSError:
                    break
            if is_start:
                n2.kill()
                n2.start()
                wait_for(n2.is_up, 5, lambda: n2.logged()[-1500:])
            wait_for(lambda: disk_of(n1, "n2") == "full", 6, lambda: n2.logged()[-1500:])
            self.assertRegex(get(n2, "/healthz")[1], "more files can be made under .*: remove some there")
            refused = n2.run("var", "set", "refused", "1")
            self.assertEqual(refused.code, 1, refused)
            shutil.rmtree(files)
            self.expect_mended([n2], [n1])

    def test_rounds_of_filling_and_killing_end_no_agent_and_lose_nothing(self):
        mount = tmpfs(self)
        cluster = self.cluster(2, {2: mount})
        cluster.__enter__()
        n1, n2 = cluster
        dice = random.Random(int(os.environ.get("E2E_SEED", "7")))
        is_over = threading.Event()

        def churn():
            while not is_over.is_set():
                mount.fill(dice.choice([0, 0, 4096, 300000, 1 << 20, 3 << 20]))
                is_over.wait(dice.random() * 0.3)
                if dice.random() < 0.6:
                    mount.make_room()
                    is_over.wait(dice.random() * 0.2)
        thread = threading.Thread(target=churn)
        thread.start()
        acked = []
        try:
            for i in range(20):
                for k in range(dice.randrange(4)):
                    asked = dice.choice([n1, n2])
                    name = f"k{i}-{k}"
                    if asked.run("var", "set", name, "x" * dice.choice([10, 30000]), timeout=20).code == 0:
                        acked.append(name)
                time.sleep(dice.random() * 0.4)
                self.assertIsNone(n2.process.poll(), n2.logged()[-3000:])
                n2.kill()
                n2.start()
        finally:
            is_over.set()
            thread.join()
        mount.make_room()
        self.expect_mended([n2], [n1])
        self.assertIsNone(n2.process.poll())
        self.assertNotIn("Assertion", n2.logged())
        self.assertNotIn("damaged", n2.logged())
        wait_for(lambda: n1.digest() == n2.digest(), 10, "one table")
        there = {v["name"] for v in n2.json("var", "ls")}
        self.assertEqual(set(acked) - there, set())
        self.assertTrue(acked, "something was acknowledged")


@needs_root
class Broken(unittest.TestCase):
    def cluster(self, nodes, data=None):
        cluster = Cluster(nodes, profile="local")
        if data:
            cluster[1].data = data
        self.addCleanup(cluster.__exit__, None, None, None)
        return cluster

    def expect_broken(self, cluster, cause):
        n2 = cluster[1]
        for observer in cluster:
            wait_for(lambda: disk_of(observer, "n2") == "broken", 10,
                     lambda: f"{observer.run('members')}\n{n2.logged()[-2000:]}")
            self.assertRegex(observer.run("members").out, r"(?m)^n2 +alive, disk broken ")
        code, said = get(n2, "/healthz")
        self.assertEqual(code, 503)
        self.assertRegex(said, f"^disk broken: .*{cause}")
        self.assertEqual(get(n2, "/healthz?live")[0], 200)
        self.assertEqual(n2.metrics()["stratos_disk_state"], 2)
        refused = n2.run("var", "set", "refused", "1")
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("this node's disk is broken", refused.err)
        self.assertIsNone(n2.process.poll())

    def expect_moved(self, cluster, name, count):
        rest = [a.name for a in cluster if a.name != "n2"]
        wait_for(lambda: len(cluster[0].healthy(name)) == count and
                 {i["node"] for i in cluster[0].healthy(name)} <= set(rest), 20,
                 lambda: f"{cluster[0].run('status', name).out}\n{cluster[1].logged()[-2000:]}")

    def test_a_disk_whose_syncs_fail_is_broken_until_it_is_well_for_a_minute(self):
        cluster = self.cluster(3)
        n1, n2, n3 = cluster
        calls = FailingCalls(os.path.join(cluster.dir, "calls"))
        self.addCleanup(calls.close)
        n2.wrapper = calls.prefix()
        cluster.__enter__()
        path = cluster.write("web.yaml", job("web", ["sleep", "1000"], 6))
        self.assertEqual(n1.run("run", path).code, 0)
        self.assertEqual(len([i for i in n1.healthy("web") if i["node"] == "n2"]), 2)
        calls.error = errno.EIO
        self.assertEqual(n2.run("var", "set", "unsure", "1").code, 1)
        self.expect_broken(cluster, "Input/output error")
        self.expect_moved(cluster, "web", 6)
        self.assertIn("its disk is broken", n1.run("why", "web.0").out)
        calls.error = 0
        wait_for(lambda: "watched for a minute" in get(n2, "/healthz")[1], MENDS_S, lambda: n2.logged()[-2000:])
        self.assertEqual(disk_of(n1, "n2"), "broken")
        if os.environ.get("E2E_SLOW"):
            wait_for(lambda: disk_of(n1, "n2") == "ok", 75, lambda: n2.logged()[-2000:])
            self.assertEqual(n2.run("var", "set", "after", "1").code, 0)
            self.assertEqual(n1.run("scale", "web", "9").code, 0)
            wait_for(lambda: "n2" in [i["node"] for i in n1.healthy("web")], 10, lambda: n1.run("status", "web").out)
        n2.kill()
        n2.start()
        wait_for(lambda: disk_of(n1, "n2") == "ok" and is_well(n2), 15, lambda: n2.logged()[-2000:])
        wait_for(lambda: n1.digest() == n2.digest() == n3.digest(), 10, "one table")

    def test_what_a_failing_disk_has_damaged_is_written_anew_from_memory(self):
        cluster = self.cluster(1)
        agent = cluster[0]
        calls = FailingCalls(os.path.join(cluster.dir, "calls"))
        self.addCleanup(calls.close)
        agent.wrapper = calls.prefix()
        cluster.__enter__()
        for i in range(30):
            self.assertEqual(agent.run("var", "set", f"k{i}", str(i)).code, 0)
        calls.error = errno.EIO
        self.assertEqual(agent.run("var", "set", "unsure", "1").code, 1)
        wait_for(lambda: disk_of(agent, "n1") == "broken", 10, lambda: agent.logged()[-2000:])
        wait_for(lambda: calls.n_failed > 1, 10, "it was tried again")
        time.sleep(0.5)  # and given up: the store is shut for some seconds
        store = os.path.join(agent.data, "store")
        for name in os.listdir(store):
            if name.startswith("MANIFEST") or name == "CURRENT":
                with open(os.path.join(store, name), "wb") as f:
                    f.write(b"garbage")
        calls.error = 0
        wait_for(lambda: "watched for a minute" in get(agent, "/healthz")[1], MENDS_S, lambda: agent.logged()[-2000:])
        self.assertIn("state=damaged", agent.logged())
        wait_for(lambda: any(n.startswith("store.damaged-") for n in os.listdir(agent.data)), 1, "it is set aside")
        time.sleep(1)
        agent.kill()
        agent.start()
        wait_for(agent.is_up, 10, lambda: agent.logged()[-2000:])
        there = {v["name"] for v in agent.json("var", "ls")}
        self.assertEqual({f"k{i}" for i in range(30)} - there, set())

    def test_a_file_system_that_was_shut_down_is_broken_also_at_a_start(self):
        back = tmpfs(self, "size=100m")
        image = os.path.join(back.path, "image")
        with open(image, "wb") as file:
            file.truncate(80 << 20)
        made = subprocess.run(["mkfs.ext4", "-q", "-F", image], capture_output=True) if shutil.which("mkfs.ext4") else None
        if not made or made.returncode != 0:
            self.skipTest("cannot make an ext4")
        mount = Mount(self, "-t", "ext4", "-o", "loop", image)
        cluster = self.cluster(3, mount.data)
        cluster.__enter__()
        n1, n2, n3 = cluster
        path = cluster.write("web.yaml", job("web", ["sleep", "1000"], 6))
        self.assertEqual(n1.run("run", path).code, 0)
        fd = os.open(mount.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, 0x8004587D, struct.pack("I", 2))  # EXT4_IOC_SHUTDOWN: every call is EIO from now on
        except OSError as e:
            self.skipTest(f"cannot shut a file system down: {e}")
        finally:
            os.close(fd)
        self.assertEqual(n2.run("var", "set", "refused", "1").code, 1)
        self.expect_broken(cluster, "Input/output error")
        self.expect_moved(cluster, "web", 6)
        n2.kill()
        n2.start()
        wait_for(n2.is_up, 5, lambda: n2.logged()[-2000:])
        self.assertRegex(get(n2, "/healthz")[1], "^disk broken: .*Input/output error")
        self.assertIsNone(n2.process.poll())
        self.assertEqual(n1.run("var", "set", "k", "1").code, 0)

    def test_a_disk_that_became_read_only_is_broken_at_a_start_and_mends(self):
        mount = tmpfs(self)
        cluster = self.cluster(2, mount.data)
        cluster.__enter__()
        n1, n2 = cluster
        n2.kill()
        self.assertEqual(subprocess.run(["mount", "-o", "remount,ro", mount.path]).returncode, 0)
        n2.start()
        wait_for(n2.is_up, 5, lambda: n2.logged()[-2000:])
        self.expect_broken(cluster, "Read-only file system")
        self.assertEqual(subprocess.run(["mount", "-o", "remount,rw", mount.path]).returncode, 0)
        wait_for(lambda: "watched for a minute" in get(n2, "/healthz")[1], MENDS_S, lambda: n2.logged()[-2000:])
        self.assertEqual(n2.metrics()["stratos_ready"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
