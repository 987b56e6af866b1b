UPDATE table_entity SET json = jsonb_set(json, '{processedLineage}', 'false') WHERE NOT json ? 'processedLineage';
