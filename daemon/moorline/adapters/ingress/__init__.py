"""The data plane in front of services: HAProxy, steered and never in the way of a request."""

from moorline.adapters.ingress.absent import NoIngress
from moorline.adapters.ingress.haproxy import HaproxyIngress
from moorline.adapters.ingress.keeper import Keeper
from moorline.adapters.ingress.runtime import Runtime

__all__ = ["HaproxyIngress", "Keeper", "NoIngress", "Runtime"]
