"""python -m scheduler_site.cluster: makes the settings of all processes before Django reads any, then runs them."""

import os
import sys
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured

from scheduler_site import address, env, folders
from scheduler_site.cluster.free_port import free_port
from scheduler_site.cluster.postgresql import NoPostgreSQL, PostgreSQL
from scheduler_site.cluster.redis_server import NoRedisServer, RedisServer
from scheduler_site.up import site_lock

DATA_DIR = Path(__file__).resolve().parent.parent.parent / "data"
CHOSEN_HERE = ("DATABASE_URL", "REDIS_URL", "TLS", "TLS_CERT", "TLS_KEY", "LISTEN_FD", "ASGI", "SERVER_LOG")


def main() -> int:
    try:
        return _main()
    except ImproperlyConfigured as error:
        sys.stderr.write(f"nightshift: {error}\n")
        return 2
    except (NoPostgreSQL, NoRedisServer) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _main() -> int:
    refuse_what_is_not_for_a_look()
    site = env.folder("DATA_DIR", DATA_DIR)
    data_dir = site / "cluster"  # never the folder of `make run`: that one's output belongs to another database
    logs = data_dir / "logs" / "system"
    database = PostgreSQL(data_dir, logs / "postgresql.log", free_port())
    news = RedisServer(data_dir, logs / "redis.log", free_port())
    folders.make(site, [])
    folders.make(data_dir, [logs])
    lock = site_lock.hold(data_dir)
    if lock is None:
        sys.stderr.write(f"The cluster of {data_dir} runs already: {site_lock.noted_url(data_dir) or 'it starts'}\n")
        return 1
    with lock:
        database.prepare()
        news.prepare()
        os.environ["NIGHTSHIFT_DATA_DIR"] = str(data_dir)
        os.environ["NIGHTSHIFT_DATABASE_URL"], os.environ["NIGHTSHIFT_REDIS_URL"] = database.url, news.url
        return _run(database, news)


def _run(database: PostgreSQL, news: RedisServer) -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
    django.setup()
    from scheduler_site.cluster.run import run  # needs Django's apps to be ready

    return run(database, news)


def refuse_what_is_not_for_a_look() -> None:
    for name in CHOSEN_HERE:
        if env.text(name):
            raise ImproperlyConfigured(f"make run-cluster chooses NIGHTSHIFT_{name} itself; unset it.")
    if not address.is_loopback(env.host("HOST", "127.0.0.1")):
        raise ImproperlyConfigured("make run-cluster is for a look on this machine; unset NIGHTSHIFT_HOST.")


if __name__ == "__main__":
    sys.exit(main())
