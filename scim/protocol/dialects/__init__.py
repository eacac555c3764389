"""Step 3, first half: what identity platforms really send → what RFC 7643 and 7644 say. Pure JSON → JSON.

    path.py        request paths and PATCH paths: one spelling
    query.py       query strings and .search bodies
    filters.py     filters, token by token
    values.py      the value of one attribute
    body.py        whole resources (POST, PUT)
    patch.py       PATCH operations
    bulk.py        the door: one body, or each body of a bulk
    vocabulary.py  the names all of them know

Nothing is ever changed in place, nothing but scim.errors is raised, and what was normalised once stays as it is.
A PATCH that changes nothing (`remove members []`, or read-only keys only) keeps an operation that the core carries
out without effect, so no marker is needed.
"""

from scim.protocol.dialects.body import soft_deleted_name
from scim.protocol.dialects.bulk import normalise_body, normalise_bulk
from scim.protocol.dialects.path import normalise_path, path_behind_flag, resource_type_of
from scim.protocol.dialects.query import normalise_query, normalise_search

__all__ = [
    "normalise_body",
    "normalise_bulk",
    "normalise_path",
    "normalise_query",
    "normalise_search",
    "path_behind_flag",
    "resource_type_of",
    "soft_deleted_name",
]
