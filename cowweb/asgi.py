"""Every HTTP mount and every socket path, on one screen."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cowweb.settings")
django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack  # noqa: E402 - models need the apps to be loaded
from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.urls import path  # noqa: E402

from audit.consumers import AuditList  # noqa: E402
from bases.consumers import BaseDetail, BaseList, ImportDetail, ImportList  # noqa: E402
from clones.consumers import BaseTimes, CloneDetail, CloneFolder, CloneList, FindingList  # noqa: E402
from clones.terminal import Terminal  # noqa: E402
from commands.consumers import Overview  # noqa: E402
from cowweb.handler import OneThreadHandler  # noqa: E402
from cowweb.origin import KnownPaths, SameOrigin  # noqa: E402
from links.proxy import GuestHosts  # noqa: E402
from pools.consumers import PoolDetail  # noqa: E402
from provisioning.consumers import RunDetail, RunList, RunLog, ScriptList  # noqa: E402
from quotas.consumers import QuotaList  # noqa: E402

sockets = KnownPaths(
    [
        path("ws/overview/", Overview.as_asgi()),
        path("ws/clones/", CloneList.as_asgi()),
        path("ws/clones/<str:name>/", CloneDetail.as_asgi()),
        path("ws/clones/<str:name>/files/", CloneFolder.as_asgi()),
        path("ws/clones/<str:name>/terminal/", Terminal.as_asgi()),
        path("ws/bases/", BaseList.as_asgi()),
        path("ws/bases/_imports/", ImportList.as_asgi()),
        path("ws/bases/_imports/<int:pk>/", ImportDetail.as_asgi()),
        path("ws/bases/<str:name>/", BaseDetail.as_asgi()),
        path("ws/bases/<str:name>/pool/", PoolDetail.as_asgi()),
        path("ws/bases/<str:name>/times/", BaseTimes.as_asgi()),
        path("ws/scripts/", ScriptList.as_asgi()),
        path("ws/runs/", RunList.as_asgi()),
        path("ws/runs/<int:pk>/", RunDetail.as_asgi()),
        path("ws/runs/<int:pk>/log/", RunLog.as_asgi()),
        path("ws/findings/", FindingList.as_asgi()),
        path("ws/quotas/", QuotaList.as_asgi()),
        path("ws/audit/", AuditList.as_asgi()),
    ]
)

dashboard = ProtocolTypeRouter(
    {"http": OneThreadHandler(), "websocket": SameOrigin(AuthMiddlewareStack(sockets))}
)
application = GuestHosts(dashboard)
