COPY (SELECT json->>'id' AS run_id, json->>'start_time' AS timestamp,
	list_filter(from_json(json->'$.inputs.messages', '["JSON"]'), lambda m: (m->>'role') = 'user' OR (m->>'type') = 'human')[-1]->>'content' AS input
    FROM read_json_objects('/dev/stdin', format = 'newline_delimited')
    WHERE input IS NOT NULL) TO '/dev/stdout' (FORMAT json)
