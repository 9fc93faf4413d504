import gc

import pytest

from taxiway.core.collector import collector_at_rest


@pytest.fixture(autouse=True)
def collecting():
    gc.enable()
    yield
    gc.enable()


def test_the_collector_rests_in_a_block_and_works_again_after_it():
    with collector_at_rest():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_works_again_after_a_fault():
    with pytest.raises(KeyError), collector_at_rest():
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_was_switched_off_stays_off():
    gc.disable()
    with collector_at_rest():
        pass
    assert not gc.isenabled()


def test_blocks_may_lie_in_each_other_and_functions_may_be_decorated():
    @collector_at_rest()
    def inner():
        return gc.isenabled()

    with collector_at_rest():
        assert inner() is False
        assert not gc.isenabled()
    assert inner() is False
    assert gc.isenabled()
