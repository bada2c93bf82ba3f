from django.urls import path

from bases import views

urlpatterns = [
    path("bases/", views.base_list, name="base-list"),
    path("bases/<str:name>/", views.base_detail, name="base-detail"),
]
