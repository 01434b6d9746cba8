"""The statements that make what Django's models say, as its schema editor writes them."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_OURS = ("postgresql", "postgis", "cockroachdb")


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request: ``database`` holds the parameters of an empty one to be asked."""
    conf = import_module("django.conf")
    databases = conf.settings.DATABASES
    usual: dict[str, Any] = dict(databases.get("default", {}))
    if not str(usual.get("ENGINE", "")).endswith(_OURS):
        usual.clear()
        usual["ENGINE"] = "django.db.backends.postgresql"
    usual["OPTIONS"] = {"sslmode": request["database"].get("sslmode", "prefer")}
    names = {"NAME": "dbname", "HOST": "host", "PORT": "port", "USER": "user"}
    for name, key in (*names.items(), ("PASSWORD", "password")):
        usual[name] = request["database"].get(key, "")
    databases["default"] = usual
    import_module("django").setup()
    apps = import_module("django.apps").apps
    connection = import_module("django.db").connections["default"]
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        for model in apps.get_models(include_auto_created=False):
            if model._meta.managed and not model._meta.proxy and not model._meta.swapped:
                editor.create_model(model)
    return {"statements": editor.collected_sql, "schemas": []}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    sys.path.insert(0, "")
    Path(asked["answer"]).write_text(json.dumps(main(asked)), encoding="utf-8")
