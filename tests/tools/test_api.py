"""The reference that is made from the docstrings."""

from __future__ import annotations

from tools import api


def test_every_public_method_says_what_it_does() -> None:
    page = api.page()
    for module, name, title in api.CLASSES:
        kind = getattr(api.import_module(f"manticore_cockroachdb.{module}"), name)
        assert f"## {title}\n" in page
        for method, member in api._methods(kind):
            assert f"### `{method}(" in page
            assert api._text(member), f"{name}.{method} has no docstring"
    assert "NotOneRow" in page
