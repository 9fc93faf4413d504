"""The evidence pack: everything that is known of a version in one zip that needs no Taxiway to be read or checked."""

import hashlib
import io
import json
import zipfile
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from taxiway.core.records import Record
from taxiway.core.rulings import DataRuling, Ruling
from taxiway.stores.rulings import Rulings
from taxiway.stores.runs import RunHistory
from taxiway.ui import render
from taxiway.ui.library import Library
from taxiway.ui.model import told
from taxiway.ui.shop import LibraryDep

router = APIRouter()
_RULINGS = 200


@router.get("/models/{name}/versions/{number}/evidence.zip")
def evidence(
    library: LibraryDep, name: Annotated[str, Path(max_length=100)], number: Annotated[int, Path(ge=1)]
) -> Response:
    """The pack of a version, to download."""
    data = pack(library, name, number)
    headers = {"Content-Disposition": f'attachment; filename="{name}-version-{number}-evidence.zip"'}
    return Response(data, media_type="application/zip", headers=headers)


def pack(library: Library, name: str, number: int) -> bytes:
    """The zip: a page for people, the records as JSON for machines, and the digests of all of it.

    The same evidence gives the same bytes.

    Raises:
        SpecError: there is no such version.
    """
    facts = told(library, name, number)
    files = {"index.html": render.standalone("pack.html", name=name, **facts).encode()}
    files |= {f"records/{key}.json": _json(value) for key, value in _records(library, name, facts).items()}
    files["SHA256SUMS"] = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items())
    ).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for path, data in sorted(files.items()):
            made.writestr(zipfile.ZipInfo(f"{name}-version-{number}/{path}"), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _records(library: Library, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The records by name; those that are not in the store are left out."""
    version = facts["version"]
    data, evaluated = version.model.trained_on, facts["report"].evaluated_on if facts["report"] else None
    snapshots = {one.digest for one in (data, evaluated) if one}
    datasets = {one.name for one in (data, evaluated) if one}
    rulings = Rulings(library.store, Ruling).newest(name, _RULINGS)
    found = {
        "version": version,
        "evaluation-report": facts["report"],
        "training-run": facts["run"],
        "profile": library.record(version.profile),
        "baseline": library.record(version.baseline),
        "commits": library.commits(name),
        "rulings": [one for one in rulings if one.clearance.subject == version.model.digest],
        "data-rulings": [
            one
            for dataset in sorted(datasets)
            for one in Rulings(library.store, DataRuling).newest(dataset, _RULINGS)
            if one.report.dataset.digest in snapshots
        ],
        "attempts": list(RunHistory(library.store).spent(version.run)),
    }
    return {key: value for key, value in found.items() if value is not None}


def _json(value: Record | list[Record]) -> bytes:
    plain = value.dump() if isinstance(value, Record) else [one.dump() for one in value]
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False).encode()
