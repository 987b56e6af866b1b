-- The application's schema of 2.0 no longer knows these two.
UPDATE installed_apps SET json = json #- '{appConfiguration,recreateIndex}' #- '{appConfiguration,useDistributedIndexing}';
-- Consumers may open tasks (upstream forgot this rule in 2.0.0 to 2.0.2).
UPDATE policy_entity SET json = jsonb_set(json, '{rules}', (json -> 'rules') || '[{"name": "DataConsumerPolicy-CreateTask-Rule", "resources": ["task"], "operations": ["Create"], "effect": "allow"}]')
    WHERE name = 'DataConsumerPolicy' AND json ->> 'rules' NOT LIKE '%CreateTask%';
