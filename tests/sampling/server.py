"""A real HTTP server in a thread, that answers as it is told."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """What the server does: it waits, then sends status, headers and body; or hangs up if the status is None. Of the
    length that it promises so many bytes never come.
    """

    status: int | None = 200
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0.0
    missing: int = 0


def chat_body(*texts: str, reason: str = "stop", **more: Any) -> str:
    choices = [
        {"index": number, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        for number, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 7, "completion_tokens": 2 * len(texts)}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": choices, "usage": usage, **more})


class Served:
    """What a server has seen."""

    def __init__(self, address: str) -> None:
        self.base_url = f"{address}/v1"
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.most_at_once = 0


@contextlib.contextmanager
def serving(reply: Callable[[int, dict[str, Any]], Reply]) -> Iterator[Served]:
    """A server whose replies `reply` gives, from how many requests came before and the body of this one."""
    lock, under_way = threading.Lock(), 0

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal under_way
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(served.requests)
                served.requests.append((self.path, asked))
                under_way += 1
                served.most_at_once = max(served.most_at_once, under_way)
            status, body, headers, wait_s, missing = reply(number, asked)
            time.sleep(wait_s)
            with lock:
                under_way -= 1
            if status is None:
                self.close_connection = True
                return
            with contextlib.suppress(OSError):  # who asked may have gone
                self.send_response(status)
                for name, value in (("Content-Type", "application/json"), *headers):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode()) + missing))
                self.end_headers()
                self.wfile.write(body.encode())
                self.close_connection = missing > 0

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
