/*
 * limits.h - every bound in refire, in one list.
 *
 * A buffer is born with one of these; what would exceed it is refused or
 * shortened with a mark, never cut in silence. Sizes are bytes unless a name
 * says otherwise; times are microseconds (suffix _US) or seconds (_S).
 */
#ifndef LIMITS_H
#define LIMITS_H

#define KIB 1024
#define MIB (1024 * 1024)

/* A push. 256 MiB of "old new ref" lines are about 2.5 million refs. */
#define LIMIT_SPOOL_FILE      (256 * MIB)
#define LIMIT_SPOOL_FIELD     (256 * MIB)
#define LIMIT_SPOOL_FIELDS    4096	/* fields in one file */
#define LIMIT_CLAIM           (4 * KIB)	/* one environment claim */
#define LIMIT_OPTION          (4 * KIB)	/* one push option */
#define LIMIT_OPTIONS         256	/* push options of one push */
#define LIMIT_REF             4096	/* a longer ref name is refused */
#define LIMIT_OID             64	/* hex digits: SHA-256 */

/* Configuration. */
#define LIMIT_CONF_FILE       (4 * MIB)
#define LIMIT_CONF_VALUE      (16 * KIB)
#define LIMIT_CONF_NAME       128	/* a section's or key's name */
#define LIMIT_SECRET          (16 * KIB)
#define LIMIT_PATTERN         255	/* CodePipeline: 1..255 characters */

/* HTTP, either way. */
#define LIMIT_URL             (8 * KIB)
#define LIMIT_HEADER          (8 * KIB)	/* one header line we send */
#define LIMIT_ANSWER_HEADERS  (64 * KIB)
#define LIMIT_ANSWER_KEPT     (16 * KIB)	/* of an answer's body, for the record */
#define LIMIT_ANSWER_READ     (1 * MIB)	/* then we stop reading and judge */
#define LIMIT_BODY            (25 * MIB)	/* a payload in memory: GitHub's own cap */
#define LIMIT_OUTPUT          (16 * KIB)	/* of a program, for the record */
#define LIMIT_PROGRESS        (4 * KIB)	/* a target's saved state */

/* Enrichment of one ref update. */
#define LIMIT_COMMITS         2048	/* GitHub's own cap on commits[] */
#define LIMIT_PATHS           50000	/* changed paths looked at */
#define LIMIT_MESSAGE         (64 * KIB)	/* one commit message */
#define LIMIT_ENRICHMENT      (16 * MIB)
#define LIMIT_ENRICH_S        60

/* Polling. */
#define LIMIT_ADVERTISEMENT   (256 * MIB)
#define LIMIT_REFS            1000000	/* refs in one answer */
#define LIMIT_PKT_LINE        65520	/* gitprotocol-common(5) */
#define LIMIT_GIT_S           60	/* one question to the git program */

/* Records: CloudTrail's published sizes (record contents page). */
#define LIMIT_RECORD_SHORT    1024	/* userAgent, errorCode, errorMessage, requestID */
#define LIMIT_RECORD_BIG      (100 * KIB)	/* requestParameters, responseElements */
#define LIMIT_SUMMARY 512		/* of an approval: CodePipeline's PutApprovalResult */
#define LIMIT_RECORD_EXTRA    (28 * KIB)	/* additionalEventData */
#define LIMIT_RECORD          (256 * KIB)	/* the whole record */

#define LIMIT_ERR             512	/* a sentence */
#define LIMIT_PATH            4096

/* Waiting. */
#define WALK_PATIENCE_US      2000000	/* an event whose walk does not start yet; an
					   observation after the spool was drained */
#define RESCAN_US             2000000	/* residents look anyway, inotify or not */
#define LINGER_US             600000000	/* a hook's sender stays for retries due within */
#define DONE_KEPT_S           (7 * 86400)	/* spool/done/ */
#define PRUNE_EVERY_S         3600	/* look for older ones no more often */
#define ADOPT_AFTER_S         60	/* a complete unpublished spool file is taken in after */

#endif
