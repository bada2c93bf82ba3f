from django.db import migrations

from audit import triggers


def made_anew(apps, schema_editor):
    triggers.dropped(schema_editor.connection)
    triggers.created(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_actor_and_action")]

    operations = [migrations.RunPython(made_anew, migrations.RunPython.noop)]
