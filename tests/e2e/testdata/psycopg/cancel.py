"""Cancelling, cursors, asyncio."""

import asyncio
import threading

import psycopg

import harness
from harness import raises

ENDLESS = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"


def test_cancel(conn):
    done = threading.Event()

    def cancel():
        # A request that comes before the query has begun cancels nothing: repeat.
        while not done.wait(0.1):
            conn.cancel()

    other = threading.Thread(target=cancel)
    other.start()
    try:
        e = raises("57014", conn.execute, ENDLESS)
        assert "canceling statement due to user request" in str(e), e
    finally:
        done.set()
        other.join()
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_cancel_copy_out(conn):
    cur = conn.cursor()

    def read():
        with cur.copy("COPY (SELECT g FROM generate_series(1, 100000000) g) TO STDOUT") as copy:
            for n, _ in enumerate(copy):
                if n == 10:
                    conn.cancel()

    raises("57014", read)
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_server_cursor(conn):
    with conn.transaction():
        with conn.cursor(name="c") as cur:
            cur.execute("SELECT g FROM generate_series(1, 1000) g ORDER BY 1")
            assert cur.fetchone() == (1,)
            assert [r[0] for r in cur.fetchmany(10)] == list(range(2, 12))
            assert len(cur.fetchall()) == 989


def test_async(conn):
    async def run():
        aconn = await psycopg.AsyncConnection.connect(harness.dsn(), autocommit=True)
        async with aconn:
            cur = await aconn.execute("SELECT 1")
            assert await cur.fetchone() == (1,)
            task = asyncio.create_task(aconn.execute(ENDLESS))
            while not task.done():
                await asyncio.sleep(0.1)
                aconn.cancel()
            try:
                await task
            except psycopg.Error as e:
                assert e.sqlstate == "57014", e.sqlstate
            else:
                raise AssertionError("not cancelled")

    asyncio.run(run())


if __name__ == "__main__":
    harness.main(globals())
