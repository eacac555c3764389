"""Stand-ins for the protobuf messages between the Functions host and its Python worker.

The worker library reads attributes off requests and builds its replies from whatever `protos` object it is handed, so
plain Python classes with the same names are enough. That spares grpcio and a generated module that nobody publishes.
"""

from typing import Any, ClassVar


class Message:
    """Any message whose fields nobody needs to be fast."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class TypedData:
    """A protobuf `oneof`: exactly one kind of data, named by WhichOneof."""

    __slots__ = ("_kind", "bytes", "double", "http", "int", "json", "string")

    def __init__(self, **data: Any) -> None:
        self._kind: str | None = None
        for kind, value in data.items():
            self._kind = kind
            setattr(self, kind, value)

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's spelling
        return self._kind


class RpcHttp:
    """Both directions of an HTTP exchange."""

    __slots__ = (
        "body",
        "cookies",
        "enable_content_negotiation",
        "headers",
        "method",
        "params",
        "query",
        "status_code",
        "url",
    )

    def __init__(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)


class ParameterBinding:
    __slots__ = ("data", "name")

    def __init__(self, name: str, data: TypedData) -> None:
        self.name = name
        self.data = data

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's spelling
        return "data"


class BindingInfo(Message):
    undefined: ClassVar[int] = 0
    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2


class StatusResult(Message):
    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1

    def __init__(self, status: int, exception: Message | None = None) -> None:
        super().__init__(status=status, exception=exception)


class SameSite:
    Lax = "lax"
    Strict = "strict"
    ExplicitNone = "none"


# The field is called None in the .proto, which Python's syntax cannot say.
setattr(SameSite, "None", "")


class RpcHttpCookie(Message):
    SameSite: ClassVar[type[SameSite]] = SameSite


class InvocationResponse(Message):
    """`return_value` and `output_data` are absent where a function failed."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**{"return_value": None, "output_data": (), **fields})


# What the worker library looks up by name in `protos` and only fills with fields.
FunctionEnvironmentReloadResponse = FunctionLoadResponse = FunctionMetadataResponse = Message
NullableBool = NullableDouble = NullableString = NullableTimestamp = Message
RpcException = RpcFunctionMetadata = RpcRetryOptions = Timestamp = WorkerInitResponse = WorkerMetadata = Message
