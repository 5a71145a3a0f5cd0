/*
 * fault.h - what a service of AWS said was wrong, and what follows from it. Pure.
 *
 * Services answer errors as JSON or XML, some as XML where JSON is theirs, a proxy on the
 * way as a page of its own: what kind an answer is, it shows itself. Classes as botocore
 * has them (botocore/retryhandler, 1.43), mended where a service means something else.
 */
#ifndef AWS_FAULT_H
#define AWS_FAULT_H

#include "aws/service.h"

struct aws_fault {
	const char *code;		/* "ThrottlingException"; "" none was told */
	const char *message;		/* "" none */
};

enum aws_class {
	AWS_PERMANENT,			/* the request is wrong, or not allowed */
	AWS_DENIED,			/* of these: a permission is missing */
	AWS_THROTTLED,			/* too much at once: later */
	AWS_TRANSIENT,			/* it may work the next time */
	AWS_CREDENTIAL,			/* the keys are not good (any more) */
	AWS_SKEWED,			/* our clock is wrong */
};

/* errortype: the header x-amzn-errortype, NULL none. Strings in a. */
void aws_fault_read(const char *errortype, const char *body, size_t len, struct arena *a,
	struct aws_fault *out);
enum aws_class aws_fault_class(enum aws_service s, int status, const struct aws_fault *f);
/* What a person can do about it, as a phrase after the service's words; "" nothing to add. */
const char *aws_fault_advice(enum aws_service s, int status, const struct aws_fault *f);

#endif
