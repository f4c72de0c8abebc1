/*
 * gen.c - load data for benchmarks and memory tests, made as fast as it is read.
 *
 *   cc -O2 -o gen gen.c
 *   gen runs SIZE	LangSmith runs: 6-7 KB a line on average, some lines several
 *			100 KB; 12 % of the lines spell all beyond ASCII as \uxxxx;
 *			5 % repeat an earlier line byte for byte, as an overlapping
 *			fetch does
 *   gen logs SIZE	operation-log entries: about 620 bytes, mostly Chinese
 *   gen records SIZE	the recorder's interactions: 3 KB on average, each with an id of
 *			its own, in the order of time, 12.5 MB a day; eight sessions at a
 *			time, 50 records each; 2 % failed
 *
 * SIZE is in bytes, or with K, M, G (binary); the output ends with the first
 * line that reaches it.  The same SIZE gives the same bytes, and a smaller
 * SIZE a prefix of them.  Memory does not grow with SIZE: a line depends on
 * nothing but its number.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEED		UINT64_C(0x6c6c6d7574696c73)
#define FLUSH_AT	((size_t)256 << 10)	/* a write() of this size stays in the L2 cache */
#define LINE_MAX_BYTES	((size_t)16 << 20)	/* touched only by lines that need it */
#define NPIECES		512u			/* text pieces per pool */

/* ---- chance ---- */

static uint64_t
splitmix64(uint64_t *s)
{
	uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t
mix(uint64_t seed, uint64_t n)
{
	uint64_t s = seed ^ (n * UINT64_C(0xd1342543de82ef95));

	return splitmix64(&s);
}

struct rng {
	uint64_t s;
};

static uint32_t
below(struct rng *r, uint32_t n)
{
	return (uint32_t)(((splitmix64(&r->s) >> 32) * n) >> 32);
}

static bool
percent(struct rng *r, uint32_t p)
{
	return below(r, 100) < p;
}

/* ---- output ---- */

static char outbuf[FLUSH_AT + LINE_MAX_BYTES];
static size_t outlen;

static void
flush(void)
{
	size_t done = 0;
	ssize_t n;

	while (done < outlen) {
		n = write(STDOUT_FILENO, outbuf + done, outlen - done);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			fprintf(stderr, "gen: stdout: %s\n", strerror(errno));
			exit(3);
		}
		done += (size_t)n;
	}
	outlen = 0;
}

static void
put(const char *s, size_t n)
{
	if (n > sizeof(outbuf) - outlen)
		abort();	/* a line longer than LINE_MAX_BYTES */
	memcpy(outbuf + outlen, s, n);
	outlen += n;
}

#define LIT(s)	put("" s, sizeof(s) - 1)

static void
puts_(const char *s)
{
	put(s, strlen(s));
}

static void
put_uint(uint64_t v)
{
	char b[20];
	size_t n = sizeof(b);

	do
		b[--n] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	put(b + n, sizeof(b) - n);
}

/* The low digits of v, with leading zeros. */
static void
put_digits(uint64_t v, size_t digits)
{
	char b[20];

	for (size_t i = digits; i-- > 0; v /= 10)
		b[i] = (char)('0' + v % 10);
	put(b, digits);
}

static void
put_hex(uint64_t v, size_t digits)
{
	char b[16];

	for (size_t i = digits; i-- > 0; v >>= 4)
		b[i] = "0123456789abcdef"[v & 15];
	put(b, digits);
}

/* A version 4 uuid that n determines. */
static void
put_uuid(uint64_t n)
{
	uint64_t a = mix(SEED, n), b = mix(~SEED, n);

	put_hex(a >> 32, 8);
	LIT("-");
	put_hex(a >> 16, 4);
	LIT("-4");
	put_hex(a, 3);
	LIT("-");
	put_hex(8 | (b >> 62), 1);
	put_hex(b >> 48, 3);
	LIT("-");
	put_hex(b, 12);
}

/* YYYY-MM-DD T HH:MM:SS, without the zone; dashes false gives LangSmith's dotted form. */
static void
put_time(uint64_t sec, bool dashes)
{
	/* Days to a date after H. Hinnant, "chrono-compatible low-level date algorithms". */
	uint64_t z = sec / 86400 + 719468, s = sec % 86400;
	uint64_t era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t mp = (5 * doy + 2) / 153;
	uint64_t month = mp < 10 ? mp + 3 : mp - 9;
	const char *d = dashes ? "-" : "", *c = dashes ? ":" : "";

	put_digits(yoe + era * 400 + (month <= 2), 4);
	puts_(d);
	put_digits(month, 2);
	puts_(d);
	put_digits(doy - (153 * mp + 2) / 5 + 1, 2);
	LIT("T");
	put_digits(s / 3600, 2);
	puts_(c);
	put_digits(s / 60 % 60, 2);
	puts_(c);
	put_digits(s % 60, 2);
}

/* ---- texts: pools of pieces, spelled beforehand in every way that is needed ---- */

enum spelling { UTF8, ASCII };			/* as it is; \uxxxx as Python's json.dumps */
enum level { PLAIN, NESTED };			/* in a string; in a JSON text that is in a string */
enum tongue { CHINESE, ENGLISH };

struct piece {
	const char *s;
	uint32_t n;
};

static struct piece pool[2][2][2][NPIECES];	/* [spelling][level][tongue] */
static char arena[(size_t)4 << 20];
static size_t arena_len;

static const char *const chinese[] = {
	"请帮我", "总结一下", "这份报告", "的主要内容，", "並列出三個", "需要注意的", "风险点。",
	"用户在登录", "系統時", "遇到错误代码 ", "五百零三，", "麻煩協助", "確認伺服器", "的狀態。",
	"根據上週會議", "的結論，", "预算需要", "重新评估；", "如果超過期限", "请及时通知", "相关部门。",
	"数据库查询", "的速度很慢，", "是否可以", "加上索引？", "我们已经", "把接口文档", "更新到最新版本了，",
	"「自然語言處理」", "模型的回答", "不够准确，", "請改用正式的語氣", "重写这一段。", "客户反馈", "产品体验良好，",
	"但是价格偏高。", "明天上午", "九點半", "在第三會議室", "开评审会，", "別忘了帶資料。", "人工智能", "正在改变",
	"各行各业，", "包括醫療、", "金融、", "教育和制造。", "以下是", "代码示例：", "谢谢你的帮助！",
};

static const char *const english[] = {
	"please ", "summarise ", "the attached report ", "and list ", "three risks. ", "The service ", "returned an error ",
	"when I tried to ", "sign in, ", "could you check ", "the server logs? ", "According to ", "last week's meeting, ",
	"the budget ", "has to be reviewed; ", "if the deadline ", "is missed, ", "notify the team. ", "This query ", "is slow: ",
	"should we add ", "an index? ", "We have already ", "updated the API docs ", "to version 2.4, ", "but the model ",
	"does not answer ", "precisely enough. ", "Rewrite this paragraph ", "in a formal tone. ", "Customers ", "like the product ",
	"and dislike the price. ", "Tomorrow at 9:30 ", "there is a review ", "in room 3. ", "Large language models ", "are changing ",
	"every industry, ", "medicine, ", "finance and ", "education included. ", "See the example below: ", "thank you!\n",
};

/* What is rare in a text but must be met: escapes, quotes, emoji beyond the BMP. */
static const char *const spice[] = {
	"\n", "\n\n- ", "\n1. ", "\"", "`SELECT * FROM \"t\" WHERE a < 3;`", "C:\\tmp\\日志", "\t", "😀", "👩🏽‍💻", "𠮷", "（見下）", "——", "\r\n",
};

static char *
escape(char *o, unsigned c)
{
	static const char digit[] = "0123456789abcdef";

	*o++ = '\\';
	*o++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*o++ = digit[c >> shift & 15];
	return o;
}

/* Spells the UTF-8 of s as the inside of a JSON string; returns the end of o. */
static char *
spell(char *o, const char *s, size_t n, enum spelling how)
{
	static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";

	for (size_t i = 0; i < n; ) {
		unsigned c = (unsigned char)s[i];
		const char *e = strchr(from, (int)c);
		size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		if (e != NULL) {
			*o++ = '\\';
			*o++ = to[e - from];
		} else if (len == 1 || how == UTF8) {
			memcpy(o, s + i, len);
			o += len;
		} else {
			c &= 0xffu >> (len + 1);
			for (size_t k = 1; k < len; k++)
				c = c << 6 | ((unsigned char)s[i + k] & 0x3fu);
			if (c >= 0x10000) {
				o = escape(o, 0xd800 + ((c - 0x10000) >> 10));
				c = 0xdc00 + ((c - 0x10000) & 0x3ff);
			}
			o = escape(o, c);
		}
		i += len;
	}
	return o;
}

static struct piece
keep(const char *s, size_t n)
{
	struct piece p = { arena + arena_len, (uint32_t)n };

	if (n > sizeof(arena) - arena_len)
		abort();
	memcpy(arena + arena_len, s, n);
	arena_len += n;
	return p;
}

/* A piece is a handful of phrases: long enough that copying it costs more than choosing it. */
static void
make_pools(void)
{
	static char text[4096], plain[sizeof(text) * 12], nested[sizeof(text) * 24];
	struct rng r = { SEED };

	for (unsigned tongue = 0; tongue < 2; tongue++) {
		for (unsigned i = 0; i < NPIECES; i++) {
			size_t n = 0, len, phrases = 2 + below(&r, 10);

			while (phrases-- > 0) {
				const char *s;

				if (percent(&r, 4))
					s = spice[below(&r, sizeof(spice) / sizeof(*spice))];
				else if ((tongue == CHINESE) != percent(&r, 8))
					s = chinese[below(&r, sizeof(chinese) / sizeof(*chinese))];
				else
					s = english[below(&r, sizeof(english) / sizeof(*english))];
				len = strlen(s);
				memcpy(text + n, s, len);
				n += len;
			}
			for (unsigned how = 0; how < 2; how++) {
				/* Inner JSON is UTF-8 in both cases; the outer string escapes it. */
				len = (size_t)(spell(plain, text, n, how) - plain);
				pool[how][PLAIN][tongue][i] = keep(plain, len);
				len = (size_t)(spell(plain, text, n, UTF8) - plain);
				len = (size_t)(spell(nested, plain, len, how) - nested);
				pool[how][NESTED][tongue][i] = keep(nested, len);
			}
		}
	}
}

/* How the line at hand is written. */
struct style {
	enum spelling how;
	enum level level;
	enum tongue tongue;
};

/* About n bytes of text, counted as UTF-8 so that a spelling does not change what is said. */
static void
put_text(struct rng *r, const struct style *st, size_t n)
{
	const struct piece *out = pool[st->how][st->level][st->tongue];
	const struct piece *meant = pool[UTF8][PLAIN][st->tongue];
	size_t done = 0;
	uint32_t i;

	do {
		i = below(r, NPIECES);
		put(out[i].s, out[i].n);
		done += meant[i].n;
	} while (done < n);
}

/* Lengths with a heavy tail: most are near typical, few are 30 to 400 KB; a line has about 8 texts. */
static size_t
text_bytes(struct rng *r, uint32_t typical)
{
	uint32_t k = below(r, 2400);

	if (k < 1)
		return (200u << 10) + below(r, 200u << 10);
	if (k < 4)
		return (30u << 10) + below(r, 90u << 10);
	if (k < 70)
		return typical * 6 + below(r, typical * 10);
	return typical / 4 + below(r, typical * 7 / 8);
}

/* ---- runs ---- */

/* A quote inside the message list: in a string it is escaped. */
static void
putq(const struct style *st, const char *s)
{
	if (st->level == PLAIN) {
		puts_(s);
		return;
	}
	for (; *s != '\0'; s++) {
		if (*s == '"')
			LIT("\\");
		put(s, 1);
	}
}

enum shape {
	S_OPENAI, S_PARTS, S_RESPONSE, S_ITEMS, S_BATCH, S_FLAT, S_STATE, S_STORED, S_TUPLES, S_INPUT,
	S_FIELD, S_PROMPTS, S_ANTHROPIC, S_GEMINI, S_ARGS, S_MIXED, S_NONE, S_PROGRAM, S_NOUSER, S_STRING,
	NSHAPES
};

/* Out of 100; the chat shapes are what most applications send. */
static const unsigned char weight[NSHAPES] = {
	[S_OPENAI] = 20, [S_PARTS] = 12, [S_RESPONSE] = 2, [S_ITEMS] = 4, [S_BATCH] = 14, [S_FLAT] = 4, [S_STATE] = 15,
	[S_STORED] = 2, [S_TUPLES] = 1, [S_INPUT] = 11, [S_FIELD] = 3, [S_PROMPTS] = 1, [S_ANTHROPIC] = 2, [S_GEMINI] = 2,
	[S_ARGS] = 1, [S_MIXED] = 1, [S_NONE] = 1, [S_PROGRAM] = 1, [S_NOUSER] = 1, [S_STRING] = 2,
};

/* Who speaks, in the order of a turn. */
enum speaker { SYSTEM, USER, BOT };

/* How a message looks in each dialect. */
static const struct dialect {
	const char *name[3];
	const char *before, *middle, *after;	/* before NAME middle TEXT after */
} dialects[] = {
	[S_OPENAI]   = {{"system", "user", "assistant"}, "{\"role\":\"", "\",\"content\":\"", "\"}"},
	[S_PARTS]    = {{"system", "user", "assistant"}, "{\"role\":\"", "\",\"content\":[{\"type\":\"text\",\"text\":\"", "\"}]}"},
	[S_ITEMS]    = {{"developer", "user", "assistant"}, "{\"type\":\"message\",\"role\":\"", "\",\"content\":[{\"type\":\"input_text\",\"text\":\"", "\"}]}"},
	[S_BATCH]    = {{"SystemMessage", "HumanMessage", "AIMessage"}, "{\"lc\":1,\"type\":\"constructor\",\"id\":[\"langchain\",\"schema\",\"messages\",\"", "\"],\"kwargs\":{\"content\":\"", "\",\"additional_kwargs\":{},\"response_metadata\":{}}}"},
	[S_FLAT]     = {{"SystemMessage", "HumanMessage", "AIMessage"}, "{\"lc\":1,\"type\":\"constructor\",\"id\":[\"langchain_core\",\"messages\",\"", "\"],\"kwargs\":{\"content\":\"", "\",\"additional_kwargs\":{},\"response_metadata\":{}}}"},
	[S_STATE]    = {{"system", "human", "ai"}, "{\"additional_kwargs\":{},\"response_metadata\":{},\"type\":\"", "\",\"name\":null,\"example\":false,\"content\":\"", "\"}"},
	[S_STORED]   = {{"system", "human", "ai"}, "{\"type\":\"", "\",\"data\":{\"content\":\"", "\",\"additional_kwargs\":{}}}"},
	[S_TUPLES]   = {{"system", "user", "ai"}, "[\"", "\",\"", "\"]"},
	[S_GEMINI]   = {{"user", "user", "model"}, "{\"role\":\"", "\",\"parts\":[{\"text\":\"", "\"}]}"},
};

static void
put_message(struct rng *r, const struct style *st, const struct dialect *d, enum speaker who, uint32_t typical)
{
	putq(st, d->before);
	puts_(d->name[who]);
	putq(st, d->middle);
	put_text(r, st, text_bytes(r, typical));
	putq(st, d->after);
}

/* A system message, some turns, and often the answer behind the last question. */
static void
put_talk(struct rng *r, const struct style *st, enum shape shape)
{
	const struct dialect *d = &dialects[shape];
	uint32_t turns = percent(r, 60) ? 0 : 1 + below(r, 3);

	if (shape != S_GEMINI) {
		put_message(r, st, d, SYSTEM, 700);
		LIT(",");
	}
	while (turns-- > 0) {
		put_message(r, st, d, USER, 260);
		LIT(",");
		put_message(r, st, d, BOT, 800);
		LIT(",");
	}
	put_message(r, st, d, USER, 400);
	if (percent(r, 30)) {
		LIT(",");
		put_message(r, st, d, BOT, 800);
	}
}

static void
put_string(struct rng *r, const struct style *st, uint32_t typical)
{
	LIT("\"");
	put_text(r, st, text_bytes(r, typical));
	LIT("\"");
}

/*
 * A run's inputs: JSON with %N, a string of typically N bytes; %t, a talk; %n, one inside of a string; %s, a system message alone; %f, a
 * field's name; %x, hex digits.
 */
static const struct inputs {
	const char *text;
	enum shape talk;		/* its dialect */
} inputs[NSHAPES] = {
	[S_OPENAI]    = {"{\"messages\":[%t],\"model\":\"m-large\",\"temperature\":0.7,\"stream\":true}", S_OPENAI},
	[S_PARTS]     = {"{\"messages\":[%t,{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
			"{\"url\":\"https://example.com/%x.png\"}}]}]}", S_PARTS},
	[S_RESPONSE]  = {"{\"model\":\"m-large\",\"input\":%1500,\"instructions\":%900}", NSHAPES},
	[S_ITEMS]     = {"{\"input\":[%t,{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":%500}],"
			"\"model\":\"m-large\"}", S_ITEMS},
	[S_BATCH]     = {"{\"messages\":[[%t]]}", S_BATCH},
	[S_FLAT]      = {"{\"messages\":[%t]}", S_FLAT},
	[S_STATE]     = {"{\"messages\":[%t]}", S_STATE},
	[S_STORED]    = {"{\"messages\":[%t]}", S_STORED},
	[S_TUPLES]    = {"{\"messages\":[%t]}", S_TUPLES},
	[S_INPUT]     = {"{\"input\":%600,\"chat_history\":[%t]}", S_STATE},
	[S_FIELD]     = {"{\"context\":%3000,\"%f\":%300}", NSHAPES},
	[S_PROMPTS]   = {"{\"prompts\":[%1500]}", NSHAPES},
	[S_ANTHROPIC] = {"{\"system\":%900,\"messages\":[%t,{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\","
			"\"name\":\"lookup\",\"input\":{\"q\":1}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
			"\"tool_use_id\":\"t1\",\"content\":%900}]}]}", S_PARTS},
	[S_GEMINI]    = {"{\"contents\":[%t]}", S_GEMINI},
	[S_ARGS]      = {"{\"args\":[%900],\"kwargs\":{}}", NSHAPES},
	[S_MIXED]     = {"{\"expanded_queries\":[],\"query\":%300,\"messages\":[%t],\"needs_retrieval\":true}", S_STATE},
	[S_NONE]      = {"null", NSHAPES},
	[S_PROGRAM]   = {"{\"query\":%300}", NSHAPES},
	[S_NOUSER]    = {"{\"messages\":[%s]}", S_OPENAI},
	[S_STRING]    = {"{\"messages\":\"[%n]\"}", S_OPENAI},
};

static void
put_inputs(struct rng *r, const struct style *st, enum shape shape)
{
	static const char *const fields[] = {"question", "query", "prompt", "user_input", "chatInput", "text"};
	const struct inputs *in = &inputs[shape];
	struct style nested = *st;
	const char *p = in->text, *hole;

	nested.level = NESTED;
	for (; (hole = strchr(p, '%')) != NULL; p++) {
		put(p, (size_t)(hole - p));
		p = hole + 1;
		if (*p == 't') {
			put_talk(r, st, in->talk);
		} else if (*p == 'n') {
			put_talk(r, &nested, in->talk);
		} else if (*p == 's') {
			put_message(r, st, &dialects[in->talk], SYSTEM, 900);
		} else if (*p == 'f') {
			puts_(fields[below(r, sizeof(fields) / sizeof(*fields))]);
		} else if (*p == 'x') {
			put_hex(r->s, 16);
		} else {
			char *end;

			put_string(r, st, (uint32_t)strtoul(p, &end, 10));
			p = end - 1;
		}
	}
	puts_(p);
}

/* One line in 20 repeats an earlier one.  Line 0 can't, and no line repeats a repetition. */
static bool
repeats(uint64_t i)
{
	return i > 0 && mix(SEED + 1, i) % 20 == 0;
}

static uint64_t
source_of(uint64_t i)
{
	uint64_t j;

	if (!repeats(i))
		return i;
	j = mix(SEED + 2, i) % i;
	while (repeats(j))
		j--;
	return j;
}

static enum shape
pick_shape(struct rng *r)
{
	uint32_t k = below(r, 100);
	unsigned s = 0;

	while (k >= weight[s])
		k -= weight[s++];
	return (enum shape)s;
}

static void
put_run(uint64_t line)
{
	uint64_t n = source_of(line);
	struct rng r = { mix(SEED + 3, n) };
	struct style st = { UTF8, PLAIN, CHINESE };
	/* 40 runs a minute from 2026-10-01 on, in no strict order, as clients send them. */
	uint64_t us = UINT64_C(1790812800) * 1000000 + n * 1500000 + below(&r, 90000000);
	uint64_t took = 200000 + below(&r, 20000000);
	uint32_t in = 50 + below(&r, 4000), out = 10 + below(&r, 1500);
	enum shape shape = pick_shape(&r);
	bool failed = percent(&r, 2);

	st.how = percent(&r, 12) ? ASCII : UTF8;
	st.tongue = percent(&r, 55) ? CHINESE : ENGLISH;

	LIT("{\"id\":\"");
	put_uuid(n);
	LIT("\",\"name\":\"LangGraph\",\"run_type\":\"");
	puts_(shape == S_PROGRAM ? "retriever" : shape == S_STATE ? "chain" : "llm");
	LIT("\",\"start_time\":\"");
	put_time(us / 1000000, true);
	LIT(".");
	put_digits(us % 1000000, 6);
	LIT("\",\"end_time\":\"");
	put_time((us + took) / 1000000, true);
	LIT(".");
	put_digits((us + took) % 1000000, 6);
	LIT("\",\"status\":\"");
	puts_(failed ? "error" : "success");
	LIT("\",\"error\":");
	if (failed)
		LIT("\"TimeoutError('upstream')\\n\\nTraceback (most recent call last):\\n  File \\\"/srv/app/graph.py\\\", line 88, in invoke\\n\"");
	else
		LIT("null");
	LIT(",\"extra\":{\"metadata\":{\"thread_id\":\"");
	put_uuid(UINT64_MAX - n / 5);
	LIT("\",\"ls_model_name\":\"m-large\",\"ls_provider\":\"openai\",\"ls_run_depth\":0,\"ls_temperature\":0.7,\"revision_id\":\"");
	put_hex(mix(SEED, n >> 12), 7);
	LIT("\",\"user_id\":");
	put_uint(UINT64_C(7100000000000000000) + below(&r, 5000));
	LIT(",\"langgraph_version\":\"1.0.5\",\"langgraph_plan\":\"developer\",\"langgraph_host\":\"self-hosted\"},"
	    "\"runtime\":{\"sdk\":\"langsmith-py\",\"sdk_version\":\"0.6.0\",\"library\":\"langchain-core\",\"library_version\":\"1.2.6\","
	    "\"platform\":\"Linux-6.1-x86_64\",\"runtime\":\"python\",\"runtime_version\":\"3.11.12\"}},\"inputs\":");
	put_inputs(&r, &st, shape);
	LIT(",\"outputs\":");
	if (failed) {
		LIT("null");
	} else {
		LIT("{\"generations\":[[{\"text\":");
		put_string(&r, &st, 1100);
		LIT(",\"generation_info\":{\"finish_reason\":\"stop\",\"logprobs\":null},\"type\":\"ChatGeneration\"}]],\"llm_output\":{\"token_usage\":{\"total_tokens\":");
		put_uint(in + out);
		LIT("}}}");
	}
	LIT(",\"events\":[{\"name\":\"start\",\"time\":\"");
	put_time(us / 1000000, true);
	LIT("+00:00\"}],\"tags\":[\"prod\"],\"trace_id\":\"");
	put_uuid(n);
	LIT("\",\"dotted_order\":\"");
	put_time(us / 1000000, false);
	put_digits(us % 1000000, 6);
	LIT("Z");
	put_uuid(n);
	LIT("\",\"parent_run_id\":null,\"parent_run_ids\":[],\"child_run_ids\":null,\"direct_child_run_ids\":null,"
	    "\"session_id\":\"5e1f0c52-3a0b-4a52-9d7e-6f2c1b8a9d01\",\"app_path\":\"/o/0b9c7a36-7d1e-4c36-8f52-2f1f6f7f5c02/projects/p/"
	    "5e1f0c52-3a0b-4a52-9d7e-6f2c1b8a9d01/r/");
	put_uuid(n);
	LIT("\",\"total_tokens\":");
	put_uint(in + out);
	LIT(",\"prompt_tokens\":");
	put_uint(in);
	LIT(",\"completion_tokens\":");
	put_uint(out);
	LIT(",\"prompt_token_details\":{\"cache_read\":0},\"completion_token_details\":{\"reasoning\":0},\"total_cost\":0.");
	put_digits(in * 2 + out * 8, 7);
	LIT(",\"prompt_cost\":0.");
	put_digits(in * 2, 7);
	LIT(",\"completion_cost\":0.");
	put_digits(out * 8, 7);
	LIT(",\"first_token_time\":null,\"feedback_stats\":null,\"reference_example_id\":null,\"reference_dataset_id\":null,"
	    "\"in_dataset\":false,\"inputs_s3_urls\":null,\"outputs_s3_urls\":null,\"s3_urls\":null,\"share_token\":null,"
	    "\"trace_tier\":\"shortlived\",\"ttl_seconds\":1209600,\"trace_upgrade\":false}\n");
}

/* ---- operation logs ---- */

static void
put_log(uint64_t n)
{
	static const char *const departments[] = {"資訊部", "人事部", "業務一部", "研发中心", "財務部", "法务部", "Marketing", "客服中心"};
	static const char *const surnames[] = {"王", "李", "張", "陳", "林", "黃", "赵", "周", "吳", "刘"};
	static const char *const given[] = {"小明", "雅婷", "志強", "淑芬", "建国", "思远", "美玲", "俊杰", "子涵", "宗翰"};
	static const char *const actions[] = {"文件上傳", "對話查詢", "模型呼叫", "資料匯出", "登入", "權限變更"};
	static const char *const models[] = {"m-large", "m-small", "text-embed-3", "大模型-v2"};
	struct rng r = { mix(SEED + 4, n) };
	struct style st = { UTF8, PLAIN, percent(&r, 90) ? CHINESE : ENGLISH };
	uint32_t who = below(&r, 400);
	/* 30 entries a minute from 2026-10-01 on. */
	uint64_t ms = UINT64_C(1790812800000) + n * 2000 + below(&r, 2000);

	LIT("{\"timestamp\":\"");
	put_time(ms / 1000, true);
	LIT(".");
	put_digits(ms % 1000, 3);
	LIT("Z\",\"domain_name\":\"ai.example.com\",\"user_department\":\"");
	puts_(departments[who % 8]);
	LIT("\",\"user_name\":\"");
	puts_(surnames[who % 10]);
	puts_(given[who / 10 % 10]);
	LIT("\",\"source_ip\":\"10.");
	put_uint(who % 8);
	LIT(".");
	put_uint(who / 8);
	LIT(".");
	put_uint(1 + who % 250);
	LIT("\",\"session_id\":\"");
	put_uuid(n / 7);
	LIT("\",\"action_type\":\"");
	puts_(actions[below(&r, 6)]);
	LIT("\",\"developer\":\"");
	puts_(surnames[who % 7]);
	puts_(given[who % 3]);
	LIT("\",\"action_details\":\"");
	put_text(&r, &st, 80 + below(&r, 380));
	LIT("\",\"model\":\"");
	puts_(models[below(&r, 4)]);
	LIT("\"}\n");
}

/* ---- interactions ---- */

/* Phrase by phrase, with names and numbers: gzip makes a sixth of it. */
static void
put_prose(struct rng *r, enum tongue tongue, size_t n)
{
	char spelled[256];

	LIT("\"");
	for (size_t done = 0; done < n; ) {
		const char *s = tongue == CHINESE ? chinese[below(r, sizeof(chinese) / sizeof(*chinese))] :
		    english[below(r, sizeof(english) / sizeof(*english))];

		put(spelled, (size_t)(spell(spelled, s, strlen(s), UTF8) - spelled));
		done += strlen(s);
		if (percent(r, 20)) {
			put_hex(splitmix64(&r->s), 2 + below(r, 6));
			LIT(" ");
		}
	}
	LIT("\"");
}

static void
put_interaction(uint64_t n)
{
	static const char *const roles[] = {"产品专员", "总结助手", "reviewer", "客服中心"};
	static const char *const tasks[] = {"ask_question", "answer", "summarise", "review"};
	struct rng r = { mix(SEED + 5, n) };
	enum tongue tongue = percent(&r, 70) ? CHINESE : ENGLISH;
	bool failed = percent(&r, 2);
	uint32_t role = below(&r, 4);
	/* One every 20 seconds from 2026-10-01 on. */
	uint64_t us = UINT64_C(1790812800000000) + n * 20000000 + below(&r, 20000000);

	LIT("{\"id\":\"");
	put_uuid(n);
	LIT("\",\"timestamp\":\"");
	put_time(us / 1000000, true);
	LIT(".");
	put_digits(us % 1000000, 6);
	LIT("\",\"session_id\":");
	put_uint(1 + n / 400 * 8 + below(&r, 8));
	LIT(",\"message_id\":");
	put_uint(n + 1);
	LIT(",\"role_name\":\"");
	puts_(roles[role]);
	LIT("\",\"step_id\":");
	put_uint(1 + n % 5);
	LIT(",\"round_index\":");
	put_uint(1 + n / 5 % 3);
	LIT(",\"provider\":\"openai\",\"model\":\"m-large\",\"prompt\":");
	put_prose(&r, tongue, text_bytes(&r, 1100));
	LIT(",\"response\":");
	if (failed)
		LIT("\"\",\"success\":false,\"error_message\":\"TimeoutError('upstream')\"");
	else {
		put_prose(&r, tongue, text_bytes(&r, 700));
		LIT(",\"success\":true,\"error_message\":null");
	}
	LIT(",\"performance_metrics\":{\"response_time_ms\":");
	put_uint(300 + below(&r, 30000));
	LIT(",\"prompt_length\":");
	put_uint(100 + below(&r, 4000));
	LIT(",\"response_length\":");
	put_uint(below(&r, 4000));
	LIT(",\"history_messages_count\":");
	put_uint(below(&r, 12));
	LIT("},\"metadata\":{\"stage\":\"completed\",\"task_type\":\"");
	puts_(tasks[role]);
	LIT("\",\"session_topic\":\"选择一款产品\",\"api_response_time\":null,\"model_used\":\"m-large\",\"finalized\":true}}\n");
}

/* ---- */

static void
usage(const char *why)
{
	fprintf(stderr, "gen: %s\nusage: gen runs|logs|records SIZE[K|M|G]\n", why);
	exit(2);
}

static uint64_t
parse_size(const char *s)
{
	char *end;
	unsigned shift = 0;
	unsigned long long v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end != '\0') {
		const char *units = "KMG", *u = strchr(units, *end);

		if (u == NULL || end[1] != '\0')
			usage("SIZE is a number, or a number with K, M or G");
		shift = 10 * (unsigned)(u - units + 1);
	}
	if (*s < '0' || *s > '9' || errno != 0 || v > UINT64_MAX >> shift)
		usage("SIZE is out of range");
	return (uint64_t)v << shift;
}

int
main(int argc, char *argv[])
{
	void (*put_line)(uint64_t) = NULL;
	uint64_t size, done = 0;
	size_t before;

	if (argc != 3)
		usage("two arguments are needed");
	if (strcmp(argv[1], "runs") == 0)
		put_line = put_run;
	else if (strcmp(argv[1], "logs") == 0)
		put_line = put_log;
	else if (strcmp(argv[1], "records") == 0)
		put_line = put_interaction;
	else
		usage("the first argument is runs, logs or records");
	size = parse_size(argv[2]);

	make_pools();
	for (uint64_t n = 0; done < size; n++) {
		before = outlen;
		put_line(n);
		done += outlen - before;
		if (outlen >= FLUSH_AT)
			flush();
	}
	flush();
	return 0;
}
