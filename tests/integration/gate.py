"""What a school's proxy does besides re-signing encrypted pages: it lets mail pass as it is."""

import os

from proxy.http.parser import HttpParser
from proxy.http.proxy import HttpProxyBasePlugin


class LetMailPass(HttpProxyBasePlugin):
    """Looks into everything but the mail server's port, which MAIL_PORT names."""

    def do_intercept(self, request: HttpParser) -> bool:
        """Whether to look into this connection."""
        return request.port != int(os.environ["MAIL_PORT"])
