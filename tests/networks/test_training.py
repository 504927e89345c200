"""Training: what it learns, and what may go wrong in it."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from featbench.errors import FeatbenchError, InputError
from featbench.networks import training
from featbench.networks.building import build
from featbench.networks.losses import cross_entropy, squared_error
from featbench.networks.moments import moments_of
from featbench.networks.recipe import Recipe
from featbench.networks.telling import listening
from featbench.networks.training import SmallerBatchWarning, train

QUICK = Recipe(epochs=2, batch_size=16, learning_rate=0.1, crop=1)


def trained(network, images, y, recipe=QUICK, loss=None, **options):
    settings = {
        "place": "cpu",
        "seed": 0,
        "precision": "bfloat16",
        "compiled": False,
        "where": "CNN",
        **options,
    }
    return train(network, images, y, moments_of(images), loss or cross_entropy(0.0), recipe, **settings)


def scores(network, images):
    mean, std = (torch.tensor(values) for values in moments_of(images))
    with torch.inference_mode():
        return network(((torch.tensor(images) - mean) / std).permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("name", "optimizer"), [("small", "nesterov"), ("small", "muon"), ("airbench", "nesterov")]
)
def test_64_images_of_noise_are_learned_by_heart(noise, name, optimizer):
    images, y = noise
    images = images[:, :10, :10]  # which is learned as well and faster
    network = build(name, 3, 4, 0, "CNN")
    epochs, rate = (14, 1.5) if name == "airbench" else (20, 0.1)  # whose scores are divided by 9
    recipe = Recipe(epochs=epochs, batch_size=16, learning_rate=rate, filter_rate=0.05, weight_decay=0,
                    flip="none", crop=0, optimizer=optimizer)  # fmt: skip
    done = trained(network, images, y, recipe)
    assert done.losses[-1] < done.losses[0] / 4
    assert (scores(network, images).argmax(1).numpy() == y).all()
    assert not network.training


def test_the_same_seed_gives_the_same_weights_and_another_others(noise):
    images, y = noise
    found = []
    for seed in (1, 1, 2):
        network = build("small", 3, 4, 0, "CNN")
        torch.manual_seed(len(found))  # torch's own generator has no part in it
        trained(network, images, y, dataclasses.replace(QUICK, cutout=4), seed=seed)
        found.append(torch.cat([p.ravel() for p in network.parameters()]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_dropout_of_a_network_of_ones_own_is_seeded_as_well(noise):
    images, y = noise

    def network():
        return build(
            lambda c, k: nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(768, k)), 3, 4, 0, "CNN"
        )

    first, again = network(), network()
    trained(first, images, y)
    torch.rand(3)
    trained(again, images, y)
    assert torch.equal(first[2].weight, again[2].weight)


def test_epochs_may_be_parts_and_rows_left_over_are_left(noise):
    images, y = noise
    network = build("small", 3, 4, 0, "CNN")
    done = trained(network, images[:50], y[:50], dataclasses.replace(QUICK, epochs=1.5))
    assert len(done.losses) == 2
    assert int(network.block1[2].num_batches_tracked) == 5, "three batches of 16 in 50, then two"
    untouched = trained(network, images, y, dataclasses.replace(QUICK, epochs=0))
    assert untouched.losses == []
    assert int(network.block1[2].num_batches_tracked) == 5


def test_fewer_images_than_a_batch_are_one_batch(noise):
    images, y = noise
    assert trained(build("small", 3, 4, 0, "CNN"), images[:5], y[:5]).batch_size == 5


def test_a_loss_that_is_no_number_stops_at_once_with_advice(noise):
    images, y = noise
    network = build("small", 3, 4, 0, "CNN")
    steps = []

    def broken(outputs, inputs, labels):
        steps.append(1)
        return outputs.mean() * (float("nan") if len(steps) == 6 else 1.0)

    with pytest.raises(
        FeatbenchError, match=r"CNN: .* no number any more in epoch 2 of 2. Lower learning_rate, now 0.1"
    ):
        trained(network, images, y, loss=broken)
    assert len(steps) == 6


def test_a_rate_that_is_far_too_high_is_told(noise):
    images, y = noise
    with pytest.raises(FeatbenchError, match="Lower learning_rate, now 1e"):
        trained(build("small", 3, 4, 0, "CNN"), images, y, dataclasses.replace(QUICK, learning_rate=1e30))


class FullMemory(nn.Module):
    """Takes eight images at once."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(768, 4)
        self.sizes = []

    def forward(self, x):
        self.sizes.append(len(x))
        if len(x) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.last(x.flatten(1))


def test_too_little_memory_halves_the_batch_and_says_so(noise):
    images, y = noise
    network, plain = FullMemory(), FullMemory()
    plain.load_state_dict(network.state_dict())
    with pytest.warns(SmallerBatchWarning) as caught:
        done = trained(network, images, y, dataclasses.replace(QUICK, batch_size=32))
    assert [str(w.message).partition(";")[0] for w in caught] == [
        f"CNN: a batch of {n} images did not fit into the memory of cpu" for n in (32, 16)
    ]
    assert done.batch_size == 8
    assert network.sizes[:3] == [32, 16, 8]
    trained(plain, images, y, dataclasses.replace(QUICK, batch_size=8))
    assert torch.equal(network.last.weight, plain.last.weight), "as if the smaller batch had been asked for"


def test_one_image_that_does_not_fit_is_refused(noise):
    class Never(FullMemory):
        def forward(self, x):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.warns(SmallerBatchWarning), pytest.raises(FeatbenchError, match="one image does not fit"):
        trained(Never(), *noise, dataclasses.replace(QUICK, batch_size=2))


def test_images_that_the_device_cannot_hold_are_told_apart_from_a_batch(noise, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(training, "DeviceImages", full)
    network = build("small", 3, 4, 0, "CNN")
    with pytest.raises(
        FeatbenchError, match=r"cpu must hold all training images; got 64 images .*Take fewer"
    ):
        trained(network, *noise)


def test_float32_on_a_gpu_is_without_tf32_and_in_a_fixed_order():
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=True, allow_tf32=True):
        with training._deterministic("cuda", "float32"):
            assert (cudnn.deterministic, cudnn.allow_tf32) == (True, False)
        with training._deterministic("cuda", "bfloat16"):
            assert cudnn.deterministic
        assert (cudnn.deterministic, cudnn.allow_tf32) == (False, True)


def test_ctrl_c_keeps_the_best_epoch_so_far(noise):
    images, y = noise
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 4))
    states, told = [], iter([3.0, 1.0, 2.0])
    level = [next(told)]

    def loss(outputs, inputs, labels):
        return outputs.mean() * 0.01 - (outputs.mean() * 0.01).detach() + level[0]

    def listen(epoch):
        states.append(network[1].bias.detach().clone())
        if epoch.number == 3:
            raise KeyboardInterrupt
        level[0] = next(told)

    with listening(listen):
        done = trained(network, images, y, dataclasses.replace(QUICK, epochs=9), loss)
    assert done.losses == pytest.approx([3, 1, 2])
    assert (done.interrupted, done.best) == (True, 2)
    assert torch.equal(network[1].bias, states[1])
    assert not torch.equal(states[1], states[2])


def test_ctrl_c_before_the_first_epoch_is_over_interrupts(noise):
    def loss(outputs, inputs, labels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(build("small", 3, 4, 0, "CNN"), *noise, loss=loss)


def test_progress_tells_loss_and_time_left(noise):
    heard = []
    with listening(heard.append):
        done = trained(build("small", 3, 4, 0, "CNN"), *noise)
    assert [(epoch.number, epoch.of) for epoch in heard] == [(1, 2), (2, 2)]
    assert [epoch.loss for epoch in heard] == done.losses
    assert heard[0].seconds_left > 0
    assert heard[1].seconds_left == 0


def test_autocast_is_off_on_the_processor(noise):
    """bfloat16 keeps three digits; scores in float32 are not all representable in it."""
    seen = []

    class Watching(nn.Sequential):
        def forward(self, x):
            seen.append((torch.is_autocast_enabled("cpu"), super().forward(x).dtype))
            return super().forward(x)

    trained(Watching(nn.Flatten(), nn.Linear(768, 4)), *noise, precision="bfloat16")
    assert set(seen) == {(False, torch.float32)}


def test_the_bias_of_a_whitening_layer_is_frozen_in_time(noise):
    images, y = noise
    network = build("airbench", 3, 4, 0, "CNN")
    biases = []
    with listening(lambda _: biases.append(network.whiten.bias.detach().clone())):
        trained(network, images, y, dataclasses.replace(QUICK, epochs=3, whitening_bias_epochs=2))
    assert not torch.equal(biases[0], biases[1])
    assert torch.equal(biases[1], biases[2])


def test_losses_are_torchs():
    outputs, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 3])
    shares = torch.log_softmax(outputs, 1)
    hard, soft = -shares[range(5), labels].mean(), -shares.mean()
    assert cross_entropy(0.2)(outputs, outputs, labels).item() == pytest.approx(
        (0.8 * hard + 0.2 * soft).item()
    )
    assert squared_error(outputs, outputs + 2, None).item() == pytest.approx(4.0)


def test_a_training_that_begins_anew_learns_the_bias_of_a_whitening_layer(noise):
    images, y = noise
    held, plain = (build("airbench", 3, 4, 0, "CNN") for _ in range(2))
    held.whiten.bias.requires_grad = False  # as a training that ran out of memory late leaves it
    for network in (held, plain):
        trained(network, images[:, :10, :10], y, dataclasses.replace(QUICK, epochs=1))
    assert torch.equal(held.whiten.bias, plain.whiten.bias)
    assert plain.whiten.bias.any()


def test_pixels_of_an_architecture_that_prepares_itself_are_whitened(noise):
    from featbench.networks.whitening import whitening_filters

    images, _ = noise
    network = build("airbench", 3, 4, 0, "CNN")
    mean, std = moments_of(images)
    network.prepare(images, mean, std)
    np.testing.assert_array_equal(
        network.whiten.weight.detach().numpy(), whitening_filters(images, mean, std, 2, 5e-4)
    )


def test_a_batch_norm_of_one_value_is_refused(noise):
    images, y = noise
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4), nn.Flatten())
    message = r"CNN: a batch .* must be one that the network can learn from; got \(1, 3, 16, 16\), on which it fails .*"
    with pytest.raises(
        InputError, match=message + r"Expected more than 1 value per channel .*Take larger images"
    ):
        trained(network, images[:1], y[:1])


def test_weights_that_give_no_numbers_are_refused_though_finite(noise):
    """One step of a loss that is finite, and its weights as well: what they give is not."""
    images, y = noise
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 8), nn.Linear(8, 4))
    recipe = dataclasses.replace(QUICK, epochs=1, batch_size=64, learning_rate=1e22)
    with pytest.raises(FeatbenchError, match=r"no number any more in epoch 1 of 1. Lower learning_rate"):
        trained(network, images, y, recipe)
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_a_network_that_cannot_learn_is_refused(noise):
    network = build("small", 3, 4, 0, "CNN").requires_grad_(False)
    message = (
        r"CNN: the loss must be one that follows from weights; got one that does not. Let .* or set epochs=0"
    )
    with pytest.raises(InputError, match=message):
        trained(network, *noise)
    assert trained(network, *noise, dataclasses.replace(QUICK, epochs=0)).losses == []
