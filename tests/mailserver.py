"""Stopping the mail servers of tests."""

import gc
import warnings

from aiosmtpd.controller import Controller


def stop(controller: Controller) -> None:
    """Stop it, and let go at once of the connections that it drops unclosed.

    Otherwise they are collected in the middle of whatever test runs then, whose warnings are errors.
    """
    controller.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
