"""The channel layer of one process: every page is told, what expired goes, and a ring costs what its pages do."""

import asyncio

import pytest

from cowweb import layer as layers
from cowweb.layer import Layer

RING = {"type": "ring", "topic": "clones"}


async def joined(layer: Layer, count: int) -> list[str]:
    names = [await layer.new_channel() for _ in range(count)]
    for name in names:
        await layer.group_add("clones", name)
    return names


@pytest.mark.asyncio
async def test_a_ring_reaches_every_page_once():
    layer = Layer()
    names = await joined(layer, 30)
    await layer.group_send("clones", RING)
    assert await asyncio.gather(*(layer.receive(name) for name in names)) == [RING] * 30
    assert not layer.channels


@pytest.mark.asyncio
async def test_what_nobody_took_goes_in_time(monkeypatch):
    layer = Layer(expiry=0)
    names = await joined(layer, 2)
    await layer.group_send("clones", RING)
    assert set(layer.channels) == set(names)
    monkeypatch.setattr(layers, "CLEAN_EVERY_S", 0.0)
    await layer.group_send("other", RING)
    assert not layer.channels and not layer.groups.get("clones")


@pytest.mark.asyncio
async def test_many_pages_are_not_looked_through_by_each_of_them(monkeypatch):
    looks: list[Layer] = []

    def looked(layer: Layer) -> None:
        looks.append(layer)

    monkeypatch.setattr("channels.layers.InMemoryChannelLayer._clean_expired", looked)
    layer = Layer()
    names = await joined(layer, 200)
    await layer.group_send("clones", RING)
    for name in names:
        await layer.receive(name)
    assert len(looks) == 1
