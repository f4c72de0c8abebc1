/* google/auth.h against a small server that plays token endpoint, STS, impersonation, subject token and metadata server. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/when.h"
#include "crypt/base64.h"
#include "google/auth.h"

#define SCOPE "https://www.googleapis.com/auth/bigquery"

/* What is asked for, in order, and what is answered. */
static struct step {
	const char *path;	/* begins the request's target */
	int	 status;
	const char *headers, *body;
} steps[8];
static struct { char head[16384], body[16384]; } asked[8];
static size_t n_asked;
static int listener, port;

static void
serve_one(int fd, size_t i)
{
	char in[16384] = "", out[4096], *end, *length;
	size_t n = 0, want = 0;
	int len;

	for (;;) {
		ssize_t got = recv(fd, in + n, sizeof in - 1 - n, 0);

		if (got <= 0)
			return;
		n += (size_t)got;
		in[n] = '\0';
		if ((end = strstr(in, "\r\n\r\n")) == NULL)
			continue;
		length = strcasestr(in, "content-length:");
		want = (size_t)(end + 4 - in) + (length == NULL ? 0 : strtoul(length + 15, NULL, 10));
		if (n >= want)
			break;
	}
	snprintf(asked[i].body, sizeof asked[i].body, "%s", end + 4);
	*end = '\0';
	snprintf(asked[i].head, sizeof asked[i].head, "%s", in);
	len = snprintf(out, sizeof out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n%s", steps[i].status,
	    strlen(steps[i].body), steps[i].headers == NULL ? "" : steps[i].headers, steps[i].body);
	(void)!send(fd, out, (size_t)len, MSG_NOSIGNAL);
}

static void *
serve(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd == -1)
			return NULL;
		if (n_asked < N_OF(steps))
			serve_one(fd, n_asked++);
		close(fd);
	}
}

static int
start(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	pthread_t t;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&a, len) == -1 || listen(listener, 8) == -1 ||
	    getsockname(listener, (struct sockaddr *)&a, &len) == -1)
		return -1;
	port = ntohs(a.sin_port);
	return pthread_create(&t, NULL, serve, NULL) != 0 || pthread_detach(t) != 0 ? -1 : enter_dir(state);
}

/* No credentials but those of the test. */
static int
forget(void **state)
{
	static const char *const names[] = {
		"GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "BOTRUN_LOG_CREDENTIALS_PATH",
		"CLOUDSDK_CONFIG", "GCE_METADATA_HOST", "NO_GCE_CHECK", "METADATA_SERVER_DETECTION", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT",
		"http_proxy",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++)
		unsetenv(names[i]);
	setenv("HOME", ".", 1);
	memset(steps, 0, sizeof steps);
	memset(asked, 0, sizeof asked);
	n_asked = 0;
	return 0;
}

__attribute__((format(printf, 1, 2))) static void
credentials(const char *fmt, ...)
{
	FILE *f = fopen("credentials.json", "w");
	va_list ap;

	assert_non_null(f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
	setenv("GOOGLE_APPLICATION_CREDENTIALS", "credentials.json", 1);
}

static const struct http_policy policy = { .max_retries = 2, .retry_time_ms = 20000, .timeout_ms = 5000 };

/* The header of the n-th call on one set of credentials, or the error. */
static void
check(int calls, enum google_result want, const char *text)
{
	struct buf error = { 0 };
	struct google_auth *a = google_auth_new(&policy, SCOPE, &error);
	const char *header = NULL;
	enum google_result st = GOOGLE_REFUSED;

	for (int i = 0; a != NULL && i < calls; i++)
		st = google_auth_header(a, &header, &error);
	assert_int_equal(st, want);
	if (want == GOOGLE_OK)
		assert_string_equal(header, text);
	else if (strstr(buf_str(&error), text) == NULL)
		fail_msg("got '%s', not '%s'", buf_str(&error), text);
	google_auth_free(a);
	buf_free(&error);
}

/* The value of a parameter of a form, decoded; new. */
static char *
param(const char *form, const char *name)
{
	char key[64], *out = malloc(strlen(form) + 1), *to = out;
	const char *p;

	snprintf(key, sizeof key, "%s=", name);
	for (p = strstr(form, key); p != form && p[-1] != '&'; )
		p = strstr(p + 1, key);
	for (p += strlen(key); *p != '\0' && *p != '&'; p++) {
		unsigned c = (unsigned char)*p;

		if (*p == '%') {
			sscanf(p + 1, "%2x", &c);
			p += 2;
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return out;
}

static void
check_param(const char *form, const char *name, const char *want)
{
	char *got = param(form, name);

	assert_string_equal(got, want);
	free(got);
}

static void
ready_token(void **state)
{
	(void)state;
	setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.ready", 1);
	setenv("GOOGLE_APPLICATION_CREDENTIALS", "missing", 1);
	check(3, GOOGLE_OK, "Authorization: Bearer ya29.ready");
	assert_int_equal(n_asked, 0);
	setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.ready\r\nX-Evil: 1", 1);
	check(1, GOOGLE_REFUSED, "GOOGLE_OAUTH_ACCESS_TOKEN: a token is one word");
	unsetenv("GOOGLE_OAUTH_ACCESS_TOKEN");
	setenv("GOOGLE_OAUTH_ACCESS_TOKEN_FILE", "missing", 1);		/* not the next kind of credentials instead */
	check(1, GOOGLE_REFUSED, "GOOGLE_OAUTH_ACCESS_TOKEN_FILE: missing: No such file");
}

/* The claims are those that the service wants, and the signature is the key's. */
static void
check_jwt(char *jwt, EVP_PKEY *key)
{
	char *dot = strrchr(jwt, '.'), *claims = strchr(jwt, '.') + 1;
	struct buf part = { 0 };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	long long iat = 0, now = when_now() / 1000;

	assert_true(base64_get_any(dot + 1, strlen(dot + 1), &part));
	assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(md, (unsigned char *)part.p, part.len, (unsigned char *)jwt, (size_t)(dot - jwt)), 1);
	EVP_MD_CTX_free(md);
	buf_clear(&part);
	assert_true(base64_get_any(jwt, (size_t)(claims - 1 - jwt), &part));
	assert_string_equal(buf_str(&part), "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}");
	buf_clear(&part);
	assert_true(base64_get_any(claims, (size_t)(dot - claims), &part));
	assert_int_equal(sscanf(buf_str(&part), "{\"iss\":\"me@p.iam\",\"scope\":\"" SCOPE "\",\"aud\":\"https://oauth2.googleapis.com/token\","
	    "\"iat\":%lld,", &iat), 1);
	assert_true(iat <= now && iat > now - 60);
	snprintf(strstr(part.p, ",\"iat\""), 64, ",\"iat\":%lld,\"exp\":%lld}", iat, iat + 3600);
	assert_string_equal(strstr(part.p, "\"exp\""), strrchr(part.p, ',') + 1);
	buf_free(&part);
}

static void
service_account(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	struct buf pem = { 0 };
	char *data, *jwt;
	long len;

	(void)state;
	PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &data);
	for (long i = 0; i < len; i++)
		buf_adds(&pem, data[i] == '\n' ? "\\n" : (char[]){ data[i], '\0' });
	credentials("{\n\"type\":\"service_account\",\"client_email\":\"me@p.iam\",\"private_key_id\":\"k1\",\n\"private_key\":\"%s\","
	    "\"token_uri\":\"http://127.0.0.1:%d/token\",\"project_id\":\"p\"}\n", buf_str(&pem), port);
	steps[0] = (struct step){ "/token", 503, "Retry-After: 0\r\n", "busy" };
	steps[1] = (struct step){ "/token", 200, NULL, "{\"access_token\":\"t1\",\"expires_in\":3599,\"token_type\":\"Bearer\"}" };
	check(2, GOOGLE_OK, "Authorization: Bearer t1");
	assert_int_equal(n_asked, 2);		/* the second call had the first one's token */
	check_param(asked[1].body, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
	jwt = param(asked[1].body, "assertion");
	check_jwt(jwt, key);
	free(jwt);

	/* One that is about to expire is renewed. */
	n_asked = 0;
	steps[0] = (struct step){ "/token", 200, NULL, "{\"access_token\":\"t2\",\"expires_in\":0}" };
	steps[1] = (struct step){ "/token", 200, NULL, "{\"access_token\":\"t3\",\"expires_in\":0}" };
	check(2, GOOGLE_OK, "Authorization: Bearer t3");

	/* No lifetime is too long to count with. */
	n_asked = 0;
	steps[0] = (struct step){ "/token", 200, NULL, "{\"access_token\":\"t4\",\"expires_in\":9223372036854775807}" };
	check(2, GOOGLE_OK, "Authorization: Bearer t4");

	n_asked = 0;
	steps[0] = (struct step){ "/token", 400, NULL, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}" };
	check(1, GOOGLE_REFUSED, "token: invalid_grant: Invalid JWT Signature.; check the clock and the credentials, or log in again (HTTP 400)");
	n_asked = 0;
	steps[0] = (struct step){ "/token", 200, NULL, "<html>" };
	check(1, GOOGLE_GAVE_UP, "token: an answer without a token");
	n_asked = 0;
	steps[0] = (struct step){ "/token", 200, NULL, "{\"access_token\":\"a\\r\\nX-Evil: 1\"}" };
	check(1, GOOGLE_GAVE_UP, "token: an answer without a token");
	BIO_free(bio);
	EVP_PKEY_free(key);
	buf_free(&pem);
}

static void
bad_files(void **state)
{
	(void)state;
	setenv("GOOGLE_APPLICATION_CREDENTIALS", "missing.json", 1);
	check(1, GOOGLE_REFUSED, "missing.json: No such file");
	credentials("not JSON");
	check(1, GOOGLE_REFUSED, "credentials.json: not a credential file");
	credentials("{\"type\":\"magic\"}");
	check(1, GOOGLE_REFUSED, "credentials of type 'magic' are not supported");
	credentials("{\"type\":\"service_account\",\"client_email\":\"x\",\"private_key\":\"SECRET\"}");
	check(1, GOOGLE_REFUSED, "credentials.json: its private_key is no RSA key, or has a pass phrase");
	credentials("{\"type\":\"external_account\",\"credential_source\":{\"environment_id\":\"aws1\"}}");
	check(1, GOOGLE_REFUSED, "has neither a file nor a url");
	credentials("{\"type\":\"external_account\"}");
	check(1, GOOGLE_REFUSED, "credentials.json: it has no credential_source");
	credentials("{\"type\":\"external_account\",\"credential_source\":{\"file\":\"missing.jwt\"}}");
	check(1, GOOGLE_REFUSED, "missing.jwt: No such file");
	assert_int_equal(system("echo '{\"token\":7}' >subject"), 0);
	credentials("{\"type\":\"external_account\",\"credential_source\":{\"file\":\"subject\",\"format\":{\"type\":\"json\","
	    "\"subject_token_field_name\":\"token\"}}}");
	check(1, GOOGLE_REFUSED, "credentials.json: its credential_source gave no token in that format");
	assert_int_equal(n_asked, 0);
}

/* In gcloud's place, as gcloud writes it. */
static void
user(void **state)
{
	(void)state;
	credentials("{\"type\":\"authorized_user\",\"client_id\":\"c&1\",\"client_secret\":\"s\",\"refresh_token\":\"1//r\","
	    "\"token_uri\":\"http://127.0.0.1:%d/token\",\"quota_project_id\":\"q\"}", port);
	unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
	assert_int_equal(system("mkdir -p .config/gcloud && mv credentials.json .config/gcloud/application_default_credentials.json"), 0);
	steps[0] = (struct step){ "/token", 200, NULL, "{\"access_token\":\"u1\",\"expires_in\":\"3599\"}" };	/* some servers quote it */
	check(2, GOOGLE_OK, "Authorization: Bearer u1");
	assert_int_equal(n_asked, 1);
	assert_string_equal(asked[0].body, "grant_type=refresh_token&client_id=c%261&client_secret=s&refresh_token=1%2F%2Fr");
	assert_int_equal(system("rm -r .config"), 0);
}

/* As GitHub Actions has it: an address with a token of its own, then the exchange, then a service account's token. */
static void
workload(void **state)
{
	(void)state;
	credentials("{\"type\":\"external_account\",\"audience\":\"//iam/x\",\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\","
	    "\"token_url\":\"http://127.0.0.1:%d/sts\",\"credential_source\":{\"url\":\"http://127.0.0.1:%d/oidc?a=1\","
	    "\"headers\":{\"Authorization\":\"Bearer gh\"},\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"value\"}},"
	    "\"service_account_impersonation_url\":\"http://127.0.0.1:%d/sa:generateAccessToken\","
	    "\"service_account_impersonation\":{\"token_lifetime_seconds\":1200}}", port, port, port);
	steps[0] = (struct step){ "/oidc", 200, NULL, "{\"count\":1,\"value\":\"subject.jwt\"}" };
	steps[1] = (struct step){ "/sts", 200, NULL, "{\"access_token\":\"federated\",\"expires_in\":3600}" };
	steps[2] = (struct step){ "/sa", 200, NULL, "{\"accessToken\":\"sa1\",\"expireTime\":\"2999-01-01T00:00:00Z\"}" };
	check(2, GOOGLE_OK, "Authorization: Bearer sa1");
	assert_int_equal(n_asked, 3);
	assert_non_null(strstr(asked[0].head, "GET /oidc?a=1 "));
	assert_non_null(strstr(asked[0].head, "Authorization: Bearer gh"));
	check_param(asked[1].body, "subject_token", "subject.jwt");
	check_param(asked[1].body, "audience", "//iam/x");
	check_param(asked[1].body, "scope", GOOGLE_SCOPE_ALL);
	assert_non_null(strstr(asked[2].head, "POST /sa:generateAccessToken "));
	assert_non_null(strstr(asked[2].head, "Authorization: Bearer federated"));
	assert_string_equal(asked[2].body, "{\"scope\":[\"" SCOPE "\"],\"lifetime\":\"1200s\"}");

	n_asked = 0;
	steps[1] = (struct step){ "/sts", 400, NULL, "{\"error\":\"invalid_target\",\"error_description\":\"no pool\"}" };
	check(1, GOOGLE_REFUSED, "token exchange: invalid_target: no pool (HTTP 400)");
	n_asked = 0;
	steps[1] = (struct step){ "/sts", 200, NULL, "{\"access_token\":\"federated\",\"expires_in\":3600}" };
	steps[2] = (struct step){ "/sa", 403, NULL, "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"message\":\"no role\"}}" };
	check(1, GOOGLE_REFUSED, "impersonation: PERMISSION_DENIED: no role (HTTP 403)");

	/* Without impersonation, from a file. */
	n_asked = 0;
	assert_int_equal(system("echo file.jwt >subject"), 0);
	credentials("{\"type\":\"external_account\",\"token_url\":\"http://127.0.0.1:%d/sts\",\"credential_source\":{\"file\":\"subject\"}}", port);
	steps[0] = (struct step){ "/sts", 200, NULL, "{\"access_token\":\"direct\",\"expires_in\":3600}" };
	check(1, GOOGLE_OK, "Authorization: Bearer direct");
	check_param(asked[0].body, "subject_token", "file.jwt");
	check_param(asked[0].body, "scope", SCOPE);

	/* A service that is down: tried again, and then given up. */
	n_asked = 0;
	steps[0] = steps[1] = steps[2] = (struct step){ "/sts", 503, "Retry-After: 0\r\n", "<html>down</html>" };
	check(1, GOOGLE_GAVE_UP, "token exchange: no usable answer (HTTP 503)");
	assert_int_equal(n_asked, 3);
}

static void
metadata(void **state)
{
	char host[32];

	(void)state;
	snprintf(host, sizeof host, "127.0.0.1:%d", port);
	setenv("GCE_METADATA_HOST", host, 1);
	setenv("http_proxy", "http://127.0.0.1:1", 1);	/* is not asked */
	steps[0] = (struct step){ "/computeMetadata", 200, "Metadata-Flavor: Google\r\n", "{\"access_token\":\"m1\",\"expires_in\":3000}" };
	check(1, GOOGLE_OK, "Authorization: Bearer m1");
	assert_non_null(strstr(asked[0].head, "Metadata-Flavor: Google"));
	assert_non_null(strstr(asked[0].head, "/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2F"));
	n_asked = 0;
	steps[0].headers = NULL;
	check(1, GOOGLE_REFUSED, "metadata server: something else answers there");
	setenv("NO_GCE_CHECK", "true", 1);
	check(1, GOOGLE_REFUSED, "no credentials: set GOOGLE_APPLICATION_CREDENTIALS");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, forget)
	const struct CMUnitTest tests[] = {
		TEST(ready_token), TEST(service_account), TEST(bad_files), TEST(user), TEST(workload), TEST(metadata),
	};

	return cmocka_run_group_tests_name("auth", tests, start, leave_dir);
}
