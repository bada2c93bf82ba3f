from django.urls import path

from audit import views

urlpatterns = [
    path("audit/", views.audit_list, name="audit-list"),
    path("audit/export/", views.audit_export, name="audit-export"),
    path("audit/views/", views.audit_view_save, name="audit-view-save"),
    path("audit/views/<int:pk>/remove/", views.audit_view_remove, name="audit-view-remove"),
]
