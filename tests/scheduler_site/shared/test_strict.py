"""Bodies are taken as they are meant or refused: JSON, unknown fields, types."""

import io
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.exceptions import ParseError, ValidationError

from scheduler_site.shared.strict_fields import Cores, JsonObject, Name, Switch, Text, TextObject, Whole
from scheduler_site.shared.strict_json import StrictJSONParser
from scheduler_site.shared.strict_serializers import RefuseUnknownFields


class Thing(RefuseUnknownFields):
    name = Name(max_length=5)
    count = Whole(0, 10, required=False)
    shown = Text(read_only=True)


def refused(data: Any) -> Any:
    serializer = Thing(data=data)
    assert not serializer.is_valid()
    return serializer.errors


def test_unknown_fields_are_named_beside_other_errors() -> None:
    errors = refused({"nam": "x", "count": 11})
    assert errors["nam"] == ["unknown field"]
    assert set(errors) == {"nam", "name", "count"}


def test_a_field_that_is_only_shown_cannot_be_set() -> None:
    assert refused({"name": "x", "shown": "y"}) == {"shown": ["unknown field"]}


def test_a_key_that_cannot_be_sent_back_is_escaped() -> None:
    assert refused({"name": "x", "\ud800": 1}) == {"\\ud800": ["unknown field"]}


@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_must_be_an_object(body: Any) -> None:
    assert "non_field_errors" in refused(body) or body is None


def parse(body: bytes) -> Any:
    return StrictJSONParser().parse(io.BytesIO(body))


def test_good_json_is_read() -> None:
    assert parse(b'{"a": [1, 2.5, "\\u00e9"], "b": {"a": null}}') == {"a": [1, 2.5, "é"], "b": {"a": None}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": -1e999}', "too large"),
        (b'{"a": 1, "a": 2}', "'a' is given twice"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"{", "not JSON"),
    ],
)
def test_doubtful_json_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(ParseError, match=words.replace("(", r"\(")):
        parse(body)


@pytest.mark.parametrize("value", [True, "3", 3.0, None, [], {}])
def test_whole_numbers_only(value: Any) -> None:
    with pytest.raises(ValidationError):
        Whole(0, 10).run_validation(value)


@pytest.mark.parametrize("value", [10**400, -(10**400), 11, -1])
def test_whole_numbers_have_bounds(value: int) -> None:
    with pytest.raises(ValidationError):
        Whole(0, 10).run_validation(value)


@pytest.mark.parametrize(("value", "cores"), [(2, "2"), (0.5, "0.5"), (1.25, "1.25"), (3.0, "3"), (0.1, "0.1")])
def test_cores_are_decimals(value: float, cores: str) -> None:
    assert Cores().run_validation(value) == Decimal(cores)


@pytest.mark.parametrize("value", [True, "2", 0.125, -1, 1e300, 10**400, float("nan"), float("inf"), [], None])
def test_cores_refuse_the_rest(value: Any) -> None:
    with pytest.raises(ValidationError):
        Cores().run_validation(value)


def test_cores_stay_whole_in_json() -> None:
    shown = [Cores().to_representation(Decimal(text)) for text in ("2.00", "0.50")]
    assert shown == [2, 0.5]
    assert isinstance(shown[0], int)


@pytest.mark.parametrize("value", [1, 0, "true", "yes", []])
def test_switches_are_true_or_false(value: Any) -> None:
    with pytest.raises(ValidationError):
        Switch().run_validation(value)


@pytest.mark.parametrize("value", [1, True, ["a"], "a\0b", "\ud800"])
def test_text_is_text(value: Any) -> None:
    with pytest.raises(ValidationError):
        Text().run_validation(value)


def test_text_is_kept_as_it_came() -> None:
    assert Text().run_validation("  echo\r\n") == "  echo\r\n"
    assert Text().run_validation("") == ""


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return {"a": value}


@pytest.mark.parametrize("value", [[], "a", {"a": "\0"}, {"\0": 1}, {"a": ["\ud800"]}, {"\udc00": 1}, nested(40)])
def test_objects_must_be_storable(value: Any) -> None:
    with pytest.raises(ValidationError):
        JsonObject().run_validation(value)


def test_objects_keep_their_values() -> None:
    value = {"a": [1, None, {"b": "é"}], "big": 10**30}
    assert JsonObject().run_validation(value) == value
    assert JsonObject().run_validation(nested(20)) == nested(20)


def test_text_objects_name_the_wrong_value() -> None:
    assert TextObject().run_validation({"A": "1"}) == {"A": "1"}
    with pytest.raises(ValidationError, match="value of B must be text, not a whole number"):
        TextObject().run_validation({"A": "1", "B": 2})
