from importlib import import_module

from django.apps import AppConfig


class CowwebConfig(AppConfig):
    name = "cowweb"

    def ready(self) -> None:
        import_module("cowweb.checks")
