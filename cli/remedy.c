/* remedy.c - the table of what to do; see remedy.h. */
#include "remedy.h"

#include <string.h>

#include "clock.h"

#define ANY (-1)

/* ---- pieces ---- */

/* "ci.example.org:8443" of a URL. */
static void host_add(const struct remedy_case *c, struct buf *out)
{
	const char *host = strstr(c->url, "://");

	host = host ? host + 3 : c->url;
	if (*host)
		buf_add(out, host, strcspn(host, "/"));
	else
		buf_str(out, "the receiver");
}

/* "`url` of [pipeline web-ci] (/etc/refire/refire.conf:12)" */
static void key_add(const struct remedy_case *c, struct buf *out, const char *key)
{
	buf_fmt(out, "`%s` of [pipeline %s]", key, c->name);
	if (c->pipeline)
		buf_fmt(out, " (%s:%d)", c->pipeline->file, c->pipeline->line);
}

static void url_key_add(const struct remedy_case *c, struct buf *out)
{
	key_add(c, out, c->pipeline && *c->pipeline->url_file ? "url-file" : "url");
}

static void retry_add(const struct remedy_case *c, struct buf *out)
{
	buf_fmt(out, c->again ? " It is tried again by itself; at once with `refire queue retry %s`." :
		" Then: `refire queue retry %s`.", c->delivery);
}

static void ago_add(int64_t us, int64_t now_us, struct buf *out)
{
	char text[CLOCK_ISO_SIZE];

	buf_str(out, clock_relative(us, now_us, text));
}

static bool says(const struct remedy_case *c, const char *words)
{
	return strcasestr(c->message, words) != NULL;
}

/* ---- one function a kind of failure ---- */

static void no_name(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "This machine cannot resolve the name ");
	host_add(c, out);
	buf_str(out, ". Is it spelt right in ");
	url_key_add(c, out);
	buf_str(out, "? Try `getent hosts ");
	host_add(c, out);
	buf_str(out, "`.");
	retry_add(c, out);
}

static void no_connection(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "Nothing answers at ");
	host_add(c, out);
	buf_str(out, says(c, "refused") ? ": the machine is there, but no program listens on that port. "
		"Start the receiver, or mend the port in " :
		": is it running, does a firewall let this machine through? The address is in ");
	url_key_add(c, out);
	buf_str(out, ". `refire check --online` tries it.");
	retry_add(c, out);
}

static void bad_certificate(const struct remedy_case *c, struct buf *out)
{
	if (says(c, "expired"))
		buf_str(out, "The receiver's certificate has expired: it has to be renewed there.");
	else if (says(c, "does not match") || says(c, "no alternative certificate"))
		buf_str(out, "The certificate is for another name than the one in the URL: use the name it "
			"was made for, or have one made for this name.");
	else if (says(c, "self-signed") || says(c, "self signed") || says(c, "issuer"))
		buf_str(out, "The certificate was not issued by an authority this machine knows. If the "
			"authority is your own, name its certificate with `ca-file`.");
	else if (says(c, "wrong version number") || says(c, "unknown protocol"))
		buf_str(out, "What answers there does not speak TLS: is it an http address, or another port?");
	else
		buf_str(out, "The TLS connection could not be made.");
	buf_str(out, " See ");
	url_key_add(c, out);
	buf_str(out, ".");
	retry_add(c, out);
}

static void no_answer(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "The receiver may have got it: look there for delivery ");
	buf_str(out, c->delivery);
	buf_str(out, ". A receiver should answer first and work afterwards; if it cannot, raise ");
	key_add(c, out, "timeout");
	if (c->pipeline)
		buf_fmt(out, ", now %g s", (double)c->pipeline->timeout_us / US_PER_S);
	buf_str(out, ".");
	retry_add(c, out);
}

static void broken(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "The receiver, or a proxy before it, ended the connection in the middle: its log "
		"should say why. It may have got the request (delivery ");
	buf_fmt(out, "%s).", c->delivery);
	retry_add(c, out);
}

static void server_error(const struct remedy_case *c, struct buf *out)
{
	if (c->status == 502 || c->status == 503 || c->status == 504)
		buf_str(out, "A proxy answers, but the application behind it does not: is it running?");
	else
		buf_fmt(out, "The fault is in the receiver: its log should have an error for delivery %s.",
			c->delivery);
	buf_fmt(out, " `refire queue show %s` has its answer.", c->delivery);
	retry_add(c, out);
}

static void throttled(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "The receiver limits how often it is called. If this happens often, send slower: "
		"`rate = 30/m` in ");
	buf_fmt(out, "[pipeline %s].", c->name);
	retry_add(c, out);
}

static void secret_add(const struct remedy_case *c, struct buf *out)
{
	const char *file = c->pipeline ? c->pipeline->secret_file : "";

	if (!*file) {
		buf_str(out, " No secret is configured (");
		key_add(c, out, "secret-file");
		buf_str(out, "): if the receiver checks signatures, it needs the same one.");
		return;
	}
	buf_fmt(out, " The secret is in %s", file);
	if (c->secret_us) {
		buf_str(out, ", written ");
		ago_add(c->secret_us, c->now_us, out);
	}
	if (c->delivered_us && c->secret_us > c->delivered_us) {
		buf_str(out, ", and the last delivery that was accepted (");
		ago_add(c->delivered_us, c->now_us, out);
		buf_str(out, ") is older: was it changed here and not there?");
	} else if (c->delivered_us) {
		buf_str(out, "; the last delivery that was accepted is from ");
		ago_add(c->delivered_us, c->now_us, out);
		buf_str(out, ": was the secret changed at the receiver?");
	} else {
		buf_str(out, "; nothing was ever accepted with it: is it the one the receiver has, with or "
			"without a newline at its end?");
	}
}

static void denied(const struct remedy_case *c, struct buf *out)
{
	if (c->status == 403)
		buf_str(out, "The receiver knows the address and says no: a wrong signature, an account "
			"without the right, or a rule about where requests come from (its log tells which).");
	else
		buf_str(out, "The receiver does not accept the signature or the token.");
	secret_add(c, out);
	retry_add(c, out);
}

static void not_there(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "The receiver runs, but has nothing at this path: ");
	buf_str(out, *c->url ? c->url : "its URL");
	buf_str(out, ". Compare it, letter by letter and with the slash at its end, with ");
	url_key_add(c, out);
	buf_str(out, "; a job or hook of that name may have been renamed or removed there.");
	retry_add(c, out);
}

static void wrong_method(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "The address exists, but takes no POST");
	if (*c->allow)
		buf_fmt(out, " (only %s)", c->allow);
	buf_str(out, ": it is probably a page for people. Find the address for webhooks, and put it into ");
	url_key_add(c, out);
	buf_str(out, ".");
	retry_add(c, out);
}

static void too_large(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "The payload is larger than the receiver takes. Raise its limit "
		"(nginx: client_max_body_size)");
	if (c->pipeline && !strcmp(c->pipeline->format, "github"))
		buf_str(out, "; `format = generic` is smaller");
	buf_str(out, ".");
	retry_add(c, out);
}

static void refused(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "The receiver got the request and does not want it as it is");
	if (c->pipeline && *c->pipeline->format)
		buf_fmt(out, " (format = %s)", c->pipeline->format);
	buf_fmt(out, ": its answer should say why, `refire queue show %s` has it. `refire fire %s "
		"--dry-run` shows what is sent.", c->delivery, c->name);
	retry_add(c, out);
}

static void redirected(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "Redirects are not followed, because the signed request would go to whatever address "
		"is named.");
	if (*c->location)
		buf_fmt(out, " The receiver names %s: if that is right, put it into ", c->location);
	else
		buf_str(out, " Put the final address into ");
	url_key_add(c, out);
	buf_str(out, ".");
	retry_add(c, out);
}

static void gone(const struct remedy_case *c, struct buf *out)
{
	buf_fmt(out, "The receiver says that this address is gone for good, so all of %s is held. Mend ",
		c->name);
	url_key_add(c, out);
	buf_fmt(out, ", then: `refire queue resume %s`.", c->name);
}

static void misconfigured(const struct remedy_case *c, struct buf *out)
{
	buf_fmt(out, "The request cannot be made from [pipeline %s] as it is configured. `refire check` says "
		"more.", c->name);
	retry_add(c, out);
}

static void not_ready(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "Something the request needs cannot be read now");
	if (c->pipeline && *c->pipeline->secret_file)
		buf_fmt(out, ": is %s there, and readable by the account that sends?",
			c->pipeline->secret_file);
	else
		buf_str(out, ".");
	retry_add(c, out);
}

static void unknown_outcome(const struct remedy_case *c, struct buf *out)
{
	buf_fmt(out, "The sender was ended while the request was under way: the receiver may have got it. "
		"What comes again has the same delivery id, %s.", c->delivery);
}

static void program_failed(const struct remedy_case *c, struct buf *out)
{
	buf_fmt(out, "`refire queue show %s` has what it wrote. When it is mended: `refire queue retry "
		"%s`.", c->delivery, c->delivery);
}

static void program_missing(const struct remedy_case *c, struct buf *out)
{
	key_add(c, out, "command");
	buf_str(out, " cannot be run by the account that sends: `refire check` says more.");
	retry_add(c, out);
}

static void program_slow(const struct remedy_case *c, struct buf *out)
{
	buf_str(out, "It was ended, with all that it had started. If it needs that long, raise ");
	key_add(c, out, "run-timeout");
	buf_chr(out, '.');
	retry_add(c, out);
}

static void program_waits(const struct remedy_case *c, struct buf *out)
{
	(void)c;
	buf_str(out, "The program itself asks to be run again later, by status 75.");
}

static void pipeline_gone(const struct remedy_case *c, struct buf *out)
{
	buf_fmt(out, "[pipeline %s] is not in the configuration any more: put it back and `refire queue "
		"retry %s`, or give it up with `refire queue drop %s`.", c->name, c->delivery, c->delivery);
}

static void vanished(const struct remedy_case *c, struct buf *out)
{
	buf_fmt(out, "Many refs vanished at once, which may be a disk that is not mounted: look at the "
		"repository. If they are really gone, `refire queue retry %s` fires it; `refire queue drop "
		"%s` does not.", c->delivery, c->delivery);
}

static void dropped(const struct remedy_case *c, struct buf *out)
{
	buf_fmt(out, "A person gave it up. `refire queue retry %s` takes it up again.", c->delivery);
}

/* ---- the table ---- */

static const struct {
	const char *code;
	int status;			/* ANY, or this one */
	void (*say)(const struct remedy_case *c, struct buf *out);
} rows[] = {
	{ "NameNotResolved", ANY, no_name },
	{ "ConnectionFailed", ANY, no_connection },
	{ "TlsVerificationFailed", ANY, bad_certificate },
	{ "ReceiverTimeout", ANY, no_answer },
	{ "ReceiverTimedOut", ANY, broken },
	{ "ConnectionBroken", ANY, broken },
	{ "AnswerTooLarge", ANY, broken },
	{ "AnswerIncomplete", ANY, broken },
	{ "ReceiverFailed", ANY, server_error },
	{ "ReceiverThrottled", ANY, throttled },
	{ "ReceiverDenied", ANY, denied },
	{ "ReceiverRejected", 404, not_there },
	{ "ReceiverRejected", 405, wrong_method },
	{ "ReceiverRejected", 413, too_large },
	{ "ReceiverRejected", ANY, refused },
	{ "ReceiverRedirected", ANY, redirected },
	{ "ReceiverGone", ANY, gone },
	{ "RequestRefused", ANY, misconfigured },
	{ "ConfigurationError", ANY, misconfigured },
	{ "NotReady", ANY, not_ready },
	{ "OutcomeUnknown", ANY, unknown_outcome },
	{ "ProgramFailed", ANY, program_failed },
	{ "ProgramNotRun", ANY, program_missing },
	{ "ProgramTimeout", ANY, program_slow },
	{ "ProgramNotReady", ANY, program_waits },
	{ "CommandRefused", ANY, misconfigured },
	{ "PipelineGone", ANY, pipeline_gone },
	{ "MassDisappearance", ANY, vanished },
	{ "Dropped", ANY, dropped },
};

void remedy(const struct remedy_case *c, struct buf *out)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(rows[i].code, c->code) &&
		    (rows[i].status == ANY || rows[i].status == c->status)) {
			rows[i].say(c, out);
			return;
		}
}
