CREATE INDEX idx_table_entity_name ON table_entity (name);
