from django.urls import path

from clones import chain_views, finding_views, lease_views, network_views, views

urlpatterns = [
    path("clones/", views.clone_list, name="clone-list"),
    path("clones/_create/", views.clone_create_view, name="clone-create"),
    path("clones/_bulk/", views.clone_bulk, name="clone-bulk"),
    path("clones/_bin/", lease_views.bin_list, name="clone-bin"),
    path("clones/_bin/<int:pk>/undelete/", lease_views.undelete_view, name="clone-undelete"),
    path("clones/_bin/<int:pk>/purge/", lease_views.purge_view, name="clone-purge"),
    path("clones/<str:name>/lease/extend/", lease_views.lease_extend_view, name="lease-extend"),
    path("clones/<str:name>/lending/<str:verb>/", lease_views.lending_view, name="clone-lending"),
    path("clones/<str:name>/", views.clone_detail, name="clone-detail"),
    path("clones/<str:name>/console/", views.clone_console, name="clone-console"),
    path("clones/<str:name>/network/", network_views.clone_network, name="clone-network"),
    path("clones/<str:name>/network/egress/", network_views.egress_set_view, name="egress-set"),
    path("clones/<str:name>/network/forward/", network_views.port_forward_view, name="port-forward"),
    path("clones/<str:name>/snapshots/", views.snapshot_create_view, name="snapshot-create"),
    path(
        "clones/<str:name>/snapshots/<str:snapshot>/restore/",
        views.snapshot_restore_view,
        name="snapshot-restore",
    ),
    path("clones/<str:name>/clone/", chain_views.clone_branch, name="clone-branch"),
    path("clones/<str:name>/flatten/", chain_views.clone_flatten_view, name="clone-flatten"),
    path("clones/<str:name>/promote/", chain_views.clone_promote_view, name="clone-promote"),
    path("clones/<str:name>/rebase/", chain_views.clone_rebase_view, name="clone-rebase"),
    path("clones/<str:name>/cancel-task/", chain_views.clone_task_cancel, name="clone-task-cancel"),
    path("hosts/findings/", finding_views.finding_list, name="finding-list"),
    path("hosts/findings/compare/", finding_views.survey_view, name="finding-survey"),
    path("hosts/findings/<int:pk>/decide/", finding_views.finding_decide_view, name="finding-decide"),
    path("bases/<str:name>/tree/", chain_views.base_tree, name="base-tree"),
    path("bases/<str:name>/tree/rebase/", chain_views.base_rebase_view, name="base-rebase"),
    path("clones/<str:name>/<str:action>/", views.clone_action, name="clone-action"),
]
