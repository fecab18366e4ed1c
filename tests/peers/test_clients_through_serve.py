"""Programs that shops send with hand in mail to ``awizo serve``, and it leaves as it came.

What is not installed is skipped by name; ``tools/peers.sh`` installs it where that is possible.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import pytest_asyncio

from awizo.emulator.sink import CatchingSmarthost
from awizo.triage.parse import parse
from support.house import as_sent
from support.pdfs import a_pdf
from support.service import Served, a_service

CLIENTS = Path(__file__).parent / "clients"
USER, PASSWORD = "sklep", "tajne haslo 7"
PDF = a_pdf(["Faktura VAT nr FV 12/11/2026", "Razem: 12,30 zł"])
PATIENCE_S = 120.0  # virtual machines start slowly on a busy one
WAYS = ("none", "starttls", "implicit")

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    tmp_path_factory: pytest.TempPathFactory, smarthost: CatchingSmarthost
) -> AsyncIterator[Served]:
    """One service for all clients of a test process, as it is one for all shops."""
    async with a_service(
        tmp_path_factory.mktemp("served"),
        smarthost__host="127.0.0.1",
        smarthost__port=smarthost.port,
        intake__tls_self_signed=True,
        intake__implicit_tls_port=0,
        intake__users={USER: {"password": PASSWORD}},
    ) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def smarthost() -> AsyncIterator[CatchingSmarthost]:
    catching = CatchingSmarthost()
    await catching.start()
    yield catching
    await catching.close()


@pytest.fixture
def catcher(smarthost: CatchingSmarthost) -> CatchingSmarthost:
    """The smarthost, with nothing of an earlier test in it."""
    smarthost.forget()
    return smarthost


def needs(program: str, *files: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    for file in files:
        if not Path(file).exists():
            pytest.skip(f"{file} is not installed")


def needs_perl(*modules: str) -> None:
    """Perl's modules lie in folders named by version and processor, so perl is asked."""
    needs("perl")
    for module in modules:
        tried = subprocess.run(["perl", f"-M{module}", "-e1"], capture_output=True, check=False)
        if tried.returncode:
            pytest.skip(f"Perl's {module} is not installed")


async def run(*command: str, stdin: bytes = b"") -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        await process.wait()
        pytest.fail(f"{command[0]} did not end within {PATIENCE_S:g} s")
    assert process.returncode == 0, output.decode(errors="replace")


def port_of(served: Served, tls: str) -> str:
    return served.smtp[1 if tls == "implicit" else 0].rpartition(":")[2]


async def check(catcher: CatchingSmarthost) -> None:
    """The mail came through for both recipients, with its words, its dots and its file."""
    await catcher.wait_for(1)
    mails = list(catcher.messages)
    recipients = sorted(recipient for mail in mails for recipient in mail.recipients)
    assert recipients == ["anna@example.com", "archiwum@example.pl"]
    message = parse(mails[0].content)
    assert message.subject == "Zażółć gęślą jaźń"
    assert plain_text(mails[0].content).split("\n")[:3] == ["Dzień dobry", ".kropka", "..dwie"]
    assert [attachment.content for attachment in message.attachments] == [PDF]


def plain_text(content: bytes) -> str:
    """The text/plain part, decoded by the standard library."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    part = message.get_body(("plain",))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


SCRIPTS = {
    "phpmailer": ("php", "phpmailer.php", ("/usr/share/php/libphp-phpmailer/autoload.php",)),
    "symfony-mailer": (
        "php", "symfony.php", ("/usr/share/php/Symfony/Component/Mailer/autoload.php",),
    ),
    "nodemailer": ("node", "nodemailer.js", ("/usr/share/nodejs/nodemailer",)),
    "perl": ("perl", "netsmtp.pl", ()),
    "ruby": ("ruby", "netsmtp.rb", ()),
}  # fmt: skip


@pytest.mark.parametrize("tls", WAYS)
@pytest.mark.parametrize("client", SCRIPTS)
async def test_a_shops_library_hands_in_a_mail(
    client: str, tls: str, served: Served, catcher: CatchingSmarthost, tmp_path: Path
) -> None:
    program, script, files = SCRIPTS[client]
    needs(program, *files)
    if client == "perl" and tls != "none":
        needs_perl("IO::Socket::SSL", "Authen::SASL")
    if client == "symfony-mailer" and tls == "none":
        pytest.skip("Symfony Mailer takes STARTTLS wherever it is offered")
    pdf = tmp_path / "faktura.pdf"
    pdf.write_bytes(PDF)
    login = ("", "") if tls == "none" else (USER, PASSWORD)

    await run(
        program, str(CLIENTS / script), "127.0.0.1", port_of(served, tls), tls, *login, str(pdf)
    )

    await check(catcher)


@pytest.mark.parametrize("tls", WAYS)
async def test_jakarta_mail_hands_in_a_mail(
    tls: str, served: Served, catcher: CatchingSmarthost, tmp_path: Path
) -> None:
    needs("javac", "/usr/share/java/javax.mail.jar", "/usr/share/java/javax.activation.jar")
    pdf = tmp_path / "faktura.pdf"
    pdf.write_bytes(PDF)
    login = ("", "") if tls == "none" else (USER, PASSWORD)

    await run(
        "java", "-cp", "/usr/share/java/javax.mail.jar:/usr/share/java/javax.activation.jar",
        str(CLIENTS / "JakartaMail.java"), "127.0.0.1", port_of(served, tls), tls, *login,
        str(pdf),
    )  # fmt: skip

    await check(catcher)


def a_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "sklep@example.pl"
    mail["To"] = "anna@example.com"
    mail["Subject"] = "Zażółć gęślą jaźń"
    mail.set_content("Dzień dobry\n.kropka\n..dwie\n", cte="8bit")
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="załącznik.pdf")
    return mail


@pytest.mark.parametrize("tls", WAYS)
async def test_smtplib_hands_in_a_mail(
    tls: str, served: Served, catcher: CatchingSmarthost
) -> None:
    def send() -> None:
        context = ssl._create_unverified_context()
        port = int(port_of(served, tls))
        client: smtplib.SMTP
        if tls == "implicit":
            client = smtplib.SMTP_SSL("127.0.0.1", port, context=context)
        else:
            client = smtplib.SMTP("127.0.0.1", port)
        with client:
            if tls == "starttls":
                client.starttls(context=context)
            if tls != "none":
                client.ehlo()
                client.user, client.password = USER, PASSWORD
                client.auth("PLAIN", lambda _=None: f"\0{USER}\0{PASSWORD}")
            client.send_message(a_mail(), to_addrs=["anna@example.com", "archiwum@example.pl"])

    await asyncio.to_thread(send)

    await check(catcher)


@pytest.mark.parametrize("tls", WAYS)
async def test_swaks_hands_in_a_mail(tls: str, served: Served, catcher: CatchingSmarthost) -> None:
    needs("swaks")
    login = ["--auth", "LOGIN", "--auth-user", USER, "--auth-password", PASSWORD]
    options = {
        "none": [],
        "starttls": ["--tls", *login],
        "implicit": ["--tls-on-connect", *login],
    }[tls]
    if tls != "none":
        needs_perl("Net::SSLeay")

    await run(
        "swaks", "--server", "127.0.0.1", "--port", port_of(served, tls), "--from",
        "sklep@example.pl", "--to", "anna@example.com,archiwum@example.pl", "--data", "-",
        *options, stdin=a_mail().as_bytes(),
    )  # fmt: skip

    await check(catcher)


@pytest.mark.parametrize("tls", WAYS)
async def test_msmtp_hands_in_a_mail(tls: str, served: Served, catcher: CatchingSmarthost) -> None:
    needs("msmtp")
    login = ["--auth=on", f"--user={USER}", f"--passwordeval=printf '%s' '{PASSWORD}'"]
    options = {
        "none": ["--tls=off", "--auth=off"],
        "starttls": ["--tls=on", "--tls-certcheck=off", *login],
        "implicit": ["--tls=on", "--tls-starttls=off", "--tls-certcheck=off", *login],
    }[tls]

    await run(
        "msmtp", "--host=127.0.0.1", f"--port={port_of(served, tls)}", "--from=sklep@example.pl",
        *options, "--", "anna@example.com", "archiwum@example.pl", stdin=a_mail().as_bytes(),
    )  # fmt: skip

    await check(catcher)


@pytest.mark.parametrize("tls", WAYS)
async def test_curl_hands_in_a_mail(
    tls: str, served: Served, catcher: CatchingSmarthost, tmp_path: Path
) -> None:
    needs("curl")
    file = tmp_path / "mail.eml"
    file.write_bytes(as_sent(a_mail()))
    options = {
        "none": [],
        "starttls": ["--ssl-reqd", "--insecure", "--user", f"{USER}:{PASSWORD}"],
        "implicit": ["--insecure", "--user", f"{USER}:{PASSWORD}"],
    }[tls]
    scheme = "smtps" if tls == "implicit" else "smtp"

    await run(
        "curl", "--silent", "--show-error", "--max-time", "20",
        f"{scheme}://127.0.0.1:{port_of(served, tls)}", "--mail-from", "sklep@example.pl",
        "--mail-rcpt", "anna@example.com", "--mail-rcpt", "archiwum@example.pl",
        "--upload-file", str(file), *options,
    )  # fmt: skip

    await check(catcher)
