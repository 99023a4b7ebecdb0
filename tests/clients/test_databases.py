"""The databases, with the credentials that `env --json` prints."""

import shutil
import subprocess

import psycopg
import pytest

DATABASES = ["account_db", "recommender_db", "order_db", "payment_db"]


@pytest.mark.parametrize("database", DATABASES)
def test_psycopg_reads_the_tables(shop, database):
    with psycopg.connect(shop[database], connect_timeout=30) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (database,)
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()[0]
        assert tables > 0


@pytest.mark.parametrize("database", DATABASES)
def test_a_wrong_password_is_refused(shop, database):
    parsed = psycopg.conninfo.conninfo_to_dict(shop[database])
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**{**parsed, "password": "wrong"}, connect_timeout=30)


@pytest.mark.skipif(not shutil.which("psql"), reason="psql is not installed")
@pytest.mark.parametrize("database", DATABASES)
def test_psql_connects(shop, database):
    said = subprocess.run(["psql", shop[database], "-tAc", "SELECT 6 * 7"], capture_output=True, text=True, timeout=60)
    assert said.stdout.strip() == "42", said.stderr
