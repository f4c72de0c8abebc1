.[$field] as $text | . + {
	ch_characters: ([$text | scan("\\p{Han}")] | length),
	en_characters: ([$text | scan("[A-Za-z]")] | length),
	total_characters: ($text | length)
}
