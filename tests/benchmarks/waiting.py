"""What a triggerer holds that waits for jobs: `waiting.py idle|ours|theirs FILE NAMESPACE SECONDS`, for `jobs.py`.

The triggers of all jobs run in one event loop for twice as many seconds. The last line says in JSON how much memory the
process held at the end, and how many requests a minute the API server had in the second half.
"""

import asyncio
import datetime as dt
import json
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

import psutil  # noqa: E402
from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger  # noqa: E402

from taxiway.core.jobs import JobKey  # noqa: E402
from taxiway.core.specs.jobs import KubernetesJob  # noqa: E402
from taxiway.hooks.jobs import Started  # noqa: E402
from taxiway.triggers.jobs import JobTrigger  # noqa: E402

asked: list[float] = []


def ours(told, namespace):
    job = Started(
        JobKey.load(told["key"]), told["handle"], KubernetesJob(told["image"], namespace=namespace), time.time()
    )
    return JobTrigger(taxiway_conn_id="taxiway_default", job=job.dump(), poll_s=5.0)


def theirs(told, namespace):
    return KubernetesPodTrigger(
        pod_name=told["handle"].rpartition("/")[2],
        pod_namespace=namespace,
        trigger_start_time=dt.datetime.now(tz=dt.UTC),
        base_container_name="base",
        kubernetes_conn_id="kubernetes_default",
    )


def count():
    """Notes each request that either client makes."""
    import kubernetes.client.rest as plain
    import kubernetes_asyncio.client.rest as asynchronous

    for module in (plain, asynchronous):
        request = module.RESTClientObject.request

        def counted(self, *args, _request=request, **kwargs):
            asked.append(time.monotonic())
            return _request(self, *args, **kwargs)

        module.RESTClientObject.request = counted


async def wait(triggers, seconds):
    running = [asyncio.ensure_future(anext(trigger.run())) for trigger in triggers]
    await asyncio.sleep(2 * seconds)
    early = [one for one in running if one.done()]
    assert not early, early[0].exception()
    for one in running:
        one.cancel()


def main() -> int:
    kind, file, namespace, seconds = *sys.argv[1:4], float(sys.argv[4])
    count()
    make = {"ours": ours, "theirs": theirs}.get(kind)
    triggers = [make(told, namespace) for told in json.loads(Path(file).read_text())] if make else []
    asyncio.run(wait(triggers, seconds))
    end = time.monotonic()
    held = psutil.Process().memory_info().rss / 2**20
    requests = sum(one > end - seconds for one in asked) * 60 / seconds
    sys.stdout.write(f"{json.dumps({'mib': held, 'requests': requests})}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
