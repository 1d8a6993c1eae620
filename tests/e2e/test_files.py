"""Job files as people hand them over: several at once, with params, foreign ones, and back again."""

import json
import os
import subprocess
import tempfile
import unittest

from cluster import STRATOS, Cluster, needs_root, wait_for


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

    def test_files_that_a_file_uses_lie_beside_it_and_nowhere_else(self):
        def validate(name, text):
            self.file(name, text)
            done = self.run_stratos("validate", name)
            return done.returncode, done.stdout + done.stderr
        os.makedirs(os.path.join(self.dir, "jobs", "common"))
        outside = self.file("outside.yaml", "x-secret: 1\n")
        self.file("jobs/base.yaml", "use: [common/more.yaml]\ndefaults: {count: 3}\n")
        self.file("jobs/common/more.yaml", "use: ../side.yaml\nx-e: &e {A: b}\n")
        self.file("jobs/side.yaml", "defaults: {priority: 9}\n")
        os.symlink("base.yaml", os.path.join(self.dir, "jobs", "inside.yaml"))
        os.symlink("../outside.yaml", os.path.join(self.dir, "jobs", "link.yaml"))
        os.mkfifo(os.path.join(self.dir, "jobs", "pipe.yaml"))
        one = "jobs: [{job: a, task: {command: x, env: *e}}]\n"
        for name in ("base.yaml", "inside.yaml"):
            self.assertEqual(validate("jobs/a.yaml", f"use: [{name}]\n{one}")[0], 0, validate("jobs/a.yaml", f"use: [{name}]\n{one}"))
        for name, said in ((outside, "wants a path from this file's folder"),
                           ("../outside.yaml", "it is outside the job file's folder"),
                           ("link.yaml", "it is outside the job file's folder"),
                           ("pipe.yaml", "it is no plain file"), ("common", "it is no plain file"),
                           ("nowhere.yaml", "No such file or directory")):
            code, text = validate("jobs/a.yaml", f"use:\n- {name}\njob: a\ntask: x\n")
            self.assertEqual(code, 2, text)
            self.assertIn(f"jobs/a.yaml:2:3: error: use: {name}: {said}\n    2 | - {name}\n      |   ^", text)
            self.assertNotIn("secret", text)
        self.file("jobs/circle.yaml", "x-a: b\nuse: a.yaml\n")
        code, text = validate("jobs/a.yaml", "use: circle.yaml\njob: a\ntask: x\n")
        self.assertEqual(code, 2)
        self.assertIn("jobs/a.yaml:1:6: error: use: circle.yaml uses itself, over this file", text)
        self.file("jobs/typo.yaml", "defaults:\n  cuont: 3\n")
        code, text = validate("jobs/a.yaml", "use: typo.yaml\njobs: [{job: a, task: x}]\n")
        self.assertIn("jobs/typo.yaml:2:3: error: unknown key 'cuont'; did you mean 'count'?\n    2 |   cuont: 3\n", text)
        answer = json.loads(self.run_stratos("validate", "--json", "jobs/a.yaml").stdout)["error"]
        self.assertEqual((answer["file"], answer["line"]), ("jobs/typo.yaml", 2))
        done = subprocess.run([STRATOS, "validate", "-"], cwd=os.path.join(self.dir, "jobs"), input=f"use: base.yaml\n{one}",
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done)

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
        path = self.file("m.json", "[" + ",\n".join([good, lossy, image]) + "]")
        apps = json.loads(self.run_stratos("import", "--json", "marathon", path).stdout)["data"]["apps"]
        self.assertEqual([(a["name"], a["outcome"]) for a in apps], [("/s/web", "made"), ("/s/disk", "partly"), ("/s/img", "not made")])
        self.assertEqual([[(n["kind"], n["line"], n["key"]) for n in a["notes"]] for a in apps],
                         [[], [("dropped", 2, "disk")], [("refused", 3, "image")]])
        self.assertTrue(all(n["column"] > 1 and n["text"] for a in apps for n in a["notes"]))
        path = self.file("m.json", "[" + image + "]")
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
                text = agent.run("inspect", name, "--canonical").out
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


    def test_inspect_gives_back_what_was_submitted_byte_for_byte(self):
        with Cluster(3) as cluster:
            agent, other = cluster[0], cluster[1]
            text = ("# what a person wrote, \u00e4 \u2603\r\nparams: {copies: 2}   # here\nx-home: &env {B: '1', A: '0x1F'}\n"
                    "task:\n  env: {<<: *env}\n  command: [sleep, '9000']\ncount: ${{copies}}\njob: web\n# no line end")
            path = os.path.join(cluster.dir, "web.yaml")
            with open(path, "w", newline="") as file:
                file.write(text)

            def given(agent, *words):
                done = subprocess.run([STRATOS, "inspect", *words, "--socket", agent.socket], capture_output=True)
                return done.stdout, done.stderr.decode()
            self.assertEqual(agent.run("run", path).code, 0)
            self.assertEqual(given(agent, "web", "--file")[0], text.encode())
            wait_for(lambda: given(other, "web", "--file")[0] == text.encode(), 5, "the others have it")
            with open(os.path.join(cluster.dir, "back.yaml"), "wb") as file:
                file.write(given(other, "web", "--file")[0])
            self.assertIn("unchanged", agent.run("run", "--detach", "back.yaml").err)
            # Other words for the same are the same version, and what is given back is what came last.
            with open(path, "w", newline="") as file:
                file.write("# shorter\n" + text)
            self.assertIn("v1 unchanged", agent.run("run", "--detach", path).err)
            self.assertEqual(given(agent, "web", "--file")[0], ("# shorter\n" + text).encode())
            # Params are said, other versions have their own text, and a file of several jobs is a file of several.
            said = agent.run("run", "--detach", path, "-p", "copies=1")
            self.assertEqual(said.code, 0, said)
            out, err = given(agent, "web", "--file")
            self.assertEqual(out, ("# shorter\n" + text).encode())
            self.assertIn("it was submitted with: -p 'copies=1'\n", err)
            self.assertNotIn("submitted with", given(agent, "web@v1", "--file")[1])
            both = "# two\njobs:\n- {job: a, task: sleep 99}\n- {job: b, namespace: shop, task: sleep 99}\n"
            two = cluster.write("two.yaml", both)
            self.assertEqual(agent.run("run", "--detach", two).code, 0)
            out, err = given(agent, "a", "--file")
            self.assertEqual(out.decode(), both)
            self.assertIn("it is a file of 2 jobs", err)
            self.assertNotIn("shop", given(agent, "a", "--canonical")[0].decode())
            # Who may see one namespace does not get a text that has jobs of another.
            status, _, body = agent.request("GET", "/v1/jobs/default/a/spec", headers=agent.token("-n", "default"))
            data = json.loads(body)["data"]
            self.assertEqual((status, data["text"]), (200, None))
            self.assertEqual(data["text_missing"], "it has jobs of other namespaces, too")
            # All of it is there after every agent was killed, and gone with the job.
            for each in cluster.agents:
                each.kill()
            for each in cluster.agents:
                each.start()
            cluster.whole()
            self.assertEqual(given(other, "a", "--file")[0].decode(), both)
            self.assertEqual(agent.run("rm", "web", "-y").code, 0)
            self.assertEqual(agent.run("run", "--detach", cluster.write("w2.yaml", "job: web\ntask: sleep 9\n")).code, 0)
            self.assertEqual(given(agent, "web", "--file")[0], b"job: web\ntask: sleep 9\n")
            self.assertEqual(agent.run("inspect", "web@v2", "--file").code, 3)

    def test_one_file_serves_several_namespaces(self):
        with Cluster(1) as cluster:
            agent = cluster[0]
            text = "params: {n: 1}\njob: web\ncount: 0\npriority: ${{n}}\ntask: sleep 99\n"
            path = cluster.write("web.yaml", text)
            self.assertEqual(agent.run("run", "--detach", path, "-n", "staging").code, 0)
            self.assertEqual(agent.run("run", "--detach", path, "-n", "prod", "-p", "n=2").code, 0)
            self.assertEqual(sorted((j["namespace"], j["job"]) for j in agent.json("jobs")), [("prod", "web"), ("staging", "web")])
            self.assertEqual([agent.json("inspect", f"{ns}/web")["spec"].get("priority") for ns in ("staging", "prod")], [1, 2])
            back = agent.run("inspect", "prod/web", "--file")
            self.assertEqual(back.out, text)
            self.assertIn("it was submitted with: -n prod -p 'n=2'\n", back.err)
            self.assertIn("unchanged", agent.run("run", "--detach", path, "-n", "prod", "-p", "n=2").err)
            self.assertEqual(len(agent.json("jobs")), 2)
            other = cluster.write("other.yaml", "namespace: shop\n" + text)
            said = agent.run("run", "--detach", other, "-n", "prod")
            self.assertEqual(said.code, 2)
            self.assertIn("other.yaml:1:12: error: namespace: the file says shop, and the command -n prod: take one away", said.err)

    def test_a_text_that_is_too_large_is_not_kept_and_that_is_said(self):
        with Cluster(1) as cluster:
            agent = cluster[0]
            noise = "".join(f"# {os.urandom(30).hex()}\n" for _ in range(4000))
            said = agent.run("run", "--detach", cluster.write("big.yaml", "job: big\ntask: sleep 99\n" + noise))
            self.assertEqual(said.code, 0, said)
            self.assertIn("the text of big is not kept, it is too large", said.err)
            back = agent.run("inspect", "big", "--file")
            self.assertIn("what it was submitted as is not known (none is kept: an older agent took it, or it was too large); "
                          "this is its canonical form", back.err)
            self.assertTrue(back.out.startswith("# default/big v1\njob: big\n"), back)
            again = agent.run("run", "--detach", cluster.write("again.yaml", back.out))
            self.assertIn("unchanged", again.err)
            self.assertEqual(agent.run("inspect", "big", "--file").out, back.out, "now that is what was submitted")
            many = "jobs:\n" + "".join(f"- {{job: j{i}, count: 0, task: sleep 9}} # {os.urandom(8).hex()}\n" for i in range(300))
            said = agent.run("run", "--detach", cluster.write("many.yaml", many))
            self.assertEqual((said.code, said.err.count("not kept")), (0, 1), said)
            self.assertIn("the text of j0 and 299 more is not kept", said.err)

    def test_what_a_file_uses_is_submitted_with_it(self):
        with Cluster(1) as cluster:
            agent = cluster[0]
            os.mkdir(os.path.join(cluster.dir, "jobs"))
            write(os.path.join(cluster.dir, "jobs", "base.yaml"), "params: {n: 2}\ndefaults: {count: 0, labels: {from: base}}\n")
            text = "# mine\nuse: [base.yaml]\njobs:\n- {job: a, priority: '${{n}}', task: sleep 99}\n"
            write(os.path.join(cluster.dir, "jobs", "a.yaml"), text)
            self.assertEqual(agent.run("run", "--detach", "jobs/a.yaml", "-p", "n=7").code, 0)
            spec = agent.json("inspect", "a")["spec"]
            self.assertEqual((spec["priority"], spec["count"], spec["labels"]), (7, 0, {"from": "base"}))
            self.assertEqual(agent.run("inspect", "a", "--file").out, text)
            status, _, body = agent.request("POST", "/v1/jobs", headers=agent.token(), body=text)
            self.assertEqual(status, 422, body)
            error = json.loads(body)["error"]
            self.assertEqual((error["line"], error["column"]), (2, 1))
            self.assertIn("submit it with `stratos run FILE`", error["message"])


if __name__ == "__main__":
    unittest.main()
