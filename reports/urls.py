from django.urls import path

from reports import views

urlpatterns = [
    path("reports/", views.report_list, name="report-list"),
    path("reports/<slug:name>.csv", views.report_csv, name="report-csv"),
]
