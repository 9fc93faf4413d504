import os
import signal
import subprocess
import sys
import time

import pytest

from taxiway.runtime import process

pytestmark = pytest.mark.skipif(not process.LINUX, reason="only Linux tells about processes: run the tests on Linux")


@pytest.fixture
def sleeper():
    """A session of two processes: a shell and what it started; and another session below it."""
    code = "setsid sleep 60 & sleep 60 & echo ready; wait"
    leader = subprocess.Popen(["sh", "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    leader.stdout.readline()
    while len({each.session for each in process.descendants(leader.pid)}) < 2:
        time.sleep(0.005)
    yield leader
    process.vanish([*process.descendants(leader.pid), process.look(leader.pid)], 5) if leader.poll() is None else None
    leader.communicate()


def test_a_process_is_known_by_its_number_and_its_start():
    here = process.look(os.getpid())
    assert here.parent == os.getppid()
    assert here.session == os.getsid(0)
    assert here.started == process.started(os.getpid()) > 0


def test_descendants_are_found_in_whatever_session_they_are(sleeper):
    assert {each.session == sleeper.pid for each in process.descendants(sleeper.pid)} == {True, False}


def test_members_are_those_of_the_session(sleeper):
    since = process.started(sleeper.pid)
    assert {each.pid for each in process.members(sleeper.pid, since)} > {sleeper.pid}
    assert all(each.session == sleeper.pid for each in process.members(sleeper.pid, since))


def test_a_session_whose_number_was_given_to_another_process_has_no_members(sleeper):
    assert process.members(sleeper.pid, process.started(sleeper.pid) - 1) == []


def test_a_signal_does_not_reach_a_younger_process_of_the_same_number(sleeper):
    older = process.look(sleeper.pid)._replace(started=1)
    process.kill([older])
    assert process.look(sleeper.pid) is not None


def test_what_vanishes_is_gone(sleeper):
    everything = [process.look(sleeper.pid), *process.descendants(sleeper.pid)]
    assert process.vanish(everything, 5)
    assert process.gone(everything, 0)


def test_waiting_for_what_stays_ends_by_the_clock(sleeper):
    began = time.monotonic()
    assert not process.gone([process.look(sleeper.pid)], 0.05)
    assert time.monotonic() - began < 1


def test_a_mark_finds_what_was_started_with_it():
    marked = subprocess.Popen(["sleep", "60"], env={"MARK": "here", "PATH": os.environ["PATH"]})
    end = time.monotonic() + 5
    while not (found := process.marked("MARK=here")) and time.monotonic() < end:
        time.sleep(0.005)
    marked.kill()
    marked.wait()
    assert [each.pid for each in found] == [marked.pid]
    assert process.marked("MARK=here") == []


def test_a_zombie_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process.look(child.pid) is None
    child.wait()


def test_a_process_that_dies_with_its_parent_does():
    code = (
        "import os, signal, time\n"
        "from taxiway.runtime import process\n"
        "parent = os.getpid()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    process.die_with(parent)\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(60)\n"
        "signal.pause()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = process.look(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert process.gone([child], 5)
