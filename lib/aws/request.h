/*
 * request.h - a call of a service as an HTTP request, signed. Pure.
 *
 *	struct aws_call c = { .service = AWS_CODEPIPELINE, .operation = "StartPipelineExecution",
 *		.body = json, .len = n };
 *	aws_request_make(&c, endpoint, region, &keys, now, &arena, &out, &e)
 *
 * JSON calls have their document as body; for query calls the body is the parameters
 * (aws_param), to which Action and Version are put; REST calls have method and path.
 */
#ifndef AWS_REQUEST_H
#define AWS_REQUEST_H

#include "aws/service.h"
#include "aws/sigv4.h"

#define AWS_HEADERS 24

struct aws_call {
	enum aws_service service;
	const char *operation;
	const char *method;		/* REST; NULL: POST */
	const char *path;		/* REST: encoded, with its query; NULL: / */
	struct sigv4_header headers[AWS_HEADERS];
	size_t nheaders;
	const char *body;		/* NULL: in a file; then sha256 is set */
	size_t len;
	const char *sha256;		/* NULL: of body */
};
struct aws_request {
	const char *method, *url;
	struct sigv4_header headers[AWS_HEADERS + 8];	/* to be sent, all of them */
	size_t nheaders;
	const char *body;
	size_t len;
	const char *sha256;
};
void aws_call_header(struct aws_call *c, const char *name, const char *value);
/* keys NULL: not signed. Strings in a. */
int aws_request_make(const struct aws_call *c, const char *endpoint, const char *region,
	const struct aws_keys *keys, int64_t now_us, struct arena *a, struct aws_request *out,
	struct err *e);
/* Append "&Name=value", encoded. */
void aws_param(struct buf *b, const char *name, const char *value);
/* The path of an S3 object behind its endpoint: "/bucket/key". And query, "" none. */
const char *aws_s3_path(struct arena *a, const char *bucket, const char *key, const char *query);
/* "codepipeline.amazonaws.com StartPipelineExecution": as CloudTrail names it. */
const char *aws_event_name(struct arena *a, enum aws_service s, const char *operation);

#endif
