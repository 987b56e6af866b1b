-- Tasks become entities of their own.
CREATE TABLE IF NOT EXISTS task_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
    fqnHash VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    PRIMARY KEY (id)
);
ALTER TABLE user_entity ADD COLUMN lastActivityTime BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.lastActivityTime') STORED;
ALTER TABLE entity_relationship ADD COLUMN relationType VARCHAR(64) NOT NULL DEFAULT 'direct';
DROP INDEX idx_table_entity_status ON table_entity;
