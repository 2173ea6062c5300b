#!/usr/bin/env python3
"""Prints what visaged publishes, from the source tree and without installing anything but pyzmq.

    pip install pyzmq
    python subscribe.py v1/identity/ v1/expression/

`visaged_client` beside this file does the work; README.md is its page.
"""

import sys

from visaged_client.command import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        pass
