"""The first hour: what README and the messages say is typed, on hosts that have nothing yet; and hosts and
programs that cannot work say so before anything is tried."""

import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from cluster import ROOT, STRATOS, Answer, Cluster, needs_root, wait_for
from test_discovery import Lan
from test_partition import ip

PRIVATE = ("/usr/local/bin", "/var/lib", "/var/log", "/run", "/root")


def readme_commands(heading):
    """The indented lines below a heading of README, without what stands behind #."""
    with open(os.path.join(ROOT, "README.md")) as file:
        part = file.read().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line[4:].split("   #")[0].rstrip() for line in part.splitlines() if line.startswith("    ")]
    return [line for line in lines if line]


class Host:
    """One with an address on a bridge, and places of its own for what an installation writes: a process keeps the
    mounts, and commands enter them."""

    def __init__(self, case, prefix, name):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix="stratos-host.")
        case.addCleanup(shutil.rmtree, self.dir, True)
        script = f"hostname {name} && mount --make-rprivate / && " + " && ".join(
            f"mount -t tmpfs -o mode=755 tmpfs {place}" for place in PRIVATE) + f"""
            mount -t tmpfs -o mode=755 tmpfs {self.dir} && cp -a /etc/passwd /etc/group /etc/hosts /etc/ld.so.c* {self.dir} &&
            mount --bind {self.dir} /etc && echo ready && sleep 600"""
        # A PID namespace too: at the end its whole host goes, agents and tasks.
        self.process = subprocess.Popen(
            [*prefix, "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
            stdout=subprocess.PIPE, text=True)
        case.addCleanup(self.end)
        case.assertEqual(self.process.stdout.readline().strip(), "ready")
        self.pid = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True,
                                  text=True, check=True).stdout.split()[0]

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def sh(self, line, timeout=60):
        done = subprocess.run(["nsenter", f"--target={self.pid}", "--mount", "--uts", "--net", "--pid", "sh", "-c",
                               f"cd /root && {line}"],
                              capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                              env={**os.environ, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
        return Answer(done)


@needs_root
class Readme(unittest.TestCase):
    def test_three_hosts_are_a_cluster_after_three_commands_each_and_within_ten_seconds(self):
        lan = Lan(self, 3)
        hosts = [Host(self, prefix, f"host{i + 1}") for i, prefix in enumerate(lan.prefixes)]
        for host in hosts:  # "copy the binary": from here on the clock runs
            self.assertEqual(host.sh(f"cp {STRATOS} /usr/local/bin/stratos").code, 0)
        install, copy, again, *rest = readme_commands("Three real hosts")
        self.assertEqual(install, "stratos install")
        self.assertEqual(again, "stratos install")
        typed = {host.name: 0 for host in hosts}
        start = time.monotonic()

        def type_in(host, line):
            typed[host.name] += 1
            answer = host.sh(line)
            self.assertEqual(answer.code, 0, f"{line}: {answer!r}")
            return answer

        said = type_in(hosts[0], install)
        self.assertIn("this host begins a cluster of its own", said.err)
        for host in hosts[1:]:
            self.assertIn("HOST", copy)
            carried = "mkdir -p /etc/stratos && umask 077 && cat > /etc/stratos/secret"
            secret = hosts[0].sh("cat /etc/stratos/secret").out  # what the ssh of that line does
            done = subprocess.run(["nsenter", f"--target={host.pid}", "--mount", "--pid", "sh", "-c", carried],
                                  input=secret, text=True)
            self.assertEqual(done.returncode, 0)
            type_in(host, again)
        wait_for(lambda: hosts[0].sh("stratos members").out.count(" alive ") == 3, 10,
                 lambda: hosts[0].sh("stratos members; tail -5 /var/log/stratos.log"))
        took = time.monotonic() - start
        print(f"three hosts are a cluster {took:.1f} s after the binary was there")
        self.assertLess(took, 10)
        self.assertLessEqual(max(typed.values()) + 1, 3, "commands on one host, with the copy of the secret")
        for line in rest:
            answer = hosts[0].sh(line.replace("$EDITOR", "true"))
            self.assertEqual(answer.code, 0, f"{line}: {answer!r}")
        took = time.monotonic() - start
        print(f"and all of README's commands were through after {took:.1f} s")
        wait_for(lambda: "\n" in hosts[2].sh("dig +short @127.0.0.1 -p 8600 hello.service.stratos SRV").out, 5,
                 "its name is there on every host")


@needs_root
class Install(unittest.TestCase):
    def host(self):
        lan = Lan(self, 1)
        return Host(self, lan.prefixes[0], "alone")

    def test_without_systemd_it_starts_the_agent_says_so_and_takes_all_away_again(self):
        host = self.host()
        first = host.sh(f"{STRATOS} install")
        self.assertEqual(first.code, 0, first)
        self.assertIn("no systemd here: the agent was started in the background", first.err)
        self.assertIn("At boot this host's own init has to start it", first.err)
        self.assertEqual(host.sh("stat -c '%a %n' /etc/stratos /etc/stratos/secret").out,
                         "700 /etc/stratos\n600 /etc/stratos/secret\n")
        secret = host.sh("cat /etc/stratos/secret").out
        pid = host.sh("cat /run/stratos/agent.pid").out
        ran = host.sh("stratos run web --port http -- '${STRATOS_BIN}' demo-http")
        self.assertEqual(ran.code, 0, ran)  # at once: it waits until the agent takes orders
        task = host.sh("stratos status web --json").data["instances"][0]["pid"]

        again = host.sh(f"{STRATOS} install")
        self.assertEqual(again.code, 0, again)
        self.assertIn("stays as it is", again.err)
        self.assertIn("the agent runs", again.err)
        self.assertEqual(host.sh("cat /etc/stratos/secret; cat /run/stratos/agent.pid").out, secret + pid)

        newer = host.sh(f"(cat {STRATOS}; echo) > /tmp/newer.$$; chmod +x /tmp/newer.$$; /tmp/newer.$$ install; rm /tmp/newer.$$")
        self.assertEqual(newer.code, 0, newer)
        self.assertNotEqual(host.sh("cat /run/stratos/agent.pid").out, pid, "another agent")
        self.assertEqual(host.sh("stratos status web --json").data["instances"][0]["pid"], task, "the same task")

        gone = host.sh("stratos uninstall")
        self.assertEqual(gone.code, 0, gone)
        self.assertIn("1 task stopped", gone.err)
        self.assertIn("kept: /etc/stratos", gone.err)
        left = host.sh("ls /usr/local/bin /run/stratos /var/log; ls /etc/stratos; ps -e -o args").out
        self.assertNotIn("demo-http", left)
        self.assertNotIn("stratos agent", left)
        self.assertNotIn("stratos.log", left)
        self.assertEqual(host.sh("ls /etc/stratos").out, "secret\n")
        self.assertEqual(host.sh(f"{STRATOS} uninstall").code, 0, "twice does no harm")

    def test_another_secret_stays_and_a_given_one_is_copied(self):
        host = self.host()
        host.sh(f"{STRATOS} secret new --write --secret-file /root/other")
        made = host.sh(f"DESTDIR=/run/d {STRATOS} install --secret-file /root/other; cat /run/d/etc/stratos/secret /root/other")
        self.assertEqual(len(set(made.out.split())), 1, made)
        other = host.sh(f"rm /root/other; {STRATOS} secret new --write --secret-file /root/other; "
                        f"DESTDIR=/run/d {STRATOS} install --secret-file /root/other")
        self.assertEqual(other.code, 7, other)
        self.assertIn("holds another secret, of another cluster: it stays", other.err)

    def test_destdir_gets_the_files_and_nothing_is_started(self):
        with tempfile.TemporaryDirectory() as root:
            env = {**os.environ, "DESTDIR": root}
            def run(*words):
                return Answer(subprocess.run([STRATOS, *words], env=env, capture_output=True, text=True))
            self.assertEqual(run("install", "--join", "10.0.0.1,host-2").code, 0)
            with open(root + "/etc/stratos/stratos.yaml") as file:
                self.assertIn("join: [10.0.0.1,host-2]", file.read())
            unit = root + "/etc/systemd/system/stratos.service"
            with open(unit) as file:
                text = file.read()
            for part in ("[Unit]", "[Service]", "[Install]", "WantedBy=multi-user.target", "network-online.target",
                         "Type=notify", "KillMode=process", "StartLimitIntervalSec=0"):
                self.assertIn(part, text)
            if shutil.which("systemd-analyze"):
                said = subprocess.run(["systemd-analyze", "verify", f"--root={root}", unit], capture_output=True,
                                      text=True).stderr
                wrong = [line for line in said.splitlines()
                         if "stratos.service" in line and "DelegateSubgroup" not in line and "sysinit.target" not in line]
                self.assertEqual(wrong, [])
            self.assertIn("is this program", run("install").err)
            self.assertEqual(run("uninstall").code, 0)
            left = [os.path.join(d, f) for d, _, files in os.walk(root) for f in files]
            self.assertEqual(sorted(os.path.basename(f) for f in left), ["secret", "stratos.yaml"])


def group_mounts():
    with open("/proc/self/mountinfo") as mounts:
        return sorted(line for line in mounts if " - cgroup" in line)


@needs_root
class Hosts(unittest.TestCase):
    def test_an_agent_that_is_not_root_is_a_member_and_is_given_nothing(self):
        cluster = Cluster(2)
        self.addCleanup(cluster.__exit__, None, None, None)
        n1, n2 = cluster
        secret = cluster.write("theirs", "")
        shutil.copy(cluster.secret, secret)
        os.chmod(secret, 0o600)
        os.chmod(cluster.dir, 0o755)
        for path in (secret, n2.dir):
            os.chown(path, 65534, 65534)
        n1.start()
        n2.wrapper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        theirs, cluster.secret = cluster.secret, secret
        n2.start()
        cluster.secret = theirs
        wait_for(lambda: n1.is_up() and n1.alive() == ["n1", "n2"], 15, lambda: n2.logged())
        first = [line for line in n2.logged().splitlines() if " warn " in line or " error " in line][0]
        self.assertIn("tasks need root: run the agent as root", first)
        wait_for(lambda: "none" in str(n1.json("members")), 5, "its row is here")
        member = [m for m in n1.json("members") if m["name"] == "n2"][0]
        self.assertEqual(member["attributes"]["tasks"], "none")
        self.assertEqual(member["capacity"], {"cpu": 0, "memory": 0})
        self.assertEqual([m["attributes"]["tasks"] for m in n1.json("members") if m["name"] == "n1"], ["full"])
        self.assertIn("alive, no tasks", n1.run("members").out)
        ran = n1.run("run", "web", "--count", "6", "--", "sleep", "1000")
        self.assertEqual(ran.code, 0, ran)
        self.assertEqual({i["node"] for i in n1.instances("web")}, {"n1"})
        self.assertIn("cannot run tasks: tasks need root", n2.run("why", "web.0").out)

    def test_a_host_that_forbids_mounts_is_told_and_given_nothing(self):
        cluster = Cluster(1)
        self.addCleanup(cluster.__exit__, None, None, None)
        n1 = cluster[0]
        n1.wrapper = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
        n1.start()
        wait_for(n1.is_up, 10, "it is up")
        self.assertEqual(n1.json("members")[0]["attributes"]["tasks"], "none")
        self.assertRegex(n1.logged(), r"warn tasks state=none cause=\".*(namespaces|Operation not permitted)")

    def test_by_ip_netns_exec_tasks_run_as_anywhere(self):
        name = f"fh{os.getpid() % 100000}"
        if ip("netns", "add", name, check=False).returncode != 0:
            self.skipTest("cannot make network namespaces")
        self.addCleanup(ip, "netns", "del", name, check=False)
        ip("-n", name, "link", "set", "lo", "up")
        before = group_mounts()
        cluster = Cluster(1, prefixes=[["ip", "netns", "exec", name]])
        self.addCleanup(cluster.__exit__, None, None, None)
        n1 = cluster[0].start()
        wait_for(n1.is_up, 10, "it is up")
        self.assertEqual(n1.json("members")[0]["attributes"]["tasks"], "full", n1.logged())
        ran = n1.run("run", "web", "--port", "http", "--memory", "64M", "--", "${STRATOS_BIN}", "demo-http")
        self.assertEqual(ran.code, 0, ran)
        self.assertEqual(group_mounts(), before, "what it mounted is its own")


@needs_root
class Programs(unittest.TestCase):
    def test_what_a_task_cannot_see_is_told_before_it_is_tried(self):
        with Cluster(1) as cluster:
            n1 = cluster[0]
            program = cluster.write("program", "#!/bin/sh\nsleep 1000\n")
            os.chmod(program, 0o755)
            for command, why in (((program,), f"{program} is not visible to tasks, for each has a /tmp of its own: move it to /opt"),
                                 (("/opt/not/there",), "the program /opt/not/there is not on this host"),
                                 (("no-such-program",), "this host has no program no-such-program")):
                ran = n1.run("run", "try", "--detach", "--", *command)
                self.assertEqual(ran.code, 0, ran)
                wait_for(lambda: why in n1.run("why", "try.0").out, 5, lambda: n1.run("why", "try.0"))
            self.assertEqual(n1.logged().count("state=\"not tried\""), 3, "one look each")
            self.assertNotIn("attempts", n1.run("events").out)
            # Somebody does what it says, and orders again: it starts at once.
            self.addCleanup(lambda: os.path.exists("/opt/stratos-e2e-program") and os.unlink("/opt/stratos-e2e-program"))
            n1.run("run", "try", "--detach", "--", "/opt/stratos-e2e-program")
            wait_for(lambda: "is not on this host" in n1.run("why", "try.0").out, 5, "refused")
            shutil.copy(program, "/opt/stratos-e2e-program")
            self.assertEqual(n1.run("start", "try", "--timeout", "20s").code, 0)

    def test_a_clone_below_tmp_runs_its_own_program(self):
        with tempfile.TemporaryDirectory() as place:
            program = os.path.join(place, "stratos")
            shutil.copy(STRATOS, program)
            cluster = Cluster(1)
            self.addCleanup(cluster.__exit__, None, None, None)
            n1 = cluster[0]
            n1.program = program
            n1.start()
            wait_for(n1.is_up, 10, "it is up")
            ran = n1.run("run", "web", "--port", "http", "--", "${STRATOS_BIN}", "demo-http")
            self.assertEqual(ran.code, 0, ran)
            # It is there, and nothing else of that place.
            ran = n1.run("run", "look", "--detach", "--", "/bin/sh", "-c",
                         f"ls {place}; cat $STRATOS_BIN > /dev/null && echo seen; echo x > $STRATOS_BIN || echo kept; sleep 1000")
            wait_for(lambda: "kept" in n1.run("logs", "look").out, 5, lambda: n1.run("logs", "look"))
            self.assertEqual(n1.run("logs", "look", "--stdout").out.replace("look.0 | ", ""), "stratos\nseen\nkept\n")

    def test_tasks_of_an_agent_that_is_gone_are_ended_with_grace(self):
        cluster = Cluster(1)
        self.addCleanup(cluster.__exit__, None, None, None)
        n1 = cluster[0].start()
        wait_for(n1.is_up, 10, "it is up")
        mark = os.path.join("/opt", f"stratos-e2e-{os.getpid()}")
        script = "trap 'echo ended in peace; exit 0' TERM; echo up; while :; do sleep 0.1; done"
        self.assertEqual(n1.run("run", "web", "--", "/bin/sh", "-c", script).code, 0)
        pid = n1.instances("web")[0]["pid"]
        refused = n1.run("agent", "--stop-tasks", "--data", n1.data)
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("an agent runs on", refused.err)
        n1.kill()
        os.kill(pid, 0)  # it outlives the agent
        done = n1.run("agent", "--stop-tasks", "--data", n1.data)
        self.assertEqual(done.code, 0, done)
        self.assertIn("1 task stopped", done.err)
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)
        n1.start()
        wait_for(lambda: "ended in peace" in n1.run("logs", "web", "--previous").out + n1.run("logs", "web").out, 10,
                 lambda: n1.run("logs", "web"))
        self.assertFalse(os.path.exists(mark))


@needs_root
class Backup(unittest.TestCase):
    def test_a_copy_of_one_data_directory_brings_jobs_and_variables_back_where_all_was_lost(self):
        cluster = Cluster(2)
        self.addCleanup(cluster.__exit__, None, None, None)
        n1, n2 = cluster
        for agent in cluster:
            agent.start()
        cluster.whole()
        self.assertEqual(n1.run("run", "web", "--count", "2", "--", "sleep", "1000").code, 0)
        self.assertEqual(n2.run("var", "set", "colour", "green").code, 0)
        n1.stop()
        copy = os.path.join(cluster.dir, "backup")
        shutil.copytree(n1.data, copy, symlinks=True, ignore=shutil.ignore_patterns("control"))
        n1.start()
        wait_for(lambda: n1.is_up() and n1.alive() == ["n1", "n2"], 15, "n1 is back, its tasks ran on")
        for agent in cluster:  # all hosts are lost
            agent.kill()
            agent.run("agent", "--stop-tasks", "--data", agent.data)
            shutil.rmtree(agent.data)
        shutil.copytree(copy, n1.data, symlinks=True)
        shutil.rmtree(os.path.join(n1.data, "tasks"))
        n1.start()
        n2.start(join=f"{n1.address}:7780")
        wait_for(lambda: n1.is_up() and "n1" in n1.alive() and "n2" in n1.alive(), 20, lambda: n1.logged()[-2000:])
        wait_for(lambda: n2.run("var", "get", "colour").out.strip() == "green", 20, "the variable")
        wait_for(lambda: len(n2.healthy("web")) == 2, 90, lambda: n2.run("status", "web"))


class Secret(unittest.TestCase):
    def test_it_is_written_for_its_owner_alone_and_never_over_another(self):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "etc/stratos/secret")
            def write():
                return Answer(subprocess.run(["sh", "-c", f"umask 022; exec {STRATOS} secret new --write --secret-file {path}"],
                                             capture_output=True, text=True))
            first = write()
            self.assertEqual(first.code, 0, first)
            self.assertEqual(first.out, "")
            self.assertEqual(os.stat(path).st_mode & 0o7777, 0o600)
            self.assertEqual(os.stat(os.path.dirname(path)).st_mode & 0o7777, 0o700)
            with open(path) as file:
                secret = file.read()
            self.assertRegex(secret, r"^[A-Za-z0-9+/]{43}=\n$")
            self.assertNotIn(secret.strip(), first.err)
            line = re.search(r"ssh root@HOST '(.*)' < (\S+)", first.err)  # what it says brings the file to another host
            self.assertEqual(line.group(2), path)
            other = line.group(1).replace(os.path.dirname(path), os.path.join(place, "host2"))
            subprocess.run(["sh", "-c", other], input=secret, text=True, check=True)
            self.assertEqual(os.stat(os.path.join(place, "host2/secret")).st_mode & 0o777, 0o600)
            second = write()
            self.assertEqual(second.code, 1, second)
            self.assertIn("is there already: it stays as it is", second.err)
            with open(path) as file:
                self.assertEqual(file.read(), secret)

    def test_who_has_none_is_told_the_command_that_makes_one(self):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "none/secret")
            words = [STRATOS, "agent", "--data", place + "/d", "--secret-file", path, "--socket", place + "/s", "--no-discover",
                     "--bind", "127.0.0.1:0"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            command = re.search(r"`(stratos secret new --write[^`]*)`", done.stderr).group(1)
            subprocess.run(command.replace("stratos", STRATOS, 1), shell=True, check=True, capture_output=True)
            process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
            try:
                wait_for(lambda: os.path.exists(place + "/s"), 10, "it is up with it")
            finally:
                process.terminate()
                process.wait()
                process.stderr.close()


if __name__ == "__main__":
    unittest.main()
