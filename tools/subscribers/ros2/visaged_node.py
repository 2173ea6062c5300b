#!/usr/bin/env python3
"""A ROS 2 node that says on topics what visaged publishes, and says nothing that is stale.

    ros2 run ... or: python3 visaged_node.py --ros-args -p endpoint:=ipc:///run/visaged/pub.sock \\
        -p key:=$(visaged keygen --show /etc/visaged/signing.key | awk '/public/ {print $2}')

| topic                    | type                          | what                                   |
|--------------------------|-------------------------------|----------------------------------------|
| ~/identity               | std_msgs/String               | state; `unknown` as soon as it is stale |
| ~/expression             | std_msgs/String               | label, or the state if none is shown   |
| ~/range                  | sensor_msgs/Range             | distance of what breathes or moves     |
| ~/breaths_per_minute     | std_msgs/Float32              | only while breath is seen              |
| /diagnostics             | diagnostic_msgs/DiagnosticArray | the daemon's health, and each sensor |

Results are hints, never access decisions. Needs rclpy and visaged_client (tools/subscribers/python).
"""

import pathlib
import sys
import threading

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import Range
from std_msgs.msg import Float32, String

# From the source tree; a robot installs the package instead.
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "python"))

from visaged_client import Subscriber, Verifier  # noqa: E402

LEVELS = {
    "well": DiagnosticStatus.OK,
    "degraded": DiagnosticStatus.WARN,
    "failing": DiagnosticStatus.ERROR,
}
# How often is looked whether what was said last still holds, seconds.
GLANCE = 0.1


class VisagedNode(Node):
    def __init__(self):
        super().__init__("visaged")
        endpoint = self.declare_parameter("endpoint", "tcp://127.0.0.1:5556").value
        key = self.declare_parameter("key", "").value
        same_host = self.declare_parameter("same_host", True).value
        self.frame_id = self.declare_parameter("frame_id", "visaged").value
        verifier = Verifier(key, same_host=same_host) if key else None
        if verifier is None:
            self.get_logger().warning("without `key` any process that has the endpoint is believed")
        self.said = {
            "identity": self.create_publisher(String, "~/identity", 10),
            "expression": self.create_publisher(String, "~/expression", 10),
        }
        self.range = self.create_publisher(Range, "~/range", 10)
        self.breath = self.create_publisher(Float32, "~/breaths_per_minute", 10)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.newest = {}
        self.lock = threading.Lock()
        self.subscriber = Subscriber(endpoint, verifier=verifier, timeout_s=GLANCE)
        self.running = True
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        self.create_timer(GLANCE, self.retract_what_is_stale)

    def listen(self):
        while self.running:
            message = self.subscriber.receive()
            if message is None:
                continue
            stream = message.topic.split("/")[1]
            if stream in self.said:
                with self.lock:
                    self.newest[stream] = message
                    self.say(stream, message)
            elif stream == "radar" and message.is_valid():
                self.say_radar(message.payload)
            elif stream == "health":
                self.say_health(message.payload)

    def say(self, stream, message):
        payload = message.payload
        label = getattr(payload, "label", None)
        self.said[stream].publish(String(data=(label or payload.state) if message.is_valid() else "unknown"))

    def retract_what_is_stale(self):
        """A silent daemon must not look like a person who is still there."""
        with self.lock:
            for stream, message in list(self.newest.items()):
                if not message.is_valid():
                    del self.newest[stream]
                    self.said[stream].publish(String(data="unknown"))

    def say_radar(self, radar):
        target = radar.slow or radar.moving
        if target is not None:
            reading = Range()
            reading.header.stamp = self.get_clock().now().to_msg()
            reading.header.frame_id = self.frame_id
            reading.radiation_type = Range.ULTRASOUND  # ROS knows no radar here
            reading.range = float(target.range_m)
            self.range.publish(reading)
        if radar.respiration is not None:
            self.breath.publish(Float32(data=float(radar.respiration.rate_per_min)))

    def say_health(self, health):
        status = DiagnosticStatus(name="visaged", level=LEVELS.get(health.state, DiagnosticStatus.ERROR))
        status.message = health.state
        status.values = [KeyValue(key=t.sensor, value=f"{t.state} {t.trouble or ''}") for t in health.troubles]
        status.values.append(KeyValue(key="lost", value=str(self.subscriber.lost)))
        for reason, n in self.subscriber.refused.items():
            status.values.append(KeyValue(key=f"refused {reason}", value=str(n)))
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(array)

    def destroy_node(self):
        self.running = False
        self.thread.join(timeout=1.0)
        self.subscriber.close()
        super().destroy_node()


def main():
    rclpy.init()
    node = VisagedNode()
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
