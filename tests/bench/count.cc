/*
 * count.cc - cc-count's work by simdjson's on-demand parser, which does not validate what it skips: the line as it came, with three
 * counts of action_details (or of the field that is named) behind.
 *
 *   count [FIELD]
 *
 * stdin to stdout, one thread.  Build: c++ -O3 -march=native count.cc -lsimdjson
 */
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

using namespace simdjson;

static ondemand::parser parser;
static std::string out;

static void
flush()
{
	for (size_t at = 0; at < out.size(); ) {
		ssize_t n = write(1, out.data() + at, out.size() - at);

		if (n <= 0)
			exit(3);
		at += (size_t)n;
	}
	out.clear();
}

/* Han, nearly: the blocks; what is not assigned in them, or no Han, would cost a look more. */
static bool
is_han(unsigned u)
{
	return (u >= 0x4e00 && u <= 0x9fff) || (u >= 0x3400 && u <= 0x4dbf) || u == 0x3005 || u == 0x3007 || (u >= 0x3021 && u <= 0x3029) ||
	    (u >= 0x3038 && u <= 0x303b) || (u >= 0x2e80 && u <= 0x2fdf) || (u >= 0xf900 && u <= 0xfad9) || (u >= 0x20000 && u <= 0x3347f);
}

static void
count(const char *p, size_t len, size_t room, const char *field)
{
	auto doc = parser.iterate(p, len, room);
	unsigned long ch = 0, en = 0, total = 0;
	std::string_view text;
	char counts[128];

	if (doc[field].get_string().get(text) != SUCCESS)
		return;
	for (size_t i = 0; i < text.size(); total++) {
		unsigned char c = (unsigned char)text[i];
		auto next = [&](size_t k) { return (unsigned)((unsigned char)text[i + k] & 0x3f); };

		if (c < 0x80) {
			en += (unsigned char)((c | 0x20) - 'a') < 26;
			i++;
		} else if (c < 0xe0) {
			i += 2;
		} else if (c < 0xf0) {
			ch += is_han((c & 0xfu) << 12 | next(1) << 6 | next(2));
			i += 3;
		} else {
			ch += is_han((c & 7u) << 18 | next(1) << 12 | next(2) << 6 | next(3));
			i += 4;
		}
	}
	out.append(p, len - 1);
	out.append(counts, (size_t)snprintf(counts, sizeof counts, ",\"ch_characters\":%lu,\"en_characters\":%lu,\"total_characters\":%lu}\n", ch, en, total));
}

int
main(int argc, char **argv)
{
	const char *field = argc > 1 ? argv[1] : "action_details";
	std::vector<char> buf(256 << 10);
	size_t len = 0;

	for (;;) {
		if (buf.size() - len < (128 << 10) + SIMDJSON_PADDING)
			buf.resize(buf.size() * 2);
		ssize_t n = read(0, buf.data() + len, buf.size() - len - SIMDJSON_PADDING);
		if (n <= 0)
			break;
		len += (size_t)n;
		const char *p = buf.data(), *end = p + len, *nl;
		for (; (nl = (const char *)memchr(p, '\n', (size_t)(end - p))) != nullptr; p = nl + 1)
			count(p, (size_t)(nl - p), (size_t)(buf.data() + buf.size() - p), field);
		flush();
		len = (size_t)(end - p);
		memmove(buf.data(), p, len);
	}
	return 0;
}
