/* run.c - what the steps share; see rotate.h */

#include <errno.h>
#include <string.h>

#include "base/msg.h"
#include "base/progress.h"
#include "base/std.h"
#include "json/str.h"
#include "rec-rotate/rotate.h"

static void
put_text(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	if (out->len > 1)
		buf_addc(out, ',');
	json_put_name(name, out);
	json_encode(text, strlen(text), out);
}

static void
put_number(struct buf *out, const char *name, int64_t n)
{
	buf_addc(out, ',');
	json_put_name(name, out);
	buf_addf(out, "%lld", (long long)n);
}

void
run_tell(const struct run *r, struct action a)
{
	struct buf out = { 0 };

	buf_addc(&out, '{');
	put_text(&out, "action", a.what);
	put_text(&out, "path", a.path);
	put_text(&out, "to", a.to);
	put_number(&out, "bytes", a.bytes);
	if (a.compressed_bytes != 0)
		put_number(&out, "compressed_bytes", a.compressed_bytes);
	put_text(&out, "day", a.day);
	if (a.age_days != 0)
		put_number(&out, "age_days", a.age_days);
	if (r->dry_run)
		buf_adds(&out, ",\"dry_run\":true");
	buf_adds(&out, "}\n");
	progress_clear();
	std_out(out.p, out.len);
	buf_free(&out);
}

void
run_failed(struct run *r, const char *path, const char *why)
{
	warn("%s/%s: %s", r->tree.path, path, why);
	r->status = worse(r->status, ST_FAILED);
}

void
run_list_archive(struct run *r, struct tree_parts *out)
{
	if (tree_list_forms(&r->tree, out) == -1)
		run_failed(r, TREE_ARCHIVE, strerror(errno));
}
