"""Shapes of plain values, written by hand, and random changes of them; and a writer of TOML.

A schema is a predicate, a list (of any length, its only entry the schema of each item), a tuple of alternatives, or a
table: "key!" must be there, "*" stands for every other key.
"""

import copy
import datetime
import json
import math

from hypothesis import strategies as st


def integer(value):
    return type(value) is int and abs(value) < 2**63


def number(value):
    return type(value) in (int, float) and math.isfinite(value)


def text(value):
    return isinstance(value, str)


def boolean(value):
    return isinstance(value, bool)


def anything(_):
    return True


def matches(value, schema):
    """Tell whether a value has the shape of a schema."""
    if isinstance(schema, tuple):
        return any(matches(value, one) for one in schema)
    if isinstance(schema, list):
        return isinstance(value, list) and all(matches(item, schema[0]) for item in value)
    if isinstance(schema, dict):
        required = {key[:-1] for key in schema if key.endswith("!")}
        entries = {key.removesuffix("!"): one for key, one in schema.items()}
        if not isinstance(value, dict) or not required <= set(value):
            return False
        allowed = all(key in entries or "*" in entries for key in value)
        return allowed and all(matches(item, entries.get(key, entries.get("*"))) for key, item in value.items())
    return schema(value)


def like(value):
    """Make the schema of values of the same keys and types; None stands for an integer that is left out."""
    if isinstance(value, dict):
        return {key: like(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return lambda other: isinstance(other, list) and len(other) == len(value) and all(map(number, other))
    if value is None:
        return lambda other: other is None or integer(other)
    return {bool: boolean, int: integer, float: number, str: text}[type(value)]


SCALARS = (
    st.booleans(),
    st.sampled_from([-1, 0, 1, 2, 3, 7, 100, 2**31, 2**63, 10**30]),
    st.sampled_from([0.5, -1.0, 1e-300, 1e300, math.inf, math.nan]),
    st.sampled_from(["", "a", "linear", "digits", "random", "default", "quick", "growth.additions", "a.b", "[1]"]),
)
NAMES = st.sampled_from(["a", "", "base", "lines", "seed", "world", "seeds", "set", "quick", "growth.initial", "*"])


def values(*more):
    """Draw any small value of the common scalars and of `more`."""
    return st.recursive(
        st.one_of(*SCALARS, *more),
        lambda items: st.lists(items, max_size=3) | st.dictionaries(NAMES, items, max_size=3),
        max_leaves=4,
    )


JSON, TOML = values(st.none()), values(st.just(datetime.date(2026, 1, 31)))  # TOML has dates, but no null


def places(value, path=()):
    """List the paths of all nodes of a value, itself first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@st.composite
def changed(draw, valid, new):
    """Replace, remove or add one or two nodes of a valid value; as JSON, the whole may be replaced, too."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 2))):
        if new is JSON and draw(st.integers(0, 19)) == 0:
            return draw(new)
        path = draw(st.sampled_from(places(value)[1:] or [()]))
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        target = holder[path[-1]] if path else value
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "add" and isinstance(target, dict):
            target[draw(NAMES)] = draw(new)
        elif action == "add" and isinstance(target, list):
            target.append(draw(new))
        elif path and action == "remove":
            del holder[path[-1]]
        elif path:
            holder[path[-1]] = draw(new)
    return value


def toml(tables):
    """Write tables as a TOML file, all but the outermost inline; None is left out."""
    return "".join(f"{json.dumps(key)} = {_inline(item)}\n" for key, item in tables.items() if item is not None)


def _inline(value):
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_inline(item)}" for key, item in value.items() if item is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return value.isoformat() if isinstance(value, datetime.date) else json.dumps(value)
