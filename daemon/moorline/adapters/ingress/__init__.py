"""The data plane in front of services: HAProxy, steered and never in the way of a request."""

from moorline.adapters.ingress.absent import NoIngress

__all__ = ["NoIngress"]
