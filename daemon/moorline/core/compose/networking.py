"""Networks: those at the top of the file, and how a service joins them."""

import re
from ipaddress import ip_address, ip_network

from moorline.core.compose.context import Context
from moorline.core.compose.reader import Value, fields, optional, suggestion
from moorline.core.compose.scalars import (
    boolean,
    filled,
    integer,
    mapping_or_list,
    string,
    strings,
    text_mapping,
)
from moorline.core.model import Attachment, Network
from moorline.core.values import Json, JsonObject

__all__ = [
    "ATTACHMENT_KEYS",
    "IPAM_CONFIG_KEYS",
    "IPAM_KEYS",
    "NETWORK_KEYS",
    "REFUSED_ATTACHMENT_KEYS",
    "REFUSED_NETWORK_KEYS",
    "attachments",
    "default_network",
    "mac_address",
    "network",
]

NETWORK_KEYS = {
    "name": "the engine's name for it; by default the environment, _ and the key",
    "driver": "the network driver; bridge by default",
    "driver_opts": "options of the driver",
    "ipam": "addresses",
    "internal": "true cuts it off from the outside",
    "attachable": "true lets single containers join an overlay network",
    "enable_ipv6": "true gives it IPv6 as well",
    "external": "true where it exists already and is not ours to make or remove",
    "labels": "labels of the network",
}
REFUSED_NETWORK_KEYS = {"enable_ipv4": "it needs Engine 28, and we serve older ones"}
IPAM_KEYS = {
    "driver": "the driver that gives out addresses",
    "config": "pools of addresses",
    "options": "options of the IPAM driver",
}
IPAM_CONFIG_KEYS = {
    "subnet": "the network, such as 172.30.0.0/24",
    "ip_range": "the part of it that addresses are given out from",
    "gateway": "the gateway's address",
    "aux_addresses": "addresses that are taken, by host name",
}
ATTACHMENT_KEYS = {
    "aliases": "more host names of the service there",
    "ipv4_address": "a fixed address",
    "ipv6_address": "a fixed address",
    "link_local_ips": "link-local addresses",
    "mac_address": "a fixed MAC address",
    "driver_opts": "options of the driver for this endpoint",
    "priority": "networks are joined from high to low; 0 by default",
}
REFUSED_ATTACHMENT_KEYS = {
    "gw_priority": "it needs Engine 28, and we serve older ones; use priority",
    "interface_name": "it needs Engine 28, and we serve older ones",
}
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}", re.ASCII)


# --- at the top of the file ---------------------------------------------------------------------


def default_network(environment: str) -> Network:
    """The network of services that name none."""
    return Network(key="default", name=f"{environment}_default")


def network(key: str, value: Value, environment: str) -> Network:
    """Read one entry of the top-level `networks`."""
    found = {} if value.is_null else fields(value, NETWORK_KEYS, REFUSED_NETWORK_KEYS)
    name = optional(found, "name", filled, default="")
    if is_external(found):
        return Network(key=key, name=name or key, external=True)
    body: dict[str, Json] = {}
    if "driver" in found:
        body["Driver"] = string(found["driver"])
    if "driver_opts" in found:
        body["Options"] = text_mapping(found["driver_opts"])
    for option, engine in _FLAGS.items():
        if option in found:
            body[engine] = boolean(found[option])
    if "ipam" in found and (ipam := _ipam(found["ipam"])):
        body["IPAM"] = ipam
    if "labels" in found:
        body["Labels"] = labels(found["labels"])
    return Network(key=key, name=name or f"{environment}_{key}", body=body)


_FLAGS = {"internal": "Internal", "attachable": "Attachable", "enable_ipv6": "EnableIPv6"}


def is_external(found: dict[str, Value]) -> bool:
    """Read `external`, which leaves nothing else to say but the name."""
    if "external" not in found:
        return False
    if found["external"].is_mapping:
        found["external"].fail(
            "the form external: {name: …} is gone; write external: true and name:"
        )
        return True
    if not boolean(found["external"]):
        return False
    for name, entry in found.items():
        if name not in ("external", "name"):
            entry.fail("has no meaning beside external: true")
    return True


def labels(value: Value) -> dict[str, str]:
    """Labels as a mapping or a list; without a value they are empty."""
    return {name: text or "" for name, text in mapping_or_list(value).items()}


def _ipam(value: Value) -> JsonObject:
    found = fields(value, IPAM_KEYS)
    ipam: dict[str, Json] = {}
    if "driver" in found:
        ipam["Driver"] = string(found["driver"])
    if "config" in found:
        ipam["Config"] = [_pool(item) for item in found["config"].items()]
    if "options" in found:
        ipam["Options"] = text_mapping(found["options"])
    return ipam


def _pool(item: Value) -> JsonObject:
    found = fields(item, IPAM_CONFIG_KEYS)
    pool: dict[str, Json] = {}
    for name, engine in (("subnet", "Subnet"), ("ip_range", "IPRange")):
        if name in found:
            pool[engine] = _subnet(found[name])
    if "gateway" in found:
        pool["Gateway"] = _address(found["gateway"])
    if "aux_addresses" in found:
        entries = found["aux_addresses"].entries()
        pool["AuxiliaryAddresses"] = {host: _address(entry) for host, entry in entries.items()}
    return pool


# --- in a service -------------------------------------------------------------------------------


def attachments(value: Value | None, context: Context) -> tuple[Attachment, ...]:
    """Read a service's `networks`: a list of keys, or keys with options."""
    if value is None:
        return (Attachment(network="default"),)
    if value.is_sequence:
        named = [(string(item), item) for item in value.items()]
        joined = [_join(key, item, context) for key, item in named]
        if len({key for key, _ in named}) < len(named):
            value.fail("a network is in the list twice")
    else:
        joined = [_attachment(key, entry, context) for key, entry in value.entries().items()]
    ordered = sorted(joined, key=lambda attachment: (-attachment.priority, attachment.network))
    return tuple(ordered) or (Attachment(network="default"),)


def _join(key: str, value: Value, context: Context) -> Attachment:
    if key and key not in context.networks:
        hint = suggestion(key, context.networks)
        value.fail(f"network '{key}' is not declared at the top of the file{hint}")
    return Attachment(network=key)


def _attachment(key: str, value: Value, context: Context) -> Attachment:
    attachment = _join(key, value, context)
    if value.is_null:
        return attachment
    found = fields(value, ATTACHMENT_KEYS, REFUSED_ATTACHMENT_KEYS)
    return Attachment(
        network=key,
        aliases=tuple(strings(found["aliases"])) if "aliases" in found else (),
        ipv4_address=optional(found, "ipv4_address", _address, default=None),
        ipv6_address=optional(found, "ipv6_address", _address, default=None),
        link_local_ips=_addresses(found.get("link_local_ips")),
        mac_address=optional(found, "mac_address", mac_address, default=None),
        driver_opts=optional(found, "driver_opts", text_mapping, default={}),
        priority=optional(found, "priority", integer, default=0),
    )


def mac_address(value: Value) -> str:
    """Six pairs of hex digits."""
    written = filled(value)
    if written and not _MAC.fullmatch(written):
        value.fail("must be a MAC address such as 02:42:ac:11:00:02")
    return written


def _addresses(value: Value | None) -> tuple[str, ...]:
    return tuple(_address(item) for item in value.items()) if value else ()


def _address(value: Value) -> str:
    written = filled(value)
    try:
        ip_address(written)
    except ValueError:
        if written:
            value.fail("must be an IP address")
    return written


def _subnet(value: Value) -> str:
    written = filled(value)
    try:
        ip_network(written, strict=False)
    except ValueError:
        if written:
            value.fail("must be a subnet such as 172.30.0.0/24")
    return written
