#!/usr/bin/env python3
"""Opens the live page in a headless Chromium and holds it to what it promises.

It connects and draws every panel within two seconds, asks nobody but the daemon, says nothing on
the console, fits a phone, shows plainly that a killed daemon is gone, and draws again when the next
one is there. Needs the standard library alone: Chromium is driven over its debugging pipe.

    python3 tools/page/check.py --daemon target/debug/visaged [--artefacts FOLDER]

Exit status: 0 good, 1 not, 77 skipped because there is no Chromium.
"""

import argparse
import base64
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
CANVASES = ["range-doppler", "micro-range-doppler", "events", "breath", "belief"]
PATIENCE_S = 60.0

# Whether each of these canvases shows more than so many colours; an empty one shows one. It runs in the page
# that it measures, so it stops counting at once, and asks nothing before there is a connection.
DRAWN = """
document.readyState === "complete" && document.body.dataset.link === "open" &&
Object.entries(%s).every(([id, least]) => {
  const canvas = document.getElementById(id);
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  return new Uint32Array(data.buffer).some((pixel) => seen.add(pixel).size > least);
})
"""


class Failed(Exception):
    """The page did not do what it promises."""


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, program, profile):
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update",
                   "--disable-dev-shm-usage", f"--user-data-dir={profile}",
                   "--remote-debugging-pipe", "about:blank"]

        def place_descriptors():
            # Chromium reads descriptor 3 and writes descriptor 4.
            spare = [os.dup(to_browser), os.dup(from_browser)]
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        self.process = subprocess.Popen(
            command, preexec_fn=place_descriptors, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.out, self.into = ours_out, ours_in
        self.buffer = b""
        self.number = 0
        self.session = None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive(PATIENCE_S)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise Failed(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def receive(self, patience):
        end = time.monotonic() + patience
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.into], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise Failed("the browser does not answer")
            piece = os.read(self.into, 1 << 16)
            if not piece:
                raise Failed("the browser has ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise Failed(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, what, expression, limit):
        """Seconds until `expression` is true."""
        start = time.monotonic()
        while not self.evaluate(expression):
            if time.monotonic() - start > limit:
                page = self.evaluate("document.body.innerText")
                raise Failed(f"{what}: not within {limit} s; the page says:\n{page}")
            time.sleep(0.02)
        return time.monotonic() - start

    def screenshot(self, file):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        Path(file).write_bytes(base64.b64decode(picture["data"]))

    def size(self, width, height, mobile):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=mobile)
        self.call("Emulation.setScrollbarsHidden", hidden=True)

    def close(self):
        self.process.kill()
        self.process.wait()


class Daemon:
    """The daemon over the shipped scene, with its page on `port`."""

    def __init__(self, program, folder, port):
        scene = REPOSITORY / "configs" / "scenes" / "demo"
        config = Path(folder) / "page.toml"
        config.write_text(
            f'[[sensor]]\nname = "radar"\nkind = "infineon"\nsettings.path = "{scene}/radar"\n'
            f'[[sensor]]\nname = "camera"\nkind = "evt"\nsettings.path = "{scene}/event.raw"\n'
            f'[playback]\nrepeat = true\n[web]\nlisten = "127.0.0.1:{port}"\n')
        self.log = open(Path(folder) / "daemon.log", "a")
        self.process = subprocess.Popen([program, "run", "--quiet", "--config", str(config)],
                                        stdout=self.log, stderr=self.log)
        self.address = f"http://127.0.0.1:{port}/"

    def wait_until_ready(self):
        """Until sensors deliver."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed("the daemon has ended; see daemon.log")
            try:
                with urllib.request.urlopen(self.address + "readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.05)
        raise Failed("the daemon is not ready")

    def kill(self):
        self.process.kill()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Colours of a canvas that shows what happens. An empty chair leaves the camera's picture all but
# black, and nobody sits down in the scene's first two seconds: the frame of the region is enough.
FULL = {name: 3 if name == "belief" else 8 for name in CANVASES}
FIRST = {"range-doppler": 8, "events": 1, "belief": 3}


def check_drawn(browser, what, least, limit):
    """Waits until the page is connected and each canvas shows something."""
    took = browser.wait_for(what, DRAWN % json.dumps(least), limit)
    print(f"{what}: {took:.2f} s")


def check_requests(browser, address):
    """Nobody but the daemon was asked, and the console is empty."""
    # What is still in the pipe belongs to this: one more call brings it in.
    browser.evaluate("0")
    host = address.split("//")[1]
    for event in browser.events:
        parameters = event.get("params", {})
        url = parameters.get("request", {}).get("url", "")
        if event["method"] == "Network.requestWillBeSent" and not url.startswith(("data:", address)):
            raise Failed(f"the page asked for {url}")
        if event["method"] == "Network.webSocketCreated":
            if not parameters["url"].startswith(f"ws://{host}"):
                raise Failed(f"the page connected to {parameters['url']}")
        if event["method"] == "Runtime.exceptionThrown":
            raise Failed(f"the page threw {parameters}")
        entry = parameters.get("entry", {})
        # While the daemon is gone the browser itself reports each failed connection.
        if event["method"] == "Log.entryAdded" and entry["level"] == "error" \
                and "WebSocket connection" not in entry["text"]:
            raise Failed(f"the console says {entry}")


def check(program, browser_program, folder, artefacts, within):
    port = free_port()
    daemon = Daemon(program, folder, port)
    browser = Browser(browser_program, Path(folder) / "profile")
    try:
        daemon.wait_until_ready()
        browser.size(1280, 900, False)
        browser.call("Page.navigate", url=daemon.address)
        check_drawn(browser, "connected and drawn", FIRST, within)
        check_drawn(browser, "all panels drawn", FULL, PATIENCE_S)
        # A machine that is too slow to be current shows no identity, and rightly so.
        browser.wait_for("shows an identity", (
            'document.getElementById("identity-state").textContent !== "-"'), PATIENCE_S)
        browser.screenshot(artefacts / "page-desktop.png")
        browser.call("Page.reload")
        check_drawn(browser, "reloaded and drawn", FIRST, within)
        browser.size(390, 844, True)
        check_drawn(browser, "all panels on a phone", FULL, PATIENCE_S)
        if browser.evaluate("document.documentElement.scrollWidth > innerWidth"):
            raise Failed("a phone has to scroll sideways")
        browser.screenshot(artefacts / "page-phone.png")
        daemon.kill()
        browser.wait_for("says that the daemon is gone", (
            'document.body.dataset.link === "closed" && '
            'document.getElementById("identity-state").textContent === "-" && '
            'document.querySelectorAll("section.stale").length === '
            'document.querySelectorAll("section").length'), within + 1.0)
        browser.screenshot(artefacts / "page-gone.png")
        daemon = Daemon(program, folder, port)
        daemon.wait_until_ready()
        # The page tries again each two seconds at most.
        check_drawn(browser, "drawn again after a restart", FIRST, within + 2.0)
        check_requests(browser, daemon.address)
    finally:
        browser.close()
        daemon.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--daemon", required=True, help="the visaged binary")
    parser.add_argument("--browser", help="the Chromium binary; else the first that is installed")
    parser.add_argument("--within", type=float, default=2.0,
                        help="seconds to draw; 2 unless the machine has other things to do")
    parser.add_argument("--artefacts", type=Path, help="where screenshots go; else nowhere")
    arguments = parser.parse_args()
    browser = arguments.browser or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        print("skipped: no Chromium to open the live page in")
        return 77
    with tempfile.TemporaryDirectory(prefix="visaged-page-") as folder:
        artefacts = arguments.artefacts or Path(folder)
        artefacts.mkdir(parents=True, exist_ok=True)
        try:
            check(arguments.daemon, browser, folder, artefacts, arguments.within)
        except Failed as failure:
            print(f"failed: {failure}", file=sys.stderr)
            log = Path(folder, "daemon.log")
            print(log.read_text() if log.exists() else "", file=sys.stderr)
            return 1
    print("the live page holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
