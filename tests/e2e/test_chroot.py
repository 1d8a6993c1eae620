"""An agent in a chroot: a plain directory with the static binary and nothing else.

Mounts are made in a mount namespace of its own that shares them with nobody outside, but within it every mount
is shared, as systemd's hosts have it: what a task's sandbox leaks would be seen."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from cluster import STRATOS, Answer, needs_root, wait_for

ENTER = """set -e
mount --make-rprivate /
mount --make-rshared /
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
ip link set lo up
exec chroot "$@"
"""


def is_static():
    with open(STRATOS, "rb") as binary:
        return b"/lib64/ld-linux" not in binary.read(4096)


@needs_root
class Chroot(unittest.TestCase):
    def setUp(self):
        if not is_static():
            self.skipTest("this build is not static: it does not run alone in a directory")
        self.root = tempfile.mkdtemp(prefix="stratos-chroot.", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.root, True)
        for name in ("proc", "sys", "dev", "tmp", "run", "etc", "data"):
            os.mkdir(os.path.join(self.root, name))
        try:
            os.mknod(os.path.join(self.root, "dev/null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
            open(os.path.join(self.root, "dev/null"), "rb").close()
        except OSError as error:
            self.skipTest(f"cannot make a device: {error}")
        shutil.copy(STRATOS, os.path.join(self.root, "stratos"))
        secret = os.path.join(self.root, "etc/secret")
        with open(secret, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            subprocess.run([STRATOS, "secret", "new"], stdout=file, check=True)
        if subprocess.run(["unshare", "-m", "-n", "bash", "-c", ENTER, "enter", self.root, "/stratos", "version"],
                          capture_output=True).returncode != 0:
            self.skipTest("cannot make mount and network namespaces, or mount in them")
        self.log = open(os.path.join(self.root, "log"), "wb")
        self.addCleanup(self.log.close)
        self.agent = subprocess.Popen(
            ["unshare", "-m", "-n", "bash", "-c", ENTER, "enter", self.root, "/stratos", "agent", "--name", "n1",
             "--data", "/data", "--secret-file", "/etc/secret", "--socket", "/run/sock", "--no-discover",
             "--bind", "127.0.0.1:7780", "--http", "off", "--dns", "off", "--tasks-die"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.addCleanup(self.end)

    def end(self):
        self.agent.terminate()
        try:
            self.agent.wait(10)
        except subprocess.TimeoutExpired:
            self.agent.kill()
            self.agent.wait()

    def run_cli(self, *words):
        done = subprocess.run([STRATOS, *words, "--socket", os.path.join(self.root, "run/sock")], capture_output=True,
                              text=True, timeout=60, cwd=self.root)
        return Answer(done)

    def mounts(self):
        with open(f"/proc/{self.agent.pid}/mountinfo") as file:
            return [line.split()[4] for line in file]

    def logged(self):
        with open(self.log.name) as file:
            return file.read()

    def test_tasks_run_confined_where_the_root_is_no_mount_point(self):
        wait_for(lambda: self.run_cli("members").code == 0, 10, self.logged)
        before = self.mounts()
        self.assertNotIn("/", before, "the root is a plain directory")
        path = os.path.join(self.root, "web.yaml")
        with open(path, "w") as file:
            json.dump({"job": "web", "count": 2, "task": {"command": ["/stratos", "demo-http"]},
                       "ports": {"http": "dynamic"}, "health": [{"http": "/health", "port": "http", "name": "up"}],
                       "update": {"min_healthy_time": "100ms"}}, file)
        answer = self.run_cli("run", path, "--timeout", "20s")
        self.assertEqual(answer.code, 0, (answer, self.run_cli("status", "web"), self.logged()))
        instances = self.run_cli("status", "web", "--json").data["instances"]
        self.assertEqual([i["health"] for i in instances], ["passing", "passing"])
        for instance in instances:
            seen = f"/proc/{instance['pid']}/root"
            self.assertEqual(os.listdir(f"{seen}/data/tasks"), [f"default.{instance['name']}"])
            self.assertEqual(os.listdir(f"{seen}/tmp"), [])
            self.assertEqual(sorted(p for p in os.listdir(f"{seen}/proc") if p.isdigit()), ["1", "2"])
            with self.assertRaises(OSError):
                open(f"{seen}/etc/new", "w")
            self.assertTrue(os.path.exists(f"{seen}/dev/null"))
        self.assertEqual(self.mounts(), before, "what a sandbox mounts is its own")
        self.assertEqual(os.listdir(os.path.join(self.root, "dev")), ["null"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
