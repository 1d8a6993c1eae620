#!/usr/bin/env python3
"""Write the seeds of the scripted fuzz targets: step, sync, beacon, stored.

A script is what tests/lib/hostile.c reads; the functions below are its fields in their order."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")

KINDS = ("PING ACK PING_REQ NACK NEWS PUSH SEEN SYNC SYNC_REPLY BUSY MEMBERS ENTRIES CREDIT END "
         "CHECK LIST DONE HAVE GRAFT PRUNE").split()
PARTS = "to target members ranges seen buckets listed items coordinate digest members_digest".split()
ALIVE, SUSPECT, DEAD, LEFT = range(4)
OWN, TOP, SEQUENCE = 0x14, 0x48, 0x34  # numbers: the machine's own, the largest, its last probe's

ROW = {"node": 0, "claim": 8, "other": 16, "refuse": 24, "forget": 32, "done": 40, "water": 48}
TEXT = {"var/a": 64, "job": 66, "lost": 68, "secret": 70, "spec": 71}


def member(i, state=ALIVE, incarnation=1, number=None, accuser=None):
    look = (number is not None) | (accuser is not None) << 1
    out = [i % 8 | state << 3 | incarnation << 5, look]
    out += [number] if number is not None else []
    return bytes(out + ([accuser] if accuser is not None else []))


def row(kind, i):
    return ROW[kind] + i


def value(data):
    return bytes([0]) if data is None else bytes([4 * len(data) + 3]) + data


LARGE = bytes([0x80 + 4 * 3 + 2])  # as long as may be


def entry(key, data=b"1", generation=1, stamp=None, top=False):
    look = generation << 4 | top | (stamp is not None) << 1
    body = data if data in (LARGE,) else value(data)
    return (bytes([look, key]) + body + (bytes([TOP]) if top else b"") +
            (bytes([stamp]) if stamp is not None else b""))


def ranges(writer, entries, form=0, epoch=1, after=0, through=0):
    out = bytes([writer % 8 + 8 * (len(entries) + 5 * form)])
    out += bytes([epoch, after]) if form else b""
    out += b"".join(entries)
    return out + (bytes([through]) if form >= 6 else b"")


def message(kind, sender, sequence=0, known=(1, 0), **parts):
    flags = sum(1 << PARTS.index(name) for name in parts)
    out = bytes([KINDS.index(kind), flags >> 8, flags & 255]) + sender
    out += bytes([sequence, known[0], known[1], 0])
    out += bytes([parts["to"]]) if "to" in parts else b""
    out += parts.get("target", b"")
    lists = [name for name in ("members", "seen", "items", "listed") if name in parts]
    for name in lists:
        out += bytes([len(parts[name])])
    for name in lists:
        out += b"".join(x if isinstance(x, bytes) else bytes([x]) for x in parts[name])
    if "ranges" in parts:
        out += bytes([len(parts["ranges"])]) + b"".join(parts["ranges"])
    if "buckets" in parts:
        wrong = parts["buckets"]
        out += bytes([len(wrong)]) + bytes(wrong)
    return out + parts.get("coordinate", b"")


# ---- one machine and a hostile member: fuzz_step.c ----

def datagram(m, place=2):
    return bytes([0, place]) + m


def frame(m, stream=0):
    return bytes([1, stream]) + m


def own_frame(m):
    return bytes([2, 0]) + m


def tick(pick):
    return bytes([3, pick])


NEXT, SECOND, MINUTE, DAYS = 0x80, 7, 11, 15


def write(key, data):
    return bytes([4, key]) + value(data)


def opened(stream=0, own=False):
    return bytes([5, 0x80 if own else stream])


def closed(own=True):
    return bytes([6, 0x80 if own else 0])


def refused(i):
    return bytes([7, i])


def forget(i):
    return bytes([8, i])


def leave():
    return bytes([10, 0])


def restart():
    return bytes([11, 0])


M2, M3 = member(2), member(3)
COORDINATE = bytes([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0])


def step_seeds():
    hello = datagram(message("PING", M2, 1))
    claims = ranges(2, [entry(row("claim", 2)), entry(row("node", 2)), entry(row("refuse", 2))])
    rivals = ranges(2, [entry(TEXT["var/a"], b"2", 1, 0x55), entry(TEXT["job"], b"x", 3)])
    yield "probe-answered", 0, [hello] + [tick(NEXT | 0x10), datagram(message(
        "ACK", M2, SEQUENCE, coordinate=COORDINATE))] * 20
    yield "probe-relayed", 0, [hello, datagram(message("PING_REQ", M2, 7, target=M3)), datagram(
        message("NEWS", M2, members=[M3])), datagram(message("PING_REQ", M2, 7, target=M3)),
        tick(1), datagram(message("ACK", M3, SEQUENCE)), datagram(message("ACK", M3, 0x33)),
        datagram(message("PING_REQ", M2, 8, target=M3)), refused(3), tick(NEXT), tick(NEXT)]
    yield "probe-failed", 3, [hello, tick(SECOND), refused(2), tick(NEXT), opened(own=True),
                              datagram(message("NACK", M3, SEQUENCE, target=M2)), tick(NEXT),
                              datagram(message("NEWS", M3, members=[member(2, SUSPECT, 1, None, 3)])),
                              tick(SECOND), own_frame(message("ACK", M2, SEQUENCE))] + [tick(NEXT)] * 9
    yield "accused", 0, [hello] + [datagram(message("NEWS", M2, members=[
        member(0, state, n), member(3, SUSPECT, 1, None, n)])) + tick(NEXT)
        for n, state in enumerate((SUSPECT, DEAD, LEFT, SUSPECT, ALIVE, DEAD))]
    yield "accused-at-the-end", 0, [datagram(message("NEWS", M2, members=[
        member(0, DEAD, 0, pick)])) + tick(SECOND) for pick in (0x67, 0x66, 0x68, 0x5f, 0x40)]
    yield "push", 0, [hello, write(TEXT["var/a"], b"1"), tick(NEXT), datagram(message(
        "PUSH", M2, ranges=[claims, rivals])), tick(NEXT), datagram(message("SEEN", M2, 0, (1, OWN)))]
    yield "push-large", 0, [hello, bytes([4, TEXT["var/a"]]) + LARGE, tick(NEXT), opened(own=True),
                            own_frame(message("SEEN", M2, 0, (1, OWN))), opened(), frame(message(
                                "PUSH", M2, ranges=[ranges(2, [entry(TEXT["spec"], LARGE)])])), tick(NEXT)]
    yield "push-tree", 47, [
        write(TEXT["var/a"], b"1"), tick(NEXT), tick(NEXT), datagram(message("PUSH", M2, ranges=[claims])),
        tick(NEXT), datagram(message("HAVE", M2, seen=[bytes([2, 1, 9]), bytes([3, 1, 4])])),
        tick(NEXT), tick(NEXT), datagram(message("GRAFT", M2, seen=[bytes([0, 1, 0]), bytes([2, 1, 1])])),
        datagram(message("PRUNE", M2)), datagram(message("HAVE", M2, seen=[bytes([2, 1, 9])])),
        datagram(message("PUSH", M3, ranges=[ranges(2, [entry(TEXT["job"])], 1, 1, 3)])),
        tick(SECOND), datagram(message("PUSH", M3, ranges=[claims])), tick(NEXT), tick(SECOND)]
    yield "top-numbers", 0, [datagram(message("PUSH", M2, ranges=[
        ranges(0, [], 6, 1, 0, TOP), ranges(2, [entry(TEXT["var/a"], b"1", 0, None, True)]),
        ranges(0, [], 6, TOP, 0, TOP)])),
        write(TEXT["var/a"], b"2"), write(row("node", 0), b"3"), tick(NEXT), restart(), tick(NEXT)]
    yield "forgotten", 0, [hello, datagram(message("PUSH", M2, ranges=[claims])), datagram(message(
        "NEWS", M3, members=[member(2, LEFT, 2)])), forget(2), tick(NEXT), hello, datagram(message(
            "PUSH", M3, ranges=[claims, ranges(3, [entry(row("forget", 3), b"7"), entry(
                row("forget", 0), b"9")])])), tick(NEXT), tick(NEXT), restart()]
    yield "reaped", 2, [hello, tick(MINUTE), tick(NEXT), tick(NEXT), tick(DAYS), tick(DAYS), tick(NEXT)]
    yield "leave", 2, [hello, tick(NEXT), leave(), tick(NEXT), hello, tick(NEXT), tick(SECOND)]
    greeting = frame(message("SYNC", M2, seen=[bytes([0, 1, 0]), bytes([2, 1, 4])], buckets=[1, 5]))
    yield "compared", 0, [hello, opened(), write(TEXT["var/a"], b"1"), greeting, frame(message(
        "CREDIT", M2)), frame(message("MEMBERS", M2, members=[M3, member(4, DEAD)])), frame(message(
            "ENTRIES", M2, ranges=[claims, ranges(2, [entry(TEXT["job"])], 5)])), frame(message("END", M2)),
        frame(message("CREDIT", M2)), frame(message("CHECK", M2, buckets=[1, 2, 3])), frame(message(
            "LIST", M2, listed=[1, 2, 3], items=[4, 5])), frame(message("CHECK", M2, buckets=[9] * 7))]
    yield "compares", 0, [hello, tick(NEXT), opened(own=True), own_frame(message(
        "SYNC_REPLY", M2, seen=[], buckets=[])), own_frame(message("ENTRIES", M2, ranges=[claims])),
        own_frame(message("CREDIT", M2)), own_frame(message("END", M2)), own_frame(message(
            "LIST", M2, listed=[1, 1, 127], items=[4, 5])), own_frame(message("LIST", M2, listed=[], items=[])),
        own_frame(message("DONE", M2)), tick(SECOND), opened(own=True), own_frame(message("BUSY", M2)),
        tick(SECOND), opened(own=True), closed(), tick(MINUTE)]
    yield "conflicts", 0, [hello, write(TEXT["var/a"], b"1"), datagram(message(
        "PUSH", M2, ranges=[rivals])), datagram(message("PUSH", M3, ranges=[ranges(3, [entry(
            TEXT["lost"], b"9", 1)]), ranges(3, [entry(TEXT["var/a"], None, 1, 0x55)])])), tick(NEXT), restart()]


# ---- two machines and a hostile member: fuzz_sync.c ----

DELIVER, ALL = bytes([0]), bytes([1])


def at(event, side=0, more=0):
    return bytes([event + 8 * (side + 2 * more)])


def wait(n):
    return bytes([2 + 8 * n])


def sync_seeds():
    def named(side, m):
        return at(7, side) + bytes([0]) + m

    def push(side, *entries, **how):
        return at(5, side) + bytes([2]) + message("PUSH", M2, ranges=[ranges(2, entries, **how)])

    yield "honest", 150, 90, [ALL, wait(4), ALL, wait(6), ALL]
    def write_at(side, key, data):
        return at(3, side) + bytes([key]) + value(data)

    told = [ALL, wait(5), ALL, wait(6), ALL]
    dropped = [wait(0), ALL, wait(5), ALL] * 4
    yield "deleted", 9, 9, told + [write_at(0, TEXT["var/a"], b"x"), write_at(0, TEXT["job"], b"y")] + told + [
        write_at(0, TEXT["var/a"], None), write_at(1, TEXT["job"], None)] + told + dropped
    yield "low-water", 9, 9, told + [
        push(side, entry(row("water", who), b"5 1"), form=1, epoch=1, after=15) for side in (0, 1) for who in (2, 2)] + [
        at(5, 1) + bytes([2]) + message("PUSH", M2, ranges=[ranges(0, [entry(row("water", 0), b"3 1")], 1, 1, 15)]),
        write_at(0, TEXT["var/a"], None)] + told + dropped
    yield "stale", 20, 9, told + [
        at(6, 0) + bytes([0]) + message("SYNC", M2, seen=[bytes([0x80, 1, 9]), bytes([0x82, 1, 3])], buckets=[1, 5]),
        at(5, 0) + bytes([2]) + message("PUSH", M2, ranges=[ranges(1, [entry(row("water", 1), b"9 1")], 1, 1, 15)])] + [
        named(side, message(kind, M2, seen=[bytes([0x80, 1, 9])], buckets=[4, 7], listed=[3, 7], items=[1]))
        for side in (0, 1) for kind in ("SYNC", "SYNC_REPLY", "CHECK", "LIST", "DONE")] + told + dropped
    yield "many", 255, 90, [ALL, wait(4), ALL, wait(6), ALL]
    yield "broken", 199, 7, sum(([DELIVER, wait(1), at(4)] for _ in range(12)), [])
    yield "claims-too-much", 20, 20, [push(0, form=1, epoch=1, after=0), at(5, 1) + bytes([2]) + message(
        "PUSH", M2, ranges=[ranges(0, [], 6, 1, 0, 15), ranges(1, [], 6, 1, 0, 0x14)])]
    yield "in-between", 120, 3, [DELIVER, DELIVER] + [
        named(side, message(kind, M2, seen=[bytes([0, 1, 9])], buckets=[4, 7], listed=[3, 7], items=[1]))
        for side in (0, 1) for kind in KINDS[7:17]]
    for name, key in (("record", TEXT["var/a"]), ("row", row("node", 0))):
        yield "top-" + name, 5, 5, [
            push(0, entry(key, b"9", 1, None, True)), ALL, wait(6), ALL,
            at(3) + bytes([key]) + value(b"mine"), ALL, wait(6), ALL]
    yield "top-number", 5, 5, [at(5, 0) + bytes([2]) + message("PUSH", M2, ranges=[
        ranges(0, [], 6, 1, 0, TOP)]), at(3) + bytes([TEXT["job"]]) + value(b"mine"), ALL]
    yield "top-epoch", 5, 5, [at(5, 0) + bytes([2]) + message("PUSH", M2, ranges=[
        ranges(0, [], 6, TOP, 0, TOP)]), at(3) + bytes([TEXT["job"]]) + value(b"mine"), ALL]
    yield "forgotten", 5, 5, [push(0, entry(row("forget", 1), b"999999999")), ALL, wait(6), ALL,
                              at(3, 1) + bytes([row("node", 1)]) + value(b"x"), ALL, wait(6), ALL]


# ---- beacons: fuzz_beacon.c ----

def beacon_seeds():
    def heard(pick, start=0, mask=b""):
        return bytes([pick - pick % 16 + len(mask), start]) + mask

    right = bytes(106)
    yield "sealed-right", bytes([0]) + right
    yield "sealed-changed", bytes([0]) + right[:50] + b"\x01" + right[51:]
    yield "sealed-short", bytes([0]) + right[:-1]
    yield "sealed-long", bytes([0]) + right + b"\x00"
    second, minute = bytes([0xf4]), bytes([0xf7])
    yield "alone", bytes([1, 0]) + (heard(16) + second) * 6 + minute + heard(32)
    yield "many", bytes([1, 39]) + heard(16, 22, b"\x55") * 40 + second + heard(16, 22, b"\x66") * 40
    yield "known", bytes([1, 3]) + heard(32, 38, b"\0\0\0\x08") + b"\xef\0" + bytes(15) + minute * 3
    yield "wrong", bytes([1, 0]) + b"".join(heard(16, n, b"\xff\xff") for n in range(0, 64, 2)) + b"\xee\0"


# ---- what is on the disk: fuzz_stored.c ----

def stored_seeds():
    def u32(n):
        return n.to_bytes(4, "big")

    def text(t):
        return u32(len(t)) + t

    def texts(*list_of):
        return u32(len(list_of)) + b"".join(text(t) for t in list_of)

    def record(kind, i=0, *fields):
        return bytes([next(n for n in range(i << 4, 256) if n % 6 == kind and n >> 4 == i)]) + b"".join(fields)

    def stored(key, writer, numbers, data=b"1"):
        return record(0, 0, bytes([key, writer]), bytes(numbers), value(data))

    def peer(i, incarnation, name=b"n2", look=0):
        return record(3, i, bytes([look - look % 80 + len(name) if look else len(name), incarnation]), name)

    rows = [stored(row("node", i), i, [1, i + 1, 0, 0]) for i in range(4)]
    yield "store", bytes([0]) + b"".join(rows) + stored(TEXT["var/a"], 2, [1, 9, 4, 5]) + record(
        1, 0, bytes([1, 7])) + record(2, 0, bytes([0, 5])) + peer(2, 4) + peer(3, 1, b"n3") + record(
            4, 2, bytes([1, 9])) + record(4, 3, bytes([1, 4]))
    yield "store-top", bytes([0]) + stored(TEXT["var/a"], 2, [TOP, TOP, TOP, 0x50]) + record(
        1, 0, bytes([TOP, TOP])) + record(2, 0, bytes([0, 0x67])) + peer(2, 0x67) + record(4, 2, bytes([TOP, TOP]))
    yield "store-beyond", bytes([0]) + stored(TEXT["var/a"], 2, [0x50, 0x50, 0x50, 0x50]) + record(
        1, 0, bytes([0x50, 0x50])) + record(2, 0, bytes([0, 0x50])) + peer(2, 0x50) + record(4, 0, bytes([1, 0x50]))
    yield "store-forgotten", bytes([0]) + stored(row("forget", 0), 2, [1, 1, 1, 1], b"77") + peer(2, 4)
    yield "store-any", bytes([0]) + record(5, 0, bytes([2, 60]), bytes(range(60))) + record(
        5, 0, bytes([0, 16]), bytes(16)) + peer(2, 1, b"a/b") + peer(0, 1) + peer(4, 1, b"")
    launch = b"STRL\x01" + b"".join(text(t) for t in (
        b"default.web.0", b"/d/tasks/default.web.0", b"/d", b"stratos/x/default.web.0", b"", b"/"))
    launch += texts(b"sh", b"-c", b"true") + u32(1) + text(b"A") + text(b"1") + u32(0) + texts(b"/d")
    yield "launch", bytes([1]) + launch + bytes(16) + u32(100) + u32(50) + u32(3) + u32(0)
    field = lambda tag, value: struct.pack(">HI", tag, len(value)) + value
    tagged = field(1, b"d.w.0") + field(7, texts(b"sh", b"-c", b"true")) + field(9, u32(1) + text(b"A") + text(b"1"))
    tagged += field(17, u32(1) + b"\x00\x50") + field(20, u32(5000)) + field(0x7000, b"later") + field(0x8001, b"must")
    yield "launch-tagged", bytes([1]) + b"STRL\x03" + tagged + bytes(4)
    slot = b"STRS\x03" + field(1, u32(2)) + field(2, u32(2)) + field(5, u32(12)) + field(8, u32(1)) + field(9, u32(9))
    slot += field(10, u32(1)) + field(11, bytes(16))
    slot += field(0, bytes(512 - len(slot) - 6 - 4)) + bytes(4)
    yield "state-slots", bytes([2]) + slot + slot
    yield "state", bytes([2]) + b"STRS\x01" + u32(10) + u32(11) + u32(12) + bytes(8) + u32(137) + b"\x01" + u32(2)


def put(target, name, data):
    path = os.path.join(HERE, target)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name), "wb") as out:
        out.write(data)


def main():
    for name, n, events in step_seeds():
        put("step", name, bytes([n]) + b"".join(events))
    for name, data in stored_seeds():
        put("stored", name, data)
    for name, data in beacon_seeds():
        put("beacon", name, data)
    for name, a, b, events in sync_seeds():
        put("sync", name, bytes([a, b]) + b"".join(events))


main()
