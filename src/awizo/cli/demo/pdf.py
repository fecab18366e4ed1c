"""A one-page PDF whose text can be read back: the sample documents of the demo.

In:  lines of text.
Out: the bytes of a PDF 1.4 file.

Helvetica with an encoding of its own: Polish and Czech letters are named as glyphs, so no font
file is needed and readers get the letters back (PDF 32000-1, 9.6.6.2).
"""

from __future__ import annotations

GLYPHS = {
    "ą": "aogonek", "ć": "cacute", "ę": "eogonek", "ł": "lslash", "ń": "nacute", "ó": "oacute",
    "ś": "sacute", "ź": "zacute", "ż": "zdotaccent", "Ą": "Aogonek", "Ć": "Cacute",
    "Ę": "Eogonek", "Ł": "Lslash", "Ń": "Nacute", "Ó": "Oacute", "Ś": "Sacute", "Ź": "Zacute",
    "Ż": "Zdotaccent", "č": "ccaron", "ě": "ecaron", "ř": "rcaron", "š": "scaron",
    "ž": "zcaron", "á": "aacute", "é": "eacute", "í": "iacute", "ý": "yacute", "ů": "uring",
    "ú": "uacute", "ö": "odieresis", "ü": "udieresis", "ő": "ohungarumlaut",
    "ű": "uhungarumlaut", "ä": "adieresis", "ß": "germandbls",
}  # fmt: skip

FIRST_CODE = 128


def make_pdf(lines: list[str]) -> bytes:
    """Lay the lines out from the top of an A4 page; letters outside the table become ``?``."""
    codes: dict[str, int] = {}

    def encoded(text: str) -> str:
        result = []
        for letter in text:
            if letter in GLYPHS:
                code = codes.setdefault(letter, FIRST_CODE + len(codes))
                result.append(f"\\{code:03o}")
            elif letter in "()\\":
                result.append("\\" + letter)
            else:
                result.append(letter if letter.isascii() else "?")
        return "".join(result)

    drawn = " T* ".join(f"({encoded(line)}) Tj" for line in lines)
    stream = f"BT /F1 11 Tf 14 TL 50 790 Td {drawn} ET".encode("latin-1")
    names = " ".join(f"{code} /{GLYPHS[letter]}" for letter, code in codes.items())
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Type /Encoding "
        b"/BaseEncoding /WinAnsiEncoding /Differences [%s] >> >>" % names.encode("ascii"),
    ]
    body = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )


def invoice_pdf(
    number: str,
    *,
    title: str = "Faktura VAT",
    buyer: str = "Jan Kowalski",
    total: str = "123,00 zł",
    extra: tuple[str, ...] = (),
) -> bytes:
    return make_pdf(
        [
            f"{title} nr {number}",
            "Data wystawienia: 2026-11-20   Data sprzedaży: 2026-11-19",
            "Sprzedawca: Lampiony Nowak Sp. z o.o., ul. Długa 4, 30-702 Kraków, NIP 6793112850",
            f"Nabywca: {buyer}",
            "Lp.  Nazwa towaru          Ilość   Cena netto   VAT 23%   Wartość brutto",
            f"1    Lampa biurkowa        1 szt.  100,00       23,00     {total}",
            f"Razem do zapłaty: {total}",
            *extra,
        ]
    )
