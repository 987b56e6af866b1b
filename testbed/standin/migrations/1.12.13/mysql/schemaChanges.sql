CREATE INDEX idx_user_entity_name ON user_entity (name);
