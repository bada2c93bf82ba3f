"""The keys of a header in both dialects, and how each one's value is read."""

import difflib
import functools
import re
from collections.abc import Callable
from dataclasses import replace

from cowweb.values import InvalidValue, base_reference, memory_mb, port_list, shown, whole_number
from provisioning.header.checks import check_of
from provisioning.header.model import Header, Limits
from provisioning.header.params import param_of

MOST_TIMEOUT_S = 86_400
MOST_CPUS = 4096
PREFIXES = ("rexxjs-vm-", "kvm-infra-")
SAME_NAMES = ("base", "memory", "cpus", "ingress-port", "egress-ports", "timeout", "check", "param")
KNOWN = {prefix + name: name for prefix in PREFIXES for name in SAME_NAMES} | {"kvm-infra-use": "base"}
REPEATABLE = ("check", "param")
KEY = re.compile(
    r"((?:rexxjs-vm-|kvm-infra-)[^ \t:=]*)[ \t]*([:=]?)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL
)
COMPARED_CHARACTERS = 40


@functools.lru_cache(maxsize=256)
def nearest(spelled: str) -> str:
    """The known key that this one was probably meant to be, in its own dialect."""
    spelled = spelled[:COMPARED_CHARACTERS].lower()
    if spelled == "rexxjs-vm-use":
        return "rexxjs-vm-base"
    own = [key for key in KNOWN if key[:6] == spelled[:6]]
    return difflib.get_close_matches(spelled, own, n=1, cutoff=0.0)[0]


def value_read(key: str, header: Header, text: str, limits: Limits) -> Header:
    """The header with this key's value; raises `InvalidValue`."""
    return READERS[key](header, text, limits)


def base_read(header: Header, text: str, _limits: Limits) -> Header:
    base, revision = base_reference(text)
    return replace(header, base=base, revision=revision)


def memory_read(header: Header, text: str, limits: Limits) -> Header:
    memory = memory_mb(text)
    if limits.memory_mb is not None and memory > limits.memory_mb:
        raise InvalidValue(
            f"{shown(text)} is more than the {limits.limited_by}'s limit of {limits.memory_mb}M"
        )
    return replace(header, memory_mb=memory)


def cpus_read(header: Header, text: str, limits: Limits) -> Header:
    cpus = whole_number(text, least=1, most=MOST_CPUS, what="a number of cpus")
    if limits.cpus is not None and cpus > limits.cpus:
        raise InvalidValue(
            f"{shown(text)} is more than the {limits.limited_by}'s limit of {limits.cpus} cpus"
        )
    return replace(header, cpus=cpus)


def ingress_read(header: Header, text: str, _limits: Limits) -> Header:
    return replace(header, ingress_ports=port_list(text))


def egress_read(header: Header, text: str, _limits: Limits) -> Header:
    if text == "none":
        return replace(header, egress_ports=())
    try:
        return replace(header, egress_ports=port_list(text))
    except InvalidValue as error:
        raise InvalidValue(f"{error}; or `none` alone for no egress") from error


def timeout_read(header: Header, text: str, _limits: Limits) -> Header:
    seconds = whole_number(text, least=1, most=MOST_TIMEOUT_S, what="a time in seconds")
    return replace(header, timeout_s=seconds, timeout_given=True)


def check_read(header: Header, text: str, _limits: Limits) -> Header:
    return replace(header, checks=(*header.checks, check_of(text)))


def param_read(header: Header, text: str, _limits: Limits) -> Header:
    param = param_of(text)
    if any(
        param.name.replace("-", "_").upper() == known.name.replace("-", "_").upper()
        for known in header.params
    ):
        raise InvalidValue(f"the parameter {param.name} is declared twice")
    return replace(header, params=(*header.params, param))


READERS: dict[str, Callable[[Header, str, Limits], Header]] = {
    "base": base_read,
    "memory": memory_read,
    "cpus": cpus_read,
    "ingress-port": ingress_read,
    "egress-ports": egress_read,
    "timeout": timeout_read,
    "check": check_read,
    "param": param_read,
}
