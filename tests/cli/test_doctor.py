import json

import pytest
from typer.testing import CliRunner

from taxiway.cli.app import app
from taxiway.core.errors import SpecError


def doctor(*words):
    return CliRunner().invoke(app, ["doctor", *words])


def test_a_folder_can_be_trusted_and_nothing_is_left_in_it(tmp_path):
    result = doctor("--store", str(tmp_path), "--json")
    told = json.loads(result.output)
    assert (result.exit_code, told["sound"]) == (0, True)
    assert told["store"] == f"{tmp_path.as_uri()}/"
    assert all(finding["ok"] for finding in told["findings"])
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_person_reads_one_line_per_question(tmp_path):
    lines = doctor("--store", str(tmp_path)).output.splitlines()
    assert all(line.startswith("ok") for line in lines[:-1])
    assert lines[-1] == "All is well."


def test_a_place_that_is_no_folder_must_not_be_used(tmp_path):
    (tmp_path / "file").write_text("mine")
    result = doctor("--store", f"file://{tmp_path}/file/store")
    assert result.exit_code == 1
    assert "1 to mend" in result.output
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("place", ["s3:/models/prod", "S3:models", "s4://models", "file:relative"])
def test_a_misspelt_uri_is_refused_instead_of_made_a_folder(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=r"s3://bucket/prefix|absolute"):
        CliRunner().invoke(app, ["doctor", "--store", place], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("airflow")
def test_a_connection_to_slack_is_asked_and_nothing_is_sent(slack_connection):
    result = doctor("--slack", "slack_api_default")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0] == "ok    Slack takes the token of the connection 'slack_api_default'"
    assert result.output.splitlines()[-1] == "All is well."
    assert slack_connection.methods() == ["auth.test"]


@pytest.mark.usefixtures("airflow")
def test_a_wrong_token_a_missing_scope_and_no_connection_are_named(slack_connection):
    slack_connection.scopes -= {"files:write"}
    told = json.loads(doctor("--slack", "slack_api_default", "--json").output)
    assert [one["check"] for one in told["findings"] if not one["ok"]] == ["the app has the scope files:write"]
    slack_connection.token = "another"
    wrong = doctor("--slack", "slack_api_default")
    assert (wrong.exit_code, "does not know this token" in wrong.output) == (1, True)
    assert "there is no connection 'nowhere'" in doctor("--slack", "nowhere").output


@pytest.mark.usefixtures("airflow")
def test_a_webhook_says_that_it_cannot_be_asked(slack, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", slack.connection("slackwebhook"))
    assert (
        "?     Slack takes the token of the connection 'hook': An incoming webhook" in doctor("--slack", "hook").output
    )
    assert slack.calls == []


@pytest.mark.usefixtures("airflow")
def test_without_options_everything_that_is_there_is_asked_and_each_finding_has_its_remedy(
    slack_connection, monkeypatch
):
    slack_connection.token = "another"
    monkeypatch.delenv("AIRFLOW__TAXIWAY__STORE", raising=False)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:9")
    extra = {"kube_config": json.dumps(NOWHERE)}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps({"conn_type": "kubernetes", "extra": extra}))
    result = doctor("--json")
    findings = json.loads(result.stdout)["findings"]
    assert result.exit_code == 1
    assert [one["check"] for one in findings if not one["ok"]] == [
        "Airflow's API server at http://127.0.0.1:9 answers",
        "the cluster answers",
        "Slack takes the token of the connection 'slack_api_default'",
    ]
    assert all(one["remedy"] for one in findings if not one["ok"])
    assert "an object that exists is not created again" in [one["check"] for one in findings if one["ok"]]


NOWHERE = {
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "u", "user": {}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "x",
}


@pytest.mark.usefixtures("airflow")
def test_a_connection_without_a_store_is_one_finding_with_what_to_enter(monkeypatch):
    monkeypatch.delenv("AIRFLOW__TAXIWAY__STORE", raising=False)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AIRFLOW_CONN_TAXIWAY_DEFAULT", json.dumps({"conn_type": "taxiway"}))
    output = doctor().output
    assert "FAIL  the store of the connection 'taxiway_default' opens" in output
    assert "Do this: Edit the connection." in output
