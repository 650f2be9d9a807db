"""Runs the functions of a script whose names start with test, each with a
connection of its own, and exits with 1 if one has failed."""

import os
import sys
import traceback

import psycopg


def dsn():
    return sys.argv[1]


def connect(**kw):
    return psycopg.connect(dsn(), connect_timeout=20, **kw)


def raises(code, call, *args, **kw):
    """Calls and returns the error, which must have the SQLSTATE code."""
    try:
        call(*args, **kw)
    except psycopg.Error as e:
        assert e.sqlstate == code, f"SQLSTATE {e.sqlstate} ({e}), want {code}"
        return e
    raise AssertionError(f"no error, want {code}")


def differs(test):
    """Marks a test that passes on PostgreSQL but not on Tarn yet."""

    def run(conn):
        try:
            test(conn)
        except Exception:
            if on_postgres():
                raise
            return
        if not on_postgres():
            raise AssertionError("passes now: take @differs away")

    return run


def on_postgres():
    return "TARN_E2E_POSTGRES" in os.environ


def main(names):
    failed = []
    for name, test in list(names.items()):
        if not name.startswith("test"):
            continue
        try:
            with connect(autocommit=True) as conn:
                test(conn)
        except Exception:
            failed.append(name)
            print(f"--- {name}")
            traceback.print_exc(file=sys.stdout)
    if failed:
        print("failed:", ", ".join(failed))
        sys.exit(1)
