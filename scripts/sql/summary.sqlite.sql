-- The daily characters of each user: a day of a department is replaced in one transaction.
-- Times are compared as text: without the Z a bound comes before all fractions of its second.
BEGIN IMMEDIATE;
DELETE FROM daily_character_usage WHERE "date" = :date AND department = :department;
INSERT INTO daily_character_usage ("date", department, user_name, ch_characters, en_characters)
SELECT :date, :department, l.user_name, sum(l.ch_characters), sum(l.en_characters)
FROM "DEPARTMENT_logs" AS l
WHERE l."timestamp" >= rtrim(:from, 'Z') AND l."timestamp" < rtrim(:to, 'Z')
GROUP BY l.user_name;
COMMIT;
SELECT count(*) AS "rows" FROM daily_character_usage WHERE "date" = :date AND department = :department;
