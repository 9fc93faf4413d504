"""skops files whose bytes depend on the model alone, so that the same training gives the same digest.

skops numbers objects by where they happened to lie in memory and stamps its archive with the time.
"""

import io
import re
import zipfile

_ID = re.compile(r'"__id__": (\d+)')
_FILE = re.compile(r'"file": "([^"\\]+)"')
_SCHEMA = "schema.json"


def canonical(data: bytes) -> bytes:
    """The same skops file with objects and members numbered in the order they are mentioned, and no time in it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = archive.read(_SCHEMA).decode()
        ids = {old: new for new, old in enumerate(dict.fromkeys(_ID.findall(schema)), start=1)}
        names = {old: f"{new}.{old.rpartition('.')[2]}" for new, old in enumerate(dict.fromkeys(_FILE.findall(schema)))}
        schema = _ID.sub(lambda match: f'"__id__": {ids[match[1]]}', schema)
        schema = _FILE.sub(lambda match: f'"file": "{names[match[1]]}"', schema)
        members = {names[old]: archive.read(old) for old in names}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**members, _SCHEMA: schema.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()
