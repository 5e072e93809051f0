"""A program on a terminal of its own."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import termios
import threading
import time

import pyte

from program import PROGRAM


class Terminal:
    """A program whose stderr, and stdin and stdout if wanted, is a terminal of 80 × 24, and what it
    wrote there."""

    def __init__(
        self,
        arguments,
        environment,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        program=PROGRAM,
    ):
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, True)
        self.seen = b""
        self.process = subprocess.Popen(
            [*program, *arguments],
            stdin=self.slave if stdin is None else stdin,
            stdout=self.slave if stdout is None else stdout,
            stderr=self.slave,
            env={**environment, "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.seen += data

    def wait_for(self, marker):
        for _ in range(3000):
            if marker in self.seen:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"{marker!r} never came: {self.seen[-500:]!r}")

    def type(self, keys):
        os.write(self.master, keys)

    def send(self, name):
        """A signal by its name, `TERM`; the moment when it was sent."""
        sent = time.monotonic()
        self.process.send_signal(getattr(signal, f"SIG{name}"))
        return sent

    @property
    def echoes(self):
        """Whether what is typed is shown, as a shell has it."""
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def end(self):
        output = self.process.communicate(timeout=300)[0]
        os.close(self.slave)
        self.reader.join(timeout=10)
        os.close(self.master)
        return self.process.returncode, output

    def screen(self):
        screen = pyte.Screen(80, 24)
        pyte.ByteStream(screen).feed(self.seen)
        return [line.rstrip() for line in screen.display if line.strip()]
