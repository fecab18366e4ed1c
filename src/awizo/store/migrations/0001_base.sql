-- Messages, deliveries, jobs, history, orders, accounts, ledger, memory.
--
-- One text for both databases. $blob, $identity and $clustered are put in by the dialect; a
-- statement below "-- only: NAME" is for that database alone. Times are whole microseconds since
-- 1970-01-01 UTC. JSON is text. Flags are 0 or 1.
--
-- "ready_at" drives all leasing: when the row may be handed out. It is the due time of free work,
-- the end of the lease of leased work (so a dead worker's work comes back by itself), and NULL for
-- what must not be handed out. Only rows with a ready_at stand in the ready indexes.

CREATE TABLE messages (
    id TEXT NOT NULL PRIMARY KEY,
    route TEXT NOT NULL,
    accounts TEXT NOT NULL,
    smarthost TEXT NOT NULL,
    policy TEXT,
    envelope TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    rfc_message_id TEXT,
    content_in TEXT NOT NULL
) $clustered;

CREATE INDEX messages_rfc_message_id ON messages (rfc_message_id)
    WHERE rfc_message_id IS NOT NULL;

CREATE INDEX messages_kept ON messages (received_at, id) WHERE content_in <> 'none';

CREATE TABLE contents (
    message_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    data $blob NOT NULL,
    PRIMARY KEY (message_id, seq)
);

-- Mails are mostly what was packed before; packing them again only costs time.
-- only: postgresql
ALTER TABLE contents ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    message_id TEXT NOT NULL REFERENCES messages (id),
    route TEXT NOT NULL,
    account TEXT,
    recipient_index INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    to_buyer SMALLINT NOT NULL,
    digest_key BIGINT NOT NULL,
    state TEXT NOT NULL,
    kind TEXT,
    disposition TEXT,
    order_id TEXT,
    problem TEXT,
    notes TEXT NOT NULL DEFAULT '[]',
    plan TEXT,
    verdict TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    jobs_made INTEGER NOT NULL DEFAULT 0,
    received_at BIGINT NOT NULL,
    due_at BIGINT,
    settled_at BIGINT,
    forwarded_at BIGINT,
    ready_at BIGINT,
    lease TEXT,
    lease_owner TEXT,
    lease_until BIGINT
) $clustered;

CREATE INDEX deliveries_ready ON deliveries (route, ready_at, id) WHERE ready_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_message ON deliveries (message_id);
CREATE INDEX deliveries_state ON deliveries (state, id);
CREATE INDEX deliveries_digest ON deliveries (digest_key, received_at);
CREATE INDEX deliveries_settled ON deliveries (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX deliveries_held ON deliveries (due_at) WHERE state = 'held';

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    message_id TEXT NOT NULL,
    route TEXT NOT NULL,
    account TEXT,
    smarthost TEXT NOT NULL,
    position INTEGER NOT NULL,
    forward SMALLINT NOT NULL,
    lane TEXT NOT NULL,
    order_key TEXT,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    queued_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    finished_at BIGINT,
    progress TEXT NOT NULL DEFAULT '{}',
    code TEXT,
    reply TEXT,
    ready_at BIGINT,
    lease TEXT,
    lease_owner TEXT,
    lease_until BIGINT
) $clustered;

CREATE INDEX jobs_ready ON jobs (forward, lane, ready_at, id) WHERE ready_at IS NOT NULL;
CREATE INDEX jobs_leased ON jobs (lease) WHERE lease IS NOT NULL;
CREATE INDEX jobs_leased_order ON jobs (order_key)
    WHERE lease IS NOT NULL AND order_key IS NOT NULL;
CREATE INDEX jobs_delivery ON jobs (delivery_id, position);
CREATE INDEX jobs_siblings ON jobs (message_id) WHERE forward = 1 AND ready_at IS NOT NULL;

CREATE TABLE history (
    id $identity,
    delivery_id TEXT NOT NULL,
    route TEXT NOT NULL,
    account TEXT,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    job_id TEXT,
    data TEXT NOT NULL
);

CREATE INDEX history_delivery ON history (delivery_id, id);

-- only: sqlite
CREATE TRIGGER history_is_append_only BEFORE UPDATE ON history
BEGIN
    SELECT RAISE(ABORT, 'history is append-only');
END;

-- only: postgresql
CREATE FUNCTION refuse_history_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only';
END
$$;

-- only: postgresql
CREATE TRIGGER history_is_append_only BEFORE UPDATE ON history
    FOR EACH ROW EXECUTE FUNCTION refuse_history_update();

CREATE TABLE follow_ups (
    id TEXT NOT NULL PRIMARY KEY,
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    route TEXT NOT NULL,
    account TEXT,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    data TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    ready_at BIGINT,
    lease TEXT,
    lease_owner TEXT,
    lease_until BIGINT
) $clustered;

CREATE INDEX follow_ups_ready ON follow_ups (lane, ready_at, id) WHERE ready_at IS NOT NULL;
CREATE INDEX follow_ups_leased ON follow_ups (lease) WHERE lease IS NOT NULL;
CREATE INDEX follow_ups_delivery ON follow_ups (delivery_id);

-- An alert of no account has account ''.
CREATE TABLE alerts (
    cause TEXT NOT NULL,
    account TEXT NOT NULL,
    text TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (cause, account)
);

CREATE TABLE orders (
    account TEXT NOT NULL,
    order_id TEXT NOT NULL,
    email TEXT NOT NULL,
    base TEXT NOT NULL,
    pending SMALLINT NOT NULL,
    updated_at BIGINT,
    words TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (account, order_id)
);

CREATE INDEX orders_email ON orders (email, account) WHERE email <> '';
CREATE INDEX orders_base ON orders (base, account) WHERE base <> '';
CREATE INDEX orders_id ON orders (order_id);
CREATE INDEX orders_pending ON orders (account, updated_at) WHERE pending = 1;

CREATE TABLE order_numbers (
    account TEXT NOT NULL,
    order_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    PRIMARY KEY (account, order_id, kind, number)
) $clustered;

CREATE INDEX order_numbers_number ON order_numbers (number);

CREATE TABLE sync_states (
    account TEXT NOT NULL PRIMARY KEY,
    last_event_id TEXT,
    orders_until BIGINT,
    first_sync_done SMALLINT NOT NULL,
    synced_at BIGINT
);

CREATE TABLE accounts (
    account TEXT NOT NULL PRIMARY KEY,
    tokens TEXT,
    client_id TEXT NOT NULL,
    client_secret TEXT,
    seller_id TEXT NOT NULL,
    login TEXT NOT NULL,
    email TEXT NOT NULL,
    marketplace TEXT NOT NULL,
    paused TEXT,
    connected_at BIGINT
);

CREATE TABLE ledger (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    order_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    number_key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    text_sha256 TEXT NOT NULL,
    number TEXT,
    document_kind TEXT NOT NULL,
    total TEXT,
    buyer_tax_id TEXT,
    url TEXT,
    state TEXT NOT NULL,
    invoice_id TEXT,
    delivery_id TEXT,
    created_at BIGINT,
    updated_at BIGINT,
    proof TEXT NOT NULL
);

CREATE INDEX ledger_order ON ledger (account, order_id);
CREATE INDEX ledger_number ON ledger (account, number_key) WHERE number_key <> '';
CREATE INDEX ledger_created ON ledger (created_at);

CREATE TABLE memory (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    until BIGINT,
    PRIMARY KEY (account, key)
);

CREATE INDEX memory_until ON memory (until) WHERE until IS NOT NULL;

-- Rights that only one process may hold at a time, such as refreshing an account's tokens.
CREATE TABLE locks (
    name TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    until BIGINT NOT NULL
);

-- Facts about the store itself: a sealed word that tells whether the key fits.
CREATE TABLE facts (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
