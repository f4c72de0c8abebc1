/*
 * wiki.h - the document behind a wiki page.
 *
 * https://open.feishu.cn/document/server-docs/docs/wiki-v2/space-node/get_node
 */
#ifndef FEISHU_WIKI_H
#define FEISHU_WIKI_H

#include "feishu/client.h"

struct wiki_node {
	char	*type;		/* "bitable", "sheet", "docx", ...; owned, as token */
	char	*token;		/* of the document */
};

/* Ask what the node is.  Only with FEISHU_OK *n is filled (wiki_node_free); otherwise r->error tells why. */
enum feishu_result wiki_resolve(struct feishu *f, const char *node, struct wiki_node *n, struct feishu_reply *r);
void	wiki_node_free(struct wiki_node *n);

#endif
