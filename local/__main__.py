"""`python -m local up | host | tables`: the command line of the development stack."""

import argparse
import asyncio
import sys
from pathlib import Path

from local.processes import Trouble

_ROOT = Path(__file__).resolve().parent.parent


def _path(text: str) -> Path:
    """Absolute, because children run in folders of their own."""
    return Path(text).resolve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    host = commands.add_parser("host", help="serve a function app on loopback")
    host.add_argument("--port", type=int, default=7071, help="0 picks a free port (default: %(default)s)")
    host.add_argument("--also-port", type=int, action="append", default=[], help="listen on this port too")
    host.add_argument("--engine", choices=("worker", "thin"), help="default: worker where its library is installed")
    host.add_argument("--app", type=_path, default=_ROOT, help="the folder of function_app.py (default: the project)")
    host.add_argument("--log", action="store_true", help="log each request and the app's INFO lines")
    tables = commands.add_parser("tables", help="run the table emulator alone")
    tables.add_argument("--port", type=int, default=10002)
    tables.add_argument("--persist", action="store_true", help="keep the data in .local/tables")
    up = commands.add_parser("up", help="table emulator, simulator and function app together")
    _add_up_options(up)
    return parser


def _add_up_options(up: argparse.ArgumentParser) -> None:
    up.add_argument("--port", type=int, default=7071, help="the function app; any port may be 0 for a free one")
    up.add_argument("--simulator-port", type=int, default=7080)
    up.add_argument("--tables-port", type=int, default=10002)
    up.add_argument("--console-port", type=int, help="serve the console on a port of its own too")
    for rows in ("users", "groups", "folders", "secrets", "folder-permissions", "secret-permissions"):
        up.add_argument(f"--{rows}", type=int, metavar="N", help=f"{rows} that the simulator begins with")
    up.add_argument("--latency-ms", type=int, metavar="N", help="how long each call to the simulator takes")
    up.add_argument("--seed", type=int, metavar="S", help="the simulator's seed")
    up.add_argument("--vault-url", help="a Secret Server of your own instead of the simulator")
    up.add_argument("--vault-username", default="svc-scim", help="its account; the password is LOCAL_VAULT_PASSWORD")
    up.add_argument("--policy", action="append", default=[], metavar="KEY=VALUE", help="of the demo connection")
    up.add_argument("--ready-file", type=_path, metavar="F", help="written as JSON when everything answers")
    up.add_argument("--demo", action=argparse.BooleanOptionalAction, default=False, help="a small vault and curl lines")
    up.add_argument("--empty", action="store_true", help="as after a deployment: tables, and a code for the console")
    up.add_argument("--app", type=_path, default=_ROOT, help="the folder of function_app.py, scim and simulator")
    up.add_argument("--engine", choices=("worker", "thin"))
    up.add_argument("--log", action="store_true", help="access lines and INFO in .local/logs/host.log")
    up.add_argument("--local-dir", type=_path, default=_ROOT / ".local", help="where logs go (default: %(default)s)")


async def _tables(port: int, *, persist: bool) -> int:
    from local.processes import claim, end
    from local.stack import told_to_end, until_told
    from local.tables import connection_string, start_tables

    told = told_to_end()
    port = claim(port, "table emulator")
    child = await start_tables(port, _ROOT / ".local", persist=persist)
    print(connection_string(port), flush=True)
    try:
        return await until_told([child], told)
    finally:
        await end([child], within=5)


def main() -> int:
    options = _parser().parse_args()
    try:
        if options.command == "host":
            from local.server import serve  # uvicorn is not needed to start the other commands

            return serve([options.port, *options.also_port], options.engine, options.app, access_log=options.log)
        if options.command == "tables":
            return asyncio.run(_tables(options.port, persist=options.persist))
        from local.stack import up

        return asyncio.run(up(options))
    except Trouble as trouble:
        print(f"local: {trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
