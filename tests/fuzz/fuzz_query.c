/* fuzz_query - parameters of a query: none is missed, what is encoded comes back, and nothing grows */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* "k=" and the bytes, each as %XX, behind a parameter of another name. */
static void
check_round_trip(const char *p, size_t len)
{
	struct buf q = { 0 }, v = { 0 };

	buf_adds(&q, "kk=1&&=&k=");
	for (size_t i = 0; i < len; i++)
		buf_addf(&q, i % 2 ? "%%%02x" : "%%%02X", (unsigned char)p[i]);
	buf_adds(&q, "&k=2");
	check(query_param(buf_str(&q), "k", &v));
	check(v.len == len && (len == 0 || memcmp(v.p, p, len) == 0));
	buf_free(&q);
	buf_free(&v);
}

/* Each name that stands in it is found, with the value of its first place. */
static void
check_all(const char *query)
{
	struct buf name = { 0 }, value = { 0 }, first = { 0 };
	size_t len;

	for (const char *p = query; *p != '\0'; p += len + (p[len] == '&')) {
		size_t key;

		len = strcspn(p, "&");
		key = strcspn(p, "&=");
		buf_clear(&name);
		query_decode(p, key, true, &name);
		check(name.len <= key);
		if (len == 0 || (name.len != 0 && memchr(name.p, '\0', name.len) != NULL))
			continue;
		check(query_param(query, buf_str(&name), &value));
		check(value.len <= strlen(query));
		if (p == query) {
			query_decode(p + key + (key < len), len - key - (key < len), true, &first);
			check(first.len == value.len && (first.len == 0 || memcmp(first.p, value.p, first.len) == 0));
		}
	}
	check(!query_param(query, "a name that & cannot be there", &value) || strchr(query, '%') != NULL);
	buf_free(&name);
	buf_free(&value);
	buf_free(&first);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf query = { 0 };

	check_round_trip((const char *)data, size);
	buf_add(&query, data, size);
	check_all(buf_str(&query));
	buf_free(&query);
	return 0;
}
