-- How far the messages in the files of arrivals are taken in; see awizo/store/arrivals.py.

-- only: sqlite
CREATE TABLE arrivals (
    name TEXT NOT NULL PRIMARY KEY,
    taken INTEGER NOT NULL
) WITHOUT ROWID;
