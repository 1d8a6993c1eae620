"""Words that are true: what is said of splits, crashes, the dead and the past, in one sentence everywhere."""

import json
import os
import re
import subprocess
import tempfile
import time
import unittest

from cluster import STRATOS, Cluster, job, needs_root, wait_for

CRASH = "restart: {attempts: 1, window: 5m, delay: 100ms}"


def started(test, nodes, **kw):
    cluster = Cluster(nodes, **{"profile": "local", **kw})
    cluster.__enter__()
    test.addCleanup(cluster.__exit__, None, None, None)
    return cluster


def lose(cluster, *indexes):
    for index in indexes:
        cluster[index].kill()
    names = {f"n{index + 1}" for index in indexes}
    wait_for(lambda: names <= {m["name"] for m in cluster[0].json("members") if m["state"] == "dead"}, 30, "they are dead")


@needs_root
class Verdict(unittest.TestCase):
    def test_the_same_line_comes_first_everywhere(self):
        cluster = started(self, 3)
        agent = cluster[0]
        wait_for(lambda: agent.run().out.startswith("No jobs yet, 3 nodes agree\n"), 10, agent.run)
        alone = agent.run()
        self.assertEqual(alone.code, 0, alone)
        for command in ("init", "run", "status", "logs", "why"):
            self.assertIn(f"  stratos {command} ", alone.out)
        self.assertEqual(agent.run("run", cluster.write("a.yaml", job("a", ["sleep", "1000"], 3))).code, 0)
        text = "All 3 instances of 1 job healthy, 3 nodes agree"
        wait_for(lambda: agent.json()["text"] == text, 10, agent.run)
        self.assertEqual(agent.json(), {"state": "ok", "text": text, "needs": [], "more": 0})
        self.assertTrue(agent.run().out.startswith(text + "\n"))
        self.assertRegex(agent.run().out, r"(?m)^Nodes   3 of 3 alive; reserved: 0.3 of 24 cores, 192M of 24G\nJobs    a Healthy\n"
                                          r"[0-9:]{8}  a\.\d is \S+ on n\d.*\n[0-9:]{8}  a\.\d is \S+ on n\d.*\n\nNext: stratos status$")
        self.assertEqual(agent.json("status", "a")["verdict"], "a: 3 of 3 healthy")
        self.assertTrue(agent.run("status").out.startswith(text + "\n"))
        self.assertEqual(agent.json("status")["verdict"]["text"], text)
        status, _, body = agent.request("GET", "/v1/verdict", headers=agent.token("--read"))
        self.assertEqual((status, json.loads(body)["data"]["text"]), (200, text))
        self.assertEqual(agent.request("GET", "/v1/verdict")[0], 401)
        # A token of another namespace is told of the cluster, and not of jobs that it may not see.
        shop = agent.request("GET", "/v1/verdict", headers=agent.token("-n", "shop"))
        self.assertEqual(json.loads(shop[2])["data"]["text"], "No jobs yet, 3 nodes agree")

    def test_without_an_agent_it_says_how_to_begin(self):
        none = subprocess.run([STRATOS, "--socket", "/nonexistent/sock"], capture_output=True, text=True)
        self.assertEqual(none.returncode, 0, none)
        for step in ("secret new --write", "stratos install", "stratos members", "stratos init", "stratos run"):
            self.assertIn(step, none.stdout)
        found = subprocess.run([STRATOS, "--json", "--socket", "/nonexistent/sock"], capture_output=True, text=True)
        self.assertEqual(json.loads(found.stdout)["data"], {"state": "none"})

    def test_the_message_that_asks_for_a_secret_leads_to_a_running_agent(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "etc", "stratos", "secret")
            words = [STRATOS, "agent", "--data", os.path.join(folder, "data"), "--secret-file", path, "--no-discover"]
            none = subprocess.run(words, capture_output=True, text=True, timeout=20)
            self.assertNotEqual(none.returncode, 0)
            told = re.search(r"`stratos (secret new --write .*?)` makes one", none.stderr)
            self.assertTrue(told, none.stderr)
            made = subprocess.run([STRATOS, *told.group(1).split()], capture_output=True, text=True)
            self.assertEqual((made.returncode, made.stdout), (0, ""), made)
            self.assertIn(f"cat > {path}' < {path}", made.stderr)
            self.assertEqual([os.stat(p).st_mode & 0o777 for p in (path, os.path.dirname(path))], [0o600, 0o700])
            with open(path) as file:
                before = file.read()
            again = subprocess.run([STRATOS, *told.group(1).split()], capture_output=True, text=True)
            self.assertEqual(again.returncode, 1, again)
            self.assertIn("is there already: it stays as it is", again.stderr)
            with open(path) as file:
                self.assertEqual(file.read(), before)
            agent = subprocess.Popen(words + ["--bind", "127.77.3.3:7780", "--http", "off", "--dns", "off",
                                              "--socket", os.path.join(folder, "sock")], stderr=subprocess.PIPE, text=True)
            try:
                wait_for(lambda: subprocess.run([STRATOS, "members", "--socket", os.path.join(folder, "sock")],
                                                capture_output=True).returncode == 0, 20, "it runs")
            finally:
                agent.terminate()
                agent.communicate(timeout=20)

    def test_the_smaller_side_of_a_split_says_so_and_nothing_of_the_dead_is_healthy(self):
        cluster = started(self, 5)
        agent = cluster[0]
        # All agents are on one host here, so that their names tell them apart.
        path = cluster.write("web.yaml", job("web", ["sleep", "1000"], 5))
        self.assertEqual(agent.run("run", path).code, 0)
        wait_for(lambda: len({i["node"] for i in agent.healthy("web")}) == 5, 10, lambda: agent.run("status", "web"))
        lose(cluster, 2, 3, 4)
        split = r"SPLIT: n1 reaches 2 of 5 \(n3, n4, n5 silent [0-9]+s\); take-overs wait [0-9]+s more; this is the smaller side"
        alone = agent.run()
        self.assertRegex(alone.out.splitlines()[0], f"^{split}$")
        for words in (("members",), ("status",), ("jobs",), ("gossip",), ("events",), ("why", "web.0"), ("services",)):
            self.assertRegex(agent.run(*words).err, f"(?m)^{split}$", words)
        verdict = agent.json()
        self.assertEqual(verdict["state"], "split")
        self.assertRegex(verdict["text"], split)
        view = json.loads(agent.run("jobs", "--json").out)["view"]
        self.assertEqual((view["alive"], view["total"]), (2, 5))
        self.assertRegex(view["warning"], split)

        held = [e for e in agent.json("events") if e["kind"] == "hold"]
        self.assertRegex(held[0]["text"], r"^n1 takes nothing over for [0-9]+s: half of the members or more are silent$")
        self.assertIn("warn hold name=n1 state=on", agent.logged())

        found = agent.json("status", "web")
        self.assertEqual((found["healthy"], found["running"], found["status"], found["condition"]), (2, 2, "degraded", "Lost"))
        lost = [i for i in found["instances"] if i["state"] == "lost"]
        self.assertEqual({i["node"] for i in lost}, {"n3", "n4", "n5"})
        for one in lost:
            self.assertEqual((one["health"], one["last_state"]), ("unknown", "running"))
            self.assertRegex(one["reason"], r"^n[345] is dead; its take-over waits [0-9]+s more$")
        why = agent.run("why", lost[0]["name"]).out
        self.assertRegex(why, r"^web\.[0-4] is lost with n[345]: n[345] is dead; its take-over waits [0-9]+s more\n")
        self.assertRegex(why, r"n[345] +refused +is dead: take-overs wait, for many vanished at once \(silent [0-9]+s\)")
        # Who is silent is not behind, and the map of who knows what does not show it as in step.
        peers = {p["node"]: p for p in agent.json("gossip")["peers"]}
        self.assertEqual([peers[n]["behind"] for n in ("n2", "n3", "n4", "n5")], [0, None, None, None])
        self.assertRegex(agent.run("gossip").out, r"(?m)^n3 +dead +- ")
        rows = agent.run("members").out
        self.assertRegex(rows, r"(?m)^n3 +dead [0-9.]+s +127\S+ +- ")

    def test_one_dead_node_of_three_is_named_and_what_starts_for_it_has_that_cause(self):
        cluster = started(self, 3)
        agent = cluster[0]
        self.assertEqual(agent.run("run", cluster.write("w.yaml", job("w", ["sleep", "1000"], 3))).code, 0)
        lose(cluster, 2)
        self.assertRegex(agent.run("members").err, r"(?m)^warning: n1 reaches 2 of 3 \(n3 silent [0-9]+s\)")
        wait_for(lambda: len(agent.healthy("w")) == 3, 60, lambda: agent.run("status", "w"))
        self.assertRegex(agent.json()["text"], r"^1 needs you: dead: n3 silent [0-9]+s$")
        events = agent.json("events")
        taken = [e for e in events if e["kind"] == "instance" and e["cause"] == "n3 is dead"]
        self.assertTrue(taken, events)
        for event in taken: # where it happened, not who was asked
            self.assertIn(f" on {event['node']}", event["text"])
        dead = [e for e in events if e["kind"] == "member" and e["state"] == "dead"]
        self.assertEqual([(e["node"], e["text"], e["level"]) for e in dead], [("n3", "n3 is dead", "warn")])
        by_id = {e["id"]: e for e in events}
        self.assertEqual({e["cause_id"] for e in taken}, {dead[0]["id"]})
        suspected = by_id[dead[0]["cause_id"]]
        self.assertEqual((suspected["text"], suspected["cause_id"]), ("n3 is suspected", None))
        for event in events: # every chain ends, at what has no cause here: an order, a start, a silence
            seen = event
            while seen["cause_id"] is not None:
                self.assertLess(seen["cause_id"], seen["id"])
                self.assertIsNotNone(seen["cause"])
                seen = by_id[seen["cause_id"]]
            self.assertIn(seen["kind"], ("job", "member"), seen)
            self.assertIsNot(event["cause"], None) if event["kind"] == "instance" else None
        text = agent.run("events").out
        self.assertRegex(text, r"(?m) w\.\d is starting on n\d: w v1 was submitted by root@n1$")
        self.assertRegex(text, r"(?m) w\.\d is running on n\d$")
        self.assertRegex(text, r"(?m) w\.\d is (?:starting|running) on n[12]: n3 is dead$")
        self.assertEqual(agent.run("forget", "n3").code, 0)
        forgotten = [e["text"] for e in agent.json("events") if e["kind"] == "member"][-1]
        self.assertEqual(forgotten, "n3 is forgotten")
        self.assertIn("member name=n3 state=forgotten", agent.logged())

    def test_living_peers_of_an_agent_that_restarts_are_known_not_dead(self):
        cluster = started(self, 3)
        agent = cluster[0]
        agent.stop()
        with open(agent.log, "w"):
            pass
        agent.start()
        wait_for(lambda: agent.alive() == ["n1", "n2", "n3"], 20, agent.logged)
        self.assertNotIn("state=dead", agent.logged())
        self.assertIn("member name=n2 state=known", agent.logged())
        self.assertIn("member name=n2 state=alive", agent.logged())
        texts = [e["text"] for e in agent.json("events")]
        self.assertIn("n1 (this node) has started", texts)
        self.assertIn("n2 is heard again since this agent has started", texts)


@needs_root
class Words(unittest.TestCase):
    def test_a_program_that_crashes_is_crashing_and_run_shows_what_it_said_and_every_job_that_failed(self):
        cluster = started(self, 2)
        agent = cluster[0]
        shell = "for i in 1 2 3 4; do echo line $i >&2; done; exit 3"
        path = cluster.write("two.yaml", "jobs:\n" + "".join(
            f"  - job: bad-{n}\n    task: {{command: [sh, -c, {json.dumps(shell)}]}}\n    {CRASH}\n" for n in "ab"))
        failed = agent.run("run", path, "--timeout", "25s", timeout=60)
        self.assertEqual(failed.code, 5, failed)
        for name in ("bad-a", "bad-b"):
            self.assertRegex(failed.err, f"(?m)^stratos: {name} fails: {name}.0: .*exited with 3")
        self.assertEqual(len(re.findall(r"(?m)^  \| line [234]$", failed.err)), 6, failed)
        self.assertNotIn("| line 1\n", failed.err)
        found = {j["job"]: (j["status"], j["condition"]) for j in agent.json("jobs")}
        self.assertEqual(found, {"bad-a": ("crashing", "Crashing"), "bad-b": ("crashing", "Crashing")})
        first = agent.run("status", "bad-a").out.splitlines()[0]
        self.assertRegex(first, r"^default/bad-a v1: service, Crashing, 1 wanted: exited with 3")
        verdict = agent.json()
        self.assertEqual(verdict["state"], "attention")
        self.assertRegex(verdict["text"], r"^2 need you: bad-a\.0 crashes on n[12]: exited with 3")
        self.assertEqual([n["subject"] for n in verdict["needs"]], ["bad-a.0", "bad-b.0"])
        why = agent.run("why", "bad-a.0").out
        self.assertNotIn("refused: refused", why)
        self.assertIn("bad-a.0 has no node: ", why)
        again = agent.run("run", path, "--timeout", "1s", "--json", timeout=60)
        self.assertEqual(again.code, 5, again)

    def test_a_crash_loop_does_not_push_all_else_out_of_the_events(self):
        cluster = started(self, 1)
        agent = cluster[0]
        path = cluster.write("loop.yaml", job("loop", ["sh", "-c", "exit 3"], 1,
                                              "restart: {attempts: 50, window: 10m, delay: 50ms, max_delay: 50ms, backoff: 1}"))
        agent.run("run", path, "--detach")
        wait_for(lambda: any(e.get("times", 0) > 8 for e in agent.json("events")), 30, lambda: agent.run("events"))
        events = [e for e in agent.json("events") if e["subject"] == "loop.0"]
        self.assertLess(len(events), 8, events)
        folded = agent.run("events").out
        self.assertRegex(folded, r"(?m)^[0-9:]+ +n1 +instance +loop\.0 is pending on n1.*, [0-9]+x in [0-9.]+m?s?.*: exited with 3")

    def test_the_way_back_is_done_at_once(self):
        cluster = started(self, 2)
        agent = cluster[0]
        good = cluster.write("good.yaml", job("web", ["sleep", "1000"], 3, CRASH + "\nupdate: {min_healthy_time: 1s}"))
        bad = cluster.write("bad.yaml", job("web", ["sh", "-c", "exit 3"], 3, CRASH + "\nupdate: {min_healthy_time: 1s}"))
        self.assertEqual(agent.run("run", good).code, 0)
        self.assertEqual(agent.run("run", bad, "--timeout", "15s").code, 5)
        start = time.monotonic()
        back = agent.run("run", good, "--timeout", "40s")
        self.assertEqual(back.code, 0, back)
        self.assertLess(time.monotonic() - start, 30)
        self.assertIn("default/web v3: 3 of 3 healthy", back.out)

    def test_history_says_who_and_why_and_who_was_overtaken(self):
        cluster = started(self, 2)
        agent = cluster[0]
        path = cluster.write("a.yaml", job("a", ["sleep", "1000"], 1))
        self.assertEqual(agent.run("run", path, "--note", "first & last: 100 %").code, 0)
        newest = agent.json("history", "a")[0]
        self.assertEqual((newest["by"], newest["note"]), ("root@n1", "first & last: 100 %"))
        told = [e for e in agent.json("events") if e["kind"] == "job"][-1]
        self.assertEqual((told["text"], told["node"], told["cause"]),
                         ("a v1 was submitted by root@n1", "n1", "first & last: 100 %"))
        self.assertEqual(agent.run("run", path, "--note", "x" * 513).code, 2)
        slow = cluster.write("slow.yaml", "job: s\ntask: {command: [sleep, \"1000\"], resources: {memory: 900G}}\n")
        other = cluster.write("other.yaml", "job: s\ntask: {command: [sleep, \"1001\"]}\n")
        follower = subprocess.Popen([STRATOS, "run", slow, "--socket", agent.socket], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True)
        wait_for(lambda: agent.instances("s") and cluster[1].instances("s"), 10, "s is there, on both")
        self.assertEqual(cluster[1].run("run", other).code, 0)
        said = follower.communicate(timeout=20)[1]
        self.assertEqual(follower.returncode, 7, said)
        self.assertIn("s v1 was replaced by v2, submitted by root@n2", said)

    def test_a_job_made_again_is_no_update_of_the_removed_one(self):
        cluster = started(self, 3)
        agent = cluster[0]
        shell = "trap '' TERM; while :; do sleep 0.2; done"
        path = cluster.write("web.yaml", job("web", ["sh", "-c", shell], 2, "update: {min_healthy_time: 10s}"))
        self.assertEqual(agent.run("run", path).code, 0)
        before = {i["pid"] for i in agent.healthy("web")}
        self.assertEqual(agent.run("rm", "web", "-y").code, 0)
        begun = time.monotonic()
        said = agent.run("run", path)
        self.assertEqual(said.code, 0, said)
        self.assertLess(time.monotonic() - begun, 6, "at once, and not one after the other")
        self.assertIn("web v1: 0/2 healthy", said.err)
        self.assertIn("2 left of the removed job", said.err)
        for false in ("replaced", "serving", "too many"):
            self.assertNotIn(false, said.err)
        healthy = agent.healthy("web")
        self.assertEqual(len(healthy), 2)
        self.assertFalse({i["pid"] for i in healthy} & before)
        rows = agent.json("status", "web")
        left = [i for i in rows["instances"] if i.get("former")]
        self.assertEqual([(i["state"], i["update"]) for i in left], [("stopping", "stop")] * 2)
        self.assertEqual((rows["status"], rows["condition"], rows["healthy"]), ("running", "Healthy", 2))
        wait_for(lambda: len(agent.instances("web")) == 2, 20, "what was left has gone")

    def test_where_only_one_node_can_run_it_the_removed_one_is_waited_for_in_words(self):
        cluster = started(self, 1)
        agent = cluster[0]
        shell = "trap '' TERM; while :; do sleep 0.2; done"
        path = cluster.write("one.yaml", f"job: one\ntask: {{command: [sh, -c, {json.dumps(shell)}], stop: {{timeout: 7s}}}}\n")
        self.assertEqual(agent.run("run", path).code, 0)
        self.assertEqual(agent.run("rm", "one", "-y").code, 0)
        said = agent.run("run", path)
        self.assertEqual(said.code, 0, said)
        self.assertIn("waiting for one.0: pending: waits until the task of the removed job has ended", said.err)
        self.assertNotIn("no node fits", said.err)

    def test_what_is_pending_says_what_it_misses_in_figures_and_what_crashed_says_that(self):
        cluster = started(self, 3)
        agent = cluster[0]
        self.assertEqual(agent.run("run", cluster.write("fill.yaml", job("fill", ["sleep", "1000"], 1).replace("64M", "5G"))).code, 0)
        big = job("big", ["sleep", "1000"], 1).replace("64M", "12G")
        said = agent.run("run", cluster.write("big.yaml", big), "--timeout", "7s")
        self.assertEqual(said.code, 4, said)
        near = r"no node fits: 3 lack memory \(12G wanted\); n[123] would fit with memory <= 8G"
        self.assertRegex(said.err, f"big cannot be placed: big.0: pending: {near}\n")
        self.assertRegex(agent.run("status", "big").out, near)
        self.assertRegex(agent.run("why", "big.0").out, f"big.0 has no node: {near}\n")
        self.assertRegex(agent.json()["needs"][0]["text"], f"^big.0 waits for room: {near}$")
        self.assertRegex(agent.run("why", "big.0").out, r"(?m)^n[123] .* lacks memory: 12G wanted, (2.9|3)G left$")
        bad = cluster.write("bad.yaml", f"job: bad\ntask: {{command: [sh, -c, 'exit 3']}}\n{CRASH}\n")
        said = agent.run("run", bad)
        self.assertEqual(said.code, 5, said)
        self.assertRegex(said.err, r"bad fails: bad.0: given up on 3 nodes: exited with 3; gave up after 2 exits within 300 s; "
                                   r"tried again in \d+s")
        self.assertIn("bad v1: 0/1 healthy, 1 given up\n", said.err)
        self.assertNotIn("no node fits", said.err + agent.run("status", "bad").out + agent.run("why", "bad.0").out)

    def test_status_shows_first_what_needs_somebody_and_selects_by_labels(self):
        cluster = started(self, 1)
        agent = cluster[0]
        self.assertEqual(agent.run("run", cluster.write("a.yaml", job("a", ["sleep", "1000"], 1, "labels: {team: shop, tier: 'a=b'}"))).code, 0)
        bad = f"job: bad\nnamespace: shop\ntask: {{command: [sh, -c, 'exit 3']}}\n{CRASH}\n"
        self.assertEqual(agent.run("run", cluster.write("bad.yaml", bad)).code, 5)
        self.assertRegex(agent.run("status").out, r"(?m)^   NAMESPACE +JOB .*\n!  shop +bad .* Crashing\n   default +a .* Healthy$")
        self.assertRegex(agent.run("status", "-o", "wide").out, r"(?m)^!  shop +bad .* Crashing +exited with 3; gave up after 2 exits")
        self.assertEqual(agent.run("status", "-o", "name").out, "a\nshop/bad\n")
        names = lambda *words: [j["job"] for j in agent.json("jobs", *words)]
        self.assertEqual((names(), names("-l", "team=shop"), names("-l", "team"), names("-l", "team=x"), names("-l", "tier=a=b"),
                          names("-l", "team=shop", "-l", "tier=x")), (["a", "bad"], ["a"], ["a"], [], ["a"], []))
        self.assertEqual(agent.run("status", "-l", "team=shop", "-o", "name").out, "a\n")
        self.assertIn("no jobs with that label\n", agent.run("status", "-l", "none").out)
        self.assertEqual([j["job"] for j in json.loads(agent.run("status", "-o", "json").out)["data"]["jobs"]], ["a", "bad"])
        verdict = agent.json("status", "shop/bad")["verdict"]
        self.assertRegex(verdict, r"^shop/bad.0 crashes on n1: exited with 3; gave up after 2 exits within 300 s; again in \d+s$")
        self.assertEqual(agent.json()["text"].split(": ")[1], verdict.split(": ")[0], "the same words")
        self.assertEqual(agent.run("stop", "a").code, 0)
        self.assertEqual(agent.json("status", "a")["verdict"], "a is stopped: `stratos start a` starts it")
        self.assertIn("Next: stratos status shop/bad\n", agent.run().out)
        for words, said in ((("-o", "nope"), "-o wants wide, json or name, not 'nope'"), (("a", "-l", "x"), "without 'a'"),
                            (("--watch",), "--watch wants a terminal")):
            answer = agent.run("status", *words)
            self.assertEqual((answer.code, answer.out), (2, ""), words)
            self.assertIn(said, answer.err)

    def test_why_names_the_chosen_first_and_then_the_nearest_misses(self):
        cluster = started(self, 3)
        agent = cluster[0]
        self.assertEqual(agent.run("run", cluster.write("a.yaml", job("a", ["sleep", "1000"], 1))).code, 0)
        why = agent.json("why", "a.0")
        self.assertEqual([c["verdict"] for c in why["candidates"]], ["chosen", "feasible", "feasible"])
        self.assertEqual(why["reason"], "its node is alive, and it fits")
        one = job("one", ["sleep", "1000"], 1, "constraints: [{attr: hostname, op: '==', value: n2}]").replace("64M", "64G")
        self.assertEqual(agent.run("run", "--detach", cluster.write("one.yaml", one)).code, 0)
        wait_for(lambda: agent.run("why", "one.0").code == 0, 5, "it is known")
        why = agent.json("why", "one.0")["candidates"]
        self.assertEqual(why[0]["node"], "n2", "it lacks memory alone")
        self.assertIn("lacks memory", why[0]["reason"])
        self.assertIn("hostname is not n2", why[1]["reason"])

    def test_an_update_that_fails_says_the_way_back_and_it_works_as_typed(self):
        cluster = started(self, 2)
        agent = cluster[0]
        good = job("api", ["sleep", "1000"], 3, "labels: {v: good}")
        self.assertEqual(agent.run("run", cluster.write("api.yaml", good)).code, 0)
        said = agent.run("run", cluster.write("api.yaml", job("api", ["sh", "-c", "exit 3"], 3, CRASH)))
        self.assertEqual(said.code, 5, said)
        told = re.search(r"(?m)^2 of 3 still run v1\.  Back: (stratos inspect api@v1 --canonical) \| (stratos run -)$", said.err)
        self.assertTrue(told, said.err)
        text = agent.run(*told.group(1).split()[1:])
        self.assertEqual(text.code, 0, text)
        back = agent.run(*told.group(2).split()[1:], input=text.out)
        self.assertEqual(back.code, 0, back)
        self.assertIn("default/api v3: 3 of 3 healthy", back.out)

    def test_questions_about_what_is_not_there_are_answered_in_sentences(self):
        cluster = started(self, 1)
        agent = cluster[0]
        self.assertEqual(agent.run("run", cluster.write("a.yaml", job("web", ["sleep", "1000"], 3))).code, 0)
        rows = (
            (("why", "web.x"), 2, "'web.x' cannot be a job's name"),
            (("why", "web.-1"), 2, "'web.-1' cannot be a job's name"),
            (("why", "web.99999999999"), 2, "'web.99999999999' cannot be a job's name"),
            (("why", "web.4"), 3, "no web.4: web has 0-2"),
            (("status", "web.4"), 3, "no web.4: web has 0-2"),
            (("resolve", "wev"), 3, "no name 'wev': try wev.service.stratos"),
            (("resolve", "example.com"), 3, "'example.com' is not ours: this cluster's names end in .stratos"),
            (("resolve", "nope.service.stratos"), 3, "no name 'nope.service.stratos'"),
            (("init", "w", "--cron"), 2, "--cron is planned but not part of stratos"),
            (("init", "w", "--batch"), 2, "--batch is planned but not part of stratos"),
            (("logs", "web.00"), 3, "no web.00: web.0?"),
        )
        for words, code, said in rows:
            answer = agent.run(*words)
            self.assertEqual((answer.code, answer.out), (code, ""), (words, answer))
            self.assertIn(said, answer.err, words)
        trace = agent.run("trace", "web")
        self.assertEqual(trace.code, 0, trace)
        self.assertIn("web v1 was written by n1", trace.out)
        self.assertEqual(agent.run("trace", "web@v9").code, 3)

    def test_why_of_what_stays_has_no_scores_and_one_time(self):
        cluster = started(self, 2)
        agent = cluster[0]
        self.assertEqual(agent.run("run", cluster.write("a.yaml", job("a", ["sleep", "1000"], 1))).code, 0)
        why = agent.json("why", "a.0")
        self.assertTrue(why["stays"])
        self.assertEqual({c["score"] for c in why["candidates"]}, {None})
        chosen = [c for c in why["candidates"] if c["verdict"] == "chosen"][0]
        self.assertIn(why["since"], chosen["reason"])
        text = agent.run("why", "a.0").out
        self.assertRegex(text, r"^a\.0 stays on n[12]: ")
        self.assertNotIn("SCORE", text)

    def test_services_have_no_row_without_a_port_and_say_what_is_not_served(self):
        cluster = started(self, 3)
        agent = cluster[0]
        self.assertEqual(agent.run("run", cluster.write("q.yaml", job("quiet", ["sleep", "1000"], 1))).code, 0)
        self.assertEqual(agent.run("run", cluster.write("l.yaml", job("loud", ["sleep", "1000"], 3, "ports: {http: dynamic}"))).code, 0)
        wait_for(lambda: [s["name"] for s in agent.json("services")] == ["loud"], 10, lambda: agent.run("services"))
        self.assertNotIn(":0\n", agent.run("services").out)
        lose(cluster, 2)

        def of_n3():
            return [row for row in agent.run("services").out.splitlines() if " n3 " in row]
        wait_for(lambda: all(re.search("not served: node n3 is dead$", row) for row in of_n3()), 5, of_n3)

    def test_an_order_says_its_end_on_stderr_and_data_alone_is_on_stdout(self):
        cluster = started(self, 1)
        agent = cluster[0]
        path = cluster.write("a.yaml", job("a", ["sleep", "1000"], 1))
        self.assertEqual(agent.run("run", path).code, 0)
        for words in (("validate", path), ("init", "fresh"), ("scale", "a", "2"), ("restart", "a"), ("stop", "a"), ("start", "a"),
                      ("var", "set", "k", "v"), ("var", "rm", "k"), ("rm", "a"), ("leave",)):
            answer = agent.run(*words)
            self.assertEqual((answer.code, answer.out), (0, ""), (words, answer))
            self.assertNotEqual(answer.err, "", words)

    def test_versions_and_groups_are_answered(self):
        for words in (("--version",), ("-V",), ("-v",), ("version",)):
            answer = subprocess.run([STRATOS, *words], capture_output=True, text=True)
            self.assertEqual((answer.returncode, answer.stderr), (0, ""), words)
            self.assertRegex(answer.stdout, r"^stratos [0-9.]+\S*\n$")
        for group, inside in (("var", "var set"), ("secret", "secret rotate")):
            answer = subprocess.run([STRATOS, "help", group], capture_output=True, text=True)
            self.assertEqual(answer.returncode, 0, answer)
            self.assertIn(inside, answer.stdout)


@needs_root
class Bytes(unittest.TestCase):
    """Words of several bytes a character, and bytes that are none: an answer is never empty, cut in a character, or no JSON."""

    def test_whatever_bytes_are_asked_with_the_answer_is_whole(self):
        cluster = started(self, 1)
        agent = cluster[0]
        token = agent.token()
        wide, bad = "%C3%A4" * 200, "%FF%C3%28%E2%82"
        self.assertEqual(agent.run("run", cluster.write("a.yaml", job("a", ["sleep", "1000"], 1))).code, 0)
        for word in [wide, bad] + ["x" * n + wide for n in range(1, 4)]:
            for method, path in (("GET", f"/v1/jobs/{word}"), ("GET", f"/v1/jobs/default/{word}"), ("GET", f"/v1/jobs/{word}/a"),
                                 ("GET", f"/v1/jobs/default/{word}/why?index=0"), ("GET", f"/v1/jobs/default/a/why?index={word}"),
                                 ("GET", f"/v1/jobs/default/a/spec?version={word}"), ("GET", f"/v1/jobs/default/{word}/history"),
                                 ("GET", f"/v1/jobs/default/a/trace?version={word}"), ("GET", f"/v1/jobs/default/{word}/logs"),
                                 ("GET", f"/v1/vars/{word}"), ("GET", f"/v1/vars/k?namespace={word}"), ("PUT", f"/v1/vars/{word}"),
                                 ("PUT", f"/v1/vars/k?namespace={word}"), ("DELETE", f"/v1/vars/{word}"),
                                 ("GET", f"/v1/resolve?name={word}"), ("GET", f"/v1/services?name={word}"), ("GET", f"/v1/{word}"),
                                 ("GET", f"/v1/jobs?{word}=1"), ("GET", f"/v1/jobs?limit={word}"), ("GET", f"/v1/jobs?after={word}"),
                                 ("POST", f"/v1/jobs/default/a/scale?count={word}"), ("POST", f"/v1/jobs?ack={word}"),
                                 ("POST", f"/v1/jobs/default/{word}/stop"), ("DELETE", f"/v1/jobs/default/{word}"),
                                 ("POST", f"/v1/nodes/{word}/forget"), ("POST", f"/v1/join?address={word}"),
                                 ("PUT", f"/v1/jobs/default/{word}"), ("POST", f"/v1/jobs?if_version={word}"),
                                 ("POST", f"/v1/jobs?note={word}")):
                body = "job: a\ntask: sleep 99\n" if "/jobs" in path and method in ("PUT", "POST") else None
                status, _, text = agent.request(method, path, headers=token, body=body)
                answer = json.loads(text) # an empty one, or half a character, is none
                self.assertNotEqual(status, 500, (path, text))
                if status >= 400:
                    self.assertNotEqual(answer["error"]["message"], "", path)
        for key in ("\u00e4" * 100, "x" + "\u00e4" * 100, "\u2603" * 90, "xx" + "\U0001f600" * 60):
            for text in (f"job: a\n{key}: 1\ntask: x\n", f"job: {key}\ntask: x\n", f"job: a\ncount: {key}\ntask: x\n",
                         f"job: a\ntask: {{command: x, env: {{'{key} x': 1}}}}\n", f"job: a\ntask: {{command: x, stop: {{signal: {key}}}}}\n",
                         f"job: a\nports: {{{key}: 1}}\ntask: x\n", f"job: a\nservice: {key}\ntask: x\n", f"job: a\ntask: *{key}\n",
                         f"job: a\nconstraints: [{{attr: {key}, op: {key}, value: {key}}}]\ntask: x\n", f"job: a\ntask: ${{{{{key}}}}}\n"):
                status, _, body = agent.request("POST", "/v1/jobs", headers=token, body=text.encode())
                self.assertEqual(status, 422, text)
                self.assertTrue(json.loads(body)["error"]["complaints"], text)
                path = cluster.write("bad.yaml", text)
                said = subprocess.run([STRATOS, "validate", path], capture_output=True)
                self.assertEqual(said.returncode, 2)
                said.stderr.decode() # it is UTF-8
                said = subprocess.run([STRATOS, "validate", "--json", path], capture_output=True)
                self.assertTrue(json.loads(said.stdout.decode())["error"]["message"])

    def test_what_a_task_said_and_what_was_noted_is_told_whole_or_with_a_mark(self):
        cluster = started(self, 2)
        agent, other = cluster[0], cluster[1]
        deep = "/" + "/".join(["\u00e4" * 20] * 8) + "/program"
        path = cluster.write("deep.yaml", f"job: deep\ntask: {{command: ['{deep}']}}\n{CRASH}\n")
        note = "\u2603" * 170
        self.assertEqual(agent.run("run", path, "--note", note).code, 5)
        told = other.json("status", "deep")["instances"][0]["reason"]
        self.assertRegex(told, r"^given up on 2 nodes: the program /.*\.\.\. is not on this host; tried again in \d+s$")
        self.assertIn("\u00e4" * 20, told)
        self.assertEqual(other.json("history", "deep")[0]["note"], note, "all of it")
        self.assertIn(note, [e["cause"] for e in other.json("events")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
