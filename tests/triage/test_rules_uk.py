"""Ukrainian mails are told apart by the words of the Ukrainian rule files."""

from __future__ import annotations

import pytest

from support.language_rules import broken_examples, letters_no_folded_text_has, told


def test_every_ukrainian_rule_holds_for_its_examples_and_not_for_its_counter_examples() -> None:
    assert broken_examples("uk") == []


def test_no_ukrainian_pattern_asks_for_a_letter_that_folding_takes_away() -> None:
    assert letters_no_folded_text_has("uk") == []


@pytest.mark.parametrize(
    ("kind", "subject", "body"),
    [
        (
            "payment_received",
            "Оплату отримано",
            "Вітаємо, Олено! Ми отримали вашу оплату 499 грн за замовлення 20260112.",
        ),
        (
            "order_sent",
            "Замовлення відправлено",
            "Посилку передано кур'єру DPD. Відстежити її можна за посиланням.",
        ),
        ("parcel_status", "Статус посилки", "Посилка прибула на сортувальний термінал."),
        ("rating_request", "Ваша думка важлива", "Будь ласка, оцініть куплений товар."),
        ("other", "Ми надіслали вам знижку!", "Тільки сьогодні -20 % на все."),
        ("other", "Скидання пароля", "Натисніть тут, щоб встановити новий пароль."),
    ],
)
def test_a_usual_ukrainian_mail_is_known_for_sure(kind: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert outcome.kind == kind
    assert outcome.sure or kind == "other"  # which goes on however sure it is


@pytest.mark.parametrize(
    ("status", "subject", "body"),
    [
        ("NEW", "Замовлення прийнято", "Ми прийняли ваше замовлення №15, відправимо його завтра."),
        (
            "PROCESSING",
            "Замовлення обробляється",
            "Замовлення передано на склад і незабаром буде упаковане.",
        ),
        ("READY_FOR_SHIPMENT", "Упаковано", "Вашу посилку запаковано, чекаємо на кур'єра."),
        ("READY_FOR_PICKUP", "Самовивіз", "Замовлення можна забрати у нашому магазині."),
    ],
)
def test_a_step_of_a_ukrainian_order_names_its_status(status: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert (outcome.kind, outcome.status) == ("order_processing", status)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Затримка",
            "Оплату отримано, але товар затримується у постачальника. Відправимо пізніше.",
        ),
        ("Уточнення адреси", "В адресі бракує номера будинку. Напишіть, тоді відправимо."),
        ("Замовлення 123", "Синього немає в наявності. Надіслати чорний чи повернути гроші?"),
        ("Код активації", "Ваш ключ активації: ABCD-EFGH-1234"),
        ("замовлення 77", "помилково надіслали розмір L замість M, потрібний надішлемо завтра"),
    ],
)
def test_what_only_the_seller_can_say_in_ukrainian_goes_on_untouched(
    subject: str, body: str
) -> None:
    outcome = told(subject, body)

    assert outcome.kind == "fulfilment_correspondence"
    assert outcome.ends == "forward"
    assert outcome.plan.actions == ()


def test_a_ukrainian_order_that_waits_for_money_is_forwarded() -> None:
    outcome = told("Очікуємо на оплату", "Очікуємо на оплату замовлення 15.")

    assert outcome.kind == "order_processing"
    assert outcome.ends == "forward"
