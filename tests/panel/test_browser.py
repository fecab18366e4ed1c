"""A seller's way through the panel in a real browser, against the running service.

Chromium of the system is driven; where there is none the tests are skipped and say so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, Page, async_playwright, expect

from awizo.model import DeliveryState, Disposition
from support.house import House, a_house, a_mail
from support.panel_parts import PASSWORD, PASSWORD_HASH

CHROMIUM = Path("/usr/bin/chromium")
BUYER = "8awgqyk6a5+cub31c122@allegromail.pl"
PAYMENT = a_mail(
    "Potwierdzenie płatności",
    "Otrzymaliśmy Twoją płatność za zamówienie. Dziękujemy!",
    to=BUYER,
)
NOT_A_PDF = a_mail(
    "Faktura FV 12/11/2026",
    "W załączniku przesyłamy fakturę FV 12/11/2026 do zamówienia.",
    to=BUYER,
    files=[("FV_12_11_2026.pdf", b"%PDF-1.4 broken")],
)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox"]
            )
        except Error as error:
            pytest.skip(f"Chromium does not start: {error}")
        yield browser
        await browser.close()


def at(house: House) -> str:
    assert house.app.bound is not None
    return f"http://{house.app.bound.panel}"


def complaints_of(page: Page) -> list[str]:
    """What the browser complains of: broken scripts, things that a policy forbade."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda line: found.append(line.text) if line.type in ("error", "warning") else None,
    )
    return found


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_stopped_mail_is_read_understood_and_sent_on(tmp_path: Path, scripts: bool) -> None:
    async with a_house(tmp_path) as house, a_browser() as browser:
        sent = await house.send(PAYMENT, BUYER, options=["BODY=8BITMIME"])
        await house.settled(BUYER)
        page = await (await browser.new_context(java_script_enabled=scripts)).new_page()
        complaints = complaints_of(page)

        await page.goto(at(house))
        await page.get_by_role("link", name="Stopped").click()
        await page.get_by_role("link", name="Potwierdzenie płatności").click()
        await expect(page.get_by_text("It was stopped: the buyer did not get it.")).to_be_visible()
        await expect(
            page.get_by_text("Allegro tells the buyer itself that the payment has arrived.")
        ).to_be_visible()
        assert house.caught_for(BUYER) == []

        await page.get_by_role("button", name="Send it on").click()

        await expect(page.get_by_role("status")).to_have_text("Released. It goes on now.")
        await house.settled(BUYER)
        if not scripts:
            await page.reload()
        await expect(page.get_by_text("It was sent on by a person, unchanged.")).to_be_visible()
        await expect(page.locator("#story").get_by_text("by panel")).to_be_visible()
        assert [mail.content for mail in house.caught_for(BUYER)] == [sent]
        assert complaints == []


async def test_a_held_mail_is_dropped_and_never_leaves(tmp_path: Path) -> None:
    held = {"fallback": {"invoice": "hold"}}
    async with a_house(tmp_path, policy=held) as house, a_browser() as browser:
        await house.send(NOT_A_PDF, BUYER, options=["BODY=8BITMIME"])
        await house.reaches(DeliveryState.HELD, BUYER)
        page = await browser.new_page()
        complaints = complaints_of(page)

        await page.goto(at(house))
        await expect(page.get_by_text("1 mail is held until you decide.")).to_be_visible()
        await page.get_by_role("link", name="Look at what is held").click()
        await page.get_by_role("link", name="Faktura FV 12/11/2026").click()
        await expect(
            page.get_by_role("heading", name="The PDF cannot be read; Allegro would show")
        ).to_be_visible()
        await page.get_by_role("button", name="Drop").click()

        await expect(page.get_by_role("status")).to_have_text("Dropped. It was not sent.")
        dropped = await house.settled(BUYER)
        assert dropped.delivery.disposition is Disposition.STOP
        assert house.caught_for(BUYER) == []
        await page.get_by_role("link", name="Overview").click()
        await expect(page.get_by_role("heading", name="Nothing needs you")).to_be_visible()
        assert complaints == []


async def test_a_list_shows_a_new_mail_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(tmp_path) as house, a_browser() as browser:
        page = await browser.new_page()
        await page.goto(f"{at(house)}/deliveries")
        await expect(page.get_by_text("No mail has come in yet.")).to_be_visible()

        await house.send(PAYMENT, BUYER, options=["BODY=8BITMIME"])

        row = page.get_by_role("link", name="Potwierdzenie płatności")
        await expect(row).to_be_visible(timeout=30_000)


async def test_a_hostile_mail_runs_nothing_and_asks_nobody(tmp_path: Path) -> None:
    mail = a_mail("<img src=x onerror=document.title='hit'>", "plain", to="a@example.com")
    mail.add_alternative(
        "<p id=seen>Hello</p><script>top.document.title='hit'</script>"
        "<img src='http://127.0.0.1:1/pixel.gif' onerror=\"top.document.title='hit'\">"
        "<meta http-equiv=refresh content='0;url=http://127.0.0.1:1/'>"
        "<style>@import url(http://127.0.0.1:1/a.css)</style>"
        "<a href='http://127.0.0.1:1/' target=_top>click</a>",
        subtype="html",
    )
    async with a_house(tmp_path) as house, a_browser() as browser:
        await house.send(mail, "a@example.com")
        await house.settled("a@example.com")
        page = await browser.new_page()
        complaints = complaints_of(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{at(house)}/deliveries")
        await page.locator(".mail").click()

        frame = page.frame_locator("iframe.preview")
        await page.locator("iframe.preview").scroll_into_view_if_needed()
        await expect(frame.get_by_text("Hello")).to_be_visible()
        await frame.get_by_text("click").click()

        assert "hit" not in (await page.title()).replace("='hit'", "")
        assert page.url.startswith(at(house))
        assert [url for url in asked if not url.startswith(at(house))] == []
        assert any(url.endswith("/preview") for url in asked)
        assert complaints == []


async def test_the_password_lets_in_and_logging_out_ends_it(tmp_path: Path) -> None:
    panel = {"password_hash": PASSWORD_HASH}
    async with a_house(tmp_path, panel=panel) as house, a_browser() as browser:
        page = await browser.new_page()
        complaints = complaints_of(page)
        await page.goto(f"{at(house)}/deliveries")
        await page.get_by_label("Password of the panel").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("The password is wrong.")
        await page.get_by_label("Password of the panel").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()

        await page.get_by_role("button", name="Log out").click()

        await expect(page.get_by_label("Password of the panel")).to_be_visible()
        await page.goto(at(house))
        await expect(page.get_by_label("Password of the panel")).to_be_visible()
        # Chromium tells of every answer of 4xx, the wrong password's too.
        assert [line for line in complaints if "403" not in line] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_fit_a_phone_and_can_be_read(tmp_path: Path, scheme: str) -> None:
    async with a_house(tmp_path) as house, a_browser() as browser:
        await house.send(PAYMENT, BUYER, options=["BODY=8BITMIME"])
        stored = await house.settled(BUYER)
        context = await browser.new_context(
            viewport={"width": 360, "height": 740},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = await context.new_page()
        for path in ("/", "/deliveries", f"/deliveries/{stored.delivery.id}"):
            await page.goto(at(house) + path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360, path
            low = await page.evaluate(LOW_CONTRAST)
            assert low == [], path
            unlabelled = await page.evaluate(UNLABELLED)
            assert unlabelled == [], path


# WCAG 2.2 section 1.4.3: 4.5 to 1 between text and what is behind it.
LOW_CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest("select, .sr, .skip")) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""

UNLABELLED = """() => [...document.querySelectorAll("input:not([type=hidden]), select")]
  .filter((field) => !field.labels || field.labels.length === 0).map((field) => field.outerHTML)"""
