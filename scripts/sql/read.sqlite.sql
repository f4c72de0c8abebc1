SELECT "date", department, user_name, ch_characters, en_characters
FROM daily_character_usage
WHERE department = :department AND "date" BETWEEN :first AND :last
ORDER BY "date", user_name COLLATE BINARY;
