-- BigQuery lets two MERGEs that only insert run at once, and enforces no key: whether that has doubled rows of the day.
SELECT COUNT(*) AS `rows`, COUNT(*) - COUNT(DISTINCT t.user_name) AS doubled
FROM `DATASET.daily_character_usage` AS t
WHERE t.date = @date AND t.department = @department
