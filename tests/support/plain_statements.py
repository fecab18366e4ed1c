"""A plain statement for each kind that is stopped, in each language: subject and text."""

from __future__ import annotations

STATEMENTS: dict[str, dict[str, tuple[str, str]]] = {
    "pl": {
        "payment_received": ("Otrzymaliśmy wpłatę", "Twoja wpłata została zaksięgowana."),
        "order_processing": ("Zamówienie w realizacji", "Zamówienie 12 jest kompletowane."),
        "order_sent": ("Zamówienie wysłane", "Zamówienie 12 zostało wysłane kurierem DPD."),
        "parcel_status": ("Paczka doręczona", "Przesyłka DPD została doręczona."),
        "rating_request": ("Oceń zakupy", "Prosimy o ocenę na Allegro."),
    },
    "en": {
        "payment_received": ("Payment received", "We have received your payment."),
        "order_processing": ("Order in progress", "Your order 12 is being packed."),
        "order_sent": ("Order shipped", "Your order 12 has been shipped with DPD."),
        "parcel_status": ("Parcel delivered", "Your DPD parcel has been delivered."),
        "rating_request": ("Rate your purchase", "Please leave a review on Allegro."),
    },
    "cs": {
        "payment_received": ("Platba přijata", "Vaši platbu jsme přijali."),
        "order_processing": ("Objednávka se zpracovává", "Objednávku 12 právě balíme."),
        "order_sent": ("Objednávka odeslána", "Objednávka 12 byla odeslána přes DPD."),
        "parcel_status": ("Zásilka doručena", "Zásilka DPD byla doručena."),
        "rating_request": ("Ohodnoťte nákup", "Prosíme o hodnocení na Allegru."),
    },
    "sk": {
        "payment_received": ("Platba prijatá", "Vašu platbu sme prijali."),
        "order_processing": ("Objednávka sa spracúva", "Objednávku 12 práve balíme."),
        "order_sent": ("Objednávka odoslaná", "Objednávka 12 bola odoslaná cez DPD."),
        "parcel_status": ("Zásielka doručená", "Zásielka DPD bola doručená."),
        "rating_request": ("Ohodnoťte nákup", "Prosíme o hodnotenie na Allegre."),
    },
    "hu": {
        "payment_received": ("Fizetés megérkezett", "Befizetését megkaptuk."),
        "order_processing": ("Rendelés feldolgozás alatt", "A 12 rendelést csomagoljuk."),
        "order_sent": ("Rendelés feladva", "A 12 rendelést feladtuk a DPD futárral."),
        "parcel_status": ("Csomag kézbesítve", "A DPD csomagot kézbesítették."),
        "rating_request": ("Értékelje a vásárlást", "Kérjük, értékeljen az Allegrón."),
    },
    "de": {
        "payment_received": ("Zahlung erhalten", "Wir haben Ihre Zahlung erhalten."),
        "order_processing": ("Bestellung in Bearbeitung", "Bestellung 12 wird gerade verpackt."),
        "order_sent": ("Bestellung versandt", "Bestellung 12 wurde mit DPD versandt."),
        "parcel_status": ("Paket zugestellt", "Das DPD-Paket wurde zugestellt."),
        "rating_request": ("Bitte bewerten", "Bitte bewerten Sie uns bei Allegro."),
    },
    "uk": {
        "payment_received": ("Оплату отримано", "Ми отримали вашу оплату."),
        "order_processing": ("Замовлення обробляється", "Замовлення 12 пакуємо."),
        "order_sent": ("Замовлення відправлено", "Замовлення 12 відправлено через DPD."),
        "parcel_status": ("Посилку доставлено", "Посилку DPD доставлено."),
        "rating_request": ("Оцініть покупку", "Залиште, будь ласка, відгук на Allegro."),
    },
}
