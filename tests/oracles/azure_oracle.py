"""Judges exchanges with Azure by the models in its official Python packages (`azure_models.py`).

Paths, api-versions, queries, fields, types, values of enumerations, limits of names, what is required and what is only for output;
the same for the bodies of answers, but that there everything is for output. Azure compares words of enumerations without letter case.
"""

import json
import re
from urllib.parse import parse_qsl, unquote, urlsplit

from azure_models import packages_of

# Where operations under way are asked for is told by answers, and is in no model.
POLLED = re.compile(r"/[A-Za-z]*(operations|operationresults|operationstatuses|azureasyncoperation|asyncoperations)/[0-9a-f-]{36}", re.IGNORECASE)
BARE = re.compile(r"/?\{\w+\}")
# What every resource says of itself, and a body may repeat.
IDENTITY = {"id", "name", "type", "etag"}


def judge(exchange):
    """The operation's name, and what is wrong."""
    url = urlsplit(exchange["url"])
    if exchange["method"] == "GET" and POLLED.search(url.path):
        return "operation", polled(exchange)
    best, others = found(exchange["method"], unquote(url.path))
    if not best:
        where = f"; the path has {', '.join(sorted(others))}" if others else ""
        return f"{exchange['method']} {url.path}", [f"no operation has this path{where}"]
    return min((judge_as(exchange, url, *one) for one in best), key=lambda judged: len(judged[1]))


def polled(exchange):
    answer = exchange.get("answer")
    if not answer or answer["status"] != 200 or not answer["body"]:
        return []
    body = json.loads(answer["body"])
    # The resource itself where it ended, or how it stands.
    stands = isinstance(body, dict) and ("id" in body or "status" in body or "properties" in body)
    return [] if stands else [f"the operation's answer tells no status: {answer['body'][:80]}"]


def found(method, path):
    """The operations that a request can mean: of those that fit, the ones with the fewest variables."""
    packages, path = packages_of(path)
    best, rank, others = [], None, set()
    for package in packages:
        for operation in package.operations:
            match = operation.pattern.fullmatch(path)
            if not match:
                continue
            if operation.method != method:
                others.add(operation.method)
                continue
            # A path that is nothing but an id fits everything, and says nothing.
            own = (not BARE.fullmatch(operation.path), -len(operation.names), operation.path.count("/"))
            if rank is None or own > rank:
                best, rank = [], own
            if own == rank:
                best.append((operation, dict(zip(operation.names, match.groups()))))
    return best, others


def judge_as(exchange, url, operation, variables):
    problems = []
    for name, value in variables.items():
        limits = operation.limits.get(name, {})
        if value is None:
            continue
        if limits.get("pattern") and not re.match(limits["pattern"], value):
            problems.append(f"{name}: {value!r} does not match {limits['pattern']}")
        if len(value) > (limits.get("max_length") or len(value)):
            problems.append(f"{name}: {value!r} is longer than {limits['max_length']}")
        if len(value) < (limits.get("min_length") or 0):
            problems.append(f"{name}: {value!r} is shorter than {limits['min_length']}")
    query(operation, url, problems)
    answer = exchange.get("answer") or {}
    body = exchange.get("body")
    if isinstance(body, str):
        body = json.loads(body) if body else None
    if operation.body is None and body:
        problems.append("no body is taken")
    elif operation.body is not None and body is None and not operation.body_optional:
        problems.append("the body is missing")
    elif operation.body is not None and body is not None:
        # A change writes back the whole as it was read, what is only for output too: Azure's documentation of PUT.
        headers = map(str.lower, exchange.get("headers", {}))
        creates = answer.get("status") in (201, 202) and "if-match" not in headers
        whole = operation.method != "PATCH"
        check(operation.package, operation.body, body, "", problems, whole, creates)
    # What is accepted may be answered with how the work stands.
    if answer.get("status") in (200, 201) and answer["body"] and operation.answer:
        check_answer(operation, json.loads(answer["body"]), problems)
    return operation.name, problems


def query(operation, url, problems):
    given = dict(parse_qsl(url.query, keep_blank_values=True))
    version = given.get("api-version")
    if version != operation.version:
        problems.append(f"api-version is {version}, and the model's {operation.version}")
    for name in given:
        if name != "api-version" and name not in operation.queries:
            problems.append(f"unknown query parameter {name}")
    for name, required in operation.queries.items():
        if required and name not in given:
            problems.append(f"query parameter {name} is missing")


def check_answer(operation, body, problems):
    package, kind = operation.package, operation.answer
    if not operation.listed:
        check(package, kind, body, "answer", problems, False, False)
        return
    if not isinstance(body, dict) or not isinstance(body.get("value"), list):
        problems.append("the answer is no listing")
        return
    check(package, kind, body["value"], "answer", problems, False, False)


def check(package, kind, value, at, problems, whole, creates):
    """A value against its type; `whole` asks for what is required, `creates` refuses what is only for output."""
    if value is None:  # As if it were left out; in a patch, null clears.
        return
    name = kind[0]
    if name == "model":
        model(package, kind[1], value, at, problems, whole, creates)
    elif name == "list":
        if not isinstance(value, list):
            problems.append(f"{at}: {value!r} is no list")
            return
        for inner in value:
            check(package, kind[1], inner, f"{at}[]", problems, whole, creates)
    elif name == "map":
        if not isinstance(value, dict):
            problems.append(f"{at}: {value!r} is no map")
            return
        for inner in value.values():
            check(package, kind[1], inner, f"{at}.*", problems, whole, creates)
    elif name == "text":
        words = kind[1]
        if not isinstance(value, str):
            problems.append(f"{at}: {value!r} is no text")
        elif words and value.lower() not in map(str.lower, words):
            problems.append(f"{at}: {value!r} is not one of {', '.join(words[:12])}")
    elif name == "boolean":
        if not isinstance(value, bool):
            problems.append(f"{at}: {value!r} is no boolean")
    elif name in ("integer", "number"):
        numbers = int if name == "integer" else (int, float)
        if isinstance(value, bool) or not isinstance(value, numbers):
            problems.append(f"{at}: {value!r} is no {name}")


def model(package, name, value, at, problems, whole, creates):
    if not isinstance(value, dict):
        problems.append(f"{at}: {value!r} is no {name}")
        return
    fields = package.fields(name)
    if "" in fields:  # Any other property, in the older packages.
        return
    for key, inner in value.items():
        field = fields.get(key)
        if field is None:
            near = [other for other in fields if other.lower() == key.lower()]
            hint = f" (did you mean {near[0]}?)" if near else ""
            problems.append(f"{at}.{key}: {name} has no such field{hint}")
            continue
        if creates and field.output and key not in IDENTITY:
            problems.append(f"{at}.{key} is only for output")
        check(package, field.type, inner, f"{at}.{key}", problems, whole, creates)
    if whole:
        for key, field in fields.items():
            if field.required and value.get(key) is None:
                problems.append(f"{at}.{key} is missing")
