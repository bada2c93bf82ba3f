from django.urls import path

from quotas import views

urlpatterns = [
    path("quotas/", views.quota_list, name="quota-list"),
    path("quotas/_set/", views.quota_set_view, name="quota-set"),
    path("quotas/_request/", views.request_make_view, name="quota-ask"),
    path("quotas/requests/<int:pk>/", views.request_detail, name="quota-request"),
    path("quotas/requests/<int:pk>/decide/", views.request_decide_view, name="quota-decide"),
]
