"""Runs visaged_node.py where there is no ROS 2: a stand-in for the little of it that the node uses.

Prints each published message as a line of JSON; ends when standard input does. Arguments: the
endpoint, and the public key if there is one. It shows that the node works, not that ROS 2 does.
"""

import json
import pathlib
import select
import sys
import types


class Record(types.SimpleNamespace):
    """Any message: keeps what it is given."""

    OK, WARN, ERROR, ULTRASOUND = b"\0", b"\1", b"\2", 0

    def __init__(self, **fields):
        super().__init__(header=types.SimpleNamespace(), **fields)


class Publisher:
    def __init__(self, topic):
        self.topic = topic

    def publish(self, message):
        line = {"topic": self.topic}
        for name in ("data", "range"):
            if hasattr(message, name):
                line[name] = getattr(message, name)
        for status in getattr(message, "status", []):
            line["data"] = status.message
            line["values"] = {value.key: value.value for value in status.values}
        print(json.dumps(line), flush=True)


class Node:
    parameters = {}

    def __init__(self, name):
        self.timers = []

    def declare_parameter(self, name, default):
        return types.SimpleNamespace(value=self.parameters.get(name, default))

    def create_publisher(self, kind, topic, depth):
        return Publisher(topic)

    def create_timer(self, period, callback):
        self.timers.append((period, callback))

    def get_clock(self):
        return types.SimpleNamespace(now=lambda: types.SimpleNamespace(to_msg=lambda: 0))

    def get_logger(self):
        return types.SimpleNamespace(warning=lambda text: print(text, file=sys.stderr))

    def destroy_node(self):
        pass


def spin(node):
    period, _ = min(node.timers)
    while not select.select([sys.stdin], [], [], period)[0]:
        for _, callback in node.timers:
            callback()


def module(name, **names):
    made = types.ModuleType(name)
    made.__dict__.update(names)
    sys.modules[name] = made


def kind(name):
    return type(name, (Record,), {})


Node.parameters = dict(zip(("endpoint", "key"), sys.argv[1:]))
module("rclpy", init=lambda: None, spin=spin, try_shutdown=lambda: None)
module("rclpy.node", Node=Node)
for package, names in {
    "diagnostic_msgs": ("DiagnosticArray", "DiagnosticStatus", "KeyValue"),
    "sensor_msgs": ("Range",),
    "std_msgs": ("Float32", "String"),
}.items():
    module(package)
    module(f"{package}.msg", **{name: kind(name) for name in names})

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import visaged_node  # noqa: E402

visaged_node.main()
