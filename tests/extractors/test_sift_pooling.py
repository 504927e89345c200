import numpy as np

from featbench.extractors.sift_pooling import cells_of, pool


def test_points_lie_in_the_cell_of_their_pixel():
    edges = [np.array([0, 3, 7]), np.array([0, 5, 10])]
    points = {
        (0, 0): 0,
        (2.4, 4.4): 0,
        (2.6, 4.4): 2,
        (2, 4.6): 1,
        (6.9, 9.9): 3,
        (-0.4, 4.9): 1,
        (7.3, 12): 3,
    }
    positions = np.array(list(points), dtype=np.float32)
    assert cells_of(positions, edges).tolist() == list(points.values())
    assert cells_of(positions[:0], edges).shape == (0,)


def test_means_by_cell_at_length_one():
    values = np.array([[[3, 0], [5, 2], [0, 12]], [[0, 0], [0, 0], [0, 0]]], dtype=np.float32)
    features = np.full((2, 3, 2), 7, dtype=np.float32)
    pool(values, np.array([0, 0, 2]), features)
    # (3, 0) and (5, 2) have the mean (4, 1); the row (4, 1, 0, 0, 0, 12) has the length √161.
    np.testing.assert_allclose(features[0], np.array([[4, 1], [0, 0], [0, 12]]) / np.sqrt(161), rtol=1e-6)
    assert not features[1].any()


def test_no_descriptors_give_zeros():
    features = np.full((1, 4, 128), 7, dtype=np.float32)
    pool(np.empty((1, 0, 128), np.float32), np.empty(0, np.int64), features)
    assert not features.any()
