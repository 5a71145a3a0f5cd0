/* login_read.c - keys out of what containers, machines, programs and STS answer. */
#include <jansson.h>
#include <string.h>

#include "aws/login.h"
#include "aws/xml.h"
#include "clock.h"

static int take(const char *access, const char *secret, const char *token, const char *until,
	struct arena *a, struct aws_keys *out, int64_t *until_us, struct err *e)
{
	*until_us = 0;
	if (!access || !secret || !*access || !*secret)
		return err_set(e, ERR_DATA, "there is no access key and secret key in it");
	if (until && *until && clock_parse(until, 0, until_us))
		return err_set(e, ERR_DATA, "its time of expiry `%.40s` is none", until);
	*out = (struct aws_keys){ arena_strdup(a, access), arena_strdup(a, secret),
		arena_strdup(a, token ? token : "") };
	return 0;
}

static const char *text_of(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_string(v) ? json_string_value(v) : NULL;
}

/* From its first brace to its last: programs also write what people read. */
int login_read_json(const char *text, size_t n, struct arena *a, struct aws_keys *out,
	int64_t *until_us, struct err *e)
{
	const char *from = memchr(text, '{', n), *to = memrchr(text, '}', n), *token, *why;
	json_t *o = from && to > from ? json_loadb(from, (size_t)(to - from) + 1, 0, NULL) : NULL;
	int failed;

	if (!o)
		return err_set(e, ERR_DATA, "it is no JSON");
	token = text_of(o, "Token");
	why = text_of(o, "Code");
	if (why && strcmp(why, "Success") != 0)
		failed = err_set(e, ERR_PERM, "%.60s: %.200s", why,
			text_of(o, "Message") ? text_of(o, "Message") : "");
	else
		failed = take(text_of(o, "AccessKeyId"), text_of(o, "SecretAccessKey"),
			token ? token : text_of(o, "SessionToken"), text_of(o, "Expiration"), a, out,
			until_us, e);
	json_decref(o);
	return failed;
}

int login_read_sts(const char *text, size_t n, struct arena *a, struct aws_keys *out,
	int64_t *until_us, struct err *e)
{
	return take(xml_text(a, text, n, "Credentials/AccessKeyId", 0),
		xml_text(a, text, n, "Credentials/SecretAccessKey", 0),
		xml_text(a, text, n, "Credentials/SessionToken", 0),
		xml_text(a, text, n, "Credentials/Expiration", 0), a, out, until_us, e);
}
