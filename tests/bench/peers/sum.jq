# jq -sc; the days of Taipei
map(. + {date: (.timestamp[:19] + "Z" | fromdate + 28800 | todate[:10])}) | group_by(.date, .user_department, .user_name)[] | {
	date: .[0].date, department: .[0].user_department, user_name: .[0].user_name,
	ch_characters: (map(.ch_characters) | add), en_characters: (map(.en_characters) | add), total_characters: (map(.total_characters) | add)
}
