"""What stands on what below a base: revisions, templates, layers, clones, as one tree of nodes."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from bases.models import BaseImage, BaseRevision
from clones.models import Clone, Layer
from people.rights import SEE, everywhere
from pools.models import Template

Key = tuple[str, int]


@dataclass(slots=True)
class Node:
    """One file. `hidden` clones on it are others', of which only the number is told."""

    kind: str
    name: str
    note: str = ""
    actual: int = 0
    url: str = ""
    status: str = ""
    status_word: str = ""
    hidden: int = 0
    children: list["Node"] = field(default_factory=list)


def tree_of(base: BaseImage, user: User) -> list[Node]:
    """The base's revisions, newest first, each with everything on it."""
    children: dict[Key, list[Node]] = defaultdict(list)
    hidden: dict[Key, int] = defaultdict(int)
    on_it = Clone.objects.live().filter(revision__base=base)
    mine = set(on_it.visible_to(user).values_list("pk", flat=True))
    for clone in on_it.order_by("name"):
        if clone.pk in mine:
            children[ground_of(clone)].append(clone_node(clone))
        else:
            hidden[ground_of(clone)] += 1
    layers = Layer.objects.filter(revision__base=base, sealed_at__isnull=False).select_related("made_from")
    # A layer stands on an older one, so from the newest on, each has its children when it is placed.
    for layer in layers.order_by("-pk"):
        key = ("layer", layer.pk)
        node = layer_node(layer, shown=everywhere(user, SEE) or layer.made_from.owner_id == user.pk)
        children[ground_of_layer(layer)].insert(0, filled(node, key, children, hidden))
    for template in Template.objects.filter(revision__base=base).order_by("-pk"):
        key = ("template", template.pk)
        if template.status == Template.Status.READY or children[key] or hidden[key]:
            node = filled(template_node(template), key, children, hidden)
            children["revision", template.revision_id].insert(0, node)
    revisions = base.revisions.order_by("-number")
    return [filled(revision_node(one, base), ("revision", one.pk), children, hidden) for one in revisions]


def filled(node: Node, key: Key, children: dict[Key, list[Node]], hidden: dict[Key, int]) -> Node:
    node.children, node.hidden = children[key], hidden[key]
    return node


def ground_of(clone: Clone) -> Key:
    """What a clone's disk stands on directly."""
    if clone.layer_id:
        return ("layer", clone.layer_id)
    return ("template", clone.template_id) if clone.template_id else ("revision", clone.revision_id)


def ground_of_layer(layer: Layer) -> Key:
    if layer.parent_id:
        return ("layer", layer.parent_id)
    return ("template", layer.template_id) if layer.template_id else ("revision", layer.revision_id)


def clone_node(clone: Clone) -> Node:
    return Node(
        "clone",
        clone.name,
        actual=clone.disk_bytes,
        url=reverse("clone-detail", args=[clone.name]),
        status=clone.status,
        status_word=clone.get_status_display(),
    )


def layer_node(layer: Layer, *, shown: bool) -> Node:
    """Whose it was is told to those who may see that clone."""
    name = f"{layer.made_from.name} as it was" if shown else "another's clone as it was"
    return Node("layer", name, note=layer.get_kept_display(), actual=layer.disk_bytes)


def template_node(template: Template) -> Node:
    name = f"template {template.memory_mb} MiB, {template.cpus} CPU"
    return Node("template", name, note=template.get_status_display().lower(), actual=template.disk_bytes)


def revision_node(revision: BaseRevision, base: BaseImage) -> Node:
    note = "current revision" if revision.pk == base.current_id else "earlier revision"
    return Node("base", f"{base.name}@{revision.number}", note=note, actual=revision.file_size)


def chain_of(clone: Clone) -> dict[str, Any]:
    """What the clone's page says of its chain."""
    layers = clone.layers
    return {
        "depth": 1 + len(layers) + (clone.grounds is not None),
        "kept": clone.layer.get_kept_display() if clone.layer and clone.parent_id else "",
        "children": clone.children.live().filter(owner=clone.owner_id, team=clone.team_id).order_by("name"),
    }
