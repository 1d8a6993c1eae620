"""Run a program whose fsync and fdatasync fail while somebody wants them to: `failing_calls.py SOCKET
PROGRAM ...`.

The kernel asks the other end of SOCKET before each of these calls (seccomp_unotify(2)), of the program
and of all that it starts; the other end is a FailingCalls in the test."""

import array
import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
import threading

SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
SYNCS = {"x86_64": (74, 75), "aarch64": (82, 83)}  # fsync, fdatasync
SET_MODE_FILTER, NEW_LISTENER = 1, 1 << 3
RET_ALLOW, RET_USER_NOTIF = 0x7FFF0000, 0x7FC00000
NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
FLAG_CONTINUE = 1


def listen():
    """Put the filter on this process; returns the file descriptor on which the kernel asks."""
    def op(code, jt, jf, k):
        return struct.pack("HBBI", code, jt, jf, k)
    syncs = SYNCS[os.uname().machine]
    program = (op(0x20, 0, 0, 0) +              # load the call's number
               op(0x15, 1, 0, syncs[0]) + op(0x15, 0, 1, syncs[1]) +
               op(0x06, 0, 0, RET_USER_NOTIF) + op(0x06, 0, 0, RET_ALLOW))
    code = ctypes.create_string_buffer(program)
    filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_SECCOMP[os.uname().machine], SET_MODE_FILTER, NEW_LISTENER, filter_)
    if fd < 0:
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
    return fd


class FailingCalls:
    """The other end: answers until it is closed."""

    def __init__(self, path):
        self.path, self.error, self.n_failed = path, 0, 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def prefix(self):
        return [sys.executable, os.path.abspath(__file__), self.path]

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            fds = array.array("i")
            _, ancillary, _, _ = peer.recvmsg(1, socket.CMSG_SPACE(fds.itemsize))
            for _, _, data in ancillary:
                fds.frombytes(data[:fds.itemsize])
            peer.close()
            if fds:
                threading.Thread(target=self.answer, args=(fds[0],), daemon=True).start()

    def answer(self, fd):
        while True:
            asked = bytearray(80)
            try:
                fcntl.ioctl(fd, NOTIF_RECV, asked)
                (number,) = struct.unpack_from("Q", asked)
                self.n_failed += self.error != 0
                fcntl.ioctl(fd, NOTIF_SEND, struct.pack("QqiI", number, 0, -self.error,
                                                        0 if self.error else FLAG_CONTINUE))
            except OSError as e:
                if e.errno in (errno.ENOENT, errno.EINTR):
                    continue  # who asked is gone, or everybody
                os.close(fd)
                return

    def close(self):
        self.error = 0
        self.socket.close()


def main():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to:
        to.connect(sys.argv[1])
        to.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listen()]))])
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
