"""Sub agents' tokens: computed from the server's key, the id, the fence and the claim's nonce; never stored."""

import hashlib
import hmac

from django.conf import settings

from tasks.models import SubAgent


def sub_agent_token(sub_agent: SubAgent) -> str:
    """Only a claimed sub agent has one: without the nonce there is nothing to compute."""
    text = f"{sub_agent.pk}|{sub_agent.fence}|{sub_agent.claim_nonce}"
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def token_is_right(sub_agent: SubAgent, token: str) -> bool:
    """Bytes are compared: texts that are not ASCII would make the comparison raise."""
    return bool(sub_agent.claim_nonce) and hmac.compare_digest(sub_agent_token(sub_agent).encode(), token.encode())
