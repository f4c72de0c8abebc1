SELECT t.date AS date, t.department AS department, t.user_name AS user_name, t.ch_characters AS ch_characters,
	t.en_characters AS en_characters
FROM `DATASET.daily_character_usage` AS t
WHERE t.department = @department AND t.date BETWEEN @first AND @last
ORDER BY date, user_name
