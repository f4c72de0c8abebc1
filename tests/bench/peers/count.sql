COPY (SELECT *, len(regexp_extract_all(FIELD, '\p{Han}')) AS ch_characters, len(regexp_extract_all(FIELD, '[A-Za-z]')) AS en_characters,
	length(FIELD) AS total_characters
    FROM read_json('/dev/stdin', format = 'newline_delimited')) TO '/dev/stdout' (FORMAT json)
