#!/usr/bin/env python3
"""Writes what the sandbox knows of Google's requests from the public discovery documents (google-api-python-client has them).

usage: generate.py DOCUMENTS_DIRECTORY CRATES_DIRECTORY     writes one .txt per API beside this file

Numbers of enumerations, which some clients send, are not in those documents: they come from the sources of the google-cloud-* crates.

A line is either
  method ID VERB PATH BODY-SCHEMA-OR-DASH ANSWER-SCHEMA-OR-DASH QUERY-PARAMETERS-OR-DASH
  schema NAME FIELD=[!]TYPE ...
where ! marks what only the server writes, and TYPE is s text, b boolean, i integer, l 64-bit integer, n number, x anything,
e(A|B=7) one of these words, with its number where that is not its position, @NAME a schema, [TYPE] a list, {TYPE} a map.
"""

import json
import pathlib
import re
import sys

COMPUTE = """networks: insert get list patch delete addPeering removePeering switchToCustomMode
subnetworks: insert get list aggregatedList patch delete expandIpCidrRange setPrivateIpGoogleAccess
routers: insert get list aggregatedList patch update delete getRouterStatus
addresses: insert get list aggregatedList delete setLabels
globalAddresses: insert get list delete setLabels
firewalls: insert get list patch update delete
healthChecks: insert get list aggregatedList patch update delete
regionHealthChecks: insert get list patch update delete
networkEndpointGroups: insert get list aggregatedList delete attachNetworkEndpoints detachNetworkEndpoints listNetworkEndpoints
regionNetworkEndpointGroups: insert get list delete
globalNetworkEndpointGroups: insert get list delete attachNetworkEndpoints detachNetworkEndpoints listNetworkEndpoints
instanceGroups: insert get list aggregatedList delete setNamedPorts addInstances removeInstances listInstances
instanceGroupManagers: get list aggregatedList listManagedInstances
backendServices: insert get list aggregatedList patch update delete getHealth setSecurityPolicy
regionBackendServices: insert get list patch update delete getHealth
urlMaps: insert get list aggregatedList patch update delete
targetHttpProxies: insert get list aggregatedList patch delete setUrlMap
targetHttpsProxies: insert get list aggregatedList patch delete setUrlMap setSslCertificates setSslPolicy setQuicOverride
targetTcpProxies: insert get list aggregatedList delete setBackendService setProxyHeader
targetSslProxies: insert get list delete setBackendService setProxyHeader setSslCertificates setSslPolicy
backendBuckets: insert get list patch update delete
sslCertificates: insert get list aggregatedList delete
sslPolicies: insert get list aggregatedList patch delete listAvailableFeatures
securityPolicies: insert get list aggregatedList patch delete addRule getRule patchRule removeRule setLabels
globalForwardingRules: insert get list patch delete setLabels setTarget
forwardingRules: insert get list aggregatedList patch delete setLabels setTarget
zones: get list
machineTypes: get list
regions: get list
projects: get
globalOperations: get list wait delete
regionOperations: get list wait delete
zoneOperations: get list wait delete"""

CLUSTERS = """create get list delete update setResourceLabels setMaintenancePolicy setLegacyAbac setNetworkPolicy setLocations setLogging
setMonitoring setAddons updateMaster setMasterAuth resourceLabels legacyAbac locations logging monitoring addons master"""
POOLS = "create get list delete update setSize setAutoscaling setManagement rollback autoscaling"
SQL = """instances: insert get list patch update delete restart
projects.instances: getLatestRecoveryTime
backupRuns: get list
databases: insert get list patch update delete
users: insert get list update delete
operations: get list
tiers: list
flags: list"""

APIS = {
    "compute.v1": COMPUTE,
    "container.v1": f"""projects.locations: getServerConfig
projects.zones: getServerconfig
projects.locations.clusters: {CLUSTERS}
projects.zones.clusters: {CLUSTERS}
projects.locations.clusters.nodePools: {POOLS}
projects.zones.clusters.nodePools: {POOLS}
projects.locations.operations: get list cancel
projects.zones.operations: get list cancel""",
    "sqladmin.v1": SQL,
    "sqladmin.v1beta4": SQL,
    "storage.v1": """buckets: insert get list patch update delete getIamPolicy setIamPolicy testIamPermissions
objects: insert get list patch delete copy
projects.serviceAccount: get""",
    "iam.v1": """projects.serviceAccounts: create get list patch update delete disable enable getIamPolicy setIamPolicy
projects.serviceAccounts.keys: list
projects.locations.workloadIdentityPools: create get list patch delete undelete
projects.locations.workloadIdentityPools.operations: get
projects.locations.workloadIdentityPools.providers: create get list patch delete undelete
projects.locations.workloadIdentityPools.providers.operations: get""",
    "servicenetworking.v1": """operations: get
services.connections: create list patch deleteConnection""",
    "cloudresourcemanager.v1": "projects: get getIamPolicy setIamPolicy testIamPermissions list",
    "cloudresourcemanager.v3": "projects: get getIamPolicy setIamPolicy testIamPermissions search",
    "serviceusage.v1": """services: enable disable get list batchEnable batchGet
operations: get""",
    "serviceusage.v1beta1": """services: generateServiceIdentity
operations: get""",
    "dns.v1": """managedZones: create get list patch update delete
resourceRecordSets: create get list patch delete
changes: create get list
managedZoneOperations: get list
projects: get""",
    "cloudkms.v1": """projects.locations.keyRings: create get list getIamPolicy setIamPolicy
projects.locations.keyRings.cryptoKeys: create get list patch updatePrimaryVersion getIamPolicy setIamPolicy
projects.locations.keyRings.cryptoKeys.cryptoKeyVersions: create get list patch destroy restore""",
    "secretmanager.v1": """projects.secrets: create get list patch delete addVersion getIamPolicy setIamPolicy
projects.secrets.versions: get list access destroy disable enable""",
    "artifactregistry.v1": """projects.locations: get list
projects.locations.operations: get
projects.locations.repositories: create get list patch delete getIamPolicy setIamPolicy""",
}


# Said to be written by the server only, but taken from clients.
TAKEN = {"InstanceGroup": ("network", "subnetwork")}


def output_only(schema, name, field):
    if name in TAKEN.get(schema, ()):
        return False
    text = field.get("description", "")
    return field.get("readOnly") or "[Output Only]" in text or text.startswith("Output only.") or text.startswith("[Output only]")


CRATES = {"container": "container-v1", "sqladmin": "sql-v1", "cloudkms": "kms-v1", "secretmanager": "secretmanager-v1",
          "artifactregistry": "artifactregistry-v1", "serviceusage": "api-serviceusage-v1", "iam": "iam-admin-v1"}
NUMBERS = []


def read_numbers(crates, api):
    """The enumerations of an API's crate, each a map from name to number."""
    NUMBERS.clear()
    crate = CRATES.get(api.split(".")[0])
    for folder in sorted(crates.glob(f"google-cloud-{crate}-[0-9]*")) if crate else []:
        source = (folder / "src/model.rs").read_text()
        names = re.findall(r"fn from\(value: &str\) -> Self \{(.*?)_ =>", source, re.S)
        numbers = re.findall(r"impl serde::ser::Serialize for \w+ \{(.*?)Self::UnknownValue", source, re.S)
        for by_name, by_variant in zip(names, numbers, strict=True):
            variants = dict(re.findall(r"Self::(\w+) => serializer.serialize_i32\((-?\d+)\)", by_variant))
            NUMBERS.append({name: int(variants[variant]) for name, variant in re.findall(r'"(\w+)" => Self::(\w+)', by_name)})


def enumeration(names):
    """The words, with numbers where they are not positions."""
    best = max(NUMBERS, key=lambda known: (sum(name in known for name in names), -len(known)), default={})
    text = []
    for at, name in enumerate(names):
        number = best.get(name, at)
        text.append(name if number == at else f"{name}={number}")
    return f"e({'|'.join(text)})"


INLINE = {}


def type_of(field, needed, path):
    if "$ref" in field:
        needed.append(field["$ref"])
        return "@" + field["$ref"]
    kind = field.get("type")
    if kind == "array":
        return f"[{type_of(field['items'], needed, path)}]"
    if kind == "object":
        if "additionalProperties" in field:
            return "{" + type_of(field["additionalProperties"], needed, path) + "}"
        if "properties" in field:
            INLINE[path] = field
            needed.append(path)
            return "@" + path
        return "x"
    if kind == "string":
        if "enum" in field:
            return enumeration(field["enum"])
        return "l" if field.get("format") in ("int64", "uint64") else "s"
    return {"boolean": "b", "integer": "i", "number": "n", "any": "x"}[kind]


def main(documents, crates, here):
    for api, wanted in APIS.items():
        document = json.loads((documents / f"{api}.json").read_text())
        read_numbers(crates, api)
        INLINE.clear()
        wanted = dict(line.split(": ") for line in wanted.replace("\nset", " set").splitlines())
        base = "/" + document["servicePath"].strip("/")
        base = "" if base == "/" else base
        methods, needed = [], []

        def walk(node, name):
            verbs = wanted.get(name, "").split()
            for verb, method in node.get("methods", {}).items():
                if verb not in verbs:
                    continue
                path = f"{base}/{(method.get('flatPath') or method['path']).lstrip('/')}"
                schema = method.get("request", {}).get("$ref", "-")
                answer = method.get("response", {}).get("$ref", "-")
                needed.extend(name for name in (schema, answer) if name != "-")
                queries = [key for key, parameter in method.get("parameters", {}).items() if parameter["location"] == "query"]
                line = ["method", method["id"], method["httpMethod"], path, schema, answer, ",".join(sorted(queries)) or "-"]
                methods.append(" ".join(line))
            for child, below in node.get("resources", {}).items():
                walk(below, f"{name}.{child}" if name else child)

        walk(document, "")
        schemas = {}
        while needed:
            name = needed.pop()
            if name in schemas:
                continue
            fields = (INLINE.get(name) or document["schemas"][name]).get("properties", {})
            rows = [f"{key}={'!' if output_only(name, key, field) else ''}{type_of(field, needed, f'{name}.{key}')}" for key, field in sorted(fields.items())]
            schemas[name] = " ".join(["schema", name, *rows])
        lines = sorted(methods) + [schemas[name] for name in sorted(schemas)]
        (here / f"{api}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(__file__).parent)
