"""The images of docker/, built for real and run as strictly as a cluster would run them."""

import json
from pathlib import Path

import pytest

import samples
from cluster.fixtures import build_image
from contract.runner import CODE, request
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
STRICT = (
    "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
)  # fmt: skip
LARGEST_MIB = 900
TOOLS = "gcc cc g++ make git curl wget uv pip"


@pytest.fixture(scope="module")
def bases(base_image, bare_image):
    return "--build-arg", f"BASE={bare_image}", "--build-arg", f"BUILDER={base_image}"


def test_the_job_image_explains_itself(docker_engine, job_image):
    said = docker_engine.docker("run", *STRICT, "--network", "none", job_image)
    assert "do one job" in said or "--key KEY" in said


def test_a_job_is_done_as_an_ordinary_user_with_a_read_only_root(docker_engine, job_image, tmp_path):
    asked = request("echo", (tmp_path / "store").as_uri()).model_copy(update={"sys_path": ("/code",)})
    mailbox = Mailbox(open_store(asked.store))
    mailbox.post(asked)
    for folder in ("store", "store/jobs", f"store/jobs/{asked.key.slug}"):
        (tmp_path / folder).chmod(0o777)
    volumes = ("--volume", f"{tmp_path / 'store'}:{tmp_path / 'store'}", "--volume", f"{CODE}:/code:ro")
    job = ("job", "--store", asked.store, "--key", asked.key.slug)
    said = docker_engine.docker("run", *STRICT, "--network", "none", *volumes, job_image, *job)
    assert said == "hello\n"
    assert mailbox.result(asked.key).record == asked.work


def test_a_job_whose_request_is_not_there_says_so_and_fails(docker_engine, job_image):
    job = ("job", "--store", "file:///tmp/store", "--key", samples.job_key(task_id="nobody").slug)
    with pytest.raises(AssertionError, match="there is no request for this job"):
        docker_engine.docker("run", *STRICT, "--network", "none", job_image, *job)


def test_the_user_has_a_number_and_a_name_and_is_not_root(docker_engine, job_image):
    assert docker_engine.docker("inspect", "--format", "{{.Config.User}}", job_image).strip() == "10001:10001"
    said = docker_engine.docker("run", *STRICT, "--entrypoint", "id", job_image)
    assert said.startswith("uid=10001(taxiway) gid=10001(taxiway)")


def test_nothing_in_the_image_can_be_changed_by_its_user(docker_engine, job_image):
    find = "find / -xdev ( -user 10001 -o -perm -o+w ! -perm -1000 ) ! -type l ! -path /dev/*"
    strict = ("--rm", "--user", "0:0", "--entrypoint", "")
    assert docker_engine.docker("run", *strict, job_image, *find.split()) == ""


def test_no_tool_is_left_that_builds_or_installs(docker_engine, job_image, bare_image):
    script = f"for tool in {TOOLS}; do command -v $tool; done; true"
    left, before = (
        docker_engine.docker("run", *STRICT, "--entrypoint", "", image, "sh", "-c", script)
        for image in (job_image, bare_image)
    )
    assert left == before
    with pytest.raises(AssertionError, match="No module named pip"):
        docker_engine.docker("run", *STRICT, "--entrypoint", "python", job_image, "-m", "pip")


def test_every_library_of_the_image_can_be_imported_and_no_bytecode_is_missing(docker_engine, job_image):
    script = """
import importlib, pathlib, pkgutil
for name in ("polars", "pandera.polars", "pyarrow.parquet", "sklearn.ensemble", "skops.io", "obstore", "scipy.stats"):
    importlib.import_module(name)
import taxiway
for module in pkgutil.walk_packages(taxiway.__path__, "taxiway."):
    if module.name.startswith(("taxiway.core", "taxiway.engines", "taxiway.stores", "taxiway.runtime")):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
sources = list(pathlib.Path(taxiway.__file__).parent.rglob("*.py"))
print(len(sources), sum(not list(one.parent.glob(f"__pycache__/{one.stem}.*.pyc")) for one in sources))
"""
    said = docker_engine.docker("run", *STRICT, "--entrypoint", "python", job_image, "-W", "error", "-c", script)
    modules, uncompiled = said.split()
    assert int(modules) > 50
    assert uncompiled == "0"


def test_the_image_is_small_and_its_layers_tell_nothing_of_where_it_was_built(docker_engine, job_image, bare_image):
    size = int(docker_engine.docker("inspect", "--format", "{{.Size}}", job_image))
    assert size < LARGEST_MIB << 20
    told = docker_engine.docker("history", "--no-trunc", "--format", "{{json .}}", job_image)
    config = docker_engine.docker("inspect", "--format", "{{json .Config}}", job_image)
    assert str(ROOT) not in told + config
    assert "PIP_INDEX" not in told + config
    base = json.loads(docker_engine.docker("inspect", "--format", "{{json .Config.Env}}", bare_image))
    ours = {one.partition("=")[0] for one in {*json.loads(config)["Env"]} - {*base}}
    assert ours <= {"PATH", "HOME", "LANG", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def test_a_new_version_of_taxiway_leaves_the_layer_of_the_libraries_as_it_was(docker_engine, job_image):
    layout = "{{.Size}} {{.CreatedBy}}"
    layers = docker_engine.docker("history", "--no-trunc", "--human=false", "--format", layout, job_image)
    copied = [int(line.split()[0]) for line in layers.splitlines() if "COPY " in line]
    package, libraries = copied
    assert package < 10 << 20 < libraries


def test_the_gpu_variant_asks_for_a_driver_and_the_other_does_not(docker_engine, job_image, bases):
    gpu = build_image(docker_engine, "job", "--target", "gpu", *bases, "--tag", "taxiway-job:test-gpu")
    variables = [docker_engine.docker("inspect", "--format", "{{.Config.Env}}", one) for one in (gpu, job_image)]
    assert ["NVIDIA_VISIBLE_DEVICES=all" in one for one in variables] == [True, False]


def test_an_image_that_does_not_exist_is_refused_with_the_ones_that_do(docker_engine):
    with pytest.raises(AssertionError, match=r"usage: docker/build job\|serve\|airflow"):
        build_image(docker_engine, "nonsense")
