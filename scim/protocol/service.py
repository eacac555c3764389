"""Step 3: the protocol itself, the library's service with our answers where they differ.

* an explicit PATCH path that names nothing is refused (the tolerant policy would drop it silently);
* a PATCH is answered 200 with the resource, or 204, by the connection's policy;
* errors of the tree in scim.errors become SCIM errors, and the library's prose is cut to what helps a reader;
* discovery is computed once and served as bytes; vault-dependent parts (roles, renames) are filled in per connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, Union

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Error,
    ETag,
    Filter,
    Pagination,
    Patch,
    ResourceType,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService

from scim.errors import ConnectorError, Forbidden, InvalidPath
from scim.protocol import schemas_pam as pam
from scim.protocol.projection import Document
from scim.protocol.schemas import USER, EnterpriseUser, Group, LinkedObject, User

MAX_RESULTS = 1000
DEFAULT_PAGE = 100
CURSOR_TIMEOUT = 3600
DOCUMENTATION = "https://github.com/scim-connector-for-secret-server/docs"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between connections in this step."""

    strict: bool = False
    patch_answers_resource: bool = True
    rename_refused: bool = False


def service_provider_config() -> ServiceProviderConfig:
    """What we support (RFC 7643 §5, RFC 9865 §4); every number here is enforced."""
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=True, max_operations=1000, max_payload_size=1_048_576),
        filter=Filter(supported=True, max_results=MAX_RESULTS),
        change_password=ChangePassword(supported=True),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        pagination=Pagination(
            cursor=True,
            index=True,
            default_pagination_method=Pagination.DefaultPaginationMethod.index,
            default_page_size=DEFAULT_PAGE,
            max_page_size=MAX_RESULTS,
            cursor_timeout=CURSOR_TIMEOUT,
        ),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="OAuth Bearer Token",
                description="A token of this connector in the Authorization header",
                spec_uri="https://www.rfc-editor.org/info/rfc6750",
                primary=True,
            ),
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauth2,
                name="OAuth 2.0 client credentials",
                description="An access token from /oauth/token, by a client secret or an assertion (RFC 7523)",
                spec_uri="https://www.rfc-editor.org/info/rfc6749",
            ),
        ],
    )


TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


@cache
def provider(*, strict: bool) -> ScimProvider:
    """Our resource types under the tolerant or the strict policy. Built once: composing models is not cheap."""
    return ScimProvider(
        models=[User, EnterpriseUser, LinkedObject, Group, *pam.MODELS],
        resource_types=[
            ResourceType.from_resource(User[Union[EnterpriseUser, LinkedObject]]),  # noqa: UP007
            ResourceType.from_resource(Group[LinkedObject]),
            *pam.resource_types(),
        ],
        config=service_provider_config(),
        policy=ScimPolicy() if strict else TOLERANT,
    )


class Service(ScimService):
    """The protocol for connections of one dialect. No I/O."""

    def __init__(self, dialect: Dialect, *, secret: str) -> None:
        super().__init__(provider(strict=dialect.strict), secret=secret)
        self.dialect = dialect

    # -- requests ----------------------------------------------------------------------------------------------------

    def authorize(self, request: Any, target: Any, resource_type: ResourceType) -> None:
        """Ask the caller's scope, for every operation of a bulk request and every type of a root search."""
        permit = request.subject
        if permit is not None:
            method = "GET" if target.operation.value in ("query", "search", "search_with_body") else "POST"
            try:
                permit(method, resource_type.name)
            except Forbidden as refusal:
                from scim2_models import ForbiddenException

                raise ForbiddenException(detail=refusal.detail) from refusal

    def read_patch(self, resource_type: ResourceType, body: bytes, content_type: str | None) -> Any:
        patch = super().read_patch(resource_type, body, content_type)
        for operation in patch.operations or []:
            path = operation.path
            if path is not None and path.resolve() is None and not self._names_extension(resource_type, str(path)):
                raise InvalidPath(f"path: this resource has no attribute {str(path)[:64]!r}")
        return patch

    def _names_extension(self, resource_type: ResourceType, path: str) -> bool:
        schemas = [extension.schema_ for extension in resource_type.schema_extensions or []]
        return path.casefold() in {str(schema).casefold() for schema in (*schemas, resource_type.schema_)}

    # -- discovery ---------------------------------------------------------------------------------------------------

    def complete_schema(self, schema: Document, vocabulary: dict[str, dict[str, Any]]) -> None:
        """Write into a schema what differs between connections and vaults: canonical values, a refused rename."""
        for path, values in vocabulary.get(schema.get("id", ""), {}).items():
            attribute = _attribute(schema.get("attributes", []), path.split("."))
            if attribute is not None and isinstance(values, dict):
                attribute.update(values)
            elif attribute is not None and values:
                attribute["canonicalValues"] = values
        if self.dialect.rename_refused and schema.get("id") == USER:
            attribute = _attribute(schema.get("attributes", []), ["userName"])
            if attribute is not None:
                attribute["mutability"] = "immutable"

    # -- answers -----------------------------------------------------------------------------------------------------

    @staticmethod
    def document_response(document: Document, status: HTTPStatus = HTTPStatus.OK) -> ScimResponse:
        """One resource, with ETag and Content-Location (RFC 7643 §3.1, RFC 7644 §3.14)."""
        meta = document.get("meta", {})
        headers = {}
        if "location" in meta:
            headers["Content-Location"] = meta["location"]
        if "version" in meta:
            headers["ETag"] = meta["version"]
        if status == HTTPStatus.CREATED:
            headers["Location"] = meta["location"]
        return ScimResponse(status, document, headers)

    @staticmethod
    def error_of(exception: Exception) -> Error:
        if isinstance(exception, ConnectorError):
            return Error(status=exception.status, scim_type=exception.scim_type, detail=exception.detail)
        if isinstance(exception, SCIMException):
            error = exception.to_error()
            if error.status == 400 and error.scim_type is None:
                error.scim_type = "invalidValue"  # an unknown attribute on a strict connection, a wrong type
            error.detail = _plain(error.detail)
            return error
        return Error(status=500, detail="An internal error happened; the request id leads to it in the connector's log")

    def error_response(self, exception: Exception) -> ScimResponse:
        if isinstance(exception, ConnectorError):
            error = self.error_of(exception)
            headers = {}
            if exception.retry_after is not None:
                headers["Retry-After"] = str(max(1, int(exception.retry_after)))
            if exception.status == 401:
                headers["WWW-Authenticate"] = 'Bearer realm="SCIM"'
            allowed = getattr(exception, "allowed", ())
            if allowed:
                headers["Allow"] = ", ".join(allowed)
            return ScimResponse(HTTPStatus(exception.status), error.model_dump(), headers)
        return super().error_response(exception)


def _attribute(attributes: list[Document], path: list[str]) -> Document | None:
    found = next((a for a in attributes if a.get("name") == path[0]), None)
    if found is None or len(path) == 1:
        return found
    return _attribute(found.get("subAttributes", []), path[1:])


def _plain(detail: str | None) -> str | None:
    """Without the validation library's advertisement, and not longer than a log line."""
    if detail is None:
        return None
    first = detail.split("For further information visit", 1)[0].strip()
    return first if len(first) <= 400 else first[:397] + "…"
