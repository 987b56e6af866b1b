ALTER TABLE task_entity ADD COLUMN status VARCHAR(32) GENERATED ALWAYS AS (json ->> '$.status') STORED;
CREATE INDEX idx_task_entity_status ON task_entity (status);
ALTER TABLE bot_entity ADD COLUMN botUser VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.botUser.id') STORED;
