"""An agent behind a router that masquerades: its host's address is not the one that others see."""

import shutil
import subprocess
import time
import unittest

from cluster import Cluster, needs_root, wait_for
from test_discovery import Lan
from test_partition import ip

INNER, OUTER = "10.79.0.2", "10.78.0.3"
RULES = """table ip stratos {
  chain out {
    type nat hook postrouting priority 100;
    oifname "eth0" ip saddr 10.79.0.0/24 masquerade
  }
}
"""


@needs_root
@unittest.skipUnless(shutil.which("nft"), "nft is missing: apt install nftables")
class Nat(unittest.TestCase):
    def router(self, masquerades):
        """Two hosts on a LAN, and one behind the third."""
        lan = Lan(self, 3)
        outer, inner = f"{lan.tag}-3", f"{lan.tag}-4"
        ip("netns", "add", inner)
        self.addCleanup(ip, "netns", "del", inner, check=False)
        ip("-n", outer, "link", "add", "inside", "type", "veth", "peer", "name", "eth0", "netns", inner)
        ip("-n", outer, "addr", "add", "10.79.0.1/24", "dev", "inside")
        ip("-n", outer, "link", "set", "inside", "up")
        ip("-n", inner, "addr", "add", f"{INNER}/24", "dev", "eth0")
        for link in ("eth0", "lo"):
            ip("-n", inner, "link", "set", link, "up")
        ip("-n", inner, "route", "add", "default", "via", "10.79.0.1")
        for host in (1, 2):
            ip("-n", f"{lan.tag}-{host}", "route", "add", "10.79.0.0/24", "via", OUTER)
        within = ["nsenter", f"--net=/run/netns/{outer}"]
        subprocess.run([*within, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        if masquerades:
            done = subprocess.run([*within, "nft", "-f", "-"], input=RULES, text=True, capture_output=True)
            if done.returncode != 0:
                self.skipTest(f"this kernel cannot masquerade: {done.stderr}")
        prefixes = [*lan.prefixes[:2], ["nsenter", f"--net=/run/netns/{inner}"]]
        cluster = Cluster(3, prefixes=prefixes, addresses=[*lan.addresses[:2], INNER])
        self.addCleanup(cluster.__exit__, None, None, None)
        for agent in cluster:
            agent.bind, agent.dns = None, "127.0.0.1"
            agent.start()
        wait_for(lambda: all(a.is_up() for a in cluster), 20, "all are up")
        return cluster

    def test_who_is_seen_elsewhere_says_so(self):
        n1, n2, n3 = self.router(masquerades=True)
        wait_for(lambda: f"nat={OUTER}" in n3.run("members").out, 30, lambda: (n3.run("members"), n3.logged()))
        wait_for(lambda: OUTER in n3.logged(), 5, n3.logged)
        shown = {m["name"]: m.get("nat", "") for m in n3.json("members")}
        self.assertEqual(shown["n3"], OUTER, shown)
        others = n1.run("members").out + n2.run("members").out
        self.assertNotIn("nat=10.78.0.1", others)
        self.assertNotIn("nat=10.78.0.2", others)

    def test_a_router_that_changes_nothing_is_not_told_of(self):
        cluster = self.router(masquerades=False)
        cluster.whole(30)
        time.sleep(10)
        for agent in cluster:
            self.assertNotIn("nat=", agent.run("members").out, agent.logged())


if __name__ == "__main__":
    unittest.main()
