/* test_providers - the file of providers, and the environment */

#include "unit.h"

#include <sys/stat.h>

#include "base/file.h"
#include "openai/providers.h"

#define URL "\"base_url\":\"http://h/v1\""

static void
put_file(const char *text, mode_t mode)
{
	(void)unlink("p.json");
	assert_int_equal(file_replace("p.json", 0600, text, strlen(text)), 0);
	assert_int_equal(chmod("p.json", mode), 0);
}

static const struct {
	const char *file, *error;	/* its end; NULL: good */
} cases[] = {
	{ "{}", NULL },
	{ "{\"openai\":{}}", NULL },
	{ "{\n \"a\": {" URL ",\n\"name\":\"A\",\"api_key\":\"k\",\"models\":[\"m\",\"n\"]}\n}\n", NULL },
	{ "{\"a\":{" URL ",\"api_key_env\":\"UNIT_KEY\"}}", NULL },
	{ "{\"a\":{" URL ",\"api_key_file\":\"key\"}}", NULL },
	{ "[]", "not an object" },
	{ "", "an object ends too early" },
	{ "{\"a\":5}", "a: it is no object" },
	{ "{\"A\":{}}", "a: base_url is no http or https address" },
	{ "{\"a\":{\"base_url\":\"ftp://h\"}}", "a: base_url is no http or https address" },
	{ "{\"a\":{\"base_url\":\"http:///v1\"}}", "a: base_url is no http or https address" },
	{ "{\"a\":{" URL "},\"A\":{" URL "}}", "a: it stands there twice" },
	{ "{\"a\":{" URL ",\"models\":\"m\"}}", "a: models is no list" },
	{ "{\"a\":{" URL ",\"models\":[1]}}", "a: models has something that is no string" },
	{ "{\"a\":{" URL ",\"api_key\":1}}", "a: the key is no string" },
	{ "{\"a\":{" URL ",\"api_key\":\"k\",\"api_key_env\":\"UNIT_KEY\"}}", "a: the key is given twice" },
	{ "{\"a\":{" URL ",\"api_key\":\"\"}}", "a: the key is empty, or has more than one line" },
	{ "{\"a\":{" URL ",\"api_key\":\"k\\r\\nHost: x\"}}", "a: the key is empty, or has more than one line" },
	{ "{\"a\":{" URL ",\"api_key_env\":\"UNIT_NONE\"}}", "a: the variable that api_key_env names is not set" },
	{ "{\"a\":{" URL ",\"api_key_file\":\"none\"}}", "a: the file that api_key_file names cannot be read" },
	{ "{\"a\":{" URL ",\"key\":\"k\"}}",
	  "a: it has a member that is none of name, base_url, api_key, api_key_env, api_key_file, models, or no string" },
};

static void
test_files(void **state)
{
	(void)state;
	setenv("UNIT_KEY", "of the environment", 1);
	assert_int_equal(file_replace("key", 0600, "of a file\n", 10), 0);
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct buf error = { 0 };
		struct providers *p;

		put_file(cases[i].file, 0600);
		p = providers_read("p.json", &error);
		if ((p != NULL) != (cases[i].error == NULL))
			fail_msg("%s: %s", cases[i].file, p != NULL ? "taken" : buf_str(&error));
		if (p == NULL && i > 6 && (error.len < strlen(cases[i].error) ||
		    strcmp(buf_str(&error) + error.len - strlen(cases[i].error), cases[i].error) != 0))
			fail_msg("%s: '%s'", cases[i].file, buf_str(&error));
		providers_free(p);
		buf_free(&error);
	}
}

static void
test_secrets(void **state)
{
	static const char env[] = "{\"a\":{" URL ",\"api_key_env\":\"UNIT_KEY\"},\"b\":{" URL ",\"api_key_file\":\"key\"},\"c\":{" URL "}}";
	struct buf error = { 0 };
	struct providers *p;

	(void)state;
	put_file(env, 0644);		/* there is no key in it */
	assert_non_null(p = providers_read("p.json", &error));
	assert_string_equal(p->v[0].secret, "of the environment");
	assert_string_equal(p->v[1].secret, "of a file");
	assert_null(p->v[2].secret);
	providers_free(p);

	put_file("{\"a\":{" URL ",\"api_key\":\"k\"}}", 0640);
	assert_null(providers_read("p.json", &error));
	assert_string_equal(buf_str(&error), "p.json: others can read the keys in it: chmod 600 it");
	buf_free(&error);
}

static const char *
found(const struct providers *p, const char *name)
{
	const struct provider *v = providers_find(p, (struct span){ name, strlen(name) });

	return v == NULL ? "none" : v->key;
}

static void
test_find(void **state)
{
	struct buf b = { 0 };
	struct providers *p;

	(void)state;
	put_file("{\"One\":{\"base_url\":\"https://h/v1//\",\"name\":\"The \\\"First\\\"\",\"api_key\":\"k\",\"models\":[\"m\"]},\"openai\":{}}", 0600);
	assert_non_null(p = providers_read("p.json", &b));
	assert_string_equal(p->v[0].base_url, "https://h/v1");
	assert_string_equal(p->v[1].base_url, "https://api.openai.com/v1");
	assert_string_equal(found(p, ""), "one");
	assert_string_equal(found(p, "ONE"), "one");
	assert_string_equal(found(p, "the \"first\""), "one");
	assert_string_equal(found(p, "OpenAI"), "openai");
	assert_string_equal(found(p, "two"), "none");
	providers_put(p, &b);
	assert_string_equal(buf_str(&b), "[{\"name\":\"The \\\"First\\\"\",\"type\":\"one\",\"enabled\":true,\"models\":[{\"name\":\"m\",\"model\":\"m\","
	    "\"enabled\":true}]},{\"name\":\"openai\",\"type\":\"openai\",\"enabled\":true,\"models\":[]}]");
	providers_free(p);
	buf_free(&b);
}

static void
test_environment(void **state)
{
	struct buf error = { 0 };
	struct providers *p;

	(void)state;
	unsetenv("OPENAI_API_KEY");
	unsetenv("OPENAI_API_KEY_FILE");
	unsetenv("OPENAI_BASE_URL");
	assert_non_null(p = providers_read(NULL, &error));
	assert_int_equal(p->n, 0);
	assert_string_equal(found(p, ""), "none");
	providers_free(p);

	setenv("OPENAI_API_KEY_FILE", "key", 1);
	assert_non_null(p = providers_read(NULL, &error));
	assert_string_equal(p->v[0].secret, "of a file");
	assert_string_equal(p->v[0].base_url, "https://api.openai.com/v1");
	providers_free(p);

	unsetenv("OPENAI_API_KEY_FILE");
	setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1/", 1);
	assert_non_null(p = providers_read(NULL, &error));
	assert_null(p->v[0].secret);
	assert_string_equal(p->v[0].base_url, "http://127.0.0.1:11434/v1");
	providers_free(p);

	setenv("OPENAI_BASE_URL", "file:///etc/passwd", 1);
	assert_null(providers_read(NULL, &error));
	assert_string_equal(buf_str(&error), "OPENAI_BASE_URL: file:///etc/passwd: no http or https address");
	buf_clear(&error);
	setenv("OPENAI_API_KEY_FILE", "none", 1);
	assert_null(providers_read(NULL, &error));
	assert_string_equal(buf_str(&error), "OPENAI_API_KEY_FILE: none: No such file or directory");
	buf_free(&error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files), cmocka_unit_test(test_secrets), cmocka_unit_test(test_find), cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests_name("providers", tests, enter_dir, leave_dir);
}
