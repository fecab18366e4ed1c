"""Nothing in a mail runs, nothing is fetched, nothing breaks out of its place."""

from __future__ import annotations

import re
from email.message import EmailMessage

import pytest

from awizo.panel.preview import FRAME_POLICY, HTML_MAX_CHARS, harmless, preview_of
from support.house import as_sent
from support.panel_parts import Browser
from support.store_parts import Desk, accepted

ATTACK = "<img src=x onerror=alert(1)></title></textarea>'\"><script>alert(2)</script>{{7*7}}"


def a_html_mail(html: str, *, subject: str = "x") -> bytes:
    mail = EmailMessage()
    mail["Subject"] = subject
    mail["From"] = "Shop <shop@example.pl>"
    mail["To"] = "buyer@allegromail.pl"
    mail.set_content("plain")
    mail.add_alternative(html, subtype="html")
    return as_sent(mail)


HOSTILE = {
    "script": "<script>alert(1)</script>",
    "svg": "<svg><script>alert(1)</script><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "svg onload": "<svg onload=alert(1)>",
    "handler": "<p onclick=alert(1) onmouseover='alert(1)'>x</p>",
    "image": "<img src='http://e.test/pixel.gif' onerror=alert(1) alt='Logo'>",
    "srcset": "<img srcset='http://e.test/a 1x'><picture><source srcset=//e.test/b></picture>",
    "meta refresh": "<meta http-equiv=refresh content='0;url=http://e.test/'>",
    "base": "<base href='http://e.test/'>",
    "link": "<link rel=stylesheet href='http://e.test/a.css'>",
    "style block": "<style>@import url(http://e.test/a); body{background:url(//e.test)}</style>",
    "style url": "<p style='background:url(http://e.test/a);background-image:url(//e)'>x</p>",
    "behaviour": "<p style='behavior:url(x);-moz-binding:url(http://e.test)'>x</p>",
    "list-style": "<ul style='list-style-image:url(http://e.test)'><li>x</ul>",
    "table": "<table background='http://e.test/t.png'><tr><td background=//e.test>x</table>",
    "form": "<form action=//e.test><input name=a><button formaction=javascript:alert(1)>x</form>",
    "frame": "<iframe src='http://e.test' srcdoc='<script>alert(1)</script>'></iframe>",
    "object": "<object data='http://e.test/x.swf'><embed src=//e.test></object>",
    "media": "<video src='http://e.test' poster=//e.test autoplay></video><audio src=//e.test>",
    "javascript link": "<a href='javascript:alert(1)' target=_top ping='http://e.test'>x</a>",
    "data link": "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "math": "<math><mtext><mglyph><style><img src=x onerror=alert(1)></style></math>",
    "mutation": "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "comment": "<!--[if IE]><script>alert(1)</script><![endif]--><!--><img src=x onerror=x>-->",
    "template": "<template><script>alert(1)</script></template>",
    "broken": "<p <script>alert(1)</script <img src=//e.test onerror=alert(1)",
}  # fmt: skip

FORBIDDEN = re.compile(
    r"<\s*(script|style|svg|math|meta|base|link|iframe|object|embed|form|input|button|video|audio"
    r"|source|template|noscript)|\son\w+\s*=|<[^>]*(src|href|srcset|background|action|poster|ping)"
    r"\s*=|<[^>]*url\s*\(",
    re.IGNORECASE,
)


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE)
def test_html_keeps_nothing_that_runs_or_loads(html: str) -> None:
    shown = harmless(f"<p>before</p>{html}<p>after</p>")

    assert not FORBIDDEN.search(shown), shown
    assert "before" in shown


def test_a_tidy_mail_stays_readable() -> None:
    shown = harmless(
        "<table width='600'><tr><td style='color:#333;padding:8px'><b>Dzień dobry</b><br>"
        "<a href='https://shop.example/x'>Twoje zamówienie</a> <img src=a.png alt='Logo'>"
    )

    assert "<b>Dzień dobry</b><br>" in shown
    assert "<a>Twoje zamówienie</a>" in shown
    assert 'style="color:#333;padding:8px"' in shown
    assert '<img alt="Logo">' in shown


def test_what_is_shown_is_bounded() -> None:
    preview = preview_of(a_html_mail("<p>" + "x" * (3 * HTML_MAX_CHARS) + "</p>"))

    assert len(preview.html) < 1.1 * HTML_MAX_CHARS
    assert preview.cut


async def test_the_frame_has_a_policy_of_its_own_that_allows_no_address(
    browser: Browser, desk: Desk
) -> None:
    (delivery_id,) = await accepted(desk.spool, 1, body=a_html_mail("<b>Hello</b>"))

    page = (await browser.get(f"/deliveries/{delivery_id}")).text
    answer = await browser.get(f"/deliveries/{delivery_id}/preview")

    (frame,) = re.findall(r"<iframe [^>]*>", page)
    assert re.search(r"\ssandbox(?=\s)(?!=)", frame), "a sandbox that allows nothing"
    policy = answer.headers["content-security-policy"]
    assert policy == FRAME_POLICY
    assert policy.startswith("sandbox; default-src 'none'")
    assert "'self'" not in policy.replace("frame-ancestors 'self'", "")
    assert "<b>Hello</b>" in answer.text


async def test_hostile_words_are_shown_as_words_everywhere(browser: Browser, desk: Desk) -> None:
    mail = EmailMessage()
    mail["Subject"] = ATTACK
    mail["From"] = f'"{ATTACK[:60].replace(chr(34), "")}" <shop@example.pl>'
    mail["To"] = "buyer@allegromail.pl"
    mail.set_content(ATTACK)
    mail.add_attachment(b"x", maintype="text", subtype="html", filename=f"{ATTACK[:40]}.html")
    (delivery_id,) = await accepted(
        desk.spool, 1, body=as_sent(mail), recipients=("<script>alert(3)</script>@example.pl",)
    )
    await browser.stores.spool.raise_alert(
        cause="loop", account=ATTACK, text=ATTACK, now=browser.clock(), repeat_after_h=1
    )

    for path in ("/", "/deliveries", f"/deliveries/{delivery_id}", f"/deliveries?q={ATTACK}"):
        html = (await browser.http.get(path)).text
        assert "<script>alert" not in html, path
        assert "<img src=x" not in html, path
        assert "49" not in re.findall(r"<h1>(.*?)</h1>", html, re.DOTALL)[0]
    html = (await browser.get(f"/deliveries/{delivery_id}")).text
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in html
    assert "&lt;script&gt;alert(3)&lt;/script&gt;@example.pl" in html


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 500, b"Subject:\r\n" * 2000, b"\r\n\r\n"])
async def test_any_bytes_can_be_looked_at(browser: Browser, desk: Desk, body: bytes) -> None:
    (delivery_id,) = await accepted(desk.spool, 1, body=body)

    for path in ("", "/preview", "/original.eml"):
        assert (await browser.get(f"/deliveries/{delivery_id}{path}")).status_code == 200
    assert (await browser.get("/deliveries")).status_code == 200
