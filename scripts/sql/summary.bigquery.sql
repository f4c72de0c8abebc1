-- The daily characters of each user: a day of a department is replaced by one statement.  No row of the day matches, so the
-- old ones go, also where there are two of a user, and the new ones come.
MERGE INTO `DATASET.daily_character_usage` AS t
USING (
	SELECT l.user_name AS user_name, SUM(l.ch_characters) AS ch_characters, SUM(l.en_characters) AS en_characters
	FROM `DATASET.DEPARTMENT_logs` AS l
	WHERE l.timestamp >= @from AND l.timestamp < @to
	GROUP BY l.user_name
) AS s
ON FALSE
WHEN NOT MATCHED BY TARGET THEN
	INSERT (date, department, user_name, ch_characters, en_characters)
	VALUES (@date, @department, s.user_name, s.ch_characters, s.en_characters)
WHEN NOT MATCHED BY SOURCE AND t.date = @date AND t.department = @department THEN
	DELETE
