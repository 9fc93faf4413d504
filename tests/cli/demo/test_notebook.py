import pytest

import samples
from taxiway.core import NotifierAlerts

pytestmark = pytest.mark.usefixtures("airflow")


def test_what_people_are_told_is_in_a_file_one_notice_behind_the_other(tmp_path):
    from taxiway.core.delivery import Letter
    from taxiway.hooks.notifiers import NotifierChannel

    file = tmp_path / "told.txt"
    to = NotifierAlerts("taxiway.cli.demo.notebook:Notebook", {"file": str(file)}, text="text")
    channel = NotifierChannel(to)
    for number, title in enumerate(("it begins", "it ends"), start=1):
        channel.send((Letter(notice=samples.notice(number, title=title), to=to),), again=False)
    assert [
        part.splitlines()[0].endswith(title)
        for part, title in zip(
            file.read_text(encoding="utf-8").strip().split("\n\n"), ("it begins", "it ends"), strict=True
        )
    ] == [True, True]
