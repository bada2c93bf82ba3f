from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def closed_stays_closed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("clones", "Clone").objects.filter(egress="none").update(egress_ports=[])


class Migration(migrations.Migration):
    dependencies = [("clones", "0005_teams")]

    operations = [
        migrations.AddField(
            "clone",
            "egress_ports",
            models.JSONField(
                default=None, null=True, help_text="TCP ports it may connect to; null: to everything but the host"
            ),
        ),
        migrations.AddField(
            "clone",
            "denied_attempts",
            models.PositiveBigIntegerField(default=0, help_text="since it was started"),
        ),
        migrations.AddField(
            "clone",
            "denied",
            models.JSONField(default=dict, help_text="{address:port/protocol: attempts}, not every one"),
        ),
        migrations.RunPython(closed_stays_closed, migrations.RunPython.noop),
        migrations.RemoveField("clone", "egress"),
    ]
