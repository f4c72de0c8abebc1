/*
 * kms.h - data keys wrapped by Google Cloud KMS (REST, v1).
 *
 * Both ways the checksums of what is sent and of what comes back are compared (CRC32C); a wrong one is asked for again, at most
 * three times.  KMS_ENDPOINT is the root of the API; the credentials are those of auth.h.
 *
 * https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys
 */
#ifndef GOOGLE_KMS_H
#define GOOGLE_KMS_H

#include <stdbool.h>

#include "base/buf.h"
#include "json/scan.h"
#include "net/http.h"

struct kms;

/* Is this the name of a key: projects/P/locations/L/keyRings/R/cryptoKeys/K? */
bool	 kms_is_name(const char *name);

/* Returns new (kms_free), or NULL with a message appended to error. */
struct kms *kms_new(const struct http_policy *policy, struct buf *error);
void	 kms_free(struct kms *k);

/*
 * Append the bytes of plain as the named key encrypts them, or the other way round; data is what must be
 * the same both times.  At most 64 KiB each.  False: a message, with the service's words, was appended to error.
 */
bool	 kms_encrypt(struct kms *k, const char *name, struct span plain, struct span data, struct buf *out, struct buf *error);
bool	 kms_decrypt(struct kms *k, const char *name, struct span cipher, struct span data, struct buf *out, struct buf *error);

#endif
