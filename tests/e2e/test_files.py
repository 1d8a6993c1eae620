"""Job files as people hand them over: several at once, with params, foreign ones, and back again."""

import json
import os
import subprocess
import tempfile
import unittest

from cluster import STRATOS, Cluster, needs_root


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


class Offline(unittest.TestCase):
    """What needs no agent."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="stratos-files.")
        self.addCleanup(subprocess.run, ["rm", "-r", self.dir])

    def file(self, name, text):
        return write(os.path.join(self.dir, name), text)

    def run_stratos(self, *words):
        return subprocess.run([STRATOS, *words], cwd=self.dir, capture_output=True, text=True, timeout=30)

    def test_all_files_of_a_directory_are_checked_and_all_mistakes_said(self):
        self.file("b.yaml", "job: b\ncuont: 2\ntask: x\n")
        self.file("a.yml", "job: a\ntask: {command: [sleep, \"9]}\n")
        self.file("c.json", '{"job":"c","task":"x"}')
        self.file("notes.txt", "no job file")
        said = self.run_stratos("validate", self.dir)
        self.assertEqual(said.returncode, 2, said)
        self.assertIn("/a.yml:2:25: error: this quote is not closed", said.stderr)
        self.assertIn("/b.yaml:2:1: error: unknown key 'cuont'; did you mean 'count'?", said.stderr)
        self.assertLess(said.stderr.index("a.yml"), said.stderr.index("b.yaml"))
        answer = json.loads(self.run_stratos("validate", "--json", self.dir).stdout)
        self.assertEqual([c["line"] for c in answer["error"]["complaints"]], [2, 2])
        said = self.run_stratos("validate", "c.json", self.file("d.yaml", "\ufeffjob: d\ntask: x\n"))
        self.assertEqual((said.returncode, said.stderr.count(": fine: ")), (0, 2), said)
        said = self.run_stratos("validate", "c.json", self.file("e.yaml", "job: c\ntask: x\n"))
        self.assertEqual(said.returncode, 2)
        self.assertIn("job default/c is in c.json, too", said.stderr)
        os.mkdir(os.path.join(self.dir, "empty"))
        self.assertIn("no job file is there", self.run_stratos("validate", "empty").stderr)

    def test_params_are_given_and_misspelt_ones_are_told(self):
        self.file("p.yaml", "params: {tag: , n: 1}\njob: p\ncount: ${{n}}\ntask: {command: [\"./${{tag}}\"]}\n")
        self.file("values.yaml", "tag: v1\nn: 2\n")
        self.assertIn("give it with -p tag=VALUE", self.run_stratos("validate", "p.yaml").stderr)
        self.assertEqual(self.run_stratos("validate", "p.yaml", "-p", "tag=v2").returncode, 0)
        self.assertEqual(self.run_stratos("validate", "p.yaml", "--params", "values.yaml").returncode, 0)
        said = self.run_stratos("validate", "p.yaml", "--params", "values.yaml", "-p", "n=many")
        self.assertIn("p.yaml:3:8: error: count: wants a whole number from 0 to 100000, not 'many'", said.stderr)
        said = self.run_stratos("validate", "p.yaml", "-p", "tag=v2", "-p", "tga=v2")
        self.assertEqual(said.returncode, 2)
        self.assertIn("no file has a param 'tga'", said.stderr)

    def test_an_import_ends_by_what_came_over(self):
        good = '{"id":"/s/web","cmd":"sleep 9","ports":[]}'
        lossy = '{"id":"/s/disk","cmd":"sleep 9","ports":[],"disk":5}'
        image = '{"id":"/s/img","cmd":"touch /x","ports":[],"container":{"docker":{"image":"nginx"}}}'
        for apps, words, code, summary in (
                ([good], [], 0, "1 app: 1 made, 0 not; 0 things not carried over, 0 changed"),
                ([lossy], [], 0, "1 app: 1 made, 0 not; 1 thing not carried over, 0 changed"),
                ([lossy], ["--strict"], 1, "1 thing not carried over"),
                ([good, image], [], 1, "2 apps: 1 made, 1 not"),
                ([image], [], 2, "1 app: 0 made, 1 not"),
                ([image], ["--without-image"], 0, "1 app: 1 made, 0 not")):
            path = self.file("m.json", "[" + ",\n".join(apps) + "]")
            said = self.run_stratos("import", "marathon", path, *words)
            self.assertEqual(said.returncode, code, said)
            self.assertIn(summary, said.stderr.splitlines()[-1])
            if code < 2:
                made = self.file("made.yaml", said.stdout)
                self.assertEqual(self.run_stratos("validate", made).returncode, 0, said.stdout)
            answer = json.loads(self.run_stratos("import", "--json", "marathon", path, *words).stdout)
            data = answer.get("data") or answer["error"]
            self.assertEqual(data["file"], path)
            self.assertEqual("yaml" in data, code < 2)
            self.assertEqual(len(data["apps"]), len(apps))
        note = json.loads(self.run_stratos("import", "--json", "marathon", path).stdout)["error"]["notes"][0]
        self.assertEqual((note["kind"], note["app"], note["line"]), ("error", "/s/img", 1))
        self.assertGreater(note["column"], 1)


@needs_root
class Submitted(unittest.TestCase):
    def test_several_files_are_one_submission_and_inspect_gives_back_what_is_unchanged(self):
        with Cluster(1) as cluster:
            agent = cluster[0]
            os.mkdir(os.path.join(cluster.dir, "jobs"))
            write(os.path.join(cluster.dir, "jobs", "a.yaml"),
                  "params: {text: none}\njob: a\nservice: none\ntask:\n  command: [sleep, \"9${{text}}\"]\n"
                  "  env: {A: no, B: '1.0', C: 0x1F, D: null, PATH: '/opt/bin:${PATH}'}\n")
            write(os.path.join(cluster.dir, "jobs", "b.json"),
                  '{"job"\n:"b", "count": 0, "ports": ["z", "a"], "task": "sleep 99"}')
            said = agent.run("run", "--detach", "jobs", "-p", "text=9")
            self.assertEqual(said.code, 0, said)
            self.assertEqual(sorted(j["job"] for j in agent.json("jobs")), ["a", "b"])
            for name in ("a", "b"):
                text = agent.run("inspect", name, "--file").out
                if name == "a":
                    for line in ('A: "no"', 'B: "1.0"', 'C: "0x1F"', 'D: "null"', "service: none", "- \"99\""):
                        self.assertTrue(line in text or "[sleep, \"99\"]" in text, text)
                else:
                    self.assertLess(text.index("z: dynamic"), text.index("a: dynamic"), text)
                again = agent.run("run", "--detach", write(os.path.join(cluster.dir, "again.yaml"), text))
                self.assertEqual(again.code, 0, again)
                self.assertIn("unchanged", again.err, again)
            write(os.path.join(cluster.dir, "jobs", "c.yaml"), "job: c\ntask: {command: [x, \"${NO}\"]}\n")
            said = agent.run("run", "--detach", "jobs")
            self.assertEqual(said.code, 2)
            self.assertIn("nothing sets ${NO}", said.err)
            self.assertEqual(len(agent.json("jobs")), 2, "all or none")


if __name__ == "__main__":
    unittest.main()
