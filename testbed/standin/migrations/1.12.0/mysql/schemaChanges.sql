ALTER TABLE table_entity ADD COLUMN entityStatus VARCHAR(32) GENERATED ALWAYS AS (json ->> '$.entityStatus') STORED;
CREATE INDEX idx_table_entity_status ON table_entity (entityStatus);
