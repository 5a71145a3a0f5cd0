/* service.c - see service.h. */
#include "aws/service.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct aws_service_facts aws_services[AWS_SERVICES] = {
#define X(name, host, id, protocol, version, target) \
	[AWS_##name] = { host, id, AWS_##protocol, version, target },
	AWS_SERVICE_LIST(X)
#undef X
};

static const char *own_get(const char *name, void *arg)
{
	(void)arg;
	return getenv(name);
}

const struct aws_env aws_env_own = { own_get, NULL };

const char *aws_env_get(const struct aws_env *env, const char *name)
{
	const char *s = env->get ? env->get(name, env->arg) : NULL;

	return s ? s : "";
}

const char *aws_domain(const char *region)
{
	return strncmp(region, "cn-", 3) == 0 ? ".amazonaws.com.cn" : ".amazonaws.com";
}

const char *aws_signing_region(enum aws_service s, const char *region)
{
	if (s != AWS_IAM)
		return region;
	return strncmp(region, "cn-", 3) == 0 ? "cn-north-1" : "us-east-1";
}

static const char *of_aws(enum aws_service s, const char *region, struct arena *a)
{
	const char *host = aws_services[s].host;

	if (s == AWS_IAM)
		return strncmp(region, "cn-", 3) == 0 ? "https://iam.cn-north-1.amazonaws.com.cn" :
			"https://iam.amazonaws.com";
	return arena_fmt(a, "https://%s.%s%s", host, region, aws_domain(region));
}

/* The profile's own endpoint_url, or that of its services section for this service. */
static const char *of_profile(enum aws_service s, const struct aws_where *w, struct arena *a)
{
	const char *section = profile_section(a, w->profile), *services, *url = NULL;
	char *id = arena_strdup(a, aws_services[s].id);

	for (char *c = id; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	services = profile_get(w->files, section, "services", "");
	if (services)
		url = profile_get(w->files, arena_fmt(a, "services %s", services), id, "endpoint_url");
	return url ? url : profile_get(w->files, section, "endpoint_url", "");
}

const char *aws_endpoint(enum aws_service s, const struct aws_where *w, struct arena *a)
{
	const char *url = w->endpoint;
	bool ignore = strcasecmp(aws_env_get(&w->env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") == 0;
	size_t n;

	if (!*url && !ignore)
		url = aws_env_get(&w->env, arena_fmt(a, "AWS_ENDPOINT_URL_%s", aws_services[s].id));
	if (!*url && !ignore)
		url = aws_env_get(&w->env, "AWS_ENDPOINT_URL");
	if (!*url && !ignore && w->files)
		url = of_profile(s, w, a);
	if (!url || !*url)
		return of_aws(s, w->region, a);
	n = strlen(url);
	return arena_memdup(a, url, n - (url[n - 1] == '/'));
}

const char *aws_arn_region(struct arena *a, const char *arn)
{
	const char *s = arn;
	size_t n;

	if (strncmp(arn, "arn:", 4) != 0)
		return NULL;
	for (int colons = 0; colons < 3; colons++) {
		s = strchr(s, ':');
		if (!s++)
			return NULL;
	}
	n = strcspn(s, ":");
	return n ? arena_memdup(a, s, n) : NULL;
}
