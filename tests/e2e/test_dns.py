"""DNS as clients meet it: real agents, asked by dig on their host, on another one, and at every address they have."""

import re
import unittest

from cluster import Cluster, job, needs_root, wait_for
from test_discovery import Lan
from test_partition import ip

COUNT = 40  # SRV records of 41 bytes: 11 fit in 512 bytes, 28 in 1232, all of them in 8192


def header(text):
    """Of dig's comments: the code, the flags, and how many answers."""
    code = re.search(r"status: ([A-Z]+)", text)
    flags = re.search(r";; flags: ([a-z ]*);.* ANSWER: ([0-9]+)", text)
    return (code.group(1), flags.group(1).split(), int(flags.group(2))) if code and flags else (None, [], 0)


@needs_root
class Dns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Two hosts; the first has a second address, and listens on all."""
        case = cls("test_an_answer_comes_from_the_address_that_was_asked")
        cls.addClassCleanup(case.doCleanups)
        lan = Lan(case, 2)
        ip("-n", f"{lan.tag}-1", "addr", "add", "10.78.0.101/24", "dev", "eth0")
        cls.cluster = Cluster(2, prefixes=lan.prefixes, addresses=lan.addresses)
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        for agent in cls.cluster:
            agent.dns = "0.0.0.0"
            agent.start()
        cls.n1, cls.n2 = cls.cluster
        wait_for(lambda: cls.n1.is_up() and cls.n1.alive() == ["n1", "n2"], 15, "they know each other")
        path = cls.cluster.write("wide.yaml", job("wide", ["sleep", "1000"], COUNT, "ports: [http]\n"))
        ran = cls.n1.run("run", path, "--timeout", "60s")
        case.assertEqual(ran.code, 0, ran)
        for agent in cls.cluster:
            agent.dns = agent.address
            wait_for(lambda: header(agent.dig("wide.service.stratos", "SRV", "+tcp"))[2] == COUNT, 10, "all are named")

    def ask(self, agent, at, *words):
        agent.dns = at
        return agent.dig(*words)

    def test_an_answer_comes_from_the_address_that_was_asked(self):
        for agent, at in ((self.n1, "127.0.0.1"), (self.n1, "127.77.0.9"), (self.n1, "10.78.0.101"),
                          (self.n2, "10.78.0.1"), (self.n2, "10.78.0.101")):
            for way in ("+notcp", "+tcp"):
                said = self.ask(agent, at, "n1.node.stratos", "A", way)
                self.assertEqual(header(said)[0], "NOERROR", f"{agent.name} asks {at} {way}: {said}")
                self.assertIn("10.78.0.1", said)

    def test_what_fits_is_told_and_the_rest_comes_by_tcp(self):
        rows = (
            (self.n1, ("+noedns", "+ignore"), 11, True),
            (self.n2, ("+noedns", "+ignore"), 11, True),
            (self.n1, ("+bufsize=8192", "+ignore"), COUNT, False),  # within the host
            (self.n2, ("+bufsize=8192", "+ignore"), 28, True),  # through a network: one packet
            (self.n2, ("+noedns",), COUNT, False),  # dig asks again by TCP
        )
        for agent, words, n, is_cut in rows:
            code, flags, answers = header(self.ask(agent, "10.78.0.1", "wide.service.stratos", "SRV", *words))
            self.assertEqual((code, answers, "tc" in flags), ("NOERROR", n, is_cut), (agent.name, words))

    def test_what_was_asked_is_answered_to_the_letter(self):
        web = "wide.service.stratos"
        long = "+ednsopt=65001:" + "00" * 4000
        rows = (
            ((web, "A", "+dnssec"), "NOERROR", r"flags: do"),
            ((web, "A", "+nodnssec"), "NOERROR", r"flags:; udp"),
            ((web, "A", "+tcp", long), "NOERROR", r"10\.78\.0\."),
            ((web, "A", long), "NOERROR", r"10\.78\.0\."),
            ((web, "A", "-y", "hmac-sha256:key:c2VjcmV0"), "NOTAUTH", r"TSIG.* BADKEY"),
            (("_udp." + web, "SRV"), "NXDOMAIN", ""),
            (("_tcp." + web, "SRV"), "NOERROR", ""),
            (("-x", "10.78.0.2"), "NOERROR", r"n2\.node\.stratos\."),
            (("-x", "10.78.0.77"), "REFUSED", ""),
            (("example.org", "A"), "REFUSED", ""),
        )
        for words, code, part in rows:
            said = self.ask(self.n2, "10.78.0.1", *words)
            self.assertEqual(header(said)[0], code, f"{words[:3]}: {said[:2000]}")
            self.assertTrue(re.search(part, said), said)


if __name__ == "__main__":
    unittest.main()
