-- One row for a message that is accepted, divided among the tables; see awizo/store/inbox.py.
--
-- So a whole message, or many, is one statement, and the statement is a transaction by itself.
-- (A semicolon at the end of a line would end the statement for us; here they begin the lines.)

-- only: sqlite
CREATE VIEW accepted AS SELECT id, record, NULL AS content FROM inbox;

-- only: sqlite
CREATE TRIGGER accepted_message INSTEAD OF INSERT ON accepted BEGIN
    SELECT RAISE(ABORT, 'this message is there already')
    WHERE EXISTS (SELECT 1 FROM messages WHERE id = NEW.id)
    ; INSERT INTO contents (message_id, seq, data)
    SELECT NEW.id, 0, NEW.content WHERE NEW.content IS NOT NULL
    ; INSERT INTO inbox (id, record) VALUES (NEW.id, NEW.record)
    ; END;
