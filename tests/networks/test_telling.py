"""Who hears of epochs."""

from featbench.networks.telling import Epoch, listening, tell


def test_a_listener_hears_what_is_told_in_its_block_alone():
    heard = []
    tell(Epoch(1, 3, 0.5, 2.0))
    with listening(heard.append):
        tell(Epoch(2, 3, 0.25, 1.0))
    tell(Epoch(3, 3, 0.125, 0.0))
    assert heard == [Epoch(2, 3, 0.25, 1.0)]
    assert str(heard[0]) == "epoch 2 of 3, loss 0.250, 1 s left"
