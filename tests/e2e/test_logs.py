"""Logs: every byte that a task wrote can be read, whole, soon, in the order of time, from whichever node has it."""

import glob
import http.client
import json
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from cluster import STRATOS, Cluster, job, needs_root, wait_for
from test_disk import tmpfs


def text_of(answer):
    return [line for line in answer.out.splitlines()]


def json_of(agent, *words):
    answer = agent.run("logs", *words, "--json")
    return [json.loads(line) for line in answer.out.splitlines()]


def raw(agent, *words):
    return subprocess.run([STRATOS, "logs", *words, "--socket", agent.socket], capture_output=True, timeout=60).stdout


def task_dir(agent, key):
    return os.path.join(agent.data, "tasks", f"default.{key}")


class Follower:
    def __init__(self, agent, *words):
        self.process = subprocess.Popen([STRATOS, "logs", *words, "-f", "--socket", agent.socket],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.text = b""

    def sees(self, wanted, seconds):
        end = time.monotonic() + seconds
        while wanted not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"{wanted!r} not within {seconds} s: {self.text[-2000:]!r}")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise AssertionError(f"ended without {wanted!r}: {self.text[-2000:]!r}")
            self.text += piece

    def ends(self, seconds):
        out, err = self.process.communicate(timeout=seconds)
        self.text += out
        return self.process.returncode, err.decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def run(agent, name, command, count=1, logs="", more=""):
    text = job(name, command, count, more)
    if logs:
        text = text.replace("  resources:", f"  logs: {{{logs}}}\n  resources:")
    answer = agent.run("run", "-", "--detach", input=text)
    if answer.code != 0:
        raise AssertionError(repr(answer))


def follow(case, agent, *words):
    follower = Follower(agent, *words)
    case.addCleanup(follower.close)
    return follower


@needs_root
class Stored(unittest.TestCase):
    """What one task wrote, on the node that has it."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1)
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.n1 = cls.cluster[0]

    def written(self, name, last):
        wait_for(lambda: last in self.n1.run("logs", name).out, 20, lambda: self.n1.run("logs", name).out[-500:])

    def test_a_line_of_a_megabyte_is_one_line(self):
        run(self.n1, "long", "head -c 25023 /dev/zero | tr '\\0' x; echo; head -c 1048576 /dev/zero | tr '\\0' y; "
            "echo; echo done; exec sleep 1000")
        self.written("long.0", "done")
        lines = json_of(self.n1, "long.0")
        self.assertEqual([len(line["text"]) for line in lines], [25023, 1048576, 4])

    def test_every_byte_survives_json_and_pipes(self):
        run(self.n1, "bytes", "printf 'caf\\351 nul \\000 after\\033[2J\\n\\303\\244\\n'; echo done; exec sleep 1000")
        wait_for(lambda: b"done" in raw(self.n1, "bytes.0"), 20, lambda: raw(self.n1, "bytes.0"))
        texts = [line["text"] for line in json_of(self.n1, "bytes.0")]
        self.assertEqual(texts, ["caf\ufffd nul \0 after\033[2J", "\u00e4", "done"])
        self.assertEqual(raw(self.n1, "bytes.0"), b"caf\xe9 nul \0 after\033[2J\n\xc3\xa4\ndone\n")

    def test_no_character_is_cut_where_a_line_is(self):
        run(self.n1, "cut", "head -c 1048575 /dev/zero | tr '\\0' x; printf '\\303\\244\\303\\244\\n'; echo done; "
            "exec sleep 1000", logs="max_size: 20M")
        self.written("cut.0", "done")
        texts = [line["text"] for line in json_of(self.n1, "cut.0")]
        self.assertEqual("".join(texts), "x" * 1048575 + "\u00e4\u00e4done")

    def test_a_file_that_others_remove_is_made_anew(self):
        run(self.n1, "gone", "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.1; done")
        self.written("gone.0", "line 2")
        os.unlink(os.path.join(task_dir(self.n1, "gone.0"), "stdout.log"))
        self.written("gone.0", "line")
        n = int(self.n1.run("logs", "gone.0").out.split()[-1])
        self.written("gone.0", f"line {n + 5}\n")

    def test_a_terminal_gets_nothing_that_steers_it(self):
        run(self.n1, "steer", "printf '\\033]0;x\\007\\033[2Jred\\r\\tx\\n'; echo done; exec sleep 1000")
        self.written("steer.0", "done")
        main, other = pty.openpty()
        subprocess.run([STRATOS, "logs", "steer.0", "--socket", self.n1.socket], stdout=other, timeout=30)
        os.close(other)
        seen = os.read(main, 4096)
        os.close(main)
        self.assertNotIn(b"\033", seen)
        self.assertNotIn(b"\007", seen)
        self.assertIn(b"\\x1b]0;x\\x07\\x1b[2Jred\\x0d\tx", seen)

    def test_tail_time_streams_and_since(self):
        run(self.n1, "some", "for i in 1 2 3 4 5; do echo out $i; done; echo bad >&2; sleep 2; echo late; exec sleep 1000")
        self.written("some.0", "late")
        out = self.n1.run("logs", "some.0").out
        self.assertEqual(sorted(out.splitlines()), sorted([f"out {i}" for i in range(1, 6)] + ["! bad", "late"]))
        self.assertEqual(self.n1.run("logs", "some.0", "--tail", "1").out, "late\n")
        self.assertEqual(self.n1.run("logs", "some.0", "--stderr").out, "bad\n")
        self.assertEqual(self.n1.run("logs", "some.0", "--stdout", "--tail", "2").out, "out 5\nlate\n")
        self.assertRegex(self.n1.run("logs", "some.0", "-t", "--tail", "1").out,
                         r"^20\d\d-\d\d-\d\dT[\d:.]+Z n1 some\.0 v1 \| late\n$")
        lines = json_of(self.n1, "some")
        self.assertEqual({(x["job"], x["instance"], x["node"], x["version"]) for x in lines}, {("some", "some.0", "n1", "v1")})
        self.assertEqual({x["stream"] for x in lines}, {"stdout", "stderr"})
        self.assertEqual([x["at"] for x in lines], sorted(x["at"] for x in lines))
        self.assertEqual(self.n1.run("logs", "some.0", "--since", lines[-1]["at"]).out, "late\n")
        self.assertEqual(self.n1.run("logs", "some.0", "--tail", "x").code, 2)

    def test_an_unfinished_line_is_shown_once(self):
        run(self.n1, "prompt", "printf 'Password: '; sleep 4; echo given; exec sleep 1000")
        follower = follow(self, self.n1, "prompt.0")
        follower.sees(b"Password: ", 4)
        follower.sees(b"given", 8)
        self.assertEqual(follower.text.count(b"Password"), 1)

    def test_an_answer_without_lines_says_what_there_is_none_of(self):
        run(self.n1, "few", "echo hello; exec sleep 1000")
        run(self.n1, "mute", "exec sleep 1000")
        self.written("few", "hello")
        self.assertEqual(self.n1.run("restart", "few").code, 0)
        self.written("few", "hello\nfew.0 | hello")
        for words, said in ((("few", "--stderr"), "no such lines of few\n"), (("few", "--tail", "0"), "no such lines of few\n"),
                            (("few", "--since", "2100-01-01T00:00:00Z"), "no such lines of few\n"),
                            (("few", "--previous", "--tail", "0"), "no such lines of few\n"),
                            (("few", "--previous", "--stderr"), "no such lines of few\n")):
            answer = self.n1.run("logs", *words)
            self.assertEqual((answer.code, answer.out, answer.err), (0, "", said), words)
        wait_for(lambda: self.n1.run("logs", "mute").code == 0, 20, lambda: self.n1.run("logs", "mute"))
        self.assertEqual(self.n1.run("logs", "mute").err, "mute has written nothing\n")
        with open("/dev/full", "w") as full:
            done = subprocess.run([STRATOS, "logs", "few", "--socket", self.n1.socket], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left on device", done.stderr)

    def test_the_life_before_the_last_restart(self):
        run(self.n1, "lives", "echo life of $$ $(date +%s%N); exec sleep 1000")
        self.written("lives.0", "life")
        first = self.n1.run("logs", "lives.0").out
        self.assertEqual(self.n1.run("logs", "lives.0", "--previous").out, "")
        self.assertEqual(self.n1.run("restart", "lives").code, 0)
        wait_for(lambda: len(self.n1.run("logs", "lives.0").out.splitlines()) == 2, 10, "the second life")
        self.assertEqual(self.n1.run("logs", "lives.0", "--previous").out, first)
        self.assertEqual(self.n1.run("logs", "lives", "--previous", "--tail", "1").out, "lives.0 | " + first)

    def test_output_stays_after_stop_scale_down_start_and_removal(self):
        run(self.n1, "kept", "echo kept by $STRATOS_INSTANCE; exec sleep 1000", 3)
        wait_for(lambda: len(text_of(self.n1.run("logs", "kept"))) == 3, 20, lambda: self.n1.run("logs", "kept"))
        self.assertEqual(self.n1.run("scale", "kept", "2").code, 0)
        wait_for(lambda: len(self.n1.instances("kept")) == 2, 15, "two are left")
        self.assertEqual(self.n1.run("logs", "kept.2").out, "kept by 2\n")
        self.assertEqual(self.n1.run("stop", "kept").code, 0)
        wait_for(lambda: self.n1.instances("kept") == [], 15, "none is left")
        self.assertEqual(len(text_of(self.n1.run("logs", "kept"))), 3)
        self.assertEqual(self.n1.run("start", "kept").code, 0)
        wait_for(lambda: len(text_of(self.n1.run("logs", "kept"))) == 5, 15, lambda: self.n1.run("logs", "kept"))
        self.assertEqual(self.n1.run("rm", "kept", "-y").code, 0)
        wait_for(lambda: self.n1.run("status", "kept").code == 3, 15, "the job is gone")
        answer = self.n1.run("logs", "kept.2")
        self.assertEqual((answer.code, answer.out), (0, "kept by 2\n"))
        self.assertEqual(self.n1.run("logs", "never").code, 3)

    def test_what_is_kept_for_a_second_is_gone_while_the_agent_runs(self):
        run(self.n1, "brief", "echo here; exec sleep 1000", logs="keep: 1s")
        self.written("brief.0", "here")
        self.assertEqual(self.n1.run("rm", "brief", "-y").code, 0)
        wait_for(lambda: not os.path.exists(task_dir(self.n1, "brief.0")), 60, "its directory is gone")
        wait_for(lambda: self.n1.run("logs", "brief").code == 3, 10, "nobody has it")

    def test_many_readers_leave_room_for_others(self):
        """16 of one token, 64 of all: what is more is refused, and orders are taken as ever."""
        run(self.n1, "many", "echo hello; exec sleep 1000")
        self.written("many", "hello")
        tokens = [self.n1.token("--read") for _ in range(5)]
        links = []

        def read(token):
            link = http.client.HTTPConnection(self.n1.http, 7781, timeout=20)
            links.append(link)
            link.request("GET", "/v1/jobs/default/many/logs?follow=1", headers=token)
            answer = link.getresponse()
            return answer.status, answer.read(6 if answer.status == 200 else 4096).decode()

        try:
            for i in range(16):
                self.assertEqual(read(tokens[0]), (200, "many.0"), i)
            status, text = read(tokens[0])
            self.assertEqual((status, json.loads(text)["error"]["code"]), (429, "too_many"))
            self.assertIn("this token", text)
            for i in range(48):
                self.assertEqual(read(tokens[1 + i // 16]), (200, "many.0"), i)
            status, text = read(tokens[4])
            self.assertEqual((status, json.loads(text)["error"]["code"]), (429, "too_many"))
            self.assertIn("64 times", text)
            answer = self.n1.run("logs", "many")
            self.assertEqual(answer.code, 1, answer)
            self.assertIn("64 times", answer.err)
            self.assertEqual(self.n1.request("GET", "/v1/jobs", tokens[4])[0], 200)
        finally:
            for link in links:
                link.close()
        wait_for(lambda: self.n1.run("logs", "many").out == "many.0 | hello\n", 10, lambda: self.n1.run("logs", "many"))

    def test_a_flood_of_a_capped_task_costs_little(self):
        text = job("flood", "exec yes").replace("  resources:", "  limits: {cpu: 0.1}\n  resources:")
        self.assertEqual(self.n1.run("run", "-", "--detach", input=text).code, 0)
        wait_for(lambda: self.n1.healthy("flood"), 15, "it runs")
        pid = self.n1.healthy("flood")[0]["pid"]
        shim = next(p for p in shims() if b"default.flood.0" in shims()[p])

        def used():
            return sum(cpu_of(p) for p in (pid, shim))
        time.sleep(2)
        start, before = time.monotonic(), used()
        time.sleep(5)
        cores = (used() - before) / (time.monotonic() - start)
        self.assertEqual(self.n1.run("rm", "flood", "-y").code, 0)
        self.assertLessEqual(cores, 0.2)
        self.assertGreater(cores, 0.02)

    def test_a_fast_writer_loses_nothing(self):
        run(self.n1, "fast", "start=$(date +%s%N); seq -f '%099.0f' 2000000; echo took $((($(date +%s%N)-start)/1000000)) ms "
            ">&2; exec sleep 1000", logs="max_size: 1G")
        wait_for(lambda: "took" in self.n1.run("logs", "fast.0", "--stderr").out, 60, "it has written 200 MB")
        seen = subprocess.run(f"{STRATOS} logs fast.0 --stdout --socket {self.n1.socket} | sort -cu && "
                              f"{STRATOS} logs fast.0 --stdout --socket {self.n1.socket} | wc -lc",
                              shell=True, capture_output=True, text=True, timeout=120)
        self.assertEqual(seen.stdout.split(), ["2000000", "200000000"], seen)


def shims():
    out = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if len(words) > 2 and words[1] == b"shim":
            out[int(path.split("/")[2])] = words[2]
    return out


def cpu_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@needs_root
class Full(unittest.TestCase):
    """A disk that fills up."""

    def test_what_did_not_fit_is_counted_and_said_and_all_else_is_there(self):
        disk = tmpfs(self)
        cluster = Cluster(1)
        cluster[0].data = disk.data
        cluster.__enter__()
        self.addCleanup(cluster.__exit__, None, None, None)
        n1 = cluster[0]
        dots = "." * 200
        run(n1, "fill", f"i=0; while true; do i=$((i+1)); echo line $i {dots}; sleep 0.02; done")
        wait_for(lambda: "line 20" in n1.run("logs", "fill").out, 20, lambda: n1.run("logs", "fill"))
        for _ in range(12):  # the store gives back what it needs no more, and a block takes many lines
            disk.fill()
            time.sleep(0.5)
        disk.make_room()
        lost = re.compile(r"\[stratos: (\d+) bytes of stdout were lost here: No space left on device\]")
        wait_for(lambda: lost.search(n1.run("logs", "fill").out), 20, lambda: n1.run("logs", "fill").out[-2000:])
        time.sleep(1)
        out = raw(n1, "fill.0").decode()
        bytes_lost = sum(int(n) for n in lost.findall(out))
        rest = lost.sub("", out)
        last = int(re.findall(r"^line (\d+) \.{200}$", out, re.M)[-1])
        whole = sum(len(f"line {i} {dots}") for i in range(1, last + 1))
        kept = len(rest.replace("\n", ""))
        # The ends of the lines that were lost are counted, too; of those, not more than one for each.
        self.assertGreaterEqual(kept + bytes_lost, whole)
        self.assertLessEqual(kept + bytes_lost, whole + bytes_lost // 200 + 2 * len(lost.findall(out)))
        self.assertTrue(any(x.get("lost") for x in json_of(n1, "fill")))
        # The same sum is a counter, while the task runs and when it has ended.
        name = 'stratos_log_lost_bytes_total{job="default/fill"}'
        wait_for(lambda: n1.metrics()[name] == bytes_lost, 40, lambda: f"{bytes_lost} lost, told: {n1.metrics()[name]}")
        self.assertEqual(n1.run("stop", "fill").code, 0)
        self.assertEqual(n1.metrics()[name], bytes_lost)


@needs_root
class Merged(unittest.TestCase):
    """What a job wrote, on three nodes."""

    def setUp(self):
        self.cluster = Cluster(3)
        self.cluster.__enter__()
        self.addCleanup(self.cluster.__exit__, None, None, None)

    def test_instances_of_all_nodes_come_in_the_order_of_time(self):
        n1, n2, _ = self.cluster
        run(n1, "many", "for i in $(seq 20); do echo tick $i; echo tock $i >&2; sleep 0.05; done; exec sleep 1000", 3)
        wait_for(lambda: n2.run("logs", "many").out.count("tick 20") == 3, 30, lambda: n2.run("logs", "many").out[-800:])
        lines = json_of(n2, "many")
        self.assertEqual(len(lines), 120)
        self.assertEqual([x["at"] for x in lines], sorted(x["at"] for x in lines))
        self.assertGreater(len({x["node"] for x in lines}), 1, "instances are on several nodes")
        tail = json_of(n2, "many", "--tail", "7")
        self.assertEqual(tail, lines[-7:])

    def test_a_follower_joins_what_comes_and_ends_when_nothing_can_come(self):
        n1, n2, n3 = self.cluster
        run(n1, "grow", "echo hello from $STRATOS_INSTANCE; exec sleep 1000", 1)
        follower = follow(self, n2, "grow")
        follower.sees(b"grow.0 | hello from 0", 15)
        self.assertEqual(n1.run("scale", "grow", "4", "--detach").code, 0)
        for i in (1, 2, 3):
            follower.sees(b"grow.%d | hello from %d" % (i, i), 15)
        self.assertEqual(n1.run("stop", "grow").code, 0)
        self.assertEqual(follower.ends(25)[0], 0)
        self.assertEqual(follower.text.count(b"hello from 0"), 1)

    def test_a_follower_goes_on_after_an_agent_was_away(self):
        n1, n2, n3 = self.cluster
        run(n1, "long", "i=0; while true; do i=$((i+1)); echo $STRATOS_INSTANCE line $i.; sleep 0.2; done", 6)
        wait_for(lambda: len(n1.healthy("long")) == 6, 30, lambda: n1.run("status", "long"))
        index, node = next((i["name"].split(".")[-1], i["node"]) for i in n1.instances("long") if i["node"] != "n1")
        away = next(a for a in (n2, n3) if a.name == node)
        follower = follow(self, n1, f"long.{index}")
        follower.sees(b"line 3.", 20)
        away.stop()
        away.start(join=n1.address)
        seen = len(follower.text)
        wait_for(lambda: away.is_up(), 20, "the agent is back")
        follower.sees(b"line %d." % (follower.text.count(b"\n") + 40), 40)
        self.assertGreater(len(follower.text), seen)
        numbers = [int(n) for n in re.findall(rb"line (\d+)\.", follower.text)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_the_part_of_a_dead_node_is_missing_and_that_is_said(self):
        n1, n2, n3 = self.cluster
        run(n1, "part", "echo hello from $STRATOS_INSTANCE; exec sleep 1000", 6)
        wait_for(lambda: len(text_of(n1.run("logs", "part"))) == 6, 30, lambda: n1.run("logs", "part"))
        holders = {i["node"] for i in n1.instances("part")}
        victim = next(a for a in (n3, n2) if a.name in holders)
        victim.kill()
        wait_for(lambda: any(m["name"] == victim.name and m["state"] == "dead" for m in n1.json("members")), 30,
                 "it is dead")
        answer = n1.run("logs", "part")
        self.assertEqual(answer.code, 1, answer)
        self.assertIn(f"{victim.name} is dead: its part is missing", answer.err)
        self.assertIn("hello from", answer.out)
        notes = [x for x in json_of(n1, "part") if x["stream"] == "note"]
        self.assertEqual([(x["node"], x["text"]) for x in notes],
                         [(victim.name, f"{victim.name} is dead: its part is missing")])

    def test_what_was_on_any_node_is_read_from_any_other_after_removal(self):
        n1, n2, n3 = self.cluster
        run(n1, "past", "echo I was $STRATOS_INSTANCE; exec sleep 1000", 5)
        wait_for(lambda: len(text_of(n1.run("logs", "past"))) == 5, 30, lambda: n1.run("logs", "past"))
        self.assertEqual(n1.run("rm", "past", "-y").code, 0)
        wait_for(lambda: n3.run("status", "past").code == 3, 15, "the job is gone")
        for agent in self.cluster:
            self.assertEqual(sorted(text_of(agent.run("logs", "past"))), [f"past.{i} | I was {i}" for i in range(5)])


@needs_root
class Unanswered(unittest.TestCase):
    """The node that has the lines is there, and takes connections, but says nothing."""

    def setUp(self):
        self.cluster = Cluster(2)
        self.cluster.__enter__()
        self.addCleanup(self.cluster.__exit__, None, None, None)
        n1 = self.cluster[0]
        run(n1, "part", "echo hello; exec sleep 1000")
        wait_for(lambda: "hello" in n1.run("logs", "part").out, 30, lambda: n1.run("logs", "part"))
        holder = n1.instances("part")[0]["node"]
        self.other, self.holder = sorted(self.cluster.agents, key=lambda a: a.name == holder)
        self.token = self.other.token("--expires", "3s")
        self.holder.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.holder.process.send_signal, signal.SIGCONT)

    def test_its_part_is_missing_and_that_is_no_404(self):
        answer = self.other.run("logs", "part", timeout=40)
        self.assertEqual(answer.code, 1, answer)
        self.assertIn(f"{self.holder.name} cannot be reached: its part is missing", answer.err)
        status, _, text = self.other.request("GET", "/v1/jobs/default/nothing/logs", self.other.token(), timeout=40)
        self.assertEqual(status, 404, text)
        self.assertIn("no job 'nothing'", text)

    def test_who_waits_with_a_token_that_ends_is_told(self):
        status, _, text = self.other.request("GET", "/v1/jobs/default/part/logs", self.token, timeout=40)
        self.assertEqual((status, json.loads(text)["error"]["code"]), (401, "unauthorized"))
        self.assertIn("token has ended", text)


if __name__ == "__main__":
    unittest.main()
