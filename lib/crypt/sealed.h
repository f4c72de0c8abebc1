/*
 * sealed.h - values under AES-256-GCM, as text; and the AES-CBC form of botrun-log, for reading.
 *
 * The form: v1:ID:BASE64, where ID names the key (key.h) and BASE64 spells a random nonce of 12 bytes, the
 * ciphertext and the tag of 16 bytes.  The additional data are, each behind its length
 * as 8 bytes, most significant first: "v1", ID, the field's name, and whatever the caller binds the value to.
 *
 * The older form: BASE64 of an IV of 16 bytes and AES-CBC of the text, padded by PKCS #7.  It has
 * no tag: a change shows only by chance.
 */
#ifndef CRYPT_SEALED_H
#define CRYPT_SEALED_H

#include <stdbool.h>

#include "base/buf.h"
#include "crypt/gcm.h"
#include "crypt/key.h"
#include "json/scan.h"

/* For one thread at a time; zeroed is an empty one. */
struct sealer {
	struct gcm gcm;
	struct buf data, bytes;
};

/* A value's parts; borrowed from its text. */
struct sealed {
	char	 id[KEY_ID_SIZE];
	struct span body;
};

/* Append one part of the additional data. */
void	sealed_bind(struct span part, struct buf *out);

/* Append the sealed form of plain; bound holds parts made by sealed_bind.  False: libcrypto failed; out is as it was. */
bool	sealed_put(struct sealer *s, const struct aes_key *key, struct span field, struct span bound, struct span plain,
	    struct buf *out);

/* Has text the form's beginning, "v1:"? */
bool	sealed_begins(struct span text);
/* Has it the whole form? */
bool	sealed_parse(struct span text, struct sealed *v);

/* Append what was sealed, once its tag has been checked.  False: not this key, other data, or changed; out is as it was. */
bool	sealed_open(struct sealer *s, const struct aes_key *key, struct span field, struct span bound, const struct sealed *v,
	    struct buf *out);

/* The older form: could this be it?  Append its text (UTF-8).  False: wrong padding or no text; out is as it was. */
bool	sealed_old_form(struct span text);
bool	sealed_old_open(struct sealer *s, const struct aes_key *key, struct span text, struct buf *out);

void	sealer_free(struct sealer *s);		/* wipes it */

#endif
