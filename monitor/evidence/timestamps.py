"""Time-stamps (RFC 3161): somebody else's signed word that a hash was there at a time.

Only the hash of an anchor leaves this machine. What comes back is checked before it is believed, and can be
checked again at any later time, offline, by us or by `openssl ts -verify -token_in`.
"""

import re
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import certifi
import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from connectors.connector import Refused, Unavailable
from connectors.reading import explain, spoken
from monitor.anchors import Anchor, Checked, Stamp

LARGEST = 100_000
"""Bytes of an answer; real ones have about 7,000."""
PATIENCE = 30.0
"""Seconds for a whole answer."""
SKEW = timedelta(hours=1)
"""How far the authority's clock and ours may lie apart."""
UNREADABLE = "what it answers cannot be read as a time-stamp"
_LONGEST_CHAIN = 8
_LONGEST_SAID = 200
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_GRANTED = (0, 1)
_STATUS = {
    2: "refused it",
    3: "has put it off",
    4: "warns that it is about to be revoked",
    5: "says that it was revoked",
}
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[^-]{1,20000}-----END CERTIFICATE-----")


class NoAnswer(Exception):
    """There is no answer to the question: it is asked again soon. The message is a sentence."""


class WrongAnswer(Exception):
    """What came is no time-stamp of what was asked; the message says in which way. Somebody should look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Somebody who puts the time to a hash: what we call it, where it is asked, and the root of its
    certificates in a PEM file (None: one that browsers trust)."""

    name: str
    url: str
    roots: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A time-stamp that was found good.

    `token` is the DER of the TimeStampToken. `certificates` is the PEM of its chain, the signer first and
    the root last. `policy` is the OID of the rules that the authority works by.
    """

    token: bytes
    certificates: str
    policy: str
    at: datetime


def ask(
    http: httpx.Client, authority: Authority, words: bytes, at: datetime, seconds: float = PATIENCE
) -> Answer:
    """Have an authority put the time to the SHA-256 of these words, and check what it answers.

    It has so many seconds. Raises NoAnswer or WrongAnswer.
    """
    try:
        roots = read_roots(authority.roots)
    except OSError as error:
        raise NoAnswer(f"its file of roots cannot be used: {error.strerror or error}") from error
    question = TimestampRequestBuilder().data(words).hash_algorithm(HashAlgorithm.SHA256).build()
    token = _granted(_decoded(_posted(http, authority.url, question.as_bytes(), seconds)))
    answer = _checked(token, words, roots, nonce=question.nonce)
    if abs(answer.at - at) > SKEW:
        raise WrongAnswer(
            f"its clock says {answer.at:%Y-%m-%d %H:%M} UTC and ours {at:%Y-%m-%d %H:%M}: one is wrong"
        )
    return answer


def check_stamp(stamp: Stamp, anchor: Anchor, roots: Sequence[bytes]) -> Checked:
    """Check a time-stamp by these roots (DER), and where they do not lead to it, by the root kept with it.

    That root was trusted when the stamp was received. Authorities leave the settings and roots leave the
    lists of browsers, and a stamp must outlive both. Whoever can change the token can change the kept root:
    believe it only of a token whose hash stands in the custody log.
    """
    wrong = verify_stamp(stamp, anchor, roots)
    kept = _read(stamp.certificates)[-1:]
    if wrong is None or verify_stamp(stamp, anchor, kept) is not None:
        return Checked(wrong)
    return Checked(None, root=sha256(kept[0]).hexdigest())


def verify_stamp(stamp: Stamp, anchor: Anchor, roots: Sequence[bytes]) -> str | None:
    """What is wrong with a time-stamp, in words; None when it is good.

    Nothing is asked of anybody, and certificates count as they were at the stamp's own time. `roots` are
    certificates in DER, as `read_roots` gives them.
    """
    try:
        answer = _checked(stamp.token, anchor.statement, roots)
    except WrongAnswer as error:
        return str(error)
    if answer.at != stamp.stamped_at:
        return f"it was given at {answer.at.isoformat()}, not at the time that is kept with it"
    if answer.policy != stamp.policy:
        return "its policy is not the one that is kept with it"
    if not _fits(stamp.certificates, answer.certificates):
        return "the certificates that are kept with it are not those of its signer"
    return None


def read_roots(file: Path | None) -> tuple[bytes, ...]:
    """The certificates (DER) in a PEM file; those that browsers trust where it is None. Raises OSError."""
    return _read_roots(Path(certifi.where())) if file is None else _found_in(file)


@cache
def _read_roots(file: Path) -> tuple[bytes, ...]:
    return _found_in(file)


def _found_in(file: Path) -> tuple[bytes, ...]:
    found = _read(file.read_text("ascii", "replace"))
    if not found:
        raise OSError(f"{file.name} holds no certificate that can be read")
    return found


def _read(pem: str) -> tuple[bytes, ...]:
    """The certificates (DER) in a text; none where one of them cannot be read."""
    try:
        return tuple(map(ssl.PEM_cert_to_DER_cert, _PEM.findall(pem)))
    except ValueError:
        return ()


# --- Asking -------------------------------------------------------------------------------------------------


def _posted(http: httpx.Client, url: str, question: bytes, seconds: float) -> bytes:
    """What the authority answers. Raises NoAnswer when it does not, WrongAnswer when it says too much."""
    headers = {"content-type": "application/timestamp-query", "accept-encoding": "identity"}
    try:
        with http.stream("POST", url, content=question, headers=headers, timeout=seconds) as answer:
            if answer.status_code != httpx.codes.OK:
                raise NoAnswer(f"{spoken(url)} answers with {answer.status_code} and no time-stamp")
            content = _gathered(answer, time.monotonic() + seconds)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        _explained(error, url)
    if content.lstrip().startswith(b"<"):
        raise NoAnswer(f"{spoken(url)} answers with a web page: your web filter may stand in the way")
    return content


def _gathered(answer: httpx.Response, deadline: float) -> bytes:
    content = bytearray()
    for chunk in answer.iter_raw():
        content += chunk
        if len(content) > LARGEST:
            raise WrongAnswer(f"it answers with more than {LARGEST // 1000} kB, which no time-stamp has")
        if time.monotonic() > deadline:
            raise NoAnswer("it answers too slowly")
    return bytes(content)


def _explained(error: Exception, url: str) -> NoReturn:
    try:
        explain(error, url)
    except (Unavailable, Refused) as said:
        raise NoAnswer(said.reason) from error


def _granted(response: TimeStampResponse) -> bytes:
    """The token of a response that grants one."""
    if response.status not in _GRANTED:
        # The authority's own words are a stranger's, so few of them.
        words = " ".join(" ".join(map(str, response.status_string)).split())[:_LONGEST_SAID]
        refused = _STATUS.get(response.status, "gave no time-stamp")
        raise WrongAnswer(f"it {refused}{': ' if words else ''}{words}")
    return response.time_stamp_token()


# --- Checking -----------------------------------------------------------------------------------------------


def _checked(token: bytes, words: bytes, roots: Sequence[bytes], nonce: int | None = None) -> Answer:
    """What a token says, once it was found good for these words, and to answer that nonce if there is one.

    Raises WrongAnswer.
    """
    response = _decoded(_as_answer(token))
    try:
        said, embedded = response.tst_info, [*map(_certificate, response.signed_data.certificates)]
        if nonce is not None and said.nonce != nonce:
            raise WrongAnswer("it answers another question than ours (wrong nonce), as a replay would")
        imprint = said.message_imprint
        if imprint.hash_algorithm != _SHA256 or imprint.message != sha256(words).digest():
            raise WrongAnswer("it is for something else (wrong hash)")
        trusted = [*map(_certificate, _leading(roots, embedded))]
        _refuse_forgery(response, words, trusted)
        chain = _chain(_signer(response, embedded), embedded, trusted)
        return Answer(
            token=token,
            certificates="".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
            policy=said.policy.dotted_string,
            at=said.gen_time,
        )
    except (ValueError, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise WrongAnswer(UNREADABLE) from error


def _refuse_forgery(response: TimeStampResponse, words: bytes, trusted: list[x509.Certificate]) -> None:
    """Check signature, chain, purpose and dates of the certificates; these at the stamp's own time."""
    if not trusted:
        raise WrongAnswer("its certificates lead to no root that is trusted here")
    try:
        VerifierBuilder(roots=trusted).build().verify(response, sha256(words).digest())
    except VerificationError as error:
        raise WrongAnswer(_in_words(str(error))) from error


def _in_words(said: str) -> str:
    """What the library says, as people say it."""
    for clue, words in (
        ("expired", "its certificate had expired at the time that it names"),
        ("not yet valid", "its certificate was not valid yet at the time that it names"),
        ("certificate purpose", "its certificate is not made for time-stamps"),
        ("EKU", "its certificate is not made for time-stamps"),
        ("certificate verify error", "its certificates lead to no root that is trusted here"),
        ("No leaf certificate", "the certificate of its signer does not come with it"),
    ):
        if clue in said:
            return words
    return "its signature does not fit what it says"


def _decoded(answer: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(_in_order(answer))
    except (ValueError, IndexError) as error:
        raise WrongAnswer(UNREADABLE) from error


def _certificate(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def _leading(roots: Sequence[bytes], embedded: Sequence[x509.Certificate]) -> Iterator[bytes]:
    """Those of the roots that may have issued one of these: all others need not even be read."""
    issuers = {one.issuer.public_bytes() for one in embedded}
    return (root for root in roots if any(issuer in root for issuer in issuers))


def _signer(response: TimeStampResponse, embedded: Sequence[x509.Certificate]) -> x509.Certificate:
    (by,) = response.signed_data.signer_infos
    return next(one for one in embedded if (one.issuer, one.serial_number) == (by.issuer, by.serial_number))


def _chain(
    signer: x509.Certificate, embedded: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """The certificates from the signer's to a root, each issued by the next."""
    chain = [signer]
    while chain[-1] not in roots and len(chain) < _LONGEST_CHAIN:
        above = next((one for one in (*roots, *embedded) if _issued(one, chain[-1])), None)
        if above is None or above in chain:
            break
        chain.append(above)
    return chain


@lru_cache(maxsize=64)  # the certificates of an authority come again with each of its time-stamps
def _issued(above: x509.Certificate, below: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _fits(kept: str, found: str) -> bool:
    """Whether the chain that was kept begins with the same signer, and each is issued by the next."""
    try:
        chain = [_certificate(one) for one in _read(kept)]
    except ValueError:
        return False
    begins = bool(chain) and found.startswith(chain[0].public_bytes(Encoding.PEM).decode())
    return begins and all(_issued(above, below) for below, above in pairwise(chain))


# --- DER ----------------------------------------------------------------------------------------------------
# The library reads strict DER only, in which the certificates of a token are sorted. Authorities that run on
# OpenSSL do not sort them, nor need they: that part is not signed. So they are sorted before it reads; what
# is kept is the token as the library gives it back, which OpenSSL verifies as well.

_CERTIFICATES = 0xA0


def _in_order(answer: bytes) -> bytes:
    """The answer with the certificates of its token sorted; as it is where there is no token.

    Raises ValueError or IndexError for what is no DER.
    """
    response = _parts(answer, 0, len(answer))[0]
    within = _parts(answer, *response[1:])
    if len(within) < 2:  # noqa: PLR2004  # a status without a token
        return answer
    content = _parts(answer, *within[1][1:])[1]
    signed = _parts(answer, *content[1:])[0]
    for tag, start, end in _parts(answer, *signed[1:]):
        if tag == _CERTIFICATES:
            return answer[:start] + b"".join(sorted(_whole(answer, start, end))) + answer[end:]
    return answer


def _parts(der: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """The values that lie between two places: tag, and where the content of each begins and ends."""
    found = []
    while start < end:
        tag, size, begin = der[start], der[start + 1], start + 2
        if size & 0x80:
            begin += size & 0x7F
            size = int.from_bytes(der[start + 2 : begin])
        if begin + size > end:
            raise ValueError("a value is longer than what it lies in")
        found.append((tag, begin, begin + size))
        start = begin + size
    return found


def _whole(der: bytes, start: int, end: int) -> Iterator[bytes]:
    """The same values, each with its tag and length."""
    for _, _, stop in _parts(der, start, end):
        yield der[start:stop]
        start = stop


def _as_answer(token: bytes) -> bytes:
    """A token as an answer that grants it, since the library reads nothing else."""
    body = b"\x30\x03\x02\x01\x00" + token
    if len(body) < 0x80:  # noqa: PLR2004  # a length in one byte
        return bytes((0x30, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes((0x30, 0x80 | len(size))) + size + body
