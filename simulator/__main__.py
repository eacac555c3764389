"""`python -m simulator`: one simulated Secret Server on a port."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import orjson
import uvicorn

from simulator.app import create_app
from simulator.options import Options
from simulator.switches import Switches

_EPILOG = """\
Logging in: POST {base}/oauth2/token with grant_type=password, username and password.  The API lies under {base}/api/v1.

Watching and steering, always at the root:
  GET|DELETE /_sim/calls            what was asked since the last DELETE; ?full=1 adds bodies and times
  GET /_sim/state                   the whole vault; ?only=users,groups for parts
  GET|PUT|DELETE /_sim/faults       {"rules": [{"match": "^POST /api/v1/users", "do": "429", "times": 1}]}
                                    do: 400 401 403 429 500 503 html slow (ms) hang drop-before drop-after
                                        bad-json drip huge truncated; also retry_after, and skip = let so many through
  GET|PUT /_sim/switches            {"name": value}
  POST /_sim/act                    {"do": "disable_user", "userId": 7}: a change made by a person in the vault itself

What the facts leave open is a switch (--switch name=value, repeatable):
"""


def _parser() -> argparse.ArgumentParser:
    default = Options()
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A stateful simulator of the Delinea Secret Server REST API, for development and tests.",
        epilog=_EPILOG + Switches.table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=int, required=True, help="port to listen on; 0 picks a free one (see --ready-file)"
    )
    parser.add_argument("--host", default="127.0.0.1")
    for name, what in (
        ("users", "seeded users"),
        ("groups", "seeded groups"),
        ("folders", "seeded folders"),
        ("secrets", "seeded secrets"),
        ("folder-permissions", "seeded extra folder grants"),
        ("secret-permissions", "seeded secret grants"),
        ("hidden-folders", "seeded root folders that the account may not see"),
    ):
        parser.add_argument(
            f"--{name}",
            type=int,
            default=getattr(default, name.replace("-", "_")),
            metavar="N",
            help=f"{what} (%(default)s)",
        )
    parser.add_argument("--latency-ms", type=float, default=0.0, metavar="N", help="added to every call (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=default.seed, metavar="S", help="the same seed gives the same vault (%(default)s)"
    )
    parser.add_argument(
        "--base", default="", metavar="PATH", help="prefix of an on-premises installation, such as /SecretServer"
    )
    parser.add_argument("--account", default=default.account, metavar="NAME", help="the calling account (%(default)s)")
    parser.add_argument("--password", default=default.password, metavar="PW", help="its password (%(default)s)")
    parser.add_argument(
        "--permissions", metavar="A,B", help="exactly these role permissions for the account, whatever its roles say"
    )
    parser.add_argument(
        "--token-seconds", type=int, default=default.token_seconds, metavar="N", help="life of a token (%(default)s)"
    )
    parser.add_argument("--bare", action="store_true", help="nothing but the account, the stock roles and the domains")
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="set a switch, see below")
    parser.add_argument(
        "--ready-file", type=Path, metavar="F", help="JSON with url, account and pid, written when the port answers"
    )
    return parser


def read_options(arguments: list[str]) -> tuple[Options, argparse.Namespace]:
    parser = _parser()
    given = parser.parse_args(arguments)
    options = Options(
        **{
            name: getattr(given, name)
            for name in (
                *(
                    "users",
                    "groups",
                    "folders",
                    "secrets",
                    "folder_permissions",
                    "secret_permissions",
                    "hidden_folders",
                ),
                *("seed", "bare", "account", "password", "base", "latency_ms", "token_seconds"),
            )
        }
    )
    if given.permissions is not None:
        options.permissions = tuple(p.strip() for p in given.permissions.split(",") if p.strip())
    if options.base and not options.base.startswith("/"):
        options.base = "/" + options.base
    for pair in given.switch:
        name, found, value = pair.partition("=")
        if not found:
            parser.error(f"--switch {pair}: NAME=VALUE is missing its value")
        try:
            options.switches.set(name.strip(), value.strip())
        except ValueError as error:
            parser.error(str(error))
    return options, given


class Server(uvicorn.Server):
    """Tells when it listens, and ends without waiting for open connections."""

    ready_file: Path | None = None
    options: Options

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        url = f"http://{self.config.host}:{port}{self.options.base}"
        print(f"Secret Server simulator on {url} (account {self.options.account})", flush=True)
        if self.ready_file:
            text = {"url": url, "account": self.options.account, "password": self.options.password, "pid": os.getpid()}
            partial = self.ready_file.with_suffix(self.ready_file.suffix + ".part")
            partial.write_bytes(orjson.dumps(text))
            partial.replace(self.ready_file)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        os._exit(0)


def main(arguments: list[str] | None = None) -> int:
    options, given = read_options(sys.argv[1:] if arguments is None else arguments)
    app = create_app(options)
    gc.freeze()  # the seeded vault stays: no collection need look at it again
    config = uvicorn.Config(
        app,
        host=given.host,
        port=given.port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        backlog=4096,
        server_header=False,
    )
    server = Server(config)
    server.ready_file, server.options = given.ready_file, options
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
