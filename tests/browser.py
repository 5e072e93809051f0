"""A headless Chromium, spoken to through a pipe in its own protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 60
# In a container there is neither a sandbox to be had nor a large /dev/shm.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def _high(descriptor: int) -> int:
    """The same, out of the way of the numbers that the browser wants."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


class Browser:
    """One page, which can be opened, asked, typed at and looked at."""

    def __init__(self) -> None:
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self._to = map(_high, os.pipe())
        self._from, from_browser = map(_high, os.pipe())

        def connect() -> None:
            # The browser reads from its descriptor 3 and writes to 4.
            os.dup2(to_browser, 3)
            os.dup2(from_browser, 4)

        self.process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self.home.name}"],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._read = os.fdopen(self._from, "rb", buffering=0)
        self._pending = b""
        self._count = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._send(f"{domain}.enable")

    def close(self) -> None:
        os.close(self._to)
        self._read.close()
        self.process.terminate()
        self.process.wait(timeout=20)
        self.home.cleanup()

    def open(self, path: Path, behind: str = "") -> None:
        """behind: what follows the name of the file in the address, as `#step=2`."""
        self.events.clear()
        self._send("Page.navigate", url=path.as_uri() + behind)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def screen(self, width: int, height: int, dark: bool = False, phone: bool = False) -> None:
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._send("Emulation.setEmulatedMedia", features=[scheme])

    def prefer_reduced_motion(self) -> None:
        feature = {"name": "prefers-reduced-motion", "value": "reduce"}
        self._send("Emulation.setEmulatedMedia", features=[feature])

    def ask(self, script: str) -> Any:
        """The value of an expression in the page."""
        told = self._send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in told:
            raise AssertionError(told["exceptionDetails"])
        return told["result"].get("value")

    def press(self, key: str, code: str = "") -> None:
        text = {"text": key} if len(key) == 1 else {}
        self._send("Input.dispatchKeyEvent", type="keyDown", key=key, code=code or key, **text)
        self._send("Input.dispatchKeyEvent", type="keyUp", key=key, code=code or key)

    def picture(self, path: Path) -> None:
        data = self._send("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def complaints(self) -> list[str]:
        """What the page wrote to the console as errors, and requests that it made."""
        self.ask("1")
        told = []
        for event in self.events:
            facts = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                told.append(json.dumps(facts["exceptionDetails"]))
            if event["method"] == "Log.entryAdded" and facts["entry"]["level"] == "error":
                told.append(facts["entry"]["text"])
            if event["method"] == "Network.requestWillBeSent":
                url = facts["request"]["url"]
                told += [] if url.startswith(("file:", "data:")) else [url]
        return told

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._read], [], [], PATIENCE)
            data = self._read.read(1 << 16) if ready else b""
            if not data:
                raise AssertionError("the browser went away, or does not answer")
            self._pending += data
        message, _, self._pending = self._pending.partition(b"\0")
        return json.loads(message)
