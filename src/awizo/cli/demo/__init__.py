"""The demo: emulator, catching smarthost and Awizo on loopback; mails in, outcomes as a table."""
