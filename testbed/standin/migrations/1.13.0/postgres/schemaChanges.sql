-- Tasks become entities of their own.
CREATE TABLE IF NOT EXISTS task_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> 'id') STORED NOT NULL,
    fqnHash VARCHAR(768) NOT NULL,
    json JSONB NOT NULL,
    PRIMARY KEY (id)
);
ALTER TABLE user_entity ADD COLUMN lastActivityTime BIGINT GENERATED ALWAYS AS ((json ->> 'lastActivityTime')::bigint) STORED;
ALTER TABLE entity_relationship ADD COLUMN relationType VARCHAR(64) NOT NULL DEFAULT 'direct';
DROP INDEX idx_table_entity_status;
