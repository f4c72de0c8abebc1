-- The daily characters of each user: a day of a department is replaced in one transaction.
-- The lock lets one run at a time in, also where an old table has no key; READ COMMITTED sees what was committed before it.
-- The type of "timestamp" decides how a bound is read: in a table of botrun-log it has no zone, and holds UTC.
BEGIN ISOLATION LEVEL READ COMMITTED;
LOCK TABLE daily_character_usage IN SHARE ROW EXCLUSIVE MODE;
DELETE FROM daily_character_usage WHERE "date" = CAST(:date AS date) AND department = :department;
INSERT INTO daily_character_usage ("date", department, user_name, ch_characters, en_characters)
SELECT CAST(:date AS date), :department, l.user_name, sum(l.ch_characters), sum(l.en_characters)
FROM "DEPARTMENT_logs" AS l
WHERE l."timestamp" >= :from AND l."timestamp" < :to
GROUP BY l.user_name;
COMMIT;
SELECT count(*) AS "rows" FROM daily_character_usage WHERE "date" = CAST(:date AS date) AND department = :department;
