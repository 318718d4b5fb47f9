"""What the official Python packages of Azure (azure-mgmt-*, azure-keyvault-*) say of their APIs: operations and models. Their sources
are read, not imported: there are two generations of them, and importing takes longer.

A type is a tuple: `("text", words)`, where words are the values of an enumeration or None; `("number",)`, `("integer",)`,
`("boolean",)`, `("any",)`; `("list", type)`, `("map", type)`, `("model", name)`.
"""

import ast
import dataclasses
import pathlib
import re
import sysconfig

SITE = pathlib.Path(sysconfig.get_paths()["purelib"]) / "azure"
# Folders of packages by what is in a path: the provider's namespace, or where the sandbox has vaults' own data.
FOLDERS = {
    "microsoft.authorization": ["mgmt/authorization/v2022_04_01", "mgmt/resource/locks"],
    "microsoft.compute": ["mgmt/compute"],
    "microsoft.containerregistry": ["mgmt/containerregistry"],
    "microsoft.containerservice": ["mgmt/containerservice"],
    "microsoft.dbformysql": ["mgmt/mysqlflexibleservers"],
    "microsoft.dbforpostgresql": ["mgmt/postgresqlflexibleservers"],
    "microsoft.insights": ["mgmt/monitor/v2021_05_01_preview"],
    "microsoft.keyvault": ["mgmt/keyvault"],
    "microsoft.managedidentity": ["mgmt/msi/v2024_11_30"],
    "microsoft.network": ["mgmt/network", "mgmt/dns", "mgmt/privatedns"],
    "microsoft.operationalinsights": ["mgmt/loganalytics"],
    "microsoft.storage": ["mgmt/storage"],
    "": ["mgmt/resource/resources", "mgmt/resource/subscriptions"],
    "_vault/secrets": ["keyvault/secrets/_generated"],
    "_vault/keys": ["keyvault/keys/_generated"],
    "_vault/certificates": ["keyvault/certificates/_generated"],
}
# Variables that stand for several parts of a path.
LONG = {"scope", "resourceId", "resourceUri", "roleId", "roleAssignmentId", "roleDefinitionId"}
# Variables that may be left out with their slash.
OPTIONAL = {"secret-version", "key-version", "certificate-version"}
MSREST = {
    "str": ("text", None),
    "int": ("integer",),
    "long": ("integer",),
    "float": ("number",),
    "bool": ("boolean",),
    "iso-8601": ("text", None),
    "duration": ("text", None),
    "bytearray": ("text", None),
    "object": ("any",),
}
PLAIN = {"str": ("text", None), "int": ("integer",), "float": ("number",), "bool": ("boolean",), "bytes": ("text", None)}


@dataclasses.dataclass
class Field:
    type: tuple
    output: bool = False
    required: bool = False


@dataclasses.dataclass
class Operation:
    name: str
    method: str
    path: str
    version: str
    queries: dict
    limits: dict
    package: "Package" = None
    body: tuple = None
    body_optional: bool = True
    answer: tuple = None
    listed: bool = False
    pattern: re.Pattern = None
    names: list = dataclasses.field(default_factory=list)


def constant(node):
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None


def name_of(node):
    return getattr(node, "id", getattr(node, "attr", ""))


def called(node):
    return name_of(node.func) if isinstance(node, ast.Call) else ""


class Package:
    """One API."""

    def __init__(self, folder):
        self.name = re.sub(r"^(mgmt/(resource/)?|keyvault/)|/v\d.*|/_generated", "", folder)
        self.folder = SITE / folder
        self.enums = self._enums()
        self.bases, self.children, self.models, self._fields = {}, {}, {}, {}
        # Models whose children may stand in their place, told apart by a field.
        self.told_apart = set()
        self._models()
        self.operations = list(self._operations())

    def _parsed(self, *patterns):
        for pattern in patterns:
            for file in sorted(self.folder.glob(pattern)):
                yield ast.parse(file.read_text(encoding="utf-8"))

    def _enums(self):
        enums = {}
        for tree in self._parsed("models/_*enums.py"):
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    words = [constant(line.value) for line in node.body if isinstance(line, ast.Assign)]
                    enums[node.name] = [word for word in words if isinstance(word, str)]
        return enums

    def _models(self):
        for tree in self._parsed("models/_models.py", "models/_models_py3.py"):
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    self.bases[node.name] = [name_of(base) for base in node.bases]
                    for base in self.bases[node.name]:
                        self.children.setdefault(base, []).append(node.name)
                    self._model(node)

    def _model(self, node):
        fields = self.models.setdefault(node.name, {})
        attributes, rules = {}, {}
        for line in node.body:
            value = getattr(line, "value", None)
            if isinstance(line, ast.AnnAssign) and called(value) in ("rest_field", "rest_discriminator"):
                words = {word.arg: constant(word.value) for word in value.keywords}
                if called(value) == "rest_discriminator":
                    self.told_apart.add(node.name)
                kind, optional = self.type_of(line.annotation)
                if words.get("format") == "unix-timestamp":
                    kind = ("integer",)
                output = words.get("visibility") == ["read"]
                fields[words.get("name") or line.target.id] = Field(kind, output, not (optional or output))
            elif isinstance(line, (ast.Assign, ast.AnnAssign)):
                target = name_of(line.targets[0] if isinstance(line, ast.Assign) else line.target)
                if target == "_attribute_map":
                    attributes = constant(value) or {}
                elif target == "_validation":
                    rules = constant(value) or {}
                elif target == "_subtype_map":
                    self.told_apart.add(node.name)
        for python, attribute in attributes.items():
            rule = rules.get(python, {})
            *outer, last = [part.replace("\0", ".") for part in attribute["key"].replace("\\.", "\0").split(".")]
            owner = node.name
            for part in outer:
                inner = f"{owner}.{part}"
                field = self.models.setdefault(owner, {}).setdefault(part, Field(("model", inner)))
                field.required |= bool(rule.get("required"))
                owner = inner
            kind = self._msrest(attribute["type"])
            field = Field(kind, bool(rule.get("readonly")), bool(rule.get("required")))
            self.models.setdefault(owner, {})[last] = field

    def _msrest(self, text):
        if text[0] in "[{":
            return ("list" if text[0] == "[" else "map", self._msrest(text[1:-1]))
        return MSREST.get(text) or (("text", self.enums[text]) if text in self.enums else ("model", text))

    def type_of(self, node):
        """An annotation, and whether it is optional."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.type_of(ast.parse(node.value, mode="eval").body)
        if isinstance(node, ast.Name):
            return PLAIN.get(node.id, ("any",)), False
        if isinstance(node, ast.Attribute):
            if "models" in name_of(node.value):
                enum = self.enums.get(node.attr)
                return (("text", enum) if enum is not None else ("model", node.attr)), False
            return (("text", None) if name_of(node.value) in ("datetime", "decimal") else ("any",)), False
        if not isinstance(node, ast.Subscript):
            return ("any",), False
        head = name_of(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if head == "Optional":
            return self.type_of(inner[0])[0], True
        if head.lower() in ("list", "sequence", "iterable", "itempaged"):
            return ("list", self.type_of(inner[0])[0]), False
        if head.lower() in ("dict", "mapping", "mutablemapping"):
            return ("map", self.type_of(inner[1])[0]), False
        if head == "LROPoller":
            return self.type_of(inner[0])
        if head == "Literal":
            # A word that tells models of one base apart: any of its enumeration, since they are looked at as one.
            owners = [name_of(word.value) for word in inner if isinstance(word, ast.Attribute)]
            words = [constant(word) for word in inner]
            return ("text", self.enums.get(owners[0]) if owners else words), False
        if head == "Union":
            kinds = [self.type_of(one)[0] for one in inner]
            special = [kind for kind in kinds if kind[0] in ("model", "list", "map") or kind[0] == "text" and kind[1]]
            return (special or kinds)[0], False
        return ("any",), False

    def fields(self, name):
        """The fields of a model, with those of its bases and of the models that may stand in its place."""
        if name not in self._fields:
            own = {}
            for base in self.bases.get(name, []):
                own.update(self.fields(base))
            own.update(self.models.get(name, {}))
            self._fields[name] = own
            for child in self.children.get(name, []) if name in self.told_apart else []:
                for field, known in self.fields(child).items():
                    own.setdefault(field, Field(known.type, known.output, False))
        return self._fields[name]

    def _operations(self):
        for tree in self._parsed("operations/_*operations.py", "_operations/_operations.py"):
            named = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
            builders = {node.name: node for node in named if node.name.startswith("build_")}
            for group in tree.body:
                if isinstance(group, ast.ClassDef):
                    yield from self._group(group, builders)

    def _group(self, group, builders):
        methods = [node for node in group.body if isinstance(node, ast.FunctionDef)]
        # The last of a name has the code; those before are overloads.
        last = {method.name: method for method in methods}
        for method in last.values():
            if method.name.startswith("_"):
                continue
            verb = method.name.removeprefix("begin_")
            start = last.get(f"_{verb}_initial", method)
            builder = next((builders[name] for name in map(called, ast.walk(start)) if name in builders), None)
            operation = builder and built(builder)
            if not operation or "{parentResourcePath}" in operation.path or operation.path == "/{resourceId}":
                continue
            group_name = re.sub(r"^_+|Operations(Mixin)?$", "", group.name)
            operation.name = f"{self.name}.{group_name}.{verb}"
            operation.package = self
            for overload in methods:
                if overload.name == method.name:
                    self._body(overload, operation)
            if method.returns is not None:
                kind, _ = self.type_of(method.returns)
                operation.listed = bool(re.search(r"Paged|Iterable", ast.unparse(method.returns)))
                operation.answer = kind if kind != ("any",) else None
            yield operation

    def _body(self, overload, operation):
        for argument in overload.args.args + overload.args.kwonlyargs:
            source = ast.unparse(argument.annotation) if argument.annotation is not None else ""
            if operation.body is None and "_models" in source and re.search(r"\bIO\b", source):
                operation.body, _ = self.type_of(argument.annotation)
                operation.body_optional = "Optional" in source


def built(builder):
    """The operation that a function of a package builds the request of; without what its method says."""
    operation = Operation("", "", "", "", {}, {})
    for node in ast.walk(builder):
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            if name_of(target) == "_url":
                value = node.value
                path = constant(value) or (isinstance(value, ast.Call) and len(value.args) > 1 and constant(value.args[1]))
                operation.path = path or operation.path
            elif isinstance(target, ast.Subscript) and name_of(target.value) == "_params":
                operation.queries[constant(target.slice)] = node in builder.body
        elif called(node) == "HttpRequest":
            operation.method = next(constant(word.value) for word in node.keywords if word.arg == "method")
        elif called(node) == "pop" and node.args and constant(node.args[0]) == "api_version" and len(node.args) > 1:
            inner = node.args[1]
            operation.version = constant(inner.args[1]) if isinstance(inner, ast.Call) and len(inner.args) > 1 else constant(inner)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                if called(value) == "url":
                    operation.limits[constant(key)] = {word.arg: constant(word.value) for word in value.keywords}
    operation.path = "/" + operation.path.strip("/")
    pattern = ""
    for part in re.split(r"(/?\{[^}]+\})", operation.path):
        name = part.strip("/{}")
        if "{" not in part:
            pattern += re.escape(part)
            continue
        operation.names.append(name)
        slash, one = ("/" if part[0] == "/" else ""), "(.+)" if name in LONG else "([^/]+)"
        pattern += f"(?:{slash}([^/]*))?" if name in OPTIONAL else slash + one
    operation.pattern = re.compile(pattern + "/?", re.IGNORECASE)
    return operation if operation.method else None


_packages = {}


def packages_of(path):
    """The packages whose operations a path can be one of, and the path as they write it."""
    vault = re.fullmatch(r"/_vault/[^/]+(/(?:deleted)?(secrets|keys|certificates)(?:/.*)?)", path)
    if vault:
        key, path = f"_vault/{vault.group(2)}", vault.group(1)
    else:
        spaces = re.findall(r"/providers/([^/]+)(?=/[^/]+)", path)
        key = spaces[-1].lower() if spaces else ""
        if key not in FOLDERS or re.search(r"/providers/[^/]+/(un)?register$", path):
            key = ""
    if key not in _packages:
        _packages[key] = [Package(folder) for folder in FOLDERS[key]]
    return _packages[key], path
