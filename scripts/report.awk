# report.awk - the table and the chart of etl.sh report.
#
# Input: {"date":"2026-11-20","department":"...","ch_characters":1,"en_characters":2} a line, sorted, one a date and department.
# Variables: from, to (days); columns (of the terminal); svg=1 draws the chart instead of the table.
# For any awk that takes bytes for characters (LC_ALL=C), so UTF-8 is decoded here.

function init(	i) {
	for (i = 1; i < 256; i++)
		byte[sprintf("%c", i)] = i
	# What takes two cells of a terminal (Unicode East Asian Width W and F, by block), and what takes none.
	wide = "4352-4447 8986-8987 9193-9203 11904-12350 12353-13247 13312-19903 19968-42191 43360-43391 44032-55203 63744-64255 " \
		"65040-65049 65072-65135 65281-65376 65504-65510 94176-101640 110576-111359 127744-128591 128640-128764 129292-129535 " \
		"131072-262141"
	none = "768-879 1425-1469 6832-6911 7616-7679 8203-8207 8234-8238 8288-8303 8400-8447 65024-65039 65056-65071 917504-917999"
	n_wide = split(wide, wides, "[- ]")
	n_none = split(none, nones, "[- ]")
}

function utf8(c) {
	if (c < 128)
		return sprintf("%c", c)
	if (c < 2048)
		return sprintf("%c%c", 192 + int(c / 64), 128 + c % 64)
	if (c < 65536)
		return sprintf("%c%c%c", 224 + int(c / 4096), 128 + int(c / 64) % 64, 128 + c % 64)
	return sprintf("%c%c%c%c", 240 + int(c / 262144), 128 + int(c / 4096) % 64, 128 + int(c / 64) % 64, 128 + c % 64)
}

function hex(s,	i, n) {
	for (i = 1; i <= length(s); i++)
		n = n * 16 + index("0123456789abcdef", tolower(substr(s, i, 1))) - 1
	return n
}

# The text of a JSON string, without its quotes.  What is no character to be shown becomes U+FFFD.
function decoded(s,	out, at, c, code, low) {
	while ((at = index(s, "\\")) > 0) {
		out = out substr(s, 1, at - 1)
		c = substr(s, at + 1, 1)
		s = substr(s, at + 2)
		if (c != "u") {
			out = out (index("bfnrt", c) ? utf8(65533) : c)
			continue
		}
		code = hex(substr(s, 1, 4))
		s = substr(s, 5)
		if (code >= 55296 && code < 56320 && s ~ /^\\u[dD][c-fC-F]/) {
			low = hex(substr(s, 3, 4))
			s = substr(s, 7)
			code = 65536 + (code - 55296) * 1024 + low - 56320
		} else if (code < 32 || code >= 127 && code < 160 || code >= 55296 && code < 57344 || code == 65534 || code == 65535) {
			code = 65533
		}
		out = out utf8(code)
	}
	out = out s
	gsub(/[\001-\037\177]/, utf8(65533), out)
	return out
}

function inside(code, list, n,	i) {
	for (i = 1; i < n; i += 2)
		if (code >= list[i] + 0 && code <= list[i + 1] + 0)
			return 1
	return 0
}

# The character at place i of s: its bytes in char_bytes, its cells in char_cells.
function look_at(s, i,	b, code, k) {
	b = byte[substr(s, i, 1)]
	char_bytes = b < 192 ? 1 : b < 224 ? 2 : b < 240 ? 3 : 4
	code = b < 192 ? b : b < 224 ? b - 192 : b < 240 ? b - 224 : b - 240
	for (k = 1; k < char_bytes; k++)
		code = code * 64 + byte[substr(s, i + k, 1)] - 128
	char_cells = code < 768 ? 1 : inside(code, nones, n_none) ? 0 : inside(code, wides, n_wide) ? 2 : 1
}

function cells(s,	i, n) {
	for (i = 1; i <= length(s); i += char_bytes) {
		look_at(s, i)
		n += char_cells
	}
	return n + 0
}

# The beginning of s in at most max cells.
function cut(s, max,	i, n) {
	if (cells(s) <= max)
		return s
	for (i = 1; i <= length(s); i += char_bytes) {
		look_at(s, i)
		if (n + char_cells > max - 1)
			return substr(s, 1, i - 1) "…"
		n += char_cells
	}
	return s
}

function spaces(n) {
	return n > 0 ? sprintf("%" n "s", "") : ""
}

function left(s, width) {
	return s spaces(width - cells(s))
}

function right(s, width) {
	return spaces(width - length(s)) s
}

# 1234567 as 1,234,567
function grouped(n,	s, out) {
	s = sprintf("%.0f", n)
	while (length(s) > 3) {
		out = "," substr(s, length(s) - 2) out
		s = substr(s, 1, length(s) - 3)
	}
	return s out
}

# part of all as block characters, width cells long for all
function bar(part, all, width,	eighths, out, i) {
	eighths = all > 0 ? int(part * width * 8 / all + 0.5) : 0
	if (part > 0 && eighths == 0)
		eighths = 1
	for (i = 8; i <= eighths; i += 8)
		out = out "█"
	eighths %= 8
	return eighths == 0 ? out : out substr("▏▎▍▌▋▊▉", (eighths - 1) * 3 + 1, 3)
}

# ---- the table ----

function widen(column, n) {
	if (n > width[column])
		width[column] = n
}

function put_row(date, department, ch, en, graph,	line) {
	line = left(date, 10) "  " left(cut(department, width["department"]), width["department"]) "  " right(ch, width["ch"]) "  " \
		right(en, width["en"]) "  " right(grouped_sum, width["sum"])
	print line (graph == "" ? "" : "  " graph)
}

function put_sums(date, department, ch, en, graph) {
	grouped_sum = grouped(ch + en)
	put_row(date, department, grouped(ch), grouped(en), graph)
}

function put_table(	i, d, rest) {
	widen("department", 10); widen("ch", 7); widen("en", 7); widen("sum", 5)
	for (i = 1; i <= n_departments; i++)
		widen("department", cells(departments[i]))
	if (width["department"] > 30)
		width["department"] = 30
	widen("ch", length(grouped(all_ch))); widen("en", length(grouped(all_en))); widen("sum", length(grouped(all_ch + all_en)))
	rest = columns - 10 - width["department"] - width["ch"] - width["en"] - width["sum"] - 10
	if (rest > 50)
		rest = 50
	grouped_sum = "total"
	put_row("date", "department", "Chinese", "English", "")
	for (i = 1; i <= n; i++)
		put_sums(dates[i], names[i], ch[i], en[i], rest >= 5 ? bar(ch[i] + en[i], most, rest) : "")
	if (n == 0)
		print "no usage from " from " to " to
	if (n_departments > 1)
		for (i = 1; i <= n_departments; i++) {
			d = departments[i]
			put_sums(i == 1 ? "total" : "", d, sum_ch[d], sum_en[d], "")
		}
	if (n > 0)
		put_sums("total", n_departments > 1 ? "all" : departments[1], all_ch, all_en, "")
}

# ---- the chart ----

function xml(s) {
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	gsub(/>/, "\\&gt;", s)
	gsub(/"/, "\\&quot;", s)
	# XML has no place for these two, written as they are.
	gsub(/\357\277[\276\277]/, "�", s)
	return s
}

# Days since 1970 of a date (proleptic Gregorian), and back: after Howard Hinnant, "chrono-compatible low-level date algorithms".
function day_number(date,	y, m, d, era, yoe, doy) {
	y = substr(date, 1, 4) + 0
	m = substr(date, 6, 2) + 0
	d = substr(date, 9, 2) + 0
	y -= m <= 2
	era = int(y / 400)
	yoe = y - era * 400
	doy = int((153 * (m + (m > 2 ? -3 : 9)) + 2) / 5) + d - 1
	return era * 146097 + yoe * 365 + int(yoe / 4) - int(yoe / 100) + doy - 719468
}

function date_text(z,	era, doe, yoe, doy, mp, d, m) {
	z += 719468
	era = int(z / 146097)
	doe = z - era * 146097
	yoe = int((doe - int(doe / 1460) + int(doe / 36524) - int(doe / 146096)) / 365)
	doy = doe - (365 * yoe + int(yoe / 4) - int(yoe / 100))
	mp = int((5 * doy + 2) / 153)
	d = doy - int((153 * mp + 2) / 5) + 1
	m = mp + (mp < 10 ? 3 : -9)
	return sprintf("%04d-%02d-%02d", yoe + era * 400 + (m <= 2), m, d)
}

# A round number, not below n: 1, 2 or 5 and zeros.
function round_up(n,	p) {
	for (p = 1; p < n; p *= 10)
		;
	if (p / 5 >= n && p >= 5)
		return p / 5
	return p / 2 >= n && p >= 2 ? p / 2 : p
}

# 1500000 as 1.5M
function short(n,	i, s) {
	for (i = 1; n >= 1000 && i < 6; i++)
		n /= 1000
	s = sprintf("%.1f", n)
	sub(/\.0$/, "", s)
	return s (i > 1 ? substr(" kMGTP", i, 1) : "")
}

function put_text(x, y, class, text) {
	printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class, xml(text)
}

# One chart of a department below the other; a day's bar is stacked: English upon Chinese.
function put_chart(	i, first, days, step, height, x0, w, h, gap) {
	first = day_number(from)
	days = day_number(to) - first + 1
	x0 = 64
	w = 720
	h = 160
	gap = 56
	step = w / days
	height = 64 + (n_departments > 0 ? n_departments : 1) * (h + gap)
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" ", \
		x0 + w + 24, height, x0 + w + 24, height
	print "role=\"img\" aria-labelledby=\"title\">"
	printf "<title id=\"title\">%s</title>\n", xml(heading())
	print "<style>"
	print "svg { font: 12px system-ui, sans-serif } .page { fill: #fff }"
	print "text { fill: #333 } .h { font-size: 16px; font-weight: 600 } .d { font-weight: 600 }"
	print ".y, .e { text-anchor: end } .x { text-anchor: middle }"
	print ".grid { stroke: #ddd } .axis { stroke: #888 } .ch { fill: #c2410c } .en { fill: #2563eb }"
	print "@media (prefers-color-scheme: dark) {"
	print ".page { fill: #16181d } text { fill: #ddd }"
	print ".grid { stroke: #333 } .ch { fill: #fb923c } .en { fill: #60a5fa }"
	print "}"
	print "</style>"
	print "<rect class=\"page\" width=\"100%\" height=\"100%\"/>"
	put_text(16, 28, "h", heading())
	put_legend(x0 + w)
	for (i = 1; i <= n_departments; i++)
		put_plot(departments[i], x0, 64 + (i - 1) * (h + gap), w, h, first, days, step)
	if (n_departments == 0)
		put_text(16, 64, "d", "no usage")
	print "</svg>"
}

function heading() {
	return "Characters a day, " from (to == from ? "" : " to " to)
}

function put_legend(x) {
	printf "<rect x=\"%d\" y=\"18\" width=\"12\" height=\"12\" class=\"ch\"/>\n", x - 152
	put_text(x - 134, 28, "l", "Chinese")
	printf "<rect x=\"%d\" y=\"18\" width=\"12\" height=\"12\" class=\"en\"/>\n", x - 72
	put_text(x - 54, 28, "l", "English")
}

function put_plot(name, x0, y0, w, h, first, days, step,	i, top, ticks, y, x, every, hch, hen, label, b) {
	put_text(16, y0, "d", cut(name, 60))
	put_text(x0 + w, y0, "e", grouped(sum_ch[name]) " Chinese, " grouped(sum_en[name]) " English")
	y0 += 12
	h -= 4
	top = round_up(most_of[name] > 0 ? most_of[name] : 1)
	ticks = top <= 2 ? top : substr(top, 1, 1) == 2 ? 4 : 5
	for (i = 0; i <= ticks; i++) {
		y = y0 + h - h * i / ticks
		printf "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x0, x0 + w, y, y, i == 0 ? "axis" : "grid"
		put_text(x0 - 8, y + 4, "y", short(top * i / ticks))
	}
	every = int((days + 11) / 12)
	for (i = 0; i < days; i += every) {
		label = date_text(first + i)
		put_text(x0 + (i + 0.5) * step, y0 + h + 16, "x", days > 330 ? substr(label, 1, 7) : substr(label, 6))
	}
	b = step > 4 ? step - (step > 40 ? step * 0.3 : 2) : step
	for (i = 1; i <= n; i++) {
		if (names[i] != name)
			continue
		x = x0 + (day_number(dates[i]) - first) * step + (step - b) / 2
		hch = h * ch[i] / top
		hen = h * en[i] / top
		printf "<g><title>%s %s: %s Chinese, %s English</title>", dates[i], xml(name), grouped(ch[i]), grouped(en[i])
		printf "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" class=\"ch\"/>", x, y0 + h - hch, b, hch
		printf "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" class=\"en\"/></g>\n", x, y0 + h - hch - hen, b, hen
	}
}

# ---- input ----

function number(name) {
	return match($0, "\"" name "\":-?[0-9]+[,}]") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) + 0 : 0
}

BEGIN {
	init()
}

# The numbers are looked for behind the department, whose text may hold anything.
match($0, /","ch_characters":-?[0-9]+,"en_characters":-?[0-9]+}$/) {
	n++
	dates[n] = substr($0, 10, 10)
	names[n] = name = decoded(substr($0, 36, RSTART - 36))
	$0 = substr($0, RSTART)
	ch[n] = number("ch_characters")
	en[n] = number("en_characters")
	if (!(name in sum_ch))
		departments[++n_departments] = name
	sum_ch[name] += ch[n]
	sum_en[name] += en[n]
	all_ch += ch[n]
	all_en += en[n]
	if (ch[n] + en[n] > most)
		most = ch[n] + en[n]
	if (ch[n] + en[n] > most_of[name])
		most_of[name] = ch[n] + en[n]
}

END {
	if (svg)
		put_chart()
	else
		put_table()
}
