COPY (SELECT DISTINCT ON (json->>'id') json FROM read_json_objects('/dev/stdin', format = 'newline_delimited')) TO '/dev/stdout' (FORMAT json)
