-- The characters of each day and department; the department '' stands for all.
SELECT t.date AS date, t.department AS department, SUM(t.ch_characters) AS ch_characters, SUM(t.en_characters) AS en_characters
FROM `DATASET.daily_character_usage` AS t
WHERE (@department = '' OR t.department = @department) AND t.date BETWEEN @first AND @last
GROUP BY date, department
ORDER BY date, department
