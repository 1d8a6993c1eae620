"""Nothing that is asked of an agent keeps it from answering its peers."""

import http.client
import json
import socket
import threading
import time
import unittest

from cluster import Cluster, needs_root

QUERY = b"\0\1\1\0\0\1\0\0\0\0\0\0\2n1\4node\7stratos\0\0\1\0\1"
SLOWEST_S = 1  # one of these files takes some 60 ms to read, on the loop 64 of them took 3.6 s


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("agent", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


@needs_root
class Stall(unittest.TestCase):
    def slowest(self, agent, threads):
        """The slowest answer of DNS, which shares the loop with gossip, while the threads run."""
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.settimeout(20)
        link.connect((agent.address, 8600))
        slowest = 0
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            start = time.monotonic()
            link.send(QUERY)
            link.recv(600)
            slowest = max(slowest, time.monotonic() - start)
            time.sleep(0.005)
        link.close()
        return slowest

    def flood(self, cluster, open_link, headers, body, want):
        agent, got = cluster[0], []

        def post():
            for _ in range(2):
                link = open_link()
                link.request("POST", "/v1/jobs", body, headers)
                got.append(link.getresponse().status)
                link.close()
        slowest = self.slowest(agent, [threading.Thread(target=post) for _ in range(64)])
        self.assertEqual(set(got), {want})
        self.assertLess(slowest, SLOWEST_S)
        for other in cluster.agents[1:]:
            self.assertNotRegex(other.logged(), "name=n1 state=(suspect|dead)")

    def test_64_connections_that_post_megabytes_stall_nobody(self):
        wrong = ("job: web\ntask: {command: [true]}\nenv:\n" + "  k: {x: 1}\n" * 90000)[:1000000].encode()
        many = json.dumps({"jobs": [{"job": f"j{i}", "count": 0, "task": {"command": ["true"], "env": {"A": "x" * 700}}}
                                    for i in range(1000)]}).encode()
        with Cluster(3) as cluster:
            agent = cluster[0]

            def over_socket():
                return UnixHTTP(agent.socket)

            def over_http():
                return http.client.HTTPConnection(agent.http, 7781, timeout=60)
            self.flood(cluster, over_socket, {}, wrong, 422)
            self.flood(cluster, over_http, agent.token(), wrong, 422)
            self.flood(cluster, over_http, agent.token(), many, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
