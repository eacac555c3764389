"""What loads a function app and runs its functions: Microsoft's worker library, or the programming model alone."""

import asyncio
import importlib
import importlib.util
import inspect
import json
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from local import messages
from local.exchange import Answer, Cookie, Request


class BrokenApp(Exception):
    """function_app.py cannot be loaded; the text says why."""


class FunctionFailed(Exception):
    """A function raised. On Azure the caller sees an empty 500 and the log has the text."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app, with its bindings as function.json would show them."""

    name: str
    id: str
    bindings: tuple[dict[str, Any], ...]

    @property
    def trigger(self) -> dict[str, Any]:
        return next(binding for binding in self.bindings if str(binding["type"]).lower().endswith("trigger"))

    @property
    def kind(self) -> str:
        return str(self.trigger["type"])


class Engine(Protocol):
    name: str

    async def start(self, directory: Path) -> list[Function]: ...
    async def answer(self, function: Function, request: Request) -> Answer: ...
    async def fire(self, function: Function, info: dict[str, Any]) -> None: ...
    async def stop(self) -> None: ...


def has_worker_library() -> bool:
    """The library needs Python 3.13; older interpreters get the thin engine."""
    return sys.version_info >= (3, 13) and importlib.util.find_spec("azure_functions_runtime") is not None


def engine_named(name: str) -> Engine:
    return WorkerEngine() if name == "worker" else ThinEngine()


class WorkerEngine:
    """Microsoft's azure-functions-runtime, the library that also runs in Azure, spoken to in process.

    It gives the real indexing, the real checks of signatures and bindings and the real converters. We call its public
    entry points. Its `native_invocation` module skips the protobuf-shaped objects and would save 35 of the 190 µs of
    CPU that a request costs here (`scripts/host_overhead.py`). But it is not exported, so it may change with any
    release, and the converters it leaves out are part of what we want to see working.
    """

    name = "worker"

    def __init__(self) -> None:
        import azure_functions_runtime  # missing before Python 3.13

        self._worker = azure_functions_runtime
        self._parameter: dict[str, str] = {}

    async def start(self, directory: Path) -> list[Function]:
        self._worker.start_threadpool_executor()
        init = messages.Message(capabilities={}, function_app_directory=str(directory))
        reply = await self._worker.worker_init_request(
            messages.Message(
                request=messages.Message(worker_init_request=init), properties={"host": "127.0.0.1", "protos": messages}
            )
        )
        if reply.result.status == messages.StatusResult.Failure:
            failure = reply.result.exception
            raise BrokenApp(f"{failure.message}\n{failure.stack_trace}")
        listing = await self._worker.functions_metadata_request(messages.Message())
        functions = [
            Function(found.name, found.function_id, tuple(json.loads(binding) for binding in found.raw_bindings))
            for found in listing.function_metadata_results or ()
        ]
        self._parameter = {function.id: str(function.trigger["name"]) for function in functions}
        return functions

    async def answer(self, function: Function, request: Request) -> Answer:
        http = messages.RpcHttp(
            method=request.method,
            url=request.url,
            headers=request.headers,
            query=request.query,
            params=request.route,
            body=messages.TypedData(bytes=request.body),
        )
        trace = request.headers.get("traceparent", "")
        returned = await self._invoke(function, messages.TypedData(http=http), trace)
        return _from_typed_data(returned)

    async def fire(self, function: Function, info: dict[str, Any]) -> None:
        await self._invoke(function, messages.TypedData(json=json.dumps(info)), "")

    async def _invoke(self, function: Function, data: messages.TypedData, trace: str) -> Any:
        invocation = messages.Message(
            invocation_id=str(uuid.uuid4()),
            function_id=function.id,
            input_data=[messages.ParameterBinding(self._parameter[function.id], data)],
            trigger_metadata={},
            trace_context=messages.Message(trace_parent=trace, trace_state="", attributes={}),
            retry_context=messages.Message(retry_count=0, max_retry_count=0, exception=None),
        )
        reply = await self._worker.invocation_request(
            messages.Message(request=messages.Message(invocation_request=invocation), properties={})
        )
        if reply.result.status == messages.StatusResult.Failure:
            raise FunctionFailed(reply.result.exception.stack_trace)
        return reply.return_value

    async def stop(self) -> None:
        self._worker.stop_threadpool_executor()


def _from_typed_data(data: Any) -> Answer:
    kind = data.WhichOneof("data")
    if kind != "http":
        return _plain(getattr(data, kind))
    http = data.http
    return Answer(
        int(http.status_code),
        http.headers.items(),
        http.body.bytes if http.body is not None else b"",
        tuple(_from_rpc_cookie(cookie) for cookie in http.cookies or ()),
    )


def _plain(value: str | bytes) -> Answer:
    body = value.encode("utf-8") if isinstance(value, str) else value
    return Answer(200, (("content-type", "text/plain; charset=utf-8"),), body)


def _from_rpc_cookie(cookie: Any) -> Cookie:
    def value(field: Any, default: Any) -> Any:
        return default if field is None else field.value

    return Cookie(
        cookie.name,
        cookie.value,
        value(cookie.domain, ""),
        value(cookie.path, ""),
        datetime.fromtimestamp(cookie.expires.value.seconds, UTC) if cookie.expires is not None else None,
        value(cookie.max_age, None),
        value(cookie.secure, False),
        value(cookie.http_only, False),
        cookie.same_site,
    )


class ThinEngine:
    """The functions of `app.get_functions()` called directly, for Pythons without the worker library.

    Answers are converted by azure.functions itself, so that an app cannot tell the engines apart in what it sends.
    """

    name = "thin"

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Callable[..., Any], str, bool]] = {}
        self._threads = ThreadPoolExecutor()

    async def start(self, directory: Path) -> list[Function]:
        import azure.functions as func  # half a second that `python -m local up` itself need not spend

        try:
            module = importlib.import_module("function_app")
            apps = [found for found in vars(module).values() if isinstance(found, func.FunctionRegister)]
            if len(apps) != 1:
                raise BrokenApp(f"{directory}/function_app.py must define one function app, found {len(apps)}")
            return [self._indexed(found) for found in apps[0].get_functions()]
        except BrokenApp:
            raise
        except Exception as error:
            raise BrokenApp(f"{type(error).__name__}: {error}") from error

    def _indexed(self, found: Any) -> Function:
        name, call = found.get_function_name(), found.get_user_function()
        function = Function(name, name, tuple(json.loads(binding) for binding in found.get_raw_bindings()))
        wants_context = "context" in inspect.signature(call).parameters
        self._calls[name] = (call, str(function.trigger["name"]), wants_context)
        return function

    async def answer(self, function: Function, request: Request) -> Answer:
        from azure.functions.http import HttpRequest, HttpResponseConverter

        argument = HttpRequest(
            method=request.method,
            url=request.url,
            headers=request.headers,
            params=request.query,
            route_params=request.route,
            body_type="bytes",
            body=request.body,
        )
        returned = await self._call(function, argument)
        try:
            datum = HttpResponseConverter.encode(returned, expected_type=None)
        except Exception as error:
            raise FunctionFailed(f"{function.name} returned a {type(returned).__name__}") from error
        if datum.type == "string":
            return _plain(str(datum.value))
        fields: Any = datum.value
        return Answer(
            int(fields["status_code"].value),
            [(name, value.value) for name, value in fields["headers"].items()],
            fields["body"].value,
            tuple(_from_morsel(morsel) for jar in fields["cookies"] or () for morsel in jar.values()),
        )

    async def fire(self, function: Function, info: dict[str, Any]) -> None:
        from azure.functions.timer import TimerRequest

        argument = TimerRequest(
            past_due=info["IsPastDue"], schedule_status=info["ScheduleStatus"], schedule=info["Schedule"]
        )
        await self._call(function, argument)

    async def _call(self, function: Function, argument: Any) -> Any:
        call, parameter, wants_context = self._calls[function.id]
        arguments = {parameter: argument}
        if wants_context:
            arguments["context"] = SimpleNamespace(
                invocation_id=str(uuid.uuid4()), function_name=function.name, function_directory=""
            )
        try:
            if inspect.iscoroutinefunction(call):
                return await call(**arguments)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, lambda: call(**arguments))
        except Exception as error:
            raise FunctionFailed(f"{function.name}: {type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        self._threads.shutdown(wait=False)


def _from_morsel(morsel: Any) -> Cookie:
    return Cookie(
        morsel.key,
        morsel.value,
        morsel["domain"],
        morsel["path"],
        parsedate_to_datetime(morsel["expires"]) if morsel["expires"] else None,
        float(morsel["max-age"]) if morsel["max-age"] != "" else None,
        bool(morsel["secure"]),
        bool(morsel["httponly"]),
        morsel["samesite"].lower(),
    )
