from django.urls import path

from pools import views

urlpatterns = [
    path("bases/<str:name>/pool/", views.pool_set_view, name="pool-set"),
    path("bases/<str:name>/templates/", views.template_build_view, name="template-build"),
    path("bases/<str:name>/templates/<int:pk>/retire/", views.template_retire_view, name="template-retire"),
]
