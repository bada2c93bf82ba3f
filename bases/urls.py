from django.urls import path

from bases import import_views, life_views, views

urlpatterns = [
    path("bases/", views.base_list, name="base-list"),
    path("bases/_imports/", import_views.import_list, name="import-list"),
    path("bases/_imports/_url/", import_views.import_url, name="import-url"),
    path("bases/_imports/_path/", import_views.import_path, name="import-path"),
    path("bases/_imports/_upload/", import_views.import_upload, name="import-upload"),
    path("bases/_imports/<int:pk>/", import_views.import_detail, name="import-detail"),
    path("bases/_imports/<int:pk>/chunk/", import_views.import_chunk, name="import-chunk"),
    path("bases/_imports/<int:pk>/cancel/", import_views.import_cancel_view, name="import-cancel"),
    path("bases/_catalogue/", import_views.catalogue_list, name="base-catalogue"),
    path("bases/_catalogue/_reach/", import_views.catalogue_reach, name="catalogue-reach"),
    path("bases/_catalogue/<str:key>/", import_views.catalogue_import, name="catalogue-import"),
    path("bases/<str:name>/", views.base_detail, name="base-detail"),
    path("bases/<str:name>/settings/", life_views.base_settings, name="base-settings"),
    path("bases/<str:name>/verify/", life_views.base_verify_view, name="base-verify"),
    path("bases/<str:name>/alias/", life_views.alias_set, name="base-alias"),
    path("bases/<str:name>/rollback/", life_views.alias_rollback, name="base-rollback"),
    path("bases/<str:name>/revisions/<int:number>/", life_views.revision_move, name="revision-move"),
]
