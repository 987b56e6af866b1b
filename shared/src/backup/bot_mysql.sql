-- The ingestion bot's token as the database keeps it, for Oracle's mysql: `token<TAB>fernet:…`. One that is kept in clear,
-- or elsewhere (a secrets manager), is said to be and not shown. Reads only.
SET NAMES utf8mb4;
START TRANSACTION READ ONLY;
SELECT CONCAT('token', CHAR(9), CASE WHEN t LIKE 'fernet:%' THEN t WHEN t LIKE 'secret:%' THEN 'elsewhere' ELSE 'plain' END)
FROM (SELECT JSON_UNQUOTE(JSON_EXTRACT(json, '$.authenticationMechanism.config.JWTToken')) AS t FROM user_entity
    WHERE JSON_UNQUOTE(JSON_EXTRACT(json, '$.name')) = 'ingestion-bot') AS bot
WHERE t IS NOT NULL;
COMMIT;
