import dataclasses
from typing import Annotated, Literal

import pytest
from pydantic import TypeAdapter

from taxiway.core import DockerJob, KubernetesJob, LocalJob, Training
from taxiway.core.errors import SpecError
from taxiway.core.records import Record, dump_spec, load_spec, spec
from taxiway.core.variants import OneOf


@spec
class Bus:
    seats: int
    kind: Literal["bus"] = dataclasses.field(default="bus", kw_only=True)


@spec
class Taxi:
    cab: int = 1
    kind: Literal["taxi"] = dataclasses.field(default="taxi", kw_only=True)


Vehicle = Annotated[Bus | Taxi, OneOf()]


class Ride(Record):
    on: Vehicle
    back: Vehicle | None = None
    others: tuple[Vehicle, ...] = ()


def test_each_kind_comes_back_from_json_as_it_was():
    ride = Ride(on=Bus(40), back=Taxi(), others=(Taxi(2), Bus(9)))
    assert Ride.load(ride.dump()) == ride


def test_json_says_the_kind_and_every_field():
    assert Ride(on=Bus(40)).dump()["on"] == {"seats": 40, "kind": "bus"}


def test_a_spec_is_kept_as_it_is():
    bus = Bus(40)
    assert Ride(on=bus).on is bus


def test_json_without_a_kind_is_refused_unless_there_is_a_default():
    with pytest.raises(SpecError, match=r"Ride\.on: .*kind 'None' is not known.*one of bus, taxi"):
        Ride(on={"seats": 40})
    assert load_spec(Training, {"function": "a:b", "on": {}}).on == LocalJob()


@pytest.mark.parametrize(("kind", "hint"), [("buss", "Did you mean 'bus'"), (7, "Check the spelling"), ([], "Check")])
def test_an_unknown_kind_names_the_nearest(kind, hint):
    with pytest.raises(SpecError, match=hint):
        Ride(on={"kind": kind})


@pytest.mark.parametrize("value", [None, "bus", 3, object, [Bus(1)], LocalJob(), Bus])
def test_what_is_none_of_them_is_refused_with_their_names(value):
    with pytest.raises(SpecError, match=r"Ride\.on: this is another type.* Expected Bus or Taxi"):
        Ride(on=value)


def test_a_fault_inside_names_the_whole_way_to_it():
    with pytest.raises(SpecError, match=r"^Ride\.on\.seats: .*Got 'many'"):
        Ride(on={"kind": "bus", "seats": "many"})


def test_a_misspelt_field_inside_is_told_the_nearest_of_its_own_fields():
    with pytest.raises(SpecError, match=r"Training\.on: there is no field 'pythn'.*Did you mean 'python'") as caught:
        load_spec(Training, {"function": "a:b", "on": {"pythn": "x"}})
    assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("on", [LocalJob(python="py"), DockerJob("i", gpus=1), KubernetesJob("i", nodes=2)])
def test_a_stage_may_run_in_each_of_the_places(on):
    training = Training("a:b", on=on)
    assert load_spec(Training, dump_spec(training)) == training


def test_a_union_can_stand_alone():
    alone = TypeAdapter(Vehicle)
    assert alone.validate_python(alone.dump_python(Taxi(3), mode="json")) == Taxi(3)


def test_a_member_is_compiled_when_the_first_of_its_kind_comes_by():
    @spec
    class Rare:
        kind: Literal["rare"] = "rare"

    class Trip(Record):
        on: Annotated[Taxi | Rare, OneOf()]

    Trip(on=Taxi())
    assert Rare.__pydantic_complete__ is False
    assert Trip(on={"kind": "rare"}).on == Rare()
