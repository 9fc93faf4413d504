"""What a server fetches, keeps on its disk, and forgets."""

import os

from taxiway.runtime.serving.follower import Follower


def follower(field, folder):
    folder.mkdir(exist_ok=True)
    return Follower(field.uri, "flight-delay", folder)


def test_bytes_that_were_changed_on_the_servers_own_disk_are_fetched_again(field, tmp_path):
    model = field.moody().model
    for _ in range(2):
        place = follower(field, tmp_path / "cache").folder(model)
        file = place / "mood"
        assert not file.read_bytes().endswith(b" ")
        file.chmod(0o600)
        file.write_bytes(file.read_bytes() + b" ")


def test_what_was_half_fetched_when_a_server_was_killed_is_removed(tmp_path, field):
    half = tmp_path / "cache" / ".half"
    half.mkdir(parents=True)
    (half / "mood").write_text("{")
    follower(field, tmp_path / "cache")
    assert not half.exists()


def test_of_versions_that_are_not_used_the_last_two_stay_on_the_disk(field, tmp_path):
    fetching = follower(field, tmp_path / "cache")
    models = [field.moody(times=times).model for times in range(4)]
    for age, model in enumerate(models):
        os.utime(fetching.folder(model), (age, age))
    fetching.forget({models[0].digest})
    left = {place.name for place in (tmp_path / "cache").iterdir()}
    assert left == {models[number].digest.rpartition(":")[2] for number in (0, 2, 3)}
