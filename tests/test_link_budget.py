from dataclasses import replace

import numpy as np
import pytest

from instances.link_budget import (
    NOISE_TEMPERATURE_K,
    RADIOS,
    SMALL_DISH_RADIO,
    STANDARD_RADIO,
    LinkBudgetError,
    OpticalLink,
    RadioLink,
    dish_gain,
    from_decibel,
    to_decibel,
)

LENGTHS_M = np.array([0.5, 1.0, 2.0, 3.0, 4.0, 5.0]) * 1e6


def test_small_dish_rates():
    assert np.round(SMALL_DISH_RADIO.rate_bps(LENGTHS_M) / 1e6).tolist() == [1765, 441, 110, 49, 28, 18]


def test_standard_rates_are_capped():
    assert np.round(STANDARD_RADIO.rate_bps(LENGTHS_M) / 1e6).tolist() == [2950, 2950, 1509, 670, 377, 241]


def test_shannon_rates_of_the_small_dish_over_500_mhz():
    rates = RADIOS["shannon"].rate_bps(LENGTHS_M) / 1e9
    assert np.round(rates, 2).tolist() == [3.08, 2.11, 1.22, 0.78, 0.54, 0.38]


def test_optical_classes_have_one_rate_up_to_their_range():
    assert RADIOS["optical-10g"].rate_bps(LENGTHS_M).tolist() == [1e10] * 6
    assert OpticalLink(2.5e9, max_range_m=3e6).rate_bps(LENGTHS_M).tolist() == [2.5e9] * 4 + [0.0] * 2


def test_data_sheet_numbers():
    assert to_decibel(dish_gain(0.26, 26e9)) == pytest.approx(34.41, abs=0.005)
    assert to_decibel(dish_gain(0.5, 26e9)) == pytest.approx(40.09, abs=0.005)
    assert pytest.approx(459.6, abs=0.05) == NOISE_TEMPERATURE_K


def test_decibels_at_the_border_only():
    parts = {"frequency_hz": 26e9, "power_w": 10.0, "noise_temperature_k": 459.6, "max_rate_bps": 1e12}
    link = RadioLink.from_db(
        **parts,
        transmit_gain_dbi=30.0,
        receive_gain_dbi=20.0,
        pointing_loss_db=3.0,
        eb_n0_required_db=10.0,
        margin_db=0.0,
    )
    assert (link.transmit_gain, link.receive_gain, link.eb_n0_required, link.margin) == pytest.approx(
        (1000.0, 100.0, 10.0, 1.0)
    )
    assert link.pointing_loss == pytest.approx(0.5012, abs=1e-4)
    assert from_decibel(to_decibel(7.0)) == pytest.approx(7.0)


def test_rate_falls_with_the_square_of_length():
    near, far = SMALL_DISH_RADIO.rate_bps([1e6, 3e6])
    assert near / far == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("power_w", 0.0),
        ("frequency_hz", float("nan")),
        ("margin", 0.5),
        ("pointing_loss", 2.0),
        ("power_w", float("inf")),
    ],
)
def test_impossible_parameter_is_named(field, value):
    with pytest.raises(LinkBudgetError, match=field):
        replace(STANDARD_RADIO, **{field: value})
