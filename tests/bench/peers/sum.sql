COPY (SELECT strftime(timezone('Asia/Taipei', timestamp::TIMESTAMPTZ), '%Y-%m-%d') AS date, user_department AS department, user_name,
	sum(ch_characters)::BIGINT AS ch_characters, sum(en_characters)::BIGINT AS en_characters, sum(total_characters)::BIGINT AS total_characters
    FROM read_json('/dev/stdin', format = 'newline_delimited') GROUP BY ALL ORDER BY ALL) TO '/dev/stdout' (FORMAT json)
