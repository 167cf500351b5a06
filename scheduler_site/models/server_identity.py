"""The one row that says which database this is and whose account the sign-in links open."""

import secrets
import uuid

from django.conf import settings
from django.db import models


def new_generation() -> str:
    return secrets.token_hex(8)


class ServerIdentity(models.Model):
    instance_id = models.UUIDField(default=uuid.uuid4, editable=False)
    generation = models.CharField(max_length=16, default=new_generation, editable=False)  # another one after a restore
    created_at = models.DateTimeField(auto_now_add=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT)

    class Meta:
        verbose_name_plural = "server identities"

    def __str__(self) -> str:
        return str(self.instance_id)
