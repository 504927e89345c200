"""What holds for every extractor that brings its network along: laws, saving, another fit."""

from __future__ import annotations

import numpy as np
import onnx_models
import pytest

from featbench.base import Extractor
from featbench.errors import InputError, StoreError
from featbench.extractors import ONNX, Concat, HueHistogram, Mapped
from featbench.extractors.brought import coloured
from featbench.maps import L2
from featbench.testing import check_extractor


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (5, 12, 9, 3)).astype(np.uint8)


def test_it_keeps_the_laws(tmp_path):
    check_extractor(ONNX(model=str(onnx_models.write(tmp_path)), output="features"), exact=False)
    check_extractor(
        ONNX(model=str(onnx_models.write(tmp_path)), output="relu", size=9, mean=[1, 2, 3]), exact=False
    )


def test_what_is_saved_needs_no_file(tmp_path, images):
    path = onnx_models.write(tmp_path)
    (tmp_path / "small.onnx.json").write_text('{"output": "features", "size": 7, "scale": 0.5}')
    extractor = ONNX(model=str(path)).fit(images)
    expected = extractor.transform(images)
    joined = Concat([Mapped(ONNX(model=str(path)), [L2()]), HueHistogram()]).fit(images)
    joined.save(tmp_path / "joined")
    extractor.save(tmp_path / "saved")
    for file in tmp_path.glob("small.onnx*"):
        file.unlink()
    np.testing.assert_array_equal(Extractor.load(tmp_path / "saved").transform(images), expected)
    again = Extractor.load(tmp_path / "joined")
    np.testing.assert_array_equal(again.transform(images), joined.transform(images))
    np.testing.assert_array_equal(extractor.transform(images), expected)
    with pytest.raises(InputError, match="model must be an existing .onnx file"):
        extractor.fit(images)


def test_a_saved_network_is_checked_like_any_other(tmp_path, images):
    from onnx import ModelProto, helper

    extractor = ONNX(model=str(onnx_models.write(tmp_path)), output="features").fit(images)
    network = ModelProto.FromString(extractor.network_.tobytes())
    network.graph.node.append(helper.make_node("Run", ["relu"], ["a"], domain="somebody"))
    extractor.network_ = np.frombuffer(network.SerializeToString(), dtype=np.uint8)
    extractor.save(tmp_path / "saved")
    with pytest.raises(StoreError, match="made of the operators that ONNX Runtime brings"):
        Extractor.load(tmp_path / "saved")


def test_another_fit_reads_the_file_again(tmp_path, images):
    path = onnx_models.write(tmp_path)
    extractor = ONNX(model=str(path), output="features")
    before = extractor.fit_transform(images)
    made = onnx_models.model()
    kernel = made.graph.initializer[0]
    kernel.raw_data = (2 * np.frombuffer(kernel.raw_data, np.float32)).tobytes()
    onnx_models.write(tmp_path, made)
    np.testing.assert_array_equal(extractor.transform(images), before)
    assert not np.allclose(extractor.fit_transform(images), before)


def test_parameters_that_were_changed_since_fit_are_refused(tmp_path, images):
    extractor = ONNX(model=str(onnx_models.write(tmp_path)), output="features").fit(images)
    before = extractor.transform(images)
    for name, value in (("output", "logits"), ("size", 8), ("mean", [5.0]), ("model", "other.onnx")):
        changed = getattr(extractor, name)
        with pytest.raises(InputError, match=f"{name} must be what it was when this was fitted"):
            extractor.set_params(**{name: value}).transform(images)
        extractor.set_params(**{name: changed})
    np.testing.assert_array_equal(extractor.set_params(batch_size=2).transform(images), before)
    with pytest.raises(InputError, match="parameters must be those of fit, which give 4 features"):
        ONNX(model=extractor.model, output="relu").fit(images).set_params(pooled=False).transform(images)


def test_grey_gets_three_equal_channels(images):
    grey = images[..., 0]
    assert coloured(images) is images
    np.testing.assert_array_equal(coloured(grey), np.stack([grey] * 3, axis=-1))


def test_wholes_are_fitted_to_what_the_file_holds_now(tmp_path, images):
    path = onnx_models.write(tmp_path)
    joined = Concat([ONNX(model=str(path), output="features"), HueHistogram(bins=3)]).fit(images)
    assert joined.transform(images).shape == (5, 7)
    made = onnx_models.model()
    features = next(node for node in made.graph.node if node.output[0] == "features")
    features.output[0], made.graph.node[-1].output[0] = "flat", "features"
    made.graph.node[-1].input[0] = "flat"
    del made.graph.output[1]
    onnx_models.write(tmp_path, made)
    assert joined.fit(images).transform(images).shape == (5, 10)
