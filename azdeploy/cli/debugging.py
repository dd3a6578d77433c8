"""``--debug``: the requests and what they were answered, on stderr, without anything secret."""

from __future__ import annotations

import logging


def switch_on() -> None:
    """Log our own messages and azure-core's request lines; its policy redacts headers and never logs bodies."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(relativeCreated)7d ms  %(message)s"))
    for name in ("azdeploy", "azure.core.pipeline.policies.http_logging_policy"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
