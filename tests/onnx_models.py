"""Small networks as ONNX files, for the tests of what reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SIDE = 5  # of the kernels


def weights(channels: int = 3) -> dict[str, np.ndarray]:
    """Weights of a convolution and of a classifier, the same in every run."""
    rng = np.random.default_rng(3)
    shapes = {"kernel": (4, channels, SIDE, SIDE), "bias": (4,), "head": (4, 7)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def model(
    shape: tuple[Any, ...] = ("n", 3, "h", "w"), *, kind: str = "FLOAT", last: bool = False, extra: Any = ()
) -> Any:
    """Return a network: convolution ``conv``, ReLU ``spatial``, global average ``features``, classifier ``logits``.

    Parameters
    ----------
    shape : tuple
        Of the input ``image``.
    kind : str
        What ONNX calls the input's type.
    last : bool
        Whether channels are the last axis of the input and of ``spatial``.
    extra : sequence of nodes
        Joined to the operators.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    told = weights(shape[3] if last else shape[1])
    given = "image"
    nodes = []
    if kind != "FLOAT":
        nodes.append(helper.make_node("Cast", [given], ["whole"], to=TensorProto.FLOAT))
        given = "whole"
    if last:
        nodes.append(helper.make_node("Transpose", [given], ["turned"], perm=[0, 3, 1, 2]))
        given = "turned"
    nodes += [
        helper.make_node("Conv", [given, "kernel", "bias"], ["conv"]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("Transpose", ["relu"], ["spatial"], perm=[0, 2, 3, 1])
        if last
        else helper.make_node("Identity", ["relu"], ["spatial"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["average"]),
        helper.make_node("Flatten", ["average"], ["features"]),
        helper.make_node("MatMul", ["features", "head"], ["logits"]),
        *extra,
    ]
    n = shape[0]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", getattr(TensorProto, kind), list(shape))],
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, [n, 4]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [n, 7]),
        ],
        [numpy_helper.from_array(values, name) for name, values in told.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert isinstance(made, onnx.ModelProto)
    return made


def write(folder: Path, made: Any = None, name: str = "small.onnx") -> Path:
    """Write a network into a folder and return its path."""
    path = folder / name
    path.write_bytes((model() if made is None else made).SerializeToString())
    return path


def external(made: Any, location: str, **told: Any) -> Any:
    """Say of a network's kernel that its numbers lie in a file."""
    import onnx

    kernel = next(tensor for tensor in made.graph.initializer if tensor.name == "kernel")
    kernel.ClearField("raw_data")
    kernel.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **told}.items():
        kernel.external_data.add(key=key, value=str(value))
    return made


def expected(X: np.ndarray, tensor: str = "features") -> np.ndarray:
    """What the network makes of inputs ``(n, c, h, w)``, in float64 by plain sums."""
    told = weights(X.shape[1])
    windows = np.lib.stride_tricks.sliding_window_view(X.astype(np.float64), (SIDE, SIDE), axis=(2, 3))
    conv = np.einsum("nchwij,kcij->nkhw", windows, told["kernel"].astype(np.float64))
    conv += told["bias"][:, None, None]
    spatial = np.maximum(conv, 0)
    features = spatial.mean(axis=(2, 3))
    return {"conv": conv, "spatial": spatial, "features": features, "logits": features @ told["head"]}[tensor]
