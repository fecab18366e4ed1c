-- What was accepted and does not stand in its tables yet; see awizo/store/inbox.py.
--
-- A mail is six rows with fifteen entries in indexes. Written at once, each commit of a few mails
-- touches most pages of the database; here it is one row, and the rest is done for many together.

-- only: sqlite
CREATE TABLE inbox (
    id TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;
