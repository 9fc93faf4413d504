"""The chart's values: each is documented, and those that make no sense are refused before anything is rendered."""

import ast
import json
import re

import jsonschema
import pytest
import yaml

from helm import charts
from taxiway.core import traffic

ROOT = charts.CHART.parents[1]
GOOD = {"store": {"uri": "s3://models/"}}
WRONG = {
    "a misspelt name": ({"training": {"nmespace": {"name": "ml"}}}, "nmespace"),
    "a misspelt name far down": ({"serving": {"services": {"f": {"access": {"token": "t"}}}}}, "token"),
    "credentials in the store's URI": ({"store": {"uri": "s3://key:secret@models/"}}, "key:secret"),
    "a namespace with capitals": ({"training": {"namespace": {"name": "ML"}}}, "ML"),
    "a level of Pod Security that is none": ({"training": {"namespace": {"podSecurity": "strict"}}}, "strict"),
    "an account with blanks": ({"airflow": {"accounts": {"worker": "airflow worker"}}}, "airflow worker"),
    "an id of a connection with a dash": ({"airflow": {"connections": {"training": "my-cluster"}}}, "my-cluster"),
    "a rule without verbs": ({"training": {"extraRules": [{"apiGroups": [""], "resources": ["pods"]}]}}, "verbs"),
    "a quantity that is none": ({"training": {"quota": {"hard": {"pods": "many"}}}}, "many"),
    "a profile's field that Taxiway does not know": ({"training": {"profiles": {"a": {"gpu": 1}}}}, "gpu"),
    "half a GPU": ({"training": {"profiles": {"a": {"gpus": 0.5}}}}, "0.5"),
    "a priority class without a value": ({"training": {"priorityClasses": {"a": {}}}}, "value"),
    "a queue of nobody": ({"training": {"queues": {"a": {}}}}, "clusterQueue"),
    "an egress rule with a port alone": ({"training": {"networkPolicy": {"egress": [{"port": 9000}]}}}, "port"),
    "no replica": ({"serving": {"services": {"f": {"replicas": 0}}}}, "0"),
    "a service with an underscore": ({"serving": {"services": {"flight_delay": {}}}}, "flight_delay"),
    "an argument without dashes": ({"serving": {"services": {"f": {"args": ["predictors=2"]}}}}, "predictors=2"),
    "a flag as text": ({"check": {"enabled": "no"}}, "no"),
}


def merged(values):
    def over(below, above):
        both = {**below, **above}
        return {
            key: over(below[key], value) if isinstance(below.get(key), dict) and isinstance(value, dict) else value
            for key, value in both.items()
        }

    return over(charts.values(), over(GOOD, values))


def test_the_table_of_the_readme_is_that_of_the_values():
    is_now, should_be = charts.readme()
    assert is_now == should_be, "Run `python tests/helm/write.py` and commit what it wrote."
    assert is_now.count("\n| `") > 60


def test_every_value_has_a_comment():
    assert charts.undocumented() == []


def test_the_schema_is_one_and_takes_the_values_as_they_are_and_as_the_examples_change_them():
    jsonschema.Draft7Validator.check_schema(charts.schema())
    jsonschema.validate(charts.values(), charts.schema())
    for file in charts.SETS:
        given = merged(yaml.safe_load(file.read_text()))
        given["training"]["profiles"] = {key: one for key, one in given["training"]["profiles"].items() if one}
        jsonschema.validate(given, charts.schema())


@pytest.mark.parametrize("what", WRONG)
def test_the_schema_refuses(what):
    values, said = WRONG[what]
    with pytest.raises(jsonschema.ValidationError, match=re.escape(said)):
        jsonschema.validate(merged(values), charts.schema())


def test_every_object_of_the_schema_says_what_may_be_in_it():
    def objects(node, path):
        if isinstance(node, dict):
            if "properties" in node and node.get("additionalProperties", True) is not False:
                yield path
            for key, value in node.items():
                yield from objects(value, f"{path}/{key}")
        elif isinstance(node, list):
            for number, value in enumerate(node):
                yield from objects(value, f"{path}/{number}")

    assert list(objects(charts.schema(), "")) == []


def test_the_schema_knows_a_profile_as_taxiway_does():
    from taxiway.core.specs.resources import ResourceProfile

    known = set(charts.schema()["definitions"]["profile"]["properties"])
    assert known - {"template"} == set(ResourceProfile.__dataclass_fields__) - {"pod_template"}


def test_the_dashboard_asks_for_what_servers_count():
    tree = ast.parse((ROOT / "src/taxiway/runtime/serving/metrics.py").read_text())
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    counted = strings | {value for value in vars(traffic).values() if isinstance(value, str)}
    dashboard = json.loads((charts.CHART / "files/dashboard.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [one["query"] for one in dashboard["templating"]["list"]]
    names = {name.removesuffix("_bucket") for text in asked for name in re.findall(r"taxiway_\w+", text)}
    assert names - counted == set()
    assert len(names) > 8
