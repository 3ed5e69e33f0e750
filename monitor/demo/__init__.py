"""A small invented neighbourhood to try the monitor on, with no account, no network and no mail server."""
