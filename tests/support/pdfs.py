"""PDF files for tests: small, made from lines of text that can be read back.

In:  lines, in any of the languages we meet; pages; what should be wrong with the file.
Out: the bytes of a PDF.

No font file is needed: every letter beyond ASCII gets a code of its own with a glyph name, and
a /ToUnicode map says which letter it is (ISO 32000-1, 9.10.3), Cyrillic included.
"""

from __future__ import annotations

import io
import random
import unicodedata
import zlib
from collections.abc import Sequence

FIRST_CODE = 128
LINES_ON_A_PAGE = 52


def a_pdf(
    lines: Sequence[str] = ("Faktura VAT nr FV 1/2026",),
    *,
    title: str | None = None,
    pages: Sequence[Sequence[str]] = (),
    compress: bool = False,
    padding_bytes: int = 0,
    picture: bool = False,
) -> bytes:
    """Lay *lines* out from the top of an A4 page (then *pages*, one by one).

    Args:
        title: Written first, larger.
        compress: Deflate the page contents, as shop programs do.
        padding_bytes: Weight of an unused incompressible stream, to make a file large.
        picture: Draw a grey picture below the text (a scan is a page of picture and no text).
    """
    sheets = [list(lines), *(list(page) for page in pages)]
    if title is not None:
        sheets[0].insert(0, title)
    sheets = [
        sheet[start : start + LINES_ON_A_PAGE]
        for sheet in sheets
        for start in range(0, max(len(sheet), 1), LINES_ON_A_PAGE)
    ]
    codes: dict[str, int] = {}
    contents = [
        _page_content(sheet, codes, large_first=title is not None and index == 0, picture=picture)
        for index, sheet in enumerate(sheets)
    ]
    first_page = 6
    kids = " ".join(f"{first_page + 2 * index} 0 R" for index in range(len(sheets)))
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(sheets)} >>".encode(),
        _font(codes),
        _stream(_to_unicode(codes), compress=compress),
        _stream(
            bytes([128]) * 16,
            compress=False,
            entries="/Type /XObject /Subtype /Image /Width 4 /Height 4 /BitsPerComponent 8 "
            "/ColorSpace /DeviceGray",
        ),
    ]
    for index, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Contents %d 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /Im1 5 0 R >> >> >>"
            % (first_page + 2 * index + 1)
        )
        objects.append(_stream(content, compress=compress))
    if padding_bytes:
        objects.append(_stream(random.Random(7).randbytes(padding_bytes), compress=False))
    return _file(objects)


def a_scan() -> bytes:
    """A page that is a picture: no text to read."""
    return a_pdf([], picture=True)


def an_invoice_pdf(
    number: str = "FV 12/11/2026",
    *,
    title: str = "FAKTURA VAT nr",
    seller: str = "Lampiony Nowak Sp. z o.o.",
    nip: str = "6793112850",
    buyer: str = "Jan Kowalski",
    buyer_nip: str | None = None,
    total: str = "123,00",
    currency: str = "PLN",
    extra: Sequence[str] = (),
) -> bytes:
    """A Polish invoice with everything one has."""
    return a_pdf(
        [
            f"{title} {number}",
            "Data wystawienia: 2026-11-20 Data sprzedaży: 2026-11-19",
            f"Sprzedawca: {seller}",
            "30-702 Kraków, ul. Długa 4",
            f"NIP: {nip}",
            f"Nabywca: {buyer}",
            *([f"NIP: {buyer_nip}"] if buyer_nip else []),
            "Lp. Nazwa towaru Ilość Cena netto VAT Brutto",
            f"1 Lampa biurkowa 1 szt. 100,00 23% {total}",
            f"Razem do zapłaty: {total} {currency}",
            "w tym VAT 23%: 23,00",
            *extra,
        ]
    )


def an_encrypted_pdf(lines: Sequence[str] = ("Faktura VAT nr FV 1/2026",)) -> bytes:
    """Opens only with a password."""
    import pikepdf

    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(a_pdf(lines))) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(owner="owner", user="user"))
    return out.getvalue()


def a_page_bomb(levels: int = 12) -> bytes:
    """A page whose form draws a form ten times, and so on: endless to read, small to send."""
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> /XObject << /X 6 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        _stream(b"/X Do", compress=False),
    ]
    for level in range(levels):
        last = level == levels - 1
        content = b"BT /F1 9 Tf (x) Tj ET" if last else b"/X Do " * 10
        resources = (
            "/Resources << /Font << /F1 4 0 R >> >>"
            if last
            else f"/Resources << /XObject << /X {7 + level} 0 R >> >>"
        )
        objects.append(
            _stream(
                content,
                compress=False,
                entries=f"/Type /XObject /Subtype /Form /BBox [0 0 595 842] {resources}",
            )
        )
    return _file(objects)


def a_stream_bomb(unpacked_bytes: int = 3_000_000_000) -> bytes:
    """A page content that unpacks to gigabytes of text operators."""
    piece = b"(aaaaaaaa) Tj " * 100_000
    packed = _repeated(b"BT /F1 9 Tf ", piece, unpacked_bytes // len(piece))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed),
    ]
    return _file(objects)


def _repeated(begin: bytes, piece: bytes, times: int) -> bytes:
    """``zlib.compress(begin + piece * times)``, with the piece packed once (RFC 1950, 1951)."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    first = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    each = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    high, low = divmod(zlib.adler32(begin), 65_536)
    more_high, more_low = divmod(zlib.adler32(piece), 65_536)
    for _ in range(times):
        high = (high + more_high + len(piece) * (low - 1)) % 65_521
        low = (low + more_low - 1) % 65_521
    checksum = (high << 16 | low).to_bytes(4, "big")
    return b"\x78\xda" + first + each * times + packer.flush() + checksum


def _page_content(
    sheet: Sequence[str], codes: dict[str, int], *, large_first: bool, picture: bool
) -> bytes:
    drawn = [b"q 500 0 0 300 50 60 cm /Im1 Do Q"] if picture else []
    height = 800
    for index, line in enumerate(sheet):
        size = 16 if large_first and index == 0 else 10
        height -= size + 5
        drawn.append(b"BT /F1 %d Tf 50 %d Td (%s) Tj ET" % (size, height, _encoded(line, codes)))
    return b"\n".join(drawn)


def _encoded(line: str, codes: dict[str, int]) -> bytes:
    result = bytearray()
    for letter in unicodedata.normalize("NFC", line):
        if letter in "()\\":
            result += b"\\" + letter.encode()
        elif " " <= letter <= "~":
            result += letter.encode()
        else:
            code = codes.setdefault(letter, FIRST_CODE + len(codes))
            assert code < 256, "too many different letters for one font"
            result += b"\\%03o" % code
    return bytes(result)


def _font(codes: dict[str, int]) -> bytes:
    differences = " ".join(f"{code} /uni{ord(letter):04X}" for letter, code in codes.items())
    return (
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 4 0 R "
        "/Encoding << /Type /Encoding /BaseEncoding /WinAnsiEncoding "
        f"/Differences [{differences}] >> >>"
    ).encode()


def _to_unicode(codes: dict[str, int]) -> bytes:
    pairs = {chr(code): code for code in range(32, 127)} | codes
    lines = [
        f"<{code:02X}> <{letter.encode('utf-16-be').hex().upper()}>"
        for letter, code in pairs.items()
    ]
    blocks = [lines[start : start + 100] for start in range(0, len(lines), 100)]
    body = "\n".join(
        f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks
    )
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        "1 begincodespacerange <00> <FF> endcodespacerange\n"
        f"{body}\nendcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode()


def _stream(content: bytes, *, compress: bool, entries: str = "") -> bytes:
    if compress:
        content = zlib.compress(content)
        entries += " /Filter /FlateDecode"
    head = f"<< /Length {len(content)} {entries} >>".encode()
    return head + b"\nstream\n" + content + b"\nendstream"


def _file(objects: Sequence[bytes]) -> bytes:
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    return bytes(body)
