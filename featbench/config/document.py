"""Reading YAML that may come from anywhere: plain data, with the line of every key.

Nothing is constructed but mappings, lists, text, numbers, truth values and null; size, depth and the
number of values after aliases are expanded are bounded; a key given twice is refused. Numbers are
those of YAML 1.2, so ``1e-3`` is a number and ``yes`` is text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from featbench.errors import ConfigError, Shown, must_be

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "Document", "KeyPath", "parse", "parse_value"]

KeyPath: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 256_000
MAX_DEPTH = 20
MAX_VALUES = 20_000

_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """Plain data and where it was written.

    Attributes
    ----------
    name : str
        The file's name, for messages.
    data : dict
        Mappings, lists and scalars only.
    lines : dict of KeyPath to int
        The line, from 1, of each key and list item.
    overrides : dict of KeyPath to str
        The ``--set`` that each path was set by, where one was.
    """

    name: str
    data: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    overrides: dict[KeyPath, str] = field(default_factory=dict)

    def holds(self, path: KeyPath) -> bool:
        """Tell whether the data has something at a path."""
        node: Any = self.data
        for key in path:
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                return False
        return True

    def where(self, path: KeyPath) -> str:
        """Return ``file:line: a.b.c`` for a path, by the nearest line that is known."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.overrides:
                return f"--set {self.overrides[path[:length]]}"
            if path[:length] in self.lines:
                place = f"{self.name}:{self.lines[path[:length]]}"
                break
        else:
            place = self.name
        return f"{place}: {dotted(path)}" if path else place


def dotted(path: KeyPath) -> str:
    """Return ``a.b[0].c`` for a path."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def parse(text: str, name: str) -> Document:
    """Parse a YAML document whose root is a mapping.

    Parameters
    ----------
    text : str
        The document.
    name : str
        Its name, for messages.

    Returns
    -------
    Document

    Raises
    ------
    ConfigError
        Not YAML, too large, too deep, a key twice, a tag that would construct an object.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ConfigError(must_be(name, "the file", f"at most {MAX_BYTES:,} bytes", Shown(f"{len(text):,}")))
    reader = _Reader(name)
    try:
        root = reader.yaml.compose(text)
        data = {} if root is None else reader.plain(root, (), 0)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{name}{line}: is not YAML: {error.problem or error.context}.") from error
    except (YAMLError, ValueError, RecursionError) as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise ConfigError(f"{name}: is not YAML that can be read: {problem}.") from error
    if not isinstance(data, dict):
        raise ConfigError(must_be(name, "the file", "a mapping of keys such as 'dataset: photos'", data))
    return Document(name, data, reader.lines)


def parse_value(text: str, where: str) -> Any:
    """Parse the value of a ``--set``, which is YAML itself (``[1, 3]``, ``1e-3``, ``{name: hog}``)."""
    # `{` and `[` open flow collections; a scalar stands alone. All three parse as the value of a key.
    try:
        return parse(f"value: {text}", "").data["value"]
    except ConfigError as error:
        problem = str(error).lstrip(":1 ")
        raise ConfigError(
            f"{where}: {problem} Close what is open, and quote the whole for the shell."
        ) from error


class _Reader:
    """Turns YAML nodes into plain data, counting as it goes."""

    def __init__(self, name: str) -> None:
        self.yaml = YAML(typ="safe", pure=True)
        self.name = name
        self.lines: dict[KeyPath, int] = {}
        self.values = 0

    def plain(self, node: Node, path: KeyPath, depth: int) -> Any:
        self.values += 1
        if depth > MAX_DEPTH or self.values > MAX_VALUES:
            limit = f"at most {MAX_DEPTH} levels deep and {MAX_VALUES:,} values long, aliases expanded"
            raise ConfigError(must_be(self._at(node), "the document", limit, Shown("more")))
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            items = []
            for index, child in enumerate(node.value):
                self.lines[(*path, index)] = child.start_mark.line + 1
                items.append(self.plain(child, (*path, index), depth + 1))
            return items
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: KeyPath, depth: int) -> dict[str, Any]:
        if node.tag != _TAG + "map":
            raise self._foreign(node)
        result: dict[str, Any] = {}
        for key_node, child in node.value:
            key = self._scalar(key_node) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                got = Shown(getattr(key_node, "value", "a collection"))
                raise ConfigError(must_be(self._at(key_node), "a key", "plain text", got))
            if key in result:
                first = self.lines[(*path, key)]
                raise ConfigError(
                    f"{self._at(key_node)}: the key {key!r} stands here a second time, first in line {first}. "
                    "Remove one of the two."
                )
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            result[key] = self.plain(child, (*path, key), depth + 1)
        return result

    def _scalar(self, node: Node) -> Any:
        constructor = self.yaml.constructor
        if isinstance(node, ScalarNode):
            if node.tag == _TAG + "str":
                return str(node.value)
            if node.tag == _TAG + "int":
                return int(constructor.construct_yaml_int(node))
            if node.tag == _TAG + "float":
                return float(constructor.construct_yaml_float(node))
            if node.tag == _TAG + "bool":
                return bool(constructor.construct_yaml_bool(node))
            if node.tag == _TAG + "null":
                return None
            if node.tag == _TAG + "timestamp":  # a date is nothing that an experiment knows
                return str(node.value)
        raise self._foreign(node)

    def _foreign(self, node: Node) -> ConfigError:
        return ConfigError(
            f"{self._at(node)}: the tag {node.tag!r} is not allowed; an experiment holds only mappings, lists, "
            "text, numbers, truth values and null. Remove the tag."
        )

    def _at(self, node: Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}"
