"""Every row has its place; from here on the database refuses to change or delete one."""

from django.db import migrations, models

from audit.triggers import created, dropped


def closed(apps, schema_editor):
    created(schema_editor.connection)


def opened(apps, schema_editor):
    dropped(schema_editor.connection)


def place():
    return models.BigIntegerField(editable=False, help_text="its place in the chain", unique=True)


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_chain_rows")]
    operations = [
        migrations.AlterField("auditentry", "seq", place()),
        migrations.AlterField("auditoutcome", "seq", place()),
        migrations.AlterField(
            "auditoutcome",
            "asked_at",
            models.DateTimeField(editable=False, help_text="when its entry was written"),
        ),
        migrations.RunPython(closed, opened),
    ]
