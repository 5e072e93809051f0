"""A server on this machine that speaks the hub's protocol, as far as fetching a model takes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What it has, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    """By owner/name/file."""
    wrong: set[str] = field(default_factory=set)
    """Files whose bytes are not those of their checksum."""
    cut_after: int | None = None
    """Bytes after which the next answer breaks off; counted over all."""
    deny: tuple[int, str] | None = None
    """A status for all, and the error code that goes with it."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of every request."""
    url: str = ""

    def __enter__(self) -> Hub:
        hub = self

        class Handler(_Handler):
            of = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def siblings(self, repository: str) -> list[dict[str, Any]]:
        found = {n: data for n, data in self.files.items() if n.startswith(f"{repository}/")}
        return [
            {
                "rfilename": name.removeprefix(f"{repository}/"),
                "size": len(data),
                **({"lfs": _lfs(data)} if name.endswith((".gguf", ".safetensors")) else {}),
            }
            for name, data in found.items()
        ]


def _lfs(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}


class _Handler(BaseHTTPRequestHandler):
    of: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        self.of.asked.append((self.command, self.path, self.headers.get("Range", "")))
        path = self.path.split("?")[0]
        if self.of.deny is not None:
            status, code = self.of.deny
            return self.refuse(status, code)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            return self.tell_about(found[1], found[2])
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            return self.resolve(f"{found[1]}/{found[2]}")
        if path.startswith("/elsewhere/"):
            return self.send(path.removeprefix("/elsewhere/"), body)
        return self.refuse(404, "EntryNotFound")

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def tell_about(self, repository: str, revision: str | None) -> None:
        siblings = self.of.siblings(repository)
        if not siblings:
            return self.refuse(404, "RepoNotFound")
        if revision not in (None, "main", COMMIT):
            return self.refuse(404, "RevisionNotFound")
        told = {"id": repository, "sha": COMMIT, "siblings": siblings, "private": False}
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        return None

    def resolve(self, name: str) -> None:
        """Large files lie with another host, as those of the hub do."""
        if name not in self.of.files:
            return self.refuse(404, "EntryNotFound")
        data = self.of.files[name]
        self.send_response(302)
        other = self.of.url.replace("127.0.0.1", "localhost")
        self.send_header("Location", f"{other}/elsewhere/{name}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("X-Linked-Etag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def send(self, name: str, body: bool) -> None:
        data = self.of.files[name]
        if name in self.of.wrong:
            data = bytes(len(data))
        start = 0
        if found := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(found[1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.end_headers()
        if not body:
            return
        cut = self.of.cut_after
        if cut is not None and cut < len(data) - start:
            self.wfile.write(data[start : start + cut])
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True
            return
        self.wfile.write(data[start:])
