"""A stand-in for the simulator: it keeps users, and tells with which options it was started."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USERS: list = []


class Vault(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.reply({"count": 0, "calls": [], "users": USERS, "argv": sys.argv[1:]})

    def do_POST(self) -> None:
        USERS.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.reply({"id": str(len(USERS))})

    def reply(self, body: dict) -> None:
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Vault).serve_forever()
