"""Every reading command on terminals of 50, 80 and 200 columns, in a pipe, to a full and to a closed output."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unittest
from collections import Counter

from cluster import STRATOS, Cluster, job, needs_root, wait_for

LONG = "a-job-with-a-name-of-forty-letters-in-all"
WORDS = {  # what stands for the words of a synopsis
    "": [[]],
    "[JOB|JOB.N|NODE]": [[], ["web"], ["web.0"], ["n1"], [LONG]],
    "JOB|JOB.N": [["web.0"], [LONG + ".0"]],
    "JOB[.N]": [["web"], ["web.0"]],
    "JOB": [["web"]],
    "JOB[@vN|@HASH]": [["web"], ["web@v1"]],
    "JOB[@vN]": [["web"], ["web@v1"]],
    "[NAME]": [[], ["web"]],
    "NAME": {"resolve": [["web.service.stratos"]], "var get": [["greeting"]]},
    "[COMMAND]": [[], ["run"]],
}
# What changes something, runs for ever, or is no reading for another reason.
NOT_READING = {"init", "validate", "run", "scale", "restart", "stop", "start", "rm", "join", "leave", "forget", "var set", "var rm", "agent",
               "install", "uninstall", "dev", "demo-http", "secret new", "secret rotate", "import", "token", "ui",
               "replay"}  # of a file: test_replay


def reading_commands():
    """Every verb of the table with each set of words that it may take."""
    table = json.loads(subprocess.run([STRATOS, "help", "--json"], capture_output=True, text=True, check=True).stdout)["data"]
    names = {c["command"] for c in table}
    unknown = NOT_READING - names
    assert not unknown, f"no command any more: {unknown}"
    for command in table:
        if command["command"] in NOT_READING:
            continue
        words = WORDS[command["words"]]  # a KeyError: a new verb wants a line above
        words = words[command["command"]] if isinstance(words, dict) else words
        for one in words:
            yield command["command"].split() + one
    yield []  # `stratos` alone


def on_a_terminal(words, columns, answer=None):
    """(exit status, what it wrote to the terminal)."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(words, stdin=child, stdout=child, stderr=child, close_fds=True, env={**os.environ, "NO_COLOR": "1"})
    os.close(child)
    if answer:
        time.sleep(1)
        os.write(parent, answer)
    out, end = b"", time.monotonic() + 20
    while time.monotonic() < end:
        if not select.select([parent], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    os.close(parent)
    return process.wait(10), out.decode().replace("\r\n", "\n")


@needs_root
class Widths(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2, profile="local")
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.cluster.__enter__()
        agent = cls.agent = cls.cluster[0]
        web = "job: web\ncount: 2\ntask: {command: [\"${STRATOS_BIN}\", demo-http]}\nports: {http: dynamic, admin: dynamic}\n"
        assert agent.run("run", cls.cluster.write("web.yaml", web)).code == 0
        broken = f"job: {LONG}\ntask: {{command: [/opt/no/such/program]}}\nrestart: {{attempts: 0}}\n"
        agent.run("run", cls.cluster.write("long.yaml", broken), "--timeout", "3s")
        assert agent.run("var", "set", "greeting", "hello " * 60).code == 0
        wait_for(lambda: len(agent.healthy("web")) == 2, 20, lambda: agent.run("status", "web"))

    def command(self, words):
        return [STRATOS, *words, "--socket", self.agent.socket]

    def test_in_a_pipe_nothing_is_cut_or_folded(self):
        for words in reading_commands():
            answer = self.agent.run(*words)
            self.assertEqual(answer.code, 0, (words, answer))
            self.assertNotRegex(answer.out, r"[^.\s]\.\.(\s|$)", words)
            self.assertNotRegex(answer.out, r"\x1b", words)
        self.assertIn(LONG, self.agent.run("jobs").out)
        self.assertRegex(self.agent.run("status", "web").out, r":20\d\d\d\+1\n")
        for line in self.agent.run("events").out.splitlines()[1:]:
            self.assertRegex(line, r"^([0-9-]{10} )?[0-9:]{8}  n[12] ")
        why = self.agent.run("why", LONG + ".0").out
        reason = self.agent.json("why", LONG + ".0")["candidates"][0]["reason"]
        self.assertIn(reason.split("; tried again in ")[0], why)  # the time goes on meanwhile

    def test_a_terminal_s_own_width_counts_and_nothing_is_lost(self):
        for columns in (50, 80, 200):
            for words in (["jobs"], ["members"], ["status", "web"], ["events"], ["why", LONG + ".0"], ["services"], ["history", "web"],
                          ["gossip"], ["trace", "web"], ["var", "ls"]):
                code, shown = on_a_terminal(self.command(words), columns)
                self.assertEqual(code, 0, (columns, words, shown))
                table = [line for line in shown.splitlines() if not line.startswith(("as seen by", "warning", "SPLIT"))]
                wide = [line for line in table if len(line) > columns and "  " in line.strip()]
                self.assertEqual(wide, [], (columns, words))
                self.assertNotRegex(shown, r"[^.\s]\.\.(\s|$)", (columns, words))
                # Every letter that a pipe gets, but those of ages, which change meanwhile.
                plain = Counter(re.sub("[^a-zA-Z]|[smhd]", "", self.agent.run(*words).out))
                self.assertEqual(plain - Counter("".join(table)), Counter(), (columns, words, shown))

    def test_what_cannot_be_written_is_an_error_and_a_closed_pipe_is_silent(self):
        for words in reading_commands():
            for more in ([], ["--json"]):
                with open("/dev/full", "w") as full:
                    done = subprocess.run(self.command(words) + more, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
                self.assertEqual(done.returncode, 1, (words, more, done))
                self.assertIn("could not be written: ", done.stderr, (words, more))
                closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *self.command(words), *more], stderr=subprocess.PIPE,
                                        text=True, timeout=30)
                self.assertEqual(closed.returncode, 1, (words, more, closed))
            head = subprocess.run(["sh", "-c", '"$@" | head -c 1 >/dev/null', "sh", *self.command(words)], stderr=subprocess.PIPE, text=True,
                                  timeout=30)
            self.assertNotIn("could not be written", head.stderr, words)
        self.assertEqual(self.agent.run("jobs").code, 0)  # what was printed to nowhere went into no socket

    def test_rm_asks_on_a_terminal_and_a_no_is_7(self):
        path = self.cluster.write("gone.yaml", job("gone", ["sleep", "1000"], 1))
        self.assertEqual(self.agent.run("run", path).code, 0)
        code, shown = on_a_terminal(self.command(["rm", "gone"]), 80, b"n\n")
        self.assertEqual(code, 7, shown)
        self.assertIn("remove default/gone and its versions; 1 runs: yes or no? ", shown)
        self.assertIn("nothing was done: default/gone stays", shown)
        self.assertEqual(len(self.agent.healthy("gone")), 1)
        code, shown = on_a_terminal(self.command(["rm", "gone", "-y"]), 80)
        self.assertEqual(code, 0, shown)
        self.assertEqual(self.agent.run("run", path).code, 0)
        code, shown = on_a_terminal(self.command(["rm", "gone"]), 80, b"y\n")
        self.assertEqual(code, 0, shown)
        self.assertNotIn("gone", [j["job"] for j in self.agent.json("jobs")])

    def test_several_jobs_are_a_row_each_on_a_terminal(self):
        path = self.cluster.write("six.yaml", "jobs:\n" + "".join(
            f"  - job: six-{n}\n    task: {{command: [sleep, \"1000\"]}}\n" for n in range(6)))
        code, shown = on_a_terminal(self.command(["run", path]), 60)
        self.assertEqual(code, 0, shown)
        rows = [line.split("\x1b[K")[-1] for line in shown.splitlines() if "\x1b[K" in line]
        self.assertTrue(rows)
        self.assertLessEqual(max(map(len, rows)), 59)
        self.assertEqual({row.split()[0] for row in rows}, {f"six-{n}" for n in range(6)})
        for n in range(6):
            self.assertEqual(self.agent.run("rm", f"six-{n}").code, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
