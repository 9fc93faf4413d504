import samples
from taxiway.core.counts import Reading
from taxiway.core.platforms import followers, revisions
from taxiway.core.serving import Phase

OLD, NEW = samples.target(1), samples.target(2)
TRIAL = samples.service_state(4, candidate=NEW, weight=5, phase=Phase.TRIAL)
LIVE = samples.service_state(4)


def at(generation, replica="a", **changes):
    return Reading(replica=replica, generation=generation, **changes)


def has(target, replica="a", slot="live", **changes):
    return Reading(replica=replica, ready={slot: target.model.digest}, **changes)


class TestReplicasThatFollow:
    def test_are_settled_when_all_have_taken_up_the_generation_or_a_later_one(self):
        sight = followers(TRIAL, [at(4, "a"), at(5, "b")], expected=2)
        assert (sight.settled, sight.detail, len(sight.readings)) == (True, "", 2)

    def test_are_not_while_one_is_behind(self):
        sight = followers(TRIAL, [at(4), at(3, "b")], expected=2)
        assert (sight.settled, sight.detail) == (False, "b is at generation 3 of 4")

    def test_are_not_while_one_is_missing(self):
        sight = followers(TRIAL, [at(4)], expected=2, unreachable=["b"])
        assert (sight.settled, sight.detail) == (False, "1 of 2 replicas answer")
        assert sight.unreachable == ("b",)

    def test_are_never_settled_when_there_are_none(self):
        assert not followers(TRIAL, [], expected=0).settled

    def test_say_why_the_candidate_can_never_be_ready(self):
        readings = [at(3, failed="version 2: golden"), at(4, "b")]
        assert followers(TRIAL, readings, expected=2).failed == "version 2: golden"
        assert followers(LIVE, readings, expected=2).failed == ""


class TestReplicasOfOneVersionEach:
    def test_are_settled_when_there_are_enough_of_each_version_in_service(self):
        readings = [("1", has(OLD)), ("2", has(NEW)), ("0", has(OLD, "old"))]
        assert revisions(TRIAL, readings, expected=1).settled
        assert revisions(LIVE, readings[:1], expected=1).settled

    def test_are_not_while_a_version_has_too_few(self):
        sight = revisions(TRIAL, [("1", has(OLD)), ("2", has(NEW)), ("1", has(OLD, "b"))], expected=2)
        assert sight.detail == "1 of 2 replicas of version 2 are ready"

    def test_are_not_while_one_has_other_bytes(self):
        sight = revisions(TRIAL, [("1", has(OLD)), ("2", has(OLD))], expected=1)
        assert sight.detail == "0 of 1 replicas of version 2 are ready"

    def test_say_why_the_candidate_can_never_be_ready(self):
        readings = [("1", has(OLD, failed="x")), ("2", Reading(replica="b", failed="version 2: integrity"))]
        assert revisions(TRIAL, readings, expected=1).failed == "version 2: integrity"
