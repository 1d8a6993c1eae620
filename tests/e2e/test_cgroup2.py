"""The whole agent on a machine whose only control groups are v2: a small virtual machine with this binary,
busybox and nothing else.  Needs qemu-system-x86, a kernel in /boot, busybox-static and cpio; skips without."""

import glob
import os
import platform
import re
import shutil
import subprocess
import tempfile
import unittest

from cluster import STRATOS

HEAD = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /tmp /run /var/lib /var/tmp /usr /opt /root
mount -t devpts devpts /dev/pts; mount -t tmpfs shm /dev/shm; mount -t tmpfs tmp /tmp; mount -t tmpfs run /run
ip link set lo up; hostname two
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/init
for p in $(cat /sys/fs/cgroup/cgroup.procs); do echo $p > /sys/fs/cgroup/init/cgroup.procs 2>/dev/null; done
S=/bin/stratos
umask 077; $S secret new > /etc/secret; umask 022
AGENT="$S agent --name two --data /var/lib/s --secret-file /etc/secret --bind 127.0.0.1:7780 --socket /run/s.sock \\
   --no-discover --profile local --cpu 2 --memory 256M"
export STRATOS_SOCKET=/run/s.sock
up() { i=0; while [ $i -lt 50 ] && ! $S members >/dev/null 2>&1; do sleep 0.2; i=$((i + 1)); done; }
"""

LIMITS = """
$AGENT 2>/tmp/agent.log &
up
echo "BEGIN $(cat /sys/fs/cgroup/cgroup.controllers)"
$S run /jobs/calm.yaml --timeout 60s 2>&1
for g in $(find /sys/fs/cgroup -name memory.max -path '*default.calm.0*'); do
    d=$(dirname $g); echo "LIMIT $(basename $d) $(cat $d/memory.max) $(cat $d/pids.max) $(cat $d/cpu.max)"
    echo "MORE $(cat $d/memory.high) $(cat $d/memory.swap.max) $(cat $d/cpu.weight)"
    echo "FILES $(grep 'open files' /proc/$(head -n 1 $d/cgroup.procs)/limits)"
    for p in $(cat $d/cgroup.procs); do grep 'open files' /proc/$p/limits; done
done
$S run /jobs/capped.yaml --timeout 60s 2>&1
echo "CAPPED $(cat $(find /sys/fs/cgroup -path '*default.capped.0/cpu.max')) \\
$(cat $(find /sys/fs/cgroup -path '*default.capped.0/memory.swap.max'))"
echo "NODE $($S members --json | tr -d ' \\n')"
$S rm capped -y 2>&1
$S run /jobs/greedy.yaml --timeout 20s 2>&1
sleep 4; $S status greedy --json 2>/dev/null
$S events 2>/dev/null | grep greedy | tail -n 3
$S rm calm -y 2>&1; $S rm greedy -y 2>&1; sleep 3
echo "LEFT $(find /sys/fs/cgroup -name 'default.*' -type d | wc -l)"
tail -n 3 /tmp/agent.log
"""

# A restart by a shim that was ready before it: its group is beside that of the run that ended.
QUICK = """
spares() { for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline | grep -q " spare $" && echo ${p#/proc/}; done 2>/dev/null | sort -n; }
$AGENT 2>/tmp/agent.log &
up
$S run /jobs/quick.yaml --timeout 60s 2>&1
for round in 1 2 3; do
    i=0; while [ $i -lt 50 ] && [ -z "$(spares)" ]; do sleep 0.2; i=$((i + 1)); done
    sleep 3; ready=$(spares | head -n 1)
    pid=$($S status quick --json | tr -d ' \n' | grep -o '"pid":[0-9]*' | head -n 1 | cut -d: -f2)
    kill -9 $pid; sleep 2
    pid=$($S status quick --json | tr -d ' \n' | grep -o '"pid":[0-9]*' | head -n 1 | cut -d: -f2)
    shim=$(cut -d' ' -f4 /proc/$(cut -d' ' -f4 /proc/$pid/stat)/stat)
    echo "AGAIN $ready $shim $(grep -o 'quick.0.*' /proc/$pid/cgroup)"
done
$S rm quick -y 2>&1; sleep 3
echo "LEFT $(find /sys/fs/cgroup -name 'default.*' -type d | wc -l) $(spares | wc -l)"
cat /tmp/agent.log
"""

# A unit that was given its group, with its processes one level below: restarted while a task lives.
DELEGATED = """
echo "+memory +pids +cpu" > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p /sys/fs/cgroup/unit.service/agent
/bin/helper mark /sys/fs/cgroup/unit.service
for round in 1 2; do
    sh -c "echo \\$\\$ > /sys/fs/cgroup/unit.service/agent/cgroup.procs; exec $AGENT" 2>>/tmp/agent.log &
    up
    [ $round = 2 ] || $S run /jobs/calm.yaml --timeout 60s 2>&1
    sleep 1
    echo "ROUND $round $($S status calm --json | tr -d ' \\n' | grep -o '"pid":[0-9]*')"
    [ $round = 2 ] || { kill $!; wait $!; }
done
echo "NODE $($S members --json | tr -d ' \\n')"
find /sys/fs/cgroup -name default.calm.0 -type d | sed 's/^/GROUP /'
$S rm calm -y 2>&1; sleep 2
echo "LEFT $(find /sys/fs/cgroup -name stratos -type d | wc -l)"
cat /tmp/agent.log
"""

# A container: the root of its namespace has processes, the agent among them.
CONTAINER = """
echo "+memory +pids +cpu" > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p /sys/fs/cgroup/box
sh -c "echo \\$\\$ > /sys/fs/cgroup/box/cgroup.procs; exec /bin/helper box sh -c 'sleep 1000 & exec $AGENT'" 2>/tmp/agent.log &
up
$S run /jobs/calm.yaml --timeout 20s 2>&1
echo "NODE $($S members --json | tr -d ' \\n')"
find /sys/fs/cgroup -name default.calm.0 -type d | sed 's/^/GROUP /'
echo "ROOT $(cat /sys/fs/cgroup/box/cgroup.procs | wc -l) AGENT $(cat /sys/fs/cgroup/box/agent/cgroup.procs | wc -l)"
cat /tmp/agent.log
"""

TAIL = """
echo END
poweroff -f
"""

HELPER = r"""
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    if (strcmp(argv[1], "mark") == 0)
        return setxattr(argv[2], "trusted.delegate", "1", 1, 0) != 0;
    if (unshare(CLONE_NEWCGROUP | CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) ||
        umount2("/sys/fs/cgroup", MNT_DETACH) || mount("none", "/sys/fs/cgroup", "cgroup2", 0, 0))
        return 3;
    execvp(argv[2], argv + 2);
    return 4;
}
"""

CALM = """job: calm
task: {command: [/bin/sleep, "1000"], resources: {cpu: 0.5, memory: 32M, pids: 20}}
"""
CAPPED = """job: capped
task: {command: [/bin/sleep, "1000"], resources: {memory: 32M}, limits: {cpu: 0.25, swap: 8M}}
"""
ALONE = """job: quick
task: {command: [/bin/sleep, "1000"], resources: {memory: 32M, pids: 20}}
restart: {attempts: 60, window: 1s, delay: 0s}
"""
GREEDY = """job: greedy
task:
  command: "x=xxxxxxxxxxxxxxxx; while true; do x=$x$x; done"
  resources: {cpu: 1, memory: 16M}
restart: {attempts: 1, delay: 100ms}
"""


def missing():
    for tool in ("qemu-system-x86_64", "cpio", "cc"):
        if not shutil.which(tool):
            return f"no {tool}"
    if not os.path.exists("/bin/busybox"):
        return "no /bin/busybox"
    if not glob.glob("/boot/vmlinuz-*"):
        return "no kernel in /boot"
    if platform.machine() != "x86_64":
        return "not an x86-64 machine"
    if b"INTERP" in subprocess.run(["readelf", "-l", STRATOS], capture_output=True).stdout:
        return "the binary is not static"
    return None


@unittest.skipIf(missing(), missing())
class Cgroup2(unittest.TestCase):
    def test_limits_hold_and_an_oom_is_told_under_v2_alone(self):
        with tempfile.TemporaryDirectory() as work:
            output = self.boot(work, LIMITS)
        self.assertIn("END", output)
        self.assertRegex(output, r"(?m)^LIMIT default\.calm\.0 33554432 \d+ max 100000")
        self.assertRegex(output, r"(?m)^MORE 318\d+ 0 20$")
        self.assertRegex(output, r"open files +65536 +65536")
        self.assertRegex(output, r"(?m)^CAPPED 25000 100000 +8388608$")
        self.assertRegex(output, r"(?m)^NODE .*\"cgroup\":\"root\"")
        self.assertIn("1 of 1 healthy", output)
        self.assertRegex(output, r"out of memory|memory limit|OOM|oom", output[-3000:])
        self.assertIn("LEFT 0", output)

    def test_a_quick_restart_has_groups_of_its_own(self):
        with tempfile.TemporaryDirectory() as work:
            output = self.boot(work, QUICK)
        again = re.findall(r"(?m)^AGAIN (\d+) (\d+) (.*)$", output)
        self.assertEqual([group for _, _, group in again], ["quick.0~", "quick.0", "quick.0~"], output)
        for ready, shim, _ in again:
            self.assertEqual(ready, shim, output)
        self.assertIn("LEFT 0 0", output)

    def test_a_subtree_that_was_given_to_the_unit_is_used_and_survives_a_restart(self):
        with tempfile.TemporaryDirectory() as work:
            output = self.boot(work, DELEGATED)
        self.assertRegex(output, r"(?m)^NODE .*\"cgroup\":\"delegated\"", output)
        self.assertEqual(re.findall(r"(?m)^GROUP (.*)/stratos/[0-9a-f]{16}/", output), ["/sys/fs/cgroup/unit.service"],
                         output)
        first, second = re.findall(r"(?m)^ROUND \d (.*)$", output)
        self.assertEqual(first, second)
        self.assertRegex(first, r'^"pid":\d+$')
        self.assertIn("LEFT 0", output)

    def test_a_containers_root_group_is_made_free_for_tasks(self):
        with tempfile.TemporaryDirectory() as work:
            output = self.boot(work, CONTAINER)
        self.assertIn("1 of 1 healthy", output)
        self.assertRegex(output, r"(?m)^NODE .*\"cgroup\":\"container\"", output)
        self.assertEqual(re.findall(r"(?m)^GROUP (.*)/stratos/[0-9a-f]{16}/", output), ["/sys/fs/cgroup/box"], output)
        self.assertRegex(output, r"(?m)^ROOT 0 AGENT [2-9]", output)

    def boot(self, work, script):
        root = os.path.join(work, "root")
        for name in ("bin", "proc", "sys", "dev", "etc", "jobs"):
            os.makedirs(os.path.join(root, name))
        shutil.copy("/bin/busybox", os.path.join(root, "bin"))
        shutil.copy(STRATOS, os.path.join(root, "bin/stratos"))
        for name, text in (("init", HEAD + script + TAIL), ("jobs/calm.yaml", CALM), ("jobs/greedy.yaml", GREEDY),
                           ("jobs/capped.yaml", CAPPED), ("jobs/quick.yaml", ALONE), ("helper.c", HELPER),
                           ("etc/passwd", "root:x:0:0:root:/:/bin/sh\n"), ("etc/group", "root:x:0:\n")):
            with open(os.path.join(root, name), "w") as file:
                file.write(text)
        os.chmod(os.path.join(root, "init"), 0o755)
        subprocess.run(["cc", "-static", "-o", f"{root}/bin/helper", f"{root}/helper.c"], check=True)
        archive = os.path.join(work, "initrd")
        subprocess.run(f"cd {root} && find . | cpio -o -H newc -R 0:0 --quiet > {archive}", shell=True, check=True)
        kernel = sorted(glob.glob("/boot/vmlinuz-*"))[-1]
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
                   "-m", "512", "-nodefaults", "-no-user-config", "-nographic", "-serial", "stdio", "-no-reboot",
                   "-kernel", kernel, "-initrd", archive, "-append",
                   "console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off random.trust_cpu=on cgroup_no_v1=all"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=180)
            return done.stdout.decode(errors="replace").replace("\r", "")
        except subprocess.TimeoutExpired as slow:
            self.fail(f"the machine did not end: {(slow.stdout or b'').decode(errors='replace')[-3000:]}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
