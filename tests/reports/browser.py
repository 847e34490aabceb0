"""A browser without a window, which opens a page and tells what happens on it: DevTools protocol over two pipes."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
PATIENCE = 60.0  # seconds for an answer
START = """
import fcntl, os, sys
theirs_in, theirs_out = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(theirs_in, 3)
os.dup2(theirs_out, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Puts the pipes where the browser looks for them, and becomes the browser."""


class Browser:
    """One tab. `troubles` are what its console had to say, and requests for anything but the page itself."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._read, self._number = to, back, b"", 0
        self._events: list[dict[str, Any]] = []
        self.troubles: list[str] = []
        target = self.send("Target.createTarget", url="about:blank", session=None)["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True, session=None)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    _session: str | None = None

    def send(self, method: str, session: str | None = "", **parameters: Any) -> Any:
        """The result of a command. Raises RuntimeError for an error."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._look_at(answer)

    def open(self, page: Path, width: int = 1200) -> None:
        """Loads a page into a window of a width, in pixels."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        self._page = page.as_uri()
        self.value("window.isOld = true")
        self.send("Page.navigate", url=self._page)
        self.wait("!window.isOld && document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript. Raises RuntimeError for an exception."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until an expression is true."""
        until = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < until, expression
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """One key on the keyboard: Tab, Enter, ArrowRight, Escape."""
        code = {"Tab": 9, "Enter": 13, "ArrowRight": 39, "Escape": 27}[key]
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code, **({"text": "\r"} if key == "Enter" else {})}
        self.send("Input.dispatchKeyEvent", type="keyDown", **about)
        self.send("Input.dispatchKeyEvent", type="keyUp", **{**about, "text": ""})

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._back], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self._back, 1 << 20)
            assert part, "the browser has ended"
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        return dict(json.loads(message))

    def _look_at(self, event: dict[str, Any]) -> None:
        what, about = event.get("method"), event.get("params", {})
        if what in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
            self.troubles.append(json.dumps(about)[:500])
        elif what == "Network.requestWillBeSent":
            url = about["request"]["url"]
            if not url.startswith(("data:", "about:")) and url.partition("#")[0] != self._page:
                self.troubles.append(f"requests {url}")


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with its profile in `folder`."""
    assert PROGRAM is not None
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    options = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --remote-debugging-pipe"
    command = [PROGRAM, *options.split(), f"--user-data-dir={folder}"]
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(theirs_in), str(theirs_out), *command],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        process.kill()
        process.wait()
        os.close(ours_in)
        os.close(ours_out)
