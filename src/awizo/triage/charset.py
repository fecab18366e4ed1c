"""Turn bytes into text when the declared charset may be missing, unknown or wrong.

In:  bytes and the charset that the mail declares for them.
Out: text, and a slug when the declaration did not hold.

Pure. Shop software mixes up iso-8859-2, windows-1250 and utf-8. The order of trust: valid
multi-byte UTF-8 (chance hardly ever makes it), then the declaration, if what it yields is
plausible, then the charset under which the letters are those of one language of the region.
"""

from __future__ import annotations

import re
from functools import lru_cache

_KNOWN = re.compile(
    r"(?:utf-?(?:7|8|16|32)(?:-?[bl]e)?(?:-sig)?|us-ascii|ascii|ansi-x3\.4-\d+"
    r"|iso-?8859-\d+|latin-?\d+|windows-?\d+|cp-?\d+|x-cp\d+|win-?\d+|koi8-[rut]"
    r"|iso-2022-[a-z0-9-]+|gb2312|gbk|gb18030|big5|euc-?(?:jp|kr)|shift-?jis|mac-?[a-z0-9-]+)\Z"
)
_STATEFUL = re.compile(r"utf-?(?:7|16|32)|iso-2022")
_ALIASES = {
    "ansi-x3.4-1968": "ascii",
    "us-ascii": "ascii",
    "utf8mb4": "utf-8",
    "unicode": "utf-8",
    "latin2": "iso-8859-2",
    "latin1": "cp1252",
    # What calls itself iso-8859-1 on the web and in mail is windows-1252 (WHATWG Encoding).
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "polish": "cp1250",
}

# Letters beyond ASCII of the languages that are written to buyers.
_LETTERS = {
    "pl": "ąćęłńóśźż",
    "cs": "áčďéěíňóřšťúůýž",
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "hu": "áéíóöőúüű",
    "de": "äöüß",
}
_CYRILLIC = {
    "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
}
_PUNCTUATION = "„”“’‘‚–—…•§°©®™€«»·×±²³½¼£´\u00a0\u00ad№"
_LATIN_GUESSES = ("cp1250", "iso-8859-2", "cp1252")
_CYRILLIC_GUESSES = ("cp1251", "koi8-u")
_ASCII = bytes(range(0x80))
_MOJIBAKE = re.compile("[\u00c2-\u00c5\u0102\u0139][\u0080-\u00bf\u0100-\u0192\u2010-\u2122]")
_RUN = re.compile(rb"[\x80-\xff]{3,}")
_UTF8_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


@lru_cache(maxsize=256)
def normal_charset(name: str) -> str | None:
    """Python's name for a declared charset; "" when none is declared, ``None`` if unknown."""
    name = name.strip().strip("\"'").strip().lower().replace("_", "-").replace(" ", "-")
    name = name.removeprefix("charset=").removeprefix("cs")
    if not name:
        return ""
    name = _ALIASES.get(name, name)
    if not _KNOWN.match(name):  # codecs also knows zlib, punycode and other non-charsets
        return None
    numbered = re.fullmatch(r"(?:windows|win|x-cp|cp)-?(\d+)", name)
    name = f"cp{numbered[1]}" if numbered else name
    try:
        b"".decode(name)
    except (LookupError, UnicodeError, ValueError):
        return None
    return name


def decode(data: bytes, declared: str) -> tuple[str, str | None]:
    """Return the text of *data* and the slug of what was wrong with its charset, if any.

    Never raises. Slugs: ``charset_missing``, ``charset_unknown``, ``charset_wrong``,
    ``charset_broken_bytes`` (some bytes had no meaning), ``charset_twice`` (UTF-8 that was
    taken for another charset and encoded again).
    """
    charset = normal_charset(declared)
    if charset and _STATEFUL.match(charset):
        try:
            # A lone surrogate is no text: nothing else could write it down.
            text = data.decode(charset)
            return text.encode("utf-8", "replace").decode("utf-8"), None
        except (UnicodeError, ValueError):
            charset = None
    slug = "charset_missing" if charset == "" else "charset_unknown"
    if data.isascii():
        return data.decode("ascii"), None if charset is not None else slug
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\x00" in data:
        return data.decode("utf-16", "replace"), None if charset == "utf-16" else "charset_wrong"
    if charset:
        slug = "charset_wrong"
    try:
        text = data.decode("utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8")
    except UnicodeDecodeError:
        pass
    else:
        mended = _encoded_once(text)
        if mended is not None:
            return mended, "charset_twice"
        return text, None if charset == "utf-8" else slug
    good = len(_UTF8_CHARACTER.findall(data))
    if good >= 3:
        text = data.decode("utf-8", "replace")
        if text.count("\ufffd") * 3 <= good:
            return text, "charset_broken_bytes"
    chosen = _judge(data, charset or "")
    try:
        return data.decode(chosen), None if chosen == charset else slug
    except (UnicodeError, ValueError):
        text = data.decode(chosen, "replace")
        return text, slug if chosen != charset else "charset_broken_bytes"


def _encoded_once(text: str) -> str | None:
    """Undo UTF-8 that was read as a one-byte charset and encoded again."""
    if len(_MOJIBAKE.findall(text)) < 2:
        return None
    for wrong in ("cp1252", "cp1250", "iso-8859-2", "latin-1"):
        try:
            mended = text.encode(wrong).decode("utf-8")
        except UnicodeError:
            continue
        if len(mended) < len(text):
            return mended
    return None


def _judge(data: bytes, declared: str) -> str:
    """The one-byte charset under which the letters of *data* make most sense."""
    sample = data[:100_000]
    high = sample.translate(None, _ASCII)
    distinct = bytes(sorted(set(high)))
    # Cyrillic words are runs of high bytes; in Latin ones a high byte stands among ASCII.
    cyrillic = sum(map(len, _RUN.findall(sample))) > len(high) * 0.6
    if declared and _fits(distinct, declared, cyrillic):
        return declared
    counts = {byte: high.count(byte) for byte in distinct}
    guesses = _CYRILLIC_GUESSES if cyrillic else _LATIN_GUESSES
    candidates = (declared, *guesses) if declared and declared != "ascii" else guesses
    best, best_score = "", float("-inf")
    for charset in candidates:
        score = _score(counts, charset, cyrillic)
        if score > best_score:
            best, best_score = charset, score
    return best


@lru_cache(maxsize=512)
def _meaning(charset: str, byte: int) -> str:
    try:
        return bytes((byte,)).decode(charset)
    except (UnicodeError, ValueError, LookupError):
        return ""


def _alphabets(cyrillic: bool) -> tuple[str, ...]:
    return tuple((_CYRILLIC if cyrillic else _LETTERS).values())


@lru_cache(maxsize=512)
def _fits(distinct: bytes, charset: str, cyrillic: bool) -> bool:
    """Every high byte is a letter of one language, or punctuation."""
    chars = [_meaning(charset, byte) for byte in distinct]
    letters = [c.lower() for c in chars if c not in _PUNCTUATION or not c]
    if not letters:
        return all(chars)
    if cyrillic and sum(c.islower() for c in chars) * 2 < len(letters):
        return False  # koi8 read as cp1251 comes out in capitals, and the other way round
    return any(all(c and c in alphabet for c in letters) for alphabet in _alphabets(cyrillic))


def _score(counts: dict[int, int], charset: str, cyrillic: bool) -> float:
    best = float("-inf")
    for alphabet in _alphabets(cyrillic):
        score = 0.0
        for byte, count in counts.items():
            char = _meaning(charset, byte)
            if not char or "\x80" <= char < "\xa0":
                score -= 6 * count
            elif char in alphabet:
                score += 2 * count
            elif char.lower() in alphabet:
                score += count
            elif char in _PUNCTUATION:
                score += 0.3 * count
            else:
                score -= 2 * count
        best = max(best, score)
    return best
