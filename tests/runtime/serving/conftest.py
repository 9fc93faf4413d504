import pytest

from runtime.serving.kit import Airfield, standing


@pytest.fixture
def field(tmp_path):
    return Airfield.at(tmp_path)


@pytest.fixture(scope="module")
def own_field(tmp_path_factory):
    """One field for all tests of a file."""
    return Airfield.at(tmp_path_factory.mktemp("field"))


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """One field and one server for all tests of a file."""
    with standing(tmp_path_factory.mktemp("stand"), "--deadline-s", "60") as stand:
        yield stand
