#!/usr/bin/env python3
"""Writes what the sandbox knows of Kubernetes' built-in kinds from the OpenAPI and discovery documents of its source module.

usage: generate.py DIRECTORY-OF-k8s.io/kubernetes     writes resources.json and definitions.jsonl beside this file

The directory is what `go mod download -json k8s.io/kubernetes@VERSION` names. resources.json is the aggregated discovery of the
kinds that are served; a line of definitions.jsonl is the name and the schema of a type, without descriptions.
"""

import json
import pathlib
import sys

# Group/version: the resources that are served; `*` for all.
SERVED = {
    "/v1": "bindings configmaps endpoints events limitranges namespaces nodes persistentvolumeclaims persistentvolumes pods "
    "podtemplates replicationcontrollers resourcequotas secrets serviceaccounts services",
    "admissionregistration.k8s.io/v1": "*",
    "apiextensions.k8s.io/v1": "*",
    "apiregistration.k8s.io/v1": "*",
    "apps/v1": "*",
    "authentication.k8s.io/v1": "*",
    "authorization.k8s.io/v1": "*",
    "autoscaling/v2": "*",
    "batch/v1": "*",
    "certificates.k8s.io/v1": "certificatesigningrequests",
    "coordination.k8s.io/v1": "*",
    "discovery.k8s.io/v1": "*",
    "flowcontrol.apiserver.k8s.io/v1": "*",
    "networking.k8s.io/v1": "*",
    "node.k8s.io/v1": "*",
    "policy/v1": "*",
    "rbac.authorization.k8s.io/v1": "*",
    "scheduling.k8s.io/v1": "priorityclasses",
    "storage.k8s.io/v1": "*",
}

SUBRESOURCES = {"status", "scale", "eviction", "token", "finalize", "ephemeralcontainers", "resize"}


def served(group, version):
    names = SERVED.get(f"{group}/{version}")
    return None if names is None else names.split()


def resources(directory):
    document = json.loads((directory / "api/discovery/aggregated_v2.json").read_text())
    core = json.loads((directory / "api/discovery/api__v1.json").read_text())
    groups = []
    for item in document["items"]:
        group = item["metadata"].get("name", "")
        versions = []
        for version in item["versions"]:
            names = served(group, version["version"])
            if names is None:
                continue
            kept = [r for r in version["resources"] if names == ["*"] or r["resource"] in names]
            for resource in kept:
                if "subresources" in resource:
                    subresources = [s for s in resource["subresources"] if s["subresource"] in SUBRESOURCES]
                    resource["subresources"] = subresources
            versions.append({"version": version["version"], "resources": kept})
        if versions:
            groups.append({"group": group, "versions": versions})
    if not any(group["group"] == "" for group in groups):
        groups.insert(0, {"group": "", "versions": [{"version": "v1", "resources": old(core)}]})
    return groups


def old(core):
    """The resources of a list of the older discovery in the shape of the newer one."""
    names = served("", "v1")
    found = {}
    for resource in core["resources"]:
        name, _, sub = resource["name"].partition("/")
        if name not in names:
            continue
        kind = {"group": resource.get("group", ""), "version": resource.get("version", "v1"), "kind": resource["kind"]}
        if not sub:
            entry = {
                "resource": name,
                "responseKind": kind,
                "scope": "Namespaced" if resource["namespaced"] else "Cluster",
                "singularResource": resource["singularName"],
                "verbs": resource["verbs"],
            }
            for key in ("shortNames", "categories"):
                if resource.get(key):
                    entry[key] = resource[key]
            found[name] = entry
        elif sub in SUBRESOURCES and name in found:
            found[name].setdefault("subresources", []).append(
                {"subresource": sub, "responseKind": kind, "verbs": resource["verbs"]}
            )
    return list(found.values())


KEPT = {
    "type", "format", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key", "x-kubernetes-group-version-kind", "enum",
}  # fmt: skip


def strip(schema):
    if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
        schema = {**schema, **schema["allOf"][0]}
    if "$ref" in schema:
        kept = {"$ref": schema["$ref"].rsplit("/", 1)[1]}
    else:
        kept = {key: value for key, value in schema.items() if key in KEPT}
    # A default of an empty value says only that Go has no nulls.
    if schema.get("default") not in (None, "", 0, False, {}, []):
        kept["default"] = schema["default"]
    if "oneOf" in schema:
        kept["x-kubernetes-int-or-string"] = True
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            kept[key] = strip(schema[key])
    if "properties" in schema:
        kept["properties"] = {name: strip(property) for name, property in schema["properties"].items()}
    return kept


def references(schema, found):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            found.add(schema["$ref"])
        for value in schema.values():
            references(value, found)


def definitions(directory, groups):
    known = {}
    for group in groups:
        for version in group["versions"]:
            path = f"apis__{group['group']}__{version['version']}" if group["group"] else "api__v1"
            document = json.loads((directory / f"api/openapi-spec/v3/{path}_openapi.json").read_text())
            for name, schema in document["components"]["schemas"].items():
                known[name] = strip(schema)
    kinds = {
        (group["group"], version["version"], kind["kind"])
        for group in groups
        for version in group["versions"]
        for resource in version["resources"]
        for kind in [resource["responseKind"], *(s["responseKind"] for s in resource.get("subresources", []) if "responseKind" in s)]
    } | {("autoscaling", "v1", "Scale"), ("policy", "v1", "Eviction"), ("", "v1", "DeleteOptions")}
    wanted = {}
    for name, schema in known.items():
        marks = schema.get("x-kubernetes-group-version-kind", [])
        if any((mark["group"], mark["version"], mark["kind"]) in kinds for mark in marks):
            wanted[name] = schema
    todo = list(wanted)
    while todo:
        found = set()
        references(wanted[todo.pop()], found)
        for name in found - wanted.keys():
            wanted[name] = known[name]
            todo.append(name)
    for schema in wanted.values():
        marks = schema.get("x-kubernetes-group-version-kind", [])
        if len(marks) > 1:
            schema["x-kubernetes-group-version-kind"] = [mark for mark in marks if (mark["group"], mark["version"]) == ("", "v1")] or marks[:1]
    return wanted


def main():
    directory = pathlib.Path(sys.argv[1])
    here = pathlib.Path(__file__).parent
    groups = resources(directory)
    lines = [json.dumps(group, separators=(",", ":")) for group in groups]
    (here / "resources.json").write_text("[" + ",\n".join(lines) + "]\n")
    with (here / "definitions.jsonl").open("w") as file:
        for name, schema in sorted(definitions(directory, groups).items()):
            file.write(json.dumps([name, schema], separators=(",", ":")) + "\n")


main()
