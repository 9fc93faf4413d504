"""A user's module: what real jobs call, and what goes wrong in them. The work's parameters say where and how much."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path


def _parameters(work):
    return work.training.params


def _leave(work, job, text):
    """Leaves a sign of life: a line in a file, or, where the test cannot see our files, an object in the store."""
    given = _parameters(work)
    if "file" in given:
        with Path(given["file"]).open("a") as file:
            file.write(f"{text}\n")
    else:
        job.store.create(f"signs/{given['sign']}/{uuid.uuid4().hex}", str(text).encode())


def echo(work, job):
    print(_parameters(work).get("say", "hello"), flush=True)
    return work


def collects(work, job):
    import gc

    print("collects" if gc.isenabled() and gc.get_freeze_count() else "does not collect", flush=True)
    return work


def mark(work, job):
    """Leaves one sign per run, and takes a while."""
    _leave(work, job, os.getpid())
    time.sleep(_parameters(work).get("seconds", 0))
    return work


def surroundings(work, job):
    print(
        os.environ.get("COLOUR"), Path.cwd(), job.scratch.is_dir(), oct(job.scratch.stat().st_mode & 0o777), flush=True
    )
    (job.scratch / "big.bin").write_bytes(b"x")
    return work


def raises(work, job):
    message = "no such column: dep_delya"
    raise KeyError(message)


def gives_nothing(work, job):
    return None


def leaves(work, job):
    sys.exit(0)


def vanishes(work, job):
    os._exit(0)


def vanishes_loudly(work, job):
    print("it is over", flush=True)
    os._exit(3)


def dies(work, job):
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(work, job):
    _leave(work, job, os.getpid())
    while True:
        time.sleep(60)


def hangs_deaf(work, job):
    """Does not listen when it is asked to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hangs(work, job)


def hangs_tidily(work, job):
    """Cleans up when it is asked to stop."""
    try:
        hangs(work, job)
    finally:
        Path(_parameters(work)["file"]).with_suffix(".clean").touch()


def hoards(work, job):
    """Takes memory until there is none, 16 MiB at a time."""
    kept = []
    while True:
        kept.append(bytearray(16 << 20))
        time.sleep(_parameters(work).get("pause", 0))


def shouts(work, job):
    """Prints so many mebibytes, each line numbered."""
    line = b"%015d" + b"." * 1008 + b"\n"
    for number in range(_parameters(work)["mib"] * 1024):
        sys.stdout.buffer.write(line % number)
    sys.stdout.buffer.flush()
    return work


def babbles(work, job):
    """Prints what is no text."""
    sys.stdout.buffer.write("grüße ✈ ".encode() + b"\xff\xfe\x80 end\n")
    sys.stdout.buffer.flush()
    return work


def haunts(work, job):
    """Leaves a daemon of its own session behind, which holds on to the job's output."""
    code = f"import os, time; open({_parameters(work)['file']!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not Path(_parameters(work)["file"]).exists() or not Path(_parameters(work)["file"]).read_text():
        time.sleep(0.01)
    return work


def haunts_and_hangs(work, job):
    haunts(work, job)
    while True:
        time.sleep(60)


def loses_its_store(work, job):
    """Has a file where the store's folder was, as an unmounted disk would."""
    root = Path(_parameters(work)["root"])
    root.rename(root.with_suffix(".gone"))
    root.touch()
    return work


def stops(work, job):
    from taxiway.runtime.stopping import Stopped

    raise Stopped


def draws(work, job):
    import random

    import numpy as np

    print(random.random(), np.random.default_rng().random(), np.random.rand())  # noqa: NPY002 - the one that a fork inherits
    return work
