/*
 * service.h - the services of AWS that refire calls: one list, and where each is.
 *
 * The URL of a service, first that is set: the caller's own (endpoint-url of a
 * pipeline), AWS_ENDPOINT_URL_<ID>, AWS_ENDPOINT_URL, endpoint_url of the service in the
 * profile's `services` section, endpoint_url of the profile, and else AWS's own for the
 * region. AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true leaves the first and the last.
 */
#ifndef AWS_SERVICE_H
#define AWS_SERVICE_H

#include "aws/profile.h"

enum aws_protocol { AWS_JSON, AWS_QUERY, AWS_REST_JSON, AWS_REST_XML };

#define AWS_SERVICE_LIST(X) \
	/* enum, host, id for AWS_ENDPOINT_URL_, protocol, its version, X-Amz-Target */ \
	X(CODEPIPELINE, "codepipeline", "CODEPIPELINE", JSON, "1.1", "CodePipeline_20150709") \
	X(CODEBUILD, "codebuild", "CODEBUILD", JSON, "1.1", "CodeBuild_20161006") \
	X(CODEDEPLOY, "codedeploy", "CODEDEPLOY", JSON, "1.1", "CodeDeploy_20141006") \
	X(BEANSTALK, "elasticbeanstalk", "ELASTIC_BEANSTALK", QUERY, "2010-12-01", "") \
	X(CLOUDFORMATION, "cloudformation", "CLOUDFORMATION", QUERY, "2010-05-15", "") \
	X(LAMBDA, "lambda", "LAMBDA", REST_JSON, "2015-03-31", "") \
	X(SNS, "sns", "SNS", QUERY, "2010-03-31", "") \
	X(EVENTS, "events", "EVENTBRIDGE", JSON, "1.1", "AWSEvents") \
	X(S3, "s3", "S3", REST_XML, "", "") \
	X(STATES, "states", "SFN", JSON, "1.0", "AWSStepFunctions") \
	X(SQS, "sqs", "SQS", JSON, "1.0", "AmazonSQS") \
	X(STS, "sts", "STS", QUERY, "2011-06-15", "") \
	X(IAM, "iam", "IAM", QUERY, "2010-05-08", "") \
	X(CLOUDTRAIL, "cloudtrail", "CLOUDTRAIL", JSON, "1.1", \
		"com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101") \
	X(CODECONNECTIONS, "codeconnections", "CODECONNECTIONS", JSON, "1.0", \
		"com.amazonaws.codeconnections.CodeConnections_20231201")

enum aws_service {
#define X(name, host, id, protocol, version, target) AWS_##name,
	AWS_SERVICE_LIST(X)
#undef X
	AWS_SERVICES
};

struct aws_service_facts {
	const char *host;		/* also its signing name, and of its eventSource */
	const char *id;
	enum aws_protocol protocol;
	const char *version, *target;
};
extern const struct aws_service_facts aws_services[AWS_SERVICES];

/* The environment, or what stands for it. get NULL: it is not to be read. */
struct aws_env {
	const char *(*get)(const char *name, void *arg);	/* NULL: not set */
	void *arg;
};
extern const struct aws_env aws_env_own;	/* this process's */
const char *aws_env_get(const struct aws_env *env, const char *name);	/* "" : not set */

struct aws_where {
	const char *endpoint;		/* the caller's own; "" none */
	const char *region;
	struct aws_env env;
	const struct profiles *files;	/* NULL: none */
	const char *profile;		/* its name in them */
};
/* Without a slash at its end; in a. */
const char *aws_endpoint(enum aws_service s, const struct aws_where *w, struct arena *a);
/* What the request is signed for: iam has one region in each part of the world. */
const char *aws_signing_region(enum aws_service s, const char *region);
/* ".amazonaws.com", and China's own. */
const char *aws_domain(const char *region);
/* The region in arn:aws:SERVICE:REGION:ACCOUNT:..., in a; NULL when it has none. */
const char *aws_arn_region(struct arena *a, const char *arn);

#endif
