"""POST /api/agents/{id}/gone/: an operator says that a host is gone for good. Beside the other operations of a host."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.operations import Operation, described
from tasks.host_ends.host_gone import declare_gone


class Gone(Operation):
    verb = staticmethod(declare_gone)

    @described("gone")
    def post(self, request: Request, pk: UUID) -> Response:
        """What was live on this offline host is over now; it is not waited for any longer."""
        return self.operate(request, pk)
