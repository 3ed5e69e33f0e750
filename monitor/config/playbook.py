"""Reading the shipped playbook."""

from functools import cache
from importlib.resources import files

import yaml

from monitor.playbook import Playbook, Policy, make_policy

# The compiled loader takes a tenth of the time; a machine without it has the other.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def read_playbook() -> Playbook:
    """The plays and contacts that come with this version."""
    content = files("monitor").joinpath("playbook.yaml").read_bytes()
    return Playbook.model_validate(yaml.load(content, Loader=_LOADER))  # noqa: S506  # both loaders are safe ones


def shipped_policy() -> Policy:
    """The policy without any school's changes."""
    return make_policy(read_playbook(), {}, {})
