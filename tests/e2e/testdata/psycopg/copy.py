"""COPY in both directions, with psycopg's own writer of rows."""

import datetime as dt
import decimal

import psycopg

import harness
from harness import raises

UTC = dt.timezone.utc


def table(conn, name, columns):
    conn.execute(f"DROP TABLE IF EXISTS {name}")
    conn.execute(f"CREATE TABLE {name} ({columns})")


def test_write_rows(conn):
    table(conn, "cw", "id int8, amount numeric(18,2), note text, at timestamptz")
    rows = [(i, decimal.Decimal(i) / 4, None if i % 3 == 0 else f"a\tb\\{i}\n", dt.datetime(2026, 3, 1, tzinfo=UTC) + dt.timedelta(seconds=i)) for i in range(5000)]
    cur = conn.cursor()
    with cur.copy("COPY cw FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    assert cur.rowcount == 5000, cur.rowcount
    assert conn.execute("SELECT * FROM cw ORDER BY id").fetchall() == rows
    with cur.copy("COPY (SELECT * FROM cw ORDER BY id) TO STDOUT") as copy:
        copy.set_types(["int8", "numeric", "text", "timestamptz"])
        assert list(copy.rows()) == rows


def test_any_cut(conn):
    table(conn, "cut", "a int4, b text")
    data = '1,"x\ny, ""z"""\n2,\n3,""\n'
    for size in (1, 2, 3, 7, 100):
        with conn.cursor().copy("COPY cut FROM STDIN (FORMAT csv)") as copy:
            for i in range(0, len(data), size):
                copy.write(data[i:i + size])
        got = conn.execute("SELECT a, b FROM cut ORDER BY a").fetchall()
        assert got == [(1, 'x\ny, "z"'), (2, None), (3, "")], got
        conn.execute("DELETE FROM cut")


def test_column_list_and_header(conn):
    table(conn, "cl", "a int4, b text, c int4")
    with conn.cursor().copy("COPY cl (c, a) FROM STDIN (FORMAT csv, HEADER match)") as copy:
        copy.write("c,a\n3,1\n")
    assert conn.execute("SELECT a, b, c FROM cl").fetchall() == [(1, None, 3)]
    out = b""
    with conn.cursor().copy("COPY cl TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *, NULL 'none')") as copy:
        for part in copy:
            out += bytes(part)
    assert out == b'a,b,c\n"1",none,"3"\n', out


def test_errors_keep_nothing(conn):
    table(conn, "ce", "a int4, b text NOT NULL")

    def load(data, options=""):
        with conn.cursor().copy(f"COPY ce FROM STDIN {options}") as copy:
            copy.write(data)

    e = raises("22P02", load, "1\tx\nabc\ty\n")
    assert e.diag.context == 'COPY ce, line 2, column a: "abc"', e.diag.context
    e = raises("22P04", load, "1\n")
    assert 'missing data for column "b"' in str(e)
    e = raises("22P04", load, "1\tx\ty\n")
    assert "extra data after last expected column" in str(e)
    e = raises("23502", load, "1\t\\N\n")
    assert e.diag.context == 'COPY ce, line 1: "1\t\\N"', e.diag.context
    assert e.diag.column_name == "b" and e.diag.table_name == "ce"
    raises("22P04", load, "b,a\n", "(FORMAT csv, HEADER match)")
    raises("22P04", load, '1,"x\n', "(FORMAT csv)")
    raises("22021", load, b"1\t\xff\n")
    raises("42P01", conn.cursor().copy("COPY nowhere FROM STDIN").__enter__)
    assert conn.execute("SELECT count(*) FROM ce").fetchone() == (0,)


def test_client_fails(conn):
    table(conn, "cf", "a int4")
    try:
        with conn.cursor().copy("COPY cf FROM STDIN") as copy:
            copy.write("1\n2\n")
            raise RuntimeError("the source failed")
    except RuntimeError:
        pass
    assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert conn.execute("SELECT count(*) FROM cf").fetchone() == (0,)


def test_in_transaction(conn):
    table(conn, "ct", "a int4")
    with conn.transaction(force_rollback=True):
        with conn.cursor().copy("COPY ct FROM STDIN") as copy:
            copy.write("1\n2\n")
    assert conn.execute("SELECT count(*) FROM ct").fetchone() == (0,)
    with conn.transaction():
        for _ in range(2):
            with conn.cursor().copy("COPY ct FROM STDIN") as copy:
                copy.write("1\n2\n")
    assert conn.execute("SELECT count(*) FROM ct").fetchone() == (4,)


if __name__ == "__main__":
    harness.main(globals())
