"""Which acts on accounts, sign-ins and secrets leave a row in the administrative history, whoever does them and by
which way: page, API, administration, command or shell."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from agents.models import EnrolmentToken
from scheduler_site.models import ApiToken, SignInLink
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.administrative_history import record

_COLUMNS = ("username", "email", "is_active", "is_staff", "is_superuser", "password")
FAILED = "sign_in_failed"
REFUSED = "is_sign_in_refused"  # on the request: there were too many before
_NAMES = {ApiToken: "api_token", EnrolmentToken: "enrolment_token", SignInLink: "sign_in_link"}


def watch() -> None:
    pre_save.connect(_remember, sender=User)
    post_save.connect(_account_saved, sender=User)
    m2m_changed.connect(_rights_changed, sender=User.groups.through)
    m2m_changed.connect(_rights_changed, sender=User.user_permissions.through)
    for model in _NAMES:
        post_save.connect(_secret_made, sender=model)
    for deletable in (ApiToken, EnrolmentToken, User):
        post_delete.connect(_deleted, sender=deletable)
    user_logged_in.connect(_signed_in)
    user_logged_out.connect(_signed_out)
    user_login_failed.connect(_sign_in_failed)


def _remember(instance: User, update_fields: Any = None, **_more: Any) -> None:
    wanted = update_fields is None or set(update_fields) & set(_COLUMNS)
    before = User.objects.filter(pk=instance.pk).values(*_COLUMNS).first() if wanted and instance.pk else None
    instance._before = before  # type: ignore[attr-defined]


def _account_saved(instance: User, created: bool, **_more: Any) -> None:
    before = getattr(instance, "_before", None)
    if created:
        record("account_made", f"account {instance.username}")
    elif before is not None and (changes := _changes(before, instance)):
        record("account_changed", f"account {instance.username}", **changes)


def _changes(before: dict[str, Any], now: User) -> dict[str, Any]:
    found = {name: [old, getattr(now, name)] for name, old in before.items() if old != getattr(now, name)}
    if "password" in found:
        found["password"] = ["hidden", "hidden"]
    return found


def _rights_changed(instance: Any, action: str, pk_set: Any, **_more: Any) -> None:
    if action in ("post_add", "post_remove", "post_clear") and isinstance(instance, User) and pk_set != set():
        record(
            "rights_changed", f"account {instance.username}", act=action.removeprefix("post_"), ids=sorted(pk_set or [])
        )


def _secret_made(sender: Any, instance: Any, created: bool, **_more: Any) -> None:
    if created:
        record(f"{_NAMES[sender]}_made", _subject(instance))


def _deleted(sender: Any, instance: Any, **_more: Any) -> None:
    if sender is User:
        record("account_deleted", f"account {instance.username}")
    else:
        record(f"{_NAMES[sender]}_deleted", _subject(instance))


def _subject(row: Any) -> str:
    words = _NAMES[type(row)].replace("_", " ")
    return f"{words} {row}" if not isinstance(row, SignInLink) else f"{words} of {row.user}"


def _signed_in(user: Any, **_more: Any) -> None:
    record("signed_in", f"account {user.get_username()}", actor=Actor.user(user))


def _signed_out(user: Any, **_more: Any) -> None:
    if user is not None:
        record("signed_out", f"account {user.get_username()}", actor=Actor.user(user))


def _sign_in_failed(credentials: dict[str, Any], request: Any = None, **_more: Any) -> None:
    """Not what the throttle refused: a history that only grows must not grow as fast as strangers can ask."""
    if getattr(request, REFUSED, False):
        return
    record(FAILED, account(credentials.get("username", "")))


def account(username: Any) -> str:
    """How the history calls an account that somebody wants to enter, whether or not there is one."""
    name = str(username)[:150].replace("\0", "")
    return f"account {name}"
