"""The OpenAPI description of the HTTP face: what `reference_server.protocol` says, for tools that read schemas."""

from __future__ import annotations

from typing import Any

from reference_server.protocol import FORMAT

__all__ = ["LARGEST_BODY", "REQUESTS", "STATUS", "description"]

#: The path to which every request is posted.
REQUESTS = "/v1/requests"
STATUS = "/v1/status"
#: The longest body that is read, in bytes.
LARGEST_BODY = 64 * 1024

_TEXT = {"type": "string", "minLength": 1, "maxLength": 255}
_MOST = (1 << 63) - 1
_PART = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#: From 1.0.0.0 on, without leading zeros.
_IPV4 = rf"^(25[0-5]|2[0-4][0-9]|1[0-9]{{2}}|[1-9][0-9]?)\.{_PART}\.{_PART}\.{_PART}$"
_REQUEST = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "format",
        "kind",
        "number",
        "installation",
        "address",
        "application",
        "version",
        "domain",
        "port",
        "cluster",
    ],
    "properties": {
        "format": {"const": FORMAT},
        "kind": {"enum": ["register", "poll", "unbind"]},
        "number": {"type": "integer", "minimum": 1, "maximum": _MOST, "description": "Fresh for each request."},
        "installation": {**_TEXT, "description": "What makes two requests the same node."},
        "address": {"type": "string", "pattern": _IPV4, "description": "The node's own address."},
        "application": _TEXT,
        "version": _TEXT,
        "domain": {"anyOf": [_TEXT, {"type": "null"}]},
        "port": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "null"}]},
        "cluster": {"anyOf": [_TEXT, {"type": "null"}]},
    },
}
_TEXTS = {"type": "array", "items": _TEXT}
_ANSWERED = {
    "format": {"const": FORMAT},
    "number": {"type": "integer", "minimum": 1},
    "installation": _TEXT,
    "server_time_us": {"type": "integer", "description": "The server's date, us since the Unix epoch."},
    "signature": _TEXT,
}
_GRANT = {
    "type": "object",
    "additionalProperties": False,
    "required": [*_ANSWERED, "kind", "capacity", "details"],
    "properties": {
        **_ANSWERED,
        "kind": {"const": "grant"},
        "capacity": {"type": "integer", "minimum": 1, "description": "Max Connections."},
        "details": {
            "type": "object",
            "additionalProperties": False,
            "required": ["function_points", "access_domains", "access_ports", "application_names", "expires_us"],
            "properties": {
                "function_points": _TEXTS,
                "access_domains": _TEXTS,
                "access_ports": {"type": "array", "items": {"type": "integer"}},
                "application_names": _TEXTS,
                "expires_us": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            },
        },
    },
}
_RELEASE = {
    "type": "object",
    "additionalProperties": False,
    "required": [*_ANSWERED, "kind"],
    "properties": {**_ANSWERED, "kind": {"const": "release"}},
}
_REFUSAL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["format", "kind", "number", "code", "name", "reason"],
    "properties": {
        "format": {"const": FORMAT},
        "kind": {"const": "refusal"},
        "number": {"type": "integer", "minimum": 0, "description": "0: of no request that could be read."},
        "code": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "As documented, null for none."},
        "name": _TEXT,
        "reason": _TEXT,
    },
}


def _json(schema: dict[str, Any], what: str) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": schema}}}


def description() -> dict[str, Any]:
    """Return the OpenAPI document."""
    refusal = {"$ref": "#/components/schemas/Refusal"}
    granted = {"oneOf": [{"$ref": "#/components/schemas/Grant"}, {"$ref": "#/components/schemas/Release"}]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Simulated FineDataLink authorization server",
            "version": "1",
            "description": "A test tool. It can never authorize a real product.",
        },
        "paths": {
            REQUESTS: {
                "post": {
                    "summary": "Register, poll or unbind a node",
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Request"}}},
                    },
                    "responses": {
                        "200": _json(granted, "Granted, or for an unbind released."),
                        "400": _json(refusal, "Not JSON (10000), or a wrong parameter (10001). Nothing changed."),
                        "403": _json(refusal, "Refused: the first check that failed."),
                        "408": _json(refusal, "The body took too long to come."),
                        "413": _json(refusal, f"The body is longer than {LARGEST_BODY} bytes."),
                        "415": _json(refusal, "The body is not declared as JSON."),
                    },
                }
            },
            STATUS: {
                "get": {
                    "summary": "What is registered",
                    "responses": {"200": _json({"type": "object"}, "The state of the server.")},
                }
            },
            "/metrics": {
                "get": {
                    "summary": "The same for Prometheus",
                    "responses": {
                        "200": {
                            "description": "Metrics in the text format.",
                            "content": {"text/plain": {"schema": {"type": "string"}}},
                        }
                    },
                }
            },
        },
        "components": {
            "schemas": {"Request": _REQUEST, "Grant": _GRANT, "Release": _RELEASE, "Refusal": _REFUSAL},
        },
    }
