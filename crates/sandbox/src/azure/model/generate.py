#!/usr/bin/env python3
"""Writes what the sandbox knows of Azure's requests from the official Python packages (azure-mgmt-* and azure-keyvault-*), whose
sources are read, not imported.

usage: generate.py SITE_PACKAGES [MORE...]     writes one .txt per API beside this file

Packages: azure-mgmt-network==33.1.0 azure-mgmt-containerservice==41.8.0 azure-mgmt-storage==25.3.0 azure-mgmt-resource==26.0.0
azure-mgmt-resource-subscriptions==1.0.0 azure-mgmt-resource-locks==1.0.0 azure-mgmt-postgresqlflexibleservers==3.0.0 azure-mgmt-msi==7.1.0 azure-mgmt-authorization==4.0.0
azure-mgmt-mysqlflexibleservers==1.0.0
azure-mgmt-keyvault==14.1.0 azure-mgmt-containerregistry==15.0.0 azure-mgmt-loganalytics==14.0.0 azure-mgmt-privatedns==2.0.0
azure-mgmt-dns==9.0.0 azure-mgmt-compute==39.0.0 azure-keyvault-secrets==4.12.0 azure-keyvault-keys==4.11.3
azure-keyvault-certificates==4.12.0, and in a folder of its own azure-mgmt-monitor==6.0.2 (7.0.0 has no diagnostic settings any more).

A line is either
  op OPERATION-ID VERB PATH BODY-OR-DASH ANSWER-OR-DASH QUERY-PARAMETERS-OR-DASH STATUSES TRAITS-OR-DASH API-VERSION
  schema NAME FIELD=[!][*]TYPE ...
where BODY begins with ? when it may be left out; ANSWER is a schema or [schema] of a listing; TRAITS are lro, async and location for
the headers that its first answer documents, final=WHERE its result is found, etag when it takes If-Match; ! marks what only the server
writes, * what must be there; TYPE is s text, b boolean, i integer, n number, x anything, e(A|B) one of these words, @NAME a schema,
[TYPE] a list, {TYPE} a map.
"""

import ast
import pathlib
import re
import sys

# Of each API: the folder of its package, and operations as GROUP: VERB ...
APIS = {
    "network": ("azure/mgmt/network", """VirtualNetworks: get create_or_update update_tags delete list list_all check_ip_address_availability list_usage
Subnets: get create_or_update delete list
VirtualNetworkPeerings: get create_or_update delete list
NetworkSecurityGroups: get create_or_update update_tags delete list list_all
SecurityRules: get create_or_update delete list
DefaultSecurityRules: get list
PublicIPAddresses: get create_or_update update_tags delete list list_all
NatGateways: get create_or_update update_tags delete list list_all
RouteTables: get create_or_update update_tags delete list list_all
Routes: get create_or_update delete list
LoadBalancers: get create_or_update update_tags delete list list_all
LoadBalancerBackendAddressPools: get create_or_update delete list
LoadBalancerFrontendIPConfigurations: get list
LoadBalancerLoadBalancingRules: get list
LoadBalancerOutboundRules: get list
LoadBalancerProbes: get list
InboundNatRules: get create_or_update delete list
ApplicationGateways: get create_or_update update_tags delete list list_all start stop backend_health
NetworkInterfaces: get create_or_update update_tags delete list list_all
PrivateEndpoints: get create_or_update delete list list_by_subscription
PrivateDnsZoneGroups: get create_or_update delete list
NetworkWatchers: get create_or_update update_tags delete list list_all
FlowLogs: get create_or_update update_tags delete list
Usages: list"""),
    "containerservice": ("azure/mgmt/containerservice", """ManagedClusters: get create_or_update update_tags delete list_by_resource_group list get_access_profile list_cluster_admin_credentials list_cluster_user_credentials list_cluster_monitoring_user_credentials rotate_cluster_certificates stop start get_upgrade_profile list_kubernetes_versions
AgentPools: get create_or_update delete list get_available_agent_pool_versions get_upgrade_profile upgrade_node_image_version
MaintenanceConfigurations: get create_or_update delete list_by_managed_cluster"""),
    "msi": ("azure/mgmt/msi/v2024_11_30", """UserAssignedIdentities: list_by_subscription list_by_resource_group create_or_update update get delete
FederatedIdentityCredentials: list create_or_update get delete"""),
    "authorization": ("azure/mgmt/authorization/v2022_04_01", """RoleAssignments: list_for_subscription list_for_resource_group list_for_scope get create delete
RoleDefinitions: delete get create_or_update list
Permissions: list_for_resource_group"""),
    "locks": ("azure/mgmt/resource/locks", """ManagementLocks: create_or_update_by_scope get_by_scope delete_by_scope list_by_scope list_at_resource_group_level list_at_subscription_level"""),
    "resources": ("azure/mgmt/resource/resources", """ResourceGroups: get check_existence create_or_update update delete list
Resources: list_by_resource_group list
Tags: get_at_scope create_or_update_at_scope update_at_scope delete_at_scope
Providers: unregister register list get"""),
    "subscriptions": ("azure/mgmt/resource/subscriptions", """Subscriptions: list_locations get list
Tenants: list"""),
    "storage": ("azure/mgmt/storage", """StorageAccounts: check_name_availability get_properties create update delete list_by_resource_group list list_keys regenerate_key
BlobServices: get_service_properties set_service_properties list
BlobContainers: get create update delete list
ManagementPolicies: get create_or_update delete
DeletedAccounts: get list
Usages: list_by_location"""),
    "postgresql": ("azure/mgmt/postgresqlflexibleservers", """Servers: get create_or_update update delete list_by_resource_group list_by_subscription restart start stop
Databases: get create delete list_by_server
Configurations: get put update list_by_server
FirewallRules: get create_or_update delete list_by_server
AdministratorsMicrosoftEntra: get create_or_update delete list_by_server
CapabilitiesByLocation: list
NameAvailability: check_globally check_with_location
QuotaUsages: list
BackupsAutomaticAndOnDemand: get list_by_server"""),
    "mysql": ("azure/mgmt/mysqlflexibleservers", """Servers: get create update delete list_by_resource_group list restart start stop
Databases: get create_or_update delete list_by_server
Configurations: get create_or_update update list_by_server
FirewallRules: get create_or_update delete list_by_server
LocationBasedCapabilitySet: get list
CheckNameAvailability: execute
CheckNameAvailabilityWithoutLocation: execute
Backups: get list_by_server"""),
    "keyvault": ("azure/mgmt/keyvault", """Vaults: get create_or_update update delete list_by_resource_group list_by_subscription update_access_policy get_deleted purge_deleted list_deleted check_name_availability
Secrets: get create_or_update update list
Keys: get create_if_not_exist list get_version list_versions"""),
    "vaultsecrets": ("azure/keyvault/secrets/_generated", """KeyVaultClient: set_secret get_secret update_secret delete_secret get_secrets get_secret_versions get_deleted_secrets get_deleted_secret purge_deleted_secret recover_deleted_secret"""),
    "vaultkeys": ("azure/keyvault/keys/_generated", """KeyVaultClient: create_key import_key get_key update_key delete_key get_keys get_key_versions get_deleted_keys get_deleted_key purge_deleted_key recover_deleted_key get_key_rotation_policy update_key_rotation_policy rotate_key"""),
    "vaultcertificates": ("azure/keyvault/certificates/_generated", """KeyVaultClient: create_certificate get_certificate_operation update_certificate_operation delete_certificate_operation merge_certificate set_certificate_issuer get_certificate_issuer update_certificate_issuer delete_certificate_issuer get_certificate_issuers update_certificate_policy import_certificate get_certificate update_certificate delete_certificate get_certificates get_certificate_versions get_certificate_policy get_deleted_certificates get_deleted_certificate purge_deleted_certificate recover_deleted_certificate"""),
    "containerregistry": ("azure/mgmt/containerregistry", """Registries: get create update delete list_by_resource_group list list_usages list_credentials regenerate_credential check_name_availability
Replications: get create update delete list"""),
    "loganalytics": ("azure/mgmt/loganalytics", """Workspaces: get create_or_update update delete list_by_resource_group list
SharedKeys: get_shared_keys regenerate
DeletedWorkspaces: list list_by_resource_group"""),
    "privatedns": ("azure/mgmt/privatedns", """PrivateZones: get create_or_update update delete list_by_resource_group list
VirtualNetworkLinks: get create_or_update update delete list
RecordSets: get create_or_update update delete list_by_type list"""),
    "dns": ("azure/mgmt/dns", """Zones: get create_or_update update delete list_by_resource_group list
RecordSets: get create_or_update update delete list_by_type list_by_dns_zone list_all_by_dns_zone"""),
    "compute": ("azure/mgmt/compute", """DiskEncryptionSets: get create_or_update update delete list_by_resource_group list
VirtualMachineScaleSets: get list list_all
ResourceSkus: list
Usage: list"""),
    "monitor": ("azure/mgmt/monitor/v2021_05_01_preview", """DiagnosticSettings: get create_or_update delete list
DiagnosticSettingsCategory: get list"""),
}

# Operations that are documented, and in no package: the permissions of the caller in a subscription
# (https://learn.microsoft.com/azure/azure-resource-manager/management/authorization-api).
EXTRA = {
    "authorization": "op Permissions_ListForSubscription GET /subscriptions/{subscriptionId}/providers/Microsoft.Authorization/permissions - [Permission] - 200 - 2022-04-01",
}
# What comes before a path of an API that is not Resource Manager's.
PREFIX = dict.fromkeys(("vaultcertificates", "vaultkeys", "vaultsecrets"), "/_vault/{vaultName}")
# Required in the models, but the service gives it.
LENIENT = {"location"}
# Models that are cut off: their services are not here, and they would bring everything with them.
CUT = {"VirtualMachineScaleSetVMProfile", "VirtualMachineScaleSetVM"}


def const(node):
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None


def name_of(node):
    return getattr(node, "id", getattr(node, "attr", ""))


def type_of(node, enums):
    """An annotation in the notation above, and whether it is optional."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return type_of(ast.parse(node.value, mode="eval").body, enums)
    if isinstance(node, ast.Name):
        return {"str": "s", "int": "i", "float": "n", "bool": "b", "bytes": "s"}.get(node.id, "x"), False
    if isinstance(node, ast.Attribute):
        base = name_of(node.value)
        if base in ("models", "_models", "_models1", "_models2"):
            return (enums[node.attr] if node.attr in enums else "@" + node.attr), False
        return ("s" if base in ("datetime", "decimal") else "x"), False
    if isinstance(node, ast.Subscript):
        head = name_of(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if head == "Optional":
            return type_of(inner[0], enums)[0], True
        if head.lower() in ("list", "sequence", "iterable", "itempaged", "iterator"):
            return f"[{type_of(inner[0], enums)[0]}]", False
        if head.lower() in ("dict", "mapping", "mutablemapping"):
            return "{" + type_of(inner[1], enums)[0] + "}", False
        if head == "LROPoller":
            return type_of(inner[0], enums)
        if head == "Literal":
            words = [value for value in map(const, inner) if isinstance(value, str)]
            if not words:
                # A word of an enumeration: any of it, since models of one base are written as one.
                members = [value for value in inner if isinstance(value, ast.Attribute)]
                owner = name_of(members[0].value) if members else ""
                return enums.get(owner, "s"), False
            return f"e({'|'.join(words)})", False
        if head == "Union":
            kinds = [type_of(one, enums)[0] for one in inner]
            for kind in kinds:
                if kind[0] in "@e[{":
                    return kind, False
            return kinds[0], False
    return "x", False


def msrest_type(text, enums):
    if text.startswith("["):
        return f"[{msrest_type(text[1:-1], enums)}]"
    if text.startswith("{"):
        return "{" + msrest_type(text[1:-1], enums) + "}"
    simple = {"str": "s", "int": "i", "long": "i", "float": "n", "bool": "b", "iso-8601": "s", "duration": "s", "bytearray": "s", "object": "x"}
    return simple.get(text) or enums.get(text) or "@" + text


def read_enums(folder):
    enums = {}
    for file in folder.glob("models/_*enums.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                words = [const(line.value) for line in node.body if isinstance(line, ast.Assign)]
                words = [word for word in words if isinstance(word, str)]
                if words and not any(re.search(r"[ |=()]", word) for word in words):
                    enums[node.name] = f"e({'|'.join(words)})"
                else:
                    enums[node.name] = "s"
    return enums


def read_models(folder, enums):
    """Fields of each model by name: (type, read-only, required); members that older packages flatten get a model of their own."""
    models, bases = {}, {}
    file = next(path for path in (folder / "models/_models.py", folder / "models/_models_py3.py") if path.exists())
    for node in ast.parse(file.read_text()).body:
        if not isinstance(node, ast.ClassDef):
            continue
        bases[node.name] = [name_of(base) for base in node.bases]
        fields = models.setdefault(node.name, {})
        attributes, rules, discriminators = None, {}, set()
        for line in node.body:
            value = getattr(line, "value", None)
            if isinstance(line, ast.AnnAssign) and isinstance(value, ast.Call) and name_of(value.func) in ("rest_field", "rest_discriminator"):
                words = {word.arg: const(word.value) for word in value.keywords}
                kind, optional = type_of(line.annotation, enums)
                if words.get("format") == "unix-timestamp":
                    kind = "i"
                read_only = words.get("visibility") == ["read"]
                name = words.get("name") or line.target.id
                # A discriminator of the base takes any word of its children.
                if name in fields and name_of(value.func) == "rest_discriminator":
                    continue
                fields[name] = (kind, read_only, not optional and not read_only)
            if isinstance(line, (ast.Assign, ast.AnnAssign)):
                target = name_of(line.targets[0] if isinstance(line, ast.Assign) else line.target)
                if target == "_attribute_map":
                    attributes = const(value)
                if target == "_validation":
                    rules = const(value) or {}
        for python, attribute in (attributes or {}).items():
            rule = rules.get(python, {})
            parts = attribute["key"].replace("\\\\.", "\0").replace("\\.", "\0").split(".")
            owner = node.name
            for part in parts[:-1]:
                inner = f"{owner}.{part}"
                before = models.setdefault(owner, {}).get(part.replace("\0", "."), (None, False, False))
                models[owner][part.replace("\0", ".")] = ("@" + inner, False, before[2] or bool(rule.get("required")))
                owner = inner
            kind = msrest_type(attribute["type"], enums)
            models.setdefault(owner, {})[parts[-1].replace("\0", ".")] = (kind, bool(rule.get("readonly")), bool(rule.get("required")))
    flat = {}

    def flatten(name):
        if name not in flat:
            flat[name] = {}
            for base in bases.get(name, []):
                if base in models:
                    flat[name].update(flatten(base))
            flat[name].update(models[name])
        return flat[name]

    for name in list(models):
        flatten(name)
    # Children of a base may stand where the base is named.
    for name, parents in bases.items():
        for parent in parents:
            if parent in models and any(kind == "s" or kind[0] == "e" for field, (kind, _, _) in models[parent].items() if field in ("objectType", "odata.type", "@odata.type", "type")):
                for field, (kind, read_only, _) in flat[name].items():
                    flat[parent].setdefault(field, (kind, read_only, False))
    return flat


def read_operations(folder, enums):
    """Operations by (group, verb)."""
    found = {}
    files = [*folder.glob("operations/_*operations.py"), *folder.glob("_operations/_operations.py")]
    for file in files:
        tree = ast.parse(file.read_text())
        builders = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("build_")}
        for group in tree.body:
            if not isinstance(group, ast.ClassDef):
                continue
            name = re.sub(r"^_+|Operations(Mixin)?$", "", group.name)
            methods = [method for method in group.body if isinstance(method, ast.FunctionDef)]
            # The last definition of a name is the one with the code: the ones before are overloads.
            by_name = {method.name: method for method in methods}
            for method in by_name.values():
                verb = method.name.removeprefix("begin_")
                start = by_name.get(f"_{verb}_initial") or method
                calls = [name_of(call.func) for call in ast.walk(start) if isinstance(call, ast.Call)]
                builder = next((builders[call] for call in calls if call in builders), None)
                if builder is None or method.name.startswith("_"):
                    continue
                found[name, verb] = operation(builder, method, start, methods, enums)
    return found


def operation(builder, method, start, methods, enums):
    path, verb, queries, etag, version = None, None, [], False, "-"
    for node in ast.walk(builder):
        if isinstance(node, ast.Assign) and name_of(node.targets[0]) == "_url":
            value = node.value
            if isinstance(const(value), str):
                path = const(value)
            elif isinstance(value, ast.Call) and len(value.args) > 1 and isinstance(const(value.args[1]), str):
                path = const(value.args[1])
        if isinstance(node, ast.Call):
            called = name_of(node.func)
            if called == "HttpRequest":
                verb = next(const(word.value) for word in node.keywords if word.arg == "method")
            if called in ("prep_if_match", "prep_if_none_match"):
                etag = True
            if called == "pop" and node.args and const(node.args[0]) == "api_version" and len(node.args) > 1:
                inner = node.args[1]
                if isinstance(inner, ast.Call) and len(inner.args) > 1:
                    version = const(inner.args[1]) or "-"
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            where, key = name_of(node.targets[0].value), const(node.targets[0].slice)
            if where == "_params" and key != "api-version":
                queries.append(key)
            if where == "_headers" and key and key.lower() in ("if-match", "if-none-match"):
                etag = True
    body = "-"
    for overload in [one for one in methods if one.name == method.name]:
        for argument in overload.args.args + overload.args.kwonlyargs:
            if argument.annotation is None or body != "-":
                continue
            source = ast.unparse(argument.annotation)
            if "_models" in source and re.search(r"\bIO\b", source):
                kind, _ = type_of(argument.annotation, enums)
                body = ("?" if "Optional" in source else "") + kind
    answer = "-" if method.returns is None else type_of(method.returns, enums)[0]
    if answer[0] == "[":
        answer = f"[{answer[1:-1]}]"
    elif answer[0] != "@":
        answer = "-"
    statuses, traits = [], []
    for node in ast.walk(start):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "status_code" and isinstance(node.ops[0], ast.NotIn):
            statuses = const(node.comparators[0])
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript) and name_of(node.targets[0].value) == "response_headers":
            header = const(node.targets[0].slice).lower()
            traits += {"azure-asyncoperation": ["async"], "location": ["location"]}.get(header, [])
    if method.name.startswith("begin_"):
        traits.insert(0, "lro")
        for node in ast.walk(method):
            if isinstance(node, ast.keyword) and node.arg == "lro_options":
                final = (const(node.value) or {}).get("final-state-via")
                traits += [f"final={final}"] if final else []
    if not statuses and answer[0] == "[":
        statuses = [200]
    if etag:
        traits.append("etag")
    return {
        "verb": verb, "path": path, "body": body, "answer": answer, "queries": queries, "version": version,
        "statuses": statuses or [200], "traits": list(dict.fromkeys(traits)),
    }


def pascal(verb):
    return "".join(word[:1].upper() + word[1:] for word in verb.split("_"))


def main(roots, here):
    for api, (folder, wanted) in APIS.items():
        folder = next(root / folder for root in roots if (root / folder).is_dir())
        enums = read_enums(folder)
        models = read_models(folder, enums)
        operations = read_operations(folder, enums)
        lines, needed = [], []

        def need(kind):
            needed.extend(re.findall(r"@([\w.\-]+)", kind))

        for line in wanted.splitlines():
            group, verbs = line.split(": ")
            for verb in verbs.split():
                one = operations[group, verb]
                path = PREFIX.get(api, "") + "/" + re.sub(r"\{(\w+)-name\}", r"{\1Name}", one["path"]).strip("/")
                need(one["body"])
                need(one["answer"])
                plain = lambda kind: kind.replace("@", "") if kind[0] in "?@[" else kind
                name = pascal(verb) if group == "KeyVaultClient" else f"{group}_{pascal(verb)}"
                lines.append(" ".join([
                    "op", name, one["verb"], path, plain(one["body"]), plain(one["answer"]), ",".join(one["queries"]) or "-",
                    ",".join(map(str, one["statuses"])), ",".join(one["traits"]) or "-", one["version"],
                ]))
        schemas = {}
        while needed:
            name = needed.pop()
            if name in schemas or name in CUT:
                continue
            row = [f"schema {name}"]
            for field, (kind, read_only, required) in sorted(models.get(name, {}).items()):
                if kind.strip("@[]") in CUT:
                    kind = "x"
                need(kind)
                required = required and field not in LENIENT
                row.append(f"{field.replace(' ', '_')}={'!' if read_only else ''}{'*' if required else ''}{kind}")
            schemas[name] = " ".join(row)
        lines += [EXTRA[api]] if api in EXTRA else []
        text = "\n".join([*lines, *(schemas[name] for name in sorted(schemas))]) + "\n"
        (here / f"{api}.txt").write_text(text)
        print(f"{api}: {len(lines)} operations, {len(schemas)} schemas, {len(text)} bytes")


if __name__ == "__main__":
    main([pathlib.Path(root) for root in sys.argv[1:]], pathlib.Path(__file__).parent)
