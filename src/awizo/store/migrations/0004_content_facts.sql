-- What intake learnt of a content while it read it; see awizo.model.ContentFacts.
--
-- 1: bytes beyond ASCII, 2: such bytes in the header, 3: both; NULL: not known.
ALTER TABLE messages ADD COLUMN content_facts SMALLINT;
