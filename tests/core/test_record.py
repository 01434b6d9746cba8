"""Records: frozen values like dataclasses."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.parser.record import Record


class Shape(Record):
    name: str
    sides: int = 4


class Square(Shape):
    name: str = "square"
    size: int


def test_fields_come_in_order_and_defaults_stay_in_the_class():
    assert Square.fields_ == ("name", "sides", "size")
    square = Square(size=2)
    assert (square.name, square.sides, square.size) == ("square", 4, 2)
    assert repr(square) == "Square(name='square', sides=4, size=2)"


def test_values_are_equal_by_kind_and_fields():
    assert Shape(name="a") == Shape(name="a", sides=4)
    assert hash(Shape(name="a")) == hash(Shape(name="a", sides=4))
    assert Shape(name="a") != Shape(name="a", sides=5)
    assert Shape(name="square") != Square(size=1)


@pytest.mark.parametrize("given", [{}, {"sides": 3}, {"name": "a", "colour": "red"}])
def test_a_field_is_missing_or_unknown(given):
    with pytest.raises(TypeError, match=r"Shape: missing or unknown: (name|colour)"):
        Shape(**given)


def test_a_value_does_not_change_but_another_can_be_made():
    shape = Shape(name="a")
    with pytest.raises(AttributeError):
        shape.name = "b"
    with pytest.raises(AttributeError):
        del shape.name
    assert shape.replaced(sides=3) == Shape(name="a", sides=3)
    assert shape == Shape(name="a")


def test_it_can_be_matched_by_name():
    match Square(size=3):
        case Shape(name=name, sides=4):
            assert name == "square"
        case _:
            raise AssertionError
