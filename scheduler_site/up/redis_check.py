"""Asks once whether the Redis of NIGHTSHIFT_REDIS_URL answers. Later absences the server logs and lives with."""

import redis

SECONDS = 5.0


class NoRedis(Exception):
    """One sentence that names the setting."""


def check_redis(url: str) -> None:
    """Raises NoRedis. An empty `url` means that no Redis is used."""
    if not url:
        return
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise NoRedis(f"Redis cannot be used (see NIGHTSHIFT_REDIS_URL): {error}") from None
