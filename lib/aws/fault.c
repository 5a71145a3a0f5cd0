/* fault.c - see fault.h: the tables of codes, and reading them out of an answer. */
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "aws/fault.h"
#include "aws/xml.h"

/* ---- reading ---- */

/* "com.amazon.coral#Code:http://..." is Code. */
static const char *bare(struct arena *a, const char *code)
{
	const char *hash = strrchr(code, '#');

	if (hash)
		code = hash + 1;
	return arena_memdup(a, code, strcspn(code, ":"));
}

static const char *member(json_t *o, const char *lower, const char *upper)
{
	json_t *v = json_object_get(o, lower);

	if (!json_is_string(v))
		v = json_object_get(o, upper);
	return json_is_string(v) ? json_string_value(v) : NULL;
}

static void read_json(const char *body, size_t len, struct arena *a, struct aws_fault *out)
{
	json_t *o = json_loadb(body, len, 0, NULL);
	const char *code, *message;

	if (!o)
		return;
	code = member(o, "__type", "code");
	message = member(o, "message", "Message");
	if (!code)
		code = member(o, "Code", "errorType");
	if (code && !*out->code)
		out->code = bare(a, code);
	if (message)
		out->message = arena_strdup(a, message);
	json_decref(o);
}

static void read_xml(const char *body, size_t len, struct arena *a, struct aws_fault *out)
{
	const char *code = xml_text(a, body, len, "Error/Code", 0);
	const char *message = xml_text(a, body, len, "Error/Message", 0);

	if (code && !*out->code)
		out->code = bare(a, code);
	if (message)
		out->message = message;
}

void aws_fault_read(const char *errortype, const char *body, size_t len, struct arena *a,
	struct aws_fault *out)
{
	size_t skip = 0;

	*out = (struct aws_fault){ errortype ? bare(a, errortype) : "", "" };
	while (skip < len && strchr(" \t\r\n", body[skip]))
		skip++;
	if (skip < len && body[skip] == '{')
		read_json(body + skip, len - skip, a, out);
	else if (skip < len && body[skip] == '<')
		read_xml(body + skip, len - skip, a, out);
}

/* ---- classes ---- */

struct rule {
	const char *code;
	int service;			/* -1: all */
	enum aws_class class;
};

/* The first that matches decides: what a service means by itself stands first. */
static const struct rule rules[] = {
	{ "LimitExceededException", AWS_CLOUDFORMATION, AWS_PERMANENT },	/* a quota */
	{ "LimitExceededException", AWS_CODEPIPELINE, AWS_PERMANENT },
	{ "ConflictException", AWS_CODEPIPELINE, AWS_TRANSIENT },
	{ "ConcurrentModificationException", AWS_CODEPIPELINE, AWS_TRANSIENT },
	{ "ConcurrentPipelineExecutionsLimitExceededException", AWS_CODEPIPELINE, AWS_THROTTLED },
	{ "AccountLimitExceededException", AWS_CODEBUILD, AWS_THROTTLED },
	{ "DeploymentLimitExceededException", AWS_CODEDEPLOY, AWS_THROTTLED },
	{ "ResourceConflictException", AWS_LAMBDA, AWS_TRANSIENT },
	{ "ResourceNotReadyException", AWS_LAMBDA, AWS_TRANSIENT },
	{ "OperationInProgressFailure", AWS_BEANSTALK, AWS_TRANSIENT },
	{ "OperationInProgress", AWS_BEANSTALK, AWS_TRANSIENT },
	{ "BadDigest", AWS_S3, AWS_TRANSIENT },
	{ "OperationAborted", AWS_S3, AWS_TRANSIENT },
	{ "IDPCommunicationError", AWS_STS, AWS_TRANSIENT },
	{ "AWS.SimpleQueueService.NonExistentQueue", AWS_SQS, AWS_PERMANENT },
	{ "Throttling", -1, AWS_THROTTLED },
	{ "ThrottlingException", -1, AWS_THROTTLED },
	{ "ThrottledException", -1, AWS_THROTTLED },
	{ "RequestThrottledException", -1, AWS_THROTTLED },
	{ "RequestThrottled", -1, AWS_THROTTLED },
	{ "TooManyRequestsException", -1, AWS_THROTTLED },
	{ "ProvisionedThroughputExceededException", -1, AWS_THROTTLED },
	{ "TransactionInProgressException", -1, AWS_THROTTLED },
	{ "RequestLimitExceeded", -1, AWS_THROTTLED },
	{ "BandwidthLimitExceeded", -1, AWS_THROTTLED },
	{ "LimitExceededException", -1, AWS_THROTTLED },
	{ "SlowDown", -1, AWS_THROTTLED },
	{ "PriorRequestNotComplete", -1, AWS_THROTTLED },
	{ "EC2ThrottledException", -1, AWS_THROTTLED },
	{ "RequestTimeout", -1, AWS_TRANSIENT },
	{ "RequestTimeoutException", -1, AWS_TRANSIENT },
	{ "InternalFailure", -1, AWS_TRANSIENT },
	{ "InternalError", -1, AWS_TRANSIENT },
	{ "ServiceUnavailable", -1, AWS_TRANSIENT },
	{ "RequestTimeTooSkewed", -1, AWS_SKEWED },
	{ "RequestInTheFuture", -1, AWS_SKEWED },
	{ "RequestExpired", -1, AWS_SKEWED },
	{ "ExpiredToken", -1, AWS_CREDENTIAL },
	{ "ExpiredTokenException", -1, AWS_CREDENTIAL },
	{ "InvalidClientTokenId", -1, AWS_CREDENTIAL },
	{ "InvalidToken", -1, AWS_CREDENTIAL },
	{ "InvalidAccessKeyId", -1, AWS_CREDENTIAL },
	{ "UnrecognizedClientException", -1, AWS_CREDENTIAL },
	{ "SignatureDoesNotMatch", -1, AWS_CREDENTIAL },
	{ "InvalidSignatureException", -1, AWS_CREDENTIAL },
	{ "MissingAuthenticationToken", -1, AWS_CREDENTIAL },
	{ "MissingAuthenticationTokenException", -1, AWS_CREDENTIAL },
	{ "AccessDenied", -1, AWS_DENIED },
	{ "AccessDeniedException", -1, AWS_DENIED },
	{ "AuthorizationError", -1, AWS_DENIED },
	{ "AuthorizationErrorException", -1, AWS_DENIED },
	{ "UnauthorizedOperation", -1, AWS_DENIED },
	{ "KMSAccessDenied", -1, AWS_DENIED },
};

/* A signature is also refused where only the clock is wrong; then the words say so. */
static bool says_skew(const struct aws_fault *f)
{
	return (strcmp(f->code, "InvalidSignatureException") == 0 ||
		strcmp(f->code, "SignatureDoesNotMatch") == 0) &&
		(strstr(f->message, "Signature expired") || strstr(f->message, "Signature not yet current"));
}

/* CloudFormation and Beanstalk tell of work under way in words alone. */
static bool says_busy(enum aws_service s, const struct aws_fault *f)
{
	if (s == AWS_CLOUDFORMATION)
		return strcmp(f->code, "ValidationError") == 0 && strstr(f->message, "_IN_PROGRESS");
	return s == AWS_BEANSTALK && strcmp(f->code, "InvalidParameterValue") == 0 &&
		strstr(f->message, "invalid state for this operation");
}

enum aws_class aws_fault_class(enum aws_service s, int status, const struct aws_fault *f)
{
	if (says_skew(f))
		return AWS_SKEWED;
	if (says_busy(s, f))
		return AWS_TRANSIENT;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if ((rules[i].service < 0 || rules[i].service == (int)s) && strcmp(rules[i].code, f->code) == 0)
			return rules[i].class;
	if (status == 429 || status == 509)
		return AWS_THROTTLED;
	return status >= 500 || status == 408 ? AWS_TRANSIENT : AWS_PERMANENT;
}

/* ---- what to do ---- */

static const struct {
	const char *code, *advice;
} advices[] = {
	{ "ExpiredToken", "the session has expired: renew it where the credentials come from" },
	{ "ExpiredTokenException", "the session has expired: renew it where the credentials come from" },
	{ "InvalidClientTokenId", "AWS does not know this access key: it was deleted, or belongs to "
		"another partition" },
	{ "InvalidAccessKeyId", "AWS does not know this access key: it was deleted, or belongs to "
		"another partition" },
	{ "UnrecognizedClientException", "AWS does not know this access key: it was deleted, or "
		"belongs to another partition" },
	{ "SignatureDoesNotMatch", "the secret key does not belong to the access key: set both anew" },
	{ "InvalidSignatureException", "the secret key does not belong to the access key: set both anew" },
	{ "NoSuchBucket", "there is no such bucket: check `artifact`, and the region" },
	{ "PermanentRedirect", "the bucket is in another region: set `region` of the pipeline" },
	{ "AuthorizationHeaderMalformed", "the bucket is in another region: set `region` of the pipeline" },
	{ "PipelineNotFoundException", "there is no such pipeline in this region and account: check "
		"`pipeline-name` and `region`" },
	{ "ResourceNotFoundException", "it is not there: check its name, `region` and the account" },
	{ "StateMachineDoesNotExist", "it is not there: check `state-machine` and its region" },
	{ "NotFound", "it is not there: check its ARN" },
};

const char *aws_fault_advice(enum aws_service s, int status, const struct aws_fault *f)
{
	for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
		if (strcmp(advices[i].code, f->code) == 0)
			return advices[i].advice;
	if (aws_fault_class(s, status, f) == AWS_DENIED)
		return "allow the action that the message names in the IAM policy of this user or role";
	return "";
}
