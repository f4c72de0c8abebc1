#include "feishu/wiki.h"

#include <stdlib.h>

#include "json/str.h"

enum feishu_result
wiki_resolve(struct feishu *f, const char *node, struct wiki_node *n, struct feishu_reply *r)
{
	struct buf path = { 0 };
	struct span data, type, token;
	enum feishu_result result;

	buf_adds(&path, "/open-apis/wiki/v2/spaces/get_node?token=");
	http_escape(&path, node);
	result = feishu_call(f, "GET", buf_str(&path), NULL, FEISHU_READS, r);
	buf_free(&path);
	if (result != FEISHU_OK)
		return result;
	if (!JSON_MEMBER(r->data, "node", &data) || !JSON_MEMBER(data, "obj_type", &type) || !json_is_string(type) ||
	    !JSON_MEMBER(data, "obj_token", &token) || !json_is_string(token)) {
		buf_clear(&r->error);
		buf_adds(&r->error, "Feishu's answer holds no node");
		return FEISHU_GAVE_UP;
	}
	n->type = json_text(type);
	n->token = json_text(token);
	return FEISHU_OK;
}

void
wiki_node_free(struct wiki_node *n)
{
	free(n->type);
	free(n->token);
	*n = (struct wiki_node){ 0 };
}
