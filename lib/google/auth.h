/*
 * auth.h - access tokens for Google's services.
 *
 * The first of these that is there:
 *   GOOGLE_OAUTH_ACCESS_TOKEN	a ready token (or the file that GOOGLE_OAUTH_ACCESS_TOKEN_FILE names)
 *   GOOGLE_APPLICATION_CREDENTIALS, BOTRUN_LOG_CREDENTIALS_PATH
 *			a credential file: of a service account, of a user (gcloud), or of workload identity federation
 *			(external_account: the subject token from a file or an address, as GitHub Actions gives it)
 *   $CLOUDSDK_CONFIG/application_default_credentials.json, else in ~/.config/gcloud
 *   the metadata server of Google's machines (GCE_METADATA_HOST), unless NO_GCE_CHECK is true
 *
 * Tokens are renewed four minutes before they expire. No key, assertion or token stands in a message.
 *
 * https://google.aip.dev/auth, RFC 7523 (JWT), RFC 8693 (token exchange)
 */
#ifndef GOOGLE_AUTH_H
#define GOOGLE_AUTH_H

#include "base/buf.h"
#include "net/http.h"

#define GOOGLE_SCOPE_ALL "https://www.googleapis.com/auth/cloud-platform"

enum google_result {
	GOOGLE_OK,
	GOOGLE_REFUSED,		/* the credentials are not accepted; trying again cannot help */
	GOOGLE_GAVE_UP,		/* no usable answer */
	GOOGLE_INTERRUPTED,	/* a signal asks to stop */
};

struct google_auth;

/* Find the credentials; asks nobody yet.  Returns new (google_auth_free), or NULL with a message appended to error. */
struct google_auth *google_auth_new(const struct http_policy *policy, const char *scope, struct buf *error);
void	google_auth_free(struct google_auth *a);

/*
 * "Authorization: Bearer ...", good for the next minutes, valid until the next call.  Without GOOGLE_OK a message
 * was appended to error.
 */
enum google_result google_auth_header(struct google_auth *a, const char **header, struct buf *error);
/* The service did not accept the token (401): get a new one next time.  False: there is no other. */
bool	google_auth_renew(struct google_auth *a);

/* The project of the environment or the credentials, and the one to be billed (x-goog-user-project); NULL: not said.  Borrowed. */
const char *google_auth_project(const struct google_auth *a);
const char *google_auth_quota_project(const struct google_auth *a);

#endif
