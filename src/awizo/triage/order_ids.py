"""Order ids and order numbers in text.

In:  text, links and headers of a mail.
Out: Allegro checkout-form ids with their place, and the shop's own order numbers.

Pure. Allegro's ids are UUIDs of version 1 (FACTS 4.3), which few other programs make; the
UUIDs of Message-IDs, sessions, unsubscribe and access tokens are of version 4 as a rule. So a
version 1 is believed unless its surroundings speak against it, any other only where a word
for an order stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

from awizo.model import Link, OrderReference
from awizo.triage.urls import split_url
from awizo.triage.words import clean, plain

ORDER_UUID = re.compile(
    r"(?<![0-9a-z\-])[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![0-9a-z\-])"
)

# Before the id, on its line: it is somebody else's.
NOT_ORDER = re.compile(
    r"(?:token|session|sesj|message-?id|request|trace|correlation|campaign|kampan|unsubscr|wypis|"
    r"odhlas|leirat|abmeld|відпис|payment id|"
    r"id(?:entyfikator)? (?:platnosci|transakcji(?! allegro)|payment)|"
    r"transaction id|fizetesi azon|uuid wiadomosci|id wiadomosci|zpravy|spravy|message|"
    r"uzytkownik|user|"
    r"klienta?|customer|offer|ofert|produkt|product|przesylk|shipment|parcel|voucher|kod )"
    r"[^\n]{0,25}$"
    # A payment's own id stands right behind its word; "Payment confirmed - <id>" names an order.
    r"|(?:platnosc|payment|transak|transac|plateb|platb|zahlung|платіж|платеж)\w*"
    r"(?: (?:nr|numer|id|no|number|c|cislo|nummer|номер))*[ .:#№(]*$"
)
ORDER_WORD = re.compile(
    r"(?:zamowien|order|objednav|rendeles|bestell|auftrag|замовлен|заказ|checkout|allegro|zakup|"
    r"purchase|nakup|vasarl|kauf|покупк|ref)[^\n]{0,40}$"
)
CLOSE_ORDER_WORD = re.compile(
    r"(?:zamowien|order|objednav|rendeles|bestell|auftrag|замовлен|заказ|checkout|"
    r"zakup\w{0,2} (?:na |w )?allegro)[^\n]{0,30}$"
)
BEFORE_CHARS = 60

FOREIGN_HEADERS = re.compile(
    r"(?:message-id|in-reply-to|references|content-.*|list-.*|received.*|dkim-.*|arc-.*|"
    r"authentication.*|return-path|x-sg-.*|x-ses-.*|x-mailgun.*|x-mc-.*|x-mandrill.*|x-sib-.*|"
    r"x-entity.*|feedback-id|x-feedback-id|x-report-abuse.*|x-ms-.*|x-google.*|x-gm-.*|"
    r"x-microsoft.*|"
    r"x-.*(?:msg|message|track|campaign|request|correlation|trace|unsub|session|token|job|batch|"
    r"template|queue|delivery|mailer|user|customer|subscriber|contact).*|mime-version|subject|from|"
    r"to|cc|bcc|date|reply-to|sender|user-agent|thread-.*)$"
)
ORDER_HEADER = re.compile(
    r"order|zamow|checkout|allegro|objednav|rendeles|bestell|reference|external"
)
FOREIGN_LINK = re.compile(
    r"unsub|wypis|odhlas|leirat|abmeld|preferenc|opt-?out|/(?:open|pixel|click|track|wf|ls|o|c|t|"
    r"r)/|"
    r"payment|platnosc|/pay/|newsletter|tracking"
)
LEAVE_LABEL = re.compile(
    r"\bz?rezygn\w*\b(?! z zamow)|wypis\w* (?:sie|mnie)|unsub|odhlas|leirat|abmeld|відпис|"
    r"opt-?out"
)
ORDER_PATH = re.compile(r"order|zamow|objednav|rendeles|bestell|checkout|purchase|allegro|zakup")
FOREIGN_KEY = re.compile(
    r"token|key|hash|sig|utm|mail|pref|unsub|session|sid|uid|user|cid|mid|(?<!orde)rid|auth|secret|access|"
    r"payment|client|customer|contact|message|campaign"
)


def is_order_uuid(uuid: str) -> bool:
    """Has the shape of Allegro's ids: version 1."""
    return len(uuid) == 36 and uuid[14] == "1"


def ids_in_text(text: str, where: str) -> list[OrderReference]:
    folded = plain(clean(text))
    found: list[OrderReference] = []
    for match in ORDER_UUID.finditer(folded):
        before = folded[max(0, match.start() - BEFORE_CHARS) : match.start()]
        before = before[before.rfind("\n") + 1 :]
        if before.endswith(("/", "=", "?", "&")) or "://" in before.rsplit(" ", 1)[-1]:
            continue  # part of an address: judged as a link
        before = before[max(before.rfind(mark) for mark in (". ", "; ", "| ", "•")) + 1 :]
        if NOT_ORDER.search(before) and not CLOSE_ORDER_WORD.search(before):
            continue
        if is_order_uuid(match[0]) or ORDER_WORD.search(before):
            found.append(OrderReference(match[0], where))
    return found


def ids_in_links(links: Iterable[Link]) -> list[OrderReference]:
    found: list[OrderReference] = []
    for link in links:
        if "-" not in link.url or len(link.url) < 40:
            continue
        url = unquote(link.url).lower()
        if ORDER_UUID.search(url) is None:
            continue
        parts = split_url(url)
        if parts is None or FOREIGN_LINK.search(parts.path):
            continue
        if LEAVE_LABEL.search(plain(clean(link.label))):
            continue
        for match in ORDER_UUID.finditer(parts.path):
            if is_order_uuid(match[0]) or ORDER_PATH.search(parts.path[: match.start()]):
                found.append(OrderReference(match[0], "link"))
        for key, value in parse_qsl(parts.query):
            uuid = ORDER_UUID.fullmatch(value)
            if uuid is None or FOREIGN_KEY.search(key):
                continue
            if is_order_uuid(value) or ORDER_PATH.search(key):
                found.append(OrderReference(value, "link"))
    return found


def ids_in_headers(headers: Iterable[tuple[str, str]]) -> list[OrderReference]:
    found: list[OrderReference] = []
    for name, value in headers:
        if len(value) < 36 or "-" not in value or FOREIGN_HEADERS.match(name):
            continue
        for match in ORDER_UUID.finditer(value.lower()):
            if is_order_uuid(match[0]) or ORDER_HEADER.search(name):
                found.append(OrderReference(match[0], "header"))
    return found


# --- the shop's own numbers -------------------------------------------------------------------

SHOP_NUMBER = re.compile(
    r"(?:zamowieni[a-z]{1,3}|zam\.|order|objednav[a-z]{1,3}|rendeles[a-z]{0,5}|bestellung|auftrag|"
    r"замовленн[а-яіїє]{1,2}|заказ[а-я]{0,2})"
    r"(?: (?:klienta|internetowe|sklepu|allegro|o|nr|numer|numerze|no\.?|number|c\.|cislo|nummer|"
    r"szama?|id|№|номер)| ?[:#№(\"]| nr\.| c\.:){0,4}[ #№:\"(]{1,3}"
    r"(?P<number>(?:zk |zam |so |al )?[a-z0-9]{1,14}(?:[/\-][a-z0-9]{1,12}){0,5})(?![\w\-@.]*[@])"
)
PRESTASHOP = re.compile(r"[A-Z]{9}")  # SHOP-MAILS 2


def order_numbers_in(text: str) -> tuple[str, ...]:
    """Numbers behind a word for an order: digits, or PrestaShop's nine capitals."""
    text = clean(text)
    folded = plain(text)
    found: list[str] = []
    for match in SHOP_NUMBER.finditer(folded):
        number = text[match.start("number") : match.end("number")]
        digits = sum(letter.isdigit() for letter in number)
        if ORDER_UUID.search(folded, match.start("number"), match.start("number") + 37):
            continue
        if PRESTASHOP.fullmatch(number) or (digits >= 3 and not DATE.fullmatch(number)):
            found.append(number)
    return tuple(dict.fromkeys(found))


DATE = re.compile(r"\d{1,2}-\d{1,2}-\d{4}|\d{4}-\d{1,2}-\d{1,2}|20\d\d")
