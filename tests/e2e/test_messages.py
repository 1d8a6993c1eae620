"""Every refusal of the command line and of the API that a person can provoke: its exit or status, and its words with
the remedy.  A new message gets its row here."""

import json
import os
import subprocess
import tempfile
import unittest

from cluster import STRATOS, Cluster, job, needs_root

PLACE = "/nonexistent/sock"


class Offline(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def check(self, rows, **kw):
        for words, code, said in rows:
            done = subprocess.run([STRATOS, *words], cwd=self.dir.name, capture_output=True, text=True, timeout=30, **kw)
            with self.subTest(words=words):
                self.assertEqual((done.returncode, done.stdout), (code, ""), done)
                self.assertIn(said, done.stderr)
            as_json = subprocess.run([STRATOS, "--json", *words], cwd=self.dir.name, capture_output=True, text=True, timeout=30, **kw)
            if as_json.stdout.startswith("{"):
                self.assertIn(said.split("\n")[0][:40], json.loads(as_json.stdout)["error"]["message"], words)

    def test_words_that_are_wrong_are_answered_with_what_is_wanted(self):
        os.mkdir(os.path.join(self.dir.name, "empty"))
        self.file("web.yaml", "job: web\ntask: x\n")
        self.file("list.yaml", "- a\n")
        self.file("deep.yaml", "a: {b: c}\n")
        self.file("tag.yaml", "params: {tag: }\njob: t\ntask: x\n")
        self.file("broken.yaml", "a: [\n")
        with open(os.path.join(self.dir.name, "huge.yaml"), "w") as file:
            file.write("#" * (1 << 20) + "\n")
        self.check((
            (("validate", "none.yaml"), 2, "none.yaml: No such file or directory"),
            (("validate", "empty"), 2, "empty: no job file is there: none ends in .yaml, .yml or .json"),
            (("validate", "huge.yaml"), 2, "huge.yaml: larger than 1 MiB, the most a job file may be"),
            (("validate", "tag.yaml", "--params", "list.yaml"), 2, "list.yaml: wants a map of params (name: value)"),
            (("validate", "tag.yaml", "--params", "deep.yaml"), 2, "deep.yaml:1:4: a wants a single value"),
            (("validate", "tag.yaml", "--params", "broken.yaml"), 2, "broken.yaml:1:4: this '[' is not closed"),
            (("validate", "tag.yaml", "-p", "tag"), 2, "-p wants NAME=VALUE, not 'tag'"),
            (("validate",), 2, "validate wants FILE|DIR|-..."),
            (("init", "Web"), 2, "'Web' cannot be a job's name: a-z, 0-9 and -"),
            (("init", "web"), 1, "web.yaml is there already: it stays as it is"),
            (("import", "compose", "web.yaml"), 2, "'import compose' is planned but not part of stratos"),
            (("import", "helm", "web.yaml"), 2, "'helm' cannot be imported: only marathon can"),
            (("plan", "web.yaml"), 2, "'plan' is planned but not part of stratos"),
            (("apply", "web.yaml"), 2, "'apply' is no command of stratos: use stratos run FILE"),
            (("statsu",), 2, "'statsu' is no command of stratos: did you mean 'status'?"),
            (("frobnicate",), 2, "'frobnicate' is no command of stratos: `stratos help` lists them"),
            (("secret",), 2, "'secret' wants a second word: stratos secret new"),
            (("secret", "nwe"), 2, "secret"),
            (("status", "a", "b"), 2, "status does not take 'b'"),
            (("status", "--jsno"), 2, "unknown flag --jsno: did you mean --json?"),
            (("status", "-o", "yaml"), 2, "-o wants wide, json or name, not 'yaml'"),
            (("status", "web", "-o", "name"), 2, "-o and -l are for the list of all jobs: without 'web'"),
            (("status", "--watch"), 2, "--watch wants a terminal: for programs there is `stratos events -f --json`"),
            (("scale", "web", "many"), 2, "'many' is no number of instances (0 to 100000)"),
            (("scale", "web"), 2, "scale wants JOB N"),
            (("run", "web.yaml", "--if-version", "vx"), 2, "--if-version wants a version or 'new', not 'vx'"),
            (("run", "web.yaml", "--note", "x" * 513), 2, "the note takes 513 bytes, at most 512 fit"),
            (("run", "web.yaml", "--timeout", "soon"), 2, "--timeout: 'soon' is no duration: 10s, 5m, 1h30m"),
            (("trace", "web@x"), 2, "'web@x': want JOB@vN, for example web@v7"),
            (("inspect", "web@"), 2, "'web@': want JOB@vN or JOB@HASH, for example web@v7"),
            (("logs", "web", "--tail", "x"), 2, "--tail wants a number of lines, at most a million, not 'x'"),
            (("logs", "web", "--since", "x"), 2, "--since: 'x' is neither a duration such as 5m or 1h30m nor a time"),
            (("logs", "web", "-f", "--previous"), 2, "--previous is over: it does not go with --follow"),
            (("events", "--limit", "x"), 2, "--limit wants a number up to 100000, not 'x'"),
            (("restart", "web.0.x"), 2, "'web.0.x' cannot be a job's name: [NAMESPACE/]JOB"),
            (("stop", "web.0"), 2, "'web.0' names one instance: here a whole job is wanted"),
            (("why", "web.00"), 3, "no web.00: web.0?"),
            (("dev", "--nodes", "0"), 2, "--nodes wants 1 to"),
            (("dev", "--stop"), 2, "--stop wants --dir DIR"),
            (("demo-http", "--port", "x"), 2, "'x' is no port"),
            (("agent", "--attr", "rack"), 2, "--attr wants K=V, not 'rack'"),
            (("agent", "--adopt", "--new-identity"), 2, "--adopt keeps the identity and --new-identity does not: give one"),
            (("var", "set", "k", "x" * 70000), 2, "a value has at most 65536 bytes"),
        ))

    def test_without_an_agent_each_command_says_how_to_have_one(self):
        self.file("web.yaml", "job: web\ntask: x\n")
        said = f"no agent at {PLACE}: start one with `stratos agent`, or name another with --socket PATH or STRATOS_SOCKET"
        self.check([((*words, "--socket", PLACE), 6, said) for words in (
            ("status",), ("jobs",), ("members",), ("events",), ("run", "web.yaml"), ("rm", "web"), ("var", "ls"), ("leave",), ("token",))])


@needs_root
class Asked(unittest.TestCase):
    def test_what_the_agent_refuses_has_its_status_and_its_remedy(self):
        with Cluster(1) as cluster:
            agent = cluster[0]
            self.assertEqual(agent.run("run", cluster.write("a.yaml", job("a", ["sleep", "1000"], 2))).code, 0)
            write, read = agent.token(), agent.token("--read")
            shop = agent.token("-n", "shop")
            one = "job: b\ntask: sleep 9\n"
            rows = (
                ("GET", "/v1/jobs", {}, None, 401, "this needs a token: `stratos token` prints one, `stratos ui` opens the page with one"),
                ("GET", "/v1/jobs", {"Authorization": "Bearer x"}, None, 401, "this is no token of Stratos: want `Authorization: Bearer st1."),
                ("GET", "/v1/jobs", {"Authorization": write["Authorization"][:-1] + "#"}, None, 401, ""),
                ("POST", "/v1/jobs", read, one, 403, "this token may only read"),
                ("POST", "/v1/jobs", shop, one, 403, "this token is not for namespace 'default'"),
                ("GET", "/v1/jobs/default/a", shop, None, 403, "this token is not for namespace 'default'"),
                ("POST", "/v1/tokens", write, None, 403, "a token is not enough for this: use the agent's socket, or --host with the secret"),
                ("GET", "/v1/nothing", write, None, 404, "no such route: /v1/openapi.json lists them"),
                ("PATCH", "/v1/jobs", write, None, 405, "this path takes GET, HEAD, POST, not PATCH"),
                ("GET", "/v1/jobs/default/%zz", write, None, 400, "the path must be UTF-8, and each % begin a %XX"),
                ("GET", "/v1/jobs/default/A_b", write, None, 404, "no such job: namespaces and jobs have names of a-z, 0-9 and '-', at most 63 characters"),
                ("GET", "/v1/jobs/default/b", write, None, 404, "no job 'b' in namespace 'default'"),
                ("GET", "/v1/jobs?x=1", write, None, 400, "this route takes the parameters"),
                ("GET", "/v1/metrics?x=1", write, None, 404, "no such route"),
                ("GET", "/v1/jobs?limit=2&limit=3", write, None, 400, "'limit' is given twice"),
                ("GET", "/v1/jobs?limit=x", write, None, 400, "limit wants a number"),
                ("GET", "/v1/jobs", write, "x", 400, "this route takes no body"),
                ("GET", "/v1/jobs?wait=5s", write, None, 400, "wait goes with after=VIEW"),
                ("GET", "/v1/jobs?after=zz", write, None, 400, "after wants a view, as an answer's X-Stratos-View says it"),
                ("GET", "/v1/jobs?after=0000000000000001&wait=2m", write, None, 400, "wait wants a duration of at most 1m, for example 5s"),
                ("GET", "/v1/events?limit=x", write, None, 400, "limit wants a number to 1024, follow 1 or 0, Last-Event-ID an event's id"),
                ("GET", "/v1/jobs/default/a/why?index=9", write, None, 404, "no a.9: a has 0-1"),
                ("GET", "/v1/jobs/default/a/spec?version=v9", write, None, 404, "no version 'v9' of job 'a' is kept"),
                ("GET", "/v1/jobs/default/a/spec?version=zz", write, None, 422, "'zz' names no one version: v7, or more of its hash"),
                ("GET", "/v1/jobs/default/a/trace?version=v9", write, None, 404, "a is at v1 here: v9"),
                ("POST", "/v1/jobs?if_version=x", write, one, 400, "if_version wants a version, for example v3, or 'new'"),
                ("POST", "/v1/jobs?ack=x", write, one, 400, "ack wants a number of members, 'majority' or 'all'"),
                ("POST", "/v1/jobs?keep_scale=x", write, one, 400, "keep_scale wants 1 or 0"),
                ("PUT", "/v1/jobs/default/a", write, one, 422, "the body must be the one job that the path names"),
                ("POST", "/v1/jobs?if_version=v9", write, one, 409, "there is no job 'b' that could be at v9"),
                ("POST", "/v1/jobs?ack=9", write, one, 422, "9 wanted: the cluster has 1 member"),
                ("POST", "/v1/jobs/default/a/scale", write, None, 400, "scale wants a count of at most 100000, once: the body {\"count\":N} or the parameter count=N"),
                ("PUT", "/v1/vars/a%20b", write, "x", 422, "'a b' is no variable name: use letters, digits, '.', '_', '-' and '/', at most"),
                ("PUT", "/v1/vars/k?namespace=A", write, "x", 422, "'A' is no namespace: use a-z, 0-9 and '-'"),
                ("PUT", "/v1/vars/k", write, "x" * 70000, 413, "the value takes 70000 bytes, at most 65536 fit"),
                ("GET", "/v1/vars/k", write, None, 404, "no variable 'k' in namespace 'default'"),
                ("DELETE", "/v1/vars/k", write, None, 404, "no variable 'k' in namespace 'default'"),
                ("GET", "/v1/resolve", write, None, 400, "resolve wants ?name=, for example web.service.stratos"),
                ("GET", "/v1/gossip?map=x", write, None, 400, "map wants 1 or 0"),
            )
            for method, path, headers, body, status, said in rows:
                got, _, text = agent.request(method, path, headers=headers, body=body)
                with self.subTest(method=method, path=path, said=text):
                    self.assertEqual(got, status)
                    self.assertIn(said, json.loads(text)["error"]["message"])


if __name__ == "__main__":
    unittest.main()
