UPDATE table_entity SET json = JSON_SET(json, '$.processedLineage', false) WHERE NOT JSON_CONTAINS_PATH(json, 'one', '$.processedLineage');
