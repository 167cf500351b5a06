import pytest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from scheduler_site.access.authentication import ApiTokenAuthentication
from scheduler_site.access.tokens import create_token, find_token, revoke_token
from scheduler_site.models import ApiToken
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def request_with(header: str) -> Request:
    return Request(APIRequestFactory().get("/api/tasks/", headers={"Authorization": header} if header else {}))


def test_a_token_is_found_by_its_plain_text_which_is_not_stored() -> None:
    row, plain = create_token(make_user(), "laptop")
    found = find_token(plain)
    assert found == row
    assert plain not in str(ApiToken.objects.values().get())


def test_use_is_noted_but_not_on_every_request(django_assert_num_queries: object) -> None:
    _, plain = create_token(make_user(), "laptop")
    find_token(plain)
    assert ApiToken.objects.get().last_used_at is not None
    with django_assert_num_queries(2):  # type: ignore[operator]
        find_token(plain)


def test_a_revoked_token_and_one_of_a_former_user_are_refused() -> None:
    user = make_user()
    row, plain = create_token(user, "laptop")
    _, other = create_token(user, "desk")
    revoke_token(row)
    assert find_token(plain) is None
    user.is_active = False
    user.save()
    assert find_token(other) is None


def test_bearer_signs_in() -> None:
    user = make_user()
    row, plain = create_token(user, "laptop")
    assert ApiTokenAuthentication().authenticate(request_with(f"bearer {plain}")) == (user, row)


def test_other_headers_are_left_to_others() -> None:
    assert ApiTokenAuthentication().authenticate(request_with("")) is None
    assert ApiTokenAuthentication().authenticate(request_with("Agent x:y")) is None


@pytest.mark.parametrize("header", ["Bearer ", "Bearer wrong", "Bearer \xe9"])
def test_a_wrong_bearer_is_refused(header: str) -> None:
    with pytest.raises(AuthenticationFailed):
        ApiTokenAuthentication().authenticate(request_with(header))
