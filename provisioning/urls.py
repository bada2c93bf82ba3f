from django.urls import path

from provisioning import compare_views, log_views, runtime_views, script_views, views

urlpatterns = [
    path("scripts/", script_views.script_list, name="script-list"),
    path("scripts/_new/", script_views.script_new, name="script-new"),
    path("scripts/<str:name>/", script_views.script_detail, name="script-detail"),
    path("scripts/<str:name>/edit/", script_views.script_edit, name="script-edit"),
    path("scripts/<str:name>/diff/", script_views.script_diff, name="script-diff"),
    path("scripts/<str:name>/text/", script_views.script_text, name="script-text"),
    path("scripts/<str:name>/remove/", script_views.script_remove_view, name="script-remove"),
    path("runtimes/", runtime_views.runtime_list, name="runtime-list"),
    path("runtimes/<str:name>/remove/", runtime_views.runtime_remove_view, name="runtime-remove"),
    path("runtimes/<str:name>/install/", runtime_views.runtime_install_view, name="runtime-install"),
    path("runs/", views.run_list, name="run-list"),
    path("runs/new/", views.run_new, name="run-new"),
    path("runs/compare/", compare_views.run_compare, name="run-compare"),
    path("runs/parse/", views.run_parse, name="run-parse"),
    path("runs/<int:pk>/", views.run_detail, name="run-detail"),
    path("runs/<int:pk>/cancel/", views.run_cancel_view, name="run-cancel"),
    path("runs/<int:pk>/send/", views.run_send_view, name="run-send"),
    path("runs/<int:pk>/retry/", views.run_retry_view, name="run-retry"),
    path("runs/<int:pk>/keep/", views.run_keep_view, name="run-keep"),
    path("runs/<int:pk>/again/", views.run_again_view, name="run-again"),
    path("runs/<int:pk>/output.txt", log_views.run_download, name="run-download"),
    path("runs/<int:pk>/output.cast", log_views.run_cast, name="run-cast"),
    path("runs/<int:pk>/lines/", log_views.run_lines, name="run-lines"),
    path("runs/<int:pk>/search/", log_views.run_search, name="run-search"),
    path("runs/<int:pk>/script.txt", views.run_script, name="run-script"),
]
