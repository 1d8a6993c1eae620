"""The page and the streams behind it."""

import json
import unittest
import urllib.request

from cluster import Cluster, job, needs_root, wait_for


@needs_root
class Dashboard(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(2, profile="local")
        self.cluster.__enter__()
        self.addCleanup(self.cluster.__exit__, None, None, None)

    def states(self, agent, limit):
        """The first states of the dashboard's stream, at most `limit`."""
        ask = urllib.request.Request(f"http://{agent.address}:7781/v1/dashboard", headers=agent.token("--read"))
        request = urllib.request.urlopen(ask, timeout=5)
        try:
            for _ in range(limit):
                event, data = None, []
                for raw in request:
                    line = raw.decode().rstrip("\n")
                    if line.startswith("event: "):
                        event = line[7:]
                    elif line.startswith("data: "):
                        data.append(line[6:])
                    elif not line and event:
                        break
                self.assertEqual(event, "state")
                yield json.loads("\n".join(data))
        finally:
            request.close()

    def test_the_page_is_one_file_that_asks_nobody_else(self):
        agent = self.cluster[0]
        with urllib.request.urlopen(f"http://{agent.address}:7781/", timeout=5) as answer:
            page = answer.read().decode()
            self.assertIn("text/html", answer.headers["Content-Type"])
        self.assertIn("/v1/dashboard", page)
        for foreign in ("http://", "https://", "//cdn"):
            self.assertNotIn(f'src="{foreign}', page)
            self.assertNotIn(f'href="{foreign}', page)

    def test_the_stream_follows_members_jobs_and_who_knows_what(self):
        agent = self.cluster[0]
        path = self.cluster.write("a.yaml", job("web", ["sleep", "1000"], 2))
        self.assertEqual(agent.run("run", path).code, 0)
        for state in self.states(agent, 20):
            names = [m["name"] for m in state["members"] if m["state"] == "alive"]
            jobs = {j["job"]: j for j in state["jobs"]}
            cells = state["gossip"]["map"]["cells"]
            if sorted(names) == ["n1", "n2"] and jobs.get("web", {}).get("healthy") == 2 and \
                    all(cell == 0 for row in cells for cell in row):
                self.assertEqual(len(jobs["web"]["instances"]), 2)
                self.assertEqual(sorted(state["gossip"]["map"]["nodes"]), ["n1", "n2"])
                return
        self.fail(f"never whole: {state}")

    def test_events_stream_and_resume(self):
        agent = self.cluster[0]
        self.assertEqual(agent.run("var", "set", "a", "1").code, 0)
        wait_for(lambda: any(e["subject"] == "a" for e in agent.json("events")), 5, "the event")
        last = agent.json("events")[-1]["id"]
        request = urllib.request.Request(f"http://{agent.address}:7781/v1/events?follow=1",
                                         headers={"Last-Event-ID": str(last - 1), **agent.token("--read")})
        with urllib.request.urlopen(request, timeout=5) as answer:
            for raw in answer:
                line = raw.decode().strip()
                if line.startswith("data: "):
                    self.assertEqual(json.loads(line[6:])["id"], last)
                    return


if __name__ == "__main__":
    unittest.main(verbosity=2)
