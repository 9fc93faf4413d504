"""Any valid value of any record or spec, made from its annotations."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from hypothesis import strategies as st
from pydantic import JsonValue
from pydantic.fields import FieldInfo

from taxiway.core import Tokens
from taxiway.core.names import Digest, EntryPoint, Name
from taxiway.core.records import Record
from taxiway.core.specs.jobs import Quantity

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)
DIGESTS = st.from_regex(r"[a-z0-9]{1,9}:[0-9a-f]{64}", fullmatch=True)
QUANTITIES = st.from_regex(r"[0-9]{1,3}(m|Gi)?", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ENTRY_POINTS = st.from_regex(r"[a-z_]{1,9}:[a-z_]{1,9}", fullmatch=True)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
WORDS = st.text("abc*<", min_size=1, max_size=9)
WEIGHTS = st.sets(st.integers(1, 99), max_size=3).map(lambda some: (*sorted(some), 100))
TOKENS = st.builds(Tokens, source=TEXT)
METRICS = st.sampled_from(("roc_auc", "log_loss", "my.module:metric"))
CHOSEN = {
    "Threshold": {"at_least": FLOATS, "at_most": st.none()},
    "Evaluation": {"metrics": st.just(("roc_auc", "my.module:metric"))},
    "KubernetesJob": {"image": st.from_regex(r"[a-z]{1,9}:[0-9]", fullmatch=True)},
    "SlackAlerts": {"channel": WORDS},
    "NotifierAlerts": {"text": WORDS},
    "Canary": {"weights": WEIGHTS},
    "Shadow": {"requests": st.integers(1, 9)},
    "BusinessMetric": {"at_least": FLOATS, "source": st.just("my.module:bookings")},
    "LocalServer": {"access": TOKENS, "certificate": st.none(), "certificate_key": st.none()},
    "DockerServer": {"access": TOKENS},
    "Alarm": {"confirm": st.integers(1, 3), "among": st.integers(3, 9)},
    "Retrain": {"below": st.dictionaries(METRICS, FLOATS, max_size=2)},
    "Monitoring": {"service": st.none(), "metric": st.none() | METRICS},
}
"""Fields that have to fit together."""
NUMBERS = {int: (-(2**31), 2**31), float: (-1e9, 1e9)}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Valid values of an annotation."""
    named = ((Name, NAMES), (Digest, DIGESTS), (EntryPoint, ENTRY_POINTS), (Quantity, QUANTITIES), (JsonValue, JSON))
    for known, strategy in named:
        if hint == known:
            return strategy
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _bounded(inner[0], inner[1:])
    return _plain(hint) if origin is None else _generic(origin, inner)


def instances(cls: type) -> st.SearchStrategy[Any]:
    """Valid instances of a record or spec class."""
    hints = typing.get_type_hints(cls, include_extras=True)
    if issubclass(cls, Record):
        names = list(cls.model_fields)
    else:
        names = [field.name for field in dataclasses.fields(cls) if field.name != "kind"]
    chosen = CHOSEN.get(cls.__name__, {})
    return st.builds(cls, **{name: chosen.get(name, values(hints[name])) for name in names})


def _generic(origin: Any, inner: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple and inner[-1] is not Ellipsis:
        return st.tuples(*(values(one) for one in inner))
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    if origin in (dict, Mapping):
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    assert origin in (typing.Union, types.UnionType), origin
    return st.one_of(*(values(one) for one in inner))


def _plain(hint: Any) -> st.SearchStrategy[Any]:
    table = {str: TEXT, int: st.integers(*NUMBERS[int]), float: FLOATS, bool: st.booleans(), type(None): st.none()}
    table[timedelta] = st.timedeltas(timedelta(seconds=1), timedelta(days=300))
    if hint in table:
        return table[hint]
    if hint is Any:
        return JSON
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return st.deferred(lambda: instances(hint))


def _bounded(kind: Any, notes: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if kind not in NUMBERS:
        return values(kind)
    rules = [rule for note in notes for rule in (note.metadata if isinstance(note, FieldInfo) else [note])]
    low, high = NUMBERS[kind]
    strategy = values(kind)
    for rule in rules:
        low = getattr(rule, "ge", getattr(rule, "gt", None)) if isinstance(rule, (Ge, Gt)) else low
        high = getattr(rule, "le", getattr(rule, "lt", None)) if isinstance(rule, (Le, Lt)) else high
    strategy = st.integers(low, high) if kind is int else st.floats(low, high)
    outside = [rule.gt for rule in rules if isinstance(rule, Gt)] + [rule.lt for rule in rules if isinstance(rule, Lt)]
    return strategy.filter(lambda number: number not in outside)
