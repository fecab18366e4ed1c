"""Who is let in: by which name, from where, with which password."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog

from awizo.errors import SettingsError, StoreError
from awizo.panel.server import PanelServer
from awizo.settings import Settings, load_settings
from awizo.store import Stores
from support.panel_parts import (
    PASSWORD,
    PASSWORD_HASH,
    RATING,
    Browser,
    Clock,
    a_panel,
    judged,
    state_of,
)
from support.store_parts import BUYER, STOPPED, Desk, accepted

LOCKED = {"password_hash": PASSWORD_HASH}


@pytest.fixture
def logged() -> Iterator[list[dict[str, object]]]:
    with structlog.testing.capture_logs() as lines:
        yield lines  # type: ignore[misc]


class TestAddress:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1:8025", "localhost:8025", "LOCALHOST", "[::1]:9000", "127.0.0.2"]
    )
    async def test_on_loopback_it_answers_to_names_of_this_machine(
        self, browser: Browser, host: str
    ) -> None:
        assert (await browser.get("/", host=host)).status_code == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8025",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "192.0.2.7:8025",
            "x@127.0.0.1",
            "127.0.0.1:x",
            "127.0.0.1/evil",
            "",
        ],
    )
    async def test_another_name_that_was_made_to_point_here_is_refused(
        self, browser: Browser, desk: Desk, host: str
    ) -> None:
        """DNS rebinding: the browser believes that it is still on the stranger's site."""
        delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
        for path in ("/", f"/deliveries/{delivery_id}", f"/deliveries/{delivery_id}/original.eml"):
            answer = await browser.get(path, host=host)
            assert answer.status_code == 403
            assert BUYER not in answer.text
        answer = await browser.wish(delivery_id, "release", host=host, origin=f"http://{host}")
        assert answer.status_code == 403
        assert (await state_of(desk, delivery_id))[0] == "settled"

    async def test_probes_and_metrics_stay_open_by_any_name_and_without_a_password(
        self, stores: Stores
    ) -> None:
        panel = a_panel(stores, panel=LOCKED)
        for path in ("/livez", "/readyz", "/metrics"):
            answer = await panel.get(path, host="awizo.cluster.example")
            assert answer.status_code == 200, path
            assert BUYER not in answer.text

    async def test_a_proxy_without_a_password_is_refused(self, stores: Stores) -> None:
        """Whatever it lets through would come from this machine, by the right name."""
        told = {"x-forwarded-for": "198.51.100.7"}
        assert (await a_panel(stores).get("/", **told)).status_code == 403
        assert (await a_panel(stores, panel=LOCKED).get("/login", **told)).status_code == 200

    async def test_the_public_name_is_answered_and_its_own_pages_are_trusted(
        self, stores: Stores, desk: Desk
    ) -> None:
        delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
        panel = a_panel(stores, panel={**LOCKED, "public_url": "https://panel.example.com"})
        panel.http.base_url = panel.base = "https://panel.example.com"

        answer = await panel.log_in()

        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-awizo=")
        assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} <= set(cookie.split("; "))
        assert (await panel.wish(delivery_id, "release")).status_code == 303

    async def test_with_a_password_it_answers_to_addresses_but_to_no_other_name(
        self, stores: Stores
    ) -> None:
        panel = a_panel(stores, panel={**LOCKED, "host": "0.0.0.0"})
        assert (await panel.get("/login", host="192.0.2.7:8025")).status_code == 200
        assert (await panel.get("/login", host="[2001:db8::7]:8025")).status_code == 200
        assert (await panel.get("/login", host="nas.example")).status_code == 403


class TestSettings:
    def test_a_public_url_without_a_password_is_refused(self) -> None:
        with pytest.raises(SettingsError, match=r"set panel\.password_hash"):
            load_settings(environ={"AWIZO_PANEL__PUBLIC_URL": "https://panel.example.com"})

    def test_a_public_url_that_is_none_is_refused(self) -> None:
        for url in ("panel.example.com", "https://panel.example.com/awizo", "ftp://x"):
            with pytest.raises(SettingsError, match="no address of a panel"):
                load_settings(
                    environ={
                        "AWIZO_PANEL__PUBLIC_URL": url,
                        "AWIZO_PANEL__PASSWORD_HASH": PASSWORD_HASH,
                    }
                )

    async def test_beyond_loopback_it_wants_a_password(self, stores: Stores, clock: Clock) -> None:
        from awizo.operations import Operations
        from awizo.telemetry.health import Health

        server = PanelServer(
            settings=Settings.model_validate({"panel": {"host": "0.0.0.0", "port": 0}}),
            stores=stores,
            operations=Operations(spool=stores.spool, now=clock, actor="panel"),
            health=Health(),
            now=clock,
        )
        with pytest.raises(SettingsError, match=r"set panel\.password_hash"):
            await server.start()

    async def test_a_hash_that_is_none_is_refused(self, stores: Stores) -> None:
        with pytest.raises(SettingsError, match="make one with 'awizo hash-password'"):
            a_panel(stores, panel={"password_hash": "sesame"})


class TestLogin:
    async def test_without_a_password_nothing_is_shown_or_changed(
        self, stores: Stores, desk: Desk
    ) -> None:
        delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
        panel = a_panel(stores, panel=LOCKED)
        for path in ("/", "/deliveries", f"/deliveries/{delivery_id}",
                     f"/deliveries/{delivery_id}/preview",
                     f"/deliveries/{delivery_id}/original.eml", "/nowhere"):  # fmt: skip
            answer = await panel.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
        token = await panel.token("/login")
        answer = await panel.wish(delivery_id, "release", token=token)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert (await state_of(desk, delivery_id))[0] == "settled"

    async def test_the_right_password_lets_in_and_logging_out_ends_it(
        self, stores: Stores, desk: Desk
    ) -> None:
        delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
        panel = a_panel(stores, panel=LOCKED)
        await panel.get("/login")
        before = panel.http.cookies["awizo_panel"]

        answer = await panel.log_in()

        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
        after = panel.http.cookies["awizo_panel"]
        assert after != before  # an id from before is worth nothing
        assert (await panel.get("/login")).headers["location"] == "/"
        assert (await panel.wish(delivery_id, "release")).status_code == 303

        token = await panel.token("/")
        out = await panel.http.post(
            "/logout", data={"token": token}, headers={"origin": panel.base}
        )
        assert out.headers["location"] == "/login"
        panel.http.cookies.set("awizo_panel", after)
        assert (await panel.get("/")).status_code == 303

    async def test_a_wrong_password_is_told_and_logged_without_it(
        self, stores: Stores, logged: list[dict[str, object]]
    ) -> None:
        panel = a_panel(stores, panel=LOCKED)

        answer = await panel.log_in("hunter2-secret")

        assert answer.status_code == 403
        assert "The password is wrong." in answer.text
        assert (await panel.get("/")).status_code == 303
        (line,) = [line for line in logged if line["event"] == "panel_login_failed"]
        assert line["client"] == "127.0.0.1"
        assert "hunter2" not in str(logged)

    async def test_guessing_waits_longer_each_time_and_a_while_later_it_is_forgotten(
        self, stores: Stores, clock: Clock
    ) -> None:
        panel = a_panel(stores, clock, panel=LOCKED)
        waits: list[int] = []
        for _ in range(6):
            while (answer := await panel.log_in("wrong")).status_code == 429:
                waits.append(int(answer.headers["retry-after"]))
                clock.pass_(timedelta(seconds=waits[-1]))
            assert answer.status_code == 403
        assert waits == sorted(waits)
        assert len(waits) == 4
        assert waits[-1] >= 4 * waits[0]

        assert (await panel.log_in(PASSWORD)).status_code == 429  # the right one waits as well
        clock.pass_(timedelta(minutes=31))
        assert (await panel.log_in(PASSWORD)).status_code == 303

    async def test_guessing_at_once_is_no_way_around(self, stores: Stores, clock: Clock) -> None:
        import asyncio

        panel = a_panel(stores, clock, panel=LOCKED)
        token = await panel.token("/login")
        answers = await asyncio.gather(
            *(
                panel.http.post(
                    "/login",
                    data={"token": token, "password": str(number)},
                    headers={"origin": panel.base},
                )
                for number in range(20)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [403, 403, *[429] * 18]

    async def test_one_guesser_does_not_lock_the_others_out(
        self, stores: Stores, clock: Clock
    ) -> None:
        panel = a_panel(stores, clock, panel={**LOCKED, "host": "0.0.0.0"})
        for _ in range(4):
            await panel.log_in("wrong")
        assert (await panel.log_in(PASSWORD)).status_code == 429
        other = Browser(panel.panel, stores, clock, client=("192.0.2.9", 1))
        assert (await other.log_in(PASSWORD)).status_code == 303

    async def test_an_idle_session_ends_and_a_page_that_refreshes_itself_is_idle(
        self, stores: Stores, clock: Clock
    ) -> None:
        panel = a_panel(stores, clock, panel=LOCKED)
        await panel.log_in()
        for _ in range(3):
            clock.pass_(timedelta(minutes=20))
            assert (await panel.get("/")).status_code == 200
        for _ in range(2):
            clock.pass_(timedelta(minutes=14))
            assert (await panel.get("/", **{"hx-request": "true"})).status_code == 200
        clock.pass_(timedelta(minutes=14))
        answer = await panel.get("/", **{"hx-request": "true"})
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")

    async def test_a_session_ends_after_half_a_day_whatever_is_done(
        self, stores: Stores, clock: Clock
    ) -> None:
        panel = a_panel(stores, clock, panel=LOCKED)
        await panel.log_in()
        statuses = []
        for _ in range(26):
            clock.pass_(timedelta(minutes=29))
            statuses.append((await panel.get("/")).status_code)
        assert statuses == [200] * 24 + [303] * 2

    async def test_the_log_in_itself_cannot_be_forged(self, stores: Stores) -> None:
        panel = a_panel(stores, panel=LOCKED)
        await panel.get("/login")
        for data, origin in (
            ({"password": PASSWORD}, panel.base),
            ({"password": PASSWORD, "token": await panel.token("/login")}, "https://evil.example"),
        ):
            answer = await panel.http.post("/login", data=data, headers={"origin": origin})
            assert answer.status_code == 403
        assert (await panel.get("/")).status_code == 303


class TestHeaders:
    async def test_every_page_forbids_what_it_does_not_need(
        self, browser: Browser, desk: Desk
    ) -> None:
        (delivery_id,) = await accepted(desk.spool, 1)
        for path in ("/", "/deliveries", f"/deliveries/{delivery_id}", "/nowhere",
                     "/static/panel.css"):  # fmt: skip
            headers = (await browser.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy, path
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "same-origin"
            if not path.startswith("/static"):
                assert headers["cache-control"] == "no-store"

    async def test_pages_need_nothing_that_the_policy_forbids(
        self, browser: Browser, desk: Desk
    ) -> None:
        (delivery_id,) = await accepted(desk.spool, 1)
        for path in ("/", "/deliveries", f"/deliveries/{delivery_id}"):
            html = (await browser.get(path)).text
            assert "<style" not in html
            assert "style=" not in html
            assert " on" + "click" not in html
            assert html.count("<script") == html.count('<script src="/static/')
            assert "http://" not in html.replace("http://www.w3.org", "")
            assert "https://" not in html


class TestFailures:
    async def test_a_fault_of_ours_is_told_without_its_cause_and_logged_without_words(
        self,
        browser: Browser,
        desk: Desk,
        monkeypatch: pytest.MonkeyPatch,
        logged: list[dict[str, object]],
    ) -> None:
        (delivery_id,) = await accepted(desk.spool, 1)

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError(f"cannot show {BUYER}")

        monkeypatch.setattr("awizo.panel.views.page_of", broken)
        answer = await browser.get(f"/deliveries/{delivery_id}")

        assert answer.status_code == 500
        assert "It was a fault of Awizo" in answer.text
        assert BUYER not in answer.text
        assert "Traceback" not in answer.text
        (line,) = [line for line in logged if line["event"] == "panel_failed"]
        assert line["error"] == "RuntimeError"
        assert BUYER not in str(logged)

    async def test_a_sick_store_is_told(
        self, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken() -> None:
            raise StoreError("disk I/O error")

        monkeypatch.setattr(browser.stores.spool, "counts", broken)
        answer = await browser.get("/")

        assert answer.status_code == 503
        assert "The store does not answer" in answer.text
        assert "disk I/O" not in answer.text

    async def test_looking_at_pages_leaves_no_personal_data_in_the_log(
        self, browser: Browser, desk: Desk, logged: list[dict[str, object]]
    ) -> None:
        delivery_id = await judged(
            desk, 1, RATING, ending=STOPPED, body=b"Subject: Canary-Kowalska\r\n\r\nsecret-text\r\n"
        )
        for path in ("/", "/deliveries?q=8awgqyk6a5", f"/deliveries/{delivery_id}",
                     f"/deliveries/{delivery_id}/preview",
                     f"/deliveries/{delivery_id}/original.eml"):  # fmt: skip
            assert (await browser.get(path)).status_code == 200
        await browser.wish(delivery_id, "release", origin="https://evil.example")
        await browser.wish(delivery_id, "release")

        for canary in ("Canary", "secret-text", "8awgqyk6a5", "allegromail"):
            assert canary not in str(logged)
