/* test_stream - a streamed answer put together, wherever the network cuts it */

#include "unit.h"

#include "openai/stream.h"

#define MAX (1 << 20)

/* A chunk with one choice. */
#define CHUNK(delta, finish) "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":" \
	delta ",\"finish_reason\":" finish "}]}\n\n"
#define WHOLE(message, finish) "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":" message \
	",\"finish_reason\":" finish "}]}"
#define DONE "data: [DONE]\n\n"
#define CUT "the stream was cut"

static const struct {
	const char *name, *in, *out;
	const char *error;	/* NULL: none */
} cases[] = {
	{ "text", CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null") CHUNK("{\"content\":\"a \\\"b\"}", "null")
	    CHUNK("{\"content\":\"\\u00e9\xe5\x8f\xb0\"}", "null") CHUNK("{}", "\"stop\"") DONE,
	  WHOLE("{\"role\":\"assistant\",\"content\":\"a \\\"b\\u00e9\xe5\x8f\xb0\"}", "\"stop\""), NULL },
	{ "the halves of a surrogate pair", CHUNK("{\"content\":\"\\ud83d\"}", "null") CHUNK("{\"content\":\"\\ude00\"}", "\"stop\"") DONE,
	  WHOLE("{\"content\":\"\\ud83d\\ude00\"}", "\"stop\""), NULL },
	{ "null takes nothing away", CHUNK("{\"role\":\"assistant\",\"content\":\"x\"}", "\"stop\"") CHUNK("{\"role\":null,\"content\":null}", "null") DONE,
	  WHOLE("{\"role\":\"assistant\",\"content\":\"x\"}", "\"stop\""), NULL },
	{ "role in every chunk", CHUNK("{\"role\":\"assistant\",\"content\":\"x\"}", "null") CHUNK("{\"role\":\"assistant\",\"content\":\"y\"}", "\"stop\"") DONE,
	  WHOLE("{\"role\":\"assistant\",\"content\":\"xy\"}", "\"stop\""), NULL },
	{ "reasoning and refusal", CHUNK("{\"reasoning_content\":\"be\",\"refusal\":\"n\"}", "null")
	    CHUNK("{\"reasoning_content\":\"cause\",\"refusal\":\"o\"}", "\"stop\"") DONE,
	  WHOLE("{\"reasoning_content\":\"because\",\"refusal\":\"no\"}", "\"stop\""), NULL },
	{ "two tool calls", CHUNK("{\"content\":null,\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}", "null")
	    CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}}]}", "null")
	    CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}},{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]}", "null")
	    CHUNK("{}", "\"tool_calls\"") DONE,
	  WHOLE("{\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
	    "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]}", "\"tool_calls\""), NULL },
	{ "tool calls without an index are whole", CHUNK("{\"tool_calls\":[{\"id\":\"a\"}]}", "null") CHUNK("{\"tool_calls\":[{\"id\":\"b\"}]}", "\"stop\"") DONE,
	  WHOLE("{\"tool_calls\":[{\"id\":\"a\"},{\"id\":\"b\"}]}", "\"stop\""), NULL },
	{ "log probabilities are appended, numbers stay as written",
	  "data: {\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":{\"content\":[{\"logprob\":-1e400}]}}]}\n\n"
	  "data: {\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":{\"content\":[{\"logprob\":1.0}]},\"finish_reason\":\"stop\"}]}\n\n" DONE,
	  "{\"choices\":[{\"index\":0,\"message\":{},\"logprobs\":{\"content\":[{\"logprob\":-1e400},{\"logprob\":1.0}]},\"finish_reason\":\"stop\"}]}", NULL },
	{ "usage at the end, without choices", CHUNK("{\"content\":\"x\"}", "\"stop\"") "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"total_tokens\":123456789012345678901}}\n\n" DONE,
	  "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
	  "\"usage\":{\"total_tokens\":123456789012345678901}}", NULL },
	{ "usage in every chunk: the last; choices null or missing", "data: {\"usage\":{\"n\":1},\"choices\":null}\n\ndata: {\"usage\":{\"n\":2}}\n\ndata: {\"usage\":null}\n\n" DONE,
	  "{\"choices\":[],\"usage\":{\"n\":2}}", NULL },
	{ "choices, the second first", "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n"
	  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n",
	  "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"},{\"index\":1,\"message\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}", NULL },
	{ "Azure's first chunk, obfuscation, other members", "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[1],\"obfuscation\":\"x\"}\n\n"
	  "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}],\"obfuscation\":\"yz\"}\n\n",
	  "{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}],\"prompt_filter_results\":[1]}", NULL },
	{ "a reason that is empty is none", CHUNK("{\"content\":\"x\"}", "\"\"") CHUNK("{\"content\":\"y\"}", "\"\""),
	  WHOLE("{\"content\":\"xy\"}", "\"\""), CUT },
	{ "... until there is one", CHUNK("{\"content\":\"x\"}", "\"\"") CHUNK("{\"content\":\"y\"}", "\"stop\""),
	  WHOLE("{\"content\":\"xy\"}", "\"stop\""), NULL },
	{ "... and then it stays", CHUNK("{\"content\":\"x\"}", "\"stop\"") CHUNK("{}", "\"\""),
	  WHOLE("{\"content\":\"x\"}", "\"stop\""), NULL },
	{ "the older completions", "data: {\"object\":\"text_completion\",\"choices\":[{\"text\":\"a\",\"index\":0}]}\n\ndata: {\"choices\":[{\"text\":\"b\",\"index\":0,\"finish_reason\":\"length\"}]}\n\n",
	  "{\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"ab\",\"finish_reason\":\"length\"}]}", NULL },
	{ "a comment, CRLF, CR, no blank, more lines of data, other fields",
	  ": hi\r\n\r\nid: 1\r\nretry: 5\rdata:{\"choices\":\r\ndata:[{\"index\":0,\"delta\":{\"content\":\"a\"},\rdata: \"finish_reason\":\"stop\"}]}\r\r" DONE,
	  "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}", NULL },
	{ "a byte order mark, no blank line at the end", "\xef\xbb\xbf" "data: {\"choices\":[]}\n\ndata: [DONE]", "{\"choices\":[]}", NULL },
	{ "[DONE] and no finish_reason is fine", CHUNK("{\"content\":\"x\"}", "null") DONE, WHOLE("{\"content\":\"x\"}", "null"), NULL },
	{ "finish_reason and no [DONE], too", CHUNK("{\"content\":\"x\"}", "\"stop\""), WHOLE("{\"content\":\"x\"}", "\"stop\""), NULL },
	{ "neither is not", CHUNK("{\"content\":\"x\"}", "null"), WHOLE("{\"content\":\"x\"}", "null"), CUT },
	{ "cut in an event", CHUNK("{\"content\":\"x\"}", "null") "data: {\"choi", WHOLE("{\"content\":\"x\"}", "null"), CUT },
	{ "one of two choices is not finished", CHUNK("{}", "\"stop\"") "data: {\"choices\":[{\"index\":1,\"delta\":{}}]}\n\n",
	  "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{},\"finish_reason\":\"stop\"},{\"index\":1,\"message\":{}}]}", CUT },
	{ "an error in the stream", CHUNK("{\"content\":\"x\"}", "null") "data: {\"error\":{\"message\":\"no \\\"luck\\\"\",\"code\":1}}\n\n" CHUNK("{\"content\":\"y\"}", "null"),
	  "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},\"finish_reason\":null}],"
	  "\"error\":{\"message\":\"no \\\"luck\\\"\",\"code\":1}}", "the service sent an error: no \"luck\"" },
	{ "an error at once", "event: error\ndata: {\"detail\":\"overloaded\"}\n\n", "{\"error\":{\"detail\":\"overloaded\"}}", "the service sent an error: overloaded" },
	{ "an event that is no JSON", CHUNK("{\"content\":\"x\"}", "\"stop\"") "data: {\"a\":}\n\n" DONE, WHOLE("{\"content\":\"x\"}", "\"stop\""), "an event is no JSON object" },
	{ "an event that is not UTF-8", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xff\"}}]}\n\n" DONE, "{}", "an event is no JSON object" },
	{ "an empty stream", ": nothing\n\n", "{}", "the stream is empty" },
	{ "a JSON answer", " {\n \"a\" : 1e400 }\n", " {\n \"a\" : 1e400 }\n", NULL },
	{ "a field alone", "data", "{}", "the stream is empty" },
	{ "text that begins as a field does", "error: no", "\"error: no\"", "the answer is not JSON" },
	{ "HTML", "<html>\"\n", "\"<html>\\\"\\n\"", "the answer is not JSON" },
	{ "JSON that is cut", "{\"a\":", "\"{\\\"a\\\":\"", "the answer is not JSON" },
	{ "not UTF-8", "\xff", "\"\xef\xbf\xbd\"", "the answer is not JSON" },
	{ "nothing", "", "", "the answer is empty" },
	{ "a response", "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"output\":[]}}\n\n"
	  "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"output\":[ 1.0 ]}}\n\n", "{\"id\":\"r1\",\"output\":[ 1.0 ]}", NULL },
	{ "an incomplete one", "data: {\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\"}}\n\n", "{\"status\":\"incomplete\"}", NULL },
	{ "a failed one", "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\",\"message\":\"why\"}}}\n\n",
	  "{\"error\":{\"code\":\"x\",\"message\":\"why\"}}", "the service sent an error: why" },
	{ "a response that is cut", "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"output\":[],\"error\":null}}\n\n"
	  "data: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"reasoning\"}}\n\n"
	  "data: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"message\",\"content\":[]}}\n\n"
	  "data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"He\"}\n\n"
	  "data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"llo\"}\n\n"
	  "data: {\"type\":\"response.output_item.added\",\"output_index\":2,\"item\":{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}}\n\n"
	  "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":2,\"delta\":\"{\"}\n\n",
	  "{\"id\":\"r1\",\"output\":[{\"type\":\"reasoning\"},{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]},"
	  "{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{\"}]}", CUT },
	{ "a message", "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":5,\"output_tokens\":1,\"tier\":\"a\"}}}\n\n"
	  "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\ndata: {\"type\":\"ping\"}\n\n"
	  "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"He\"}}\n\n"
	  "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"llo\"}}\n\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
	  "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}\n\n"
	  "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n"
	  "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}}\n\n"
	  "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":9,\"tier\":\"a\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
	  "{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"},{\"input\":{\"a\":1},\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\"}],"
	  "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":5,\"output_tokens\":9,\"tier\":\"a\"}}", NULL },
	{ "a message that is cut", "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\"}}\n\n", "{\"id\":\"m1\"}", CUT },
};

/* Feed in pieces of so many bytes (0: all at once), each a block of its own, so that a sanitizer sees a read beyond. */
static void
check(size_t i, size_t step)
{
	const char *in = cases[i].in;
	size_t len = strlen(in), n;
	struct chat_stream *s = chat_stream_new(MAX);
	struct buf out = { 0 };
	const char *error;

	for (size_t from = 0; from < len; from += n) {
		char *copy;

		n = step == 0 || step > len - from ? len - from : step;
		copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, in + from, n);
		chat_stream_add(s, copy, n);
		free(copy);
	}
	error = chat_stream_end(s, &out);
	if (out.len != strlen(cases[i].out) || (out.len != 0 && memcmp(out.p, cases[i].out, out.len) != 0))
		fail_msg("%s, by %zu bytes: got '%s', not '%s'", cases[i].name, step, buf_str(&out), cases[i].out);
	if ((error == NULL) != (cases[i].error == NULL) || (error != NULL && strcmp(error, cases[i].error) != 0))
		fail_msg("%s, by %zu bytes: error '%s', not '%s'", cases[i].name, step, error ? error : "", cases[i].error ? cases[i].error : "");
	chat_stream_free(s);
	buf_free(&out);
}

static void
test_cases(void **state)
{
	static const size_t steps[] = { 0, 1, 2, 3, 7, 50 };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++)
		for (size_t k = 0; k < N_OF(steps); k++)
			check(i, steps[k]);
}

/* Feed text n times, between before and after; what comes out and why it is wrong. */
static const char *
repeat(struct chat_stream *s, const char *text, size_t n, const char *after, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		chat_stream_add(s, text, strlen(text));
	chat_stream_add(s, after, strlen(after));
	return chat_stream_end(s, out);
}

static void
check_is_json(struct buf *out)
{
	struct scan scan = { 0 };

	buf_pad(out);
	assert_non_null(scan_value(&scan, out->p));
	scan_free(&scan);
}

static void
test_bounds(void **state)
{
	static const char piece[] = CHUNK("{\"content\":\"0123456789\"}", "null");
	struct chat_stream *s = chat_stream_new(4096);
	struct buf out = { 0 };

	(void)state;
	assert_string_equal(repeat(s, piece, 1000, DONE, &out), "the answer cannot be kept: it is too large");
	check_is_json(&out);
	assert_true(out.len > 1000 && out.len < 8192);
	chat_stream_free(s);

	buf_clear(&out);
	s = chat_stream_new(4096);
	assert_string_equal(repeat(s, "data: 0123456789", 1000, "\n\n", &out), "an event is too large");
	chat_stream_free(s);

	buf_clear(&out);
	s = chat_stream_new(4096);
	assert_string_equal(repeat(s, "{\"a\":\"0123456789\",", 1000, "}", &out), "the answer is too large");
	check_is_json(&out);
	chat_stream_free(s);

	/* The same usage in each chunk takes no room. */
	buf_clear(&out);
	s = chat_stream_new(4096);
	assert_null(repeat(s, "data: {\"choices\":[],\"usage\":{\"total_tokens\":100}}\n\n", 1000, DONE, &out));
	chat_stream_free(s);
	buf_free(&out);
}

/* All items of a response together are bounded; the newest text of each is kept, not its pieces beside it. */
static void
test_items(void **state)
{
	static const char item[] = "event: x\ndata: {\"type\":\"response.output_item.%s\",\"output_index\":%d,\"item\":{\"text\":\"%01000d\"}}\n\n";
	struct chat_stream *s = chat_stream_new(4096);
	struct buf out = { 0 }, text = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		buf_clear(&text);
		buf_addf(&text, item, i % 2 ? "done" : "added", i, i);
		chat_stream_add(s, text.p, text.len);
	}
	assert_string_equal(chat_stream_end(s, &out), CUT);
	check_is_json(&out);
	assert_true(out.len > 3000 && out.len < 8192);
	chat_stream_free(s);

	buf_clear(&out);
	s = chat_stream_new(4096);
	for (int i = 0; i < 3; i++) {
		buf_clear(&text);
		buf_addf(&text, "data: {\"type\":\"response.output_text.delta\",\"output_index\":%d,\"delta\":\"%01000d\"}\n\n", i, i);
		buf_addf(&text, item, "added", i, i);
		buf_addf(&text, item, "done", i, i);
		chat_stream_add(s, text.p, text.len);
	}
	assert_string_equal(chat_stream_end(s, &out), CUT);
	check_is_json(&out);
	assert_true(out.len > 3000 && out.len < 4096);
	chat_stream_free(s);
	buf_free(&text);
	buf_free(&out);
}

/* Nothing but line ends is no stream; it is not looked at again and again. */
static void
test_empty_lines(void **state)
{
	struct chat_stream *s = chat_stream_new(MAX);
	struct buf out = { 0 };

	(void)state;
	assert_string_equal(repeat(s, "\n", MAX - 20, "{", &out), "the answer is not JSON");
	check_is_json(&out);
	chat_stream_free(s);
	buf_free(&out);
}

/* Very many members or indexes: refused, not slow. */
static void
test_parts(void **state)
{
	struct chat_stream *s = chat_stream_new(MAX);
	struct buf out = { 0 }, text = { 0 };

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_addf(&text, "data: {\"choices\":[{\"index\":0,\"delta\":{\"k%d\":\"\"}}]}\n\n", i);
	buf_addc(&text, '\0');
	assert_string_equal(repeat(s, text.p, 1, DONE, &out), "the answer cannot be kept: it has too many parts");
	check_is_json(&out);
	chat_stream_free(s);
	buf_free(&text);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_bounds), cmocka_unit_test(test_items),
	    cmocka_unit_test(test_empty_lines), cmocka_unit_test(test_parts) };

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
