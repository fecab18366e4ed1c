"""Tax ids, told from other digits by their check digits.

In:  digits as printed, or folded text.
Out: the id in one spelling: country and number, or the number alone where none was printed.

Pure. Sources: NIP, regulation on the numbering of taxpayers (weights 6 5 7 2 3 4 5 6 7, mod
11); IČO, weights 8…2, mod 11; adószám, weights 9 7 3 1 9 7 3, mod 10; check digit of SSCC
and GTIN, GS1 General Specifications 7.9; IBAN, ISO 13616 (mod 97).
"""

from __future__ import annotations

NIP_WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)
ICO_WEIGHTS = (8, 7, 6, 5, 4, 3, 2)
ADOSZAM_WEIGHTS = (9, 7, 3, 1, 9, 7, 3)


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def is_nip(digits: str) -> bool:
    """A Polish tax id: 10 digits with the right check digit."""
    if len(digits) != 10 or not digits.isdecimal() or digits[:2] == "00":
        return False
    return _weighted(digits, NIP_WEIGHTS) % 11 == int(digits[9])


def is_ico(digits: str) -> bool:
    """A Czech or Slovak company id: 8 digits with the right check digit."""
    if len(digits) != 8 or not digits.isdecimal():
        return False
    return (11 - _weighted(digits, ICO_WEIGHTS) % 11) % 10 == int(digits[7])


def is_adoszam(digits: str) -> bool:
    """A Hungarian tax number: its first 8 digits."""
    if len(digits) not in (8, 11) or not digits.isdecimal():
        return False
    return (10 - _weighted(digits, ADOSZAM_WEIGHTS) % 10) % 10 == int(digits[7])


def gs1_check_digit(digits: str) -> int:
    """GS1 General Specifications 7.9: weights 3, 1, … from the right."""
    total = sum(
        int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits[::-1])
    )
    return (10 - total % 10) % 10


def is_iban(text: str) -> bool:
    """ISO 13616: country, two check digits, the account; the whole is 1 modulo 97."""
    if not (15 <= len(text) <= 34 and text[:2].isalpha() and text[2:4].isdecimal()):
        return False
    if not text.isascii() or not text.isalnum():
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def is_polish_account(digits: str) -> bool:
    """26 digits that make an IBAN with ``PL`` in front."""
    return len(digits) == 26 and digits.isdecimal() and is_iban("PL" + digits)


def is_hungarian_account(digits: str) -> bool:
    """16 or 24 digits: bank and branch (8) and account (8 or 16) end in check digits.

    Source: MNB, structure of the domestic account number (weights 9 7 3 1).
    """
    if len(digits) not in (16, 24) or not digits.isdecimal():
        return False
    weights = (9, 7, 3, 1) * 4
    bank, account = digits[:8], digits[8:]
    return _weighted(bank, weights) % 10 == 0 and _weighted(account, weights) % 10 == 0
