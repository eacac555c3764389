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

import orjson
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Error,
    ETag,
    Extension,
    Filter,
    Mutability,
    Pagination,
    Patch,
    PreconditionFailedException,
    Resource,
    ResourceType,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
)
from scim2_server.conditions import Conditions
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Target
from scim2_server.service import ScimService

from scim.errors import ConnectorError, Forbidden, InvalidPath, NotAllowed, path_excerpt
from scim.protocol import schemas_pam as pam
from scim.protocol.comparison import comparable
from scim.protocol.dialects.vocabulary import ENDPOINTS, named
from scim.protocol.projection import Document
from scim.protocol.schemas import ENTERPRISE, USER, EnterpriseUser, Group, LinkedObject, User
from scim.protocol.store import own_tag
from scim.protocol.words import plain

MAX_RESULTS = 1000
DEFAULT_PAGE = 100
CURSOR_TIMEOUT = 3600
# what the vault holds of a user, whatever else is kept: of `emails` one
_ALWAYS = frozenset({"userName", "displayName", "active", "password", "emails", "groups", "roles"})
_READING = ("query", "search", "search_with_body")
_WRITING = ("create", "replace", "patch", "delete")
DOCUMENTATION = "https://github.com/scim-connector-for-secret-server/docs"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between connections in this step."""

    strict: bool = False
    patch_answers_resource: bool = True
    rename_refused: bool = False
    person_attributes: frozenset[str] = frozenset()  # lower case; what is kept of a person, empty: everything


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
            pam.resource_type("User", "Users", User[Union[EnterpriseUser, LinkedObject]]),  # noqa: UP007
            pam.resource_type("Group", "Groups", Group[LinkedObject]),
            *pam.resource_types(),
        ],
        config=service_provider_config(),
        policy=ScimPolicy() if strict else TOLERANT,
    )


@cache
def _is_read_only(model: type[Resource[Any]]) -> bool:
    """Whether the schema of a type has no attribute that can be written: then no body is worth a look."""
    own = set(model.model_fields) - set(Resource.model_fields)
    return all(model.get_field_annotation(name, Mutability) == Mutability.read_only for name in own)


class Service(ScimService):
    """The protocol for connections of one dialect. No I/O."""

    def __init__(self, dialect: Dialect, *, secret: str) -> None:
        super().__init__(provider(strict=dialect.strict), secret=secret)
        self.dialect = dialect

    # -- requests ----------------------------------------------------------------------------------------------------

    @staticmethod
    def match(request: ScimRequest) -> Target:
        """:raises NotAllowed: Another method than POST for `.search`, which the library takes for no endpoint."""
        *before, last = request.path.strip("/").split("/")
        if last == ".search" and request.method.upper() != "POST" and (not before or before[0] in ENDPOINTS):
            raise NotAllowed("This endpoint answers to POST only", allowed=("POST",))
        return ScimService.match(request)

    def authorize(self, request: Any, target: Any, resource_type: ResourceType) -> None:
        """Ask the caller's scope, for every operation of a bulk request and every type of a root search."""
        permit = request.subject
        if permit is not None:
            method = "GET" if target.operation.value in _READING else "POST"
            try:
                permit(method, resource_type.name)
            except Forbidden as refusal:
                from scim2_models import ForbiddenException

                raise ForbiddenException(detail=refusal.detail) from refusal

    def check_writable(self, target: Target) -> None:
        """:raises NotAllowed: it would write a type that only exists to be read; asked before any body is looked at."""
        if target.endpoint is None or target.operation.value not in _WRITING:
            return
        with self.provider:
            resource_type = self.resource_type_at(target.endpoint)
            if _is_read_only(self.get_model(resource_type)):
                raise NotAllowed(
                    f"{resource_type.name} is a type to be read: nothing of it is written", allowed=("GET",)
                )

    def read_write_conditions(self, request: ScimRequest) -> Conditions:
        """The conditions of a write, on the object's own version: see `own_tag`."""
        sent = self.read_conditions(request)
        return Conditions(sent.if_match and own_tag(sent.if_match), sent.if_none_match and own_tag(sent.if_none_match))

    def read_search(self, resource_types: list[ResourceType], payload: Any) -> tuple[SearchRequest[Any], Any]:
        key = named(payload, "filter") if isinstance(payload, dict) else None
        if key is not None and isinstance(payload[key], str):
            names = {"username", "displayname"} if {rt.name for rt in resource_types} == {"Group"} else {"username"}
            payload = {**payload, key: comparable(payload[key], names)}
        return super().read_search(resource_types, payload)

    def read_patch(self, resource_type: ResourceType, body: bytes, content_type: str | None) -> Any:
        try:
            patch = super().read_patch(resource_type, body, content_type)
        except SCIMException as error:
            sent = orjson.loads(body)
            operations = sent.get("Operations") if isinstance(sent, dict) else None
            given = [o["path"] for o in operations or [] if isinstance(o, dict) and isinstance(o.get("path"), str)]
            raise _about(error, given) from error
        for operation in patch.operations or []:
            path = operation.path
            if path is not None and path.resolve() is None and not self._names_extension(resource_type, str(path)):
                raise InvalidPath(f"path: this resource has no attribute {path_excerpt(path)}")
        return patch

    def apply_patch(self, current: Any, patch: Any, conditions: Any) -> Any:
        try:
            return super().apply_patch(current, patch, conditions)
        except SCIMException as error:
            raise _about(error, [str(o.path) for o in patch.operations or [] if o.path is not None]) from error

    def _names_extension(self, resource_type: ResourceType, path: str) -> bool:
        schemas = [extension.schema_ for extension in resource_type.schema_extensions or []]
        return path.casefold() in {str(schema).casefold() for schema in (*schemas, resource_type.schema_)}

    # -- discovery ---------------------------------------------------------------------------------------------------

    def types_beyond(self, permit: Any) -> frozenset[str]:
        """The resource types that a connection may not even read; none for one without limits."""
        hidden = set()
        for resource_type in self.provider.resource_types:
            try:
                if permit is not None:
                    permit("GET", resource_type.name)
            except Forbidden:
                hidden.add(str(resource_type.id))
        return frozenset(hidden)

    def schemas_beyond(self, permit: Any) -> frozenset[str]:
        """The schemas that only such resource types have."""
        hidden = self.types_beyond(permit)
        shown: set[str] = set()
        beyond: set[str] = set()
        for resource_type in self.provider.resource_types:
            extensions = [extension.schema_ for extension in resource_type.schema_extensions or []]
            names = {str(schema) for schema in (resource_type.schema_, *extensions)}
            (beyond if str(resource_type.id) in hidden else shown).update(names)
        return frozenset(beyond - shown) | self.emptied

    @property
    def emptied(self) -> frozenset[str]:
        """Extensions of which this connection keeps nothing."""
        kept = self.dialect.person_attributes
        nothing = kept and not kept & {alias.casefold() for alias in _aliases(EnterpriseUser)}
        return frozenset({ENTERPRISE}) if nothing else frozenset()

    def complete_resource_type(self, resource_type: Document) -> None:
        """Leave out of a type what this connection keeps nothing of."""
        extensions = resource_type.get("schemaExtensions")
        if extensions and resource_type.get("id") == "User" and self.emptied:
            left = [extension for extension in extensions if extension.get("schema") not in self.emptied]
            resource_type["schemaExtensions"] = left

    def complete_schema(self, schema: Document, vocabulary: dict[str, dict[str, Any]]) -> None:
        """Write into a schema what differs between connections and vaults: canonical values, a refused rename."""
        for path, values in vocabulary.get(schema.get("id", ""), {}).items():
            attribute = _attribute(schema.get("attributes", []), path.split("."))
            if attribute is not None and isinstance(values, dict):
                attribute.update(values)
            elif attribute is not None and values:
                attribute["canonicalValues"] = values
        kept = self.dialect.person_attributes
        if kept and schema.get("id") in (USER, ENTERPRISE):
            always = _ALWAYS if schema["id"] == USER else frozenset()
            named = [a for a in schema["attributes"] if a["name"] in always or a["name"].casefold() in kept]
            schema["attributes"] = named
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
            error.detail = plain(error.detail, error.scim_type)
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


def _aliases(model: type[Extension]) -> set[str]:
    return {str(field.serialization_alias or name) for name, field in model.model_fields.items()}


def _attribute(attributes: list[Document], path: list[str]) -> Document | None:
    found = next((a for a in attributes if a.get("name") == path[0]), None)
    if found is None or len(path) == 1:
        return found
    return _attribute(found.get("subAttributes", []), path[1:])


QUOTES = "'\""


def _about(error: SCIMException, paths: list[str]) -> SCIMException:
    """The same error, with the paths of the PATCH where the library's words name none of them."""
    said = str(error)
    about_all = isinstance(error, PreconditionFailedException) or "''" in said  # no path is to blame
    if (
        not paths
        or about_all
        or "validation error" in said
        or any(path.casefold() in said.casefold() for path in paths)
    ):
        return error
    return type(error)(detail=f"{', '.join(path_excerpt(path).strip(QUOTES) for path in paths[:3])}: {said}")
