"""The mails of the demo, written after the habits of real shop programs, in our own words.

In:  the demo's orders (addresses and ids as the emulator made them).
Out: mails as bytes with their envelope and the outcome that is expected of each delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP

from awizo.cli.demo.pdf import invoice_pdf, make_pdf

SHOP = "sklep@lampiony.example"


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order the demo made at the emulator."""

    order_id: str
    address: str
    buyer: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come out for one recipient."""

    recipient: str
    disposition: str
    kind: str | None = None
    actions: tuple[str, ...] = ()
    order_id: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DemoMail:
    title: str
    content: bytes = field(repr=False)
    recipients: tuple[str, ...]
    expected: tuple[Expected, ...]
    reverse_path: str = SHOP


def _mail(
    to: str,
    subject: str,
    text: str | None = None,
    *,
    html: str | None = None,
    files: tuple[tuple[str, bytes, str], ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
    charset: str = "utf-8",
    message_id: str,
) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Date"] = "Fri, 20 Nov 2026 10:15:00 +0100"
    message["From"] = f"Lampiony <{SHOP}>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = f"<{message_id}@lampiony.example>"
    for name, value in headers:
        message[name] = value
    if text is not None:
        message.set_content(text, charset=charset)
        if html is not None:
            message.add_alternative(html, subtype="html", charset=charset)
    elif html is not None:
        message.set_content(html, subtype="html", charset=charset)
    for name, content, kind in files:
        maintype, subtype = kind.split("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()


PDF = "application/pdf"
PHPMAILER = ("X-Mailer", "PHPMailer 6.9.1 (https://github.com/PHPMailer/PHPMailer)")


def demo_mails(order: Callable[[str], DemoOrder], late: DemoOrder) -> list[DemoMail]:
    """Every mail of the demo; *order* makes or finds the order of a name."""
    mails: list[DemoMail] = []

    def add(
        title: str, content: bytes, of: DemoOrder, disposition: str, kind: str,
        actions: tuple[str, ...] = (), problem: str | None = None,
        reverse_path: str = SHOP,
    ) -> None:  # fmt: skip
        expected = Expected(
            recipient=of.address, disposition=disposition, kind=kind, actions=actions,
            order_id=of.order_id if actions else None, problem=problem,
        )  # fmt: skip
        mails.append(DemoMail(title, content, (of.address,), (expected,), reverse_path))

    one = order("invoice")
    add(
        "Invoice as PDF",
        _mail(
            one.address, "[Lampiony] Faktura do zamówienia KWPLMNOXY",
            "Witaj Jan Kowalski,\n\nw załączniku przesyłamy fakturę FV 101/11/2026 za zakupy.\n\n"
            "Pozdrawiamy\nLampiony\n",
            files=(("FV_101_11_2026.pdf", invoice_pdf("FV 101/11/2026", buyer=one.buyer), PDF),),
            message_id="invoice",
        ),
        one, "stop", "invoice", ("upload_invoice",),
    )  # fmt: skip
    one = order("terms")
    add(
        "Invoice with terms beside it",
        _mail(
            one.address, "Dokumenty do zamówienia 20451",
            html="<p>Dzień dobry,</p><p>przesyłamy fakturę <b>FV 102/11/2026</b> oraz regulamin "
            "sklepu.</p>",
            files=(
                ("faktura-FV-102-11-2026.pdf", invoice_pdf("FV 102/11/2026", buyer=one.buyer), PDF),
                ("regulamin.pdf", make_pdf([
                    "Regulamin sklepu internetowego Lampiony",
                    "§ 1. Postanowienia ogólne",
                    "1. Regulamin określa zasady zawierania umów sprzedaży przez Internet.",
                    "§ 2. Prawo odstąpienia od umowy",
                    "2. Konsument może odstąpić od umowy w terminie 14 dni.",
                ]), PDF),
            ),
            headers=(PHPMAILER,), message_id="terms",
        ),
        one, "stop", "invoice", ("upload_invoice",),
    )  # fmt: skip
    one = order("correction")
    add(
        "Correcting invoice",
        _mail(
            one.address, "Faktura korygująca KFS 7/11/2026",
            "Dzień dobry,\n\nw załączeniu faktura korygująca KFS 7/11/2026 do faktury "
            "FS 88/11/2026.\n\nLampiony\n",
            files=(("KFS_7_11_2026.pdf", invoice_pdf(
                "KFS 7/11/2026", title="Faktura korygująca", buyer=one.buyer, total="-23,00 zł",
                extra=("Dotyczy faktury: FS 88/11/2026 z dnia 2026-11-02",
                       "Przyczyna korekty: zwrot towaru"),
            ), "application/octet-stream"),),
            charset="iso-8859-2", message_id="correction",
        ),
        one, "stop", "invoice", ("upload_invoice",),
    )  # fmt: skip
    one = order("sent-invoice")
    add(
        "Sent, with the invoice in the same mail",
        _mail(
            one.address, "Twoja paczka jest w drodze, faktura w załączniku",
            html="<p>Dzień dobry,</p><p>Twoje zamówienie zostało wysłane kurierem InPost. Numer "
            "przesyłki: 638045236705746863150614. "
            '<a href="https://inpost.pl/sledzenie-przesylek?number=638045236705746863150614">'
            "Śledź paczkę</a></p><p>W załączniku znajdziesz fakturę FV 103/11/2026.</p>",
            files=(("FV-103-11-2026.pdf", invoice_pdf("FV 103/11/2026", buyer=one.buyer), PDF),),
            message_id="sent-invoice",
        ),
        one, "stop", "order_sent", ("upload_invoice", "add_shipment", "set_fulfillment"),
    )  # fmt: skip
    one = order("unrequested")
    add(
        "Invoice nobody asked for, kept by Allegro",
        _mail(
            one.address, "Faktura FV 104/11/2026",
            "Dzień dobry,\n\nprzesyłamy w załączniku fakturę FV 104/11/2026.\n",
            files=(("FV_104_11_2026.pdf", invoice_pdf("FV 104/11/2026", buyer=one.buyer), PDF),),
            message_id="unrequested",
        ),
        one, "stop", "invoice", ("upload_invoice",),
    )  # fmt: skip
    one = order("invoice-link")
    add(
        "Link to an invoice",
        _mail(
            one.address, "Twoja faktura 105/11/2026",
            "Dzień dobry,\n\nfaktura 105/11/2026 jest gotowa. Pobierz fakturę: "
            "https://lampiony.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp\n\nLampiony\n",
            message_id="invoice-link",
        ),
        one, "stop", "invoice_link", ("add_link",),
    )  # fmt: skip
    one = order("receipt-link")
    add(
        "Link to an e-receipt",
        _mail(
            one.address, "E-paragon za zakupy",
            html="<p>Dzień dobry,</p><p>Twój e-paragon za zakupy jest dostępny tutaj: "
            '<a href="https://hub.eparagony.pl/p/kBMS3mGfh66D">zobacz paragon</a></p>',
            message_id="receipt-link",
        ),
        one, "stop", "receipt_link", ("add_link",),
    )  # fmt: skip
    one = order("refused-link")
    add(
        "Link of a host Allegro does not accept",
        _mail(
            one.address, "Ihre Rechnung RE-2026-0091",
            "Guten Tag,\n\nIhre Rechnung RE-2026-0091 steht zum Herunterladen bereit: "
            "https://rechnungen.lampiony.example/invoice/8s7df6g5h4j3\n\nLampiony\n",
            message_id="refused-link",
        ),
        one, "forward", "invoice_link", ("add_link",), "link_host_refused",
    )  # fmt: skip
    one = order("payment")
    add(
        "Payment received (Slovak)",
        _mail(
            one.address, "[Lampiony] Platba prijatá",
            "Dobrý deň,\n\nVaša platba za objednávku BZKISCXDR bola prijatá. Ďakujeme.\n",
            message_id="payment",
        ),
        one, "stop", "payment_received",
    )  # fmt: skip
    one = order("processing")
    add(
        "Work has begun",
        _mail(
            one.address, "Zamówienie #20813 w trakcie realizacji",
            html="<p>Cześć Anna,</p><p>Twoje zamówienie #20813 jest w trakcie realizacji, magazyn "
            "rozpoczął kompletowanie.</p>",
            headers=(PHPMAILER,), message_id="processing",
        ),
        one, "stop", "order_processing", ("set_fulfillment",),
    )  # fmt: skip
    one = order("packed")
    add(
        "Packed",
        _mail(
            one.address, "Zamówienie 20814 spakowane",
            "Dzień dobry,\n\nTwoje zamówienie 20814 zostało spakowane i jest gotowe do wysyłki.\n",
            message_id="packed",
        ),
        one, "stop", "order_processing", ("set_fulfillment",),
    )  # fmt: skip
    one = order("thanks")
    add(
        "A mere thank-you",
        _mail(
            one.address, "Potwierdzenie zamówienia 20815",
            "Dzień dobry,\n\ndziękujemy za złożenie zamówienia nr 20815. Potwierdzamy jego "
            "przyjęcie.\n",
            message_id="thanks",
        ),
        one, "stop", "order_processing",
    )  # fmt: skip
    one = order("pickup")
    add(
        "Ready in the shop",
        _mail(
            one.address, "Zamówienie gotowe do odbioru w sklepie",
            "Dzień dobry,\n\nTwoje zamówienie 20816 czeka na odbiór osobisty w naszym sklepie przy "
            "ul. Długiej 4 w Krakowie.\n",
            message_id="pickup",
        ),
        one, "forward", "order_processing", ("set_fulfillment",),
    )  # fmt: skip
    one = order("sent-german")
    add(
        "Sent (German, GLS)",
        _mail(
            one.address, "Versandbestätigung 17638",
            "Hallo Klaus Schröder,\n\nIhre Bestellung wurde heute mit GLS verschickt. "
            "Paketnummer: 31001909076\n",
            headers=(("X-Shopware-Event-Name", "state_enter.order_delivery.state.shipped"),),
            message_id="sent-german",
        ),
        one, "stop", "order_sent", ("add_shipment", "set_fulfillment"),
    )  # fmt: skip
    one = order("faked-reply")
    add(
        "An automatic mail dressed up as a reply",
        _mail(
            one.address, "Re: Twoje zamówienie zostało wysłane",
            "Dzień dobry,\n\nTwoje zamówienie zostało wysłane kurierem DPD. Numer listu "
            "przewozowego: 0000797406976U\n\nTa wiadomość została wygenerowana automatycznie.\n",
            headers=(PHPMAILER,), message_id="faked-reply",
        ),
        one, "stop", "order_sent", ("add_shipment", "set_fulfillment"),
    )  # fmt: skip
    one = order("parcel")
    add(
        "Parcel status, carrier integrated with Allegro",
        _mail(
            one.address, "Paczka czeka w Paczkomacie",
            "Dzień dobry,\n\nTwoja paczka InPost 638045236705746863150622 czeka na odbiór w "
            "Paczkomacie KRA01M. Masz na to 48 godzin.\n",
            message_id="parcel",
        ),
        one, "stop", "parcel_status",
    )  # fmt: skip
    one = order("parcel-other")
    add(
        "Parcel status, carrier Allegro does not know",
        _mail(
            one.address, "Twoja przesyłka jest w doręczeniu",
            "Dzień dobry,\n\nprzesyłka Nova Poshta nr 59001234567890 została wydana do doręczenia "
            "i dotrze dzisiaj.\n",
            message_id="parcel-other",
        ),
        one, "forward", "parcel_status",
    )  # fmt: skip
    one = order("rating")
    add(
        "Please rate us",
        _mail(
            one.address, "Oceń swoje zakupy",
            "Dzień dobry,\n\nprosimy o wystawienie oceny na Allegro. Twoja opinia jest dla nas "
            "ważna.\n",
            message_id="rating",
        ),
        one, "stop", "rating_request",
    )  # fmt: skip
    one = order("reply-invoice")
    add(
        "A reply that carries an invoice",
        _mail(
            one.address, "Re: faktura na firmę",
            "Dzień dobry,\n\nzgodnie z prośbą przesyłam fakturę FV 106/11/2026.\n\n"
            "> Zapomniałem podać NIP, czy da się wystawić fakturę?\n",
            files=(("FV 106_11_2026.pdf", invoice_pdf("FV 106/11/2026", buyer=one.buyer), PDF),),
            headers=(
                ("In-Reply-To", "<db2ee0fd7415bda4.186717@allegro.pl>"),
                ("References", "<db2ee0fd7415bda4.186717@allegro.pl>"),
            ),
            message_id="reply-invoice",
        ),
        one, "forward", "conversation_reply",
    )  # fmt: skip
    one = order("question")
    add(
        "The seller asks for a missing flat number",
        _mail(
            one.address, "Dane do doręczenia",
            "Dzień dobry,\n\nw adresie brakuje numeru mieszkania. Czy mogą Państwo go podać? Wtedy "
            "od razu nadamy przesyłkę.\n\nPozdrawiam\nEwa\n",
            message_id="question",
        ),
        one, "forward", "fulfilment_correspondence",
    )  # fmt: skip
    one = order("licence")
    add(
        "Invoice together with a licence key",
        _mail(
            one.address, "Klucz licencyjny i faktura",
            "Dzień dobry,\n\nTwój klucz licencyjny: W4KD-99XQ-7HGP-22LM. W załączniku faktura "
            "FV 107/11/2026.\n",
            files=(("FV_107_11_2026.pdf", invoice_pdf("FV 107/11/2026", buyer=one.buyer), PDF),),
            message_id="licence",
        ),
        one, "forward", "invoice", ("upload_invoice",),
    )  # fmt: skip
    one = order("newsletter")
    add(
        "Newsletter with order words",
        _mail(
            one.address, "Wysyłamy do Ciebie rabat!",
            html="<p>Tylko dziś -20% na wszystkie lampy. "
            '<a href="https://lampiony.example/wypisz">Wypisz się</a></p>',
            headers=(("List-Unsubscribe", "<https://lampiony.example/u/1>"),
                     ("Precedence", "bulk")),
            message_id="newsletter",
        ),
        one, "forward", "other",
    )  # fmt: skip
    one = order("vacation")
    add(
        "Vacation answer",
        _mail(
            one.address, "Urlop", "Do 30 listopada jestem na urlopie.\n",
            headers=(("Auto-Submitted", "auto-replied"),), message_id="vacation",
        ),
        one, "forward", "other", reverse_path="",
    )  # fmt: skip
    first, second, copy = order("two-a"), order("two-b"), "archiwum@lampiony.example"
    mails.append(
        DemoMail(
            "Two buyers and a copy for the shop",
            _mail(
                f"{first.address}, {second.address}",
                "Prosimy o opinię",
                "Dzień dobry,\n\nprosimy o wystawienie oceny naszego sklepu na Allegro.\n",
                message_id="two",
            ),
            (first.address, second.address, copy),
            (
                Expected(first.address, "stop", "rating_request"),
                Expected(second.address, "stop", "rating_request"),
                Expected(copy, "forward"),
            ),
        )
    )
    mails.append(
        DemoMail(
            "A mail to no buyer",
            _mail(
                "hurtownia@dostawca.example",
                "Zamówienie towaru",
                "Dzień dobry, proszę o 20 lamp.\n",
                message_id="supplier",
            ),
            ("hurtownia@dostawca.example",),
            (Expected("hurtownia@dostawca.example", "forward"),),
        )
    )
    add(
        "An invoice that is faster than its order",
        _mail(
            late.address, "Faktura FV 108/11/2026",
            "Dzień dobry,\n\nw załączniku przesyłamy fakturę FV 108/11/2026.\n",
            files=(("FV_108_11_2026.pdf", invoice_pdf("FV 108/11/2026", buyer=late.buyer), PDF),),
            message_id="late",
        ),
        late, "stop", "invoice", ("upload_invoice",),
    )  # fmt: skip
    return mails
