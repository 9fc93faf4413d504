import pytest

from taxiway.core.assets import asset_name, champion
from taxiway.core.errors import SpecError


def test_an_asset_has_one_name_and_one_address():
    assert champion("flight-delay") == ("flight-delay.champion", "x-taxiway://models/flight-delay/champion")


def test_a_name_that_nothing_can_have_is_refused():
    with pytest.raises(SpecError):
        asset_name("models", "../x", "champion")
