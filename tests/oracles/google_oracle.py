"""Judges exchanges with Google Cloud by Google's discovery documents, as google-api-python-client brings them along.

Paths, queries, fields, types, values of enumerations, patterns, what is required and what is only for output; the same for
the bodies of answers, but that there everything is for output.
"""

import importlib.util
import json
import os
import re
from urllib.parse import parse_qsl, unquote, urlsplit

DOCUMENTS = os.path.join(
    os.path.dirname(importlib.util.find_spec("googleapiclient").origin),
    "discovery_cache/documents",
)
APIS = (
    "artifactregistry.v1",
    "cloudkms.v1",
    "cloudresourcemanager.v3",
    "compute.v1",
    "container.v1",
    "dns.v1",
    "iam.v1",
    "secretmanager.v1",
    "servicenetworking.v1",
    "serviceusage.v1",
    "serviceusage.v1beta1",
    "sqladmin.v1",
    "storage.v1",
)
UUID5 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Api:
    """One discovery document."""

    def __init__(self, name):
        with open(f"{DOCUMENTS}/{name}.json", encoding="utf-8") as file:
            self.document = json.load(file)
        self.schemas = self.document.get("schemas", {})
        self.base = "/" + self.document["servicePath"].strip("/")
        self.base = "" if self.base == "/" else self.base
        self.methods = []
        self._collect(self.document)

    def _collect(self, resource):
        for method in resource.get("methods", {}).values():
            self._add(method, self.base + "/" + (method.get("flatPath") or method["path"]).lstrip("/"))
        for inner in resource.get("resources", {}).values():
            self._collect(inner)

    def _add(self, method, path):
        pattern, names = "", []
        for part in re.split(r"(\{[^}]+\})", path):
            if part.startswith("{"):
                names.append(part[1:-1].lstrip("+"))
                pattern += "(.+)" if part[1] == "+" else "([^/:]+)" if "flatPath" in method else "([^/]+)"
            else:
                pattern += re.escape(part)
        self.methods.append((method["httpMethod"], re.compile(pattern), names, path, method))


_apis = [Api(name) for name in APIS]


def found(verb, path):
    """The methods that a request can mean: of those that fit, the ones with the fewest variables. One endpoint that serves all
    services cannot tell apart what has the same path in several."""
    best, rank, others = [], None, set()
    for api in _apis:
        for http_verb, pattern, names, full, method in api.methods:
            match = pattern.fullmatch(path)
            if not match:
                continue
            if http_verb != verb:
                others.add(http_verb)
                continue
            own = (-len(names), full.count("/"))
            if rank is None or own > rank:
                best, rank = [], own
            if own == rank:
                best.append((api, method, dict(zip(names, map(unquote, match.groups())))))
    return best, others


def judge(exchange):
    """The method's id, and what is wrong."""
    url = urlsplit(exchange["url"])
    best, others = found(exchange["method"], url.path)
    if not best:
        where = f"; the path has {', '.join(sorted(others))}" if others else ""
        return f"{exchange['method']} {url.path}", [f"no method has this path{where}"]
    return min((judge_as(exchange, url, *one) for one in best), key=lambda judged: len(judged[1]))


def judge_as(exchange, url, api, method, variables):
    problems = []
    path_parameters(api, method, variables, url, problems)
    query(api, method, url, exchange["method"], problems)
    reference = method.get("request", {}).get("$ref")
    body = exchange.get("body")
    if isinstance(body, str):
        body = json.loads(body) if body else None
    if reference is None and body:
        problems.append("no body is taken")
    elif reference and body is not None:
        check(api, api.schemas[reference], body, "", problems, method["id"])
    answer = exchange.get("answer")
    if answer and answer["status"] < 300 and answer["body"]:
        reference = method.get("response", {}).get("$ref")
        if reference:
            check(api, api.schemas[reference], json.loads(answer["body"]), "answer", problems, None)
    return method["id"], problems


def path_parameters(api, method, variables, url, problems):
    parameters = method.get("parameters", {})
    in_path = {n: p for n, p in parameters.items() if p.get("location") == "path"}
    for name, parameter in in_path.items():
        value = variables.get(name)
        if value is None and "pattern" in parameter:
            # flatPath takes {+parent} apart: put together again.
            pattern = re.escape(method["path"])
            for other in in_path:
                pattern = pattern.replace(re.escape("{+%s}" % other), f"(?P<{other}>.+?)")
                pattern = pattern.replace(re.escape("{%s}" % other), f"(?P<{other}>[^/]+)")
            match = re.fullmatch(pattern, url.path[len(api.base) :].lstrip("/"))
            value = match and match.group(name)
        if value is not None and "pattern" in parameter and not re.match(parameter["pattern"], unquote(value)):
            problems.append(f"{name}: {value!r} does not match {parameter['pattern']}")


# Parameters that every service takes and no document lists: https://cloud.google.com/apis/docs/system-parameters
SYSTEM = {"$alt", "$apiVersion"}


def query(api, method, url, verb, problems):
    parameters = method.get("parameters", {})
    everywhere = api.document.get("parameters", {})
    seen = {}
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        if name in SYSTEM:
            continue
        parameter = parameters.get(name) or everywhere.get(name)
        if not parameter or parameter.get("location") == "path":
            problems.append(f"unknown query parameter {name}")
            continue
        if name in seen and not parameter.get("repeated"):
            problems.append(f"query parameter {name} is given twice")
        seen[name] = value
        scalar(parameter, value, f"?{name}", problems, in_query=True)
    for name, parameter in parameters.items():
        if parameter.get("location") == "query" and parameter.get("required") and name not in seen:
            problems.append(f"query parameter {name} is missing")
    # The operation's token is a UUID of version 5; what a client makes up is of version 4.
    if verb == "POST" and "requestId" in parameters:
        if "requestId" not in seen:
            problems.append("no token in requestId")
        elif not UUID5.fullmatch(seen["requestId"]):
            problems.append("requestId is not the operation's token")


def scalar(schema, value, at, problems, in_query=False):
    kind, form = schema.get("type"), schema.get("format")
    if kind == "string":
        if form in ("int64", "uint64"):
            if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)):
                problems.append(f"{at}: {value!r} is no {form}")
            return
        # proto3's JSON takes the number of a value of an enumeration for its name; which numbers there are the documents do not say.
        numbered = re.fullmatch(r"\d+", value) if in_query and isinstance(value, str) else type(value) is int
        if "enum" in schema and numbered:
            return
        if not isinstance(value, str):
            problems.append(f"{at}: {value!r} is no text")
            return
        formats = {
            "byte": r"[A-Za-z0-9+/_=-]*",
            "google-duration": r"-?\d+(\.\d+)?s",
            "google-datetime": r"\d{4}-\d\d-\d\dT.*",
            "date-time": r"\d{4}-\d\d-\d\dT.*",
        }
        if form in formats and not re.fullmatch(formats[form], value):
            problems.append(f"{at}: {value!r} is no {form}")
        if "enum" in schema and value not in schema["enum"]:
            problems.append(f"{at}: {value!r} is not one of {', '.join(schema['enum'][:12])}")
        try:
            if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
                problems.append(f"{at}: {value!r} does not match {schema['pattern']}")
        except re.error:
            pass  # RE2's and Python's patterns differ.
    elif kind == "integer":
        # proto3's JSON takes a quoted int32.
        quoted = isinstance(value, str) and re.fullmatch(r"-?\d+", value)
        if isinstance(value, bool) or not (isinstance(value, int) or quoted):
            problems.append(f"{at}: {value!r} is no whole number")
        elif form == "uint32" and int(value) < 0:
            problems.append(f"{at}: {value} is negative")
    elif kind == "number":
        if not in_query and (isinstance(value, bool) or not isinstance(value, (int, float))):
            problems.append(f"{at}: {value!r} is no number")
    elif kind == "boolean":
        right = str(value).lower() in ("true", "false") if in_query else isinstance(value, bool)
        if not right:
            problems.append(f"{at}: {value!r} is no boolean")


def check(api, schema, value, at, problems, method):
    """A body against its schema; `method` is None for answers."""
    if "$ref" in schema:
        schema = {**api.schemas[schema["$ref"]], **({"readOnly": True} if schema.get("readOnly") else {})}
    if value is None:  # In a patch, null clears.
        return
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        if not isinstance(value, dict):
            problems.append(f"{at}: {value!r} is no {schema.get('id', 'object')}")
            return
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            property = known.get(name)
            if property is not None:
                said = property.get("description", "").lower()
                output = property.get("readOnly") or said.startswith(("[output only]", "output only"))
                if method and output:
                    problems.append(f"{at}.{name} is only for output")
                check(api, property, inner, f"{at}.{name}", problems, method)
            elif more is not None:
                check(api, more, inner, f"{at}.*", problems, method)
            else:
                problems.append(f"{at}.{name}: {schema.get('id', 'object')} has no such field")
        for name, property in known.items():
            required = property.get("annotations", {}).get("required", [])
            if method and method in required and name not in value:
                problems.append(f"{at}.{name} is missing")
    elif kind == "array":
        if not isinstance(value, list):
            problems.append(f"{at}: {value!r} is no list")
            return
        for inner in value:
            check(api, schema["items"], inner, f"{at}[]", problems, method)
    elif kind != "any":
        scalar(schema, value, at, problems)
