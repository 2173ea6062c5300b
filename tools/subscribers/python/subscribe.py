#!/usr/bin/env python3
"""Subscribe to visaged and print each message; the shortest correct receiver.

    pip install pyzmq msgpack
    python subscribe.py                                  # all topics of the demo
    python subscribe.py v1/identity/ v1/expression/      # what a robot needs
    python subscribe.py --endpoint ipc:///run/visaged/pub.sock --count 10

A message is three frames: topic, header, payload. Header and payload are JSON or MessagePack maps;
this script tells them apart by their first byte. Rules for a controller:

- act on `state`, and only while `now - recorded_us` is below `stale_after_ms`;
- a gap in `seq` of a topic is a lost message, a new `boot_id` is a restart of the daemon;
- ignore keys you do not know: they are only ever added.
"""

import argparse
import json
import sys
import time

import zmq


def decode(frame):
    """JSON maps start with `{`, MessagePack maps with a byte above 0x7f."""
    if frame[:1] == b"{":
        return json.loads(frame)
    import msgpack  # only needed when the daemon is configured for it

    return msgpack.unpackb(frame)


class Gaps:
    """Counts messages that were published and never arrived, per topic."""

    def __init__(self):
        self.next = {}
        self.lost = 0

    def see(self, topic, header):
        key = (header["boot_id"], topic)
        expected = self.next.get(key)
        if expected is not None and header["seq"] > expected:
            self.lost += header["seq"] - expected
        self.next[key] = header["seq"] + 1


def messages(endpoint, topics, timeout_s):
    """Yield (topic, header, payload) until nothing arrives for `timeout_s`."""
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 1000)
    socket.setsockopt(zmq.RCVTIMEO, int(timeout_s * 1000))
    socket.setsockopt(zmq.RECONNECT_IVL, 50)
    for topic in topics:
        socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
    socket.connect(endpoint)
    try:
        while True:
            topic, header, payload = socket.recv_multipart()
            yield topic.decode(), decode(header), decode(payload)
    except zmq.Again:
        return
    finally:
        socket.close(linger=0)
        context.term()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("topics", nargs="*", default=["v1/"], help="topic prefixes")
    parser.add_argument("--endpoint", default="tcp://127.0.0.1:5556")
    parser.add_argument("--count", type=int, default=0, help="stop after so many messages")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds of silence to end at")
    args = parser.parse_args()
    gaps, seen, started = Gaps(), 0, time.monotonic()
    for topic, header, payload in messages(args.endpoint, args.topics, args.timeout):
        gaps.see(topic, header)
        seen += 1
        print(json.dumps({"topic": topic, "header": header, "payload": payload}), flush=True)
        if seen == args.count:
            break
    seconds = time.monotonic() - started
    print(f"{seen} messages in {seconds:.1f} s, {gaps.lost} lost", file=sys.stderr)
    return 0 if seen else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        pass
