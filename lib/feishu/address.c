#include "feishu/address.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool
token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static size_t
token_length(const char *p)
{
	size_t n = 0;

	while (token_char(p[n]))
		n++;
	return n;
}

static void
take_query(struct address *a, const char *p)
{
	while (p != NULL && *p != '\0' && *p != '#') {
		static const char names[3][7] = { "table=", "view=", "sheet=" };
		char **const to[3] = { &a->table, &a->view, &a->sheet };

		for (size_t i = 0; i < 3; i++) {
			size_t n = strlen(names[i]);

			if (strncmp(p, names[i], n) != 0)
				continue;
			free(*to[i]);
			*to[i] = token_length(p + n) == 0 ? NULL : mem_dup(p + n, token_length(p + n));
		}
		p += strcspn(p, "&#");
		p += *p == '&';
	}
}

bool
address_parse(struct address *a, const char *text)
{
	static const struct { const char *word; enum address_kind kind; } words[] = {
		{ "/base/", ADDRESS_BASE }, { "/wiki/", ADDRESS_WIKI }, { "/sheets/", ADDRESS_SHEETS },
	};
	size_t n = token_length(text);

	*a = (struct address){ .kind = ADDRESS_TOKEN };
	if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0) {
		if (n == 0 || text[n] != '\0')
			return false;
		a->token = mem_dup(text, n);
		return true;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const char *p = strstr(text, words[i].word), *query = strpbrk(text, "?#");

		if (p == NULL || (query != NULL && query < p))
			continue;
		p += strlen(words[i].word);
		if ((n = token_length(p)) == 0)
			return false;
		a->kind = words[i].kind;
		a->token = mem_dup(p, n);
		if (query != NULL && *query == '?')
			take_query(a, query + 1);
		return true;
	}
	return false;
}

void
address_free(struct address *a)
{
	free(a->token);
	free(a->table);
	free(a->view);
	free(a->sheet);
	*a = (struct address){ 0 };
}
