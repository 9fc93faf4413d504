"""Stores to test against: a folder, the memory, and a real S3 server where its program is installed."""

import uuid
from pathlib import Path

import pytest

from s3 import S3, s3
from taxiway.stores.objects import ObjectStore, open_store

__all__ = ["s3"]


@pytest.fixture
def folder_store(tmp_path: Path) -> ObjectStore:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def s3_store(s3: S3) -> ObjectStore:
    return open_store(s3.uri(), credentials=s3.options)


@pytest.fixture
def memory_store() -> ObjectStore:
    return open_store(f"memory://{uuid.uuid4().hex}")


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    return request.getfixturevalue(f"{request.param}_store")
