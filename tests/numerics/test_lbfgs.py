"""Searches on problems whose minimum is known."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics.lbfgs import lbfgs, minimize_together

NOISE = 4 * np.finfo(float).eps


def bowl(rng, d=12, worst=1e4):
    """A quadratic with eigenvalues from 1 to `worst`."""
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    matrix = rotation @ np.diag(np.geomspace(1, worst, d)) @ rotation.T
    return matrix, rng.normal(size=d)


def value_and_gradient(matrix, minimum, x):
    return 0.5 * (x - minimum) @ matrix @ (x - minimum) + 1, matrix @ (x - minimum)


def small(value, gradient):
    return np.linalg.norm(gradient) < 1e-8


def run(problem, search):
    def evaluate(points, which):
        values, gradients = zip(*(problem(x) for x in points), strict=True)
        return np.array(values), np.array(gradients)

    return minimize_together(evaluate, [search])[0]


def test_a_quadratic(rng):
    matrix, minimum = bowl(rng)
    search = lbfgs(np.zeros(12), lambda g: g, small, max_iter=500, noise=NOISE)
    found = run(lambda x: value_and_gradient(matrix, minimum, x), search)
    np.testing.assert_allclose(found.point, minimum, atol=1e-8)
    assert found.value == pytest.approx(1, abs=1e-12)
    assert len(found.curve) == found.n_iter + 1
    assert (np.diff(found.curve) <= NOISE * np.abs(found.curve[:-1])).all()


def test_the_exact_second_derivative_as_preconditioner_needs_one_step(rng):
    matrix, minimum = bowl(rng)
    inverse = np.linalg.inv(matrix)
    search = lbfgs(np.zeros(12), lambda g: inverse @ g, lambda v, g: v - 1 < 1e-9, max_iter=9, noise=NOISE)
    found = run(lambda x: value_and_gradient(matrix, minimum, x), search)
    assert found.n_iter == 1


def test_the_expected_gain_is_the_excess_of_a_quadratic_whose_inverse_is_known(rng):
    matrix, minimum = bowl(rng)
    inverse = np.linalg.inv(matrix)
    start = rng.normal(size=12)
    search = lbfgs(start, lambda g: inverse @ g, lambda v, g: True, max_iter=9, noise=NOISE)
    found = run(lambda x: value_and_gradient(matrix, minimum, x), search)
    assert found.n_iter == 0
    assert found.expected == pytest.approx(found.value - 1, rel=1e-10)


def test_a_preconditioner_spares_iterations(rng):
    matrix, minimum = bowl(rng, d=60, worst=1e6)
    rough = np.linalg.inv(matrix + 0.1 * np.diag(np.diag(matrix)))
    counts = [
        run(
            lambda x: value_and_gradient(matrix, minimum, x),
            lbfgs(np.zeros(60), precondition, small, max_iter=5000, noise=NOISE),
        ).n_iter
        for precondition in (lambda g: g, lambda g: rough @ g)
    ]
    assert counts[1] * 3 < counts[0]


def test_searches_end_one_by_one_and_do_not_disturb_each_other(rng):
    problems = [bowl(rng, worst=worst) for worst in (1.0, 1e2, 1e4)]

    def searches():
        return [lbfgs(np.zeros(12), lambda g: g, small, max_iter=500, noise=NOISE) for _ in problems]

    asked = []

    def evaluate(points, which):
        asked.append(which)
        answers = [value_and_gradient(*problems[i], x) for i, x in zip(which, points, strict=True)]
        return np.array([a[0] for a in answers]), np.array([a[1] for a in answers])

    together = minimize_together(evaluate, searches())
    assert asked[0] == [0, 1, 2]
    assert asked[-1] == [2]
    for problem, search, found in zip(problems, searches(), together, strict=True):
        alone = run(lambda x, p=problem: value_and_gradient(*p, x), search)
        np.testing.assert_array_equal(alone.point, found.point)
        assert alone.n_iter == found.n_iter


def test_steps_to_where_the_value_is_not_finite_are_shortened():
    def barrier(x):
        if x[0] >= 1:
            return np.inf, np.full(1, np.nan)
        return -np.log(1 - x[0]) - 3 * x[0], np.array([1 / (1 - x[0]) - 3])  # least at 2/3

    search = lbfgs(np.array([-5.0]), lambda g: 100 * g, small, max_iter=200, noise=NOISE)
    assert run(barrier, search).point == pytest.approx([2 / 3])


def test_it_ends_after_max_iter_and_where_no_step_helps(rng):
    matrix, minimum = bowl(rng)
    search = lbfgs(np.zeros(12), lambda g: g, lambda v, g: False, max_iter=3, noise=NOISE)
    assert run(lambda x: value_and_gradient(matrix, minimum, x), search).n_iter == 3
    lying = lbfgs(np.zeros(1), lambda g: g, lambda v, g: False, max_iter=9, noise=0.0)
    assert run(lambda x: (abs(x[0]), np.ones(1)), lying).n_iter == 0  # the minimum, with a slope


def test_it_ends_when_it_expects_to_gain_too_little(rng):
    matrix, minimum = bowl(rng)
    arguments = {"max_iter": 500, "noise": NOISE}
    problem = lambda x: value_and_gradient(matrix, minimum, x)  # noqa: E731
    early = run(problem, lbfgs(np.zeros(12), lambda g: g, lambda v, g: False, least_gain=1e-3, **arguments))
    late = run(problem, lbfgs(np.zeros(12), lambda g: g, lambda v, g: False, least_gain=1e-9, **arguments))
    assert early.n_iter < late.n_iter
    assert early.expected <= 1e-3 * early.value
    assert late.value - 1 <= 1e-6
