"""Judges messages from standard input, for tests/it/signatures.rs.

Each line is the receiver's clock in microseconds and the frames in hexadecimal digits; the answer is
`accepted` or the reason of the refusal. Arguments: public key, boot id of the machine, `same-host`
or `remote`.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from visaged_client import Refused, Verifier  # noqa: E402
from visaged_client.messages import BadMessage  # noqa: E402

now = 0
key, machine, where = sys.argv[1:]
verifier = Verifier(
    key, same_host=where == "same-host", now_us=lambda: now, machine=bytes.fromhex(machine)
)
for line in sys.stdin:
    clock, *frames = line.split(" ")
    now = int(clock)
    try:
        verifier.check([bytes.fromhex(frame) for frame in frames])
        print("accepted")
    except Refused as refused:
        print(refused.reason)
    except BadMessage:
        print("bad-message")
