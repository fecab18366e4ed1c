"""The mails of the demo, written after the habits of real shop programs, in our own words.

In:  a way to make orders at the emulator.
Out: mails with the outcome that must come of each, in the order of their sending.
"""

from __future__ import annotations

from awizo.cli.demo.mail import PDF, DemoMail, DemoOrder, Expected, Orders, Post
from awizo.cli.demo.pdf import invoice_pdf, make_pdf

PHPMAILER = {"X-Mailer": "PHPMailer 6.9.1 (https://github.com/PHPMailer/PHPMailer)"}

INVOICE_LINK = "https://lampiony.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp"
RECEIPT_LINK = "https://hub.eparagony.pl/p/kBMS3mGfh66D"
REFUSED_LINK = "https://rechnungen.lampiony.example/invoice/8s7df6g5h4j3"


def demo_mails(order: Orders) -> list[DemoMail]:
    """Every mail of the demo; its orders are made on the way."""
    post = Post()
    _documents(post, order)
    _links(post, order)
    _steps(post, order)
    _parcels(post, order)
    _correspondence(post, order)
    _recipients(post, order)
    return post.mails


def _invoice(name: str, number: str, of: DemoOrder, kind: str = PDF) -> tuple[str, bytes, str]:
    return name, invoice_pdf(number, buyer=of.buyer), kind


def _documents(post: Post, order: Orders) -> None:
    # First, so that it arrives long before its order does.
    one = order("late", appears_in_s=4)
    post.add(
        "An invoice that is faster than its order",
        one,
        "Faktura FV 108/11/2026",
        "Dzień dobry,\n\nw załączniku przesyłamy fakturę FV 108/11/2026.\n",
        files=(_invoice("FV_108_11_2026.pdf", "FV 108/11/2026", one),),
        ends_in="stop", kind="invoice", actions=("upload_invoice",), filed=("FV_108_11_2026.pdf",),
    )  # fmt: skip
    one = order("invoice")
    post.add(
        "Invoice as PDF",
        one,
        "[Lampiony] Faktura do zamówienia KWPLMNOXY",
        "Witaj Jan Kowalski,\n\nw załączniku przesyłamy fakturę FV 101/11/2026 za zakupy.\n\n"
        "Pozdrawiamy\nLampiony\n",
        files=(_invoice("FV_101_11_2026.pdf", "FV 101/11/2026", one),),
        ends_in="stop", kind="invoice", actions=("upload_invoice",), filed=("FV_101_11_2026.pdf",),
    )  # fmt: skip
    one = order("terms")
    terms = make_pdf(
        [
            "Regulamin sklepu internetowego Lampiony",
            "§ 1. Postanowienia ogólne",
            "1. Regulamin określa zasady zawierania umów sprzedaży przez Internet.",
            "§ 2. Prawo odstąpienia od umowy",
            "2. Konsument może odstąpić od umowy w terminie 14 dni.",
        ]
    )
    post.add(
        "Invoice with terms beside it",
        one,
        "Dokumenty do zamówienia 20451",
        html="<p>Dzień dobry,</p><p>przesyłamy fakturę <b>FV 102/11/2026</b> oraz regulamin "
        "sklepu.</p>",
        files=(_invoice("faktura-FV-102-11-2026.pdf", "FV 102/11/2026", one),
               ("regulamin.pdf", terms, PDF)),
        headers=PHPMAILER,
        ends_in="stop", kind="invoice", actions=("upload_invoice",),
        filed=("faktura-FV-102-11-2026.pdf",),
    )  # fmt: skip
    one = order("correction")
    post.add(
        "Correcting invoice, in ISO 8859-2",
        one,
        "Faktura korygująca KFS 7/11/2026",
        "Dzień dobry,\n\nw załączeniu faktura korygująca KFS 7/11/2026 do faktury "
        "FS 88/11/2026.\n\nLampiony\n",
        files=(("KFS_7_11_2026.pdf", invoice_pdf(
            "KFS 7/11/2026", title="Faktura korygująca", buyer=one.buyer, total="-23,00 zł",
            extra=("Dotyczy faktury: FS 88/11/2026 z dnia 2026-11-02",
                   "Przyczyna korekty: zwrot towaru"),
        ), "application/octet-stream"),),
        charset="iso-8859-2",
        ends_in="stop", kind="invoice", actions=("upload_invoice",), filed=("KFS_7_11_2026.pdf",),
    )  # fmt: skip
    one = order("sent-invoice")
    post.add(
        "Sent, with the invoice in the same mail",
        one,
        "Twoja paczka jest w drodze, faktura w załączniku",
        html="<p>Dzień dobry,</p><p>Twoje zamówienie zostało wysłane kurierem InPost. Numer "
        "przesyłki: 638045236705746863150614. "
        '<a href="https://inpost.pl/sledzenie-przesylek?number=638045236705746863150614">'
        "Śledź paczkę</a></p><p>W załączniku znajdziesz fakturę FV 103/11/2026.</p>",
        files=(_invoice("FV-103-11-2026.pdf", "FV 103/11/2026", one),),
        ends_in="stop", kind=("order_sent", "invoice"),
        actions=("upload_invoice", "add_shipment", "set_fulfillment"),
        filed=("FV-103-11-2026.pdf",), parcels=("638045236705746863150614",), status="SENT",
    )  # fmt: skip
    one = order("unrequested", invoice_required=False)
    post.add(
        "Invoice nobody asked for, kept by Allegro",
        one,
        "Faktura FV 104/11/2026",
        "Dzień dobry,\n\nprzesyłamy w załączniku fakturę FV 104/11/2026.\n",
        files=(_invoice("FV_104_11_2026.pdf", "FV 104/11/2026", one),),
        ends_in="stop", kind="invoice", actions=("upload_invoice",), filed=("FV_104_11_2026.pdf",),
    )  # fmt: skip
    one = order("dropped", invoice_required=False, scenario="silent-loss")
    post.add(
        "Invoice nobody asked for, dropped by Allegro without a word",
        one,
        "Faktura FV 109/11/2026",
        "Dzień dobry,\n\nprzesyłamy w załączniku fakturę FV 109/11/2026.\n",
        files=(_invoice("FV_109_11_2026.pdf", "FV 109/11/2026", one),),
        ends_in="forward", kind="invoice", actions=("upload_invoice",),
        problem="order_without_invoice",
    )  # fmt: skip
    one = order("licence")
    post.add(
        "Invoice together with a licence key",
        one,
        "Klucz licencyjny i faktura",
        "Dzień dobry,\n\nTwój klucz licencyjny: W4KD-99XQ-7HGP-22LM. W załączniku faktura "
        "FV 107/11/2026.\n",
        files=(_invoice("FV_107_11_2026.pdf", "FV 107/11/2026", one),),
        ends_in="forward", kind="invoice", actions=("upload_invoice",),
        filed=("FV_107_11_2026.pdf",),
    )  # fmt: skip


def _links(post: Post, order: Orders) -> None:
    post.add(
        "Link to an invoice",
        order("invoice-link"),
        "Twoja faktura 105/11/2026",
        f"Dzień dobry,\n\nfaktura 105/11/2026 jest gotowa. Pobierz fakturę: {INVOICE_LINK}\n\n"
        "Lampiony\n",
        ends_in="stop", kind="invoice_link", actions=("add_link",), links=(INVOICE_LINK,),
    )  # fmt: skip
    post.add(
        "Link to an e-receipt",
        order("receipt-link"),
        "E-paragon za zakupy",
        html="<p>Dzień dobry,</p><p>Twój e-paragon za zakupy jest dostępny tutaj: "
        f'<a href="{RECEIPT_LINK}">zobacz paragon</a></p>',
        ends_in="stop", kind="receipt_link", actions=("add_link",), links=(RECEIPT_LINK,),
    )  # fmt: skip
    post.add(
        "Link of a host Allegro does not accept (German)",
        order("refused-link"),
        "Ihre Rechnung RE-2026-0091",
        "Guten Tag,\n\nIhre Rechnung RE-2026-0091 steht zum Herunterladen bereit: "
        f"{REFUSED_LINK}\n\nLampiony\n",
        ends_in="forward", kind="invoice_link", actions=("add_link",),
        problem="link_host_refused",
    )  # fmt: skip


def _steps(post: Post, order: Orders) -> None:
    post.add(
        "Payment received (Slovak)",
        order("payment"),
        "[Lampiony] Platba prijatá",
        "Dobrý deň,\n\nVaša platba za objednávku BZKISCXDR bola prijatá. Ďakujeme.\n",
        ends_in="stop", kind="payment_received",
    )  # fmt: skip
    post.add(
        "Work has begun",
        order("processing"),
        "Zamówienie #20813 w trakcie realizacji",
        html="<p>Cześć Anna,</p><p>Twoje zamówienie #20813 jest w trakcie realizacji, magazyn "
        "rozpoczął kompletowanie.</p>",
        headers=PHPMAILER,
        ends_in="stop", kind="order_processing", actions=("set_fulfillment",), status="PROCESSING",
    )  # fmt: skip
    post.add(
        "Packed",
        order("packed"),
        "Zamówienie 20814 spakowane",
        "Dzień dobry,\n\nTwoje zamówienie 20814 zostało spakowane i jest gotowe do wysyłki.\n",
        ends_in="stop", kind="order_processing", actions=("set_fulfillment",),
        status="READY_FOR_SHIPMENT",
    )  # fmt: skip
    post.add(
        "A mere thank-you",
        order("thanks"),
        "Potwierdzenie zamówienia 20815",
        "Dzień dobry,\n\ndziękujemy za złożenie zamówienia nr 20815. Potwierdzamy jego "
        "przyjęcie.\n",
        ends_in="stop", kind="order_processing",
    )  # fmt: skip
    post.add(
        "Ready in the shop",
        order("pickup"),
        "Zamówienie gotowe do odbioru w sklepie",
        "Dzień dobry,\n\nTwoje zamówienie 20816 czeka na odbiór osobisty w naszym sklepie przy "
        "ul. Długiej 4 w Krakowie.\n",
        ends_in="forward", kind="order_processing", actions=("set_fulfillment",),
        status="READY_FOR_PICKUP",
    )  # fmt: skip
    post.add(
        "Please rate us (English)",
        order("rating"),
        "How was your purchase?",
        "Hello Anna,\n\nwe hope you enjoy your new lamp. Please take a minute and rate your "
        "purchase on Allegro.\n\nBest regards\nLampiony\n",
        ends_in="stop", kind="rating_request",
    )  # fmt: skip


def _parcels(post: Post, order: Orders) -> None:
    post.add(
        "Sent (German, GLS)",
        order("sent-german"),
        "Versandbestätigung 17638",
        "Hallo Klaus Schröder,\n\nIhre Bestellung wurde heute mit GLS verschickt. "
        "Paketnummer: 31001909076\n",
        headers={"X-Shopware-Event-Name": "state_enter.order_delivery.state.shipped"},
        ends_in="stop", kind="order_sent", actions=("add_shipment", "set_fulfillment"),
        parcels=("31001909076",), status="SENT",
    )  # fmt: skip
    post.add(
        "Sent (Czech, Zásilkovna)",
        order("sent-czech"),
        "Objednávka 20817 byla odeslána",
        "Dobrý den,\n\nVaše objednávka 20817 byla dnes odeslána přes Zásilkovnu. Číslo zásilky: "
        "Z 123 4567 894\n\nLampiony\n",
        ends_in="stop", kind="order_sent", actions=("add_shipment", "set_fulfillment"),
        parcels=("Z1234567894",), status="SENT",
    )  # fmt: skip
    post.add(
        "An automatic mail dressed up as a reply",
        order("faked-reply"),
        "Re: Twoje zamówienie zostało wysłane",
        "Dzień dobry,\n\nTwoje zamówienie zostało wysłane kurierem DPD. Numer listu "
        "przewozowego: 0000797406976U\n\nTa wiadomość została wygenerowana automatycznie.\n",
        headers=PHPMAILER,
        ends_in="stop", kind="order_sent", actions=("add_shipment", "set_fulfillment"),
        parcels=("0000797406976U",), status="SENT",
    )  # fmt: skip
    post.add(
        "Parcel status, carrier integrated with Allegro",
        order("parcel"),
        "Paczka czeka w Paczkomacie",
        "Dzień dobry,\n\nTwoja paczka InPost 638045236705746863150622 czeka na odbiór w "
        "Paczkomacie KRA01M. Masz na to 48 godzin.\n",
        ends_in="stop", kind="parcel_status",
    )  # fmt: skip
    post.add(
        "Parcel status, carrier Allegro does not know",
        order("parcel-other"),
        "Twoja przesyłka jest w doręczeniu",
        "Dzień dobry,\n\nprzesyłka Nova Poshta nr 59001234567890 została wydana do doręczenia "
        "i dotrze dzisiaj.\n",
        ends_in="forward", kind="parcel_status",
    )  # fmt: skip


def _correspondence(post: Post, order: Orders) -> None:
    one = order("reply-invoice")
    asked = "<db2ee0fd7415bda4.186717@allegro.pl>"
    post.add(
        "A reply that carries an invoice",
        one,
        "Re: faktura na firmę",
        "Dzień dobry,\n\nzgodnie z prośbą przesyłam fakturę FV 106/11/2026.\n\n"
        "> Zapomniałem podać NIP, czy da się wystawić fakturę?\n",
        files=(_invoice("FV 106_11_2026.pdf", "FV 106/11/2026", one),),
        headers={"In-Reply-To": asked, "References": asked},
        ends_in="forward", kind="conversation_reply",
    )  # fmt: skip
    post.add(
        "The seller asks for a missing flat number",
        order("question"),
        "Dane do doręczenia",
        "Dzień dobry,\n\nw adresie brakuje numeru mieszkania. Czy mogą Państwo go podać? Wtedy "
        "od razu nadamy przesyłkę.\n\nPozdrawiam\nEwa\n",
        ends_in="forward", kind="fulfilment_correspondence",
    )  # fmt: skip
    post.add(
        "An apology for a delay that speaks of the payment",
        order("delay"),
        "Opóźnienie w realizacji zamówienia",
        "Dzień dobry,\n\nwpłatę otrzymaliśmy, ale niestety dostawca spóźnia się z lampą i "
        "wyślemy ją dopiero w środę. Przepraszamy! Jeśli wolą Państwo zrezygnować, proszę o "
        "odpowiedź.\n\nPozdrawiam\nEwa Nowak\n",
        ends_in="forward", kind="fulfilment_correspondence",
    )  # fmt: skip
    post.add(
        "Newsletter with order words",
        order("newsletter"),
        "Wysyłamy do Ciebie rabat!",
        html="<p>Tylko dziś -20% na wszystkie lampy. "
        '<a href="https://lampiony.example/wypisz">Wypisz się</a></p>',
        headers={"List-Unsubscribe": "<https://lampiony.example/u/1>", "Precedence": "bulk"},
        ends_in="forward", kind="other",
    )  # fmt: skip
    post.add(
        "Vacation answer, with the null reverse-path",
        order("vacation"),
        "Urlop",
        "Do 30 listopada jestem na urlopie.\n",
        headers={"Auto-Submitted": "auto-replied"},
        reverse_path="",
        ends_in="forward", kind="other",
    )  # fmt: skip


def _recipients(post: Post, order: Orders) -> None:
    first, second, copy = order("two-a"), order("two-b"), "archiwum@lampiony.example"
    post.add_to_all(
        "Two buyers and a copy for the shop",
        f"{first.address}, {second.address}",
        "Prosimy o opinię",
        "Dzień dobry,\n\nprosimy o wystawienie oceny naszego sklepu na Allegro.\n",
        (
            Expected(first.address, "stop", ("rating_request",), order_id=first.order_id),
            Expected(second.address, "stop", ("rating_request",), order_id=second.order_id),
            Expected(copy, "forward"),
        ),
    )
    supplier = "hurtownia@dostawca.example"
    post.add_to_all(
        "A mail to no buyer",
        supplier,
        "Zamówienie towaru",
        "Dzień dobry, proszę o 20 lamp.\n",
        (Expected(supplier, "forward"),),
    )
