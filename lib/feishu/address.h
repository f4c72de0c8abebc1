/*
 * address.h - what a Feishu address, as copied from the browser, points at.
 *
 *   https://TENANT/base/APP?table=tbl...&view=vew...
 *   https://TENANT/wiki/NODE?table=tbl...        the node is to be resolved
 *   https://TENANT/sheets/TOKEN?sheet=...
 *   a bare token
 *
 * The path's word decides, not the host: companies have their own domains.
 */
#ifndef FEISHU_ADDRESS_H
#define FEISHU_ADDRESS_H

#include <stdbool.h>

enum address_kind { ADDRESS_TOKEN, ADDRESS_BASE, ADDRESS_WIKI, ADDRESS_SHEETS };

struct address {
	enum address_kind kind;
	char	*token;			/* owned, as all; never NULL */
	char	*table, *view, *sheet;	/* NULL: not named */
};

/* False: neither such an address nor a token.  Then nothing is to be freed. */
bool	address_parse(struct address *a, const char *text);
void	address_free(struct address *a);

#endif
