/*
 * value.h - JSON values into what a Bitable field takes.
 *
 * https://open.feishu.cn/document/server-docs/docs/bitable-v1/app-table-record/bitable-record-data-structure-overview
 */
#ifndef FEISHU_VALUE_H
#define FEISHU_VALUE_H

#include <stdint.h>

#include "base/buf.h"
#include "json/scan.h"

enum field_type {
	FIELD_TEXT = 1, FIELD_NUMBER = 2, FIELD_SELECT = 3, FIELD_MULTI_SELECT = 4, FIELD_DATE = 5, FIELD_CHECKBOX = 7,
	FIELD_USER = 11, FIELD_PHONE = 13, FIELD_URL = 15, FIELD_ATTACHMENT = 17, FIELD_LINK = 18, FIELD_LOOKUP = 19,
	FIELD_FORMULA = 20, FIELD_DUPLEX_LINK = 21, FIELD_LOCATION = 22, FIELD_GROUP = 23, FIELD_CREATED_TIME = 1001,
	FIELD_MODIFIED_TIME = 1002, FIELD_CREATED_USER = 1003, FIELD_MODIFIED_USER = 1004, FIELD_AUTO_NUMBER = 1005,
	FIELD_BUTTON = 3001,
};

/* The number that a value is, or that a string spells as JSON does. */
bool	value_number(struct span value, struct span *text);

/* Can the service not be told a value for fields of this type? */
bool	field_read_only(int type);

/*
 * Append the value as a field of this type takes it.  max_text: code points that a
 * text may have (0: any number); a longer one is cut, ends in an ellipsis, and is counted in *cut.
 * Returns NULL, or why the value does not fit (static text); out is then as it was.
 */
const char *value_put(int type, struct span value, int64_t max_text, uint64_t *cut, struct buf *out);

/* The type of field that suits a value best; 0: null tells nothing. */
int	value_guess_type(struct span value);

/*
 * Append, decoded, the text of a cell as a search gives it: a string, a list
 * of segments, a number.
 */
void	value_cell_text(struct span cell, struct buf *out);

#endif
