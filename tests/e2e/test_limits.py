"""What a task gets of its host, on real agents: shares and caps of CPU, resource limits, swap, its own directory
over versions, and groups that no other agent's are."""

import glob
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
import unittest

import cluster
from cluster import STRATOS, Agent, Cluster, wait_for

# A binary of that version, where test_upgrade.py builds it; rows about it are skipped without.
OLD = os.environ.get("STRATOS_0_1_0", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/base-0.1.0/src"
                                                   "/build/release/stratos"))

# An agent that was started with other limits than tasks should have, and at low priority.
ODD = ["prlimit", "--nofile=5000:", "--memlock=1234567:", "--msgqueue=1000:", "--sigpending=77:", "--nproc=5000:",
       "--stack=1000000:", "--data=9000000000:", "--fsize=8000000000:",
       "ionice", "-c", "3", "nice", "-n", "5"]


def may_raise():
    with open("/proc/self/status") as file:
        caps = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff"))
    return bool(caps >> 24 & 1)  # CAP_SYS_RESOURCE


def given(number, wanted):
    """What an agent can give of it: some containers' root may raise nothing."""
    hard = resource.getrlimit(number)[1]
    return str(wanted if may_raise() or hard == resource.RLIM_INFINITY else min(wanted, hard))


def controller_file(pid, v1, v2):
    """The content of a control file of the task's group; None if there is none."""
    with open(f"/proc/{pid}/cgroup") as file:
        rows = [line.strip().split(":", 2) for line in file if "/stratos/" in line]
    for _, controllers, path in rows:
        for place, name in (("/sys/fs/cgroup/" + controllers, v1[1]), ("/sys/fs/cgroup", v2)):
            if controllers in ("", v1[0]) and os.path.exists(f"{place}{path}/{name}"):
                with open(f"{place}{path}/{name}") as content:
                    return content.read().strip()
    return None


def groups_of(pid):
    with open(f"/proc/{pid}/cgroup") as file:
        return [line.strip().split(":", 2)[2] for line in file if "stratos/" in line]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limits_of(text):
    """Of /proc/PID/limits: name -> (soft, hard)."""
    rows = {}
    for line in text.splitlines()[1:]:
        words = line[26:].split()
        rows[line[:26].strip()] = (words[0], words[1])
    return rows


class Base(unittest.TestCase):
    prefixes = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        cls.cluster = Cluster(1, profile="local", prefixes=cls.prefixes)
        cls.cluster.__enter__()
        cls.agent = cls.cluster[0]
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)

    def submit(self, name, task, **more):
        path = self.cluster.write(f"{name}.json", json.dumps(
            {"job": name, "task": task, "restart": {"attempts": 0}, **more}))
        return self.agent.run("run", path, "--timeout", "20s")

    def run_job(self, name, task, **more):
        answer = self.submit(name, task, **more)
        self.assertEqual(answer.code, 0, answer)
        self.addCleanup(self.agent.run, "rm", name, "-y")
        return self.agent.instances(name)[0]["pid"]

    def work(self, name, file):
        return os.path.join(self.agent.data, "tasks", f"default.{name}.0", "work", file)

    def read(self, name, file):
        path = self.work(name, file)
        wait_for(lambda: os.path.exists(path), 10, f"{path} is there")
        with open(path) as content:
            return content.read()


class Limits(Base):
    prefixes = [ODD]

    # ---- CPU ----

    def used(self, pid, seconds=2):
        before = cpu_seconds(pid)
        time.sleep(seconds)
        return (cpu_seconds(pid) - before) / seconds

    def test_the_usual_share_is_no_cap(self):
        pid = self.run_job("alone", {"command": ["sh", "-c", "while :; do :; done"]})
        self.assertIn(controller_file(pid, ("cpu", "cpu.cfs_quota_us"), "cpu.max"), ("-1", "max 100000"))
        wait_for(lambda: cpu_seconds(pid) > 1, 60, "it has run for a second")  # others may use this host
        stat = dict(line.split() for line in controller_file(pid, ("cpu", "cpu.stat"), "cpu.stat").splitlines())
        self.assertEqual(stat.get("nr_throttled", "0"), "0")
        if os.getloadavg()[0] < os.cpu_count():
            self.assertGreater(max(self.used(pid) for _ in range(5)), 0.3)  # with a quota of 0.1 it could not

    def test_a_cap_holds_and_leaves_the_share_alone(self):
        pid = self.run_job("capped", {"command": ["sh", "-c", "while :; do :; done"], "resources": {"cpu": 2},
                                      "limits": {"cpu": 0.2}})
        self.assertIn(controller_file(pid, ("cpu", "cpu.cfs_quota_us"), "cpu.max"),
                      ("20000", "20000 100000"))
        self.assertIn(controller_file(pid, ("cpu", "cpu.shares"), "cpu.weight"), ("2048", "79"))
        self.assertLess(self.used(pid, 3), 0.3)
        reserved = self.agent.json("members")[0]["reserved"]["cpu"]
        self.assertGreaterEqual(reserved, 2)

    # ---- resource limits ----

    def inside(self, name, task):
        self.run_job(name, {"command": ["sh", "-c", "cat /proc/self/limits > .l; cut -d')' -f2 /proc/self/stat > s; "
                                        "mv .l l; sleep 1000"], **task})
        return limits_of(self.read(name, "l")), self.read(name, "s").split()

    def test_none_is_the_agents(self):
        for user, pids in ((None, 70), ("nobody", 65536)):
            task = {"resources": {"pids": 70}, **({"user": user} if user else {})}
            rows, stat = self.inside(f"usual-{user or 'root'}".lower(), task)
            for name, number, wanted in (("open files", resource.RLIMIT_NOFILE, 65536),
                                         ("core file size", resource.RLIMIT_CORE, 0),
                                         ("locked memory", resource.RLIMIT_MEMLOCK, 8 << 20),
                                         ("msgqueue size", 12, 819200),
                                         ("processes", resource.RLIMIT_NPROC, pids),
                                         ("pending signals", 11, pids)):
                self.assertEqual(rows[f"Max {name}"], (given(number, wanted),) * 2, name)
            self.assertEqual(rows["Max stack size"][0], str(8 << 20))
            for name in ("data size", "address space", "file size", "cpu time", "resident set", "file locks",
                         "realtime timeout"):
                self.assertEqual(rows[f"Max {name}"], ("unlimited", "unlimited"), name)
            self.assertEqual(rows["Max nice priority"], ("0", "0"))
            self.assertEqual(rows["Max realtime priority"], ("0", "0"))
            self.assertEqual(stat[16], "0", "nice")
        self.assertIn("none: prio 0", subprocess.run(["ionice", "-p", str(self.agent.instances("usual-root")[0]["pid"])],
                                                     capture_output=True, text=True).stdout)
        short = given(resource.RLIMIT_NOFILE, 65536) != "65536"
        self.assertEqual("rlimits=" in self.agent.logged(), short)

    def test_those_that_a_job_asks_for_are_soft_and_hard(self):
        rows, _ = self.inside("asked", {"user": "nobody", "rlimits": {
            "nofile": 1000, "core": "1M", "memlock": "4M", "msgqueue": "64K", "nproc": 1234, "sigpending": 99,
            "stack": "16M", "data": "1G", "as": "2G", "fsize": "3G", "cpu": "2h"}})
        for name, value in (("open files", 1000), ("core file size", 1 << 20), ("locked memory", 4 << 20),
                            ("msgqueue size", 64 << 10), ("processes", 1234), ("pending signals", 99),
                            ("stack size", 16 << 20), ("data size", 1 << 30), ("address space", 2 << 30),
                            ("file size", 3 << 30), ("cpu time", 7200)):
            self.assertEqual(rows[f"Max {name}"], (str(value), str(value)), name)

    def test_one_that_cannot_be_given_is_refused_by_name(self):
        answer = self.submit("greedy", {"command": ["sleep", "1000"], "rlimits": {"nofile": 4000000000}})
        self.addCleanup(self.agent.run, "rm", "greedy", "-y")
        self.assertNotEqual(answer.code, 0)
        told = self.agent.run("why", "greedy.0").out + self.agent.run("status", "greedy").out
        self.assertIn("rlimits.nofile", told)

    # ---- swap ----

    def test_swap_is_limited_or_that_it_is_not_is_said(self):
        pids = [self.run_job("swapless", {"command": ["sleep", "1000"], "resources": {"memory": "32M"}}),
                self.run_job("swapping", {"command": ["sleep", "1000"], "resources": {"memory": "32M"},
                                          "limits": {"swap": "16M"}})]
        attributes = self.agent.json("members")[0]["attributes"]
        self.assertIn(attributes["cgroup"], ("root", "delegated", "container"))
        names = ("memory", "memory.memsw.limit_in_bytes"), "memory.swap.max"
        found = [controller_file(pid, *names) for pid in pids]
        if attributes["swap"] == "limited":
            self.assertIn(found, ([str(32 << 20), str(48 << 20)], ["0", str(16 << 20)]))
        else:
            self.assertEqual(found, [None, None])
        with open("/proc/swaps") as file:
            has_swap = len(file.readlines()) > 1
        self.assertEqual(attributes["swap"] == "not-limited", has_swap and found[0] is None)
        self.assertEqual("swap=\"not limited\"" in self.agent.logged(), attributes["swap"] == "not-limited")

    # ---- its own directory ----

    def test_work_is_kept_by_a_restart_and_new_for_another_version(self):
        script = "echo saw $(ls -A) >> all; touch mine; sleep 1000"
        self.run_job("own", {"command": ["sh", "-c", script], "user": "nobody", "env": {"A": "1"}})
        self.assertEqual(self.read("own", "all"), "saw\n")
        self.assertEqual(self.agent.run("restart", "own", "--timeout", "20s").code, 0)
        wait_for(lambda: self.read("own", "all").count("\n") == 2, 20, "it started again")
        self.assertEqual(self.read("own", "all"), "saw\nsaw all mine\n")
        answer = self.submit("own", {"command": ["sh", "-c", script], "user": "daemon", "env": {"A": "2"}})
        self.assertEqual(answer.code, 0, answer)
        self.assertEqual(self.read("own", "all"), "saw\n")
        self.assertEqual(os.stat(self.work("own", "")).st_uid, os.stat(self.work("own", "all")).st_uid)
        trash = os.path.join(self.agent.data, "trash")
        wait_for(lambda: not os.listdir(trash), 10, "what was there is deleted")


class Groups(Base):
    def test_two_agents_of_one_path_do_not_end_each_others_tasks(self):
        """As two containers are: the same data directory, other file systems, one kernel."""
        where = tempfile.mkdtemp(prefix="stratos-same.", dir="/run")
        self.addCleanup(shutil.rmtree, where, True)
        pids = []
        for _ in range(2):
            c = Cluster(1, profile="local", prefixes=[["unshare", "-m", "sh", "-c",
                                                      f'mount -t tmpfs none {where} && exec "$@"', "sh"]])
            agent = c[0]
            agent.data = f"{where}/data"
            agent.__class__ = Elsewhere
            self.addCleanup(c.__exit__, None, None, None)
            agent.start()
            wait_for(agent.is_up, 20, "the agent is up")
            path = c.write("same.json", json.dumps({"job": "same", "task": {"command": ["sleep", "1000"]}}))
            answer = agent.run("run", path, "--timeout", "20s")
            self.assertEqual(answer.code, 0, answer)
            pids.append(agent.instances("same")[0]["pid"])
            self.addCleanup(agent.run, "rm", "same", "-y")
        self.assertTrue(os.path.exists(f"/proc/{pids[0]}"), "the other's start ended it")
        one, two = (groups_of(pid) for pid in pids)
        self.assertTrue(one and two)
        self.assertFalse(set(one) & set(two))

    def test_no_group_is_left_by_looking_at_the_host(self):
        left = [path for path in glob.glob("/sys/fs/cgroup/*/stratos/*/probe") + glob.glob(
            "/sys/fs/cgroup/stratos/*/probe")]
        self.assertEqual(left, [])


class Elsewhere(Agent):
    @property
    def http(self):
        return self.address


@unittest.skipUnless(os.access(OLD, os.X_OK), "no binary of 0.1.0: `make base`, or set STRATOS_0_1_0")
class Upgrade(unittest.TestCase):
    def door(self, agent, pid):
        """A process in that task's groups asks the agent over its socket."""
        with open(f"/proc/{pid}/cgroup") as file:
            rows = [line.strip().split(":", 2) for line in file if "/stratos/" in line]
        places = [f"/sys/fs/cgroup/{c}{p}/cgroup.procs" if c else f"/sys/fs/cgroup{p}/cgroup.procs" for _, c, p in rows]
        script = "for g in %s; do echo $$ > $g; done; exec %s members --socket %s" % (
            " ".join(places), STRATOS, agent.socket)
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=20)
        return done.returncode != 0 and "task" in done.stderr

    def test_tasks_of_0_1_0_keep_their_groups_and_quota_until_their_next_start(self):
        with Cluster(1, profile="local") as c:
            agent = c[0]
            agent.stop()
            shutil.rmtree(agent.data)
            new, cluster.STRATOS = cluster.STRATOS, OLD
            agent.program = OLD
            try:
                agent.start()
                wait_for(agent.is_up, 20, "the old agent is up")
                path = c.write("old.json", json.dumps(
                    {"job": "old", "task": {"command": ["sh", "-c", "echo >> starts; exec sleep 1000"]}}))
                answer = agent.run("run", path, "--timeout", "20s")
                self.assertEqual(answer.code, 0, answer)
                agent.stop()
            finally:
                agent.program = cluster.STRATOS = new
            agent.start()
            wait_for(lambda: agent.is_up() and agent.healthy("old"), 20, "the task is found")
            pid = agent.instances("old")[0]["pid"]
            before = groups_of(pid)
            quota = ("cpu", "cpu.cfs_quota_us"), "cpu.max"
            self.assertIn(controller_file(pid, *quota), ("10000", "10000 100000"))
            self.assertTrue(self.door(agent, pid))  # it is ours at the door
            self.assertEqual(agent.run("restart", "old", "--timeout", "20s").code, 0)
            wait_for(lambda: agent.healthy("old") and agent.healthy("old")[0]["pid"] != pid, 20, "it started again")
            now = agent.healthy("old")[0]["pid"]
            self.assertFalse(set(before) & set(groups_of(now)))
            self.assertIn(controller_file(now, *quota), ("-1", "max 100000"))
            with open(os.path.join(agent.data, "tasks/default.old.0/work/starts")) as file:
                self.assertEqual(len(file.readlines()), 2, "a restart of one version keeps its directory")
            for group in before:
                self.assertEqual(glob.glob(f"/sys/fs/cgroup/*{group}"), [], "its old group is left")
            agent.run("rm", "old", "-y")


if __name__ == "__main__":
    unittest.main(verbosity=2)
