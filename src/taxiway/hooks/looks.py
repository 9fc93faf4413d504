"""Looks: short jobs that a sensor starts one after the other, each a job of its own."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taxiway.core.records import Record
from taxiway.core.specs.jobs import Where

if TYPE_CHECKING:
    from taxiway.core.jobs import JobKey
    from taxiway.hooks.store import TaxiwayHook


def once(
    hook: "TaxiwayHook", where: Where, context: Mapping[str, Any], work: tuple[str, Record], *, look: int
) -> dict[str, Any]:
    """The record of a short job that belongs to a task instance; the same look of the same try is done once.

    Args:
        hook: the store's.
        where: where it runs.
        context: the task's.
        work: the stage, and what it is given.
        look: 0, 1, 2, … of this try.

    Raises:
        JobFailed: it ended in a failure.
    """
    from taxiway.core.jobs import JobRequest, require_record
    from taxiway.hooks.jobs import Started, Watch, code_folders

    stage, asked = work
    access = hook.access(where)
    desk = access.desk
    key, result, _ = desk.attempt(_key(context["ti"], look))
    if result is None:
        request = JobRequest(
            key=key,
            stage=stage,
            work=asked.dump(),
            store=hook.place.uri,
            sys_path=code_folders(context["dag"], getattr(context["ti"], "bundle_instance", None)),
            deadline_s=where.deadline_s,
            gpus=access.gpus,
        )
        began = time.time()
        watch = Watch(desk, Started(key, desk.start(request), access.where, began), poll_s=1.0)
        while (result := watch.look()) is None:
            time.sleep(watch.pause_s())
    return require_record(result)


def _key(ti: Any, look: int) -> "JobKey":
    from taxiway.core.jobs import JobKey

    return JobKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=f"{ti.task_id}.look-{look}",
        map_index=-1 if ti.map_index is None else ti.map_index,
        generation=max(0, getattr(ti, "try_number", 1) or 0),
    )
