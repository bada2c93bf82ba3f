"""Puts what is on record already into the chain, in the order in which it was written."""

import heapq
import secrets

from django.db import migrations

from audit.chain import facts, first_hash, link_hash

AT_ONCE = 1000


def chained(apps, schema_editor):
    entries, outcomes = apps.get_model("audit", "AuditEntry"), apps.get_model("audit", "AuditOutcome")
    chain = secrets.token_hex(16)
    seq, hash_, newest = 0, first_hash(chain), 0
    kept, waiting = set(), {entries: [], outcomes: []}
    for row in in_order(entries, outcomes):
        seq += 1
        row.seq, row.previous = seq, hash_
        if isinstance(row, outcomes):
            row.asked_at = row.entry.at
        else:
            newest = max(newest, row.pk)
            kept |= {("actor", row.actor_name), ("action", row.action), ("target", row.target)}
        row.hash = hash_ = link_hash(hash_, facts(row))
        waiting[type(row)].append(row)
        if len(waiting[type(row)]) == AT_ONCE:
            put(type(row), waiting[type(row)])
    for model, left in waiting.items():
        put(model, left)
    names = apps.get_model("audit", "Name")
    names.objects.bulk_create(names(kind=kind, text=text) for kind, text in sorted(kept) if text)
    apps.get_model("audit", "ChainHead").objects.create(
        pk=1, chain=chain, seq=seq, hash=hash_, entry_id=newest
    )


def in_order(entries, outcomes):
    """All rows by time; of the same time, entries first."""
    both = heapq.merge(
        ((row.at, 0, row.pk, row) for row in entries.objects.order_by("at", "pk").iterator(AT_ONCE)),
        (
            (row.at, 1, row.pk, row)
            for row in outcomes.objects.select_related("entry").order_by("at", "pk").iterator(AT_ONCE)
        ),
    )
    return (row for *_, row in both)


def put(model, rows):
    fields = ["seq", "previous", "hash"] + (["asked_at"] if model.__name__ == "AuditOutcome" else [])
    model.objects.bulk_update(rows, fields, batch_size=100)
    rows.clear()


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_chain_fields")]
    operations = [migrations.RunPython(chained, migrations.RunPython.noop)]
