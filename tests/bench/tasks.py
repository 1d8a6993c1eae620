#!/usr/bin/env python3
"""What tasks cost beside themselves, with a real agent: memory and time of shims and inits, a restart, a flood of
output, an agent at rest.

Usage: tests/bench/tasks.py [weight] [restart] [flood] [rest N]...   (root; makes its own network namespace)"""

import glob
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
STRATOS = os.environ.get("STRATOS", os.path.join(ROOT, "build/release/stratos"))
TASK = os.path.join(ROOT, "build/release/tests/bench_tasks")  # writes down when it is there

if "IN_NS" not in os.environ:
    os.execvpe("unshare", ["unshare", "-n", sys.executable, *sys.argv], {**os.environ, "IN_NS": "1"})
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
work = tempfile.mkdtemp(dir="/run")
secret, data, sock = (os.path.join(work, name) for name in ("secret", "data", "sock"))
with open(secret, "w") as f:
    os.fchmod(f.fileno(), 0o600)
    subprocess.run([STRATOS, "secret", "new"], stdout=f, check=True)


def stratos(*words):
    done = subprocess.run([STRATOS, *words, "--socket", sock], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"stratos {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def run(name, command, count=1, more="", resources="{cpu: 0.001, memory: 16M}"):
    path = os.path.join(work, "job.yaml")
    with open(path, "w") as f:
        f.write(f"job: {name}\ncount: {count}\ntask:\n  command: {command}\n  resources: {resources}\n{more}")
    stratos("run", path, "--timeout", "300s")


def kin(parent):
    """Children."""
    with open(f"/proc/{parent}/task/{parent}/children") as f:
        return [int(pid) for pid in f.read().split()]


def shims():
    """Of tasks that run, not the spares.  Their inits are forks of them, and look alike."""
    out, spares = [], []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read().split(b"\0")
        except OSError:
            continue
        if len(words) > 3 and words[1] == b"shim" and words[2].startswith(data.encode() + b"/"):
            (spares if words[3] == b"spare" else out).append(int(path.split("/")[2]))
    inits = {pid for shim in out + spares for pid in kin(shim)}
    return [pid for pid in out if pid not in inits]


def pss_kib(pid):
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1])


def cpu_s(pid):
    """Of all its threads."""
    return sum(int(open(path).read().split()[0]) for path in glob.glob(f"/proc/{pid}/task/*/schedstat")) / 1e9


def weight():
    for n in (1, 100):
        run("w", "[sleep, '100000']", n)
        time.sleep(3)
        both = [pss_kib(shim) + sum(pss_kib(init) for init in kin(shim)) for shim in shims()]
        print(f"PSS of shim and init, {len(both)} task{'s' if n > 1 else ''}: median {statistics.median(both)} KiB")
    stratos("rm", "w", "-y")


def restart():
    at = os.path.join(data, "tasks/default.r.0/work/at")

    def first_line(not_pid):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                pid, ms = open(at).read().split()
                if pid != not_pid:
                    return float(ms)
            except (OSError, ValueError):
                pass
            time.sleep(0.0005)
        sys.exit("it does not come back")

    took = []
    run("r", f"[{TASK}, --task]", 1, "restart: {attempts: 1000, window: 1s, delay: 0s}\n")
    for _ in range(40):
        time.sleep(0.3)
        shim, = shims()
        pid, = kin(kin(shim)[0])
        os.unlink(at)
        killed = time.monotonic() * 1000
        os.kill(pid, 9)
        took.append(first_line(None) - killed)
    took.sort()
    print(f"restart without back-off, kill -9 to the first line: p10 {took[4]:.1f}, median {took[20]:.1f}, p90 {took[36]:.1f} ms")
    stratos("rm", "r", "-y")


def flood():
    run("f", "[sh, -c, exec yes]", 1, "", "{cpu: 0.1, memory: 16M}\n  limits: {cpu: 0.1}")
    time.sleep(2)
    shim, = shims()
    all_of = [shim, *kin(shim), *(pid for init in kin(shim) for pid in kin(init)), agent.pid]
    before, start = [cpu_s(pid) for pid in all_of], time.monotonic()
    time.sleep(20)
    took = time.monotonic() - start
    used = [(cpu_s(pid) - b) / took for pid, b in zip(all_of, before)]
    print(f"yes with limits: {{cpu: 0.1}}: shim {used[0]:.3f}, init {used[1]:.3f}, task {used[2]:.3f}, "
          f"agent {used[3]:.3f}: {sum(used):.3f} of a core in all")
    stratos("rm", "f", "-y")


def rest(n):
    for i in range(0, n, 100):
        run(f"s{i}", "[sleep, '100000']", min(100, n - i))
    time.sleep(60)
    before, start = cpu_s(agent.pid), time.monotonic()
    time.sleep(60)
    print(f"agent at rest, {len(shims())} tasks: {100 * (cpu_s(agent.pid) - before) / (time.monotonic() - start):.3f} % of a core, "
          f"RSS {[line for line in open(f'/proc/{agent.pid}/status') if line.startswith('VmRSS')][0].split()[1]} KiB")
    for i in range(0, n, 100):
        stratos("rm", f"s{i}", "-y")


agent = subprocess.Popen([STRATOS, "agent", "--name", "n1", "--data", data, "--secret-file", secret, "--bind", "127.30.0.1",
                          "--http", "127.30.0.1", "--dns", "off", "--socket", sock, "--no-discover", "--cpu", "8",
                          "--memory", "64G"], stderr=open(f"{work}/log", "w"))
try:
    time.sleep(2)
    words = sys.argv[1:] or ["weight", "restart", "flood", "rest", "500", "rest", "1000"]
    for i, word in enumerate(words):
        if word == "rest":
            rest(int(words[i + 1]))
        elif not word.isdigit():
            {"weight": weight, "restart": restart, "flood": flood}[word]()
finally:
    for shim in shims():
        for pid in kin(shim):
            os.kill(pid, 9)
    time.sleep(1)
    agent.kill()
    agent.wait()
    subprocess.run(["rm", "-rf", work])
