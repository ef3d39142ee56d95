"""Numbers for people."""

from signs_sweep.reporting.numbers import interval, spread


def test_a_spread_and_an_interval_are_left_out_where_they_are_unknown() -> None:
    assert spread(0.85, 0.012) == "0.8500 \u00b1 0.0120"
    assert spread(0.85, None) == "0.8500"
    assert interval(-0.01, 1e-9) == "-0.0100 to +0.0000"
    assert interval(None, None) == ""
