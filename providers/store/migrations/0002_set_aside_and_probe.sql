-- Audit events that their sink refuses for good are kept, but no longer offered.
ALTER TABLE outbox ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0;

-- What the readiness check writes is as large as what a session writes, because a full disk has room for a few bytes yet.
ALTER TABLE probe ADD COLUMN weight BLOB NOT NULL DEFAULT x'';
