"""What other migration tools' directories look like: the smallest that each tool itself accepts."""

from __future__ import annotations

from pathlib import Path

UP = "CREATE TABLE IF NOT EXISTS users (id INT8 PRIMARY KEY, name TEXT);\n"
DOWN = "DROP TABLE IF EXISTS users;\n"

DIRECTORIES: dict[str, dict[str, str]] = {
    "golang-migrate": {"1_users.up.sql": UP, "1_users.down.sql": DOWN},
    "golang-migrate without a way back": {"1_users.up.sql": UP},
    "sqlx": {"1_users.up.sql": f"-- no-transaction\n{UP}", "1_users.down.sql": DOWN},
    "sqlx, one file": {"1_users.sql": f"-- no-transaction\n{UP}"},
    "pop": {"20240101000000_users.cockroach.up.sql": UP, "20240101000000_users.down.sql": DOWN},
    "pop, autocommit": {"20240101000000_users.autocommit.up.sql": UP},
    "pop, fizz": {"20240101000000_users.up.fizz": "create_table('users') {}\n"},
    "goose": {"1_users.sql": f"-- +goose Up\n{UP}-- +goose Down\n{DOWN}"},
    "goose, in lower case": {"1_users.sql": f"-- +goose up\n{UP}\n-- +goose down\n{DOWN}"},
    "goose, with blocks": {
        "1_users.sql": "-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\n"
        f"{UP}-- +goose StatementEnd\n\n-- +goose Down\n{DOWN}"
    },
    "goose, in Go": {
        "1_users.go": 'package m\n\nimport "github.com/pressly/goose/v3"\n\n'
        "func init() { goose.AddMigrationContext(up, down) }\n"
    },
    "dbmate": {"20240101000000_users.sql": f"-- migrate:up\n{UP}\n-- migrate:down\n{DOWN}"},
    "dbmate, without a transaction": {
        "1_users.sql": f"-- why\r\n\r\n-- migrate:up transaction:false\r\n{UP}"
        f"--migrate:down\r\n{DOWN}"
    },
    "sql-migrate": {"1_users.sql": f"-- +migrate Up\n{UP}-- +migrate Down\n{DOWN}"},
    "rockhopper": {"1_users.sql": f"-- +up\n{UP}-- +down\n{DOWN}"},
    "tern": {"001_users.sql": f"{UP}\n---- create above / drop below ----\n\n{DOWN}"},
    "tern, without a way back": {"001_users.sql": UP, "tern.conf": "[database]\n"},
    "node-pg-migrate": {"1_users.sql": f"-- Up Migration\n{UP}\n-- Down Migration\n{DOWN}"},
    "flyway": {"V1__users.sql": UP, "U1__users.sql": DOWN, "R__views.sql": "SELECT 1;"},
    "flyway, dotted": {"V1.2.3__users.sql": UP},
    "refinery": {"V1__users.sql": UP, "U2__late.sql": UP},
    "manticore 0.3.1": {"V1__users.sql": f"{UP}\n\n-- DOWN\n{DOWN}"},
    "manticore 0.3.1, renamed": {"1_users.sql": f"{UP}\n\n-- DOWN\n{DOWN}"},
    "liquibase": {
        "1_users.sql": f"--liquibase formatted sql\n\n--changeset ann:1\n{UP}--rollback {DOWN}"
    },
    "liquibase, XML": {"changelog.xml": '<?xml version="1.0"?>\n<databaseChangeLog/>\n'},
    "liquibase, YAML": {"changelog.yaml": "databaseChangeLog:\n- changeSet: {id: 1}\n"},
    "alembic": {
        "ae1027a6acf_users.py": '"""users"""\nrevision = "ae1027a6acf"\ndown_revision = None\n\n'
        "def upgrade():\n    pass\n"
    },
    "alembic, its root": {"env.py": "", "script.py.mako": "", "versions/a_x.py": ""},
    "alembic, typed": {
        "ae1027a6acf_users.py": "revision: str = 'a'\ndown_revision: str | None = None\n"
    },
    "django": {
        "__init__.py": "",
        "0001_initial.py": "from django.db import migrations\n\n\n"
        "class Migration(migrations.Migration):\n    operations = []\n",
    },
    "yoyo": {"0001_users.sql": UP, "0001_users.rollback.sql": DOWN},
    "yoyo, as it names them": {
        "20240101_01_abcde-users.sql": f"-- users\n-- depends: 20231231_01_xyz12-first\n{UP}"
    },
    "yoyo, in Python": {"0001_users.py": "from yoyo import step\n\nsteps = [step('SELECT 1')]\n"},
    "sqitch": {"sqitch.plan": "%syntax-version=1.0.0\n", "deploy/users.sql": UP},
    "sqitch, a script": {"1_users.sql": f"-- Deploy shop:users to pg\n\nBEGIN;\n{UP}COMMIT;\n"},
    "prisma": {"20240101000000_users/migration.sql": UP, "migration_lock.toml": "provider = 'x'"},
    "prisma, one folder": {"20240101000000_users/migration.sql": UP},
    "diesel": {"2024-01-01-000000_users/up.sql": UP, "2024-01-01-000000_users/down.sql": DOWN},
    "hasura": {
        "default/1700000000000_users/up.sql": UP,
        "default/1700000000000_users/down.sql": DOWN,
    },
    "atlas": {"20240101000000_users.sql": UP, "atlas.sum": "h1:abc=\n"},
    "atlas, a file": {"20240101000000_users.sql": f"-- atlas:txmode none\n\n{UP}"},
    "postgrator": {"001.do.users.sql": UP, "001.undo.users.sql": DOWN},
    "rails": {"20240101000000_users.rb": "class Users < ActiveRecord::Migration[7.1]\nend\n"},
    "ecto": {"20240101000000_users.exs": "defmodule A do\n  use Ecto.Migration\nend\n"},
    "knex": {"20240101000000_users.js": "exports.up = function (knex) { return knex.schema }\n"},
    "sequelize": {"20240101000000-users.js": "module.exports = { up: (queryInterface) => {} }\n"},
    "typeorm": {"1700000000000-Users.ts": "class Users implements MigrationInterface {}\n"},
}


def tool(case: str) -> str:
    """The name of the tool that a directory is of."""
    return (
        case.partition(",")[0].partition(" without")[0].replace("manticore 0.3.1", "manticore-0.3")
    )


def write(directory: Path, case: str) -> None:
    """Write a directory of these."""
    for name, text in DIRECTORIES[case].items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
