#!/usr/bin/env python3
"""Runs a program with a wall clock of its own.

    shifted_clock.py FILE PROGRAM ...      FILE holds milliseconds, read again at every look at the clock

Nothing is loaded into the program, so that static ones can be run.  At its first instruction the vDSO is taken out
of its auxiliary vector (ptrace(2)), so that the C library asks the kernel for the time; a seccomp filter hands those
questions, of CLOCK_REALTIME alone, to us (seccomp_unotify(2)).  x86-64 only.  Exits with 77 where the host lets us
do none of this."""

import ctypes
import os
import platform
import select
import signal
import socket
import struct
import sys
import time

SKIPPED = 77
PTRACE_TRACEME, PTRACE_GETREGS, PTRACE_DETACH = 0, 12, 17
PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG = 38, 1
SYS_CLOCK_GETTIME, SYS_SECCOMP, AUDIT_ARCH_X86_64 = 228, 317, 0xC000003E
SET_MODE_FILTER, FLAG_NEW_LISTENER = 1, 8
RET_ALLOW, RET_USER_NOTIF = 0x7FFF0000, 0x7FC00000
NOTIF_RECV, NOTIF_SEND, NOTIF_SIZE = 0xC0502100, 0xC0182101, 80
AT_NULL, AT_IGNORE, AT_SYSINFO_EHDR = 0, 1, 33
RSP = 19  # of struct user_regs_struct

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
libc.ptrace.restype = ctypes.c_long


def filter_clock():
    """Returns the descriptor on which questions for CLOCK_REALTIME arrive, negative where there is none."""
    rules = [  # load word, jump if equal, return: linux/bpf_common.h
        (0x20, 0, 0, 4), (0x15, 0, 4, AUDIT_ARCH_X86_64),
        (0x20, 0, 0, 0), (0x15, 0, 2, SYS_CLOCK_GETTIME),
        (0x20, 0, 0, 16), (0x15, 1, 0, 0),
        (0x06, 0, 0, RET_ALLOW), (0x06, 0, 0, RET_USER_NOTIF)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return libc.syscall(SYS_SECCOMP, SET_MODE_FILTER, FLAG_NEW_LISTENER, program)


def child(end, words):
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if libc.ptrace(PTRACE_TRACEME, 0, 0, 0) < 0:
        os._exit(SKIPPED)
    listener = filter_clock()
    if listener < 0:
        os._exit(SKIPPED)
    socket.send_fds(end, [b"x"], [listener])
    try:
        os.execv(words[0], words)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr)
    os._exit(127)


def hide_vdso(pid):
    registers = ctypes.create_string_buffer(27 * 8)
    if libc.ptrace(PTRACE_GETREGS, pid, 0, ctypes.addressof(registers)) < 0:
        return False
    memory = os.open(f"/proc/{pid}/mem", os.O_RDWR)
    at = struct.unpack_from("Q", registers.raw, RSP * 8)[0]
    word = lambda where: struct.unpack("Q", os.pread(memory, 8, where))[0]
    at += 8 * (word(at) + 2)  # the arguments, their number and the end
    while word(at) != 0:  # the environment
        at += 8
    at += 8
    while word(at) != AT_NULL:
        if word(at) == AT_SYSINFO_EHDR:
            os.pwrite(memory, struct.pack("Q", AT_IGNORE), at)
        at += 16
    os.close(memory)
    return libc.ptrace(PTRACE_DETACH, pid, 0, 0) == 0


def answer(listener, offset_path):
    asked = ctypes.create_string_buffer(NOTIF_SIZE)
    if libc.ioctl(listener, ctypes.c_ulong(NOTIF_RECV), asked) < 0:
        return  # who asked is gone
    ident, thread = struct.unpack_from("QI", asked.raw)
    where = struct.unpack_from("Q", asked.raw, 40)[0]  # the second argument
    with open(offset_path) as file:
        now_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) + int(file.read().strip() or 0) * 1000000
    error = 0
    try:
        memory = os.open(f"/proc/{thread}/mem", os.O_RDWR)
        os.pwrite(memory, struct.pack("qq", now_ns // 1000000000, now_ns % 1000000000), where)
        os.close(memory)
    except OSError:
        error = -14
    said = ctypes.create_string_buffer(struct.pack("QqiI", ident, 0, error, 0))
    libc.ioctl(listener, ctypes.c_ulong(NOTIF_SEND), said)


def main():
    offset_path, words = sys.argv[1], sys.argv[2:]
    if platform.machine() != "x86_64":
        return SKIPPED
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        child(theirs, words)
    theirs.close()
    received = socket.recv_fds(ours, 1, 1)[1]
    _, status = os.waitpid(pid, 0)
    if not received or not os.WIFSTOPPED(status) or not hide_vdso(pid):
        return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    poll = select.poll()
    poll.register(received[0], select.POLLIN)
    while True:
        if any(what & select.POLLIN for _, what in poll.poll(200)):
            answer(received[0], offset_path)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) & 0xFF


if __name__ == "__main__":
    sys.exit(main())
