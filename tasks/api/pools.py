"""Pools over REST, with the sums of what their hosts hold. Here and not in agents, because free is what tasks leave.

Writing is agents.pools' and tasks.pools'.
"""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import pools
from agents.models import Pool
from agents.models.capability import matches
from agents.models.pool import NAME
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.roles import Right
from scheduler_site.shared.strict_json import StrictJSONParser
from tasks import pool_sums
from tasks import pools as tasks_pools
from tasks.api.pool_shapes import PoolCreateRequest, PoolEditRequest, PoolReply, PoolsReply, pool_values

REFUSALS = {400: OpenApiTypes.OBJECT, 403: OpenApiTypes.OBJECT}


class PoolCalls(APIView):
    writes_need = Right.OPERATE
    parser_classes = [StrictJSONParser]


class Pools(PoolCalls):
    @extend_schema(operation_id="pools_list", responses=PoolsReply)
    def get(self, request: Request) -> Response:
        """Every pool by name, with what its hosts hold and what of it is free now. Not paged."""
        found = list(Pool.objects.prefetch_related("agents"))
        sums = pool_sums.by_pool(found)
        return Response({"results": [pool_values(pool, sums[pool.name]) for pool in found]})

    @extend_schema(operation_id="pools_create", request=PoolCreateRequest, responses={201: PoolReply, **REFUSALS})
    def post(self, request: Request) -> Response:
        """Put hosts together for tasks to target. Staff only."""
        pool = pools.create(_checked(PoolCreateRequest(data=request.data)), actor=Actor.user(request.user))
        return Response(_shown(pool), status=201, headers={"Location": f"/api/pools/{pool.name}/"})


class OnePool(PoolCalls):
    @extend_schema(operation_id="pools_retrieve", responses={200: PoolReply, 404: OpenApiTypes.OBJECT})
    def get(self, request: Request, name: str) -> Response:
        """One pool."""
        return Response(_shown(_found(name)))

    @extend_schema(
        operation_id="pools_change",
        request=PoolEditRequest,
        responses={200: PoolReply, **REFUSALS, 404: OpenApiTypes.OBJECT},
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change what is given; `members` replaces all of them. Staff only."""
        pool, fields = _found(name), _checked(PoolEditRequest(data=request.data))
        return Response(_shown(pools.change(pool, fields, actor=Actor.user(request.user))))

    @extend_schema(
        operation_id="pools_delete",
        responses={204: None, 403: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT},
    )
    def delete(self, request: Request, name: str) -> Response:
        """Delete a pool; its hosts stay. Refused while tasks or reservations wait for it. Staff only."""
        tasks_pools.delete(_found(name), actor=Actor.user(request.user))
        return Response(status=204)


def _found(name: str) -> Pool:
    pool = Pool.objects.filter(name=name).first() if matches(NAME, name, pools.LONGEST_NAME) else None
    if pool is None:
        raise NotFound(f"There is no pool {name}.")
    return pool


def _shown(pool: Pool) -> dict[str, Any]:
    return pool_values(pool, pool_sums.by_pool([pool])[pool.name])


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
