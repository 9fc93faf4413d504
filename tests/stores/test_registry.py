import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import samples
from taxiway.core.errors import Conflict, DeadlineExceeded, GateRefused, IntegrityError, SpecError
from taxiway.core.names import canonical
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import CHALLENGER, Commit, ModelVersion, Point, Yank
from taxiway.core.training import Environment, TrainingRun
from taxiway.stores.objects import ObjectStore
from taxiway.stores.registry import Registry
from taxiway.stores.runs import RunHistory

NAME = "flight-delay"
BY = samples.author()
HEAD = f"heads/models/{NAME}.json"


@pytest.fixture
def registry(store: ObjectStore) -> Registry:
    return Registry(store)


def model(number: int) -> Any:
    return samples.model_ref(digest=f"folder-sha256:{number:064x}")


def register(registry: Registry, number: int, **changes: Any) -> ModelVersion:
    ref = model(number)
    values = {
        "run": f"run-{number}",
        "verdicts": (samples.verdict(ref),),
        "metrics": {"roc_auc": 0.8},
        "report": f"sha256:{samples.hexes('b')}",
        "by": BY,
    }
    return registry.register(ref, **{**values, **changes})


def entry(number: int) -> str:
    return f"models/{NAME}/log/{number:020}.json"


class TestTheLifeOfAModel:
    def test_nothing_is_known_of_a_model_without_a_history(self, registry: Registry) -> None:
        assert registry.state(NAME).last_number == 0
        assert registry.resolve(NAME, "champion") is None
        assert registry.history(NAME) == registry.versions(NAME) == registry.models() == []

    def test_versions_are_numbered_from_one(self, registry: Registry) -> None:
        assert [register(registry, number).number for number in (7, 5, 9)] == [1, 2, 3]
        assert [version.run for version in registry.versions(NAME)] == ["run-7", "run-5", "run-9"]
        assert registry.version(NAME, 2).model == model(5)
        assert registry.models() == [NAME]

    def test_the_same_bytes_have_one_number(self, registry: Registry) -> None:
        first = register(registry, 1)
        register(registry, 2)
        assert register(registry, 1, run="again") == first
        assert len(registry.history(NAME)) == 2

    def test_only_cleared_models_get_a_number(self, registry: Registry) -> None:
        for verdicts in ((), (samples.verdict(model(1), Outcome.INCONCLUSIVE),), (samples.verdict(model(2)),)):
            with pytest.raises(GateRefused):
                register(registry, 1, verdicts=verdicts)
        assert registry.models() == []

    def test_a_promotion_moves_the_alias_once(self, registry: Registry) -> None:
        register(registry, 1)
        commit = registry.promote(NAME, 1, by=BY)
        assert commit is not None
        assert commit.by == BY
        assert registry.promote(NAME, 1, by=BY) is None
        assert registry.promote(NAME, 1, by=BY, expected=0) is None
        champion = registry.resolve(NAME, "champion")
        assert champion is not None
        assert (champion.number, champion.model) == (1, model(1))
        assert registry.resolve(NAME, CHALLENGER) is None
        assert len(registry.history(NAME)) == 2

    def test_a_promotion_that_expected_another_champion_is_refused(self, registry: Registry) -> None:
        for number in (1, 2, 3):
            register(registry, number)
        registry.promote(NAME, 1, by=BY, expected=0)
        registry.promote(NAME, 2, by=BY, expected=1)
        with pytest.raises(Conflict, match="moved by somebody else"):
            registry.promote(NAME, 3, by=BY, expected=1)
        with pytest.raises(Conflict):
            registry.promote(NAME, 3, by=BY, expected=0)

    def test_what_does_not_exist_is_not_promoted(self, registry: Registry) -> None:
        for number in (1, 0, -1):
            with pytest.raises(SpecError, match="no version yet"):
                registry.promote(NAME, number, by=BY)
        register(registry, 1)
        with pytest.raises(SpecError, match="Expected 1 to 1"):
            registry.promote(NAME, 2, by=BY)

    def test_a_rollback_goes_back_step_by_step(self, registry: Registry) -> None:
        for number in (1, 2, 3):
            register(registry, number)
            registry.promote(NAME, number, by=BY)
        assert [change.to for _ in range(2) if isinstance(change := registry.rollback(NAME, by=BY).change, Point)] == [
            2,
            1,
        ]
        with pytest.raises(SpecError, match="no earlier version"):
            registry.rollback(NAME, by=BY)

    def test_a_rollback_that_is_tried_again_by_its_task_happens_once(self, registry: Registry) -> None:
        for number in (1, 2, 3):
            register(registry, number)
            registry.promote(NAME, number, by=BY)
        task = samples.author(dag_id="flight-delay.rollback", run_id="manual__1", task_id="rollback")
        first = registry.rollback(NAME, by=task)
        register(registry, 4)
        assert registry.rollback(NAME, by=task) == first
        assert registry.rollback(NAME, by=samples.author(run_id="manual__2")).change.to == 1  # type: ignore[union-attr]

    def test_a_rollback_to_a_number_happens_once(self, registry: Registry) -> None:
        for number in (1, 2, 3):
            register(registry, number)
            registry.promote(NAME, number, by=BY)
        assert registry.rollback(NAME, by=BY, to=1) == registry.rollback(NAME, by=BY, to=1)
        champion = registry.resolve(NAME)
        assert champion is not None
        assert champion.number == 1

    def test_a_yanked_version_is_not_promoted_again(self, registry: Registry) -> None:
        for number in (1, 2):
            register(registry, number)
            registry.promote(NAME, number, by=BY)
        assert registry.yank(NAME, 1, by=BY) == registry.yank(NAME, 1, by=BY)
        with pytest.raises(GateRefused, match="was yanked"):
            registry.promote(NAME, 1, by=BY)
        with pytest.raises(SpecError, match="no earlier version"):
            registry.rollback(NAME, by=BY)
        with pytest.raises(SpecError, match="no such version"):
            registry.yank(NAME, 3, by=BY)

    def test_models_do_not_mix(self, registry: Registry) -> None:
        register(registry, 1)
        other = samples.model_ref(name="other")
        verdicts = (samples.verdict(other),)
        assert registry.register(other, run="r", verdicts=verdicts, metrics={}, report=None, by=BY).number == 1
        assert registry.models() == [NAME, "other"]
        assert registry.state(NAME).last_number == 1

    @pytest.mark.parametrize("name", ["../x", "", "a/b", "a b", "n" * 300, "<!channel>", "日本"])
    def test_a_hostile_name_is_refused(self, memory_store: ObjectStore, name: str) -> None:
        with pytest.raises(SpecError, match="a name must be usable"):
            Registry(memory_store).state(name)

    def test_versions_are_compared_with_their_runs(self, registry: Registry, store: ObjectStore) -> None:
        for number in (1, 2):
            register(registry, number, metrics={"roc_auc": 0.7 + number / 100})
        assert registry.compare(NAME, 1, 2).params is None
        for number in (1, 2):
            RunHistory(store).writer(f"run-{number}").finish(run(number))
        comparison = registry.compare(NAME, 1, 2)
        assert comparison.metrics == {"roc_auc": (0.71, 0.72)}
        assert comparison.params == {"depth": (1, 2)}
        assert comparison.packages == {"polars": ("1", "2")}


def run(number: int) -> TrainingRun:
    environment = Environment(python="3.11", platform="linux", packages={"polars": str(number), "same": "1"})
    return TrainingRun(
        run=f"run-{number}",
        model=model(number),
        params={"depth": number, "same": True},
        metrics={},
        environment=environment,
        seed=0,
        seconds=1.0,
        peak_memory_bytes=1,
    )


@pytest.fixture
def life(registry: Registry) -> list[Commit]:
    """Five versions, each promoted, and the history of it."""
    for number in range(1, 6):
        register(registry, number)
        registry.promote(NAME, number, by=BY)
    return registry.history(NAME)


class TestWhatCanBeLost:
    @pytest.mark.parametrize("hint", [b"", b"{", b"null", b'{"kind":"Commit","v":99}', b"\xff" * 100])
    def test_a_broken_hint_changes_nothing(
        self, registry: Registry, store: ObjectStore, life: list[Commit], hint: bytes
    ) -> None:
        store.replace(HEAD, hint)
        self.still_right(registry, store, life)

    def test_a_lost_hint_changes_nothing(self, registry: Registry, store: ObjectStore, life: list[Commit]) -> None:
        store.delete(HEAD)
        self.still_right(registry, store, life)

    @pytest.mark.parametrize("number", range(1, 11))
    def test_an_old_hint_changes_nothing(
        self, registry: Registry, store: ObjectStore, life: list[Commit], number: int
    ) -> None:
        store.replace(HEAD, store.get(entry(number)))
        self.still_right(registry, store, life)

    def test_a_hint_that_is_ahead_of_the_log_is_not_believed(
        self, registry: Registry, store: ObjectStore, life: list[Commit]
    ) -> None:
        store.replace(HEAD, canonical({**json.loads(store.get(entry(10))), "number": 99}))
        self.still_right(registry, store, life)

    def test_a_hint_that_lies_about_the_newest_entry_is_not_believed(
        self, registry: Registry, store: ObjectStore, life: list[Commit]
    ) -> None:
        lie = life[-1].model_copy(update={"state": life[3].state})
        store.replace(HEAD, canonical(lie.dump()))
        self.still_right(registry, store, life)

    def test_a_hint_of_another_model_is_not_believed(
        self, registry: Registry, store: ObjectStore, life: list[Commit]
    ) -> None:
        store.replace(HEAD, canonical({**json.loads(store.get(entry(3))), "model": "other"}))
        self.still_right(registry, store, life)

    @pytest.mark.parametrize("hint", [None, 1, 6])
    def test_pointers_that_a_killed_writer_did_not_make_are_made_by_the_next(
        self, registry: Registry, store: ObjectStore, life: list[Commit], hint: int | None
    ) -> None:
        if hint:
            store.replace(HEAD, store.get(entry(hint)))
        else:
            store.delete(HEAD)
        lost = [v for v in registry.versions(NAME) if not hint or v.number > (hint + 1) // 2]
        for version in lost:
            store.delete(f"models/{NAME}/versions/{version.number}.json")
            store.delete(f"models/{NAME}/digests/{version.model.digest.replace(':', '/')}.json")
        self.still_right(registry, store, life)

    @pytest.mark.usefixtures("life")
    def test_everything_that_can_be_lost_is_made_again(self, registry: Registry, store: ObjectStore) -> None:
        before = {info.path: store.get(info.path) for info in store.list("models/")}
        for path in before:
            if "/log/" not in path:
                store.delete(path)
        registry.repair(NAME)
        assert {info.path: store.get(info.path) for info in store.list("models/")} == before

    def still_right(self, registry: Registry, store: ObjectStore, life: list[Commit]) -> None:
        champion = registry.resolve(NAME)
        assert champion is not None
        assert champion.number == 5
        assert [registry.version(NAME, number).number for number in range(1, 6)] == [1, 2, 3, 4, 5]
        assert registry.history(NAME) == life
        assert register(registry, 4).number == 4
        assert register(registry, 6).number == 6
        assert registry.history(NAME)[:-1] == life
        assert store.get(HEAD) == store.get(entry(len(life) + 1))


class TestWhatMustNotBeLost:
    @pytest.mark.usefixtures("life")
    def test_a_missing_entry_is_named(self, registry: Registry, store: ObjectStore) -> None:
        store.delete(entry(4))
        with pytest.raises(IntegrityError, match=entry(4)):
            registry.history(NAME)
        store.delete(HEAD)
        for ask in (registry.state, lambda _: register(registry, 9)):
            with pytest.raises(IntegrityError, match="entry 4 of the registry's log is missing"):
                ask(NAME)

    def test_a_rewritten_entry_is_named(self, registry: Registry, store: ObjectStore, life: list[Commit]) -> None:
        forged = life[3].model_copy(update={"by": samples.author(who="mallory")})
        store.replace(entry(4), canonical(forged.dump()))
        with pytest.raises(IntegrityError, match=entry(5)):
            registry.history(NAME)

    def test_a_newest_entry_with_a_forged_state_is_named(
        self, registry: Registry, store: ObjectStore, life: list[Commit]
    ) -> None:
        forged = life[-1].model_copy(update={"state": life[3].state})
        store.replace(entry(10), canonical(forged.dump()))
        with pytest.raises(IntegrityError, match="entry 10 says another state"):
            registry.history(NAME)

    @pytest.mark.usefixtures("life")
    def test_an_entry_of_another_model_is_named(self, registry: Registry, store: ObjectStore) -> None:
        store.replace(entry(10), store.get(entry(9)))
        with pytest.raises(IntegrityError, match=entry(10)):
            registry.state(NAME)

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"kind":"Commit","v":1}'])
    @pytest.mark.usefixtures("life")
    def test_a_broken_entry_is_named(self, registry: Registry, store: ObjectStore, data: bytes) -> None:
        store.replace(entry(10), data)
        with pytest.raises(IntegrityError, match=entry(10)):
            registry.state(NAME)

    @pytest.mark.usefixtures("life")
    def test_an_entry_of_a_newer_version_is_explained(self, registry: Registry, store: ObjectStore) -> None:
        newer = {**json.loads(store.get(entry(10))), "number": 11, "v": Commit.version + 1, "added": 1}
        store.create(entry(11), canonical(newer))
        with pytest.raises(SpecError, match="written by another version of Taxiway"):
            registry.state(NAME)

    @pytest.mark.usefixtures("life")
    def test_a_pointer_that_points_elsewhere_is_not_followed(self, registry: Registry, store: ObjectStore) -> None:
        pointer = f"models/{NAME}/versions/2.json"
        for lie in (canonical({"commit": 1}), canonical({"commit": 77}), canonical({"commit": 2}), b"3", b"{}"):
            store.replace(pointer, lie)
            with pytest.raises(IntegrityError, match=pointer):
                registry.version(NAME, 2)


class TestWritersAtOnce:
    def test_two_registrations_never_get_one_number(self, store: ObjectStore) -> None:
        with ThreadPoolExecutor(6) as pool:
            numbers = list(pool.map(lambda number: register(Registry(store), number).number, range(18)))
        assert sorted(numbers) == list(range(1, 19))
        assert len(Registry(store).history(NAME)) == 18

    def test_the_same_bytes_registered_at_once_have_one_number(self, store: ObjectStore) -> None:
        with ThreadPoolExecutor(6) as pool:
            numbers = set(pool.map(lambda _: register(Registry(store), 1).number, range(6)))
        assert numbers == {1}
        assert len(Registry(store).history(NAME)) == 1

    def test_of_two_promotions_that_expect_the_same_champion_one_wins(self, store: ObjectStore) -> None:
        for number in (1, 2, 3, 4):
            register(Registry(store), number)

        def promote(number: int) -> bool:
            try:
                return Registry(store).promote(NAME, number, by=BY, expected=0) is not None
            except Conflict:
                return False

        with ThreadPoolExecutor(4) as pool:
            won = list(pool.map(promote, (1, 2, 3, 4)))
        champion = Registry(store).resolve(NAME)
        assert champion is not None
        assert [number for number, own in zip((1, 2, 3, 4), won, strict=True) if own] == [champion.number]

    def test_a_writer_that_always_loses_gives_up_by_the_clock(
        self, memory_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = Registry(memory_store, deadline_s=0.2)
        register(registry, 1)
        create = ObjectStore.create
        rival = {"id": "rival", "change": Yank(number=1).model_dump(), "state": registry.state(NAME).model_dump()}

        def outrun(self: ObjectStore, path: str, data: bytes) -> bool:
            if "/log/" in path:
                create(self, path, canonical({**json.loads(data), **rival}))
            return create(self, path, data)

        monkeypatch.setattr(ObjectStore, "create", outrun)
        with pytest.raises(DeadlineExceeded, match="other writers were always faster"):
            register(registry, 2)
