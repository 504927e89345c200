"""A network's rows are those of plain sums, whatever the order of axes, the type and the batch of its input."""

from __future__ import annotations

import numpy as np
import onnx_models
import pytest

from featbench.errors import InputError
from featbench.networks.onnx_file import read_network
from featbench.networks.onnx_session import OnnxSession, onnxruntime_for

SETTINGS = {"size": None, "channels": "rgb", "mean": [0.0], "std": [1.0], "scale": 1.0}

# Float32 sums of 75 products of numbers up to 255, against float64.
ROUNDING = 1e-5
# Half precision has 11 bits; sums of 75 products lose a few.
HALF = 5e-3


def session(tmp_path, made=None, output="features", **settings) -> OnnxSession:
    network, _ = read_network(onnx_models.write(tmp_path, made), output, "ONNX")
    return OnnxSession(network, {**SETTINGS, **settings}, "cpu", "ONNX")


def near(found, expected, tolerance=ROUNDING):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    assert found.dtype == np.float32
    assert found.flags.c_contiguous


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (7, 12, 9, 3)).astype(np.uint8)


def test_rows_are_those_of_plain_sums(tmp_path, images):
    X = images.transpose(0, 3, 1, 2)
    for output in ("features", "logits"):
        rows = session(tmp_path, output=output).features(images, True, 3)
        near(rows, onnx_models.expected(X, output))
    spatial = onnx_models.expected(X, "spatial")
    for output in ("spatial", "relu"):
        near(session(tmp_path, output=output).features(images, True, 3), spatial.mean(axis=(2, 3)))
        near(session(tmp_path, output=output).features(images, False, 3), spatial.reshape(7, -1))


def test_pixels_are_prepared_as_settings_say(tmp_path, images):
    mean, std = [104.0, 117.0, 123.0], [2.0, 3.0, 4.0]
    rows = session(tmp_path, channels="bgr", mean=mean, std=std, scale=0.5).features(images, True, 7)
    X = (images[..., ::-1] * 0.5 - np.array(mean)) / np.array(std)
    near(rows, onnx_models.expected(X.transpose(0, 3, 1, 2)))


def test_channels_may_be_last(tmp_path, images):
    made = onnx_models.model(("n", "h", "w", 3), last=True)
    X = images.transpose(0, 3, 1, 2)
    near(session(tmp_path, made).features(images, True, 3), onnx_models.expected(X))
    spatial = onnx_models.expected(X, "spatial")
    near(session(tmp_path, made, "spatial").features(images, True, 3), spatial.mean(axis=(2, 3)))
    flat = session(tmp_path, made, "spatial").features(images, False, 3)
    near(flat, spatial.transpose(0, 2, 3, 1).reshape(7, -1))


@pytest.mark.parametrize(("kind", "tolerance"), [("DOUBLE", ROUNDING), ("FLOAT16", HALF)])
def test_other_kinds_of_numbers(tmp_path, images, kind, tolerance):
    made = onnx_models.model(kind=kind)
    rows = session(tmp_path, made, scale=1 / 255).features(images, True, 3)
    near(rows, onnx_models.expected(images.transpose(0, 3, 1, 2) / 255), tolerance)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_fixed_batch_is_filled_up(tmp_path, images, batch):
    made = onnx_models.model((batch, 3, "h", "w"))
    near(
        session(tmp_path, made).features(images, True, 64), onnx_models.expected(images.transpose(0, 3, 1, 2))
    )


def test_a_fixed_size_and_one_that_is_asked_for_resize(tmp_path, images):
    from featbench.networks.resizing import resized

    small = onnx_models.expected(resized(images, 8, 8).transpose(0, 3, 1, 2))
    fixed = onnx_models.model(("n", 3, 8, 8))
    near(session(tmp_path, fixed).features(images, True, 64), small)
    near(session(tmp_path, size=8).features(images, True, 64), small)
    with pytest.raises(InputError, match=r"size must be that of the network's input 'image', 8 × 8; got 9"):
        session(tmp_path, fixed, size=9)
    with pytest.raises(InputError, match="size must be given, since the input fixes one side"):
        session(tmp_path, onnx_models.model(("n", 3, 8, "w")))
    near(session(tmp_path, onnx_models.model(("n", 3, 8, "w")), size=8).features(images, True, 64), small)


@pytest.mark.parametrize(
    ("shape", "kind", "shown"),
    [
        (("n", 75), "FLOAT", r"'image' tensor\(float\) \['n', 75\]"),
        (("n", 5, "h", "w"), "FLOAT", r"'image' tensor\(float\) \['n', 5, 'h', 'w'\]"),
        (("n", 3, "h", 3), "FLOAT", r"\['n', 3, 'h', 3\]"),
        (("n", 3, "h", "w"), "INT64", r"'image' tensor\(int64\)"),
    ],
)
def test_an_input_that_does_not_fit_is_shown(tmp_path, shape, kind, shown):
    import onnx
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Cast", ["image"], ["features"], to=TensorProto.FLOAT)]
    given = helper.make_tensor_value_info("image", getattr(TensorProto, kind), list(shape))
    out = helper.make_tensor_value_info("features", TensorProto.FLOAT, None)
    made = helper.make_model(
        helper.make_graph(nodes, "g", [given], [out]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    assert isinstance(made, onnx.ModelProto)
    with pytest.raises(InputError, match=f"the network's input must be one batch of images.*got .*{shown}"):
        session(tmp_path, made)


def test_two_inputs_are_one_too_many(tmp_path):
    from onnx import TensorProto, helper

    made = onnx_models.model(extra=[helper.make_node("Add", ["features", "other"], ["sum"])])
    made.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["n", 4]))
    with pytest.raises(InputError, match=r"'image' tensor\(float\) .*; 'other' tensor\(float\) \['n', 4\]"):
        session(tmp_path, made, "sum")
    assert session(tmp_path, made, "features").input.name == "image"


def test_images_that_are_too_small_are_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"images must be of a shape that the network takes; got \(3, 3, 3\), on which"
    ):
        session(tmp_path).length((3, 3, 3), True)


def test_an_output_that_is_not_one_an_image_is_refused(tmp_path, images):
    from onnx import helper

    sizes = onnx_models.model(extra=[helper.make_node("Shape", ["features"], ["sizes"])])
    with pytest.raises(
        InputError, match=r"one tensor for each of 7 images, none of them empty; got the shape \(2,\)"
    ):
        session(tmp_path, sizes, "sizes").features(images, True, 64)
    texts = onnx_models.model(extra=[helper.make_node("Cast", ["features"], ["texts"], to=8)])
    with pytest.raises(InputError, match="output must be a tensor of numbers; got object"):
        session(tmp_path, texts, "texts").features(images, True, 64)


def test_means_that_do_not_go_with_the_channels_are_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"std must be one number, or 3, one for each channel .* got \[1.0, 2.0\]"
    ):
        session(tmp_path, std=[1.0, 2.0])


def test_a_network_that_the_runtime_refuses(tmp_path):
    from onnx import helper

    made = onnx_models.model(extra=[helper.make_node("Unheard", ["features"], ["out"])])
    with pytest.raises(
        InputError, match=r"model must be a network that ONNX Runtime .* can run; got one that it refuses"
    ):
        session(tmp_path, made, "out")


def test_a_gpu_that_is_not_there_is_said():
    runtime = onnxruntime_for("cpu", "ONNX")
    if "CUDAExecutionProvider" in runtime.get_available_providers():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="has no CUDA provider; got 'cuda'. Use device=\"cpu\", or install"):
        onnxruntime_for("cuda", "ONNX")
