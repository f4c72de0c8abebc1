/*
 * pg_value.h - values of PostgreSQL between its text form and JSON.
 *
 * In the text form of a session with TimeZone UTC, DateStyle ISO and bytea_output hex.
 */
#ifndef STORE_PG_VALUE_H
#define STORE_PG_VALUE_H

#include "store/db.h"

/*
 * Append the value, whose type has this oid, as JSON: numbers with their digits (NaN and the infinities are strings),
 * json and arrays embedded, timestamps in RFC 3339, bytea in base64, everything else as a string of its text; so, too, what
 * should be a number, json or an array, but would be no JSON.
 */
void	pg_put_json(unsigned oid, const char *p, size_t len, struct buf *out);

/* How values for a column of this type (category: pg_type.typcategory) are converted. */
enum db_kind pg_kind(unsigned oid, char category);

/* Append a field of COPY's text format, and what stands behind it. */
void	pg_put_copy(const struct db_cell *c, const char *text, char behind, struct buf *out);

#endif
