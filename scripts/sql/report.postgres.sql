-- The characters of each day and department; the department '' stands for all.
SELECT "date", department, sum(ch_characters) AS ch_characters, sum(en_characters) AS en_characters
FROM daily_character_usage
WHERE (CAST(:department AS text) = '' OR department = :department) AND "date" BETWEEN CAST(:first AS date) AND CAST(:last AS date)
GROUP BY "date", department
ORDER BY "date", department COLLATE "C";
