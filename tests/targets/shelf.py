"""A cluster that is a shelf of objects."""

import copy

from taxiway.core.errors import BackendError
from taxiway.targets.manifests import SERVICE_LABEL, VERSION_LABEL

METRICS = 'taxiway_generation{{service="delays"}} {generation}\nprocess_start_time_seconds 1\n'


class Shelf:
    """Objects by kind and name, and what pods answer."""

    def __init__(self, *knows):
        self.objects, self.deleted, self.asked, self.knew = {}, [], [], knows
        self.answers, self.schemas, self.led = {}, {}, "taxiway-delays-v{}"

    def knows(self, kind):
        return kind in self.knew

    def schema(self, kind):
        return self.schemas.get(kind)

    def apply(self, _, body):
        self.objects[body["kind"], body["metadata"]["name"]] = copy.deepcopy(body)

    def get(self, kind, _, name):
        return self.objects.get((kind, name))

    def list(self, kind, _, **query):
        key, value = query["labelSelector"].split("=")
        return [
            one
            for (of, _), one in self.objects.items()
            if of == kind and one["metadata"].get("labels", {}).get(key) == value
        ]

    def delete(self, kind, _, name):
        self.deleted.append((kind, name))
        del self.objects[kind, name]

    def proxy(self, _, what, path, *body, **patience):
        self.asked.append((what, path, body, patience))
        if what not in self.answers:
            raise BackendError("the server did not answer", where=what)
        return self.answers[what]

    def pod(self, name, version=None, *, ready=True, generation=7, **status):
        labels = {SERVICE_LABEL: "taxiway-delays"} | ({VERSION_LABEL: version} if version else {})
        said = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}], **status}
        made = {"kind": "Pod", "metadata": {"name": name, "labels": labels}, "status": said}
        self.objects["Pod", name] = made
        service = self.led.format(version) if version else "taxiway-delays"
        slices = {"name": f"slice-{name}", "labels": {"kubernetes.io/service-name": service}}
        endpoints = [{"conditions": {"ready": ready}, "targetRef": {"name": name}}]
        self.objects["EndpointSlice", name] = {"metadata": slices, "endpoints": endpoints}
        self.answers[f"pods/http:{name}:8080"] = METRICS.format(generation=generation).encode()
        return made

    def selected(self):
        return self.objects["Service", "taxiway-delays"]["spec"]["selector"].get(VERSION_LABEL)
