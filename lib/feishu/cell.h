/*
 * cell.h - a cell of a Bitable, as records/search gives it, into a plain JSON value.
 *
 * What comes out for a field that can be written is what value_put (value.h) takes back.
 *
 *   text              a string: the segments' texts joined
 *   number            the number as it is spelled
 *   select            the option's name; multiple select: a list of names
 *   date              RFC 3339, UTC, milliseconds
 *   checkbox          true, false; a cell that is absent is false
 *   phone             a string
 *   link              the address, or {"text","link"} where they differ
 *   person, group     a list of {"id","name"}; of people also "email" where there is one
 *   attachment        a list of {"file_token","name","size","type"}
 *   record link       a list of record ids
 *   location          {"location":"LNG,LAT","name","full_address"}
 *   formula           by the type of its result, a list where there are several
 *   lookup            a list, by the type of its results
 *   any other         as it came
 *
 * An empty cell is null.  A value that does not have the form of its type becomes its text, or stays as it came.
 *
 * https://open.feishu.cn/document/server-docs/docs/bitable-v1/app-table-record/bitable-record-data-structure-overview
 */
#ifndef FEISHU_CELL_H
#define FEISHU_CELL_H

#include "base/buf.h"
#include "json/scan.h"

/* Append the value of a cell (len 0: absent) of a field of this type (enum field_type). */
void	cell_put(int type, struct span cell, struct buf *out);

#endif
