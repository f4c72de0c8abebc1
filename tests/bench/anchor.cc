/*
 * anchor.cc - the strongest competitor that can be thought of: simdjson's on-demand
 * parser, which does not validate what it skips.
 *
 *   anchor dedup    drop lines whose "id" was seen before
 *   anchor last     the last user message of inputs.messages (that one shape only)
 *   anchor count [FIELD]  add the counts of characters of action_details, or of the field that is named
 *   anchor usage    characters by day (of UTC), department and user (of integers, in any order)
 *
 * stdin to stdout, one thread.  Build: c++ -O3 -march=native anchor.cc -lsimdjson
 */
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <unistd.h>
#include <unordered_map>
#include <unordered_set>
#include <vector>

using namespace simdjson;

static ondemand::parser parser;
static std::unordered_set<std::string> seen;
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

static void
dedup(const char *p, size_t len, size_t room)
{
	auto doc = parser.iterate(p, len, room);
	std::string_view id;

	if (doc["id"].get_string().get(id) == SUCCESS && seen.emplace(id).second)
		out.append(p, len + 1);
}

static void
last(const char *p, size_t len, size_t room)
{
	auto doc = parser.iterate(p, len, room);
	std::string_view id, text;
	ondemand::array messages;

	if (doc["id"].raw_json_token().get(id) != SUCCESS || doc["inputs"]["messages"].get_array().get(messages) != SUCCESS)
		return;
	for (auto m : messages) {
		ondemand::object o;
		bool user = false;
		std::string_view content;

		if (m.get_object().get(o) != SUCCESS)
			continue;
		for (auto field : o) {
			ondemand::raw_json_string key;
			std::string_view value;

			if (field.key().get(key) != SUCCESS)
				break;
			if (key == "role" || key == "type")
				user = user || (field.value().get_string().get(value) == SUCCESS && (value == "user" || value == "human"));
			else if (key == "content" && field.value().raw_json_token().get(value) == SUCCESS)
				content = value;
		}
		if (user && !content.empty() && content[0] == '"')
			text = content;
	}
	if (!text.empty())
		out.append("{\"run_id\":").append(id).append(",\"input\":").append(text).append("}\n");
}

static const char *field = "action_details";

/* Han, nearly: the blocks; what is not assigned in them, or no Han, would cost a look more. */
static bool
is_han(unsigned u)
{
	return (u >= 0x4e00 && u <= 0x9fff) || (u >= 0x3400 && u <= 0x4dbf) || u == 0x3005 || u == 0x3007 || (u >= 0x3021 && u <= 0x3029) ||
	    (u >= 0x3038 && u <= 0x303b) || (u >= 0x2e80 && u <= 0x2fdf) || (u >= 0xf900 && u <= 0xfad9) || (u >= 0x20000 && u <= 0x3347f);
}

/* cc-count's work: the line as it came, with three counts behind. */
static void
count(const char *p, size_t len, size_t room)
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

struct usage { int64_t ch, en, total; };
static std::unordered_map<std::string, usage> groups;

static void
sum(const char *p, size_t len, size_t room)
{
	static std::string key;
	auto doc = parser.iterate(p, len, room);
	std::string_view time, department, user;
	int64_t ch, en, total;

	if (doc["timestamp"].get_string().get(time) != SUCCESS || doc["user_department"].get_string().get(department) != SUCCESS ||
	    doc["user_name"].get_string().get(user) != SUCCESS || doc["ch_characters"].get_int64().get(ch) != SUCCESS ||
	    doc["en_characters"].get_int64().get(en) != SUCCESS || doc["total_characters"].get_int64().get(total) != SUCCESS)
		return;
	key.assign(time.substr(0, 10)).append("\n").append(department).append("\n").append(user);
	usage &u = groups[key];
	u.ch += ch, u.en += en, u.total += total;
}

static void
put_groups()
{
	for (auto &g : groups)
		out.append(g.first).append("\n").append(std::to_string(g.second.ch)).append(" ").append(std::to_string(g.second.en))
		    .append(" ").append(std::to_string(g.second.total)).append("\n");
	flush();
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	auto take = strcmp(what, "dedup") == 0 ? dedup : strcmp(what, "count") == 0 ? count : strcmp(what, "usage") == 0 ? sum : last;
	std::vector<char> buf(256 << 10);
	size_t len = 0;

	if (argc > 2)
		field = argv[2];
	for (;;) {
		if (buf.size() - len < (128 << 10) + SIMDJSON_PADDING)
			buf.resize(buf.size() * 2);
		ssize_t n = read(0, buf.data() + len, buf.size() - len - SIMDJSON_PADDING);
		if (n <= 0)
			break;
		len += (size_t)n;
		const char *p = buf.data(), *end = p + len, *nl;
		for (; (nl = (const char *)memchr(p, '\n', (size_t)(end - p))) != nullptr; p = nl + 1)
			take(p, (size_t)(nl - p), (size_t)(buf.data() + buf.size() - p));
		flush();
		len = (size_t)(end - p);
		memmove(buf.data(), p, len);
	}
	put_groups();
	return 0;
}
