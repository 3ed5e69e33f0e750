"""Telling Chromium of a school's own certificate authority.

Chromium on Linux reads the authorities that a person has added from an NSS database in the home
folder. We make that database with the library that Chromium itself needs (libnss3), so that no
other tool has to be installed.
"""

import ctypes
import re
import ssl
from pathlib import Path

_LIBRARY = "libnss3.so"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VALID_CA, _TRUSTED_CA = 0x08, 0x10


class _Item(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("data", ctypes.c_char_p), ("len", ctypes.c_uint))


class _Trust(ctypes.Structure):
    _fields_ = (("ssl", ctypes.c_uint), ("email", ctypes.c_uint), ("object_signing", ctypes.c_uint))


def trust(bundle: Path, home: Path) -> None:
    """Make the browser whose home folder this is believe the authorities in a PEM file.

    Raises OSError when the file or the library cannot be read, or the database cannot be made.
    """
    certificates = [
        ssl.PEM_cert_to_DER_cert(block) for block in _PEM.findall(bundle.read_text("ascii", "replace"))
    ]
    if not certificates:
        raise OSError(f"{bundle.name} holds no certificate")
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True, exist_ok=True, mode=0o700)
    nss = _library()
    _succeed(nss.NSS_InitReadWrite(f"sql:{database}".encode()), "the database could not be made")
    try:
        _add(nss, certificates)
    finally:
        nss.NSS_Shutdown()


def _library() -> ctypes.CDLL:
    nss = ctypes.CDLL(_LIBRARY)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for function in (nss.PK11_GetInternalKeySlot, nss.CERT_GetDefaultCertDB, nss.CERT_NewTempCertificate):
        function.restype = pointer
    nss.CERT_NewTempCertificate.argtypes = [pointer, ctypes.POINTER(_Item), text, number, number]
    nss.PK11_InitPin.argtypes = [pointer, text, text]
    nss.PK11_ImportCert.argtypes = [pointer, pointer, ctypes.c_ulong, text, number]
    nss.CERT_ChangeCertTrust.argtypes = [pointer, pointer, ctypes.POINTER(_Trust)]
    nss.CERT_DestroyCertificate.argtypes = [pointer]
    nss.PK11_FreeSlot.argtypes = [pointer]
    return nss


def _add(nss: ctypes.CDLL, certificates: list[bytes]) -> None:
    slot, known = nss.PK11_GetInternalKeySlot(), nss.CERT_GetDefaultCertDB()
    trusted = _Trust(ssl=_VALID_CA | _TRUSTED_CA, email=0, object_signing=0)
    _succeed(nss.PK11_InitPin(slot, None, b""), "the database could not be opened")
    for number, der in enumerate(certificates):
        certificate = nss.CERT_NewTempCertificate(known, _Item(0, der, len(der)), None, 0, 1)
        if not certificate:
            raise OSError(f"certificate {number + 1} of the bundle cannot be read")
        _succeed(nss.PK11_ImportCert(slot, certificate, 0, f"authority {number}".encode(), 0), "not imported")
        _succeed(nss.CERT_ChangeCertTrust(known, certificate, ctypes.byref(trusted)), "not trusted")
        nss.CERT_DestroyCertificate(certificate)
    nss.PK11_FreeSlot(slot)


def _succeed(status: int, otherwise: str) -> None:
    if status != 0:
        raise OSError(otherwise)
