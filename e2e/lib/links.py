"""Carries packets between hosts on links that can be cut, slow, or lossy: `links.py SEED NAME...`.

It makes a tun device of each name, which the caller moves into the namespace of a host. Whatever a
host sends arrives here, and leaves for the host whose number, counted from 1, is the last byte of
the address. Kernels without netem can do none of that, and this one needs nothing of them.

Commands come as lines of JSON, and each is answered with a line:

    {"from": [0], "to": [1, 2], "set": {"cut": true}}    # each direction by itself
    {"heal": true}                                       # all links are as they were at first
    {"count": true}                                      # packets since the last time

It ends with its input, and the devices with it.
"""

import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_WITHOUT_INFORMATION = 0x1001
PACKET_BYTES_MAX = 65536
# What waits longer for its turn on a slow link is dropped, as a router does.
QUEUE_S_MAX = 1.0
# Packets that are read from one device before the others have their turn.
BATCH = 64


# What a link is like, if nobody says: at once, whole, and once.
PERFECT = {"cut": False, "delayMs": 0, "jitterMs": 0, "lossPercent": 0, "doublePercent": 0, "bytesPerSecond": 0}


class Link:
    """One direction between two hosts."""

    def __init__(self):
        self.settings = dict(PERFECT)
        # When the packet before has left, if only so many bytes go in a second.
        self.free_at = 0.0

    def set(self, settings):
        unknown = settings.keys() - PERFECT.keys()
        if unknown:
            raise ValueError(f"links have no {unknown}")
        self.settings.update(settings)

    def __getitem__(self, name):
        return self.settings[name]


def device(name):
    """A tun device; there as long as it is open."""
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN_WITHOUT_INFORMATION))
    return file


class Switch:
    def __init__(self, seed, names):
        self.random = random.Random(seed)
        self.devices = [device(name) for name in names]
        self.count = len(names)
        self.underway = []
        self.sent = 0
        self.heal()
        self.carried = self.dropped = 0

    def heal(self):
        self.links = {(a, b): Link() for a in range(self.count) for b in range(self.count)}

    def read(self, source):
        for _ in range(BATCH):
            try:
                packet = os.read(self.devices[source], PACKET_BYTES_MAX)
            except (BlockingIOError, OSError):
                return
            # Of IPv6, which is not used, hosts say a word when they start.
            target = packet[19] - 1 if len(packet) >= 20 and packet[0] >> 4 == 4 else -1
            if 0 <= target < self.count and target != source:
                self.send(source, target, packet)

    def send(self, source, target, packet):
        link, now = self.links[source, target], time.monotonic()
        if link["cut"] or self.happens(link["lossPercent"]):
            self.dropped += 1
            return
        leaves = now
        if link["bytesPerSecond"]:
            leaves = max(now, link.free_at)
            if leaves - now > QUEUE_S_MAX:
                self.dropped += 1
                return
            leaves = link.free_at = leaves + len(packet) / link["bytesPerSecond"]
        for _ in range(2 if self.happens(link["doublePercent"]) else 1):
            at = leaves + (link["delayMs"] + link["jitterMs"] * self.random.random()) / 1000
            if at <= now:
                self.deliver(source, target, packet)
            else:
                # Numbered, so that packets of one moment keep their order.
                self.sent += 1
                heapq.heappush(self.underway, (at, self.sent, source, target, packet))

    def happens(self, percent):
        return percent > 0 and self.random.random() * 100 < percent

    def deliver(self, source, target, packet):
        if self.links[source, target]["cut"]:
            self.dropped += 1
            return
        try:
            os.write(self.devices[target], packet)
            self.carried += 1
        except OSError:
            # The host is not up, or takes no more now.
            self.dropped += 1

    def deliver_due(self):
        """Gives how many milliseconds there are until the next one."""
        while self.underway:
            wait = self.underway[0][0] - time.monotonic()
            if wait > 0:
                return int(wait * 1000) + 1
            _, _, source, target, packet = heapq.heappop(self.underway)
            self.deliver(source, target, packet)
        return None

    def obey(self, command):
        if command.get("heal"):
            self.heal()
        for source in command.get("from", []):
            for target in command.get("to", []):
                self.links[source, target].set(command["set"])
        answer = {"carried": self.carried, "dropped": self.dropped}
        if command.get("count"):
            self.carried = self.dropped = 0
        print(json.dumps(answer), flush=True)

    def run(self):
        poll = select.poll()
        of = {file: index for index, file in enumerate(self.devices)}
        for file in [0, *self.devices]:
            poll.register(file, select.POLLIN)
        rest = b""
        while True:
            for file, _ in poll.poll(self.deliver_due()):
                if file != 0:
                    self.read(of[file])
                    continue
                read = os.read(0, PACKET_BYTES_MAX)
                if not read:
                    return
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    self.obey(json.loads(line))


if __name__ == "__main__":
    switch = Switch(int(sys.argv[1]), sys.argv[2:])
    print("ready", flush=True)
    try:
        switch.run()
    except KeyboardInterrupt:
        # Ctrl-C reaches all programs of a terminal; the caller decides when this one ends.
        pass
