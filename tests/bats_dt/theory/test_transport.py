import numpy as np
import pytest

from bats_dt.theory.population import Moments, arrivals, grid_for
from bats_dt.theory.population.grid import Grid
from bats_dt.theory.population.transport import below, carried, departures


@pytest.fixture
def cells():
    """Random densities with empty cells among them, (3, 40), on edges from -1 to 3."""
    rng = np.random.default_rng(2)
    mass = rng.uniform(size=(3, 40)) * (rng.uniform(size=(3, 40)) > 0.4)
    return mass, np.linspace(-1, 3, 41)


def test_what_is_below_rises_from_none_to_all_through_the_edges(cells):
    mass, edges = cells
    found = below(mass, edges, np.linspace(-1.5, 3.5, 2001)[None])
    assert (np.diff(found, axis=1) >= -1e-15).all()
    np.testing.assert_allclose(found[:, [0, -1]], np.stack([np.zeros(3), mass.sum(axis=1)], axis=1))
    np.testing.assert_allclose(below(mass, edges, edges[None])[:, 1:], np.cumsum(mass, axis=1), rtol=1e-12)


@pytest.mark.parametrize("ratio", [1e-4, 0.05, 3.0])
def test_a_flow_loses_nothing_and_leaves_nothing_negative(cells, ratio):
    mass, edges = cells
    for _ in range(20):
        mass = carried(mass, edges, departures(edges, np.array([-0.5, 0.7, 5.0]), ratio))
    np.testing.assert_allclose(mass.sum(axis=1), cells[0].sum(axis=1), rtol=1e-13)
    assert mass.min() >= -1e-15


def test_a_flow_ends_at_its_fixed_point_or_at_the_edge_before_it(cells):
    mass, edges = cells
    found = carried(mass, edges, departures(edges, np.array([-0.95, 0.75, 5.0]), 50.0))
    assert [int(row.argmax()) for row in found] == [0, 17, 39]
    np.testing.assert_allclose(found.max(axis=1), mass.sum(axis=1))


@pytest.mark.parametrize("ratio", [1e-4, 0.05, 3.0])
def test_means_go_where_the_flow_takes_them(cells, ratio):
    """Single full cells, of which a limited slope alone carries less than it should."""
    mass, edges = cells
    centres, fixed = (edges[1:] + edges[:-1]) / 2, np.array([-0.5, 0.7, 2.5])
    before = mass @ centres / mass.sum(axis=1) - fixed
    for n in range(1, 6):
        mass = carried(mass, edges, departures(edges, fixed, ratio))
        expected = fixed + before * np.exp(-n * ratio)
        np.testing.assert_allclose(mass @ centres / mass.sum(axis=1), expected, atol=1e-12)


def test_a_smooth_density_is_carried_with_the_fourth_order_of_its_slopes():
    """A normal distribution under one step of the flow, whose exact result is normal."""
    errors = []
    for n in (40, 80):
        edges = np.linspace(-8, 8, n + 1)
        centres, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
        found = carried(np.exp(-((centres - 1) ** 2) / 2)[None] * width, edges, departures(edges, np.zeros(1), 0.3))[0]
        shrunk = np.exp(-0.3)
        errors.append(np.abs(found / width - np.exp(-(((centres - shrunk) / shrunk) ** 2) / 2) / shrunk).max())
    assert errors[0] / errors[1] > 3.5  # cells hold values at their centres here, which is of second order itself


@pytest.mark.parametrize("make", [arrivals.jumps, arrivals.diffusion])
@pytest.mark.parametrize("height", [0.3, -0.3])
def test_a_generator_loses_nothing_and_makes_nothing_negative(make, height):
    grid = Grid(np.linspace(0, 1, 3), np.linspace(0, 2, 21))
    generator = make(grid, height).toarray()
    np.testing.assert_allclose(generator.sum(axis=0), 0, atol=1e-15)
    assert (generator - np.diag(np.diag(generator)) >= 0).all()


def test_jumps_worked_by_hand():
    grid = Grid(np.linspace(0, 1, 3), np.linspace(0, 4, 5))
    np.testing.assert_array_equal(
        arrivals.jumps(grid, 2.0).toarray(), [[-1, 0, 0, 0], [0, -1, 0, 0], [1, 0, -1, 0], [0, 1, 1, 0]]
    )
    np.testing.assert_allclose(
        2 * arrivals.diffusion(grid, 1.0).toarray(), [[-1, 1, 0, 0], [1, -2, 1, 0], [0, 1, -2, 1], [0, 0, 1, -1]]
    )


def test_a_grid_keeps_the_moments_it_is_given():
    from bats_dt.theory import LIF

    grid = grid_for(LIF(0.8, 0.6), 30.0, 0.1, noise="diffusion")
    given = Moments(np.array([3.0, 3.1]), np.array([[0.1, 0.05], [0.05, 0.2]]))
    found = grid.moments(grid.gaussian(given))
    np.testing.assert_allclose(found.mean, given.mean, rtol=1e-9)
    np.testing.assert_allclose(found.covariance, given.covariance, rtol=1e-9)
    assert grid.at_rest().sum() == 1
