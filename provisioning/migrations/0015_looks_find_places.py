from django.db import migrations

OLD = 'command -v {name} || {{ [ -x "$brought" ] && echo "$brought"; }}'
NEW = (
    "command -v {name} | grep ^/ || which {name} | grep ^/"
    ' || {{ [ -x "$brought" ] && echo "$brought"; }}'
)


def found_by_place(apps, schema_editor):
    """Runtimes that nobody gave another look find what a guest's shell names without its place."""
    runtimes = apps.get_model("provisioning", "Runtime")
    for runtime in runtimes.objects.all():
        if runtime.look == OLD.format(name=runtime.name):
            runtime.look = NEW.format(name=runtime.name)
            runtime.save(update_fields=["look"])
            apps.get_model("provisioning", "RuntimeFound").objects.filter(runtime=runtime, path="").delete()


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0014_run_revision_name")]

    operations = [migrations.RunPython(found_by_place, migrations.RunPython.noop)]
