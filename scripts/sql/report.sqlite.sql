-- The characters of each day and department; the department '' stands for all.
SELECT "date", department, sum(ch_characters) AS ch_characters, sum(en_characters) AS en_characters
FROM daily_character_usage
WHERE (:department = '' OR department = :department) AND "date" BETWEEN :first AND :last
GROUP BY "date", department
ORDER BY "date", department COLLATE BINARY;
