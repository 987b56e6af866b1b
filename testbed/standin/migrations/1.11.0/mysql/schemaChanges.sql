ALTER TABLE apps_extension_time_series ADD COLUMN extension VARCHAR(255) GENERATED ALWAYS AS (json ->> '$.extension') STORED;
CREATE INDEX apps_extension_time_series_index ON apps_extension_time_series (appId, timestamp);
