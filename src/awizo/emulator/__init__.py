"""A small Allegro of our own, over HTTP, for demos, tests and a shop's dry run.

    from awizo.emulator.server import Emulator

    emulator = Emulator()
    order = emulator.add_order(buyer="Jan Kowalski", total="123.00")
    pair = emulator.issue_tokens()          # as if a person had confirmed the device code

    async with emulator.serving() as url:   # a free loopback port; gone with this process
        ...                                 # allegro.api_url = url
                                            # allegro.auth_url = f"{url}/auth/oauth"
    http = httpx.AsyncClient(transport=emulator.transport(), base_url="http://allegro.test")

    emulator.set_scenario("lost-answer,on=declare")      # what goes wrong; docs/emulator.md
    emulator.documents(order.id)            # what stands on the order, with SHA-256 and bytes

``awizo emulator`` serves it on a port of its own. ``sink.py`` is a smarthost that catches all.
"""
