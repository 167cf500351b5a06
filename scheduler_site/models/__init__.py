"""The site's own rows: who this server is, who acts, who may enter. No work lives here."""

from scheduler_site.models.administrative_event import AdministrativeEvent
from scheduler_site.models.api_token import ApiToken
from scheduler_site.models.loop_lease import LoopLease
from scheduler_site.models.server_identity import ServerIdentity
from scheduler_site.models.sign_in_link import SignInLink

__all__ = ["AdministrativeEvent", "ApiToken", "LoopLease", "ServerIdentity", "SignInLink"]
