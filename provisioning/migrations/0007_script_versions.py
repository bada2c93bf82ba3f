import hashlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def texts_to_versions(apps, schema_editor):
    script_model = apps.get_model("provisioning", "Script")
    version_model = apps.get_model("provisioning", "ScriptVersion")
    for script in script_model.objects.all():
        version = version_model.objects.create(
            script=script,
            number=1,
            text=script.text,
            sha256=hashlib.sha256(script.text.encode()).hexdigest(),
            saved_by=script.owner,
        )
        script_model.objects.filter(pk=script.pk).update(current=version)


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("provisioning", "0006_publish"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScriptVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("note", models.CharField(blank=True, help_text="what this version changes", max_length=200)),
                ("saved_at", models.DateTimeField(auto_now_add=True)),
                ("saved_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ("script", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="provisioning.script")),
            ],
            options={
                "ordering": ["-number"],
                "constraints": [models.UniqueConstraint(fields=("script", "number"), name="version_once_per_script")],
            },
        ),
        migrations.RenameField(model_name="script", old_name="created_by", new_name="owner"),
        migrations.AlterField(
            model_name="script",
            name="owner",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="scripts", to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name="script",
            name="current",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="provisioning.scriptversion"),
        ),
        migrations.RunPython(texts_to_versions, migrations.RunPython.noop),
        migrations.RemoveField(model_name="script", name="text"),
        migrations.RemoveField(model_name="script", name="updated_at"),
        migrations.AddField(
            model_name="run",
            name="script_version",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="runs", to="provisioning.scriptversion"),
        ),
    ]
