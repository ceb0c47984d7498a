"""Prophet finds a season and a lunar new year that were planted, and none where there is none."""

import numpy as np
import pytest

from include.clv import series
from include.clv.periods import Periods
from include.clv.series import Shares, factors, fit, holidays_of

FIRST = 18_262  # 2020-01-01
WEEKS = FIRST + 7 * np.arange(160)


def shares(share: np.ndarray) -> Shares:
    return Shares(WEEKS, share, np.full(len(WEEKS), 100.0))


def test_a_planted_season_is_found_and_goes_on() -> None:
    wave = 1 + 0.4 * np.cos(2 * np.pi * WEEKS / 365.25)
    edges = Periods().ahead(int(WEEKS[-1]) + 6, 12)
    said = factors(fit(shares(wave)), None, edges)
    middle = (edges[:-1] + edges[1:]) / 2
    assert np.abs(said - (1 + 0.4 * np.cos(2 * np.pi * middle / 365.25))).max() < 0.06


def test_without_a_season_the_share_stays() -> None:
    noise = np.random.default_rng(0).normal(0.9, 0.05, len(WEEKS))
    said = factors(fit(shares(noise)), None, Periods().ahead(int(WEEKS[-1]) + 6, 12))
    assert np.abs(said - 0.9).max() < 0.05


def test_days_before_the_lunar_new_year_are_told_apart() -> None:
    days = np.arange(FIRST, FIRST + 4 * 365)
    flags = holidays_of("VN", days)
    dates = days.astype("datetime64[D]")
    shopping = dates[flags["lunar shopping"] > 0].astype(str).tolist()
    assert {"2020-01-24", "2021-02-11", "2022-01-31", "2023-01-21"} <= set(shopping)
    assert "2020-01-25" not in shopping
    assert dates[flags["lunar rest"] > 0].astype(str).tolist()[0] == "2020-01-25"
    assert "lunar shopping" not in holidays_of("US", days)
    assert dates[flags["singles day"] > 0].astype(str).tolist()[:2] == ["2020-11-04", "2020-11-05"]


def test_a_planted_new_year_is_found() -> None:
    days = np.arange(WEEKS[0], WEEKS[-1] + 7)
    lunar = holidays_of("VN", days)["lunar shopping"].reshape(-1, 7).mean(axis=1)
    model = fit(shares(1 + 0.5 * lunar), "VN")
    ahead = np.array(
        [int(np.datetime64(day, "D").astype(int)) for day in ("2023-06-01", "2024-01-20", "2024-02-10")]
    )
    said = factors(model, "VN", ahead)
    assert said[1] > said[0] + 0.2, "three weeks before the new year of 2024 more is bought"


def test_few_weeks_are_no_series() -> None:
    few = Shares(WEEKS[:5], np.ones(5), np.ones(5))
    assert fit(few) is None
    assert factors(None, None, np.array([0, 30, 60])).tolist() == [1, 1]


def test_a_day_is_never_forecast_out_of_bounds() -> None:
    share = np.where(np.arange(len(WEEKS)) % 2 == 0, 0.0, 50.0)
    said = factors(fit(shares(share)), None, Periods().ahead(int(WEEKS[-1]) + 6, 12))
    assert (said > 0).all()
    assert (said <= series.MOST).all()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
