"""Judges AWS exchanges by botocore's models, which AWS publishes.

A request is parsed to the parameters of its operation, these are checked, and then written again by botocore: whatever was
sent and is not written again is unknown or in the wrong place. Of an answer, every name must be one that the model has.
"""

import json
import re
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

import botocore.session
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from moto.core import parse
from moto.core.model import ServiceModel
from werkzeug.datastructures import Headers, MultiDict

# What the credential scope calls a service, where botocore calls it otherwise.
NAMES = {
    "elasticloadbalancing": "elbv2",
    "tagging": "resourcegroupstaggingapi",
    "monitoring": "cloudwatch",
    "cloudcontrolapi": "cloudcontrol",
    "servicequotas": "service-quotas",
}
PARSERS = {
    "query": parse.QueryParser,
    "ec2": parse.EC2QueryParser,
    "json": parse.JSONParser,
    "rest-json": parse.RestJSONParser,
    "rest-xml": parse.RestXMLParser,
}
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
# A token of an operation: hash(lineage, operation id), and as a UUID of version 5. What an SDK makes up is of version 4.
TOKEN = re.compile(r"[0-9a-f]{40}|[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

_loader = botocore.session.Session().get_component("data_loader")
_models = {}


def model_of(service):
    if service not in _models:
        description = _loader.load_service_model(service, "service-2")
        _models[service] = ServiceModel(description, service)
    return _models[service]


def protocol_of(model):
    """The protocol that is spoken: of several the first that there is a parser for, as SDKs choose among those that they speak."""
    offered = model.metadata.get("protocols", [model.metadata["protocol"]])
    return next(protocol for protocol in offered if protocol in PARSERS)


def judge(exchange):
    """The operation's name, and what is wrong."""
    headers = {name.lower(): value for name, value in exchange.get("headers", {}).items()}
    scope = SCOPE.search(headers.get("authorization", ""))
    if not scope:
        return exchange["method"] + " " + exchange["url"], ["the request is not signed"]
    service = NAMES.get(scope.group(2), scope.group(2))
    model = model_of(service)
    protocol = protocol_of(model)
    url = urlsplit(exchange["url"])
    query = parse_qsl(url.query, keep_blank_values=True)
    body = exchange.get("body") or ""
    problems, labels, form = [], {}, {}
    if protocol in ("query", "ec2"):
        form = dict(parse_qsl(body or url.query, keep_blank_values=True))
        name = form.get("Action")
        if form.get("Version") != model.metadata["apiVersion"]:
            problems.append(f"Version is {form.get('Version')}, not {model.metadata['apiVersion']}")
    elif protocol == "json":
        prefix, _, name = headers.get("x-amz-target", "").partition(".")
        if prefix != model.metadata["targetPrefix"]:
            problems.append(f"X-Amz-Target begins with {prefix}")
    else:
        name, labels = routed(model, exchange["method"], url.path, dict(query))
    if name not in model.operation_names:
        return f"{service}.{name}", [*problems, f"no such operation: {exchange['method']} {url.path}"]
    operation = model.operation_model(name)
    shape = operation.input_shape
    if shape is not None:
        parameters = PARSERS[protocol](operation).parse(
            {
                "body": body,
                "headers": Headers(list(headers.items())),
                "method": exchange["method"],
                "url_params": labels,
                "url_path": url.path,
                "values": MultiDict(form or query),
            }
        )
        parameters = plain(parameters)
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            problems += report.generate_report().split("\n")
        values(shape, parameters, "", problems)
        problems += not_written_again(operation, protocol, parameters, form, body, query)
        for member, at in shape.members.items():
            if at.metadata.get("idempotencyToken"):
                token = parameters.get(member)
                if token is None:
                    problems.append(f"no token in {member}")
                elif not TOKEN.fullmatch(token):
                    problems.append(f"{member} is not the operation's token")
    answer = exchange.get("answer")
    if answer and answer["status"] < 300:
        problems += answered(operation, protocol, answer["body"])
    return f"{service}.{name}", problems


def routed(model, method, path, query):
    """The operation of a REST request, and the values of the labels in its path."""
    best = None
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.deprecated:  # Its successor has the same path.
            continue
        http = operation.http
        template, _, fixed = http["requestUri"].partition("?")
        # A slash at the end is of botocore's own (ChangeResourceRecordSets); other SDKs send none, and services take both.
        template = template.rstrip("/")
        fixed = dict(parse_qsl(fixed, keep_blank_values=True))
        if http["method"] != method or not all(key in query for key in fixed):
            continue
        pattern = ""
        for part in re.split(r"(\{[^}]+\})", template):
            if part.startswith("{"):
                label = re.sub(r"\W", "", part)
                pattern += f"(?P<{label}>{'.+' if part.endswith('+}') else '[^/]+'})"
            else:
                pattern += re.escape(part)
        match = re.fullmatch(pattern + "/?", path)
        if match:
            rank = (len(fixed), -len(match.groups()))
            if best is None or rank > best[0]:
                labels = {key: unquote(value) for key, value in match.groupdict().items()}
                best = (rank, name, labels)
    return (best[1], best[2]) if best else (None, {})


def plain(parsed):
    """Parsed parameters as dictionaries, lists and scalars."""

    def simple(value):
        if hasattr(value, "items"):
            return dict(value)
        return value.decode("latin1") if isinstance(value, bytes) else str(value)

    return json.loads(json.dumps(dict(parsed), default=simple))


def values(shape, value, at, problems):
    """Values of enumerations, and patterns."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            if name in shape.members:
                values(shape.members[name], inner, f"{at}.{name}", problems)
    elif shape.type_name == "list":
        for i, inner in enumerate(value):
            values(shape.member, inner, f"{at}[{i}]", problems)
    elif shape.type_name == "map":
        for name, inner in value.items():
            values(shape.value, inner, f"{at}.{name}", problems)
    elif shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            problems.append(f"{at}: {value!r} is not one of {', '.join(shape.enum[:8])}")
        pattern = shape.metadata.get("pattern")
        try:
            if pattern and not re.search(pattern, value):
                problems.append(f"{at}: {value!r} does not match {pattern}")
        except re.error:
            pass  # Java's and Python's patterns differ.


def not_written_again(operation, protocol, parameters, form, body, query):
    """What was sent and botocore would not send for the same parameters."""
    serializer = create_serializer(protocol, include_validation=False)
    again = serializer.serialize_to_request(parameters, operation)
    problems = []
    if protocol in ("query", "ec2"):
        extra = sorted(set(form) - set(again["body"]))
        problems += [f"unknown parameter {name}" for name in extra]
    elif protocol in ("json", "rest-json") and body:
        differs(json.loads(body), json.loads(again["body"] or "{}"), "", problems)
    elif protocol == "rest-xml" and body.startswith("<") and again["body"]:
        sent, written = ElementTree.fromstring(body), ElementTree.fromstring(again["body"])
        unknown_elements(sent, written, "", problems)
    if protocol.startswith("rest"):
        known = set(again["query_string"] or {})
        known |= {key for key, _ in parse_qsl(urlsplit(again["url_path"]).query, keep_blank_values=True)}
        # Which operation it is, for SDKs that say so, is no parameter.
        problems += [f"unknown query parameter {key}" for key, _ in query if key not in known and key != "x-id"]
    return problems


def differs(sent, again, at, problems):
    if isinstance(sent, dict) and isinstance(again, dict):
        for key, value in sent.items():
            if key in again:
                differs(value, again[key], f"{at}.{key}", problems)
            else:
                problems.append(f"unknown field {at}.{key}")
    elif isinstance(sent, list) and isinstance(again, list):
        for i, (one, other) in enumerate(zip(sent, again)):
            differs(one, other, f"{at}[{i}]", problems)


def bare(tag):
    return tag.rpartition("}")[2]


def unknown_elements(sent, again, at, problems):
    """Elements that were sent and are not written again, by name."""
    known = {}
    for child in again:
        known.setdefault(bare(child.tag), []).append(child)
    for child in sent:
        name = bare(child.tag)
        others = known.get(name)
        if not others:
            problems.append(f"unknown element {at}/{name}")
        else:
            unknown_elements(child, others.pop(0) if len(others) > 1 else others[0], f"{at}/{name}", problems)


def answered(operation, protocol, body):
    """Names in an answer that the model does not have."""
    shape = operation.output_shape
    if not body or shape is None or shape.serialization.get("payload"):
        return []
    problems = []
    if protocol in ("json", "rest-json"):
        unknown_fields(shape, json.loads(body), "answer", problems)
        return problems
    root = ElementTree.fromstring(body)
    if protocol == "query":
        wanted = f"{operation.name}Result"
        root = next((child for child in root if bare(child.tag) == wanted), None)
        if root is None:
            return [f"the answer has no {wanted}"] if shape.members else []
    known_elements(shape, root, "answer", problems, ec2=protocol == "ec2")
    return problems


def unknown_fields(shape, value, at, problems):
    if value is None:
        return
    if shape.type_name == "structure":
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, inner in value.items():
            if name in names:
                unknown_fields(names[name], inner, f"{at}.{name}", problems)
            elif not getattr(shape, "is_document_type", False):
                problems.append(f"{at}.{name} is not in the model")
    elif shape.type_name == "list":
        for inner in value:
            unknown_fields(shape.member, inner, f"{at}[]", problems)
    elif shape.type_name == "map":
        for inner in value.values():
            unknown_fields(shape.value, inner, f"{at}.*", problems)


def known_elements(shape, element, at, problems, ec2):
    """Elements of an XML answer against the model."""
    if shape.type_name == "structure":
        names = {}
        for name, member in shape.members.items():
            flat = member.type_name == "list" and member.serialization.get("flattened")
            serialized = member.serialization.get("name", name)
            if flat:
                serialized = member.member.serialization.get("name", serialized)
            names[serialized] = (member, flat)
        for child in element:
            name = bare(child.tag)
            if name in names:
                member, flat = names[name]
                inner = member.member if flat else member
                known_elements(inner, child, f"{at}.{name}", problems, ec2)
            elif not (at == "answer" and name in ("requestId", "return", "ResponseMetadata")):
                problems.append(f"{at}.{name} is not in the model")
    elif shape.type_name == "list":
        wanted = shape.member.serialization.get("name", "member")
        for child in element:
            if bare(child.tag) != wanted:
                problems.append(f"{at}: {bare(child.tag)} where {wanted} is meant")
            else:
                known_elements(shape.member, child, f"{at}[]", problems, ec2)
    elif shape.type_name == "string" and shape.enum and element.text and element.text not in shape.enum:
        problems.append(f"{at}: {element.text!r} is not one of {', '.join(shape.enum[:8])}")
