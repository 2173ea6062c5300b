"""Prints each message as a line of JSON: what comes, what is missing, what is refused.

    visaged-subscribe                                    # all topics of the demo
    visaged-subscribe v1/identity/ v1/expression/        # what a robot needs
    visaged-subscribe --endpoint ipc:///run/visaged/pub.sock --count 10
    visaged-subscribe --key "$(cat signing.pub)"         # refuse what is not signed by this key
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, is_dataclass
from typing import Any

from . import Subscriber, Verifier


def plain(value: Any) -> Any:
    """A payload as it was sent: absent keys stay absent."""
    if not is_dataclass(value):
        return value
    return asdict(value, dict_factory=lambda pairs: {k: v for k, v in pairs if v is not None})


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("topics", nargs="*", default=["v1/"], help="topic prefixes")
    parser.add_argument("--endpoint", default="tcp://127.0.0.1:5556")
    parser.add_argument("--count", type=int, default=0, help="stop after so many messages")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds of silence to end at")
    parser.add_argument("--key", help="public key of `visaged keygen --show`: refuse all else")
    parser.add_argument("--remote", action="store_true", help="the daemon is on another machine")
    args = parser.parse_args()
    verifier = Verifier(args.key, same_host=not args.remote) if args.key else None
    seen, started = 0, time.monotonic()
    with Subscriber(args.endpoint, args.topics, verifier, args.timeout) as messages:
        for message in messages:
            seen += 1
            line = {
                "topic": message.topic,
                "header": plain(message.header),
                "payload": plain(message.payload),
            }
            print(json.dumps(line), flush=True)
            if seen == args.count:
                break
        refused = ", ".join(f"{n} refused: {why}" for why, n in messages.refused.items())
        seconds = time.monotonic() - started
        print(
            f"{seen} messages in {seconds:.1f} s, {messages.lost} lost {refused}".rstrip(),
            file=sys.stderr,
        )
    return 0 if seen else 1
