"""Chromium without a window, driven by its DevTools protocol over a pipe. Standard library only."""

import base64
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One Chromium with one page."""

    def __init__(self, executable=None):
        executable = executable or find()
        if executable is None:
            raise FileNotFoundError("there is no Chromium: apt-get install --no-install-recommends chromium")
        self.profile = tempfile.mkdtemp(prefix="edge-agent-browser-")
        browser_input, self._input = os.pipe()
        self._output, browser_output = os.pipe()

        def become():
            # The protocol's pipes are descriptors 3 and 4.
            spare_in, spare_out = os.dup(browser_input), os.dup(browser_output)
            os.dup2(spare_in, 3)
            os.dup2(spare_out, 4)

        # A sandbox of its own cannot be had as root or in a container; the page is the agent's own.
        self.process = subprocess.Popen(
            [executable, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
             "--force-color-profile=srgb", "--font-render-hinting=none", f"--user-data-dir={self.profile}", "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=become, start_new_session=True)
        os.close(browser_input)
        os.close(browser_output)
        self._numbers = itertools.count(1)
        self._rest = b""
        self.messages = []  # What the page wrote to its console, and errors of it.
        target = self._wait(lambda: next((t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page"), None), "a page")
        self.session = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for descriptor in (self._input, self._output):
            os.close(descriptor)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    # The protocol: one JSON document after the other, each ended by a zero byte.

    def call(self, method, **parameters):
        """Calls a method of the page."""
        return self._call(method, self.session, **parameters)

    def _call(self, method, session=None, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._input, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read(method, 30)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error'].get('message')}")
                return answer["result"]
            self._note(answer)

    def _note(self, event):
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.messages.append(details.get("exception", {}).get("description") or details["text"])
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.messages.append(parameters["entry"]["text"])

    def _read(self, what, seconds):
        deadline = time.monotonic() + seconds
        while b"\0" not in self._rest:
            readable, _, _ = select.select([self._output], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._output, 1 << 16) if readable else b""
            if not data:
                raise TimeoutError(f"Chromium does not answer {what}")
            self._rest += data
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    # What a test or a picture needs.

    def open(self, address):
        self.call("Page.navigate", url=address)

    def size(self, width, height, scale=1, is_phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=is_phone)

    def prefer(self, scheme):
        """`light` or `dark`, as the system would say."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def evaluate(self, expression):
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        return answer["result"].get("value")

    def wait(self, expression, what, seconds=20):
        """Waits until an expression is true, and returns its value."""
        return self._wait(lambda: self.evaluate(expression), what, seconds)

    def _wait(self, condition, what, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s for {what}; the page says: {self.messages[-3:]}")
            time.sleep(0.1)

    def picture(self, path, whole=False):
        """Writes a PNG of what is in sight, or of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))
