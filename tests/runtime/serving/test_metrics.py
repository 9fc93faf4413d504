"""What a server counts, as Prometheus reads it, and what it logs; the names are those that rollouts read."""

from runtime.serving.kit import ROW, SERVICE, serving
from taxiway.core import traffic


def test_requests_latencies_batches_and_predictions_are_counted_by_version(field):
    field.serve(field.register("train_worse"), field.moody(), weight=50)
    with serving(field) as server:
        server.heard("taken up", generation=1)
        for _ in range(10):
            server.predict(ROW, ROW)
        server.predict({"hour": "x", "delay": 1})
        metrics = server.metrics()
    check_log(server.lines)

    def value(name, slot, version, **more):
        labels = {**more, "service": SERVICE, "slot": slot, "version": str(version)}
        inside = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))
        return metrics[f"{name}{{{inside}}}"]

    live, candidate = ("live", 1), ("candidate", 2)
    for who in (live, candidate):
        assert value(traffic.REQUESTS, *who, outcome="ok") == 5
        assert value(f"{traffic.SECONDS}_count", *who) in (5, 6)
        assert 0 < value(f"{traffic.SECONDS}_sum", *who) < 60
        assert value(f"{traffic.SECONDS}_bucket", *who, le="+Inf") in (5, 6)
        assert value("taxiway_predicted_rows_total", *who) == 10
        assert value("taxiway_batch_rows_count", *who) == 5
        assert value("taxiway_batch_rows_bucket", *who, le="2.0") == 5
        assert value(traffic.INVALID, *who) == 0
        assert value("taxiway_waiting_requests", *who) == 0
    refused = [value(traffic.REQUESTS, *who, outcome="refused") for who in (live, candidate)]
    assert sorted(refused) == [0, 1]
    labels = [name for name in metrics if name.startswith(traffic.LABELS)]
    assert [metrics[name] for name in labels] == [10]
    assert 'slot="live"' in labels[0]
    bins = {name: metrics[name] for name in metrics if name.startswith(f"{traffic.PREDICTIONS}_bucket")}
    moody = {name: count for name, count in bins.items() if 'version="2"' in name}
    assert list(moody.values()) == [10, 10]
    assert metrics[f'{traffic.GENERATION}{{service="{SERVICE}"}}'] == 1
    assert metrics[f'taxiway_desired_generation{{service="{SERVICE}"}}'] == 1
    assert len([name for name in metrics if name.startswith(f"{traffic.READY}{{") and "digest" in name]) == 2
    assert metrics[traffic.STARTED] > 0


def check_log(lines):
    """One JSON object a line, to its end."""
    assert {"said"}.isdisjoint(line["event"] for line in lines)
    assert all({"at", "level", "event"} <= line.keys() for line in lines)
    assert lines[-1]["event"] == "down"
