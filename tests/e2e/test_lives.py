"""An old copy of a data directory that is put back under a running cluster, and a node that still runs 0.1.0."""

import os
import shutil
import time
import unittest

from cluster import STRATOS, Cluster, wait_for
from test_upgrade import base


def values(agent, names):
    return {name: agent.run("var", "get", name).out.strip() for name in names}


class Lives(unittest.TestCase):
    def write(self, agent, prefix, n, *flags):
        """Variables that the agent says it has taken."""
        for i in range(n):
            done = agent.run("var", "set", f"{prefix}{i}", f"{prefix} {i}", *flags)
            self.assertEqual(done.code, 0, done)
        return {f"{prefix}{i}": f"{prefix} {i}" for i in range(n)}

    def test_an_old_copy_of_a_data_directory_loses_nothing(self):
        with Cluster(3) as cluster:
            cluster.whole(30)
            third = cluster[2]
            wanted = self.write(third, "first", 5, "--ack", "2")
            third.stop()
            copy = third.data + ".copy"
            shutil.copytree(third.data, copy)
            third.start()
            cluster.whole(30)
            wanted |= self.write(third, "second", 8, "--ack", "2")
            self.assertEqual(third.run("var", "rm", "first0", "--ack", "2").code, 0)
            del wanted["first0"]
            third.stop()
            shutil.rmtree(third.data)
            shutil.move(copy, third.data)
            third.start()
            cluster.whole(30)
            wanted |= self.write(third, "third", 12, "--ack", "2")
            wait_for(lambda: len({a.digest() for a in cluster.agents}) == 1, 30, lambda: [a.digest() for a in cluster.agents])
            for agent in cluster.agents:
                self.assertEqual(values(agent, wanted), wanted, agent.name)
                self.assertNotEqual(agent.run("var", "get", "first0").code, 0, agent.name)
            wait_for(lambda: 'state=old-copy' in third.logged() or 'state="old-copy"' in third.logged(), 10, third.logged)

    def test_a_node_of_the_former_version_is_said_and_left_alone(self):
        old = base()
        cluster = Cluster(3)
        for agent in cluster.agents:
            agent.program = old
        with cluster:
            cluster.whole(30)
            wanted = self.write(cluster[0], "kept", 6)
            for agent in cluster.agents[:2]:
                agent.stop()
            for agent in cluster.agents[:2]:
                agent.program = STRATOS
                agent.start()
            first = cluster[0]
            wait_for(first.is_up, 10, first.logged)
            state = lambda: {m["name"]: m.get("other_version", False) for m in first.json("members")}
            wait_for(lambda: state().get("n3"), 40, state)
            self.assertIn("other version", first.run("members").out)
            self.assertIn("other version", first.logged())
            wait_for(lambda: first.run("var", "set", "after", "1").code == 0, 40, first.logged)
            cluster[2].stop()
            cluster[2].program = STRATOS
            cluster[2].start()
            cluster.whole(30)
            for agent in cluster.agents:
                wait_for(lambda: values(agent, wanted) == wanted, 20, lambda: values(agent, wanted))
            self.assertNotIn("other version", first.run("members").out)


if __name__ == "__main__":
    unittest.main()
