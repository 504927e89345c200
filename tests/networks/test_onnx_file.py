"""Networks from strangers: what is read, what is refused, and what is left of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_models
import pytest
from onnx import TensorProto, helper, numpy_helper

from featbench.errors import InputError
from featbench.networks.onnx_file import check_network, files_of, read_network


def parsed(network: bytes):
    return onnx.ModelProto.FromString(network)


def outside(name: str = "w") -> TensorProto:
    """A tensor whose numbers are said to lie in a file above."""
    tensor = numpy_helper.from_array(np.ones(4, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    return tensor


def branches(then: list, otherwise: list) -> onnx.NodeProto:
    graphs = [
        helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)])
        for name, nodes, out in (("then", then, "a"), ("else", otherwise, "b"))
    ]
    return helper.make_node("If", ["yes"], ["either"], then_branch=graphs[0], else_branch=graphs[1])


def constant(name: str, tensor: TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=tensor)


YES = constant("yes", numpy_helper.from_array(np.array(True), "yes"))


def test_a_network_is_cut_down_to_a_tensor(tmp_path):
    path = onnx_models.write(tmp_path)
    network, name = read_network(path, "features", "ONNX")
    assert name == "features"
    graph = parsed(network).graph
    assert [value.name for value in graph.output] == ["features"]
    assert [value.name for value in graph.input] == ["image"]
    assert [tensor.name for tensor in graph.initializer] == ["kernel", "bias"]
    assert [node.op_type for node in graph.node] == ["Conv", "Relu", "GlobalAveragePool", "Flatten"]
    inner, _ = read_network(path, "conv", "ONNX")
    assert [node.op_type for node in parsed(inner).graph.node] == ["Conv"]


def test_what_a_branch_uses_of_the_graph_around_it_stays(tmp_path):
    either = branches(
        [helper.make_node("Neg", ["features"], ["a"])], [helper.make_node("Abs", ["relu"], ["b"])]
    )
    made = onnx_models.model(extra=[YES, either])
    network, _ = read_network(onnx_models.write(tmp_path, made), "either", "ONNX")
    kept = [node.output[0] for node in parsed(network).graph.node]
    assert kept == ["conv", "relu", "average", "features", "yes", "either"]


def test_the_only_output_needs_no_name_and_several_do(tmp_path):
    made = onnx_models.model()
    with pytest.raises(
        InputError, match=r"output must be the name of a tensor; got none, and .* has 2 outputs"
    ):
        read_network(onnx_models.write(tmp_path, made), None, "ONNX")
    del made.graph.output[1]
    assert read_network(onnx_models.write(tmp_path, made), None, "ONNX")[1] == "features"


def test_a_wrong_name_is_told_the_right_ones(tmp_path):
    with pytest.raises(InputError) as caught:
        read_network(onnx_models.write(tmp_path), "featurs", "ONNX")
    told = str(caught.value)
    assert (
        "Did you mean 'features'? Outputs: features, logits. Inner tensors: conv, relu, spatial, average."
        in told
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "model must be an existing .onnx file"),
        (b"", "model must be a network; got .* which has no operators"),
        (b"\x80\x04 this is no protobuf \xff\xff", "model must be an ONNX file"),
        (b"PK\x03\x04" + bytes(100), "model must be an ONNX file"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path, content, complaint):
    path = tmp_path / "small.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        read_network(path, None, "ONNX")


def test_weights_may_lie_beside_the_model(tmp_path):
    whole = read_network(onnx_models.write(tmp_path), "features", "ONNX")[0]
    kernel = onnx_models.weights()["kernel"].tobytes()
    (tmp_path / "more").mkdir()
    for location in ("small.onnx.data", "more/weights.bin"):
        (tmp_path / location).write_bytes(b"before" + kernel + b"after")
        made = onnx_models.external(onnx_models.model(), location, offset=6, length=len(kernel))
        path = onnx_models.write(tmp_path, made, "split.onnx")
        split = parsed(read_network(path, "features", "ONNX")[0])
        assert split.graph.initializer[0].raw_data == kernel
        assert not split.graph.initializer[0].external_data
        assert split == parsed(whole)


def test_a_cache_of_links_lies_side_by_side_where_they_point(tmp_path):
    blobs, links = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    links.mkdir()
    (blobs / "123").write_bytes(onnx_models.weights()["kernel"].tobytes())
    onnx_models.write(blobs, onnx_models.external(onnx_models.model(), "small.onnx.data"), "456")
    (links / "small.onnx").symlink_to(blobs / "456")
    (links / "small.onnx.data").symlink_to(blobs / "123")
    assert read_network(links / "small.onnx", "features", "ONNX")


@pytest.mark.parametrize(
    "location",
    [
        "/etc/passwd", "../secret.bin", "more/../../secret.bin", "..\\secret.bin", "\\\\host\\share", "C:\\secret.bin",
        "C:secret.bin", "file:///etc/passwd", "", "..", "linked.bin", "folder/secret.bin", "small.onnx.data\0/../..",
    ],
)  # fmt: skip
def test_weights_from_elsewhere_are_refused(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(4 * 3 * 25 * 4))
    here = tmp_path / "here"
    (here / "more").mkdir(parents=True)
    (here / "linked.bin").symlink_to(tmp_path / "secret.bin")
    (here / "folder").symlink_to(tmp_path)
    path = onnx_models.write(here, onnx_models.external(onnx_models.model(), location))
    with pytest.raises(InputError, match="the weights 'kernel' must be in a file beside"):
        read_network(path, "features", "ONNX")
    with pytest.raises(InputError, match="the weights 'kernel' must be in a file beside"):
        files_of(path, "ONNX")


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"offset": 10**9}, "must be within w.bin, which has 1,200 bytes; got offset 1000000000"),
        ({"offset": -4}, "must be within w.bin"),
        ({"length": 1201}, "must be within w.bin"),
        ({"offset": "many"}, "must be within w.bin"),
        ({"length": 2**40}, "must be within w.bin"),
    ],
)
def test_weights_beyond_their_file_are_refused(tmp_path, told, complaint):
    (tmp_path / "w.bin").write_bytes(bytes(1200))
    path = onnx_models.write(tmp_path, onnx_models.external(onnx_models.model(), "w.bin", **told))
    with pytest.raises(InputError, match=complaint):
        read_network(path, "features", "ONNX")


@pytest.mark.parametrize("location", ["missing.bin", "folder"])
def test_weights_that_are_no_file_are_refused(tmp_path, location):
    (tmp_path / "folder").mkdir()
    path = onnx_models.write(tmp_path, onnx_models.external(onnx_models.model(), location))
    with pytest.raises(InputError, match="got none that is there"):
        read_network(path, "features", "ONNX")


def hidden(where: str) -> onnx.ModelProto:
    """A network with a tensor that lies outside, somewhere deep."""
    made = onnx_models.model()
    if where == "attribute":
        made.graph.node.append(constant("w", outside()))
    elif where == "branch":
        plain = [constant("b", numpy_helper.from_array(np.ones(4, np.float32)))]
        made.graph.node.extend([YES, branches([constant("a", outside())], plain)])
    elif where == "branch's weights":
        either = branches([helper.make_node("Neg", ["w"], ["a"])], [helper.make_node("Abs", ["relu"], ["b"])])
        either.attribute[0].g.initializer.append(outside())
        made.graph.node.extend([YES, either])
    elif where == "sparse":
        made.graph.sparse_initializer.add().values.CopyFrom(outside())
    elif where == "function":
        body = [constant("y", outside())]
        made.functions.append(
            helper.make_function("own", "F", [], ["y"], body, [helper.make_opsetid("", 17)])
        )
    elif where == "training":
        made.training_info.add().initialization.initializer.append(outside())
    return made


@pytest.mark.parametrize(
    "where", ["attribute", "branch", "branch's weights", "sparse", "function", "training"]
)
def test_weights_from_elsewhere_are_found_wherever_they_hide(tmp_path, where):
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    here = tmp_path / "here"
    here.mkdir()
    path = onnx_models.write(here, hidden(where))
    for _ in range(2):
        with pytest.raises(InputError, match="the weights '.*' must be in a file beside the model"):
            read_network(path, "features", "ONNX")
    with pytest.raises(InputError, match="got one that reads another file"):
        check_network(path.read_bytes(), "ONNX")


@pytest.mark.parametrize("where", ["graph", "branch", "function", "compiled"])
def test_operators_of_others_are_refused(tmp_path, where):
    foreign = helper.make_node("Run", ["relu"], ["a"], domain="somebody")
    made = onnx_models.model()
    if where == "graph":
        made.graph.node.append(foreign)
    elif where == "branch":
        made.graph.node.extend([YES, branches([foreign], [helper.make_node("Abs", ["relu"], ["b"])])])
    elif where == "function":
        opsets = [helper.make_opsetid("somebody", 1)]
        made.functions.append(helper.make_function("own", "F", ["relu"], ["a"], [foreign], opsets))
    else:
        made.graph.node.append(helper.make_node("EPContext", ["relu"], ["a"], domain="com.microsoft"))
    path = onnx_models.write(tmp_path, made)
    told = "com.microsoft.EPContext" if where == "compiled" else "somebody.Run"
    with pytest.raises(InputError, match=f"made of the operators that ONNX Runtime brings.*with {told}"):
        read_network(path, "features", "ONNX")
    with pytest.raises(InputError, match=f"with {told}"):
        check_network(made.SerializeToString(), "ONNX")


def test_functions_that_a_network_defines_are_its_own(tmp_path):
    body = [helper.make_node("Neg", ["x"], ["y"])]
    made = onnx_models.model(extra=[helper.make_node("Minus", ["features"], ["less"], domain="own")])
    made.functions.append(
        helper.make_function("own", "Minus", ["x"], ["y"], body, [helper.make_opsetid("", 17)])
    )
    made.opset_import.append(helper.make_opsetid("own", 1))
    network, _ = read_network(onnx_models.write(tmp_path, made), "less", "ONNX")
    check_network(network, "ONNX")


def test_a_hash_is_of_all_files(tmp_path):
    data = tmp_path / "w.bin"
    data.write_bytes(bytes(1200))
    path: Path = onnx_models.write(tmp_path, onnx_models.external(onnx_models.model(), "w.bin"))
    first = files_of(path, "ONNX")
    assert files_of(path, "ONNX") == first
    data.write_bytes(bytes(1199) + b"1")
    second = files_of(path, "ONNX")
    path.write_bytes(
        onnx_models.external(
            onnx_models.model(last=True, shape=("n", "h", "w", 3)), "w.bin"
        ).SerializeToString()
    )
    assert len({first, second, files_of(path, "ONNX")}) == 3
