from django.urls import path

from people import account_views, views

urlpatterns = [
    path("people/", views.people_list, name="people-list"),
    path("people/_team/", views.team_create_view, name="team-create"),
    path("people/_invite/", views.invite_view, name="invite"),
    path("people/_withdraw/<int:pk>/", views.withdraw_view, name="withdraw"),
    path("people/<str:name>/role/", views.role_view, name="role-set"),
    path("people/<str:name>/active/", views.active_view, name="active-set"),
    path("people/<str:name>/tokens/", account_views.token_list, name="token-list"),
    path("people/<str:name>/tokens/_make/", account_views.token_make_view, name="token-make"),
    path("people/_tokens/<int:pk>/revoke/", account_views.token_revoke_view, name="token-revoke"),
    path("teams/<str:name>/", views.team_detail, name="team-detail"),
    path("teams/<str:name>/members/", views.member_set_view, name="member-set"),
    path("teams/<str:name>/invite/", views.invite_view, name="team-invite"),
    path("teams/<str:name>/programs/", views.program_make_view, name="program-make"),
    path("teams/<str:name>/remove/", views.team_remove_view, name="team-remove"),
    path("settings/", account_views.settings_page, name="settings"),
    path("join/<str:secret>/", account_views.join, name="join"),
]
