"""A tiny service with the runtime's command line, whose behaviour a file ``VERSION`` decides."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

VERSION = Path("VERSION").read_text()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/crash":
            os._exit(3)
        if self.path == "/slow":
            time.sleep(1)
        body = json.dumps({"version": VERSION, "pid": os.getpid(), **environment()}).encode()
        self.send_response(503 if VERSION in ("never ready", "gave up") else 200)
        if VERSION == "never ready":
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        sys.stdout.write(f"asked for {self.path}\n")  # in one piece, whoever else writes


class Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the requests under way

    def __init__(self, fd: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=fd)


def environment() -> dict[str, str]:
    return {
        name: os.environ[name] for name in ("MPLBACKEND", "JPY_PARENT_PID") if name in os.environ
    }


def main() -> None:
    if VERSION == "broken":
        print("loading the model")
        sys.exit("the model cannot be loaded")
    words = sys.argv[2:]
    servers = [Server(int(fd)) for flag, fd in pairwise(words) if flag == "--fd"]
    loops = [threading.Thread(target=each.serve_forever, args=(0.02,)) for each in servers]

    def drain(*_: object) -> None:
        for each in servers:
            threading.Thread(target=each.shutdown).start()

    signal.signal(signal.SIGTERM, signal.SIG_IGN if VERSION == "stubborn" else drain)
    for loop in loops:
        loop.start()
    print(f"version {VERSION} serves")
    for loop in loops:
        while loop.is_alive():
            loop.join(0.05)
    for each in servers:
        each.server_close()


main()
