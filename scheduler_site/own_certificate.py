"""The certificate that a server makes itself at its first start, and its fingerprint. No authority vouches for it:
whoever connects compares the fingerprint, which enrolment tokens carry. In the data folder; deleted, it is made anew.
"""

import datetime
import hashlib
import ipaddress
import os
import ssl
from pathlib import Path
from typing import Any

YEARS = 10


def ensure(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """(certificate, key); made for these host names and addresses when there is none."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not (cert.exists() and key.exists()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cert_pem, key_pem = make(names)
        _write(key, key_pem)
        _write(cert, cert_pem)
    return cert, key


def fingerprint(cert: Path) -> str:
    """SHA-256 of the certificate itself, as agents compare it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(cert.read_text())).hexdigest()


def make(names: list[str]) -> tuple[bytes, bytes]:
    from cryptography import x509  # takes a while, and is needed once in a server's life
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Nightshift")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in dict.fromkeys(names)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return built.public_bytes(serialization.Encoding.PEM), key_pem


def _alternative(host: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and never for others to read."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
