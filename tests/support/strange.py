"""Values that nobody expects: strategies for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

WORDS = st.text(st.characters(), max_size=20)  # lone surrogates too, which JSON can spell
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.just(10**4000)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn, value: dict[str, Any], values: st.SearchStrategy[Any]) -> Any:
    """The object with some of its values replaced, left out or added."""
    changed = dict(value)
    for name in draw(st.lists(st.sampled_from(sorted(value)), max_size=4, unique=True)):
        if draw(st.booleans()):
            changed[name] = draw(values)
        else:
            del changed[name]
    return {**changed, **draw(st.dictionaries(WORDS, values, max_size=2))}
