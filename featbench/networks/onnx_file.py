"""ONNX files that may come from anywhere: checked, and cut down to one tensor, before anything runs them.

A network may name files in which its weights lie, and operators that some library brings. ONNX Runtime opens such files
itself. Here all weights are read beforehand, from beside the model alone, and become part of the network; operators
that ONNX Runtime does not bring are refused. What runs in the end is a block of bytes without a path in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from featbench.errors import InputError, MissingExtraError, Shown, must_be, nearest

__all__ = ["check_network", "files_of", "read_network"]

# Operators of these sets are part of ONNX Runtime. "com.microsoft" has most of its own, and one that is no operator:
# EPContext names a file with compiled code.
_OWN_SETS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
_COMPILED = "EPContext"

_MOST_BYTES = 2**31 - 1  # of a protobuf message, which a network is
_HOSTILE = "Do not use a file of this kind from somebody whom you do not trust."


def read_network(path: Path, output: str | None, where: str) -> tuple[bytes, str]:
    """Read a network, check it and cut it down to what one tensor is made of.

    Parameters
    ----------
    path : Path
        The ``.onnx`` file.
    output : str or None
        An output or an inner tensor by name; None for the only output.
    where : str
        Who asks; begins the message.

    Returns
    -------
    network : bytes
        With all its weights inside, and with the tensor as its only output.
    output : str
        The name of that tensor.

    Raises
    ------
    MissingExtraError
        onnx is not installed.
    InputError
        No file is there, or it is no network; a network that reads files from elsewhere, or needs operators that ONNX
        Runtime does not bring; there is no tensor of that name.
    """
    model = _parsed(_content(path, where), str(path), where)
    _check_operators(model, str(path), where)
    room = _MOST_BYTES - model.ByteSize()
    for tensor in _within(model, "TensorProto"):
        room -= _embed(tensor, path, room, where)
    name = _tensor_name(model.graph, output, str(path), where)
    _cut(model, name)
    return model.SerializeToString(), name


def check_network(network: bytes, where: str) -> None:
    """Refuse a network from a saved extractor that would read files or needs operators of somebody's own.

    Raises
    ------
    MissingExtraError
        onnx is not installed.
    InputError
        It would, or it is none.
    """
    model = _parsed(network, "the saved network", where)
    _check_operators(model, "the saved network", where)
    for tensor in _within(model, "TensorProto"):
        if tensor.external_data or tensor.data_location:
            constraint = "whole, as `save` writes it"
            got = Shown("one that reads another file")
            raise InputError(must_be(where, "the saved network", constraint, got, _HOSTILE))


def files_of(path: Path, where: str) -> str:
    """Return a hash of a network's file and of those with its weights.

    Raises
    ------
    MissingExtraError, InputError
        As `read_network`.
    """
    content = _content(path, where)
    digest = hashlib.sha256(content)
    tensors = _within(_parsed(content, str(path), where), "TensorProto")
    for other in sorted({_beside(tensor, path, where) for tensor in tensors if tensor.data_location}):
        with other.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _content(path: Path, where: str) -> bytes:
    if not path.is_file():
        remedy = (
            "Correct the path; a relative one starts at the working folder, or beside the experiment file."
        )
        raise InputError(must_be(where, "model", "an existing .onnx file", str(path), remedy))
    if path.stat().st_size > _MOST_BYTES:
        remedy = "Save its weights in a file beside it (onnx.save with save_as_external_data=True)."
        raise InputError(must_be(where, "model", "a file of less than 2 GiB", Shown("a larger one"), remedy))
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(must_be(where, "model", "a file that can be read", Shown(error))) from error


def _parsed(content: bytes, name: str, where: str) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError(where, "onnx", "onnx") from error
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise InputError(
            must_be(where, "model", "an ONNX file", Shown(f"{name}, which is none ({error})"))
        ) from error
    if not model.graph.node:
        raise InputError(
            must_be(where, "model", "a network", Shown(f"{name}, which has no operators"), "Export it again.")
        )
    return model


def _within(message: Any, kind: str) -> Iterator[Any]:
    """Yield every message of a kind in another, however deep: in graphs of loops, in attributes, in functions."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            if part.DESCRIPTOR.name == kind:
                yield part
            yield from _within(part, kind)


def _check_operators(model: Any, name: str, where: str) -> None:
    defined = {(function.domain, function.name) for function in model.functions}
    foreign = {
        f"{node.domain}.{node.op_type}"
        for node in _within(model, "NodeProto")
        if (node.domain not in _OWN_SETS or node.op_type == _COMPILED)
        and (node.domain, node.op_type) not in defined
    }
    if foreign:
        constraint = (
            "made of the operators that ONNX Runtime brings, since others are somebody's compiled code"
        )
        got = Shown(f"{name} with {', '.join(sorted(foreign))}")
        raise InputError(must_be(where, "model", constraint, got, "Export it without them."))


def _beside(tensor: Any, path: Path, where: str) -> Path:
    """Return the file in which a tensor's numbers lie, or say why it may not be read."""
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    parts = re.split(r"[/\\]", location)
    if not location or parts[0] == "" or ":" in parts[0] or ".." in parts or "\0" in location:
        constraint = "in a file beside the model, by a relative path without '..'"
        raise InputError(must_be(where, f"the weights {tensor.name!r}", constraint, location, _HOSTILE))
    # Both where the model is linked to and where it is: caches of downloads link to files that lie side by side.
    folders = [path.parent.resolve(), path.resolve().parent]
    file = (path.parent / location).resolve()
    if not any(file.is_relative_to(folder) for folder in folders):
        constraint = f"in a file beside {path}, and {location} is a link to elsewhere"
        raise InputError(must_be(where, f"the weights {tensor.name!r}", constraint, str(file), _HOSTILE))
    if not file.is_file():
        got = Shown("none that is there")
        raise InputError(
            must_be(where, f"the weights {tensor.name!r}", f"in the file {location} beside {path}", got)
        )
    return file


def _embed(tensor: Any, path: Path, room: int, where: str) -> int:
    """Read a tensor's numbers into it where they lie in a file; return how many bytes they are."""
    if not tensor.data_location:
        tensor.ClearField("external_data")
        return 0
    file = _beside(tensor, path, where)
    told = {entry.key: entry.value for entry in tensor.external_data}
    n_bytes = file.stat().st_size
    try:
        offset = int(told.get("offset") or 0)
        length = int(told.get("length") or n_bytes - offset)
    except ValueError:
        offset = length = -1
    if offset < 0 or length < 0 or offset + length > n_bytes:
        constraint = f"within {file.name}, which has {n_bytes:,} bytes"
        got = Shown(f"offset {told.get('offset')}, length {told.get('length')}")
        raise InputError(must_be(where, f"the weights {tensor.name!r}", constraint, got))
    if length > room:
        got = Shown(f"{length:,} bytes more than that")
        raise InputError(must_be(where, "the network with its weights", "less than 2 GiB", got))
    with file.open("rb") as opened:
        opened.seek(offset)
        tensor.raw_data = opened.read(length)
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")
    return length


def _tensor_name(graph: Any, output: str | None, name: str, where: str) -> str:
    outputs: list[str] = [value.name for value in graph.output]
    inner = [told for node in graph.node for told in node.output if told and told not in outputs]
    listing = f"Outputs: {', '.join(outputs)}. Inner tensors: {', '.join(inner) or 'none'}."
    if output is None:
        if len(outputs) == 1:
            return outputs[0]
        got = Shown(f"none, and {name} has {len(outputs)} outputs")
        raise InputError(must_be(where, "output", "the name of a tensor", got, listing))
    if output not in outputs and output not in inner:
        suggestion = nearest(output, [*outputs, *inner])
        hint = f"Did you mean {suggestion!r}? " if suggestion else ""
        raise InputError(must_be(where, "output", f"a tensor of {name}", output, hint + listing))
    return output


def _cut(model: Any, name: str) -> None:
    """Leave of a network what a tensor is made of, and the tensor as its output."""
    graph = model.graph
    wanted, kept = {name}, []
    for node in reversed(graph.node):  # which stand in an order in which they can be computed
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
            for part in _within(node, "GraphProto"):  # which may use any tensor of the graph around it
                wanted.update(told for inner in part.node for told in inner.input)
                wanted.update(value.name for value in part.output)
            wanted.discard("")  # stands for an input or output that is left out
    rest = type(graph)(name=graph.name)
    rest.node.extend(reversed(kept))
    rest.initializer.extend(tensor for tensor in graph.initializer if tensor.name in wanted)
    rest.sparse_initializer.extend(t for t in graph.sparse_initializer if t.values.name in wanted)
    rest.input.extend(value for value in graph.input if value.name in wanted)
    known = [value for value in graph.output if value.name == name]
    rest.output.extend(known or [type(graph.input[0])(name=name)])  # its shape follows from the operators
    graph.CopyFrom(rest)
    model.ClearField("training_info")
    model.ClearField("metadata_props")
