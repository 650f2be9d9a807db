"""Queries, parameters, types and errors."""

import datetime as dt
import decimal
import uuid

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

import harness
from harness import raises

UTC = dt.timezone.utc


def test_hello(conn):
    assert conn.execute("SELECT 1, 'x', NULL").fetchone() == (1, "x", None)
    assert conn.info.server_version // 10000 == 15
    assert conn.info.encoding == "utf-8"


def test_types_text_and_binary(conn):
    values = [
        ("int8", 2**62), ("int4", -7), ("bool", True), ("float8", 0.1), ("text", "é\t'\"\\"),
        ("numeric", decimal.Decimal("12.50")), ("bytea", b"\x00\xff\\"), ("date", dt.date(2026, 3, 1)),
        ("timestamp", dt.datetime(2026, 3, 1, 10, 0, 0, 5)), ("timestamptz", dt.datetime(2026, 3, 1, 10, 0, tzinfo=UTC)),
        ("interval", dt.timedelta(days=2, hours=3)), ("uuid", uuid.UUID(int=7)), ("int8[]", [1, None, 3]), ("text[]", ["a b", 'c"d', "", None]),
    ]
    for binary in (False, True):
        cur = conn.cursor(binary=binary)
        for typ, value in values:
            marker = "%b" if binary else "%t"
            got = cur.execute(f"SELECT {marker}::{typ}", (value,)).fetchone()[0]
            assert got == value, (typ, binary, got, value)
            assert cur.execute(f"SELECT {marker}::{typ}", (None,)).fetchone()[0] is None
        got = cur.execute("SELECT %s::jsonb", (Jsonb({"a": [1, "x"]}),)).fetchone()[0]
        assert got == {"a": [1, "x"]}, got


def test_rows_and_description(conn):
    cur = conn.cursor(row_factory=dict_row)
    cur.execute("SELECT g AS n, g * 2 AS twice FROM generate_series(1, 3) g ORDER BY 1")
    assert [d.name for d in cur.description] == ["n", "twice"]
    assert cur.fetchall() == [{"n": 1, "twice": 2}, {"n": 2, "twice": 4}, {"n": 3, "twice": 6}]
    assert cur.rowcount == 3


def test_prepared(conn):
    for i in range(10):
        assert conn.execute("SELECT %s::int8 + 1", (i,), prepare=True).fetchone() == (i + 1,)


def test_prepared_by_sql(conn):
    conn.execute("PREPARE p(int8) AS SELECT $1 * 2")
    assert conn.execute("EXECUTE p(21)").fetchone() == (42,)
    conn.execute("DEALLOCATE p")
    raises("26000", conn.execute, "EXECUTE p(21)")


def test_executemany(conn):
    conn.execute("DROP TABLE IF EXISTS many")
    conn.execute("CREATE TABLE many (id int8 PRIMARY KEY, v text)")
    cur = conn.cursor()
    cur.executemany("INSERT INTO many VALUES (%s, %s)", [(i, f"v{i}") for i in range(200)])
    assert cur.rowcount == 200, cur.rowcount
    assert conn.execute("SELECT count(*), min(v), max(v) FROM many").fetchone() == (200, "v0", "v99")
    cur.execute("UPDATE many SET v = 'x' WHERE id < 10")
    assert cur.rowcount == 10
    cur.execute("DELETE FROM many WHERE id >= 10")
    assert cur.rowcount == 190
    assert conn.execute("SELECT count(*) FROM many WHERE v = 'x'").fetchone() == (10,)


def test_pipeline(conn):
    with conn.pipeline():
        a = conn.execute("SELECT 1")
        b = conn.execute("SELECT 2")
    assert (a.fetchone(), b.fetchone()) == ((1,), (2,))


def test_errors(conn):
    e = raises("42601", conn.execute, "SELEC 1")
    assert e.diag.statement_position == "1", e.diag.statement_position
    e = raises("42P01", conn.execute, "SELECT * FROM nowhere")
    assert 'relation "nowhere" does not exist' in str(e)
    e = raises("42703", conn.execute, "SELECT nope FROM generate_series(1, 2) g")
    assert e.diag.statement_position == "8", e.diag.statement_position
    raises("22012", conn.execute, "SELECT 1/0")
    raises("22P02", conn.execute, "SELECT 'x'::int4")
    raises("22003", conn.execute, "SELECT 2147483647::int4 + 1::int4")
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_transactions(conn):
    conn.execute("DROP TABLE IF EXISTS tx")
    conn.execute("CREATE TABLE tx (id int8)")
    try:
        with conn.transaction():
            conn.execute("INSERT INTO tx VALUES (1)")
            raise RuntimeError
    except RuntimeError:
        pass
    assert conn.execute("SELECT count(*) FROM tx").fetchone() == (0,)
    with conn.transaction():
        conn.execute("INSERT INTO tx VALUES (1)")
    assert conn.execute("SELECT count(*) FROM tx").fetchone() == (1,)
    assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_settings(conn):
    assert conn.info.parameter_status("server_encoding") == "UTF8"
    assert conn.info.parameter_status("standard_conforming_strings") == "on"
    assert conn.info.parameter_status("integer_datetimes") == "on"
    conn.execute("SET TIME ZONE 'America/New_York'")
    assert conn.info.parameter_status("TimeZone") == "America/New_York"
    got = conn.execute("SELECT '2026-03-01 12:00+00'::timestamptz::text").fetchone()[0]
    assert got == "2026-03-01 07:00:00-05", got
    conn.execute("SET application_name = 'e2e'")
    assert conn.execute("SHOW application_name").fetchone() == ("e2e",)


if __name__ == "__main__":
    harness.main(globals())
