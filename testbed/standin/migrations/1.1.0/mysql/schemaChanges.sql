-- Entities are JSON rows; the columns beside the JSON are read out of it.
CREATE TABLE IF NOT EXISTS table_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
    name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') STORED NOT NULL,
    fqnHash VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') STORED NOT NULL,
    deleted TINYINT(1) GENERATED ALWAYS AS (json -> '$.deleted') STORED,
    PRIMARY KEY (id),
    UNIQUE KEY unique_fqn (fqnHash)
);
CREATE TABLE IF NOT EXISTS user_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
    name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') STORED NOT NULL,
    fqnHash VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') STORED NOT NULL,
    deleted TINYINT(1) GENERATED ALWAYS AS (json -> '$.deleted') STORED,
    PRIMARY KEY (id),
    UNIQUE KEY unique_fqn (fqnHash)
);
CREATE TABLE IF NOT EXISTS role_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
    name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') STORED NOT NULL,
    fqnHash VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') STORED NOT NULL,
    deleted TINYINT(1) GENERATED ALWAYS AS (json -> '$.deleted') STORED,
    PRIMARY KEY (id),
    UNIQUE KEY unique_fqn (fqnHash)
);
CREATE TABLE IF NOT EXISTS policy_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
    name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') STORED NOT NULL,
    fqnHash VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') STORED NOT NULL,
    deleted TINYINT(1) GENERATED ALWAYS AS (json -> '$.deleted') STORED,
    PRIMARY KEY (id),
    UNIQUE KEY unique_fqn (fqnHash)
);
CREATE TABLE IF NOT EXISTS bot_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
    name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') STORED NOT NULL,
    fqnHash VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') STORED NOT NULL,
    deleted TINYINT(1) GENERATED ALWAYS AS (json -> '$.deleted') STORED,
    PRIMARY KEY (id),
    UNIQUE KEY unique_fqn (fqnHash)
);
CREATE TABLE IF NOT EXISTS ingestion_pipeline_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
    name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') STORED NOT NULL,
    fqnHash VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') STORED NOT NULL,
    deleted TINYINT(1) GENERATED ALWAYS AS (json -> '$.deleted') STORED,
    PRIMARY KEY (id),
    UNIQUE KEY unique_fqn (fqnHash)
);
CREATE TABLE IF NOT EXISTS event_subscription_entity (
    id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
    name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') STORED NOT NULL,
    fqnHash VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') STORED NOT NULL,
    deleted TINYINT(1) GENERATED ALWAYS AS (json -> '$.deleted') STORED,
    PRIMARY KEY (id),
    UNIQUE KEY unique_fqn (fqnHash)
);
-- Relation 13 is "upstream": lineage.
CREATE TABLE IF NOT EXISTS entity_relationship (
    fromId VARCHAR(36) NOT NULL,
    toId VARCHAR(36) NOT NULL,
    fromEntity VARCHAR(256) NOT NULL,
    toEntity VARCHAR(256) NOT NULL,
    relation SMALLINT NOT NULL,
    json JSON,
    deleted BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (fromId, toId, relation)
);
CREATE TABLE IF NOT EXISTS entity_extension (
    id VARCHAR(36) NOT NULL,
    extension VARCHAR(256) NOT NULL,
    json JSON NOT NULL,
    PRIMARY KEY (id, extension)
);
