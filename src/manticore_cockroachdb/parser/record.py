"""Record: a base for frozen values of which there are many kinds and many more values.

It is used like a dataclass that is frozen and takes its fields by name. Fifty dataclasses take
longer to make than the statements of most runs to parse, since each has its methods compiled;
here a class costs nothing beyond itself, and a value only the fields that it is given: a default
stays in the class.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, dataclass_transform


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Record:
    """Fields are the annotations of a class and of those it inherits from, in that order."""

    fields_: ClassVar[tuple[str, ...]] = ()
    """The names of all fields."""
    _known: ClassVar[frozenset[str]] = frozenset()
    _required: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        own = (name for name in cls.__annotations__ if name not in cls._known)
        cls.fields_ = (*cls.fields_, *own)
        cls._known = frozenset(cls.fields_)
        cls._required = frozenset(name for name in cls.fields_ if not hasattr(cls, name))

    def __init__(self, **values: Any) -> None:
        given = values.keys()
        if not self._required <= given <= self._known:
            wrong = sorted(self._required - given) or sorted(given - self._known)
            raise TypeError(f"{type(self).__name__}: missing or unknown: {', '.join(wrong)}")
        self.__dict__.update(values)

    @classmethod
    def made(cls, values: dict[str, Any]) -> Self:
        """A value of fields that are known to be right, for where there are many; keeps them."""
        self = cls.__new__(cls)
        object.__setattr__(self, "__dict__", values)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def replaced(self, **changes: Any) -> Self:
        """Return a value with some fields changed."""
        return type(self)(**{**self.__dict__, **changes})

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.fields_)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__ or self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), *self._values()))

    def __repr__(self) -> str:
        fields = (f"{name}={getattr(self, name)!r}" for name in self.fields_)
        return f"{type(self).__name__}({', '.join(fields)})"
