"""The reference that is made from the docstrings."""

from __future__ import annotations

from tools import api


def test_every_public_method_says_what_it_does() -> None:
    page = api.page()
    for module, name, title in api.CLASSES:
        kind = getattr(api.import_module(f"manticore_cockroachdb.{module}"), name)
        assert f"## {title}\n" in page
        for method, member in api.methods(kind):
            assert f"### {method}\n\n```python\n{method}(" in page
            assert api.text(member), f"{name}.{method} has no docstring"
    assert "NotOneRow" in page


def test_a_long_signature_has_a_parameter_a_line() -> None:
    def short(self: object, a: int, *, b: str = "x") -> None: ...

    def long(
        self: object,
        first_of_all: int,
        *rest: str,
        what_comes_after_that: str = "x",
        and_what_comes_last_of_all: float | None = None,
    ) -> list[str]: ...

    assert api.signature("short", short) == "short(a: int, *, b: str = x) -> None"
    assert api.signature("long", long) == (
        "long(\n    first_of_all: int,\n    *rest: str,\n    what_comes_after_that: str = x,\n"
        "    and_what_comes_last_of_all: float | None = None,\n) -> list[str]"
    )
