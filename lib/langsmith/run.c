#include "langsmith/run.h"

#include <string.h>
#include <strings.h>

#include "base/when.h"

static struct span
member(const struct scan *s, const char *name)
{
	const struct member *m = scan_find(s, name, strlen(name));

	return m == NULL || json_is_null(m->val) ? (struct span){ NULL, 0 } : m->val;
}

struct span
run_address(struct span s3_urls)
{
	struct span root, url;

	if (s3_urls.len > 0 && JSON_MEMBER(s3_urls, "ROOT", &root) && JSON_MEMBER(root, "presigned_url", &url) && json_is_string(url))
		return json_inside(url);
	return (struct span){ NULL, 0 };
}

static struct span
apart(const struct scan *s, const char *field, const char *urls)
{
	return member(s, field).len > 0 ? (struct span){ NULL, 0 } : run_address(member(s, urls));
}

static bool
spells(struct span raw, const char *word)
{
	return raw.len == strlen(word) && strncasecmp(raw.p, word, raw.len) == 0;
}

bool
run_read(struct run *run, const struct scan *s)
{
	struct span id = member(s, "id"), start = member(s, "start_time"), status = member(s, "status");

	run->start = RUN_NO_TIME;
	if (!json_is_string(id) || id.len == 2)
		return false;
	run->id = json_inside(id);
	if (json_is_string(start) && !when_parse(start.p + 1, start.len - 2, &run->start, NULL))
		run->start = RUN_NO_TIME;
	if (json_is_string(status)) {
		status = json_inside(status);
		run->ended = !spells(status, "pending") && !spells(status, "running");
	} else {
		run->ended = member(s, "end_time").len > 0;
	}
	run->inputs_at = apart(s, "inputs", "inputs_s3_urls");
	run->outputs_at = apart(s, "outputs", "outputs_s3_urls");
	return true;
}
